"""Structure evidence finds what is there and respects the order of the network."""

from __future__ import annotations

import numpy as np

from census import structure

TIERS = (("region", "age"), ("school",), ("job",))


def make_rows(persons: int = 6_000) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(5)
    region, age, lonely = (rng.integers(3, size=persons) for _ in range(3))
    school = (age + (rng.random(persons) < 0.2)) % 3
    job = np.where(rng.random(persons) < 0.7, school, rng.integers(3, size=persons))
    return {"region": region, "age": age, "school": school, "job": job, "lonely": lonely}


def test_an_edge_that_is_there_is_found_every_time_and_one_that_is_not_never():
    rows = make_rows()
    table = structure.edge_support(
        rows,
        np.ones(len(rows["age"])),
        (*TIERS, ("lonely",)),
        [("age", "school"), ("region", "job")],
        design_effect=1.0,
        bootstraps=4,
    ).set_index(["parent", "child"])
    assert table.loc[("age", "school"), ["support", "is_declared", "note"]].tolist() == [1.0, True, "found"]
    assert table.loc[("school", "job"), ["support", "is_declared", "note"]].tolist() == [
        1.0,
        False,
        "not in the network",
    ]
    assert table.loc[("region", "job"), "support"] == 0.0
    assert not any("lonely" in edge for edge in table.index)


def test_no_edge_runs_against_the_order_or_into_what_is_given():
    rows = {name: codes for name, codes in make_rows().items() if name != "lonely"}
    found = structure.learned_edges(rows, (("job",), ("school",), ("region", "age")))
    order = {"job": 0, "school": 1, "region": 2, "age": 2}
    assert found
    assert all(order[parent] <= order[child] and child != "job" for parent, child in found)


def test_weights_make_the_effective_rows_and_the_chance_of_being_drawn():
    assert structure.effective_rows(np.array([1.0, 1.0, 2.0]), 1.0) == 2
    rows = make_rows()
    only_old = (rows["age"] == 2).astype(float) + 1e-9
    table = structure.edge_support(rows, only_old, (*TIERS, ("lonely",)), [], design_effect=1.0, bootstraps=2)
    assert ("age", "school") not in set(zip(table["parent"], table["child"], strict=True))
