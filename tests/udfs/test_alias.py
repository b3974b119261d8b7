"""Every kind of law draws what its table says: alias tables, cumulative steps, and values that a cell determines."""

from __future__ import annotations

import numpy as np
import pytest

from udfs import alias

GRID = (np.arange(100_000) + 0.5) / 100_000
EDGES = np.array([0.0, 2.0**-32, 0.5, 1 - 2.0**-32, 1 - 2.0**-53])  # uniforms at which rounding could slip


def make_table(cells: int, values: int, *, zeros: float = 0.3, seed: int = 1) -> np.ndarray:
    """Laws with a share of impossible values; the first value of the first cell is certain."""
    draw = np.random.default_rng(seed)
    table = draw.gamma(0.5, size=(cells, values)) * (draw.random((cells, values)) >= zeros)
    table[np.arange(cells), draw.integers(0, values, cells)] += 0.01
    table[0] = np.eye(values)[0]
    return table / table.sum(axis=1, keepdims=True)


def of_cell(cell: int, u: np.ndarray) -> np.ndarray:
    return np.full(len(u), cell, dtype=np.int32)


# Few values: steps. Many: alias, for all cells at once or one long law after the other. Few used of many: ragged alias.
SHAPES = [(5, 2, 0.3), (4, 6, 0.3), (30, 12, 0.2), (3, 40, 0.2), (12, 20, 0.9)]


@pytest.mark.parametrize(("cells", "values", "zeros"), SHAPES)
def test_a_grid_of_uniforms_draws_the_law_of_every_cell(cells, values, zeros):
    table = make_table(cells, values, zeros=zeros)
    law = alias.law(table)
    for cell in range(cells):
        drawn = law.draw(of_cell(cell, GRID), GRID)
        assert np.allclose(np.bincount(drawn, minlength=values) / len(GRID), table[cell], atol=3e-4)


@pytest.mark.parametrize(("cells", "values", "zeros"), SHAPES)
def test_a_value_of_probability_zero_is_never_drawn(cells, values, zeros):
    table = make_table(cells, values, zeros=zeros)
    law = alias.law(table)
    u = np.concatenate([EDGES, np.random.default_rng(2).random(20_000)])
    for cell in range(cells):
        assert set(law.draw(of_cell(cell, u), u)) <= set(np.flatnonzero(table[cell]))


@pytest.mark.parametrize(("cells", "values", "zeros"), SHAPES)
def test_the_chance_of_a_value_is_that_of_the_table(cells, values, zeros):
    table = make_table(cells, values, zeros=zeros)
    cell, value = (axis.ravel().astype(np.int32) for axis in np.indices(table.shape))
    assert np.allclose(alias.law(table).chance(cell, value), table.ravel(), atol=1e-6)


@pytest.mark.parametrize("values", [5, 17])
def test_a_law_that_sums_to_a_little_less_than_1_draws_nothing_impossible_in_the_gap(values):
    table = np.zeros((40, values))
    table[:, :3] = np.random.default_rng(3).dirichlet([1.0, 1.0, 1.0], size=40) * (1 - 9e-7)
    law = alias.law(table)
    assert all(set(law.draw(of_cell(cell, EDGES), EDGES)) <= {0, 1, 2} for cell in range(40))


def test_laws_of_different_sizes_keep_apart():
    table = alias.build_ragged([np.array([1.0]), np.array([1.0, 3.0])])
    u = (np.arange(1000) + 0.5) / 1000
    assert set(table.draw(of_cell(0, u), u)) == {0}
    assert np.isclose(table.draw(of_cell(1, u), u).mean(), 0.75, atol=0.002)


def test_a_table_of_ones_and_zeros_is_looked_up_and_needs_no_uniform():
    table = np.eye(4)[[[2, 0], [1, 3]]]  # two parents
    law = alias.known(table)
    assert list(law.draw(np.arange(4, dtype=np.int32), np.zeros(0))) == [2, 0, 1, 3]
    assert list(law.chance(np.array([0, 0]), np.array([2, 1]))) == [1.0, 0.0]


def test_a_law_has_one_cell_a_combination_of_parents_the_last_one_fastest():
    table = np.zeros((2, 3, 2))
    table[..., 0] = [[0, 1, 0], [1, 0, 0]]
    table[..., 1] = 1 - table[..., 0]
    assert list(alias.law(table).draw(np.arange(6, dtype=np.int32), np.full(6, 0.3))) == [1, 0, 1, 0, 1, 1]
