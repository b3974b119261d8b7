"""Tables over named axes: the same law on more parents, or on fewer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from census.errors import FitError

Array = NDArray[np.float64]


def widen(table: Array, have: Sequence[str], want: Sequence[str], sizes: Sequence[int], node: str) -> Array:
    """P(value | have) as P(value | want): a parent that is not in `have` changes nothing.

    Args:
        table: One axis a name of `have`, the values last.
        sizes: Number of values of each name of `want`.

    Raises:
        FitError: A parent of `have` is not among those that the node's estimator knows.
    """
    foreign = [name for name in have if name not in want]
    if foreign:
        raise FitError(
            f"network.toml: node.{node} cannot have the parent {foreign[0]}: its sources know {', '.join(want)}.",
            node=node,
        )
    order = [have.index(name) for name in want if name in have]
    moved = table.transpose(*order, table.ndim - 1)
    for axis, name in enumerate(want):
        if name not in have:
            moved = np.expand_dims(moved, axis)
    return np.array(np.broadcast_to(moved, (*sizes, table.shape[-1])))


def narrow(table: Array, weights: Array, have: Sequence[str], want: Sequence[str]) -> Array:
    """P(value | have) as P(value | want): the mean over the parents left out, weighted by persons.

    Args:
        table: One axis a name of `have`, the values last.
        weights: Persons of each cell of `have`.
        want: Names in the order of the result; all among `have`.
    """
    gone = tuple(axis for axis, name in enumerate(have) if name not in want)
    kept = [name for name in have if name in want]
    if gone:
        total = weights.sum(axis=gone)
        mean = (table * weights[..., None]).sum(axis=gone)
        plain = table.mean(axis=gone)
        table = np.divide(mean, total[..., None], out=plain, where=total[..., None] > 0)
    return np.ascontiguousarray(table.transpose(*[kept.index(name) for name in want], table.ndim - 1))
