.DEFAULT_GOAL := help
.PHONY: setup run test test-long smoke-model clean clean-data help

setup: ## Build .venv from the lock, fetch Delta's jars; does nothing the second time
	@.ci/setup

run: setup ## Set-up, then Acre and Sergipe, 1,000 records each, into ./povo-data
	.venv/bin/povo run --uf AC,SE --records 1000

test: setup ## Set-up, then the tests
	.venv/bin/python -m pytest -m "not long"

test-long: setup ## Set-up, then the tests that kill, stop, repeat or change a part of the road
	.venv/bin/python -m pytest -m long

smoke-model: setup ## Five records through the model at POVO_ENDPOINT (POVO_MODEL, by default gpt-oss-120b), and what the checks say of each
	@test -n "$$POVO_ENDPOINT" || { echo "smoke-model: POVO_ENDPOINT must be a base URL that ends in /v1" >&2; exit 2; }
	-.venv/bin/povo run --uf AC --records 5 --until validate --data povo-smoke \
	  --set "llm.endpoints=$$POVO_ENDPOINT" --set "llm.model=$${POVO_MODEL:-gpt-oss-120b}" --set llm.max_rounds=2
	.venv/bin/povo sql --data povo-smoke "SELECT a.uuid, nvl2(t.uuid, 'accepted', 'not accepted') AS record, t.personas_writer AS writer, \
	  r.call, r.attempt, r.reason_code, r.detail FROM core_persona__attribute a LEFT JOIN core_persona__text t USING (uuid) \
	  LEFT JOIN core_persona__rejection r USING (uuid) ORDER BY a.uuid, r.call, r.attempt"

clean: ## Remove .venv, build files and caches (never povo-data)
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache

clean-data: ## Remove ./povo-data: every person and every paid answer in it
	rm -rf povo-data

help: ## This list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' Makefile
