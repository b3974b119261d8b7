"""Alias tables (Walker, Vose): one draw from a discrete law by one uniform and two gathers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Alias:
    """Laws of all cells of a node, one behind the other.

    `start` and `size` are given where cells differ in size; otherwise every cell has `width` values.
    """

    keep: NDArray[np.float32]
    other: NDArray[np.int32]
    width: int
    start: NDArray[np.int64] | None = None
    size: NDArray[np.int64] | None = None

    def draw(self, cells: NDArray[np.int64], u: NDArray[np.float64]) -> NDArray[np.int64]:
        """Index of the drawn value within its cell.

        Args:
            cells: Cell of each draw.
            u: Uniforms in [0, 1).
        """
        width = self.width if self.size is None else self.size[cells]
        scaled = u * width
        slot = np.minimum(scaled.astype(np.int64), width - 1)
        place = slot + (cells * self.width if self.start is None else self.start[cells])
        return np.where(scaled - slot < self.keep[place], slot, self.other[place])


def build(table: NDArray[np.float64]) -> Alias:
    """Alias tables of laws of one size: `table` has shape (..., values) and sums to 1 over the last axis."""
    flat = table.reshape(-1, table.shape[-1])
    keep = np.empty(flat.shape, dtype=np.float32)
    other = np.empty(flat.shape, dtype=np.int32)
    for cell in range(len(flat)):
        keep[cell], other[cell] = _vose(flat[cell])
    return Alias(keep.ravel(), other.ravel(), flat.shape[1])


def build_ragged(laws: list[NDArray[np.float64]]) -> Alias:
    """Alias tables of laws of different sizes; each is a vector of weights with a positive sum."""
    parts = [_vose(weights / weights.sum()) for weights in laws]
    size = np.array([len(weights) for weights in laws], dtype=np.int64)
    start = np.concatenate([[0], np.cumsum(size)[:-1]])
    keep = np.concatenate([k for k, _ in parts])
    other = np.concatenate([o for _, o in parts])
    return Alias(keep, other, 0, start, size)


def _vose(law: NDArray[np.float64]) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Keep and alias of one law. A value of probability 0 is never drawn."""
    n = len(law)
    scaled = law * n
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
    likely = int(np.argmax(law))
    for index in small:
        if law[index] == 0.0:
            keep[index], other[index] = 0.0, likely
    return keep.astype(np.float32), other.astype(np.int32)
