"""MinHash of masked texts: the print of a record, by whose bands texts that are alike meet."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pyarrow as pa
import rensa
from numpy.typing import NDArray

from udfs import masking

PERMUTATIONS, BANDS = 128, 16
ROWS = PERMUTATIONS // BANDS
SHINGLE = 5  # characters
_SEED = 1
_CONSTANTS = np.random.PCG64(_SEED).random_raw(PERMUTATIONS + BANDS + 1)
_FACTORS = _CONSTANTS[:PERMUTATIONS].reshape(BANDS, ROWS) | np.uint64(1)
_OFFSETS = _CONSTANTS[PERMUTATIONS:-1]
_MULTIPLIER = _CONSTANTS[-1] | np.uint64(1)
_RECORDS_AT_ONCE = 250  # signatures of all their texts are a few MiB

KEPT = ("uuid", "sex", "region", "race", "stratum")  # columns of a record that its print keeps
PRINT_TYPE = (
    ", ".join(f"{name} string" for name in KEPT)
    + ", place int, masked array<string>, ids array<bigint>, bands array<bigint>"
)
_PRINT = pa.schema(
    [
        *((name, pa.string()) for name in KEPT),
        ("place", pa.int32()),
        ("masked", pa.list_(pa.string())),
        ("ids", pa.list_(pa.int64())),
        ("bands", pa.list_(pa.int64())),
    ]
)


def shingles(text: str) -> list[str]:
    """The runs of five characters of a text in their order, a short text as one."""
    return [text[i : i + SHINGLE] for i in range(max(1, len(text) - SHINGLE + 1))]


def signatures(texts: Sequence[str]) -> NDArray[np.uint64]:
    """One row of 128 minima a text; two agree in a column as often as their shingles are the same."""
    hashes, lengths = _shingle_hashes(texts)
    ends = np.concatenate([[0], np.cumsum(lengths)])
    rows = rensa.RMinHash.digest_matrix_from_flat_token_hashes(hashes, ends.astype(np.uint64), PERMUTATIONS, _SEED)
    return np.array(rows.to_rows(), dtype=np.uint64).reshape(len(texts), PERMUTATIONS)


def _shingle_hashes(texts: Sequence[str]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """64 bits of every shingle of all the texts, one text after the other, and how many each text has.

    A shingle is packed, twelve bits a character, and mixed: characters past U+0FFF may fall on others.
    """
    padded = [text.ljust(SHINGLE) for text in texts]
    characters = np.frombuffer("".join(padded).encode("utf-32-le"), dtype=np.uint32).astype(np.uint64)
    lengths = np.array([len(text) for text in padded], dtype=np.int64)
    packed = np.zeros(max(0, len(characters) - SHINGLE + 1), dtype=np.uint64)
    for place in range(SHINGLE):
        own = characters[place : place + len(packed)] & np.uint64(0xFFF)
        packed |= own << np.uint64(12 * place)
    # Those that begin in a text and end in the next are none.
    starts = np.ones(len(characters), dtype=bool)
    for back in range(1, SHINGLE):
        starts[np.cumsum(lengths) - back] = False
    mixed = packed[starts[: len(packed)]] * _MULTIPLIER
    return mixed ^ (mixed >> np.uint64(32)), lengths - SHINGLE + 1


def band_keys(signed: NDArray[np.uint64]) -> NDArray[np.int64]:
    """One key of 64 bits a text and band: equal where all eight minima of the band are."""
    banded = signed.reshape(len(signed), BANDS, ROWS)
    keys = (banded * _FACTORS).sum(axis=2, dtype=np.uint64) ^ _OFFSETS
    return keys.view(np.int64)


def text_id(text: str) -> int:
    """64 bits of a text: two masked texts have the same where they are the same."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little", signed=True)


def prints(batches: Iterable[pa.RecordBatch], fields: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """One row a record with its masked texts, their ids and their keys (16 a text), in the order of `fields`.

    Args:
        batches: `KEPT`, `place`, the columns that `masking` reads, and the texts.
    """
    for whole in batches:
        for start in range(0, whole.num_rows, _RECORDS_AT_ONCE):
            batch = whole.slice(start, _RECORDS_AT_ONCE)
            texts = list(_masked(batch, fields))
            flat = [text for own in texts for text in own]
            keys = band_keys(signatures(flat))
            columns = [batch.column(name).cast(_PRINT.field(name).type) for name in (*KEPT, "place")]
            columns.append(pa.array(texts, _PRINT.field("masked").type))
            columns.append(_nested(pa.array([text_id(text) for text in flat], pa.int64()), len(fields)))
            columns.append(_nested(pa.array(keys.ravel(), pa.int64()), BANDS * len(fields)))
            yield pa.RecordBatch.from_arrays(columns, schema=_PRINT)


def _masked(batch: pa.RecordBatch, fields: Sequence[str]) -> Iterator[list[str]]:
    for record in batch.select([*masking.PERSON_COLUMNS, *fields]).to_pylist():
        phrases = masking.hidden(record)
        yield [masking.masked(record[field], phrases) for field in fields]


def _nested(values: pa.Array, size: int) -> pa.Array:
    """The values in lists of this many."""
    return pa.ListArray.from_arrays(pa.array(np.arange(0, len(values) + 1, size), pa.int32()), values)
