"""Texts that share a bucket of the search, compared: which are another's letter by letter, and which nearly."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import pyarrow as pa

from census import duplicates
from udfs import minhash

FOUND_TYPE = "field int, uuid string, is_exact boolean, pairs bigint, texts bigint, over bigint"
_FOUND = pa.schema(
    [
        ("field", pa.int32()),
        ("uuid", pa.string()),
        ("is_exact", pa.bool_()),
        *((name, pa.int64()) for name in ("pairs", "texts", "over")),
    ]
)


class Member(NamedTuple):
    """A text in a bucket: the record it is of, its id, and the keys of its bands."""

    uuid: str
    id: int
    masked: str
    bands: Sequence[int]


class Found(NamedTuple):
    """What a bucket gives.

    Attributes:
        uuid: A record whose text has another like it; None in the one row about the bucket itself.
        is_exact: The other is the same letter by letter.
        pairs: Pairs compared.
        texts: Distinct texts of the bucket.
        over: Those of them that are over the cap.
    """

    field: int
    uuid: str | None
    is_exact: bool | None
    pairs: int = 0
    texts: int = 0
    over: int = 0


def search(batches: Iterable[pa.RecordBatch], jaccard: float, cap: int) -> Iterator[pa.RecordBatch]:
    """What the buckets of a partition give, see `bucket`.

    Args:
        batches: `field`, `band` and the columns of `Member`, the rows of a band in one partition and together.
        jaccard: Texts are alike from this index of their shingles on.
        cap: See `bucket`.
    """
    rows = (row for batch in batches for row in batch.to_pylist())
    for (field, band), members in itertools.groupby(rows, key=lambda row: (row["field"], row["band"])):
        texts = (Member(*(row[name] for name in Member._fields)) for row in members)
        found = list(bucket(field, band, texts, jaccard, cap))
        columns = [pa.array(list(c), f.type) for c, f in zip(zip(*found, strict=True), _FOUND, strict=True)]
        yield pa.RecordBatch.from_arrays(columns, schema=_FOUND)


def bucket(field: int, band: int, members: Iterable[Member], jaccard: float, cap: int) -> Iterator[Found]:
    """Compare the distinct texts of a bucket, each pair in the first band that it shares only.

    The first `cap` distinct texts are compared with each other, those past it with the first one alone: a bucket costs
    no more than its texts, and where it is full of nearly the same text they are found all the same.

    Args:
        band: The key that the members share.

    Yields:
        The records that have another like them, each once or more, then one row about the bucket.
    """
    kept: list[tuple[Member, frozenset[str]]] = []
    first_of: dict[int, str | None] = {}  # text -> a record that has it and is not told yet
    pairs = over = 0
    for member in members:
        if member.id in first_of:
            if member.bands[0] == band:
                earlier, first_of[member.id] = first_of[member.id], None
                yield from (Found(field, uuid, True) for uuid in (earlier, member.uuid) if uuid is not None)
            continue
        first_of[member.id] = member.uuid
        shingles = frozenset(minhash.shingles(member.masked))
        is_over = len(kept) >= cap
        for other, theirs in kept[:1] if is_over else kept:
            if _first_shared(member, other) == band:
                pairs += 1
                if duplicates.jaccard(shingles, theirs) >= jaccard:
                    yield Found(field, member.uuid, False)
                    yield Found(field, other.uuid, False)
        if is_over:
            over += 1
        else:
            kept.append((member, shingles))
    yield Found(field, None, None, pairs, len(first_of), over)


def _first_shared(a: Member, b: Member) -> int | None:
    """The key of the first band that two texts share."""
    return next((key for key, other in zip(a.bands, b.bands, strict=True) if key == other), None)
