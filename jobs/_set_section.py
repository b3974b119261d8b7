"""The page's section on the set of texts, from the rows of `ops_quality__metric`."""

from __future__ import annotations

from collections.abc import Sequence

from census import tables
from jobs._set_figures import (
    DISTINCT_WORDS,
    EXACT,
    LARGEST,
    NEAR,
    OPENING,
    OPENINGS,
    OVER,
    PAIRS,
    RACE_WORDS,
    TRIPLES,
    WORD,
    WORDS,
    Row,
)
from jobs._states import NATIONAL

# Column of the table -> start of the figure's name.
_OF_FIELDS = {
    "near": NEAR,
    "exact": EXACT,
    "opening": OPENING,
    "openings": OPENINGS,
    "triples": TRIPLES,
    "words": WORDS,
    "pairs": PAIRS,
    "largest": LARGEST,
    "over": OVER,
}


def section(metrics: Sequence[Row]) -> Row:
    """What the page shows: `fields`, `groups`, `race` (the strongest word of a race), `near` and `search`.

    `near` is the bound of near duplicates and what counts as one (`source`), the same of every field.
    Empty lists and None where nothing was measured.
    """
    figures = {(str(m["family"]), str(m["name"])): m for m in metrics if m["uf"] == NATIONAL}
    fields = [field for field in (_field(figures, name) for name in tables.TEXT_FIELDS) if field]
    first = figures.get(("set", f"{NEAR}: {tables.TEXT_FIELDS[0]}"))
    near = {"bound": first["bound"], "source": first["source"]} if first else None
    search = {
        "pairs": sum(_number(field["pairs"]) for field in fields),
        "largest": max((_number(field["largest"]) for field in fields), default=0.0),
        "over": sum(_number(field["over"]) for field in fields),
    }
    race = figures.get(("fairness", RACE_WORDS))
    return {"fields": fields, "groups": _groups(metrics), "race": race, "near": near, "search": search}


def _field(figures: dict[tuple[str, str], Row], name: str) -> Row:
    """The figures of one field; empty if it was not measured."""
    found = {key: figures.get(("set", f"{start}: {name}")) for key, start in _OF_FIELDS.items()}
    if found["near"] is None:
        return {}
    values: Row = {key: m["value"] if m else None for key, m in found.items()}
    return values | {"name": name, "passed": found["near"]["passed"]}


def _groups(metrics: Sequence[Row]) -> list[Row]:
    """Each group with its distinct words, its records and its top words, the most telling first."""
    found: list[Row] = []
    for metric in metrics:
        name = str(metric["name"])
        if metric["family"] != "set" or not name.startswith(DISTINCT_WORDS):
            continue
        group = name.removeprefix(DISTINCT_WORDS)
        start = f"{WORD}{group}: "
        own = [m for m in metrics if m["family"] == "text" and str(m["name"]).startswith(start)]
        own.sort(key=lambda m: -_number(m["value"]))
        column, _, value = group.partition("=")
        words = [{"word": str(m["name"]).removeprefix(start), "z": m["value"], "records": m["n"]} for m in own]
        figures: Row = {"column": column, "value": value, "distinct": metric["value"], "n": metric["n"]}
        found.append(figures | {"words": words})
    order = {"sex": 0, "race": 1, "region": 2}
    return sorted(found, key=lambda row: (order.get(str(row["column"]), len(order)), str(row["value"])))


def _number(value: object) -> float:
    return 0.0 if value is None else float(str(value))
