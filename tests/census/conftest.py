"""A small network with random tables: the real names of the road from sex to income, few occupations."""

from __future__ import annotations

import numpy as np
import pytest

from census import codes
from census.network import NodeTable

COD = ("1111", "1112", "2211", "5111", "5112", "9111")
VALUES = {
    "sex": codes.SEXES,
    "age_band": codes.AGE_BANDS,
    "race": codes.RACES,
    "education_level": codes.EDUCATION_LEVELS,
    "zone": codes.ZONES,
    "religion": codes.RELIGIONS,
    "activity": codes.ACTIVITIES,
    "occupation_group": codes.OCCUPATION_GROUPS,
    "occupation_cod": COD,
    "pay_class": ("low", "high"),
    "position": codes.POSITIONS,
    "income_band": codes.INCOME_BANDS,
}
PARENTS = {
    "sex": (),
    "age_band": ("sex",),
    "race": ("sex", "age_band"),
    "education_level": ("sex", "age_band", "race"),
    "zone": ("sex", "age_band", "race", "education_level"),
    "religion": ("sex", "race"),
    "activity": ("zone", "sex", "age_band", "education_level"),
    "occupation_group": ("sex", "age_band", "education_level", "zone"),
    "occupation_cod": ("occupation_group", "sex"),
    "pay_class": ("occupation_cod",),
    "position": ("occupation_cod", "education_level"),
    "income_band": ("pay_class", "position", "sex"),
}


def make_nodes(seed: int = 0) -> tuple[NodeTable, ...]:
    """A state's network; grade C for religion, B for work, A for the others."""
    draw = np.random.default_rng(seed)
    nodes = []
    for name, parents in PARENTS.items():
        shape = tuple(len(VALUES[parent]) for parent in parents)
        table = draw.gamma(0.7, size=(*shape, len(VALUES[name]))) + 1e-9
        if name == "pay_class":
            table = np.eye(2)[np.arange(len(COD)) % 2]
        grade = "C" if name == "religion" else "A" if name in tuple(VALUES)[:5] else "B"
        surveyed = grade == "B"
        nodes.append(
            NodeTable(
                name,
                parents,
                VALUES[name],
                table / table.sum(axis=-1, keepdims=True),
                grade,
                "random",
                draw.gamma(2, 50, size=shape) if surveyed else None,
                draw.random(shape) if surveyed else None,
            )
        )
    return tuple(nodes)


@pytest.fixture(scope="session")
def nodes() -> tuple[NodeTable, ...]:
    return make_nodes()


@pytest.fixture(scope="session")
def other_nodes() -> tuple[NodeTable, ...]:
    return make_nodes(1)
