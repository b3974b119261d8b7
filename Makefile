.DEFAULT_GOAL := help
.PHONY: setup run test test-long clean clean-data help

setup: ## Build .venv from the lock, fetch Delta's jars; does nothing the second time
	@.ci/setup

run: setup ## Set-up, then Acre and Sergipe, 1,000 records each, into ./povo-data
	.venv/bin/povo run --uf AC,SE --records 1000

test: setup ## Set-up, then the tests
	.venv/bin/python -m pytest -m "not long"

test-long: setup ## Set-up, then the tests that kill, stop, repeat or change a part of the road
	.venv/bin/python -m pytest -m long

clean: ## Remove .venv, build files and caches (never povo-data)
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache

clean-data: ## Remove ./povo-data: every person and every paid answer in it
	rm -rf povo-data

help: ## This list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' Makefile
