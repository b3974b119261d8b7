"""How varied the masked texts of a bounded sample are, field by field."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa

SQL_TYPE = "field int, texts bigint, words bigint, distinct_words bigint, triples bigint, distinct_triples bigint"
_COUNTS = ("texts", "words", "distinct_words", "triples", "distinct_triples")
_SCHEMA = pa.schema([("field", pa.int32()), *((name, pa.int64()) for name in _COUNTS)])


def count(batches: Iterable[pa.RecordBatch], fields: int) -> Iterator[pa.RecordBatch]:
    """One row a field: its texts, and its words and runs of three words, all and distinct, over every batch.

    Args:
        batches: `masked`, as many texts a record as there are fields; all of the sample, in one partition.
    """
    texts: list[list[str]] = [[] for _ in range(fields)]
    for batch in batches:
        for record in batch.column("masked").to_pylist():
            for own, text in zip(texts, record, strict=True):
                own.append(text)
    rows = [_of_field(own) for own in texts]
    columns = [range(fields), *zip(*rows, strict=True)]
    yield pa.RecordBatch.from_arrays(
        [pa.array(c, f.type) for c, f in zip(columns, _SCHEMA, strict=True)], schema=_SCHEMA
    )


def _of_field(texts: Sequence[str]) -> tuple[int, int, int, int, int]:
    words: set[str] = set()
    triples: set[tuple[str, str, str]] = set()
    said = runs = 0
    for text in texts:
        own = text.split()
        words.update(own)
        triples.update(zip(own, own[1:], own[2:], strict=False))
        said += len(own)
        runs += max(0, len(own) - 2)
    return len(texts), said, len(words), runs, len(triples)
