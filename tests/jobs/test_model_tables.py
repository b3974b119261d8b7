"""What `fit` stores is what `sample`, the report and the questions read back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from census import block, codes, model, network
from census.errors import FitError
from census.network import NodeTable
from jobs._model_tables import ModelTables

COD = ("1111", "2211", "5111")
DOMAINS = model.DOMAINS | {"occupation_cod": COD}
PARENTS = {"religion": ("sex",), "occupation_cod": ("race", "uf"), "position": ("uf", "occupation_cod"), "zone": ()}


def make_node(name: str) -> NodeTable:
    shape = tuple(len(DOMAINS[p]) for p in PARENTS[name])
    draw = np.random.default_rng(len(name))
    table = draw.dirichlet(np.ones(len(DOMAINS[name])), size=shape)
    known = draw.gamma(2.0, 50.0, size=shape) if name == "position" else None
    return NodeTable(name, PARENTS[name], DOMAINS[name], table, "B", "random", effective_persons=known)


NODES = {name: make_node(name) for name in PARENTS}


def make_blocks(*municipalities: str, uf: str = "AC") -> pd.DataFrame:
    """Rows of core_model__block, shuffled: persons tell their own cell."""
    rows = [
        (uf, code, sex, band, 1000.0 * m + 100.0 * s + b + np.arange(float(np.prod(block.CELLS))) / 100)
        for m, code in enumerate(municipalities)
        for s, sex in enumerate(codes.SEXES)
        for b, band in enumerate(codes.AGE_BANDS)
    ]
    frame = pd.DataFrame(rows, columns=["uf", "municipality_code", "sex", "age_band", "persons"])
    return frame.sample(frac=1.0, random_state=1)


@pytest.fixture()
def stored() -> ModelTables:
    """The rows of four nodes as Delta gives them: in no order."""
    listed = [
        {"order": i, "node": n.name, "parents": list(n.parents), "values": list(n.values), "grade": "B", "source": "x"}
        for i, n in enumerate(NODES.values())
    ]
    cells = pa.concat_tables([network.rows(node, DOMAINS) for node in NODES.values()])
    return ModelTables(
        pd.DataFrame(listed).sample(frac=1.0, random_state=1),
        cells.take(np.random.default_rng(2).permutation(len(cells))),
        make_blocks("1200401", "1200013"),
    )


def test_the_tables_of_a_state_come_back_as_they_were_fitted(stored):
    for uf in ("RO", "AC", "DF"):
        found = {node.name: node for node in stored.state(uf)}
        assert list(found) == list(PARENTS)
        state = codes.UFS.index(uf)
        assert np.array_equal(found["religion"].table, NODES["religion"].table)
        assert np.array_equal(found["zone"].table, NODES["zone"].table)
        assert np.array_equal(found["occupation_cod"].table, NODES["occupation_cod"].table[:, state])
        assert np.array_equal(found["position"].table, NODES["position"].table[state])
        assert found["position"].parents == ("occupation_cod",)


def test_what_is_known_of_a_cell_comes_back_with_it(stored):
    found = {node.name: node for node in stored.state("SE")}
    assert np.array_equal(
        found["position"].effective_persons, NODES["position"].effective_persons[codes.UFS.index("SE")]
    )
    assert found["religion"].effective_persons is None


def second_position_of_acre(stored: ModelTables) -> np.ndarray:
    """Which rows of the cells it is."""
    cells = stored.cpd.select(["node", "uf", "cell_index"]).to_pandas()
    return ((cells["node"] == "position") & (cells["uf"] == "AC") & (cells["cell_index"] == 1)).to_numpy()


def test_a_table_with_a_missing_cell_is_refused(stored):
    kept = stored.cpd.filter(~second_position_of_acre(stored))
    with pytest.raises(FitError, match=r"position of AC has 2 cells, expected 3"):
        replace(stored, cpd=kept).state("AC")


@pytest.mark.parametrize("slip", [0.01, np.nan])
def test_a_stored_cell_that_does_not_sum_to_1_is_refused(stored, slip):
    laws = stored.cpd["probabilities"].to_pylist()
    (place,) = np.flatnonzero(second_position_of_acre(stored))
    laws[place] = [chance + slip for chance in laws[place]]
    column = stored.cpd.column_names.index("probabilities")
    wrong = stored.cpd.set_column(column, "probabilities", pa.array(laws))
    with pytest.raises(FitError, match="position of AC: a cell"):
        replace(stored, cpd=wrong).state("AC")
    assert replace(stored, cpd=wrong).state("SE")


def test_blocks_stand_in_the_order_of_municipality_sex_and_age(stored):
    found = stored.block("AC")
    assert found.municipalities == ("1200013", "1200401")
    assert found.persons.shape == (2, 2, len(codes.AGE_BANDS), *block.CELLS)
    assert found.persons[0, 1, 7, 0, 0, 0] == 1000 + 100 + 7
    assert found.persons[1, 0, 3].ravel() == pytest.approx(3 + np.arange(40) / 100)


def test_a_state_that_was_not_fitted_or_not_whole_is_told(stored):
    with pytest.raises(FitError, match=r"core_model__block lacks SE: `povo fit --uf SE` makes it"):
        stored.block("SE")
    with pytest.raises(FitError, match="core_model__block lacks AC"):
        replace(stored, blocks=stored.blocks.iloc[1:]).block("AC")
