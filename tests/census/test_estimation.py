"""Estimators keep what they promise on random input."""

from __future__ import annotations

import numpy as np
import pytest

from census import allocation, estimation

RNG = np.random.default_rng(7)


def test_raking_meets_every_margin_and_keeps_zeros():
    seed = RNG.random((4, 5))
    seed[1, 2] = 0.0
    rows, columns = np.array([1.0, 2.0, 3.0, 4.0]), np.full(5, 2.0)
    raked = estimation.rake(seed, [((0,), rows), ((1,), columns)], passes=500)
    assert np.allclose(raked.sum(axis=1), rows, atol=1e-6)
    assert np.allclose(raked.sum(axis=0), columns, atol=1e-6)
    assert raked[1, 2] == 0.0


def test_rake_then_shrink_gives_laws_and_never_a_value_unseen_in_the_country():
    weights = RNG.gamma(0.5, size=(3, 4, 6)) * (RNG.random((3, 4, 6)) < 0.5)
    weights[..., 2] = 0.0
    table = estimation.rake_then_shrink(weights, weights, design_effect=1.75, shrink_persons=50.0)
    assert np.allclose(table.sum(axis=-1), 1.0)
    assert (table[..., 2] == 0.0).all()


def test_a_cell_with_many_persons_is_left_as_the_survey_has_it():
    weights = np.full((2, 1, 2), 1e6)
    weights[0, 0] = [9e6, 1e6]
    table = estimation.rake_then_shrink(weights, weights, design_effect=1.0, shrink_persons=10.0)
    assert np.allclose(table[0, 0], [0.9, 0.1], atol=1e-3)


def test_women_are_whole_and_never_more_than_persons():
    persons = RNG.integers(0, 9, size=(30, 101))
    women = allocation.whole_women(RNG.random((30, 101)), persons)
    assert ((women >= 0) & (women <= persons)).all()


def test_a_band_has_the_share_of_women_that_the_census_says():
    persons = RNG.integers(1, 500, size=(40, 6)).astype(float)
    bands = np.array([-1, -1, 0, 0, 1, 1])
    raked = allocation.raked_women(np.full((40, 6), 0.5), persons, bands, np.array([0.52, 0.6]))
    share = (raked * persons)[:, 2:4].sum() / persons[:, 2:4].sum()
    assert np.isclose(share, 0.52, atol=1e-6)
    assert (raked[:, :2] == 0.5).all()


def test_cells_that_differ_by_chance_alone_take_the_prior():
    prior = np.array([0.2, 0.3, 0.5])
    weights = RNG.multinomial(400, prior, size=200).astype(float)
    k = estimation.shrink_strength(weights, weights, prior, design_effect=1.0)
    assert k.min() > 2_000


def test_the_strength_of_shrinking_is_found_again():
    prior = np.array([0.2, 0.3, 0.5])
    laws = RNG.dirichlet(prior * 50, size=4_000)
    weights = np.stack([RNG.multinomial(100, law) for law in laws]).astype(float)
    k = estimation.shrink_strength(weights, weights, prior, design_effect=1.0)
    assert np.allclose(k, 50, rtol=0.15)


def make_sample(persons: int) -> tuple[np.ndarray, np.ndarray]:
    """(states, 3 parents, 4 values): main effects of state and parents, and persons drawn from them."""
    odds = (
        RNG.normal(size=(6, 1, 1, 1, 4))
        + RNG.normal(size=(1, 3, 1, 1, 4))
        + RNG.normal(size=(1, 1, 2, 1, 4))
        + RNG.normal(size=(1, 1, 1, 5, 4))
    )
    law = np.exp(odds) / np.exp(odds).sum(axis=-1, keepdims=True)
    cells = law.reshape(-1, 4)
    drawn = np.stack([RNG.multinomial(RNG.poisson(persons), row) for row in cells]).astype(float)
    return law, drawn.reshape(law.shape)


def test_log_linear_comes_nearer_to_a_law_of_main_effects_than_rake_then_shrink():
    law, weights = make_sample(persons=8)
    near = estimation.log_linear_then_shrink(weights, weights, design_effect=1.0)
    far = min(
        np.abs(estimation.rake_then_shrink(weights, weights, design_effect=1.0, shrink_persons=float(k)) - law).mean()
        for k in (25, 100, 400, 1600)
    )
    assert np.abs(near - law).mean() < 0.9 * far


def test_log_linear_does_not_lay_to_a_parent_what_tells_the_states_apart():
    # In half of the states few work and most are of the first race, in the other half the reverse. Schooling matters,
    # race does nothing.
    odds = np.repeat([-1.0, 1.0], 13)[:, None] + np.array([-1.0, 1.0])
    works = 1 / (1 + np.exp(-odds))  # (states, schooling)
    first_race = np.repeat([0.9, 0.1], 13)
    race = np.stack([first_race, 1 - first_race], axis=1)
    law = np.stack([works, 1 - works], axis=-1)
    persons = 60 * race[:, :, None, None] * 0.5 * law[:, None]  # (states, race, schooling, works)
    table = estimation.log_linear(persons, persons, design_effect=1.0)
    found = np.log(table[..., 0] / table[..., 1])
    assert np.abs(found[:, 0] - found[:, 1]).max() < 0.2
    assert found == pytest.approx(np.broadcast_to(odds[:, None], found.shape), abs=0.5)


def test_log_linear_gives_laws_with_every_value_of_the_country_and_no_other():
    _, weights = make_sample(persons=1)
    weights[..., 3] = 0.0
    table = estimation.log_linear_then_shrink(weights, weights, design_effect=1.1, regions=(0, 0, 1, 1, 2, 2))
    assert np.allclose(table.sum(axis=-1), 1.0)
    assert (table[..., :3] > 0).all()
    assert (table[..., 3] == 0.0).all()


def test_log_linear_leaves_a_cell_with_many_persons_as_the_survey_has_it():
    _, weights = make_sample(persons=5)
    weights[0, 0, 0, 0] = [1e6, 2e6, 3e6, 4e6]
    table = estimation.log_linear_then_shrink(weights, weights, design_effect=1.0)
    assert np.allclose(table[0, 0, 0, 0], [0.1, 0.2, 0.3, 0.4], atol=2e-3)


def test_a_family_without_parents_is_the_state_shrunk_to_the_country():
    weights = np.array([[90.0, 10.0], [10.0, 90.0], [1.0, 0.0]])
    table = estimation.log_linear_then_shrink(weights, weights, design_effect=1.0)
    assert table[0, 0] > 0.8 > table[2, 0] > 0.5 > table[1, 0]
