"""The road as a whole: stages in order, texts and validation in turn until every record is accepted."""

from __future__ import annotations

import logging
from collections.abc import Callable
from importlib import import_module

from pyspark.sql import SparkSession

from census.errors import IncompleteError, ModelError, QualityGateError
from conf.settings import STAGES, Config
from jobs import _history, _journal, _runlog
from jobs._runlog import RunReport

log = logging.getLogger(__name__)
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
    if "write_text" in stages:
        _journal.require_writable(config)  # said before the stages ahead of it have taken their time
    for stage in stages:
        if stage == "validate" and "write_text" in stages:
            continue
        report = step(stage)(spark, config)
        reports.append(report)
        done(report)
        if stage == "write_text" and "validate" in stages:
            reports += _rounds(spark, config, report, done)
    return reports


def run_and_report(
    spark: SparkSession, config: Config, *, first: str, last: str, done: Callable[[RunReport], None]
) -> list[RunReport]:
    """As `run`, then the report if it is older than the figures, also where the quality gate refuses them.

    Raises:
        PovoError: As the stages do.
    """
    try:
        reports = run(spark, config, first=first, last=last, done=done)
    except QualityGateError:
        # The page shows which figure is outside its bound. If it cannot be written, the gate still has the word.
        try:
            done(_report(spark, config))
        except Exception:
            log.exception("the report of what the gate refused could not be written")
        raise
    if STAGES.index(last) >= STAGES.index("sample") and not _report_is_new(spark, config):
        done(_report(spark, config))
    return reports


def _report(spark: SparkSession, config: Config) -> RunReport:
    _runlog.listener("report", "writing the report", None, None)
    return step("report")(spark, config)


def _report_is_new(spark: SparkSession, config: Config) -> bool:
    """Whether the page was written after everything that the data folder's stages did."""
    page = config.data_dir / "report" / "index.html"
    if not page.exists():
        return False
    ended = _history.last_end(_history.read(spark, config.data_dir))
    # Spark gives times of this machine without their zone.
    return ended is None or page.stat().st_mtime >= ended.timestamp()


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
