"""Validate: parse and check every stored answer, accept or reject with a reason, measure the set.

Reads   core_persona__attribute, core_place__municipality, core_culture__fact, core_culture__habit,
        raw_model__response,
        core_persona__rejection, and what jobs/_metrics.py reads
Writes  core_persona__text, core_persona__rejection, ops_quality__metric   (a rerun replaces whole states)
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import pyarrow as pa
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import to_arrow_schema
from pyspark.sql.types import ArrayType, BooleanType, IntegerType, StructField, StructType

from census import tables
from census.errors import IncompleteError
from conf.settings import Config
from jobs import _cli, _journal, _metrics, _rule_check, _runlog, _storage, _text_inputs
from jobs._runlog import RunReport
from udfs import parsing
from udfs.answers import Requests, Walker
from udfs.hints import Hints
from udfs.parsing import Bounds

_KEYS = ("attributes_key", "personas_key")
_WRITERS = ("attributes_writer", "personas_writer")
_OWN = ("uf", "uuid")
_REASONS = tuple(name for name in tables.REJECTION.column_names if name not in _OWN)


def _verdict_type() -> StructType:
    """Columns of a verdict: those of a text (null where the record has none), what lacks, and the rejections."""
    text = [StructField(field.name, field.dataType) for field in tables.TEXT.schema]
    reason = StructType([StructField(name, tables.REJECTION.schema[name].dataType) for name in _REASONS])
    own = {"is_accepted": BooleanType(), "missing_call": IntegerType(), "rejections": ArrayType(reason)}
    return StructType([*text, *[StructField(name, kind) for name, kind in own.items()]])


_VERDICT = _verdict_type()
_SCHEMA = to_arrow_schema(_VERDICT)


class Validated(NamedTuple):
    """Frames of accepted texts and of rejections, and one row a record (`verdicts`) that both come from."""

    verdicts: DataFrame
    texts: DataFrame
    rejections: DataFrame


def run(spark: SparkSession, config: Config) -> RunReport:
    """Check the states' answers and store the verdicts.

    Raises:
        IncompleteError: Not every record of a state is accepted; says how many and for which reasons.
        QualityGateError: A person breaks a structural zero.
    """
    writes = (tables.TEXT, tables.REJECTION, tables.METRIC)
    persons = (tables.ATTRIBUTE, tables.PLACE, tables.CULTURE, tables.HABIT, tables.OCCUPATION, tables.MEI_TRADE)
    reads = (*persons, tables.RESPONSE, tables.REJECTION, *_metrics.READS)
    with _runlog.stage(spark, config, "validate", writes=writes, reads=reads) as report:
        if not report.todo:
            return report
        _text_inputs.require_adults(config)
        _journal.merge(spark, config)
        ufs = list(report.todo)
        # All chosen states, those that did not change as well: the rows of Brazil hold them together.
        measured = list(config.run.ufs)
        people = _storage.read(spark, config.data_dir, tables.ATTRIBUTE, measured)
        zeros = _rule_check.check(spark, config, people)
        _rule_check.require(zeros)
        # The tables of the sample do not wait for the texts.
        with ThreadPoolExecutor(1) as pool:
            fitted = pool.submit(_metrics.fits, spark, config, measured)
            try:
                _check(spark, config, report, ufs)
            except IncompleteError:
                fitted.result()  # an error there is no matter of asking again
                raise
            report.progress("measuring the set")
            fitted.result()
        _metrics.store(spark, config, measured, zeros, metadata=report.metadata)
    return report


def _check(spark: SparkSession, config: Config, report: RunReport, ufs: list[str]) -> None:
    """Give every record its verdict and store them, those of records that are not accepted as well."""
    # Read once, written twice: the old rejections are an input of the new ones.
    built = build(
        _text_inputs.records(spark, config, ufs).repartition(config.spark.shuffle_partitions, "uuid"),
        _text_inputs.requests_of(config),
        _text_inputs.bounds_of(config),
        _text_inputs.hints(spark, config),
    )
    verdicts = built.verdicts.persist()
    try:
        summary = verdicts.groupBy("uf", "is_accepted", "missing_call").agg(F.count("*").alias("records")).collect()
        accepted = sum(row["records"] for row in summary if row["is_accepted"])
        report.rows_in, report.rows_out = sum(row["records"] for row in summary), accepted
        report.progress(f"{accepted:,} of {report.rows_in:,} records accepted")
        _storage.replace_states(built.texts, config.data_dir, tables.TEXT, ufs, metadata=report.metadata)
        _storage.replace_states(
            built.rejections.coalesce(2), config.data_dir, tables.REJECTION, ufs, metadata=report.metadata
        )
        missing = [row for row in summary if not row["is_accepted"]]
        if not missing and accepted:
            return
        lacking = verdicts.where("NOT is_accepted")
        named = [row["uuid"] for row in lacking.select("uuid").sort("uuid").limit(3).collect()]
        raise IncompleteError(_explain(ufs, missing, named, commonest_reasons(lacking)))
    finally:
        verdicts.unpersist()


def commonest_reasons(lacking: DataFrame) -> list[Row]:
    """`reason_code` and `count` of the answers of these verdicts, the five commonest first."""
    told = lacking.select(F.explode("rejections.reason_code").alias("reason_code"))
    return told.groupBy("reason_code").count().orderBy(F.desc("count"), "reason_code").limit(5).collect()


def build(records: DataFrame, requests: Requests, bounds: Bounds, hints: Hints) -> Validated:
    """Verdict of every record of `_text_inputs.records`."""
    verdicts = records.mapInArrow(_checker(requests, bounds, hints), _VERDICT)
    texts = verdicts.where("is_accepted").select(*tables.TEXT.column_names)
    rejections = verdicts.select(*_OWN, F.explode("rejections").alias("r")).select(
        *_OWN, *[f"r.{name}" for name in _REASONS]
    )
    return Validated(verdicts, texts, rejections)


def _checker(
    requests: Requests, bounds: Bounds, hints: Hints
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def check(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        walker = Walker(requests, bounds)
        for batch in batches:
            rows = []
            for person, answers, stored in _text_inputs.people(batch, hints):
                verdict = walker.walk(person, answers, stored)
                row = {
                    "uf": person["uf"],
                    "uuid": person["uuid"],
                    "is_accepted": verdict.missing is None,
                    "missing_call": verdict.missing[0] if verdict.missing else None,
                    "rejections": [
                        {
                            "call": r.call,
                            "attempt": r.attempt,
                            "request_key": r.request_key,
                            "reason_code": r.reason_code,
                            "detail": r.message,
                        }
                        for r in verdict.rejections
                    ],
                }
                if verdict.attributes is not None and verdict.personas is not None:
                    said = parsing.mentions(parsing.record_texts(verdict.attributes, verdict.personas), person)
                    row |= verdict.attributes | verdict.personas
                    row |= dict(zip(_KEYS, verdict.keys, strict=True))
                    row |= dict(zip(_WRITERS, verdict.writers, strict=True))
                    row |= {
                        "model": requests.model,
                        "writer": " + ".join(dict.fromkeys(verdict.writers)),
                        "prompt_version": requests.prompts.version,
                    }
                    row["warnings"] = list(verdict.warnings)
                    row |= {f"mentions_{what}": is_said for what, is_said in said.items()}
                    if person["occupation_title"] is None:
                        row["mentions_occupation"] = None
                rows.append(row)
            yield pa.RecordBatch.from_pylist(rows, schema=_SCHEMA)

    return check


def _explain(ufs: list[str], missing: list[Row], named: list[str], reasons: list[Row]) -> str:
    """Which records lack texts, and why their answers were rejected: those of accepted records are no matter here."""
    by_state: dict[str, int] = {}
    for row in missing:
        by_state[row["uf"]] = by_state.get(row["uf"], 0) + row["records"]
    counts = ", ".join(f"{uf} {n}" for uf, n in sorted(by_state.items())) or f"all of {', '.join(ufs)}"
    examples = f" (uuid {', '.join(named)}{', ...' if len(named) < sum(by_state.values()) else ''})" if named else ""
    why = ", ".join(f"{row['reason_code']} {row['count']}" for row in reasons) or "no answer was stored"
    return (
        f"Records without accepted texts: {counts}{examples}. Rejected answers by reason: {why}. "
        "`povo run` asks again; nothing accepted is asked twice."
    )


if __name__ == "__main__":
    sys.exit(_cli.main("validate"))
