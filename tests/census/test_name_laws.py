"""Names of the states add up to the country's; a surname is borne as often as the census counted."""

from __future__ import annotations

import numpy as np
import pytest

from census import name_laws

DRAW = np.random.default_rng(4)
STATES, NAMES = 5, 12
SHARE = DRAW.dirichlet(np.ones(NAMES + 1))
RATIO = DRAW.gamma(4.0, 0.25, size=(STATES, NAMES))
PERSONS = DRAW.gamma(2.0, 1e6, size=STATES)


def test_first_names_of_all_states_are_those_of_the_country():
    laws = name_laws.of_states(SHARE, RATIO, PERSONS)
    assert laws.sum(axis=1) == pytest.approx(np.ones(STATES))
    assert PERSONS @ laws / PERSONS.sum() == pytest.approx(SHARE, rel=1e-3)
    favoured = np.unravel_index(RATIO.argmax(), RATIO.shape)
    assert laws[favoured] > 1.5 * SHARE[favoured[1]]


def test_a_name_of_few_bearers_is_as_common_in_a_state_as_in_the_country():
    bearers = np.array([[2000.0, 3.0], [1000.0, 0.0]])
    ratio = name_laws.ratios(bearers, np.array([10_000.0, 10_000.0]))
    assert ratio[:, 0] == pytest.approx([(2020 / 1520) ** 0.8, (1020 / 1520) ** 0.8])
    assert np.abs(ratio[:, 1] - 1).max() < 0.1


def test_bearers_of_surnames_of_all_states_are_those_of_the_census():
    share = np.array([0.17, 0.10, 0.06, 0.002])
    ratio = DRAW.gamma(4.0, 0.25, size=(STATES, 4))
    found = name_laws.bearers_of_states(share, ratio, PERSONS)
    assert PERSONS @ found / PERSONS.sum() == pytest.approx(share)


@pytest.mark.parametrize("mean", [1.3, 1.64, 2.1])
def test_people_have_as_many_surnames_as_the_census_listed(mean):
    counts, persons = DRAW.dirichlet(np.ones(3), size=(4, 6)), DRAW.gamma(2.0, 10.0, size=(4, 6))
    found = name_laws.counts_with_mean(counts, persons, mean)
    assert (persons * (found @ [1, 2, 3])).sum() / persons.sum() == pytest.approx(mean)
    assert found.sum(axis=-1) == pytest.approx(np.ones((4, 6)))


def test_a_person_bears_a_surname_as_often_as_the_census_counted():
    bearers, counts = np.array([0.30, 0.10, 0.01]), np.array([0.4, 0.5, 0.1])
    law = name_laws.slot_law(bearers, counts)
    assert law.sum() == pytest.approx(1.0)
    people = 200_000
    slots = np.full((people, 3), -1)
    number = DRAW.choice(3, people, p=counts) + 1
    for slot in range(3):
        chosen = np.flatnonzero(number > slot)
        drawn = DRAW.choice(4, len(chosen), p=law)
        drawn = np.where(drawn == 3, 10 + DRAW.integers(0, 10**9, len(chosen)), drawn)  # a rare one
        taken = (slots[chosen, :slot] == drawn[:, None]).any(axis=1)
        again = DRAW.choice(4, len(chosen), p=law)
        again = np.where(again == 3, 10 + DRAW.integers(0, 10**9, len(chosen)), again)
        drawn = np.where(taken, again, drawn)
        taken = (slots[chosen, :slot] == drawn[:, None]).any(axis=1)
        slots[chosen, slot] = np.where(taken, -1, drawn)
    found = [(slots == name).any(axis=1).mean() for name in range(3)]
    assert found == pytest.approx(bearers, rel=0.01, abs=4 * np.sqrt(0.3 * 0.7 / people))


def test_the_married_bear_the_third_surname_and_all_women_together_stay():
    women, men = np.array([[0.1, 0.6, 0.3]] * 2), np.array([[0.3, 0.6, 0.1]] * 2)
    share = np.array([0.4, 0.8])
    found = name_laws.by_marriage(women, men, share)
    assert (found[:, 1, 2] > found[:, 0, 2]).all()
    together = (1 - share)[:, None] * found[:, 0] + share[:, None] * found[:, 1]
    assert together == pytest.approx(women, abs=0.02)


def test_a_name_is_carried_on_as_candidates_do_until_all_have_the_region_s_share():
    law = np.array([0.2, 0.1, 0.1, 0.6])
    carried = np.array([0.6, 0.3, 0.1, 0.0])
    chance = name_laws.compound_chance(law, carried, 0.2)
    assert law @ chance == pytest.approx(0.2)
    assert chance[0] == pytest.approx(chance[1]) and chance[0] > chance[2] > chance[3] == 0
    assert name_laws.compound_chance(law, carried, 0.9).max() <= 0.9


def test_a_name_on_the_rise_goes_on_rising_by_half_and_within_bounds():
    law, before = np.array([0.2, 0.3, 0.5, 0.0]), np.array([0.05, 0.3, 0.65, 0.0])
    found = name_laws.next_decade(law, before)
    assert found.sum() == pytest.approx(1.0)
    assert found[0] / found[1] == pytest.approx(0.2 / 0.3 * 3**0.5, rel=1e-4)
    assert found[3] == 0
