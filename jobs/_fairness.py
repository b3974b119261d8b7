"""Metric rows of equity and of what no fit read, from tables that were counted already."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from census import codes, fairness
from census.expectation import INCOME_CLASS
from jobs._states import NATIONAL

Row = dict[str, object]
_DEGREE = codes.EDUCATION_LEVELS[-1]
# (group columns, outcome): the law of the outcome inside every group.
WITHIN = (
    (("race",), "education_level"),
    (("sex", "race"), "activity"),
    (("sex", "race"), "position"),
    (("sex", "race"), INCOME_CLASS),
    (("race", "education_level"), "occupation_group"),
    (("zone", "age_band"), "education_level"),
)
# (column, its two groups, outcome column, outcome): what being of the first tells of the outcome.
ASSOCIATIONS = (
    ("race", ("branca", "preta"), "education_level", _DEGREE),
    ("race", ("branca", "parda"), "education_level", _DEGREE),
    ("sex", ("F", "M"), "activity", "ocupado"),
    ("race", ("branca", "preta"), "activity", "ocupado"),
    ("race", ("branca", "preta"), "position", "privado com carteira"),
)


def equity_rows(
    tables: Mapping[tuple[str, ...], pd.DataFrame], sources: Mapping[tuple[str, ...], str], grades: Mapping[str, str]
) -> list[Row]:
    """Rows of the family `fairness`, of all states together.

    `value` of a presence or an association is a ratio to the target, 1 where both agree, and `floor` its noise: of the
    share, or of the log of the odds ratio. `value` and `floor` of a law within a group are TVDs.

    Args:
        tables: Columns -> cells of a table beside its target: `uf`, the columns, `have`, `want`.
        sources: Columns -> target of the table.
        grades: Grade of each variable.
    """
    found: list[Row] = []

    def add(name: str, table: tuple[str, ...], **figures: object) -> None:
        grade = max(grades.get("income_band" if column == INCOME_CLASS else column, "A") for column in table)
        about: Row = {"uf": NATIONAL, "family": "fairness", "name": name, "grade": grade, "source": sources[table]}
        found.append(about | figures)

    for columns in (("race",), ("sex", "race")):
        for key, present in fairness.presence(tables[columns], columns).items() if columns in tables else ():
            add(f"presence of {_named(columns, key)}", columns, value=present.value, floor=present.noise, n=present.n)
    for group, outcome in WITHIN:
        table = (*group, outcome)
        for key, law in fairness.within(tables[table], group, outcome).items() if table in tables else ():
            name = f"{outcome} of {_named(group, key)}"
            add(name, table, value=law.value, floor=law.floor, ratio=law.ratio, n=law.n)
    for column, groups, outcome, value in ASSOCIATIONS:
        having = [table for table in tables if {column, outcome} <= set(table)]
        if not having:
            continue
        table = min(having, key=len)
        kept = fairness.association(tables[table], column, groups, {outcome: value})
        if not math.isnan(kept.value):
            name = f"odds of {outcome}={value}, {column}={groups[0]} to {groups[1]}"
            add(name, table, value=kept.value, floor=kept.noise, n=kept.n)
    return found


def held_out_rows(judgement: pd.DataFrame) -> Iterator[Row]:
    """Rows of the family `held_out`: mean distance from the figures of a source that no fit read.

    Args:
        judgement: Rows of `core_model__judgement`.
    """
    told = judgement[judgement["model"].notna() & judgement["published"].notna()]
    for (source, unit), part in told.groupby(["source", "unit"]):
        if unit == "BRL":
            value, what = (part["model"] / part["published"] - 1).abs().mean(), "relative distance of mean incomes"
        elif unit == "TVD":
            value, what = part["model"].mean(), "mean TVD"
        else:
            value, what = (part["model"] - part["published"]).abs().mean(), f"mean distance in {unit} points"
        row: Row = {"uf": NATIONAL, "family": "held_out", "name": f"{what}, {source}", "value": float(value)}
        yield row | {"source": str(source), "n": len(part)}


def _named(columns: Sequence[str], key: Sequence[str]) -> str:
    return ", ".join(f"{column}={value}" for column, value in zip(columns, key, strict=True))
