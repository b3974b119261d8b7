"""Randomness is a pure function of seed, state, variable and point."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri
from scipy.stats import qmc

from census import seeds


def words(variable: int, points: np.ndarray, *, seed: int = 1) -> np.ndarray:
    high, low = seeds.sobol_tables(seed, 28, variable, seeds.directions()[variable])
    return high[points >> seeds.LOW_BITS] ^ low[points & ((1 << seeds.LOW_BITS) - 1)]


def test_the_first_bits_of_dimension_0_are_a_permutation():
    numbers = words(seeds.ORDER, np.arange(4096)) >> np.uint32(seeds.BITS - 12)
    assert len(np.unique(numbers)) == 4096


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
