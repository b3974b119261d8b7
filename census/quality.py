"""Distances between a sample and its target, beside what chance alone would show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Array = NDArray[np.float64]

_EXACT_BELOW = 30.0  # expected draws of a cell under which its deviation is not yet that of a normal law


@dataclass(frozen=True)
class Comparison:
    """Distance of a sample from its target, beside that of as many independent draws.

    Attributes:
        value: Total variation distance (TVD), 0 to 1.
        floor: Expected TVD of `n` independent draws from the target.
        ratio: value / floor; about 1 where only chance is at work, less for a designed sample.
        n: Persons counted.
        spread: Standard deviation of the TVD of `n` independent draws.
    """

    value: float
    floor: float
    ratio: float
    n: int
    spread: float = 0.0

    @property
    def is_noise(self) -> bool:
        """Whether chance alone explains the distance: not over the floor by more than two standard deviations.

        For a table of two cells that is the 95 % interval (|normal| within 2.5 of its mean); with more cells it is
        nearer to 98 %.
        """
        return self.value <= self.floor + 2 * self.spread


def tvd(p: Array, q: Array) -> float:
    """Total variation distance of two laws over the same cells: half the sum of |p - q|, 0 (equal) to 1 (disjoint)."""
    return float(np.abs(np.asarray(p, dtype=np.float64) - np.asarray(q, dtype=np.float64)).sum() / 2)


def iid_floor(p: Array, n: int) -> float:
    """Expected TVD from `p` of the shares of `n` independent draws from `p`.

    By linearity it is half the sum of E|c/n - p| with c ~ Binomial(n, p), so sum sqrt(p (1 - p) / (2 pi n)) as n p
    grows. Cells that expect fewer than 30 draws use De Moivre's exact mean deviation,
    E|c - n p| = 2 v C(n, v) p^v (1 - p)^(n - v + 1) with v = floor(n p) + 1, which for small p is the Poisson one,
    2 e^-m m^v / (v - 1)! with m = n p: there the normal formula can be several times too large.

    Args:
        p: Law of the cells, sums to 1.
        n: Number of draws, 1 or more.

    Source: P. Diaconis and S. Zabell, "Closed form summation for classical distributions", Statistical Science 6
        (1991), for De Moivre's formula.
    """
    law = np.asarray(p, dtype=np.float64).ravel()
    normal = np.sqrt(law * (1 - law) / (2 * np.pi * n))
    small = (law > 0) & (law < 1) & (law * n < _EXACT_BELOW)
    return float(normal[~small].sum() + _binomial_deviation(law[small], n).sum() / (2 * n))


def iid_spread(p: Array, n: int) -> float:
    """Standard deviation of the TVD of `n` independent draws from `p`.

    The counts are taken as normal: Cov(|x|, |y|) = 2/pi (sqrt(1 - r^2) + r asin r - 1) sd(x) sd(y) for correlation r,
    here r = -sqrt(p q / ((1 - p) (1 - q))) between the cells p and q of a multinomial law.
    """
    law = np.asarray(p, dtype=np.float64).ravel()
    law = law[(law > 0) & (law < 1)]
    odds = np.sqrt(law / (1 - law))
    correlation = -np.outer(odds, odds)
    np.fill_diagonal(correlation, 1.0)
    correlation = correlation.clip(-1.0, 1.0)
    kernel = np.sqrt(1 - correlation**2) + correlation * np.arcsin(correlation) - 1
    deviation = np.sqrt(law * (1 - law) / n)
    variance = float(deviation @ kernel @ deviation) / (2 * np.pi)
    return float(np.sqrt(max(variance, 0.0)))


def compare(counts: Array, target: Array, *, target_persons: float = np.inf) -> Comparison:
    """Compare a sample's counts with a target over the same cells.

    Args:
        counts: Persons of the sample in each cell.
        target: Shares or persons of the target in the same order; any scale.
        target_persons: Effective sample size m of a target that is itself a sample: floor and spread grow by
            sqrt(1 + n / m). Infinite for a census or a model.

    Raises:
        ValueError: Nobody is counted, or the target is empty.
    """
    have, want = (np.asarray(table, dtype=np.float64).ravel() for table in (counts, target))
    n = round(have.sum())
    if n < 1 or not want.sum() > 0:
        raise ValueError(f"nothing to compare: {n} persons counted, target sums to {want.sum()}")
    law = want / want.sum()
    both_sampled = float(np.sqrt(1 + n / target_persons))
    value, floor = tvd(have / n, law), iid_floor(law, n) * both_sampled
    return Comparison(value, floor, _ratio(value, floor), n, iid_spread(law, n) * both_sampled)


def pooled(strata: Sequence[Comparison]) -> Comparison:
    """One comparison of several strata (states) whose sizes were chosen, not drawn.

    The TVD of the table stratum x cell is the mean of the strata's, weighted by persons, and so is its floor; the
    strata are drawn apart, so their variances add.
    """
    n = sum(stratum.n for stratum in strata)
    value, floor = (sum(s.n * getattr(s, name) for s in strata) / n for name in ("value", "floor"))
    spread = sum((s.n * s.spread) ** 2 for s in strata) ** 0.5 / n
    return Comparison(value, floor, _ratio(value, floor), n, spread)


def expected_cells(cells: pd.DataFrame, node: str, parents: Sequence[str], cpd: pd.DataFrame) -> pd.DataFrame:
    """Split the persons of every cell by the values of a node: persons x P(value | parents).

    Args:
        cells: `uf`, the parents (text) and `persons`, one row a cell.
        node: Name of the new column.
        parents: Its parents in the order of the network; `uf` may be among them.
        cpd: The node's rows of `core_model__cpd`: `uf` (BR where it is no parent), `cell`, `value`, `probability`.

    Returns:
        `cells` with the column `node`, one row a (cell, value); the persons of a cell keep their sum.
    """
    others = [parent for parent in parents if parent != "uf"]
    on = ["cell", "uf"] if "uf" in parents else ["cell"]
    law = cpd[[*on, "value", "probability"]].rename(columns={"value": node})
    keyed = cells.assign(cell=cells[others].agg("|".join, axis=1) if others else "")
    split = keyed.merge(law, on=on, how="inner")
    return split.assign(persons=split["persons"] * split["probability"]).drop(columns=["cell", "probability"])


def _ratio(value: float, floor: float) -> float:
    if floor > 0:
        return value / floor
    return 0.0 if value == 0 else float("inf")


def _binomial_deviation(law: Array, n: int) -> Array:
    """E|c - n p| of c ~ Binomial(n, p) for cells with n p < 30 and 0 < p < 1 (De Moivre)."""
    above = np.floor(law * n) + 1
    # log C(n, v) from a running product: v is at most 30, and gamma functions of a large n would lose digits.
    steps = np.arange(min(n, int(_EXACT_BELOW) + 1))
    log_choose = np.concatenate([[0.0], np.cumsum(np.log((n - steps) / (steps + 1)))])
    logs = log_choose[above.astype(int)] + above * np.log(law) + (n - above + 1) * np.log1p(-law)
    return np.asarray(2 * above * np.exp(logs), dtype=np.float64)
