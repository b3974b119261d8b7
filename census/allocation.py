"""The numbering of the virtual population: whole persons of the census by municipality, sex and age."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Integers = NDArray[np.int64]


def women_shares(estimates: Array, profile80: Array) -> Array:
    """P(woman | municipality, age) from the estimates of 2022; single years from 80 on by the profile of 2010.

    Args:
        estimates: (municipalities, 2, 81) persons by sex (F, M) and age; the last age is 80 and over.
        profile80: (2, 21) persons of the state in 2010 by sex and age 80 to 100.

    Returns:
        (municipalities, 101).
    """
    women, men = estimates[:, 0, :], estimates[:, 1, :]
    shares = np.divide(women, women + men, out=np.full_like(women, 0.5), where=(women + men) > 0)
    old = profile80[0] / np.maximum(profile80.sum(axis=0), 1.0)
    all_old = profile80[0].sum() / max(profile80.sum(), 1.0)
    # The profile gives the shape within 80 and over, the estimate of the municipality its level (on the odds).
    level = _odds(shares[:, 80:81]) / _odds(np.array(all_old))
    return np.concatenate([shares[:, :80], _share(_odds(old)[None, :] * level)], axis=1)


def raked_women(shares: Array, persons: Array, bands: NDArray[np.int64], target: Array) -> Array:
    """Move the odds of a whole band so that its women are `target` of its persons.

    Args:
        shares: (municipalities, ages) P(woman).
        persons: (municipalities, ages) census counts.
        bands: (ages,) band of each age; -1 = no target.
        target: (bands,) share of women by band.

    Returns:
        (municipalities, ages) P(woman); bands without a target stay as they are.
    """
    raked = shares.copy()
    for band, wanted in enumerate(target):
        columns = bands == band
        here, odds = persons[:, columns], _odds(shares[:, columns])
        low, high = -3.0, 3.0
        for _ in range(60):
            middle = (low + high) / 2
            women = (here * _share(odds * np.exp(middle))).sum() / max(here.sum(), 1.0)
            low, high = (middle, high) if women < wanted else (low, middle)
        raked[:, columns] = _share(odds * np.exp(low))
    return raked


def whole_women(shares: Array, persons: Integers) -> Integers:
    """Whole numbers of women by systematic rounding: every running total in the order of the table is within one.

    Args:
        shares: (municipalities, ages).
        persons: (municipalities, ages) whole persons; a cell never gets more women than persons.
    """
    # Age by age, so that the rounding of an age evens out over the municipalities.
    expected = (shares * persons).T.ravel()
    running = np.floor(np.cumsum(expected) + 0.5)
    women = np.diff(running, prepend=0.0).reshape(shares.shape[1], shares.shape[0]).T
    return np.clip(women, 0, persons).astype(np.int64)


def _odds(share: Array) -> Array:
    safe = np.clip(share, 1e-6, 1 - 1e-6)
    return np.asarray(safe / (1 - safe))


def _share(odds: Array) -> Array:
    return np.asarray(odds / (1 + odds))
