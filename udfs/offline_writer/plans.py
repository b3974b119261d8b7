"""Sentence plans: choosing a template a person can fill, and paragraphs of a wanted length."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache

from udfs import traits
from udfs.offline_writer.choice import Dice
from udfs.offline_writer.grammar import enclitic, lower_first, proclitic, sentences, upper_first
from udfs.offline_writer.lexicon import PEOPLE, Pool, Template
from udfs.offline_writer.record import TRAITS, Person

STYLES = ("name", "place", "time")
# A paragraph stops growing in this share of the wanted length and never passes the other.
_ENOUGH = 0.93
_TOO_MUCH = 1.14
# Two short sentences are told as one as often as this.
_JOINED = 0.2
_JOINED_CHARACTERS = 130
_MARK = re.compile(r"[;:.]")


def say(dice: Dice, pool: Pool, words: Mapping[str, str]) -> str:
    """One template of the pool whose placeholders all have a value, filled; "" if there is none."""
    if not pool:
        return ""
    try:
        return dice.pick(pool).fill(words)
    except KeyError:
        usable = [template for template in pool if template.needs <= words.keys()]
        return dice.pick(usable).fill(words) if usable else ""


def say_some(dice: Dice, pool: Pool, words: Mapping[str, str], count: int) -> list[str]:
    """At most `count` different templates of the pool, filled; no two tell the same fact of the place."""
    drawn = dice.some(pool, count)
    if not _fit(drawn, words):
        drawn, facts = [], frozenset[str]()
        for template in dice.shuffled(pool):
            if template.needs <= words.keys() and not template.facts & facts:
                drawn.append(template)
                facts |= template.facts
                if len(drawn) == count:
                    break
    return [template.fill(words) for template in drawn]


def _fit(drawn: Sequence[Template], words: Mapping[str, str]) -> bool:
    """Whether the words fill every template and no two tell the same fact."""
    facts: frozenset[str] = frozenset()
    for template in drawn:
        if template.needs:
            if not template.needs <= words.keys() or template.facts & facts:
                return False
            facts |= template.facts
    return True


def open_with(dice: Dice, styles: Mapping[str, Pool], style: str, words: Mapping[str, str]) -> str:
    """An opening in a style, or in the first other style that this person can fill."""
    for name in (style, *STYLES):
        if said := say(dice, styles[name], words):
            return said
    return ""


def style_walk(dice: Dice, count: int) -> list[str]:
    """Opening styles of neighbouring texts: random, and never twice the same in a row."""
    at = dice.below(len(STYLES))
    walk = []
    for _ in range(count):
        walk.append(STYLES[at])
        at = (at + 1 + dice.below(len(STYLES) - 1)) % len(STYLES)
    return walk


def paragraph(
    dice: Dice, parts: Sequence[str], keep: Collection[int], wanted_characters: int, *, name: str = ""
) -> str:
    """Join parts in their order: those at `keep` always, others at random while they fit the wanted length.

    With a name, some short neighbours are told as one sentence (never the first); the name keeps its capital.
    """
    chosen = {i for i in keep if parts[i]}
    left = [i for i, part in enumerate(parts) if part and i not in chosen]
    length = sum([len(parts[i]) + 2 for i in chosen])
    enough, most = _ENOUGH * wanted_characters, _TOO_MUCH * wanted_characters
    while left and length < enough:
        at = dice.below(len(left))
        i, left[at] = left[at], left[-1]
        left.pop()
        longer = length + len(parts[i]) + 2
        if longer <= most:
            chosen.add(i)
            length = longer
    said = [parts[i] for i in sorted(chosen)]
    return sentences(_joined(dice, said, name) if name else said)


def _joined(dice: Dice, said: Sequence[str], name: str) -> list[str]:
    joined = list(said[:2])
    for part in said[2:]:
        before = joined[-1]
        if (
            len(joined) > 1
            and len(before) + len(part) < _JOINED_CHARACTERS
            and dice.chance(_JOINED)
            and not _MARK.search(before)
            and not _MARK.search(part)
        ):
            joined[-1] = f"{before}; {part if part.startswith(name) else lower_first(part)}"
        else:
            joined.append(part)
    return joined


@lru_cache(maxsize=64)
def _trait_pool(name: str, band: int) -> Pool:
    """All verb phrases for a trait in a band: the writer's own and the halves of the record's wordings."""
    own = PEOPLE["traits"][name][band]
    begun = {_beginning(template.text) for template in own}
    halves = {half: None for wording in traits.WORDS[name][band] for half in wording.split(", mas ")}
    return (*own, *(Template(half) for half in halves if _beginning(half) not in begun))


def _beginning(phrase: str) -> tuple[str, ...]:
    return tuple(proclitic(phrase).split()[:3])


def trait(person: Person, name: str, number: int) -> str:
    """The `number`-th trait phrase of a person, a verb phrase: each number gives another one, whatever the call."""
    phrases = _trait_pool(name, person.bands[name])
    return phrases[person.index(number, len(phrases), TRAITS.index(name))].fill(person.words)


def with_trait(words: Mapping[str, str], phrase: str) -> dict[str, str]:
    """The words with a trait phrase: `traco` after a subject, `Traco` to begin a sentence."""
    return {**words, "traco": proclitic(phrase), "Traco": upper_first(enclitic(phrase))}


def quirk(person: Person, number: int) -> str:
    """The `number`-th small flaw of a person, a sentence: each number gives another one."""
    quirks = PEOPLE["quirks"]
    filled: str = quirks[person.index(number, len(quirks), len(TRAITS))].fill(person.words)
    return filled
