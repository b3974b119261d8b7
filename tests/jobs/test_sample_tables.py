"""The laws of a state's persons: the census block by municipality, everything else by the network."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from census import block, codes, model, network
from census.network import NodeTable
from conf import settings
from jobs import _sample_tables
from jobs._model_tables import ModelTables
from udfs.sampling import Variable

PLACES = ("1200013", "1200401")
SHAPE = (len(PLACES), len(codes.SEXES), len(codes.AGE_BANDS), *block.CELLS)
SPEC = {name: settings.network()[name] for name in ("age_class", "race", "education_level", "zone", "religion")}
NODES = {
    "age_class": ("age_band",),
    "race": ("uf", "sex", "age_band"),
    "education_level": ("uf", "sex", "age_band", "race"),
    "zone": ("uf", "sex", "education_level"),  # fewer parents than the block has axes, as an overlay may say
    "religion": ("sex", "race"),
}
PERSONS = np.random.default_rng(3).gamma(1.0, 20.0, size=SHAPE)
PERSONS[0, 1, 7, 4] = 0.0  # no indigenous men of this age in the first municipality
PERSONS[1, 0, 3] = 0.0  # and no girls of this age at all in the second


def make_table(name: str) -> NodeTable:
    shape = tuple(len(model.DOMAINS[parent]) for parent in NODES[name])
    table = np.random.default_rng(len(name)).dirichlet(np.ones(len(model.DOMAINS[name])), size=shape)
    if name == "age_class":
        table = np.eye(len(codes.AGE_CLASSES))[list(model.COARSER_AGES["age_class"])]
    return NodeTable(name, NODES[name], model.DOMAINS[name], table, "A", "random")


TABLES = {name: make_table(name) for name in NODES}


@pytest.fixture(scope="module")
def variables() -> dict[str, Variable]:
    """The variables of Acre, from rows as Delta gives them."""
    listed = [
        {"order": i, "node": n.name, "parents": list(n.parents), "values": list(n.values), "grade": "A", "source": "x"}
        for i, n in enumerate(TABLES.values())
    ]
    rows = [
        ("AC", code, sex, band, PERSONS[m, s, b].ravel())
        for m, code in enumerate(PLACES)
        for s, sex in enumerate(codes.SEXES)
        for b, band in enumerate(codes.AGE_BANDS)
    ]
    stored = ModelTables(
        pd.DataFrame(listed),
        pa.concat_tables([network.rows(node, model.DOMAINS) for node in TABLES.values()]),
        pd.DataFrame(rows, columns=["uf", "municipality_code", "sex", "age_band", "persons"]),
    )
    return {
        variable.name: variable for variable in _sample_tables._variables(stored.state("AC"), stored.block("AC"), SPEC)
    }


def law(variable: Variable, *cell: int) -> np.ndarray:
    """P(values | cell), by the variable's own cells and chances."""
    values = np.arange(len(model.DOMAINS[variable.name]), dtype=np.int32)
    parents = {p: np.full(len(values), c, dtype=np.int32) for p, c in zip(variable.parents, cell, strict=True)}
    if not parents:
        return variable.law.chance(np.zeros(len(values), dtype=np.int32), values)
    return variable.law.chance(variable.cells(parents), values)


def test_race_schooling_and_zone_follow_the_block_of_the_municipality(variables):
    for place, sex, band, race, level in ((0, 0, 9, 3, 2), (1, 1, 17, 0, 0)):
        here = PERSONS[place, sex, band]
        shares = {
            "race": here.sum(axis=(1, 2)),
            "education_level": here[race].sum(axis=1),
            "zone": here[race, level],
        }
        cells = {"race": (place, sex, band), "education_level": (place, sex, band, race)}
        cells["zone"] = (place, sex, band, race, level)
        for name, persons in shares.items():
            assert law(variables[name], *cells[name]) == pytest.approx(persons / persons.sum(), abs=1e-6), name


def test_a_cell_of_nobody_has_the_state_s_own_law(variables):
    acre = codes.UFS.index("AC")
    assert law(variables["education_level"], 0, 1, 7, 4) == pytest.approx(
        TABLES["education_level"].table[acre, 1, 7, 4], abs=1e-6
    )
    assert law(variables["zone"], 0, 1, 7, 4, 2) == pytest.approx(TABLES["zone"].table[acre, 1, 2], abs=1e-6)
    assert law(variables["race"], 1, 0, 3) == pytest.approx(TABLES["race"].table[acre, 0, 3], abs=1e-6)


def test_other_variables_have_the_network_s_parents_and_streams(variables):
    assert variables["religion"].parents == ("sex", "race")
    assert variables["religion"].number == settings.network()["religion"].number
    assert law(variables["religion"], 1, 3) == pytest.approx(TABLES["religion"].table[1, 3], abs=1e-6)


def test_a_variable_that_its_parents_determine_is_looked_up(variables):
    assert variables["age_class"].number is None
    classes = [int(law(variables["age_class"], band).argmax()) for band in range(len(codes.AGE_BANDS))]
    assert classes == list(model.COARSER_AGES["age_class"])
