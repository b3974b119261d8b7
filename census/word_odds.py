"""Which words are said more of one group than of the others: log-odds with a Dirichlet prior made from both.

A word counts once a record. The others of a group are weighed, stratum by stratum, to stand where the group stands, so
that a word of a trade is not taken for a word of those who have it.

Source: B. Monroe, M. Colaresi, K. Quinn, "Fightin' Words: lexical feature selection and evaluation for identifying the
    content of political conflict", Political Analysis 16 (2008), equations 16, 20 and 22.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Places = NDArray[np.int64]


@dataclass(frozen=True)
class Counts:
    """Records that say each word (rows) of each group (columns), and those of the others that stand for it.

    Attributes:
        said: Of the group.
        records: Of the group in all, one number a group.
        others_said: Of the others; weighed ones as the number of equal ones that tell as much.
        others_records: Of the others in all, on the same scale.
    """

    said: Array
    records: Array
    others_said: Array
    others_records: Array

    def smoothed(self, prior_records: float) -> tuple[Array, Array, Array, Array]:
        """The same with the prior: so many records more on both sides that say the word as often as both together."""
        rate = (self.said + self.others_said) / np.maximum(self.records + self.others_records, 1.0)
        added = prior_records * rate
        others = self.others_records + prior_records
        return self.said + added, self.records + prior_records, self.others_said + added, others


@dataclass(frozen=True)
class LogOdds:
    """Log of the odds that a record of the group says the word over the odds that one of the others does."""

    value: Array
    deviation: Array

    @property
    def z(self) -> Array:
        return self.value / self.deviation


@dataclass(frozen=True)
class Standard:
    """How the others of each group are weighed.

    Strata in which a group has nobody, or everybody, tell nothing of it and do not count for it.

    Attributes:
        persons: Strata x groups.
    """

    persons: Array

    @cached_property
    def others(self) -> Array:
        return self.persons.sum(axis=1, keepdims=True) - self.persons

    @cached_property
    def ratio(self) -> Array:
        """Persons of the group for each of the others, in each stratum: the weight of another."""
        return np.divide(self.persons, self.others, out=np.zeros_like(self.persons), where=self.others > 0)

    @cached_property
    def compared(self) -> Array:
        """Persons of each group in the strata that count for it."""
        return np.where(self.others > 0, self.persons, 0.0).sum(axis=0)

    @property
    def width(self) -> int:
        """Columns of `weights`."""
        return 3 * self.persons.shape[1]

    def weights(self, strata: Places, groups: Places) -> Array:
        """What each record adds to the sums of a word it says: to its own group, to the others, to their squares."""
        own = np.zeros((len(strata), self.persons.shape[1]))
        own[np.arange(len(strata)), groups] = 1.0
        other = self.ratio[strata] * (1.0 - own)
        return np.hstack([own * (self.others[strata] > 0), other, other**2])

    def counts(self, sums: Array) -> Counts:
        """From sums of `weights`, one row a word."""
        said, weighed, squared = np.split(sums, 3, axis=1)
        everyone = (self.ratio**2 * self.others).sum(axis=0)
        scale = np.divide(self.compared, everyone, out=np.ones_like(everyone), where=everyone > 0)
        equal = np.divide(weighed, squared, out=np.broadcast_to(scale, weighed.shape).copy(), where=squared > 0)
        return Counts(said, self.compared, equal * weighed, equal * self.compared)

    def permuted(self, strata: Places, places: Places, shift: float) -> Places:
        """The groups of the records after the persons of every stratum changed theirs among themselves.

        Args:
            strata: Stratum of each record.
            places: Place of each record in its stratum, 0, 1, ..., in an order that has nothing to do with the groups.
            shift: Part of the stratum, in [0, 1), by which the places move on: each shift is another permutation.
        """
        sizes = np.rint(self.persons.sum(axis=1)).astype(np.int64)[strata]
        moved = (places + (shift * sizes).astype(np.int64)) % sizes
        return np.asarray((moved[:, None] >= self.persons.cumsum(axis=1)[strata]).sum(axis=1), dtype=np.int64)


def log_odds(counts: Counts, prior_records: float) -> LogOdds:
    """The log-odds ratio of every word and group, positive where the group's records say it more.

    The prior is informative: it holds every word in the proportion in which both sides say it, so that a word of few
    records is drawn to no difference.
    """
    said, records, others_said, others_records = counts.smoothed(prior_records)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = np.log(said / (records - said)) - np.log(others_said / (others_records - others_said))
        variance = 1 / said + 1 / (records - said) + 1 / others_said + 1 / (others_records - others_said)
    is_known = np.isfinite(value) & np.isfinite(variance)
    return LogOdds(np.where(is_known, value, 0.0), np.sqrt(np.where(is_known, variance, 1.0)))


def signed_root(counts: Counts, prior_records: float) -> Array:
    """The signed root of the likelihood ratio of the same smoothed rates: a z that holds where one side is silent.

    There the z of `log_odds` has the variance of a number near zero and stays small, however many records of the
    group say the word.
    """
    said, records, others_said, others_records = counts.smoothed(prior_records)
    together = (said + others_said) / (records + others_records)
    terms = (
        (said, records * together),
        (records - said, records * (1 - together)),
        (others_said, others_records * together),
        (others_records - others_said, others_records * (1 - together)),
    )
    deviance = 2 * sum(_term(have, want) for have, want in terms)
    sign = np.sign(said / records - others_said / others_records)
    return np.asarray(sign * np.sqrt(np.maximum(deviance, 0.0)), dtype=np.float64)


def noise_floor(by_chance: Sequence[float], least: float) -> float:
    """The largest |z| that chance alone gives: the mean of the largest of each permutation, and no less than `least`.

    Args:
        by_chance: The largest |z| of each permutation, 0 where no word was left to tell.
        least: What it does not fall below: few records permute to next to nothing, and a ratio to that says nothing.
    """
    return max(least, float(np.mean(by_chance)))


def _term(have: Array, want: Array) -> Array:
    """have log(have / want), 0 where nobody is."""
    known = (have > 0) & (want > 0)
    return np.where(known, have * np.log(np.where(known, have, 1.0) / np.where(known, want, 1.0)), 0.0)
