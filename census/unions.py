"""Marital status, union and religion (grade C): a shape from one source, raked to the levels of another."""

from __future__ import annotations

import numpy as np

from census import codes
from census.estimation import normalised, rake, smoothed
from census.model import ADULT, BANDS, LEVELS, RACES, SEXES, STATES, Array, Weighted


def marital(candidates: Array, voters: Array, people: Array, married: float, levels: Array) -> Array:
    """P(status | state, sex, band, race, education) of adults; children are single.

    Shape: electoral candidates, smoothed parent by parent. Levels: `married` and `levels` by IPF over all adults.
    State: log-odds of the registered voters against Brazil, halved (registrations are old, the ranking is right).

    Args:
        candidates: (2, 12, races, levels, status), bands 18-24, 25-29 ... 75+.
        voters: (states, status).
        people: (states, 2, bands, races, levels) adults of the census.
        married: Share of adults legally married.
        levels: (status,) published legal status of persons of 10 and over (Censo 2010); its ratios of separated,
            divorced and widowed are used.
    """
    shape = smoothed(candidates, candidates, design_effect=1.0, coarser_persons=50.0)
    group = np.concatenate([[0, 0], np.arange(1, 12), [11]])  # 18-19, 20-24, 25-29 ... 75-79, 80+
    adults = people[:, :, ADULT:].sum(axis=0)
    seed = adults[..., None] * shape[:, group]
    total = adults.sum()
    # Candidates are married, separated and widowed in their own proportions: the country's level comes from the census.
    formerly = levels[[2, 3, 4]] / levels[1]
    target = np.array([0.0, married, *(formerly * married)])
    target[0] = 1 - target.sum()
    flat = seed.reshape(-1, seed.shape[-1])
    raked = rake(flat, [((1,), target * total), ((0,), adults.ravel())])
    national = normalised(raked, shape[:, group].reshape(flat.shape)).reshape(seed.shape)
    tilt = np.sqrt(normalised(voters) / normalised(voters.sum(axis=0)))
    table = np.zeros((STATES, SEXES, BANDS, RACES, LEVELS, len(codes.MARITAL_STATUSES)))
    table[..., 0] = 1.0
    table[:, :, ADULT:] = normalised(national[None] * tilt[:, None, None, None, None, :])
    return table


def union(partnered: Weighted, married: Array, persons: Array, share: float) -> Array:
    """P(in union | sex, band, marital status).

    The published nature of unions leaves about as many civil marriages as there are married people, so the married
    live in union; others by sex and age as in the households of PNADC, moved to the published share of people in union.

    Args:
        partnered: family partnered (states, sex, band, no/yes).
        married: (2, bands) share of the legally married.
        persons: (2, bands) residents.
        share: Persons in union over persons of 10 and over (Censo 2022).
    """
    profile = smoothed(partnered.weights.sum(axis=0), partnered.squares.sum(axis=0), design_effect=1.75)[..., 1]
    wanted = share * persons[:, codes.AGE_BANDS.index("10-13") :].sum()
    low, high = -3.0, 3.0
    for _ in range(60):
        move = (low + high) / 2
        odds = profile / (1 - profile) * np.exp(move)
        together = np.maximum(odds / (1 + odds), married)
        low, high = (move, high) if (together * persons)[:, ADULT:].sum() < wanted else (low, move)
    others = np.clip((together - married) / np.maximum(1 - married, 1e-9), 0.0, 1.0)
    table = np.zeros((SEXES, BANDS, len(codes.MARITAL_STATUSES), 2))
    table[..., 1] = others[..., None]
    table[:, :, 1, 1] = 1.0
    table[:, :ADULT, :, 1] = 0.0
    table[..., 0] = 1 - table[..., 1]
    return table


# ----------------------------------------------------------------------------------------------- religion
def religion(by_state: Array, rest: Array, race_of_evangelicals: Array, men_without: float, people: Array) -> Array:
    """P(religion | state, sex, race).

    Args:
        by_state: (states, 3) shares of católica, evangélica, sem religião.
        rest: (states, 3) split of the remainder: espírita, umbanda e candomblé, outra; sums to 1.
        race_of_evangelicals: (races,) published composition of evangelicals.
        men_without: Published share of men among people without religion.
        people: (states, 2, races) persons of 10 and over.
    """
    shares = np.concatenate([by_state, (1 - by_state.sum(axis=1, keepdims=True)) * rest], axis=1)
    country = people.sum(axis=0) / people.sum()
    religions = (people.sum(axis=(1, 2)) @ shares) / people.sum()
    seed = country[..., None] * religions
    evangelical = np.full((RACES, len(religions)), np.nan)
    evangelical[:, 1] = race_of_evangelicals / race_of_evangelicals.sum() * religions[1]
    without = np.full((SEXES, len(religions)), np.nan)
    without[:, 2] = np.array([1 - men_without, men_without]) * religions[2]
    national = rake(seed, [((1, 2), evangelical), ((0, 2), without), ((2,), religions), ((0, 1), country)], passes=200)
    table = []
    for state in range(STATES):
        here = people[state] / people[state].sum()
        start = here[..., None] * normalised(national)
        table.append(normalised(rake(start, [((2,), shares[state]), ((0, 1), here)]), normalised(national)))
    return np.stack(table)
