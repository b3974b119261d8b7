"""Distances and noise floors."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from census import quality


def simulated(law: np.ndarray, n: int) -> np.ndarray:
    draws = np.random.default_rng(7).multinomial(n, law, size=20_000)
    return np.abs(draws / n - law).sum(axis=1) / 2


def test_distance_is_zero_for_equal_laws_and_one_for_disjoint_ones():
    half = np.array([0.5, 0.5, 0.0])
    assert quality.tvd(half, half) == 0.0
    assert quality.tvd(half, np.array([0.0, 0.0, 1.0])) == 1.0
    assert quality.tvd(np.array([0.6, 0.4]), np.array([0.5, 0.5])) == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("law", "n"),
    [
        (np.array([0.5, 0.5]), 1_000),
        (np.array([0.5, 0.5]), 10),
        (np.array([0.9, 0.09, 0.009, 0.001]), 200),
        (np.full(500, 1 / 500), 100),
        (np.array([0.97, 0.03]), 1),
    ],
)
def test_floor_is_the_mean_distance_of_independent_draws(law, n):
    seen = simulated(law, n)
    assert quality.iid_floor(law, n) == pytest.approx(seen.mean(), rel=0.02)


@pytest.mark.parametrize(
    ("law", "n"),
    [(np.array([0.5, 0.5]), 1_000), (np.array([0.6, 0.3, 0.1]), 2_000), (np.full(40, 1 / 40), 5_000)],
)
def test_spread_is_the_standard_deviation_of_independent_draws(law, n):
    assert quality.iid_spread(law, n) == pytest.approx(simulated(law, n).std(), rel=0.03)


def test_floor_of_large_cells_is_the_normal_formula():
    law, n = np.array([0.2, 0.3, 0.5]), 1_000_000
    assert quality.iid_floor(law, n) == pytest.approx(np.sqrt(law * (1 - law) / (2 * np.pi * n)).sum(), rel=1e-12)


def test_floor_of_small_cells_is_the_deviation_of_a_poisson_law():
    n, small = 1_000_000, 3e-6  # expects 3 draws
    law = np.array([small, 1 - small])
    poisson = 2 * math.exp(-3) * 3**4 / math.factorial(3)
    large = math.sqrt(law[1] * small / (2 * math.pi * n))
    assert quality.iid_floor(law, n) == pytest.approx(poisson / (2 * n) + large, rel=1e-4)


def test_floor_falls_as_the_sample_grows_and_is_zero_for_one_cell():
    law = np.array([0.1, 0.2, 0.7])
    floors = [quality.iid_floor(law, n) for n in (1, 10, 100, 149, 151, 10_000, 203_080_756)]
    assert floors == sorted(floors, reverse=True)
    assert quality.iid_floor(np.array([1.0]), 5) == 0.0


def test_comparison_takes_targets_of_any_scale():
    counts = np.array([30.0, 70.0])
    by_share, by_persons = quality.compare(counts, np.array([0.4, 0.6])), quality.compare(counts, np.array([400, 600]))
    assert by_share == by_persons
    assert (by_share.value, by_share.n) == (pytest.approx(0.1), 100)
    assert by_share.ratio == pytest.approx(by_share.value / by_share.floor)


def test_a_target_that_is_a_sample_of_the_same_size_raises_the_floor_by_root_two():
    counts, target = np.array([30.0, 70.0]), np.array([0.4, 0.6])
    census, survey = quality.compare(counts, target), quality.compare(counts, target, target_persons=100)
    assert survey.floor == pytest.approx(census.floor * math.sqrt(2))


def test_a_fair_draw_is_called_noise_and_a_biased_one_is_not():
    law = np.array([0.5, 0.3, 0.2])
    fair = np.random.default_rng(3).multinomial(2_000, law)
    assert quality.compare(fair.astype(float), law).is_noise
    assert not quality.compare(np.array([800.0, 800.0, 400.0]), law).is_noise


def test_a_value_outside_the_target_counts_as_distance():
    found = quality.compare(np.array([5.0, 5.0]), np.array([1.0, 0.0]))
    assert found.value == 0.5
    assert found.ratio == math.inf
    assert not found.is_noise


def test_nothing_to_compare_is_refused():
    with pytest.raises(ValueError, match="nothing to compare"):
        quality.compare(np.zeros(3), np.ones(3))
    with pytest.raises(ValueError, match="nothing to compare"):
        quality.compare(np.ones(3), np.zeros(3))


def test_pooled_states_weigh_as_many_persons_as_they_have():
    law, other = np.array([0.5, 0.5]), np.array([0.9, 0.1])
    parts = [quality.compare(np.array([60.0, 40.0]), law), quality.compare(np.array([270.0, 30.0]), other)]
    whole = quality.pooled(parts)
    counts = np.array([60.0, 40.0, 270.0, 30.0])
    joint = np.concatenate([law * 100, other * 300])
    assert whole.n == 400
    assert whole.value == pytest.approx(np.abs(counts - joint).sum() / 2 / 400)
    assert whole.floor == pytest.approx((parts[0].floor * 100 + parts[1].floor * 300) / 400)


def test_expected_cells_follow_the_table_and_keep_the_persons():
    cells = pd.DataFrame({"uf": ["AC", "SE"], "sex": ["F", "F"], "zone": ["rural", "rural"], "persons": [10.0, 40.0]})
    cpd = pd.DataFrame(
        {
            "uf": ["AC", "AC", "SE"],
            "cell": ["F|rural"] * 3,
            "value": ["católica", "outra", "outra"],
            "probability": [0.25, 0.75, 1.0],
        }
    )
    found = quality.expected_cells(cells, "religion", ("uf", "sex", "zone"), cpd)
    assert found.set_index(["uf", "religion"])["persons"].to_dict() == {
        ("AC", "católica"): 2.5,
        ("AC", "outra"): 7.5,
        ("SE", "outra"): 40.0,
    }
    national = cpd[cpd["uf"] == "AC"].assign(uf="BR")
    everywhere = quality.expected_cells(cells, "religion", ("sex", "zone"), national)
    assert everywhere.groupby("uf")["persons"].sum().to_dict() == {"AC": 10.0, "SE": 40.0}
