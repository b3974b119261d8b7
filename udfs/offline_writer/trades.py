"""The trades: what a kind of work consists of, and which one a title names.

`data/families/` holds what sets one trade apart, by family or occupation of the CBO or, for what the register of small
entrepreneurs calls otherwise, by a word of its own; `data/trades_*.json` the broad trades they belong to. All of it is
written for this project from knowledge of the trades: the CBO gives the codes and, through
`census/reference/occupation_titles.csv`, the titles.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from census.questions import folded
from udfs.offline_writer.choice import Dice
from udfs.offline_writer.lexicon import Pool, cbo_by_title, read_json, read_rows, templates

_FAMILY_FILES = ("command", "science", "society", "office", "service", "land", "craft", "plant", "own")
_TOOLS_SAID = 3
_LEAST_JOYS = 2  # beside the trade's own
_LETTERS = 5  # words as long as this tell what a phrase is about


@dataclass(frozen=True)
class Trade:
    """What a kind of work consists of.

    Attributes:
        kin: The broad trade.
        at: Where it is done, with its preposition.
        do: Acts (infinitives) of the trade itself; `more`: of its kin.
        skill: Noun phrases; `own_skills` of them, the first, are the trade's.
        tool: Single things, said three at a time; or, of a broad trade, one phrase of several.
        joy: Noun phrases, the trade's own first; `woe`: small nuisances, without article.
        goal: Infinitives.
    """

    kin: str
    at: Sequence[str]
    do: Pool
    more: Pool
    skill: Sequence[str]
    own_skills: int
    tool: Sequence[str]
    joy: Sequence[str]
    woe: Sequence[str]
    goal: Pool

    def tools(self, dice: Dice) -> str:
        """What is at hand in this trade: `forno, rolo e fermento`."""
        if not self.woe:
            return dice.pick(self.tool)
        *first, last = dice.some(self.tool, _TOOLS_SAID)
        return f"{', '.join(first)} e {last}"


def _broad(kin: str, entry: Mapping[str, Any]) -> Trade:
    skill, tool, joy = (tuple(entry[key]) for key in ("skill", "tool", "joy"))
    do, goal = templates(entry["do"]), templates(entry["goal"])
    return Trade(kin, (entry["at"],), do, (), skill, len(skill), tool, joy, (), goal)


def _matched() -> Iterator[tuple[str, re.Pattern[str], bool, Trade]]:
    for name in ("trades_study.json", "trades_services.json", "trades_crafts.json"):
        for kin, entry in read_json(name).items():
            yield kin, re.compile(rf"\b(?:{entry['match']})"), bool(entry.get("last")), _broad(kin, entry)


_MATCHED = tuple(_matched())
_BROAD = {kin: trade for kin, _, _, trade in _MATCHED}
PLAIN = {
    area: _BROAD[entry["like"]] if "like" in entry else _broad(area, entry)
    for area, entry in read_json("trades_plain.json").items()
}
_BROAD |= {area: trade for area, trade in PLAIN.items() if area not in _BROAD}


def _about(phrase: str) -> set[str]:
    return {word for word in re.findall(r"\w+", folded(phrase)) if len(word) >= _LETTERS}


def _others(kin: Sequence[Any], own: Sequence[str], *, least: int = 0) -> list[Any]:
    """What the kin adds: phrases that share no telling word with the trade's own, or others if these are too few."""
    said = set().union(*map(_about, own))
    new = [item for item in kin if not said & _about(getattr(item, "text", item))]
    return new + [item for item in kin if item not in new][: max(0, least - len(new))]


def _family(row: Mapping[str, str]) -> Trade:
    broad = _BROAD[row["kin"]]
    at, do, tool, skill, joy, woe, goal = (
        tuple(row[key].split("|")) for key in ("at", "do", "tool", "skill", "pride", "woe", "goal")
    )
    more = tuple(_others(broad.do, do))
    skills = (*skill, *_others(broad.skill, skill))
    goals = templates([*goal, *(template.text for template in _others(broad.goal, goal))])
    joys = (*joy, *_others(broad.joy, joy, least=_LEAST_JOYS))
    return Trade(broad.kin, at, templates(list(do)), more, skills, len(skill), tool, joys, woe, goals)


FAMILIES = {
    key: trade
    for name in _FAMILY_FILES
    for row in read_rows("families", f"{name}.csv")
    for trade in (_family(row),)
    for key in row["families"].split()
}


_CBO = cbo_by_title()
_WORDS = [(re.compile(rf"\b(?:{row['words']})"), row["family"]) for row in read_rows("titles.csv")]


@lru_cache(maxsize=8192)
def trade_of(title: str) -> Trade | None:
    """The trade a title names: of its CBO occupation or family, else of its words; None if they say nothing.

    The earliest word decides ("professora de culinária" teaches), then the longest match ("operadora de caixa"); broad
    trades marked "last" own words too general to count beside another's ("operadora", "auxiliar de produção").
    """
    cbo = _CBO.get(title, "")
    for digits in (6, 5, 4):
        if trade := FAMILIES.get(cbo[:digits]):
            return trade
    plain = folded(title)
    named = [(match.start(), -len(match[0]), family) for words, family in _WORDS if (match := words.search(plain))]
    if named:
        return FAMILIES[min(named)[-1]]
    found = [
        (last, match.start(), -len(match[0]), i)
        for i, (_, pattern, last, _) in enumerate(_MATCHED)
        if (match := pattern.search(plain))
    ]
    return _MATCHED[min(found)[-1]][3] if found else None
