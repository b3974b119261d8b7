"""Figures of the checks of texts: how they fare with planted errors, and what they let pass with a warning."""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType
from typing import NamedTuple

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from udfs.checks import planted
from udfs.parsing import Bounds

# Half of the planted errors -> how its recall is named; the first counts: it was not looked at while tuning.
RECALL = MappingProxyType(
    {"unseen": "recall of planted errors", "tuning": "recall of planted errors seen while tuning"}
)
PRECISION = "precision with planted errors"
ALARMS = "share of clean twins with a finding"


class Figure(NamedTuple):
    """A figure of family `text`; `uf` is None for all of Brazil."""

    uf: str | None
    name: str
    value: float
    n: int


def planted_errors(bounds: Bounds) -> Iterator[Figure]:
    """Recall of each check by half, and over all; precision and false alarms of both halves together."""
    halves = {half: planted.scores(half, bounds) for half in RECALL}
    for half, (scores, _) in halves.items():
        errors = sum(score.planted for score in scores)
        yield Figure(None, RECALL[half], sum(score.found for score in scores) / errors, errors)
        for score in scores:
            yield Figure(None, f"{RECALL[half]}: {score.reason.value}", score.recall, score.planted)
    twins = sum(scores[0].twins for scores, _ in halves.values())
    refused = sum(len(alarmed_twins) for _, alarmed_twins in halves.values())
    yield Figure(None, "share of clean twins refused", refused / twins, twins)
    for of_halves in zip(*(scores for scores, _ in halves.values()), strict=True):
        both = of_halves[0]._replace(
            found=sum(score.found for score in of_halves), alarms=sum(score.alarms for score in of_halves)
        )
        yield Figure(None, f"{PRECISION}: {both.reason.value}", both.precision, both.found + both.alarms)
        yield Figure(None, f"{ALARMS}: {both.reason.value}", both.alarms / twins, twins)


def warnings(texts: DataFrame) -> Iterator[Figure]:
    """Share of records with each warning, by state and for all together; a warning that nobody has gives no figure."""
    records = {row["uf"]: row["n"] for row in texts.rollup("uf").agg(F.count("*").alias("n")).collect()}
    warned = texts.select("uf", F.explode("warnings").alias("warning")).cube("uf", "warning").count()
    for row in warned.where("warning IS NOT NULL").sort("uf", "warning").collect():
        n = records[row["uf"]]
        yield Figure(row["uf"], f"share of records with a warning: {row['warning']}", row["count"] / n, n)
