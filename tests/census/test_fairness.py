"""Equity figures: presence of groups, laws within them, associations kept."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from census import fairness

RACES = ("branca", "preta")


def make_cells(have: list[float], want: list[float], uf: str = "AC") -> pd.DataFrame:
    """Race x schooling of one state: branca/preta by superior/menos."""
    race = [RACES[0], RACES[0], RACES[1], RACES[1]]
    return pd.DataFrame({"uf": uf, "race": race, "level": ["superior", "menos"] * 2, "have": have, "want": want})


def test_a_sample_in_the_proportions_of_its_target_has_every_group_present_as_it_should_be():
    cells = make_cells([10, 20, 30, 40], [1, 2, 3, 4])
    found = fairness.presence(cells, ["race"])
    assert {key: figure.value for key, figure in found.items()} == {("branca",): 1.0, ("preta",): 1.0}
    assert [figure.n for figure in found.values()] == [30, 70]
    assert all(c.value == 0 for c in fairness.within(cells, ["race"], "level").values())
    assert fairness.association(cells, "race", RACES, {"level": "superior"}).value == pytest.approx(1.0)


def test_a_group_half_as_present_as_in_the_target_says_so():
    found = fairness.presence(make_cells([20, 40, 20, 20], [20, 40, 60, 80]), ["race"])
    assert found["preta",].value == pytest.approx(0.4 / 0.7)
    assert found["branca",].value == pytest.approx(0.6 / 0.3)


def test_states_weigh_as_they_were_sampled_whatever_the_scale_of_their_targets():
    acre, sergipe = (
        make_cells([10, 20, 30, 40], [1, 2, 3, 4]),
        make_cells([200, 100, 50, 50], [2e6, 1e6, 5e5, 5e5], "SE"),
    )
    found = fairness.presence(pd.concat([acre, sergipe]), ["race"])
    assert [figure.value for figure in found.values()] == [pytest.approx(1.0), pytest.approx(1.0)]


def test_the_noise_of_a_presence_is_that_of_independent_draws():
    law, n = np.array([0.1, 0.2, 0.3, 0.4]), 2_000
    rng = np.random.default_rng(5)
    drawn = [fairness.presence(make_cells(list(rng.multinomial(n, law)), list(law)), ["race"]) for _ in range(400)]
    values = [found["branca",].value for found in drawn]
    assert np.std(values) == pytest.approx(drawn[0]["branca",].noise, rel=0.1)


def test_the_law_within_a_group_is_judged_apart_from_the_others():
    found = fairness.within(make_cells([10, 20, 70, 0], [1, 2, 3, 4]), ["race"], "level")
    assert found["branca",].value == 0
    assert found["preta",].value == pytest.approx(4 / 7)


def test_an_association_twice_as_strong_as_in_the_target_is_amplified():
    cells = make_cells([40, 20, 20, 40], [30, 20, 20, 26 + 2 / 3])
    assert fairness.association(cells, "race", RACES, {"level": "superior"}).value == pytest.approx(2.0)


def test_an_association_with_an_empty_cell_does_not_exist():
    found = fairness.association(make_cells([10, 0, 10, 10], [1, 1, 1, 1]), "race", RACES, {"level": "superior"})
    assert math.isnan(found.value)
    assert found.n == 30


def test_a_group_of_nobody_in_the_sample_is_absent_and_not_compared():
    cells = make_cells([10, 20, 0, 0], [1, 2, 3, 4])
    assert fairness.presence(cells, ["race"])["preta",].value == 0.0
    assert ("preta",) not in fairness.within(cells, ["race"], "level")
