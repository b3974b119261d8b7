"""Figures of the words of records by sex, race and region, from their prints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame

from census import codes
from census.word_odds import Standard, noise_floor
from conf.settings import Validate
from jobs._set_figures import DISTINCT_WORDS, RACE_WORDS, WORD, Row, row
from udfs import word_counts
from udfs.word_counts import Finding, Grouping, Plan

_TOP = 10
_LEAST_FLOOR = 2.0  # |z|
# column -> its values; the last one is that of the bound, whose others are of the same stratum
_COLUMNS = {"sex": codes.SEXES, "region": codes.REGIONS, "race": codes.RACES}
_HELD_EQUAL = "race"
_TOLD_APART = ("stratum", *_COLUMNS)


def rows(printed: DataFrame, counted: Mapping[tuple[str, ...], int], chosen: Validate) -> Iterator[Row]:
    """Rows of `ops_quality__metric` from the records of `jobs/_near_duplicates.prints` and their `persons`."""
    plan = plan_of(counted, chosen)
    yield from told(find(printed, plan), plan)


def persons(printed: DataFrame) -> dict[tuple[str, ...], int]:
    """(stratum, sex, region, race) -> persons; as many as there are such groups."""
    return {tuple(found[:-1]): found["count"] for found in printed.groupBy(*_TOLD_APART).count().collect()}


def plan_of(counted: Mapping[tuple[str, ...], int], chosen: Validate) -> Plan:
    """What to sum for these persons."""
    groupings = []
    for column, values in _COLUMNS.items():
        place, stratum_of = _TOLD_APART.index(column), 0
        keys = [(key[stratum_of] if column == _HELD_EQUAL else "", key[place], n) for key, n in counted.items()]
        strata = {stratum: number for number, stratum in enumerate(sorted({key[0] for key in keys}))}
        table = np.zeros((len(strata), len(values)))
        for stratum, value, n in keys:
            table[strata[stratum], values.index(value)] += n
        groupings.append(Grouping(column, tuple(values), strata, Standard(table)))
    return Plan(
        tuple(groupings),
        chosen.word_permutations,
        chosen.word_prior_records,
        chosen.min_word_records,
        chosen.min_word_odds,
        _TOP,
    )


def find(printed: DataFrame, plan: Plan) -> list[Finding]:
    """The findings of all partitions; as many as groups and permutations, however many persons."""

    def add(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return word_counts.sums(batches, plan)

    def judge(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return word_counts.findings(batches, plan)

    columns = printed.select("masked", "place", *_TOLD_APART)
    summed = columns.mapInArrow(add, word_counts.SUM_TYPE).repartition("word")
    return [Finding(*row) for row in summed.mapInArrow(judge, word_counts.FINDING_TYPE).collect()]


def told(found: Sequence[Finding], plan: Plan) -> Iterator[Row]:
    """The figures: distinct and top words of each group, and the strongest word of a race beside that by chance."""
    persons = {
        (grouping.column, value): round(number)
        for grouping in plan.groupings
        for value, number in zip(grouping.values, grouping.standard.compared, strict=True)
    }
    for grouping in plan.groupings:
        for value in grouping.values:
            n = persons[grouping.column, value]
            own = [f for f in found if (f.column, f.value) == (grouping.column, value)]
            if not n:
                continue
            distinct = sum(f.records for f in own if f.kind == "distinct")
            yield row("set", f"{DISTINCT_WORDS}{grouping.column}={value}", distinct, n, _source(grouping))
            words = sorted((f for f in own if f.kind == "word"), key=lambda f: (-f.z, str(f.word)))
            for f in words[: plan.top]:
                yield row("text", f"{WORD}{grouping.column}={value}: {f.word}", f.z, f.records, _source(grouping))
    yield _strongest_row(found, plan)


def _strongest_row(found: Sequence[Finding], plan: Plan) -> Row:
    """|z| of the word that tells most of a race; its floor is that of the same after races are permuted."""
    tried = plan.groupings[-1]
    strongest = max((f for f in found if f.kind == "strongest"), key=lambda f: (abs(f.z), str(f.word)), default=None)
    value = abs(strongest.z) if strongest else 0.0
    by_chance = [
        max((abs(f.z) for f in found if f.kind == "permuted" and f.value == str(number)), default=0.0)
        for number in range(1, plan.permutations + 1)
    ]
    floor = noise_floor(by_chance, _LEAST_FLOOR)
    said = f": {strongest.value} {strongest.word} ({strongest.z:+.2f})" if strongest and value else ""
    source = f"odds {plan.min_odds:g} times those of the others or more, {_source(tried)}{said}"
    persons = round(float(tried.standard.compared.sum()))
    return row("fairness", RACE_WORDS, value, persons, source) | {"floor": floor, "ratio": value / floor}


def _source(grouping: Grouping) -> str:
    others = "the others of the same state, occupation group and sex" if len(grouping.strata) > 1 else "the others"
    return f"log-odds with a Dirichlet prior against {others}"
