"""The words: templates, trades and pastimes, read once from the packaged data files.

A template is text with `{placeholders}`; it can be used only for a person who has a value for each of them, so what a
record lacks, or what is not to be said this time, is never written.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any

from udfs.parsing import fold

_PLACEHOLDER = re.compile(r"{(\w+)}")
_DATA = resources.files("udfs.offline_writer").joinpath("data")


class Template:
    """Text to be filled and the names it needs."""

    __slots__ = ("needs", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.needs = frozenset(_PLACEHOLDER.findall(text))

    def fill(self, words: Mapping[str, str]) -> str:
        return self.text.format_map(words)


Pool = Sequence[Template]


@dataclass(frozen=True)
class Trade:
    """What a kind of work consists of: where it is done, acts and goals (infinitives), skills, tools, joys."""

    at: str
    do: Pool
    skill: Sequence[str]
    tool: Sequence[str]
    joy: Sequence[str]
    goal: Pool


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


def _json(name: str) -> Any:
    return json.loads(_DATA.joinpath(name).read_text(encoding="utf-8"))


def _templates(value: Any) -> Any:
    """The same tree with every text as a template."""
    if isinstance(value, str):
        return Template(value)
    if isinstance(value, list):
        return tuple(_templates(item) for item in value)
    return {key: _templates(item) for key, item in value.items()}


def _pastimes(name: str) -> tuple[Pastime, ...]:
    lines = _DATA.joinpath(name).read_text(encoding="utf-8").splitlines()
    return tuple(
        Pastime(
            row.get("item") or "",
            int(row["min_age"]),
            int(row["max_age"]),
            row["zone"],
            row.get("purse") or "",
            row.get("role") or row.get("trait") or "",
            _templates((row.get("phrases") or row["phrase"]).split("|")),
        )
        for row in csv.DictReader(lines, delimiter=";")
    )


def _trade(entry: Mapping[str, Any]) -> Trade:
    plain = {key: tuple(entry[key]) for key in ("skill", "tool", "joy")}
    return Trade(at=entry["at"], do=_templates(entry["do"]), goal=_templates(entry["goal"]), **plain)


def _matched_trades() -> Iterator[tuple[str, re.Pattern[str], bool, Trade]]:
    for name in ("trades_study.json", "trades_services.json", "trades_crafts.json"):
        for key, entry in _json(name).items():
            yield key, re.compile(rf"\b(?:{entry['match']})"), bool(entry.get("last")), _trade(entry)


PEOPLE: dict[str, Any] = _templates(_json("people.json"))
BACKGROUND: dict[str, Any] = _templates(_json("plans_background.json"))
SKILLS: dict[str, Any] = _templates(_json("plans_skills.json"))
HOBBIES: dict[str, Any] = _templates(_json("plans_hobbies.json"))
GOALS: dict[str, Any] = _templates(_json("plans_goals.json"))
PERSONAS: dict[str, Any] = _templates(_json("plans_personas.json"))
PASTIMES = {name: _pastimes(f"{name}.csv") for name in ("hobbies", "sports", "arts", "travel", "food")}
_MATCHED = tuple(_matched_trades())
_BY_KEY = {key: trade for key, _, _, trade in _MATCHED}
PLAIN_TRADES = {
    key: _BY_KEY[entry["like"]] if "like" in entry else _trade(entry)
    for key, entry in _json("trades_plain.json").items()
}


@lru_cache(maxsize=4096)
def fitting(kind: str, age_years: int, is_rural: bool, purse: str) -> tuple[Pastime, ...]:
    """The rows of a pastime table that suit an age, a place to live and what there is to spend."""
    return tuple(
        row
        for row in PASTIMES[kind]
        if row.min_age <= age_years <= row.max_age
        and (not row.zone or is_rural)
        and (not row.purse or row.purse == purse)
    )


@lru_cache(maxsize=8192)
def trade_of(title: str) -> tuple[str, Trade] | None:
    """The trade whose words a title contains, with its key; None if none does.

    The earliest word decides ("professora de culinária" teaches), then the longest match ("operadora de caixa"); trades
    marked "last" own words too general to count beside another's ("operadora", "auxiliar de produção").
    """
    folded = fold(title)
    found = [
        (last, match.start(), -len(match[0]), i)
        for i, (_, pattern, last, _) in enumerate(_MATCHED)
        if (match := pattern.search(folded))
    ]
    if not found:
        return None
    key, _, _, trade = _MATCHED[min(found)[-1]]
    return key, trade
