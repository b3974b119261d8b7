"""Alias tables draw the law they were built from."""

from __future__ import annotations

import numpy as np

from udfs import alias


def test_a_grid_of_uniforms_draws_the_law():
    law = np.array([[0.5, 0.0, 0.3, 0.2], [0.1, 0.2, 0.3, 0.4]])
    table = alias.build(law)
    u = (np.arange(100_000) + 0.5) / 100_000
    for cell in range(2):
        drawn = table.draw(np.full(len(u), cell), u)
        assert np.allclose(np.bincount(drawn, minlength=4) / len(u), law[cell], atol=1e-4)


def test_a_value_of_probability_zero_is_never_drawn():
    law = np.array([0.0, 1.0, 0.0])
    table = alias.build(law[None])
    u = np.concatenate([[0.0, 1 - 2**-53], np.random.default_rng(1).random(10_000)])
    assert set(table.draw(np.zeros(len(u), dtype=np.int64), u)) == {1}


def test_laws_of_different_sizes_keep_apart():
    table = alias.build_ragged([np.array([1.0]), np.array([1.0, 3.0])])
    u = (np.arange(1000) + 0.5) / 1000
    assert set(table.draw(np.zeros(1000, dtype=np.int64), u)) == {0}
    assert np.isclose(table.draw(np.ones(1000, dtype=np.int64), u).mean(), 0.75, atol=0.002)
