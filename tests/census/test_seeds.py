"""Randomness is a pure function of seed, state, variable and point."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtri
from scipy.stats import qmc

from census import seeds


def words(variable: int, points: np.ndarray, *, seed: int = 1) -> np.ndarray:
    high, low = seeds.sobol_tables(seed, 28, variable, seeds.directions()[variable])
    return high[points >> seeds.LOW_BITS] ^ low[points & ((1 << seeds.LOW_BITS) - 1)]


def test_the_first_bits_of_dimension_0_are_a_permutation():
    numbers = words(seeds.ORDER, np.arange(4096)) >> np.uint32(seeds.BITS - 12)
    assert len(np.unique(numbers)) == 4096


@pytest.mark.parametrize(("seed", "bits"), [(1, 12), (7, 17), (2**31 - 1, 20)])
def test_every_person_number_leads_back_to_its_point(seed, bits):
    tables = seeds.sobol_tables(seed, 28, seeds.ORDER, seeds.directions()[seeds.ORDER])
    numbers = np.arange(1 << bits)
    points = seeds.points_of(numbers, tables, bits=bits)
    assert (words(seeds.ORDER, points, seed=seed) >> np.uint32(seeds.BITS - bits) == numbers).all()
    assert (np.sort(points) == numbers).all()


def test_the_last_person_of_the_largest_state_is_found():
    tables = seeds.sobol_tables(1, 28, seeds.ORDER, seeds.directions()[seeds.ORDER])
    numbers = np.array([0, 44_411_238 - 1])  # São Paulo
    points = seeds.points_of(numbers, tables, bits=26)
    assert (words(seeds.ORDER, points) >> np.uint32(seeds.BITS - 26) == numbers).all()


def test_a_number_beyond_the_state_is_refused():
    tables = seeds.sobol_tables(1, 28, seeds.ORDER, seeds.directions()[seeds.ORDER])
    with pytest.raises(ValueError, match="not below 2\\^4"):
        seeds.points_of(np.array([16]), tables, bits=4)


def test_directions_make_the_same_point_set_as_scipy():
    points = np.arange(256)
    vectors = seeds.directions()[5]
    ours = np.zeros(256, dtype=np.uint32)
    for bit in range(8):
        ours[points >> bit & 1 == 1] ^= vectors[bit]
    scipys = qmc.Sobol(seeds.DIMENSIONS, scramble=False, bits=seeds.BITS).random(256)[:, 5]
    assert np.allclose(np.sort(ours * 2.0**-32), np.sort(scipys))


def test_points_of_two_dimensions_fill_the_square_evenly():
    points = np.arange(4096)
    cells = np.histogram2d(words(3, points) * 2.0**-32, words(7, points) * 2.0**-32, bins=16)[0]
    assert cells.min() >= 13
    assert cells.max() <= 19


def test_another_seed_gives_other_points():
    assert (words(3, np.arange(64)) != words(3, np.arange(64), seed=2)).any()


def test_the_normal_quantile_is_scipys():
    u = np.linspace(0.0005, 0.9995, 999)
    assert np.allclose(seeds.normal_quantile(u), ndtri(u), rtol=1e-7, atol=1e-8)
