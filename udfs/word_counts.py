"""Records that say each word, by group: sums of the partitions, then what each word tells of a group."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from census import word_odds
from census.word_odds import Counts, Standard
from udfs import masking

Array = NDArray[np.float64]
_RECORDS_AT_ONCE = 250
_SIGNS = {masking.MASK, masking.NUMBER, ""}

SUM_TYPE = "word string, sums binary"
_SUM = pa.schema([("word", pa.string()), ("sums", pa.binary())])
FINDING_TYPE = "kind string, column string, value string, word string, records bigint, z double"
_FINDING = pa.schema(
    [
        *((name, pa.string()) for name in ("kind", "column", "value", "word")),
        ("records", pa.int64()),
        ("z", pa.float64()),
    ]
)


class Grouping(NamedTuple):
    """A column of the records by whose values they are told apart.

    Attributes:
        strata: Stratum -> row of `standard.persons`; one for all (of the empty name) where nothing is held equal.
    """

    column: str
    values: tuple[str, ...]
    strata: Mapping[str, int]
    standard: Standard


@dataclass(frozen=True)
class Plan:
    """What is summed for every word.

    Attributes:
        groupings: The last is that which is tried against chance.
        permutations: So many times its groups are given out anew within each stratum.
        prior_records: Weight of the prior, in records.
        min_records: Words that fewer records say are not looked at.
        min_odds: Words whose odds differ by less than this factor are no association, however sure.
        top: Words shown of each group.
    """

    groupings: tuple[Grouping, ...]
    permutations: int
    prior_records: float
    min_records: int
    min_odds: float
    top: int

    @property
    def widths(self) -> list[int]:
        """Columns of the records, of each grouping and of each permutation of the last."""
        widths = [grouping.standard.width for grouping in self.groupings]
        return [1, *widths, *[widths[-1]] * self.permutations]

    @property
    def width(self) -> int:
        return sum(self.widths)


class Finding(NamedTuple):
    """A row of `FINDING_TYPE`.

    Attributes:
        kind: `word` (a top word of a group), `distinct` (its distinct words, in `records`), `strongest` (the word of
            the largest |z| of a group among those whose odds differ enough) or `permuted` (the same by chance, any
            group; `value` is the number of the permutation).
    """

    kind: str
    column: str
    value: str
    word: str | None
    records: int
    z: float


def sums(batches: Iterable[pa.RecordBatch], plan: Plan) -> Iterator[pa.RecordBatch]:
    """One row a word of the partition: its records, and the sums of each grouping and permutation, as float64 bytes.

    Args:
        batches: `masked`, `stratum`, `place` and the columns of the groupings.
    """
    places: dict[str, int] = {}
    total = np.zeros((0, plan.width))
    for whole in batches:
        for start in range(0, whole.num_rows, _RECORDS_AT_ONCE):
            batch = whole.slice(start, _RECORDS_AT_ONCE)
            said = [_vocabulary(record) for record in batch.column("masked").to_pylist()]
            columns = [places.setdefault(word, len(places)) for own in said for word in own]
            if len(places) > len(total):
                grown = np.zeros((len(places) * 3 // 2, plan.width))
                grown[: len(total)] = total
                total = grown
            _add(total, np.array(columns, dtype=np.int64), [len(own) for own in said], _weights(batch, plan))
    if places:
        rows = [total[place].tobytes() for place in places.values()]
        yield pa.RecordBatch.from_arrays([pa.array(list(places)), pa.array(rows, pa.binary())], schema=_SUM)


def findings(batches: Iterable[pa.RecordBatch], plan: Plan) -> Iterator[pa.RecordBatch]:
    """What the words of a partition tell: see `Finding`.

    Args:
        batches: Rows of `sums`, all those of a word in the same partition.
    """
    places: dict[str, int] = {}
    parts: list[tuple[NDArray[np.int64], Array]] = []
    for batch in batches:
        own = [places.setdefault(word, len(places)) for word in batch.column("word").to_pylist()]
        read = np.frombuffer(b"".join(batch.column("sums").to_pylist())).reshape(len(own), plan.width)
        parts.append((np.array(own, dtype=np.int64), read))
    total = np.zeros((len(places), plan.width))
    for index, read in parts:
        np.add.at(total, index, read)
    rows = _told(np.array(list(places), dtype=object), total, plan) if places else []
    columns = zip(*rows, strict=True) if rows else [[] for _ in _FINDING]
    yield pa.RecordBatch.from_arrays(
        [pa.array(list(column), field.type) for column, field in zip(columns, _FINDING, strict=True)], schema=_FINDING
    )


def _vocabulary(texts: Sequence[str]) -> set[str]:
    """The distinct words of a record."""
    return set(" ".join(texts).split(" ")) - _SIGNS


def _weights(batch: pa.RecordBatch, plan: Plan) -> Array:
    """What each record adds to the sums of each of its words."""
    parts = [np.ones((batch.num_rows, 1))]
    for grouping in plan.groupings:
        groups = _codes(batch.column(grouping.column), grouping.values)
        known = grouping.strata.get("")
        strata = _codes(batch.column("stratum"), list(grouping.strata)) if known is None else np.zeros_like(groups)
        parts.append(grouping.standard.weights(strata, groups))
    places = batch.column("place").to_numpy().astype(np.int64)
    last = plan.groupings[-1].standard
    for number in range(plan.permutations):
        parts.append(last.weights(strata, last.permuted(strata, places, number / plan.permutations)))
    return np.hstack(parts)


def _codes(column: pa.Array, values: Sequence[str]) -> NDArray[np.int64]:
    place = {value: number for number, value in enumerate(values)}
    return np.array([place[value] for value in column.to_pylist()], dtype=np.int64)


def _add(total: Array, columns: NDArray[np.int64], lengths: Sequence[int], weights: Array) -> None:
    """Add each record's weights to the rows of its words."""
    from scipy.sparse import csr_array  # a part of SciPy that other functions of executors do without

    starts = np.concatenate([[0], np.cumsum(lengths)])
    words, own = np.unique(columns, return_inverse=True)
    says = csr_array((np.ones(len(columns)), own, starts), shape=(len(lengths), len(words)))
    total[words] += says.T @ weights


def _told(words: NDArray[np.object_], total: Array, plan: Plan) -> list[Finding]:
    alone, *blocks = np.split(total, np.cumsum(plan.widths)[:-1], axis=1)
    records = alone[:, 0]
    common = records >= plan.min_records
    rows: list[Finding] = []
    for grouping, block in zip(plan.groupings, blocks, strict=False):
        counts = grouping.standard.counts(block)
        for value, distinct in zip(grouping.values, (counts.said > 0).sum(axis=0), strict=True):
            rows.append(Finding("distinct", grouping.column, value, None, int(distinct), 0.0))
        rows += _top_words(words[common], grouping, grouping.standard.counts(block[common]), plan)
    tried = plan.groupings[-1]
    real = len(plan.groupings) - 1
    for number, block in enumerate(blocks[real:]):
        counts = tried.standard.counts(block[common])
        z = _association(counts, plan)
        for group, value in enumerate(tried.values) if number == 0 else []:
            rows += _strongest("strongest", tried.column, value, words[common], counts.said[:, group], z[:, group])
        if number:
            flat = np.abs(z).max(axis=1, initial=0.0)
            rows += _strongest("permuted", tried.column, str(number), words[common], counts.said.max(axis=1), flat)
    return rows


def _association(counts: Counts, plan: Plan) -> Array:
    """The z of words whose odds differ by the least factor or more, 0 of the others."""
    odds = word_odds.log_odds(counts, plan.prior_records).value
    z = word_odds.signed_root(counts, plan.prior_records)
    return np.where(np.abs(odds) >= np.log(plan.min_odds), z, 0.0)


def _top_words(words: NDArray[np.object_], grouping: Grouping, counts: Counts, plan: Plan) -> Iterator[Finding]:
    z = word_odds.log_odds(counts, plan.prior_records).z
    for group, value in enumerate(grouping.values):
        for place in np.lexsort((words.astype(str), -z[:, group]))[: plan.top]:
            if z[place, group] > 0:
                said = int(counts.said[place, group])
                yield Finding("word", grouping.column, value, words[place], said, float(z[place, group]))


def _strongest(
    kind: str, column: str, value: str, words: NDArray[np.object_], said: Array, z: Array
) -> Iterator[Finding]:
    if len(z):
        place = int(np.abs(z).argmax())
        yield Finding(kind, column, value, words[place], int(said[place]), float(z[place]))
