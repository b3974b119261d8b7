"""What the offline writer knows of trades and clubs, and that what it chooses does not hang on race."""

from __future__ import annotations

import csv
import json
import random
import re
from collections import Counter
from importlib import resources

import pytest
from _texts import PROMPTS

from census import codes
from udfs import offline_writer, prompts
from udfs.offline_writer import attributes, clubs, lexicon, personas, record, trades
from udfs.offline_writer.choice import Dice

RACES, PERSONS_OF_A_RACE = codes.RACES, 400


def read_reference(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(resources.files("census").joinpath("reference", name).read_text("utf-8").splitlines()))


def test_every_title_of_the_classification_names_a_trade_of_its_own_family() -> None:
    for row in read_reference("occupation_titles.csv"):
        found = {trades.trade_of(title) for title in (row["feminine"], row["masculine"]) if title}
        assert len(found) == 1 and found <= set(trades.FAMILIES.values()), row


def test_small_entrepreneurs_find_a_trade_by_the_words_of_their_title() -> None:
    titles = {row[gender] for row in read_reference("mei_trades.csv") for gender in ("feminine", "masculine")}
    without = {title for title in titles if trades.trade_of(title) is None}
    assert len(without) / len(titles) < 0.02, without


def test_at_least_300_trades_have_facts_of_their_own() -> None:
    known = set(trades.FAMILIES.values())
    assert len(known) >= 300
    for trade in known:
        assert 3 <= len(trade.do) <= 5 and 3 <= len(trade.tool) <= 4 and 3 <= trade.own_skills <= 4, trade.at
        assert 1 <= len(trade.at) <= 2 and len(trade.woe) == 1 and len(trade.joy) >= 3 and len(trade.goal) >= 3


def test_acts_and_goals_are_infinitives_and_no_template_asks_for_what_a_person_has_not() -> None:
    for trade in set(trades.FAMILIES.values()):
        for template in (*trade.do, *trade.more, *trade.goal):
            verb = template.text.split()[0].rstrip(",").removesuffix("-se")
            assert verb[-1] == "r" or verb in ("não", "pôr"), template.text
            assert template.needs <= {"o", "a", "m"}, template.text


@pytest.mark.parametrize("state", [state.name for state in codes.STATES])
def test_clubs_of_a_state_leave_room_for_those_who_support_none(state: str) -> None:
    drawn = Counter(clubs.club_of(state, Dice(f"{state}|{i}")) for i in range(2000))
    assert 0.12 <= drawn.pop(None) / 2000 <= 0.36
    assert len(drawn) >= 6
    assert all(article in ("o", "a") for article, _ in drawn if article)


def make_person(i: int, race: str) -> dict[str, object]:
    draw = random.Random(i)
    return {
        "uuid": f"{draw.getrandbits(128):032x}",
        "first_name": draw.choice(("Ana", "Rita", "Lia")),
        "last_name": draw.choice(("Souza", "Lima", "Prado")),
        "sex": "F",
        "age_years": 18 + i % 60,
        "zone": ("urbana", "rural")[i % 2],
        "race": race,
        "education_level": codes.EDUCATION_LEVELS[i % 4],
        "marital_status": "Solteiro",
        "in_union": False,
        "religion": "católica",
        "activity": "ocupado",
        "occupation_group": codes.OCCUPATION_GROUPS[4],
        "occupation_title": "Cozinheira geral",
        "position": "conta própria",
        "income_brl": 1500.0,
        **dict.fromkeys(codes.TRAITS, 50.0),
        "municipality_name": "Caruaru",
        "state_name": "Pernambuco",
        "region_name": "Nordeste",
    }


def test_pastimes_skills_and_goals_do_not_depend_on_race() -> None:
    """The same persons but for their race get the same texts; other persons of each race get the same distribution."""
    said: dict[str, Counter[str]] = {}
    for number, race in enumerate(RACES):
        counts: Counter[str] = Counter()
        for i in range(PERSONS_OF_A_RACE):
            # Other persons in every race: a choice that hung on race by way of the block would show.
            person = make_person(i + number * 10_000 * 60, race)
            block = prompts.record_block(person, 0)
            answer = offline_writer.write(prompts.render(PROMPTS, 1, person, 0))
            counts.update(answer["hobbies_and_interests_list"] + answer["skills_and_expertise_list"])
            counts.update(attributes.goals(record.read(prompts.parse_record_block(block))))
        said[race] = counts
    whole = sum(said.values(), Counter())
    total = sum(whole.values())
    for race, counts in said.items():
        size = sum(counts.values())
        frequent = [item for item, count in whole.items() if count * size / total >= 5]
        chi = sum((counts[item] - whole[item] * size / total) ** 2 / (whole[item] * size / total) for item in frequent)
        assert chi < len(frequent) + 4 * (2 * len(frequent)) ** 0.5, race


def test_a_person_of_any_race_gets_the_same_words() -> None:
    """The record block does not carry the race, so nothing of either answer can hang on it: traits, clubs and all."""
    for i in range(120):
        said = set()
        for race in RACES:
            person = make_person(i, race)
            block = prompts.record_block(person, 0)
            assert not re.search(r"\b(raça|cor|branca|preta|parda|amarela|indígena)\b", block.lower())
            call1 = offline_writer.write(prompts.render(PROMPTS, 1, person, 0))
            call2 = offline_writer.write(prompts.render(PROMPTS, 2, person, 0, call1))
            said.add(json.dumps(call1 | call2))
        assert len(said) == 1


def plans(styles: dict[str, list[object]]) -> int:
    return sum(len(styles[style]) for style in ("name", "place", "time"))


def test_every_text_has_a_dozen_plans_at_every_stage_of_life() -> None:
    for stage in ("works", "looks", "studies", "retired", "home", "other", "rests"):
        assert plans(lexicon.PERSONAS["work"][stage]) >= 12
        assert plans(lexicon.GOALS["open"]["other" if stage == "rests" else stage]) >= 12
        assert plans({style: lexicon.SKILLS[style][stage] for style in ("name", "place", "time")}) >= 12
    for styles in (lexicon.BACKGROUND, lexicon.HOBBIES, *(lexicon.PERSONAS[kind] for kind in personas.KINDS)):
        assert plans(styles) >= 12
    assert all(len(pool) >= 12 for pool in lexicon.PERSONAS["brief"].values())
