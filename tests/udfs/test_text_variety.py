"""Variety of a sample of texts."""

from __future__ import annotations

import pyarrow as pa

from udfs import text_variety


def test_words_and_runs_of_three_are_counted_by_field_over_all_batches():
    records = [["a b c d", "x"], ["a b c e", "x y"]]
    batches = [pa.RecordBatch.from_pylist([{"masked": record}]) for record in records]
    (found,) = text_variety.count(batches, 2)
    first, second = found.to_pylist()
    # abc bcd, abc bce
    assert first == {
        "field": 0,
        "texts": 2,
        "words": 8,
        "distinct_words": 5,
        "triples": 4,
        "distinct_triples": 3,
    }
    assert (second["words"], second["distinct_words"], second["triples"]) == (3, 2, 0)


def test_a_sample_of_nobody_has_no_words():
    (found,) = text_variety.count([], 1)
    assert found.to_pylist() == [
        {"field": 0, "texts": 0, "words": 0, "distinct_words": 0, "triples": 0, "distinct_triples": 0}
    ]
