"""Laws of names from counts: first names by state and decade of birth, surnames by state, how many surnames.

Names of a state are those of the country, tilted by shrunk ratios of its candidates and raked back, so that the states
together have exactly the country's names. Only names that some state favours differ between states: the head. The rest,
the tail, has one law everywhere and a share for each state.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
MAX_SURNAMES = 3
# Share of a state's people who bear names as the country does, since they or their parents came from elsewhere. No
# table of birth by residence is at hand: the one number here that published facts of states chose. Without any, Sergipe
# has 46 % Santos, with one person in seven 41 %; 43.4 % are printed.
MIGRANTS = 0.05
_LEAST_TAIL = 0.25  # of the country's share of rare surnames, in any state
_SHRINK_BEARERS = 20.0  # k of the shrunk ratio
_RATIO_POWER = 0.8  # what is kept of a first name's ratio: candidates are no sample
_TREND_POWER, _MOST_TREND = 0.5, 3.0
_MOST_CARRIED = 0.9
_PASSES = 40


def ratios(bearers: Array, people: Array) -> Array:
    """(states, names) share in a state over the share in all of them, shrunk to 1 where few bear the name.

    Args:
        bearers: (states, names) counted bearers.
        people: (states,) counted people.
    """
    brazil = bearers.sum(axis=0) / people.sum()
    expected = people[:, None] * brazil
    return np.asarray(((bearers + _SHRINK_BEARERS) / (expected + _SHRINK_BEARERS)) ** _RATIO_POWER)


def of_states(share: Array, ratio: Array, persons: Array) -> Array:
    """(states, names + 1) laws of a first name; the last entry is the tail's.

    Raked so that the bearers of all states are the country's.

    Args:
        share: (names + 1,) law of the country, the tail last.
        ratio: (states, names) tilt of the head.
        persons: (states,) people.
    """
    weight = persons / persons.sum()
    tilt = np.concatenate([ratio, np.ones((len(ratio), 1))], axis=1)
    table = share * ((1 - MIGRANTS) * tilt + MIGRANTS)
    for _ in range(_PASSES):
        table *= share / np.maximum(weight @ table, 1e-300)
        table /= table.sum(axis=1, keepdims=True)
    return np.asarray(table)


def bearers_of_states(share: Array, ratio: Array, persons: Array) -> Array:
    """(states, names) share of a state's people who bear each surname of the head; together they are the country's."""
    weight = persons / persons.sum()
    table = share * ((1 - MIGRANTS) * ratio / (weight @ ratio) + MIGRANTS)
    return np.asarray(table * share / np.maximum(weight @ table, 1e-300))


def surnames_a_person(mean: Array, head: Array, tail: float) -> Array:
    """(states,) mean number of surnames: as the state's names are built, but with room for its head and a rare few.

    Args:
        mean: (states,) from how names are built there.
        head: (states,) bearers of all surnames of the head, a person.
        tail: Bearers of all others a person, Brazil.
    """
    return np.asarray(np.maximum(mean, head + _LEAST_TAIL * tail))


def next_decade(law: Array, before: Array) -> Array:
    """Names of the decade after the last one counted: each goes on as it went, by half, within a factor of 3."""
    growth = np.where(law > 0, (law + 1e-7) / (before + 1e-7), 1.0)
    grown = law * np.clip(growth, 1 / _MOST_TREND, _MOST_TREND) ** _TREND_POWER
    return np.asarray(grown / grown.sum())


def compound_chance(law: Array, carried: Array, share: float) -> Array:
    """(names,) chance that a first name is carried on by a second.

    Args:
        law: (names,) shares of first names.
        carried: (names,) shares of compounds by their first name.
        share: Share of people with a compound; what the names can carry, if that is less.
    """
    need = np.where(law > 0, carried / np.maximum(law, 1e-12), 0.0)

    def chance(strength: float) -> Array:
        return np.asarray(_MOST_CARRIED * (1 - np.exp(-strength * need)))

    return chance(_solved(lambda strength: float(law @ chance(strength)), share, 0.0, 1e3))


def counts_with_mean(counts: Array, persons: Array, mean: float) -> Array:
    """(..., 3) laws of 1, 2 or 3 surnames, tilted alike so that all people have `mean` of them.

    Args:
        counts: (..., 3) laws of cells.
        persons: People in each, of a shape that broadcasts to (...).
    """
    persons = np.broadcast_to(persons, counts.shape[:-1])
    number = np.arange(1, MAX_SURNAMES + 1)

    def tilted(power: float) -> Array:
        found = counts * np.exp(power * (number - 1))
        return np.asarray(found / found.sum(axis=-1, keepdims=True))

    def mean_of(power: float) -> float:
        return float((persons * (tilted(power) @ number)).sum() / persons.sum())

    return tilted(_solved(mean_of, mean, -7.0, 7.0))


def _solved(rising: Callable[[float], float], wanted: float, low: float, high: float) -> float:
    """Where a rising function reaches `wanted` between two ends, or the end that comes nearest."""
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(middle) < wanted else (low, middle)
    return (low + high) / 2


def slot_law(bearers: Array, counts: Array) -> Array:
    """(names + 1,) law of a surname's slot, the tail last, so that P(a person bears s) is `bearers`.

    A slot that draws a surname of an earlier slot draws once more: nobody is Silva da Silva by chance alone.

    Args:
        bearers: (names,) share of people who bear each surname of the head.
        counts: (3,) law of 1, 2 or 3 surnames.
    """
    p = bearers / (counts @ np.arange(1, MAX_SURNAMES + 1))
    for _ in range(30):
        again = float(p @ p)  # chance that two slots draw alike
        one = p
        two = one + (1 - one) * p * (1 + again)
        three = two + (1 - two) * p * (1 + 2 * again)
        have = counts[0] * one + counts[1] * two + counts[2] * three
        p = p * bearers / np.maximum(have, 1e-300)
    return np.append(p, max(1.0 - p.sum(), 0.0))


def by_marriage(women: Array, men: Array, ever_married: Array) -> Array:
    """(periods, 2, 3) laws of a woman's number of surnames: never married, ever married.

    Women bear three surnames more often than men of their cohort do; the husband's is the third. So who never married
    has the law of men, and the married have what is left of the women's.

    Args:
        women, men: (periods, 3) laws of all women and men.
        ever_married: (periods,) share of the women.
    """
    share = np.clip(ever_married, 0.05, 1.0)[:, None]
    married = np.maximum((women - (1 - share) * men) / share, 0.01)
    married /= married.sum(axis=1, keepdims=True)
    # Where that cannot hold, the unmarried give way.
    single = np.maximum(women - share * married, 1e-9)
    return np.stack([single / single.sum(axis=1, keepdims=True), married], axis=1)
