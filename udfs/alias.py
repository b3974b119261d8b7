"""Draws from discrete laws by one uniform: steps for few values, alias tables (Walker, Vose) for many."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

STEP_VALUES = (
    6  # up to here a cumulative law is compared step by step: as fast as an alias, and smoother on Sobol points
)


class Law(Protocol):
    """The laws of all cells of a node."""

    def draw(self, cells: NDArray[np.int32], u: NDArray[np.float64]) -> NDArray[np.int32]:
        """Place of the drawn value of each cell; `u` are uniforms in [0, 1)."""

    def chance(self, cells: NDArray[np.int32], values: NDArray[np.int32]) -> NDArray[np.float64]:
        """P(value) in each cell."""


@dataclass(frozen=True)
class Steps:
    """Cumulative laws of a few values.

    Attributes:
        upto: For every value but the last, (cells,) the chance of it or a value before it; infinite from the last value
            that can occur on, so that a value of probability 0 is never drawn.
    """

    upto: tuple[NDArray[np.float32], ...]

    def draw(self, cells: NDArray[np.int32], u: NDArray[np.float64]) -> NDArray[np.int32]:
        value = np.zeros(len(cells), dtype=np.int32)
        for step in self.upto:
            value += u >= step[cells]
        return value

    def chance(self, cells: NDArray[np.int32], values: NDArray[np.int32]) -> NDArray[np.float64]:
        edges = np.stack(
            [np.zeros(len(cells)), *(np.minimum(step[cells], 1.0) for step in self.upto), np.ones(len(cells))]
        )
        at = np.arange(len(cells))
        return np.asarray(edges[values + 1, at] - edges[values, at])


@dataclass(frozen=True)
class Known:
    """A value that its cell determines."""

    value: NDArray[np.int8]

    def draw(self, cells: NDArray[np.int32], u: NDArray[np.float64]) -> NDArray[np.int32]:
        return self.value[cells].astype(np.int32)

    def chance(self, cells: NDArray[np.int32], values: NDArray[np.int32]) -> NDArray[np.float64]:
        return (self.value[cells] == values).astype(np.float64)


@dataclass(frozen=True)
class Alias:
    """Alias tables of laws one behind the other.

    Attributes:
        keep, other: Of each slot.
        width: Values of every cell, where `start` and `size` are not given.
        start, size: First slot and number of slots of each cell.
        value: Value behind each slot; None: the slot's own place in its cell.
    """

    keep: NDArray[np.float32]
    other: NDArray[np.int32]
    width: int
    start: NDArray[np.int32] | None = None
    size: NDArray[np.int32] | None = None
    value: NDArray[np.int32] | None = None

    def draw(self, cells: NDArray[np.int32], u: NDArray[np.float64]) -> NDArray[np.int32]:
        width = self.width if self.size is None else self.size[cells]
        scaled = u * width
        slot = np.minimum(scaled.astype(np.int32), width - 1)
        first = cells * self.width if self.start is None else self.start[cells]
        place = first + slot
        drawn = np.where(scaled - slot < self.keep[place], slot, self.other[place])
        return drawn if self.value is None else self.value[first + drawn]

    def chance(self, cells: NDArray[np.int32], values: NDArray[np.int32]) -> NDArray[np.float64]:
        result = np.zeros(len(cells))
        for i, (cell, wanted) in enumerate(zip(cells, values, strict=True)):
            first = int(cell) * self.width if self.start is None else int(self.start[cell])
            width = self.width if self.size is None else int(self.size[cell])
            own = np.arange(width) if self.value is None else self.value[first : first + width]
            place = np.flatnonzero(own == wanted)
            keep, other = self.keep[first : first + width], self.other[first : first + width]
            result[i] = (keep[place].sum() + (1 - keep)[np.isin(other, place)].sum()) / width
        return result


def law(table: NDArray[np.float64]) -> Law:
    """The law of a node: `table` has shape (..., values) and sums to 1 over the last axis."""
    flat = table.reshape(-1, table.shape[-1])
    if table.shape[-1] <= STEP_VALUES:
        return steps(flat)
    used = flat > 0
    # Where cells use few of the values (a group's base groups), only those get a slot.
    if used.sum() * 2 < used.size:
        sizes = used.sum(axis=1)
        tables = build_ragged([flat[cell, used[cell]] for cell in range(len(flat))])
        values = np.nonzero(used)[1].astype(np.int32)
        assert int(sizes.sum()) == len(values)
        return Alias(tables.keep, tables.other, 0, tables.start, tables.size, values)
    return build(flat)


def steps(table: NDArray[np.float64]) -> Steps:
    """Cumulative laws of `table` (cells, values)."""
    running = np.cumsum(table, axis=1)
    last = table.shape[1] - 1 - np.argmax(table[:, ::-1] > 0, axis=1)
    running[np.arange(table.shape[1]) >= last[:, None]] = np.inf
    return Steps(tuple(np.ascontiguousarray(running[:, j], dtype=np.float32) for j in range(table.shape[1] - 1)))


def known(table: NDArray[np.float64]) -> Known:
    """The values of a table of ones and zeros."""
    return Known(table.reshape(-1, table.shape[-1]).argmax(axis=1).astype(np.int8))


def build(table: NDArray[np.float64]) -> Alias:
    """Alias tables of `table` (cells, values)."""
    cells, values = table.shape
    if cells < values:
        long = [_vose(law_) for law_ in table]
        return Alias(np.concatenate([k for k, _ in long]), np.concatenate([o for _, o in long]), values)
    # All cells at once: the scarcest slot is filled from the fullest.
    left = table * values
    keep = np.ones((cells, values))
    other = np.tile(np.arange(values, dtype=np.int32), (cells, 1))
    at = np.arange(cells)
    for _ in range(values):
        least, most = left.argmin(axis=1), left.argmax(axis=1)
        missing = 1.0 - left[at, least]
        rows = np.flatnonzero(missing > 1e-12)
        if not len(rows):
            break
        low, high = least[rows], most[rows]
        keep[rows, low], other[rows, low] = left[rows, low], high
        left[rows, high] -= missing[rows]
        left[rows, low] = 1.0
    return Alias(keep.astype(np.float32).ravel(), other.ravel(), values)


def build_ragged(laws: list[NDArray[np.float64]]) -> Alias:
    """Alias tables of laws of different sizes; each is a vector of weights with a positive sum."""
    size = np.array([len(weights) for weights in laws], dtype=np.int32)
    start = np.concatenate([[0], np.cumsum(size)[:-1]]).astype(np.int32)
    keep, other = np.empty(int(size.sum()), dtype=np.float32), np.empty(int(size.sum()), dtype=np.int32)
    # Laws of one size are built together.
    for width in np.unique(size):
        cells = np.flatnonzero(size == width)
        tables = build(np.stack([laws[cell] / laws[cell].sum() for cell in cells]))
        slots = start[cells][:, None] + np.arange(width)
        keep[slots], other[slots] = tables.keep.reshape(slots.shape), tables.other.reshape(slots.shape)
    return Alias(keep, other, 0, start, size)


def _vose(law_: NDArray[np.float64]) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Keep and alias of one long law. A value of probability 0 is never drawn."""
    n = len(law_)
    scaled = law_ * n
    keep, other = np.ones(n), np.arange(n)
    small = [int(i) for i in np.flatnonzero(scaled < 1.0)]
    large = [int(i) for i in np.flatnonzero(scaled >= 1.0)]
    rest = scaled.tolist()
    while small and large:
        less, more = small.pop(), large[-1]
        keep[less], other[less] = rest[less], more
        rest[more] -= 1.0 - rest[less]
        if rest[more] < 1.0:
            small.append(large.pop())
    # Rounding may leave a value on the stack: it keeps its slot unless it cannot occur.
    likely = int(np.argmax(law_))
    for index in small:
        if law_[index] == 0.0:
            keep[index], other[index] = 0.0, likely
    return keep.astype(np.float32), other.astype(np.int32)
