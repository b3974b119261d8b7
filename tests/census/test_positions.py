"""Positions split from those of the survey, and moved to what the censuses say of the country and of each state."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from census import codes, positions
from census.errors import FitError

RNG = np.random.default_rng(12)
GROUP_OF_COD = np.array([0, 0, 0, 1, 1, 1])
WITH, WITHOUT = [0, 2, 4], [1, 3, 5]


def make_laws(*shape: int) -> np.ndarray:
    return RNG.dirichlet(np.full(shape[-1], 2.0), size=shape[:-1])


def test_positions_reach_their_published_levels_and_the_others_keep_their_odds():
    table = make_laws(3, 4, 5, len(codes.POSITIONS))
    workers = RNG.gamma(2.0, 10.0, size=(3, 4, 5))
    levels = [((8,), 0.26), ((7,), 0.04), ((0,), 0.38), ((2, 3), 0.06)]
    moved, off = positions.at_levels(table, workers, levels, np.ones(3))
    have = (workers[..., None] * moved).sum(axis=(0, 1, 2)) / workers.sum()
    assert [have[list(together)].sum() for together, _ in levels] == pytest.approx([s for _, s in levels], abs=1e-4)
    assert np.allclose(moved.sum(axis=-1), 1.0)
    assert off == {}
    assert np.allclose(moved[..., 6] / moved[..., 9], table[..., 6] / table[..., 9])


def test_ten_positions_are_seven_split_and_none_leaves_its_survey_position():
    seven = make_laws(2, len(GROUP_OF_COD), 2, 4, 3, 7)  # state, COD, sex, education, age class
    counts = RNG.gamma(1.0, 20.0, size=(2, 4, len(codes.POSITIONS)))
    ten = positions.ten_of_seven(seven, positions.split_of_survey(counts, counts), GROUP_OF_COD, 3)
    assert ten.shape == (*seven.shape[:-1], 10)
    assert np.allclose(ten.sum(axis=-1), 1.0)
    assert np.allclose(ten[..., [2, 3]].sum(axis=-1), seven[..., 0])  # domestic, with and without contract
    assert np.allclose(ten[..., [7, 8, 9]], seven[..., [4, 5, 6]])  # employer, own account, family worker
    assert np.allclose(ten[..., 4:7].sum(axis=-1), seven[..., [1, 3]].sum(axis=-1))


def test_every_position_comes_from_a_survey_position_that_may_become_it():
    assert all(p in positions.POSITIONS_OF_SURVEY[positions.SURVEY_POSITION_OF[p]] for p in range(len(codes.POSITIONS)))


def test_contracts_have_the_odds_of_their_state_while_the_country_keeps_its_positions():
    table = make_laws(3, 40, len(codes.POSITIONS))
    workers = RNG.gamma(2.0, 10.0, size=(3, 40))
    odds = np.array([0.3, 1.0, 2.5])
    levels = [((8,), 0.26), ((0,), 0.38), ((1,), 0.13)]
    moved, off = positions.at_levels(table, workers, levels, odds)
    by_state = (workers[..., None] * moved).sum(axis=1)
    found = by_state[:, WITH].sum(axis=1) / by_state[:, WITHOUT].sum(axis=1)
    assert found / found[1] == pytest.approx(odds, rel=1e-3)
    assert by_state.sum(axis=0)[[8, 0, 1]] / workers.sum() == pytest.approx([0.26, 0.38, 0.13], abs=1e-4)
    assert np.allclose(moved.sum(axis=-1), 1.0)
    assert off == {}


def test_a_contract_is_as_much_likelier_in_one_cell_of_a_state_than_in_another_as_before():
    table = make_laws(2, 5, len(codes.POSITIONS))
    moved, _ = positions.at_levels(table, np.ones((2, 5)), [((8,), 0.3)], np.array([0.5, 2.0]))
    before, after = (np.log(law[..., 0] / law[..., 1]) for law in (table, moved))
    assert np.allclose(np.diff(after, axis=1), np.diff(before, axis=1))
    found = moved.sum(axis=1)
    found = found[:, WITH].sum(axis=1) / found[:, WITHOUT].sum(axis=1)
    assert found[1] / found[0] == pytest.approx(4.0, rel=1e-3)


def test_a_state_where_nobody_works_for_another_leaves_the_rest_as_they_should_be():
    table = make_laws(3, 5, len(codes.POSITIONS))
    table[2] = np.eye(len(codes.POSITIONS))[8]
    moved, _ = positions.at_levels(table, np.ones((3, 5)), [((8,), 0.5)], np.array([0.5, 2.0, 1.0]))
    assert np.allclose(moved[2], table[2])
    assert moved[..., 8].mean() == pytest.approx(0.5, abs=1e-4)


def test_what_cannot_be_reached_is_told_with_how_far_it_is_off():
    table = make_laws(2, 5, len(codes.POSITIONS))
    table[..., 7] = 0.0
    table /= table.sum(axis=-1, keepdims=True)
    _, off = positions.at_levels(table, np.ones((2, 5)), [((7,), 0.03), ((8,), 0.2)], np.ones(2))
    assert off["empregador"] == pytest.approx(-0.03)


def make_places() -> pd.DataFrame:
    """A place a state, and in the first state another that is three times as large."""
    return pd.DataFrame(
        {
            "uf": [*codes.UFS, codes.UFS[0]],
            "urban_persons": [100.0] * len(codes.UFS) + [300.0],
            "rural_persons": 0.0,
            "with_contract_percent": [40.0] * len(codes.UFS) + [80.0],
            "without_contract_percent": [20.0] * len(codes.UFS) + [10.0],
        }
    )


def test_the_odds_of_2010_weigh_places_by_their_residents():
    odds = positions.contract_odds_of_2010(make_places())
    assert odds[0] == pytest.approx((40 + 3 * 80) / (20 + 3 * 10))
    assert odds[1:] == pytest.approx(2.0)


def test_a_state_that_the_file_of_2010_lacks_is_named():
    rows = make_places()
    with pytest.raises(FitError, match=r"in RR, SE: give sources\.atlas2010_work"):
        positions.contract_odds_of_2010(rows[~rows["uf"].isin(["RR", "SE"])])


def test_a_state_of_few_surveyed_has_the_contracts_of_the_country():
    counts = np.zeros((3, len(codes.POSITIONS)))
    counts[0, :2], counts[1, :2] = [9000.0, 1000.0], [5000.0, 5000.0]
    odds = positions.contract_odds_of_survey(counts, counts, design_effect=2.0)
    assert odds[0] == pytest.approx(9, rel=0.05)
    assert odds[2] == pytest.approx(7 / 3, rel=0.01)
