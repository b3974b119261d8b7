"""The sampler's tables of names."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from census import codes
from jobs import _name_tables
from udfs.naming import DECADES, PERIODS

FIRST = {name: i for i, name in enumerate(("Amanda", "Ana", "Francisca", "José", "Maria"))}
SECOND = {name: i for i, name in enumerate(("Clara", "José", "Paula", "de Fátima"))}
PAIRS = [("Maria", "José", 400.0), ("Maria", "de Fátima", 300.0), ("Maria", "Clara", 100.0)]
PAIRS += [("Ana", "Paula", 180.0), ("Francisca", "de Fátima", 20.0)]


@pytest.fixture(scope="module")
def of_women() -> dict[str, dict[str, float]]:
    """Law of the second name after each first name of a woman; no woman is José by first name, some are Clara."""
    places = FIRST | {"Clara": 5, "Paula": 6}
    structure = pd.DataFrame(
        [(region, sex, period, 5000.0, 0.3) for region in codes.REGIONS for sex in codes.SEXES for period in PERIODS],
        columns=["region", "sex", "birth_period", "people", "compound_share"],
    )
    pairs = pd.DataFrame(
        [("F", PERIODS[0], *pair) for pair in PAIRS],
        columns=["sex", "birth_period", "first_name", "second_name", "persons"],
    )
    women = np.tile([0.1, 0.2, 0.1, 0.0, 0.5, 0.05, 0.05], (DECADES, 1))
    _, cell, laws = _name_tables._compounds(pairs, structure, [women, women], places, SECOND)
    words = np.array(list(SECOND))
    u = (np.arange(9000) + 0.5) / 9000
    found = {}
    for name, place in places.items():
        drawn = laws.draw(np.full(len(u), cell[0, 0, place], dtype=np.int32), u)
        found[name] = pd.Series(words[drawn]).value_counts(normalize=True).to_dict()
    return found


def test_a_name_with_listed_compounds_has_its_own_second_names(of_women):
    assert of_women["Maria"] == pytest.approx({"José": 0.5, "de Fátima": 0.375, "Clara": 0.125}, abs=0.001)
    assert of_women["Ana"] == {"Paula": 1.0}


def test_other_names_take_no_second_name_of_the_other_sex_and_devotions_as_others_than_maria_do(of_women):
    assert of_women["Amanda"] == pytest.approx({"Paula": 0.6, "Clara": 1 / 3, "de Fátima": 1 / 15}, abs=0.001)
