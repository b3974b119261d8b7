"""A table of the network is checked before it is stored, and its rows are the table in the order of its cells."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from census import network
from census.errors import FitError
from census.network import NATIONAL, NodeTable

DOMAINS = {"uf": ("AC", "SE"), "sex": ("F", "M"), "zone": ("urbana", "rural"), "religion": ("a", "b", "c")}


def make_node(*parents: str) -> NodeTable:
    shape = tuple(len(DOMAINS[p]) for p in parents)
    table = np.random.default_rng(1).dirichlet(np.ones(3), size=shape)
    return NodeTable("religion", parents, DOMAINS["religion"], table, "C", "random")


def test_laws_on_their_parents_pass():
    network.check([make_node("uf", "sex"), make_node()], DOMAINS)


def test_a_table_that_does_not_fit_its_parents_is_refused():
    node = replace(make_node("uf", "sex"), parents=("uf", "sex", "zone"))
    with pytest.raises(FitError, match=r"religion: its table has shape \(2, 2, 3\), its parents say \(2, 2, 2, 3\)"):
        network.check([node], DOMAINS)


def test_a_cell_that_does_not_sum_to_1_is_refused():
    node = make_node("uf", "sex")
    node.table[1, 0, 2] += 0.01
    with pytest.raises(FitError, match=r"religion: a cell of its table is off 1 by 0\.01"):
        network.check([make_node(), node], DOMAINS)


def test_a_negative_probability_is_refused():
    node = make_node("sex")
    node.table[0] = [1.2, -0.2, 0.0]
    with pytest.raises(FitError, match="negative"):
        network.check([node], DOMAINS)


@pytest.mark.parametrize("hole", [np.nan, np.inf])
def test_a_probability_that_is_no_number_is_refused(hole):
    node = make_node("sex")
    node.table[0, 0] = hole
    with pytest.raises(FitError, match="religion"):
        network.check([node], DOMAINS)


def test_rows_are_the_cells_in_mixed_radix_with_their_words():
    node = make_node("sex", "uf", "zone")
    rows = network.rows(node, DOMAINS).to_pandas()
    assert list(rows["uf"]) == ["AC"] * 4 + ["SE"] * 4
    assert list(rows["cell_index"]) == [0, 1, 2, 3] * 2
    assert list(rows["cell"][:4]) == ["F|urbana", "F|rural", "M|urbana", "M|rural"]
    assert np.array_equal(rows["probabilities"][6], node.table[1, 1, 0])
    assert rows["effective_persons"].isna().all()


def test_a_table_without_states_stands_under_brazil():
    rows = network.rows(make_node("sex"), DOMAINS).to_pandas()
    assert list(rows["uf"]) == [NATIONAL] * 2
    assert list(network.rows(make_node(), DOMAINS).to_pandas()["cell"]) == [""]


def test_what_is_known_of_a_cell_stands_in_its_own_row():
    node = make_node("sex", "uf")
    node = replace(node, effective_persons=np.array([[1.0, 2.0], [3.0, 4.0]]))
    rows = network.rows(node, DOMAINS).to_pandas().set_index(["uf", "cell"])["effective_persons"]
    assert (rows["AC", "M"], rows["SE", "F"]) == (3.0, 2.0)
