"""Expected tables are the sums that a reader would write down, one cell after the other."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from census import codes, expectation
from census.network import NodeTable

WORK = ("occupation_group", "position")
SIZES = {"sex": 2, "age_band": 3, "race": 2, "education_level": 2, "zone": 2}
SIZES |= {"religion": 2, "activity": len(codes.ACTIVITIES), "occupation_group": 3, "position": 2}
PARENTS = {
    "religion": ("sex", "race"),
    "activity": ("age_band", "zone", "religion"),
    "occupation_group": ("sex", "education_level"),
    "position": ("occupation_group", "zone"),
}
_DRAW = np.random.default_rng(6)
PERSONS = _DRAW.gamma(1.0, 10.0, size=tuple(SIZES[name] for name in expectation.BLOCK))


def make_node(name: str) -> NodeTable:
    table = _DRAW.dirichlet(np.ones(SIZES[name]), size=tuple(SIZES[p] for p in PARENTS[name]))
    return NodeTable(name, PARENTS[name], tuple(map(str, range(SIZES[name]))), table, "C", "random")


NODES = {name: make_node(name) for name in PARENTS}


def by_hand(wanted: tuple[str, ...], *, workers_only: bool) -> np.ndarray:
    """Every combination of all values, one after the other."""
    total = np.zeros([SIZES[name] for name in wanted])
    for values in product(*(range(size) for size in SIZES.values())):
        cell = dict(zip(SIZES, values, strict=True))
        if workers_only and cell["activity"] != codes.ACTIVITIES.index("ocupado"):
            continue
        persons = PERSONS[tuple(cell[name] for name in expectation.BLOCK)]
        for name, node in NODES.items():
            persons *= node.table[(*(cell[parent] for parent in node.parents), cell[name])]
        total[tuple(cell[name] for name in wanted)] += persons
    return total


@pytest.mark.parametrize(
    "wanted",
    [("religion",), ("zone", "sex"), ("activity",), ("age_band", "religion", "activity"), ("education_level", "race")],
)
def test_everyone_is_counted_in_a_table_without_work(wanted):
    found = expectation.expected(list(NODES.values()), PERSONS, wanted, WORK)
    assert np.allclose(found, by_hand(wanted, workers_only=False))
    assert found.sum() == pytest.approx(PERSONS.sum())


@pytest.mark.parametrize(
    "wanted", [("occupation_group",), ("position", "age_band"), ("race", "position"), ("activity", "occupation_group")]
)
def test_only_who_works_is_counted_in_a_table_of_work(wanted):
    found = expectation.expected(list(NODES.values()), PERSONS, wanted, WORK)
    assert np.allclose(found, by_hand(wanted, workers_only=True))
    assert found.sum() < PERSONS.sum()


def test_the_order_of_the_axes_is_the_order_asked_for():
    one, other = (
        expectation.expected(list(NODES.values()), PERSONS, wanted, WORK)
        for wanted in (("sex", "position", "race"), ("race", "sex", "position"))
    )
    assert np.allclose(one, other.transpose(1, 2, 0))


def test_persons_under_an_age_are_left_out_by_zeros():
    grown = PERSONS.copy()
    grown[:, 0] = 0.0
    found = expectation.expected(list(NODES.values()), grown, ("age_band", "occupation_group"), WORK)
    assert (found[0] == 0.0).all()
    assert np.allclose(found[1:], by_hand(("age_band", "occupation_group"), workers_only=True)[1:])


# ----------------------------------------------------------------------------------------------- income
ENDS = (0.0, 500.0, 1000.0)


def test_classes_of_income_are_the_shares_of_a_band_s_quantiles():
    points = np.array([[0.0, 0.0, 0.0], [400.0, 600.0, 800.0], [900.0, 1000.0, 3000.0]])
    law = expectation.income_law(points, np.array([1.0]), ENDS)[0]
    assert np.allclose(law.sum(axis=1), 1.0)
    assert np.allclose(law[0], [1, 0, 0, 0])
    assert np.allclose(law[1], [0, 0.25, 0.75, 0])
    assert np.allclose(law[2], [0, 0, 0.5, 0.5])


def test_a_mass_on_the_minimum_wage_falls_into_the_class_that_ends_there():
    points = np.array([[500.0, 500.0, 500.0, 700.0]])
    law = expectation.income_law(points, np.array([1.0, 1.1]), ENDS)
    assert np.allclose(law[0, 0], [0, 2 / 3, 1 / 3, 0])
    assert np.allclose(law[1, 0], [0, 0, 1, 0])  # 10 % more: nobody is at 500 any more


def earning_nodes() -> list[NodeTable]:
    """The network, with a band of income that hangs on the position."""
    law = np.array([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7]])
    return [*NODES.values(), NodeTable("income_band", ("position",), ("a", "b", "c"), law, "C", "by hand")]


# With occupation_group among the others, and without: then it is summed out.
@pytest.mark.parametrize("others", [("sex",), ("race", "position"), ("occupation_group",), ("sex", "occupation_group")])
def test_classes_of_income_are_the_bands_of_each_great_group_by_its_own_law(others):
    classes = np.random.default_rng(7).dirichlet(np.ones(4), size=(SIZES["occupation_group"], 3))
    wanted = [*others, expectation.INCOME_CLASS]
    work = (*WORK, "income_band")
    found = expectation.expected_with_income(earning_nodes(), PERSONS, wanted, work, classes)
    bands = earning_nodes()[-1].table
    names = tuple(dict.fromkeys((*others, "occupation_group", "position")))
    workers = by_hand(names, workers_only=True)
    total = np.zeros([*(SIZES[name] for name in others), 4])
    for values in product(*(range(SIZES[name]) for name in names)):
        cell = dict(zip(names, values, strict=True))
        law = bands[cell["position"]] @ classes[cell["occupation_group"]]
        total[tuple(cell[name] for name in others)] += workers[values] * law
    assert np.allclose(found, total)


def test_a_table_without_classes_of_income_is_as_ever():
    classes = np.zeros((SIZES["occupation_group"], 3, 4))
    found = expectation.expected_with_income(earning_nodes(), PERSONS, ["sex", "position"], WORK, classes)
    assert np.allclose(found, expectation.expected(earning_nodes(), PERSONS, ["sex", "position"], WORK))
