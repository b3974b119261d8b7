"""Draw names and traits by person number: a 64-bit mixer, one stream a variable."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from census import codes, seeds
from udfs.alias import Alias

Integers = NDArray[np.int64]
REFERENCE_YEAR = 2022
FIRST_DECADE, LAST_DECADE = 1920, 2000
PERIODS = (1940, 1950, 1960, 1970, 1980, 1990)
MAX_SURNAMES = 3
# Streams of the mixer; a number is given once and never to another variable.
IS_COMPOUND, FIRST_NAME, COMPOUND, SURNAME_COUNT, SUFFIX, SUFFIX_KIND = 40, 41, 42, 43, 44, 45
SURNAME, SURNAME_AGAIN, PARTICLE = (46, 47, 48), (49, 50, 51), (52, 53, 54)
TRAIT = (60, 61, 62, 63, 64)
_TRAIT_AGES = np.array([15.0, 21.0, 29.5, 39.5, 49.5, 59.5, 70.0])
# T scores are kept within 20 and 80: three standard deviations.
_LOWEST_U, _HIGHEST_U = 0.0013, 0.9987


@dataclass(frozen=True)
class NameTables:
    """Name laws of one state.

    Attributes:
        first: (sex, decade) laws of single first names, ragged; `first_index` maps a slot to `first_names`.
        compound: (sex, period) laws of compounds, ragged; `compound_first`, `compound_second` map a slot.
        compound_share, suffix_share: (sex, period).
        surname_count: (sex, period) laws of 1, 2 or 3 surnames.
        surname: One law of a slot. `particle_share` by surname.
        suffix: Law of the suffixes of men.
    """

    seed: int
    state_code: int
    first: Alias
    first_index: Integers
    compound: Alias
    compound_first: Integers
    compound_second: Integers
    compound_share: NDArray[np.float64]
    suffix_share: NDArray[np.float64]
    surname_count: Alias
    surname: Alias
    particle_share: NDArray[np.float64]
    suffix: Alias


@dataclass(frozen=True)
class Names:
    """Indices into the lists of words; -1 = none. `surnames` has shape (persons, 3)."""

    first: Integers
    second: Integers
    surnames: Integers
    with_particle: NDArray[np.bool_]
    suffix: Integers


def draw_names(numbers: Integers, sex: Integers, age_years: Integers, tables: NameTables) -> Names:
    """The names of the persons with these numbers."""

    def u(variable: int) -> NDArray[np.float64]:
        return seeds.mixed(tables.seed, tables.state_code, variable, numbers)

    birth = REFERENCE_YEAR - age_years
    decade = (np.clip(birth // 10 * 10, FIRST_DECADE, LAST_DECADE) - FIRST_DECADE) // 10
    period = (np.clip(birth // 10 * 10, PERIODS[0], PERIODS[-1]) - PERIODS[0]) // 10
    by_period = (sex * len(PERIODS) + period).astype(np.int32)
    is_compound = u(IS_COMPOUND) < tables.compound_share[sex, period]
    first_cell = (sex * ((LAST_DECADE - FIRST_DECADE) // 10 + 1) + decade).astype(np.int32)
    assert tables.first.start is not None and tables.compound.start is not None
    single = tables.first_index[tables.first.start[first_cell] + tables.first.draw(first_cell, u(FIRST_NAME))]
    pair = tables.compound.start[by_period] + tables.compound.draw(by_period, u(COMPOUND))
    count = 1 + tables.surname_count.draw(by_period, u(SURNAME_COUNT))
    nothing = np.zeros(len(numbers), dtype=np.int32)
    surnames = np.full((len(numbers), MAX_SURNAMES), -1, dtype=np.int64)
    particle = np.zeros((len(numbers), MAX_SURNAMES), dtype=bool)
    for slot in range(MAX_SURNAMES):
        drawn = tables.surname.draw(nothing, u(SURNAME[slot]))
        again = tables.surname.draw(nothing, u(SURNAME_AGAIN[slot]))
        # Nobody is Silva da Silva by chance twice over: one more draw, then the slot stays empty.
        taken = (surnames[:, :slot] == drawn[:, None]).any(axis=1)
        drawn = np.where(taken, again, drawn)
        taken = (surnames[:, :slot] == drawn[:, None]).any(axis=1)
        surnames[:, slot] = np.where((slot < count) & ~taken, drawn, -1)
        particle[:, slot] = u(PARTICLE[slot]) < tables.particle_share[drawn]
    has_suffix = (sex == codes.SEXES.index("M")) & (u(SUFFIX) < tables.suffix_share[sex, period])
    return Names(
        first=np.where(is_compound, tables.compound_first[pair], single),
        second=np.where(is_compound, tables.compound_second[pair], -1),
        surnames=surnames,
        with_particle=particle,
        suffix=np.where(has_suffix, tables.suffix.draw(nothing, u(SUFFIX_KIND)), -1),
    )


def draw_traits(
    numbers: Integers,
    sex: Integers,
    age_years: Integers,
    *,
    seed: int,
    state_code: int,
    means: NDArray[np.float64],
    root: NDArray[np.float64],
) -> NDArray[np.float64]:
    """T scores (persons, 5): 50 + 10 (mean of sex and age + correlated normal), within 20 and 80; NaN under 10.

    Args:
        means: (2, 7 age groups, 5) differences from the mean of all, in standard deviations.
        root: Cholesky root of the correlation matrix.
    """
    draws = np.stack([seeds.mixed(seed, state_code, variable, numbers) for variable in TRAIT], axis=1)
    normal = seeds.normal_quantile(np.clip(draws, _LOWEST_U, _HIGHEST_U)) @ root.T
    place = np.clip(np.interp(age_years, _TRAIT_AGES, np.arange(len(_TRAIT_AGES))), 0, len(_TRAIT_AGES) - 1)
    left = np.minimum(place.astype(np.int64), len(_TRAIT_AGES) - 2)
    part = (place - left)[:, None]
    mean = means[sex, left] * (1 - part) + means[sex, left + 1] * part
    scores = np.clip(np.round(50.0 + 10.0 * (mean + normal), 1), 20.0, 80.0)
    scores[age_years < 10] = np.nan
    return scores
