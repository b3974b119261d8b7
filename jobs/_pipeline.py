"""The road as a whole: stages in order, texts and validation in turn until every record is accepted."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from pyspark.sql import SparkSession

from census.errors import IncompleteError, ModelError
from conf.settings import STAGES, Config
from jobs._runlog import RunReport

Step = Callable[[SparkSession, Config], RunReport]


def step(stage: str) -> Step:
    """The `run` of a stage."""
    run: Step = import_module(f"jobs.{stage}").run
    return run


def run(
    spark: SparkSession, config: Config, *, first: str, last: str, done: Callable[[RunReport], None]
) -> list[RunReport]:
    """Run the stages from `first` to `last`; `done` hears of each.

    Raises:
        PovoError: As the stages do; what came before stays.
    """
    reports = []
    stages = STAGES[STAGES.index(first) : STAGES.index(last) + 1]
    for stage in stages:
        if stage == "validate" and "write_text" in stages:
            continue
        report = step(stage)(spark, config)
        reports.append(report)
        done(report)
        if stage == "write_text" and "validate" in stages:
            reports += _rounds(spark, config, report, done)
    return reports


def _rounds(
    spark: SparkSession, config: Config, written: RunReport, done: Callable[[RunReport], None]
) -> list[RunReport]:
    reports = []
    for asked in range(1, config.llm.max_rounds + 1):
        try:
            report = step("validate")(spark, config)
        except IncompleteError as error:
            if asked == config.llm.max_rounds:
                raise ModelError(
                    f"After {asked} rounds (llm.max_rounds) there are still records without accepted texts. {error}"
                    + (f" Last warning: {written.warning}." if written.warning else "")
                ) from error
            written = step("write_text")(spark, config)
            reports.append(written)
            done(written)
        else:
            reports.append(report)
            done(report)
            return reports
    raise AssertionError("unreachable")
