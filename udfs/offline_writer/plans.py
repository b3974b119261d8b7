"""Sentence plans: choosing a template a person can fill, and paragraphs of a wanted length."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache

from udfs import traits
from udfs.offline_writer.choice import Dice
from udfs.offline_writer.grammar import enclitic, proclitic, sentences, upper_first
from udfs.offline_writer.lexicon import PEOPLE, Pool, Template
from udfs.offline_writer.record import TRAITS, Person

STYLES = ("name", "place", "time")
# A paragraph stops growing in this share of the wanted length and never passes the other.
_ENOUGH = 0.985
_TOO_MUCH = 1.13


def say(dice: Dice, pool: Pool, words: Mapping[str, str]) -> str:
    """One template of the pool whose placeholders all have a value, filled; "" if there is none."""
    if not pool:
        return ""
    template = dice.pick(pool)
    if not template.needs:
        return template.text
    try:
        return template.text.format_map(words)
    except KeyError:
        usable = [template for template in pool if template.needs <= words.keys()]
        return dice.pick(usable).fill(words) if usable else ""


def say_some(
    dice: Dice, pool: Pool, words: Mapping[str, str], count: int, said: frozenset[str] = frozenset()
) -> list[str]:
    """At most `count` different templates of the pool, filled; no two tell the same fact of the place.

    Args:
        said: What the text is about so far (`lexicon.about`), not to be repeated.
    """
    drawn: list[Template] = []
    facts: frozenset[str] = frozenset()
    for template in dice.one_by_one(pool):
        if said and not said.isdisjoint(template.about):
            continue
        if template.needs:
            if not template.needs <= words.keys() or template.facts & facts:
                continue
            facts |= template.facts
        drawn.append(template)
        if len(drawn) == count:
            break
    return [template.fill(words) for template in drawn]


def open_with(
    dice: Dice, styles: Mapping[str, Pool], style: str, words: Mapping[str, str], said: frozenset[str] = frozenset()
) -> str:
    """An opening in a style, or in the first other style that this person can fill without repeating what is said."""
    for name in (style, *STYLES):
        if said:
            if opening := say_some(dice, styles[name], words, 1, said):
                return opening[0]
        elif filled := say(dice, styles[name], words):
            return filled
    return open_with(dice, styles, style, words) if said else ""


def style_walk(dice: Dice, count: int) -> list[str]:
    """Opening styles of neighbouring texts: random, and never twice the same in a row."""
    at = dice.below(len(STYLES))
    walk = []
    for _ in range(count):
        walk.append(STYLES[at])
        at = (at + 1 + dice.below(len(STYLES) - 1)) % len(STYLES)
    return walk


def paragraph(dice: Dice, parts: Sequence[str], keep: Collection[int], wanted_characters: int) -> str:
    """Join parts in their order: those at `keep` always, others at random while they fit the wanted length."""
    chosen = {i for i in keep if parts[i]}
    left = [i for i, part in enumerate(parts) if part and i not in chosen]
    length = 0
    for i in chosen:
        length += len(parts[i]) + 2
    enough, most = _ENOUGH * wanted_characters, _TOO_MUCH * wanted_characters
    for i in dice.shuffled(left):
        longer = length + len(parts[i]) + 2
        if longer <= most:
            chosen.add(i)
            length = longer
            if length >= enough:
                break
    return sentences([parts[i] for i in sorted(chosen)])


def first_that_fit(parts: Sequence[str], wanted_characters: int) -> str:
    """The first part, then of the others, already in random order, those that fit the wanted length."""
    said, length = [parts[0]], len(parts[0]) + 2
    enough, most = _ENOUGH * wanted_characters, _TOO_MUCH * wanted_characters
    for part in parts[1:]:
        if length >= enough:
            break
        longer = length + len(part) + 2
        if part and longer <= most:
            said.append(part)
            length = longer
    return sentences(said)


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
