"""The answer to call 2: the six personas of a person, in keeping with the quoted answer to call 1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from udfs.offline_writer import lexicon
from udfs.offline_writer.attributes import SPARED_ACT, goals
from udfs.offline_writer.grammar import lower_first, proclitic, sentences, upper_first
from udfs.offline_writer.lexicon import about
from udfs.offline_writer.plans import (
    first_that_fit,
    open_with,
    quirk,
    say,
    say_some,
    style_walk,
    trait,
    with_trait,
)
from udfs.offline_writer.record import TRAITS, Person

WANTED_CHARACTERS = 308
WANTED_BRIEF_CHARACTERS = 180
BRIEF_TRIES = 5
WATCHED_TRIES = 5
GOOD_ENOUGH_CHARACTERS = 30  # of the wanted length, before another try
_TAIL_KINDS = frozenset(("joy", "woe", "g", "mania"))
_OPENINGS_WITH_TITLE: Mapping[str, Mapping[str, lexicon.Pool]] = {
    stage: {style: [t for t in pool if t.needs & {"prof", "um_prof"}] for style, pool in styles.items()}
    for stage, styles in lexicon.PERSONAS["work"].items()
}


def _by_kind(tails: lexicon.Pool) -> list[list[lexicon.Template]]:
    kinds: dict[frozenset[str], list[lexicon.Template]] = {}
    for tail in tails:
        kinds.setdefault(tail.needs & _TAIL_KINDS, []).append(tail)
    return list(kinds.values())


_TAILS = {name: _by_kind(lexicon.PERSONAS[name]) for name in ("work_tail", "work_tail_past", "work_tail_looks")}
KINDS = ("sports", "arts", "travel", "food")
_GAMES = frozenset(("futebol", "vôlei"))
# What an opening may have named; the rest of the text then does without.
_TOPICS = ("esporte", "viagem", "estrada", "passeio", "comida", "cozinha", "prato", "conversa", "lugar")
_COOKS = ("cozinha", "padaria", "casa alheia", "cuida da casa")


def write(person: Person, quoted: Mapping[str, Any]) -> dict[str, str]:
    """The six fields of call 2, a pure function of the person and the quoted answer."""
    # The text before `persona` must not begin with the name, as `persona` mostly does.
    styles = style_walk(person.dice("persona styles"), 4)
    food_style = next(style for style in ("place", "time") if style != styles[3])
    food = _pastime(person, "food", food_style, _food(person))
    wishes = goals(person)
    return {
        "professional_persona": _work(person, styles[0], _items(quoted, "skills_and_expertise_list"), wishes),
        "sports_persona": _pastime(person, "sports", styles[1], _sports(person)),
        "arts_persona": _pastime(person, "arts", styles[2], _two_groups(person, "arts")),
        "travel_persona": _pastime(person, "travel", styles[3], _two_groups(person, "travel")),
        "culinary_persona": food,
        "persona": _brief(person, quoted, wishes, neighbours=(food, str(quoted.get("cultural_background", "")))),
    }


def _items(quoted: Mapping[str, Any], field: str) -> list[str]:
    items = quoted.get(field)
    return [lower_first(item) for item in items if isinstance(item, str) and item] if isinstance(items, list) else []


def _work(person: Person, style: str, skills: Sequence[str], wishes: Sequence[str]) -> str:
    dice = person.dice("professional_persona")
    plans, trade = lexicon.PERSONAS, person.trade
    words = dict(person.words)
    words["do1"] = person.acts[SPARED_ACT]
    words["sk"] = dice.pick([skill for skill in skills if skill in trade.skill] or trade.skill)
    words["at"] = trade.at[-1]
    words["entre"] = f"entre {trade.tools(dice)}"
    words["Entre"] = upper_first(words["entre"])
    words["joy"] = person.joys[1]
    if trade.woe and person.woe_in == "work":
        words["woe"] = dice.pick(trade.woe)
    words["g"] = wishes[3]
    mania = quirk(person, 3)
    words["mania"] = f"Fora do serviço, {proclitic(lower_first(mania))}" if person.stage == "works" else mania
    # This is the one text that must say the occupation, when it is said at all.
    openings = _OPENINGS_WITH_TITLE[person.stage] if "prof" in words else plans["work"][person.stage]
    opening = open_with(dice, openings, style, words)
    words = with_trait(words, trait(person, _trait_of(person, 0), 4))
    # One tail of each kind: not two joys, not the same trait twice.
    past = {"looks": "_looks", "retired": "_past"}[person.stage] if person.has_former_trade else ""
    kinds = _TAILS[f"work_tail{past}"]
    usable = [[tail for tail in pool if tail.needs <= words.keys()] for pool in kinds]
    said = [dice.pick(pool).fill(words) for pool in dice.shuffled(list(filter(None, usable)))]
    return first_that_fit([opening, *said], WANTED_CHARACTERS)


def _trait_of(person: Person, number: int) -> str:
    """The trait that the `number`-th persona shows: another one in each of the five."""
    return TRAITS[person.index(number, len(TRAITS), 3)]


def _fitting(
    person: Person, kind: str, groups: tuple[str, ...] = (), without: tuple[str, ...] = ()
) -> tuple[lexicon.Pastime, ...]:
    return lexicon.fitting(kind, person.age_years, person.is_rural, person.purse, groups, without)


def _sports(person: Person) -> list[lexicon.Pastime]:
    """One thing done and one watched, either first; the thing done is the record's option, if the tables know it."""
    dice = person.dice("sports rows")
    if "sem_esporte" in person.words:
        first, *others = dice.some(_fitting(person, "sports", ("watch",)), WATCHED_TRIES)
        said = about(first.phrases[0].text)
        return [first, next((row for row in others if said.isdisjoint(about(row.phrases[0].text))), others[0])]
    if dice.chance(0.1):
        return dice.some(_fitting(person, "sports", ("only",)), 1)
    watched = dice.pick(_fitting(person, "sports", ("watch",)))
    rows = _fitting(person, "sports", ("play",))
    own = [row for row in rows if row.item and row.item == person.words.get("esporte")]
    played = dice.pick(own or rows)
    return [played, watched] if dice.chance(0.7) else [watched, played]


def _two_groups(person: Person, kind: str) -> list[lexicon.Pastime]:
    """Two rows of different roles, so that they do not say the same thing twice; the dream of a journey comes last."""
    dice = person.dice(f"{kind} rows")
    # What is told of feasts is mostly of the saints'.
    apart = ("dream", "feast") if "evangélic" in person.religion else ("dream",)
    first = dice.pick(_fitting(person, kind, without=apart))
    others = () if first.group == "only" else _fitting(person, kind, without=(first.group, "only", *apart[1:]))
    return [first, *dice.some(others, 1)]


def _food(person: Person) -> list[lexicon.Pastime]:
    dice = person.dice("food rows")
    first = dice.pick(_fitting(person, "food", ("cook",) if person.trade.kin in _COOKS else ()))
    second = dice.some(_fitting(person, "food", ("eat",)), 2)
    return [first, next(row for row in second if row is not first)]


def _pastime(person: Person, kind: str, style: str, rows: Sequence[lexicon.Pastime]) -> str:
    dice = person.dice(kind)
    plans = lexicon.PERSONAS
    items = [row.item for row in rows]
    markers = _markers(tuple([row.group for row in rows]), not _GAMES.isdisjoint(items))
    words = {**person.words, **person.facts_for(kind), **markers}
    if words.get("esporte") in items:
        words.pop("o_esporte", None)  # said already
    phrases = [say(dice, row.phrases, words) for row in rows]
    words["m"] = phrases[0]
    opening = open_with(dice, plans[kind], style, words, said=about(phrases[0]))
    if len(rows) > 1:
        words["m"] = phrases[1]
        linking = plans["second_dream" if rows[1].group == "dream" else "second"]
        (second,) = say_some(dice, linking, words, 1, about(phrases[1])) or ["também {m}".format_map(words)]
        opening = f"{opening}. {upper_first(second)}"
    tails = plans["food_tail_with_cook" if kind == "food" and rows[0].group == "cook" else f"{kind}_tail"]
    place = KINDS.index(kind) + 1
    manner = trait(person, _trait_of(person, place), 4 + place)
    said = about(manner).union(*map(about, phrases), *[about(word) for word in _TOPICS if word in opening])
    rest = say_some(dice, plans[f"{kind}_fact"], words, 1, said)
    if kind == "sports":
        rest += say_some(dice, plans["sports_club"], words, 1)
    rest += say_some(dice, tails, words, 3, said)
    rest += say_some(dice, plans[f"{kind}_trait"], with_trait(words, manner), 1, said - about(manner))
    return first_that_fit([opening, *dice.shuffled(rest)], WANTED_CHARACTERS)


@lru_cache(maxsize=256)
def _markers(groups: tuple[str, ...], is_game: bool) -> Mapping[str, str]:
    """Empty words that open templates for those who do something themselves, at home, at the stove, in a game."""
    first = groups[0]
    markers = {
        "mexe": "play" in groups or "make" in groups,
        "ativo": first in ("play", "make"),
        "joga": is_game,
        "casa": first in ("read", "make"),
        "faz": first in ("cook", "nocook"),
        "come": first == "eat",
    }
    return {name: "" for name, holds in markers.items() if holds}


def _brief(person: Person, quoted: Mapping[str, Any], wishes: Sequence[str], neighbours: Sequence[str]) -> str:
    """One sentence of about 180 characters: what the person does, is like, enjoys, wants.

    It should not begin like its neighbours, the texts published before and after it.
    """
    dice = person.dice("persona")
    plans = lexicon.PERSONAS
    hobbies = _items(quoted, "hobbies_and_interests_list") or ["música"]
    words = person.words | {"at": person.trade.at[0], "hob": dice.pick(hobbies), "g": wishes[4]}
    pool = plans["brief"]["age" if "idade" in words else "plain"]
    known = words.keys() | {"v1", "v2", "v3", "livre"}
    by_name = not neighbours[1].startswith(words["nome"])
    pool = [t for t in pool if t.needs <= known and (by_name or not t.text.startswith("{nome}"))]
    taken = [text.split()[:2] for text in neighbours]
    best, least = "", float("inf")
    is_like = [proclitic(trait(person, name, 9)) for name in TRAITS]
    # What is joined with "e" should not bring its own.
    plain = [phrase for phrase in is_like if len(phrase) <= 62 and "," not in phrase and " e " not in phrase]
    for _ in range(BRIEF_TRIES):
        does = plans["brief_work"][person.stage]
        template = dice.pick(pool)
        if "Em_cidade" in template.needs:
            does = [t for t in does if "em_cidade" not in t.needs]
        if "prof" in words:
            does = [t for t in does if "prof" in t.needs] if dice.chance(0.6) else does
        wish = plans["brief_free"] if dice.chance(0.6) and "livre" not in template.needs else plans["brief_goal"]
        acts = {
            "v1": say(dice, does, words),
            "v2": dice.pick(plain or is_like),
            "v3": say(dice, wish, words),
            "livre": say(dice, plans["brief_free"], words),
        }
        text = sentences([template.fill(words | acts)])
        fault = abs(len(text) - WANTED_BRIEF_CHARACTERS) + 100 * (text.split()[:2] in taken)
        if fault < least:
            best, least = text, fault
        if least < GOOD_ENOUGH_CHARACTERS:
            break
    return best
