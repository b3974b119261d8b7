"""Options for a person's texts: facts of the state and the town, habits of the sex and age."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest

from census import codes
from udfs.hints import NO_SPORT, Fact, Habit, Hints, with_hints

UUIDS = [f"{random.Random(i).getrandbits(128):032x}" for i in range(3000)]
FACTS = {
    "dish": [Fact(f"prato {i}") for i in range(8)],
    "feast": [Fact("Feira da Vila", "1"), *(Fact(f"festa {i}", str(i)) for i in range(2, 9))],
    "place": [Fact("Vila", None), Fact("Porto", None)],
    "sight": [Fact("Museu da Vila", "1"), Fact("Vila", "1"), Fact("Parque da Serra", "5")],
    "craft": [Fact("renda"), Fact("renda de bilro"), Fact("cerâmica")],
}
HABITS = [
    Habit("sport", f"{NO_SPORT}, por falta de tempo", "F", 18, 130, 50.0),
    Habit("sport", f"{NO_SPORT}, por não gostar", "F", 18, 130, 20.0),
    Habit("sport", "caminhada", "F", 18, 130, 20.0),
    Habit("sport", "dança", "F", 18, 59, 10.0),
    Habit("sport", "futebol", "M", 18, 130, 60.0),
    Habit("trip", "praia", "F", 18, 130, 30.0),
]
HINTS = Hints({"AC": FACTS, "RO": {}}, HABITS)


def told(**changes: Any) -> dict[str, Any]:
    person = {"uuid": "a" * 32, "uf": "AC", "municipality_code": "1", "municipality_name": "Vila", "sex": "F"}
    return with_hints(person | {"age_years": 40} | changes, HINTS)


def test_a_person_is_offered_a_few_of_the_states_facts_and_others_get_others() -> None:
    offered = [tuple(told(uuid=uuid)["regional_dishes"]) for uuid in UUIDS[:300]]
    assert {len(set(dishes)) for dishes in offered} == {3}
    assert set(Counter(dish for dishes in offered for dish in dishes)) == {fact.name for fact in FACTS["dish"]}
    assert len(set(offered)) > 100


def test_a_state_without_facts_offers_none() -> None:
    person = told(uf="RO")
    assert person["regional_dishes"] == person["regional_products"] == person["local_places"] == []


def test_what_belongs_to_the_own_town_is_told_in_the_town_and_journeys_go_elsewhere() -> None:
    for uuid in UUIDS[:100]:
        here, there = told(uuid=uuid), told(uuid=uuid, municipality_code="9", municipality_name="Longe")
        assert here["regional_feasts"][0] == "Feira da Vila" and len(here["regional_feasts"]) == 2
        assert here["local_places"] == ["Museu da Vila"] and there["local_places"] == []
        assert set(here["regional_places"]) == {"Porto", "Parque da Serra"}
        assert len(there["regional_places"]) == 3


def test_no_two_names_of_a_list_are_the_same_thing() -> None:
    for uuid in UUIDS[:100]:
        assert len({"renda", "renda de bilro"} & set(told(uuid=uuid)["regional_crafts"])) == 1


def test_the_first_sport_is_as_common_as_the_table_says() -> None:
    first = Counter(told(uuid=uuid)["sports"][0] for uuid in UUIDS)
    for habit in HABITS[:4]:
        expected = habit.percent / 100
        spread = (expected * (1 - expected) / len(UUIDS)) ** 0.5
        assert abs(first[habit.option] / len(UUIDS) - expected) < 4 * spread


def test_habits_are_of_the_sex_and_the_age() -> None:
    assert all(told(uuid=uuid, sex="M")["sports"] == ["futebol"] for uuid in UUIDS[:20])
    assert all("dança" not in told(uuid=uuid, age_years=70)["sports"] for uuid in UUIDS[:200])
    assert told(age_years=17)["sports"] == told(age_years=17)["trips"] == []


def test_there_is_one_reason_at_most_for_no_sport() -> None:
    for uuid in UUIDS[:300]:
        assert sum(option.startswith(NO_SPORT) for option in told(uuid=uuid)["sports"]) <= 1


@pytest.mark.parametrize("race", codes.RACES)
def test_race_has_no_part_in_it(race: str) -> None:
    assert {k: v for k, v in told(race=race).items() if k != "race"} == told()
