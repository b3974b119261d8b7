"""Count persons by many sets of columns at once, batch by batch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

SCHEMA = pa.schema([("uf", pa.string()), ("place", pa.int32()), ("cell", pa.string()), ("have", pa.float64())])
SQL_SCHEMA = "uf string, place int, cell string, have double"
SEPARATOR = "|"


def tally(batches: Iterable[pa.RecordBatch], wanted: Sequence[tuple[str, ...]]) -> Iterator[pa.RecordBatch]:
    """Persons of each batch by `uf` and each set of columns; who lacks a value of a set is not counted in it.

    Args:
        batches: Rows with `uf` and every column, all text.
        wanted: Sets of columns.

    Yields:
        `place` (of the set in `wanted`), `cell` (values of its columns joined by `|`) and `have`; a cell may come in
        several batches.
    """
    for batch in batches:
        coded = {name: pc.dictionary_encode(batch.column(name)) for name in batch.schema.names}
        codes = {name: column.indices.fill_null(-1).to_numpy().astype(np.int64) for name, column in coded.items()}
        words = {name: np.array(column.dictionary.to_pylist(), dtype=object) for name, column in coded.items()}
        for place, columns in enumerate(wanted):
            names = ("uf", *columns)
            known = np.logical_and.reduce([codes[name] >= 0 for name in names])
            index = np.zeros(int(known.sum()), dtype=np.int64)
            for name in names:
                index = index * max(len(words[name]), 1) + codes[name][known]
            cells, have = np.unique(index, return_counts=True)
            parts: list[np.ndarray] = []
            for name in reversed(names):
                cells, code = np.divmod(cells, max(len(words[name]), 1))
                parts.append(words[name][code] if len(code) else np.array([], dtype=object))
            uf, *values = reversed(parts)
            text = [SEPARATOR.join(row) for row in zip(*values, strict=True)]
            columns_ = [uf.tolist(), [place] * len(have), text, have.astype(float).tolist()]
            yield pa.RecordBatch.from_arrays(
                [pa.array(c, f.type) for c, f in zip(columns_, SCHEMA, strict=True)], schema=SCHEMA
            )
