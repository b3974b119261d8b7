"""The words: templates and pastimes, read once from the packaged data files.

A template is text with `{placeholders}`; it can be used only for a person who has a value for each of them, so what a
record lacks, or what is not to be said this time, is never written.
"""

from __future__ import annotations

import csv
import json
import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any

# Placeholders for what is told of the place; no two texts of a person tell the same.
FACTS = frozenset(("prato", "sabor", "festa", "lugar_reg", "ritmo", "oficio", "produto", "lugar_cidade"))
_PLACEHOLDER = re.compile(r"{(\w+)}")
_WORD = re.compile(r"\w{5,}")
_LETTERS = 4
# Words that two phrases may share and still not repeat each other.
_TELL_NOTHING = frozenset(
    ("ainda", "antes", "assim", "demais", "depois", "desde", "entre", "mesmo", "muito", "nunca", "outra", "outro")
    + ("porque", "quando", "quanto", "quase", "sempre", "também", "tempo", "todos")
)
_DATA = resources.files("udfs.offline_writer").joinpath("data")


@lru_cache(maxsize=16384)
def about(phrase: str) -> frozenset[str]:
    """The beginnings of the telling words of a phrase: two phrases that share one seem to repeat each other."""
    words = set(_WORD.findall(phrase.lower().replace("viaj", "viag"))) - _TELL_NOTHING
    return frozenset(word[:_LETTERS] for word in words)


class Template:
    """Text to be filled and the names it needs."""

    __slots__ = ("about", "facts", "needs", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.needs = frozenset(_PLACEHOLDER.findall(text))
        # A dish and a taste are the same fact: a plate for some templates, for others anything that is tasted.
        self.about = about(text)
        self.facts = frozenset("prato" if name == "sabor" else name for name in self.needs & FACTS)

    def fill(self, words: Mapping[str, str]) -> str:
        return self.text.format_map(words) if self.needs else self.text


Pool = Sequence[Template]


@dataclass(frozen=True)
class Pastime:
    """One row of a pastime table. `group` is a trait for hobbies, a role elsewhere; `zone` is "r" for rural only."""

    item: str
    min_age: int
    max_age: int
    zone: str
    purse: str
    group: str
    phrases: Pool


def read_json(name: str) -> Any:
    return json.loads(_DATA.joinpath(name).read_text(encoding="utf-8"))


def templates(value: Any) -> Any:
    """The same tree with every text as a template."""
    if isinstance(value, str):
        return Template(value)
    if isinstance(value, list):
        return tuple(templates(item) for item in value)
    return {key: templates(item) for key, item in value.items()}


def read_rows(*path: str) -> list[dict[str, str]]:
    """The rows of a packaged table."""
    return list(csv.DictReader(_DATA.joinpath(*path).read_text(encoding="utf-8").splitlines(), delimiter=";"))


def cbo_by_title() -> dict[str, str]:
    """CBO code of every title of the classification, as a woman and as a man bear it."""
    text = resources.files("census").joinpath("reference", "occupation_titles.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    return {row[gender]: row["cbo"] for row in rows for gender in ("feminine", "masculine") if row[gender]}


def _pastimes(name: str) -> tuple[Pastime, ...]:
    return tuple(
        Pastime(
            row.get("item") or "",
            int(row["min_age"]),
            int(row["max_age"]),
            row["zone"],
            row.get("purse") or "",
            row.get("role") or row.get("trait") or "",
            templates((row.get("phrases") or row["phrase"]).split("|")),
        )
        for row in read_rows(name)
    )


PEOPLE: dict[str, Any] = templates(read_json("people.json"))
BACKGROUND: dict[str, Any] = templates(read_json("plans_background.json"))
SKILLS: dict[str, Any] = templates(read_json("plans_skills.json"))
HOBBIES: dict[str, Any] = templates(read_json("plans_hobbies.json"))
GOALS: dict[str, Any] = templates(read_json("plans_goals.json"))
PERSONAS: dict[str, Any] = templates(read_json("plans_personas.json"))
PERSONAS["food_tail_with_cook"] = (*PERSONAS["food_tail"], *PERSONAS["food_tail_cook"])
PASTIMES = {name: _pastimes(f"{name}.csv") for name in ("hobbies", "sports", "arts", "travel", "food")}
# The ages at which what fits changes: between two of them all ages are one, and few are kept in the cache.
_AGES = {
    name: sorted({0, *(row.min_age for row in rows), *(row.max_age + 1 for row in rows)})
    for name, rows in PASTIMES.items()
}


def fitting(
    kind: str, age_years: int, is_rural: bool, purse: str, groups: tuple[str, ...] = (), without: tuple[str, ...] = ()
) -> tuple[Pastime, ...]:
    """The rows of a pastime table that suit an age, a place to live and what there is to spend.

    Args:
        groups: Rows of these groups only; all if empty.
        without: No rows of these groups.
    """
    from_age = _AGES[kind][bisect_right(_AGES[kind], age_years) - 1]
    return _fitting(kind, from_age, is_rural, purse, groups, without)


@lru_cache(maxsize=8192)
def _fitting(
    kind: str, age_years: int, is_rural: bool, purse: str, groups: tuple[str, ...], without: tuple[str, ...]
) -> tuple[Pastime, ...]:
    return tuple(
        row
        for row in PASTIMES[kind]
        if row.min_age <= age_years <= row.max_age
        and (not row.zone or is_rural)
        and (not row.purse or row.purse == purse)
        and (not groups or row.group in groups)
        and row.group not in without
    )
