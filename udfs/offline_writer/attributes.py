"""The answer to call 1: background, skills, hobbies and goals of a person, with their lists."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from udfs.offline_writer import lexicon, trades
from udfs.offline_writer.choice import Dice
from udfs.offline_writer.grammar import proclitic, upper_first
from udfs.offline_writer.plans import (
    open_with,
    paragraph,
    quirk,
    say,
    say_some,
    style_walk,
    trait,
    with_trait,
)
from udfs.offline_writer.record import RESTS_YEARS, TRAITS, Person

WANTED_CHARACTERS = 800
OLDER_YEARS = 58
VERY_OLD_YEARS = 78
SKILL_ACTS = 4
_ON_THE_LAND = ("roca", "criacao", "pesca e mata")
SPARED_ACT = 2  # of the person's acts, this one is told by another text
# Pastimes that are a sport: not of someone of whom the record says that there is none.
_EXERCISE = frozenset(
    ("bola com os amigos", "bicicleta", "academia", "ginástica em casa", "trilhas e cachoeiras", "corrida na rua")
    + ("pilates em casa", "caminhada na praça", "vôlei de praça", "natação")
)


def write(person: Person) -> dict[str, Any]:
    """The six fields of call 1, a pure function of the person."""
    styles = style_walk(person.dice("styles"), 4)
    skills = _skill_list(person)
    hobbies = _hobbies(person)
    return {
        "cultural_background": _background(person, styles[0]),
        "skills_and_expertise": _skills(person, styles[1], skills),
        "skills_and_expertise_list": [upper_first(skill) for skill in skills],
        "hobbies_and_interests": _hobby_text(person, styles[2], hobbies),
        "hobbies_and_interests_list": [upper_first(hobby.item) for hobby in hobbies],
        "career_goals_and_ambitions": _goal_text(person, styles[3]),
    }


def _life(age_years: int) -> str:
    return ("young", "adult", "mature", "old")[sum(age_years >= end for end in (30, 45, 65))]


def _background(person: Person, style: str) -> str:
    dice = person.dice("cultural_background")
    plans, people = lexicon.BACKGROUND, lexicon.PEOPLE
    words = person.words | person.facts_for("background")
    words |= {"at": dice.pick(person.trade.at), "joy": person.joys[-1]}
    words["lar"] = say(dice, people["home_rural" if person.is_rural else "home_urban"], words)
    words["habito"] = proclitic(say(dice, people[f"habit_{_life(person.age_years)}"], words))
    opening = open_with(dice, plans, style, words) if "cidade" in words else f"{words['nome']} {words['habito']}"
    faith = next((pool for key, pool in people["religion"].items() if key in person.religion), ())
    traits = dice.some(TRAITS, 3)
    pair = with_trait(words, trait(person, traits[0], 0)) | {"traco2": proclitic(trait(person, traits[1], 0))}
    place = [say(dice, plans["state"], words), *say_some(dice, plans["region"], words, 2), _custom(person, dice)]
    life = [
        say(dice, plans[person.stage], words),
        say(dice, people["schooling"].get(person.schooling, ()), words),
        say(dice, plans["era"][_life(person.age_years)], words),
    ]
    home = [say(dice, people["union"].get(person.union, ()), words), say(dice, faith, words)]
    character = [
        say(dice, plans["pair"], pair),
        *_trait_sentences(person, dice, plans["trait"], [(traits[2], 0)]),
        quirk(person, 0),
    ]
    must = {place[0], *life[:2]}
    parts = [opening, *(said for group in dice.shuffled([place, life, home, character]) for said in group)]
    parts.append(say(dice, plans["close"], words))
    keep = [0, *(i for i, sentence in enumerate(parts) if sentence in must)]
    return paragraph(dice, parts, keep, WANTED_CHARACTERS)


def _custom(person: Person, dice: Dice) -> str:
    """A custom of the state or the region, whatever the person's own facts."""
    pools = lexicon.BACKGROUND["custom"]
    return say(dice, (*pools.get(person.region, ()), *pools.get(person.state, ())), person.words)


def _trait_sentences(person: Person, dice: Dice, pool: lexicon.Pool, wanted: Sequence[tuple[str, int]]) -> list[str]:
    """One sentence for each (trait, number), no two built alike."""
    known = person.words.keys() | {"traco", "Traco"}
    templates = dice.some([template for template in pool if template.needs <= known], len(wanted))
    return [
        template.fill(with_trait(person.words, trait(person, name, number)))
        for template, (name, number) in zip(templates, wanted, strict=True)
    ]


def _skill_list(person: Person) -> list[str]:
    """Four to six skills: mostly the trade's own, and for variety one or two of its kin and of everyday life."""
    dice = person.dice("skills_and_expertise_list")
    trade = person.trade
    own = dice.some(trade.skill[: trade.own_skills], 3 if trade.woe else 3 + dice.below(2))
    kin = dice.some(trade.skill[trade.own_skills :], dice.below(2))
    everyday = [skill for skill in trades.PLAIN["vida"].skill if skill not in trade.skill]
    return list(dict.fromkeys([*own, *kin, *dice.some(everyday, 1 + dice.below(2))]))


def _skills(person: Person, style: str, skills: Sequence[str]) -> str:
    dice = person.dice("skills_and_expertise")
    plans = lexicon.SKILLS
    words = dict(person.words)
    acts = [act for i, act in enumerate(person.acts) if i != SPARED_ACT][:SKILL_ACTS]
    words |= {f"do{i}": act for i, act in enumerate(acts, 1)}
    # Skills that are already two ("corte e costura") are not joined with another "e".
    words |= {f"sk{i}": skill for i, skill in enumerate(sorted(skills, key=lambda skill: " e " in skill), 1)}
    words["at"] = dice.pick(person.trade.at)
    words["entre"] = f"entre {person.trade.tools(dice)}"
    words["Entre"] = upper_first(words["entre"])
    words["joy"] = person.joys[0]
    if person.trade.woe and person.woe_in == "skills":
        words["woe"] = dice.pick(person.trade.woe)
    openings = {name: plans[name][person.stage] for name in ("name", "place", "time")}
    opening = open_with(dice, openings, style, words)
    more = [
        template.fill(words | {"do2": act})
        for template, act in zip(dice.some(plans["more"], len(acts) - 1), acts[1:], strict=True)
    ]
    past = "_past" if person.has_former_trade else ""
    middle = dice.shuffled(
        [
            say(dice, plans["list"], words),
            *more,
            *say_some(dice, plans["learn"], words, 3),
            say(dice, plans[f"joy{past}"], words),
        ]
    )
    own_way = [
        *say_some(dice, plans["lack"], words, 2),
        say(dice, plans[f"woe{past}"], words),
        *_trait_sentences(person, dice, plans["style"], [("conscientiousness", 1), ("agreeableness", 1)]),
    ]
    parts = [opening, *middle, *dice.shuffled(own_way)]
    listed = next(i for i, sentence in enumerate(parts) if words["sk1"] in sentence and words["sk2"] in sentence)
    return paragraph(dice, parts, (0, listed), WANTED_CHARACTERS)


def _hobbies(person: Person) -> list[lexicon.Pastime]:
    dice = person.dice("hobbies_and_interests_list")
    has_faith = "católic" in person.religion or "evangélic" in person.religion
    # Someone far from sociable or curious is not given the pastimes of the sociable and the curious.
    without: tuple[str, ...] = () if has_faith else ("faith",)
    without += tuple(name for name in ("extraversion", "openness") if person.bands[name] < 2)
    rows = lexicon.fitting("hobbies", person.age_years, person.is_rural, person.purse, without=without)
    wanted = 4 + dice.below(2)
    drawn = dice.some(rows, wanted + (len(_EXERCISE) if "sem_esporte" in person.words else 0))
    return [row for row in drawn if "sem_esporte" not in person.words or row.item not in _EXERCISE][:wanted]


def _hobby_text(person: Person, style: str, hobbies: Sequence[lexicon.Pastime]) -> str:
    dice = person.dice("hobbies_and_interests")
    plans = lexicon.HOBBIES
    words = person.words | person.facts_for("hobbies")
    for i, hobby in enumerate(hobbies, 1):
        words[f"h{i}"], words[f"f{i}"] = hobby.item, say(dice, hobby.phrases, words)
    company = plans["company"][["low", "mid", "high"][sum(person.bands["extraversion"] >= end for end in (2, 3))]]
    after = dice.shuffled(
        [
            say(dice, company, words),
            *say_some(dice, plans["region"], words, 2),
            *_trait_sentences(person, dice, plans["trait"], [("openness", 3), ("extraversion", 3)]),
            quirk(person, 1),
            quirk(person, 2),
        ]
    )
    body = [say(dice, plans[name], words) for name in ("second", "third", "fourth")]
    cut = dice.below(2)
    parts = [open_with(dice, plans, style, words), body[0], *after[:cut], *body[1:], *after[cut:]]
    parts.append(say(dice, plans["close"], words))
    keep = [i for i, sentence in enumerate(parts) if i == 0 or sentence in body]
    return paragraph(dice, parts, keep, WANTED_CHARACTERS)


def goals(person: Person) -> list[str]:
    """Six different goals (infinitives) that suit the stage of life and the age, likeliest first.

    The same in both calls, whatever their attempts.
    """
    if not person.goals:
        person.goals = _choose_goals(person)
    return person.goals


def _choose_goals(person: Person) -> list[str]:
    dice = person.dice("goals", with_attempt=False)
    pools = lexicon.GOALS
    age_years, stage = person.age_years, person.stage
    if age_years >= VERY_OLD_YEARS and stage != "works":
        first = second = pools["goal_very_old"]
    elif stage == "looks":
        first = pools["goal_looks_old"] if age_years >= OLDER_YEARS else person.trade.goal
        second = first if age_years >= OLDER_YEARS else pools["goal_looks_young" if age_years < 30 else "goal_looks"]
    elif stage == "retired" or (age_years >= RESTS_YEARS and stage != "works"):
        first = second = pools["goal_retired"]
    elif stage == "works" and age_years >= OLDER_YEARS:
        first = second = pools["goal_work_mature" if age_years < 65 else "goal_work_old"]
    elif stage == "works":
        has_shop = person.is_own_boss and person.trade.kin not in _ON_THE_LAND
        first = pools["goal_own"] if has_shop else person.trade.goal
        second = pools[
            ("goal_work_young", "goal_work_adult", "goal_work_mature")[sum(age_years >= end for end in (30, 45))]
        ]
    else:
        first = person.trade.goal
        second = pools["goal_any_young" if age_years < 30 else "goal_any"]
    if first is second:
        return say_some(dice, first, person.words, 6)
    chosen = say_some(dice, first, person.words, 3), say_some(dice, second, person.words, 3)
    pairs = zip(*(chosen if dice.chance(0.7) else chosen[::-1]), strict=False)
    return [goal for pair in pairs for goal in pair]


def _goal_text(person: Person, style: str) -> str:
    dice = person.dice("career_goals_and_ambitions")
    plans = lexicon.GOALS
    words = person.words | person.facts_for("goals")
    words |= {f"g{i}": goal for i, goal in enumerate(goals(person), 1)}
    older = person.age_years >= OLDER_YEARS
    stage = "older" if older and person.stage == "works" else person.stage
    if stage == "rests" or (person.age_years >= RESTS_YEARS and stage == "studies"):
        stage = "other"
    opening = open_with(dice, plans["open"][stage], style, words)
    seconds = say_some(dice, plans["second"], words, 2)
    if len(seconds) > 1:
        # The second of them speaks of another goal.
        seconds[1] = seconds[1].replace(words["g2"], words["g3"])
    faith = next((pool for key, pool in plans["faith"].items() if key in person.religion), ())
    at_rest = stage == "retired" or person.age_years >= RESTS_YEARS
    middle = dice.shuffled(
        [
            *say_some(dice, plans["obstacle_old" if older else "obstacle"], words, 2),
            *say_some(dice, plans["support_old" if at_rest else "support"], words, 3),
            say(dice, faith, words),
            *_trait_sentences(person, dice, plans["trait"], [("neuroticism", 2), ("conscientiousness", 2)]),
        ]
    )
    parts = [opening, *seconds, *middle, *say_some(dice, plans["dream"], words, 2), say(dice, plans["close"], words)]
    return paragraph(dice, parts, (0, 1), WANTED_CHARACTERS)
