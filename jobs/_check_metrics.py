"""Figures of the checks of texts: how they fare with planted errors, and what they let pass with a warning."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from udfs.checks import planted
from udfs.parsing import Bounds

HALF = "unseen"  # of the planted errors: those that were not looked at before the checks were done


class Figure(NamedTuple):
    """A figure of family `text`; `uf` is None for all of Brazil."""

    uf: str | None
    name: str
    value: float
    n: int


def planted_errors(bounds: Bounds) -> Iterator[Figure]:
    """Recall and precision of each check, and both over all."""
    scores, alarmed_twins = planted.scores(HALF, bounds)
    errors = sum(score.planted for score in scores)
    yield Figure(None, "recall of planted errors", sum(score.found for score in scores) / errors, errors)
    twins = scores[0].twins
    yield Figure(None, "share of clean twins refused", len(alarmed_twins) / twins, twins)
    for score in scores:
        yield Figure(None, f"recall of planted errors: {score.reason.value}", score.recall, score.planted)
        n = score.found + score.alarms
        yield Figure(None, f"precision with planted errors: {score.reason.value}", score.precision, n)


def warnings(texts: DataFrame) -> Iterator[Figure]:
    """Share of records with each warning, by state and for all together; a warning that nobody has gives no figure."""
    records = {row["uf"]: row["n"] for row in texts.rollup("uf").agg(F.count("*").alias("n")).collect()}
    warned = texts.select("uf", F.explode("warnings").alias("warning")).cube("uf", "warning").count()
    for row in warned.where("warning IS NOT NULL").sort("uf", "warning").collect():
        n = records[row["uf"]]
        yield Figure(row["uf"], f"share of records with a warning: {row['warning']}", row["count"] / n, n)
