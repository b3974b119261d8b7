"""Positions split from those of the survey, and moved to what the censuses say of the country and of each state."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from census import codes, positions

RNG = np.random.default_rng(12)
GROUP_OF_COD = np.array([0, 0, 0, 1, 1, 1])
WITH, WITHOUT = [0, 2], [1, 3]


def make_laws(*shape: int) -> np.ndarray:
    return RNG.dirichlet(np.full(shape[-1], 2.0), size=shape[:-1])


def test_positions_reach_their_published_levels_and_the_others_keep_their_odds():
    table = make_laws(3, 4, 5, len(codes.POSITIONS))
    workers = RNG.gamma(2.0, 10.0, size=(3, 4, 5))
    levels = [((8,), 0.26), ((7,), 0.04), ((0,), 0.38), ((2, 3), 0.06)]
    raked = positions.at_levels(table, workers, levels)
    have = (workers[..., None] * raked).sum(axis=(0, 1, 2)) / workers.sum()
    assert [have[list(together)].sum() for together, _ in levels] == pytest.approx([s for _, s in levels], abs=1e-4)
    assert np.allclose(raked.sum(axis=-1), 1.0)
    assert np.allclose(raked[..., 1] / raked[..., 6], table[..., 1] / table[..., 6])
    assert np.allclose(raked[..., 2] / raked[..., 3], table[..., 2] / table[..., 3])


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
    moved = positions.at_levels(table, workers, levels, odds)
    by_state = (workers[..., None] * moved).sum(axis=1)
    found = by_state[:, WITH].sum(axis=1) / by_state[:, WITHOUT].sum(axis=1)
    assert found / found[1] == pytest.approx(odds, rel=1e-3)
    assert by_state.sum(axis=0)[[8, 0, 1]] / workers.sum() == pytest.approx([0.26, 0.38, 0.13], abs=1e-4)
    assert np.allclose(moved.sum(axis=-1), 1.0)


def test_a_contract_is_as_much_likelier_in_one_cell_of_a_state_than_in_another_as_before():
    table = make_laws(2, 5, len(codes.POSITIONS))
    moved = positions.at_levels(table, np.ones((2, 5)), [((8,), 0.3)], np.array([0.5, 2.0]))
    before, after = (np.log(law[..., 0] / law[..., 1]) for law in (table, moved))
    assert np.allclose(np.diff(after, axis=1), np.diff(before, axis=1))


def test_the_odds_of_2010_weigh_places_by_their_residents():
    rows = pd.DataFrame(
        {
            "uf": [*codes.UFS, codes.UFS[0]],
            "urban_persons": [100.0] * len(codes.UFS) + [300.0],
            "rural_persons": 0.0,
            "with_contract_percent": [40.0] * len(codes.UFS) + [80.0],
            "without_contract_percent": [20.0] * len(codes.UFS) + [10.0],
        }
    )
    odds = positions.contract_odds(positions.contracts_of_2010(rows))
    first = (40 + 3 * 80) / (20 + 3 * 10)
    assert odds[0] / odds[1] == pytest.approx(first / 2)
    assert (odds[1:] == odds[1]).all()


def test_a_state_of_few_surveyed_has_the_contracts_of_the_country():
    counts = np.zeros((3, len(codes.POSITIONS)))
    counts[0, :2], counts[1, :2] = [9000.0, 1000.0], [5000.0, 5000.0]
    shares = positions.contracts_of_survey(counts, counts, design_effect=2.0)
    assert shares[0, 0] == pytest.approx(0.9, abs=0.01)
    assert shares[2, 0] == pytest.approx(0.7, abs=0.001)
