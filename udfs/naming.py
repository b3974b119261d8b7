"""Draw names and traits by person number: a 64-bit mixer, one stream a variable."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from census import codes, seeds
from census.name_laws import MAX_SURNAMES
from udfs.alias import Alias

Integers = NDArray[np.int64]
REFERENCE_YEAR = 2022
FIRST_DECADE, LAST_DECADE = 1920, 2010
DECADES = (LAST_DECADE - FIRST_DECADE) // 10 + 1
PERIODS = (1940, 1950, 1960, 1970, 1980, 1990)
# Streams of the mixer; a number is given once and never to another variable.
IS_COMPOUND, FIRST_NAME, COMPOUND, SURNAME_COUNT, SUFFIX, SUFFIX_KIND = 40, 41, 42, 43, 44, 45
SURNAME, SURNAME_AGAIN, PARTICLE = (46, 47, 48), (49, 50, 51), (52, 53, 54)
TRAIT = (60, 61, 62, 63, 64)
_TRAIT_AGES = np.array([15.0, 21.0, 29.5, 39.5, 49.5, 59.5, 70.0])
# Normal quantiles, read off a table: finer than the tenth of a T score; three standard deviations at the ends.
_QUANTILES = seeds.normal_quantile(np.clip((np.arange(1 << 16) + 0.5) / (1 << 16), 0.0013, 0.9987))


@dataclass(frozen=True)
class HeadAndTail:
    """Laws whose common words differ between states, and whose rare ones do not.

    Attributes:
        head_share: Of each cell, the chance of a word of the head.
        head: The state's laws of the head.
        tail: The laws of the rest, the same object for all states.
    """

    head_share: NDArray[np.float64]
    head: Alias
    tail: Alias

    def draw(self, cells: NDArray[np.int32], u: NDArray[np.float64]) -> Integers:
        share = self.head_share[cells]
        in_head = u < share
        found = np.empty(len(cells), dtype=np.int64)
        found[in_head] = self.head.draw(cells[in_head], u[in_head] / share[in_head])
        rest = ~in_head
        found[rest] = self.tail.draw(cells[rest], (u[rest] - share[rest]) / (1 - share[rest]))
        return found


@dataclass(frozen=True)
class NameTables:
    """Name laws of one state.

    Attributes:
        first: (sex, decade) laws of first names.
        compound_chance: (sex, period, first names) chance of a second given name.
        second_cell: (sex, period, first names) place among the laws of `second`; any where the chance is 0.
        second: Laws of the second given name after a first one.
        second_as_first: The same word's place among first names, -1 if it is none.
        suffix_share: (sex, period).
        surname_count: (sex, period, ever married) laws of 1, 2 or 3 surnames.
        surname: One law of a slot. `particle_share` by surname.
        surname_as_first: The same word's place among first names, -1 if it is none.
        suffix: Law of the suffixes of men.
    """

    seed: int
    state_code: int
    first: HeadAndTail
    compound_chance: NDArray[np.float32]
    second_cell: NDArray[np.int32]
    second: Alias
    second_as_first: NDArray[np.int64]
    suffix_share: NDArray[np.float64]
    surname_count: Alias
    surname: HeadAndTail
    particle_share: NDArray[np.float64]
    surname_as_first: NDArray[np.int64]
    suffix: Alias


@dataclass(frozen=True)
class Names:
    """Indices into the lists of words; -1 = none. `surnames` has shape (persons, 3)."""

    first: Integers
    second: Integers
    surnames: Integers
    with_particle: NDArray[np.bool_]
    suffix: Integers


def draw_names(
    numbers: Integers, sex: Integers, age_years: Integers, ever_married: NDArray[np.bool_], tables: NameTables
) -> Names:
    """The names of the persons with these numbers."""

    def u(variable: int, of: Integers = numbers) -> NDArray[np.float64]:
        return seeds.mixed(tables.seed, tables.state_code, variable, of)

    birth = REFERENCE_YEAR - age_years
    decade = decades_from(birth, FIRST_DECADE, LAST_DECADE)
    period = decades_from(birth, PERIODS[0], PERIODS[-1])
    by_period = (sex * len(PERIODS) + period).astype(np.int32)
    first = tables.first.draw((sex * DECADES + decade).astype(np.int32), u(FIRST_NAME))
    place = by_period * np.int64(tables.compound_chance.shape[-1]) + first
    compound = np.flatnonzero(u(IS_COMPOUND) < tables.compound_chance.ravel()[place])
    carried = tables.second.draw(tables.second_cell.ravel()[place[compound]], u(COMPOUND, numbers[compound]))
    second = np.full(len(numbers), -1, dtype=np.int64)
    # Nobody is Ana Ana.
    second[compound] = np.where(tables.second_as_first[carried] == first[compound], -1, carried)
    second_word = np.where(second >= 0, tables.second_as_first[second], -1)
    count = 1 + tables.surname_count.draw(by_period * np.int32(2) + ever_married, u(SURNAME_COUNT))
    surnames = np.full((len(numbers), MAX_SURNAMES), -1, dtype=np.int64)
    particle = np.zeros((len(numbers), MAX_SURNAMES), dtype=bool)
    for slot in range(MAX_SURNAMES):
        chosen = np.flatnonzero(count > slot)
        drawn, twice = _surname(tables, u(SURNAME[slot], numbers[chosen]), surnames[chosen, :slot])
        # Antônio Antônio and Ana Maria de Maria are as good as unknown: one more draw.
        word = tables.surname_as_first[drawn]
        twice |= (word >= 0) & ((word == first[chosen]) | (word == second_word[chosen]))
        # Nobody is Silva da Silva by chance twice over: one more draw, then the slot stays empty.
        again = chosen[twice]
        drawn[twice], empty = _surname(tables, u(SURNAME_AGAIN[slot], numbers[again]), surnames[again, :slot])
        has_particle = u(PARTICLE[slot], numbers[chosen]) < tables.particle_share[drawn]
        drawn[np.flatnonzero(twice)[empty]] = -1
        surnames[chosen, slot], particle[chosen, slot] = drawn, has_particle
    suffixed = np.flatnonzero((sex == codes.SEXES.index("M")) & (u(SUFFIX) < tables.suffix_share[sex, period]))
    suffix = np.full(len(numbers), -1, dtype=np.int64)
    suffix[suffixed] = tables.suffix.draw(np.zeros(len(suffixed), dtype=np.int32), u(SUFFIX_KIND, numbers[suffixed]))
    return Names(first, second, surnames, particle, suffix)


def decades_from(birth: Integers, first: int, last: int) -> Integers:
    """How many decades after `first` a year of birth lies, at most those up to `last`; 0 for who is older."""
    return (np.clip(birth // 10 * 10, first, last) - first) // 10


def _surname(tables: NameTables, u: NDArray[np.float64], earlier: Integers) -> tuple[Integers, NDArray[np.bool_]]:
    """A surname each, and whether an earlier slot has it."""
    drawn = tables.surname.draw(np.zeros(len(u), dtype=np.int32), u)
    return drawn, (earlier == drawn[:, None]).any(axis=1)


def trait_means(norms: NDArray[np.float64]) -> NDArray[np.float64]:
    """(2, years, 5) mean of each trait by sex and year of age, between the middles of the norms' age groups.

    Args:
        norms: (2, 7 age groups, 5) differences from the mean of all, in standard deviations.
    """
    years = np.arange(codes.MAX_AGE_YEARS + 1)
    by_sex = [[np.interp(years, _TRAIT_AGES, column) for column in of_sex.T] for of_sex in norms]
    return np.array(by_sex).transpose(0, 2, 1)


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
        means: What `trait_means` gives.
        root: Cholesky root of the correlation matrix.
    """
    draws = [seeds.mixed(seed, state_code, variable, numbers) for variable in TRAIT]
    normal = np.stack([_QUANTILES[(u * len(_QUANTILES)).astype(np.int64)] for u in draws], axis=1)
    scores = np.clip(np.round(50.0 + 10.0 * (means[sex, age_years] + normal @ root.T), 1), 20.0, 80.0)
    scores[age_years < 10] = np.nan
    return scores
