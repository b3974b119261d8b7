"""Weighted sums of families do not depend on how the persons are cut into batches."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest

from census.counts import Family
from udfs import family_sums

RNG = np.random.default_rng(6)
DOMAINS = {"sex": ("F", "M"), "zone": ("urbana", "rural"), "works": ("false", "true")}
FAMILIES = {"works": Family("works", ("zone", "sex"), "asked"), "zone": Family("zone", (), "true")}


@pytest.fixture(scope="module")
def people() -> pa.Table:
    n = 500
    columns = {"uf": RNG.choice(["AC", "SE", None], n), "sex": RNG.choice(["F", "M"], n)}
    columns |= {
        "zone": RNG.choice(["urbana", "rural", "elsewhere", None], n),
        "works": RNG.choice(["true", "false"], n),
    }
    members = {"in_works": RNG.choice([True, False, None], n), "in_zone": [True] * n}
    return pa.table(columns | members | {"weight_persons": RNG.integers(1, 9, n).astype(float)})


def added(people: pa.Table, size: int) -> dict[tuple[object, ...], tuple[float, ...]]:
    found: Counter[tuple[object, ...]] = Counter()
    for batch in family_sums.family_sums(people.to_batches(max_chunksize=size), FAMILIES, DOMAINS, ["uf"]):
        for row in batch.to_pylist():
            key = tuple(row[name] for name in ("family", "uf", "cell_index", "value_index"))
            for sum_ in ("weight_persons", "weight_squared", "rows"):
                found[key, sum_] += row[sum_]
    return dict(found)


def test_sums_are_those_of_a_plain_loop(people):
    plain: Counter[tuple[object, ...]] = Counter()
    for row in people.to_pylist():
        sex, zone, works = (
            values.index(row[name]) if row[name] in values else None for name, values in DOMAINS.items()
        )
        keys = [] if zone is None else [("zone", row["uf"], 0, zone)]
        if zone is not None and row["in_works"]:
            keys.append(("works", row["uf"], zone * 2 + sex, works))
        for key in keys:
            plain[key, "weight_persons"] += row["weight_persons"]
            plain[key, "weight_squared"] += row["weight_persons"] ** 2
            plain[key, "rows"] += 1
    assert added(people, len(people)) == dict(plain)


@pytest.mark.parametrize("size", [1, 7, 120])
def test_sums_do_not_depend_on_the_batches(people, size):
    assert added(people, size) == added(people, len(people))
