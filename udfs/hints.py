"""Options for a person's texts: a few facts of the state and the town, and habits as common as at that sex and age.

Which ones a person is offered depends on the uuid (and on state, town, sex and age), never on race or on the answers.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

NO_SPORT = "nenhum"  # how an option begins that is no sport, followed by why
# Column of the person -> kinds of facts, how many at most, and whether from the own town, from elsewhere, or both.
_OWN, _ELSEWHERE, _ANY = "own", "elsewhere", "any"
_COLUMNS = {
    "regional_dishes": (("dish",), 3, _ANY),
    "regional_feasts": (("feast",), 2, _ANY),
    "regional_crafts": (("craft",), 2, _ANY),
    "regional_products": (("product",), 2, _ANY),
    # A place worth a trip is somewhere else.
    "regional_places": (("place", "sight"), 3, _ELSEWHERE),
    "local_places": (("sight",), 2, _OWN),
    "regional_music": (("music",), 2, _ANY),
}
_HABIT_COLUMNS = {"sports": ("sport", 2), "trips": ("trip", 2)}


class Fact(NamedTuple):
    """A fact of a state; the municipality is None where it belongs to no town."""

    name: str
    municipality_code: str | None = None


@dataclass(frozen=True)
class Habit:
    """One option and how common it is among those of a sex and of these ages, per cent."""

    kind: str
    option: str
    sex: str
    min_age_years: int
    max_age_years: int
    percent: float


@dataclass(frozen=True)
class Hints:
    """What texts may draw on: state -> kind -> facts in a fixed order, and the habits of all Brazil."""

    facts: Mapping[str, Mapping[str, Sequence[Fact]]]
    habits: Sequence[Habit] = field(default=())


def with_hints(person: Mapping[str, Any], hints: Hints) -> dict[str, Any]:
    """The person with lists of options: `regional_dishes` ... `local_places`, `sports`, `trips`."""
    extended = dict(person)
    for column, (kinds, most, where) in _COLUMNS.items():
        extended[column] = _facts(person, hints.facts[person["uf"]], kinds, most, where)
    for column, (kind, most) in _HABIT_COLUMNS.items():
        extended[column] = _habits(person, hints.habits, kind, most)
    return extended


def _facts(
    person: Mapping[str, Any], facts: Mapping[str, Sequence[Fact]], kinds: Iterable[str], most: int, where: str
) -> list[str]:
    town, town_name = person.get("municipality_code"), person.get("municipality_name")

    def is_here(fact: Fact) -> bool:
        return fact.name == town_name or (fact.municipality_code is not None and fact.municipality_code == town)

    ranked = [
        fact
        for kind in kinds
        for fact in facts.get(kind, ())
        if where == _ANY or (is_here(fact) == (where == _OWN) and fact.name != town_name)
    ]
    ranked.sort(key=lambda fact: _digest(person, fact.name))
    if where == _ANY:
        # One of the own town comes first, so that a town's feast is met in the town.
        own = next((fact for fact in ranked if is_here(fact)), None)
        ranked.sort(key=lambda fact: fact is not own)
    return _distinct((fact.name for fact in ranked), most, _is_part)


def _is_part(one: str, other: str) -> bool:
    return one.lower() in other.lower() or other.lower() in one.lower()


def _habits(person: Mapping[str, Any], habits: Sequence[Habit], kind: str, most: int) -> list[str]:
    """Options in the order of an exponential race: the first is drawn by the shares, the next by those of the rest."""
    age_years = int(person["age_years"])
    fitting = [
        habit
        for habit in habits
        if habit.kind == kind
        and habit.percent > 0
        and habit.sex == person["sex"]
        and habit.min_age_years <= age_years <= habit.max_age_years
    ]

    def arrival(habit: Habit) -> float:
        u = (int.from_bytes(_digest(person, f"{kind}|{habit.option}")[:7], "big") + 0.5) / 2**56
        return -math.log(u) / habit.percent

    def excludes(one: str, other: str) -> bool:
        return one.startswith(NO_SPORT) and other.startswith(NO_SPORT)

    return _distinct((habit.option for habit in sorted(fitting, key=arrival)), most, excludes)


def _distinct(names: Iterable[str], most: int, excludes: Callable[[str, str], bool]) -> list[str]:
    """The first `most` names of which none excludes another."""
    chosen: list[str] = []
    for name in names:
        if len(chosen) < most and not any(excludes(name, other) for other in chosen):
            chosen.append(name)
    return chosen


def _digest(person: Mapping[str, Any], name: str) -> bytes:
    return hashlib.sha256(f"{person['uuid']}|{name}".encode()).digest()
