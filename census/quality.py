"""Distances between a sample and its target, beside what chance alone would show."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Comparison:
    """TVD of a sample from its target, the expected TVD of as many independent draws, and their ratio."""

    value: float
    floor: float
    ratio: float
    n: int


def tvd(one: Array, other: Array) -> float:
    """Half the sum of absolute differences of two laws."""
    return float(np.abs(one - other).sum() / 2)


def iid_floor(law: Array, n: int) -> float:
    """Expected TVD of n independent draws: sum sqrt(p (1 - p) / (2 pi n)); small cells at most p (method notes 4)."""
    normal = np.sqrt(law * (1 - law) / (2 * np.pi * n))
    # A cell that expects less than one draw deviates by about p either way, not by its normal approximation.
    return float(np.minimum(normal, law).sum())


def compare(counts: Array, target: Array) -> Comparison:
    """Compare counts with a target law or target counts of the same shape."""
    n = int(counts.sum())
    law = target / target.sum()
    value, floor = tvd(counts / n, law), iid_floor(law, n)
    return Comparison(value, floor, value / floor if floor > 0 else 0.0, n)
