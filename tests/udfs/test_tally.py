"""Persons counted by many sets of columns at once."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest

from udfs import tally

RNG = np.random.default_rng(5)
SETS = (("sex",), ("sex", "race"), ("race", "religion", "sex"))


@pytest.fixture(scope="module")
def people() -> pa.Table:
    n = 700
    religion = RNG.choice(["católica", "evangélica", None], n)
    columns = {"uf": RNG.choice(["AC", "SE"], n), "sex": RNG.choice(["F", "M"], n), "religion": religion}
    return pa.table(columns | {"race": RNG.choice(["preta", "parda", "indígena"], n)})


def counted(people: pa.Table, size: int) -> Counter[tuple[str, int, str]]:
    found: Counter[tuple[str, int, str]] = Counter()
    for batch in tally.tally(people.to_batches(max_chunksize=size), SETS):
        for row in batch.to_pylist():
            found[row["uf"], row["place"], row["cell"]] += row["have"]
    return found


def test_every_set_counts_as_a_plain_loop_does(people):
    plain: Counter[tuple[str, int, str]] = Counter()
    for row in people.to_pylist():
        for place, columns in enumerate(SETS):
            if all(row[name] is not None for name in columns):
                plain[row["uf"], place, "|".join(row[name] for name in columns)] += 1
    assert counted(people, 700) == plain


@pytest.mark.parametrize("size", [1, 13, 700])
def test_the_counts_are_the_same_however_the_rows_are_cut(people, size):
    assert counted(people, size) == counted(people, 100)
