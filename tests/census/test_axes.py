"""A law on other parents: more of them change nothing, fewer of them are a mean over persons."""

from __future__ import annotations

import numpy as np
import pytest

from census import axes
from census.errors import FitError

RNG = np.random.default_rng(3)
WANT = ("uf", "sex", "zone", "race")
SIZES = (3, 2, 2, 4)


def make_law(*shape: int) -> np.ndarray:
    table = RNG.random((*shape, 5))
    return table / table.sum(axis=-1, keepdims=True)


@pytest.mark.parametrize("have", [WANT, ("uf", "race"), ("race", "uf", "sex"), ()])
def test_a_law_put_on_more_parents_and_taken_back_is_the_same(have):
    law = make_law(*(SIZES[WANT.index(name)] for name in have))
    wide = axes.widen(law, have, WANT, SIZES, "activity")
    assert wide.shape == (*SIZES, 5)
    assert np.allclose(axes.narrow(wide, RNG.random(SIZES), WANT, have), law)


def test_a_parent_that_is_not_in_the_law_changes_nothing():
    law = make_law(4, 3)
    wide = axes.widen(law, ("race", "uf"), WANT, SIZES, "activity")
    assert all(np.array_equal(wide[2, sex, zone, 1], law[1, 2]) for sex in range(2) for zone in range(2))


def test_a_parent_that_the_sources_do_not_know_is_refused_with_the_node_s_name():
    with pytest.raises(FitError, match=r"node\.activity cannot have the parent religion.*know uf, sex, zone, race"):
        axes.widen(make_law(3, 6), ("uf", "religion"), WANT, SIZES, "activity")


def test_the_parents_left_out_are_averaged_over_persons():
    law = np.array([[[1.0, 0.0], [0.0, 1.0]]])
    persons = np.array([[30.0, 10.0]])
    assert np.allclose(axes.narrow(law, persons, ("uf", "sex"), ("uf",)), [[0.75, 0.25]])


def test_where_nobody_lives_the_plain_mean_stands_in():
    law = np.array([[[1.0, 0.0], [0.0, 1.0]], [[0.2, 0.8], [0.2, 0.8]]])
    persons = np.array([[0.0, 0.0], [1.0, 2.0]])
    narrowed = axes.narrow(law, persons, ("uf", "sex"), ("uf",))
    assert np.allclose(narrowed, [[0.5, 0.5], [0.2, 0.8]])


def test_parents_come_out_in_the_order_asked_for():
    law = make_law(*SIZES)
    turned = axes.narrow(law, RNG.random(SIZES), WANT, ("race", "zone", "sex", "uf"))
    assert np.array_equal(turned[3, 1, 0, 2], law[2, 0, 1, 3])
