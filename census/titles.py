"""The CBO title of a worker: how common it is inside a COD base group, who may have it, and where.

P(title | COD, sex, schooling, position, age, place) is proportional to jobs^a x factor x tilt of the sex, where the
title's requirements allow the person. RAIS counts the jobs, and hardly sees informal and own-account work: there
a = 1/2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from census import codes

Array = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]
FORMAL_POSITIONS = ("privado com carteira", "público com carteira", codes.STATUTORY)
_UNCOUNTED_JOBS = 200.0  # weight of a title that RAIS counts under 1,000 times
_INFORMAL_POWER = 0.5
_NO_SHARE = 0.02  # a title is never closed to a sex by RAIS alone
_PASSES = 60
_CONSCRIPTS = ("010305", "010310", "010315")  # ranks of the three forces: most leave after a year, all within eight
LOWEST_FACTOR, HIGHEST_FACTOR = 0.02, 10.0  # of a place, on a title's weight


@dataclass(frozen=True)
class Titles:
    """CBO titles under their base groups, one entry a pair, in the order of (COD, CBO).

    Attributes:
        cbo: 6 digits.
        cod: Place of the base group in the domain.
        jobs: Formal jobs, RAIS.
        women_share: NaN where RAIS does not tell.
        factor: 1, or less.
        min_level: Place in the code book.
        min_age, max_age: Years.
        positions: (titles, positions) whether who holds the position may have it.
        sexes: (titles, sexes) whether there is a word for the sex, and the title names no other.
        words: (titles, sexes) the word, or empty.
        era: Of `codes.TITLE_ERAS`, or empty.
    """

    cbo: NDArray[np.str_]
    cod: Integers
    jobs: Array
    women_share: Array
    factor: Array
    min_level: Integers
    min_age: Integers
    max_age: Integers
    positions: Flags
    sexes: Flags
    words: NDArray[np.object_]
    era: NDArray[np.str_]


def of_rows(rows: pd.DataFrame, cod: tuple[str, ...]) -> Titles:
    """Rows of `core_occupation__title`, sorted by COD and CBO; a group without any row takes its nearest neighbour's.

    The neighbour has the longest common beginning of the code.
    """
    have = set(rows["occupation_cod"])
    lacking = [code for code in cod if code not in have]
    borrowed = [rows[rows["occupation_cod"] == _nearest(code, have)].assign(occupation_cod=code) for code in lacking]
    rows = pd.concat([rows, *borrowed], ignore_index=True)
    rows = rows[rows["occupation_cod"].isin(cod)].sort_values(["occupation_cod", "occupation_cbo"], ignore_index=True)
    place = {code: i for i, code in enumerate(cod)}
    level = {name: i for i, name in enumerate(codes.EDUCATION_LEVELS)}
    listed = [set(text.split(";")) if text else set(codes.POSITIONS) for text in rows["positions"].fillna("")]
    words = rows[["title_feminine", "title_masculine"]].to_numpy(dtype=object)
    only = rows["only_sex"].to_numpy(dtype=object)
    names_other = np.stack([pd.notna(only) & (only != sex) for sex in codes.SEXES], axis=1)
    return Titles(
        cbo=rows["occupation_cbo"].to_numpy(dtype=str),
        cod=rows["occupation_cod"].map(place).to_numpy(dtype=np.int64),
        jobs=rows["jobs"].to_numpy(dtype=float),
        women_share=rows["women_share"].to_numpy(dtype=float),
        factor=rows["weight_factor"].to_numpy(dtype=float),
        min_level=rows["min_education_level"].map(level).to_numpy(dtype=np.int64),
        min_age=rows["min_age_years"].fillna(0).to_numpy(dtype=np.int64),
        max_age=rows["max_age_years"].fillna(codes.MAX_AGE_YEARS).to_numpy(dtype=np.int64),
        positions=np.array([[position in names for position in codes.POSITIONS] for names in listed]),
        sexes=(words != "") & ~names_other,
        words=words,
        era=rows["era"].fillna("").to_numpy(dtype=str),
    )


def _nearest(code: str, have: set[str]) -> str:
    def common(other: str) -> int:
        return next((i for i, (a, b) in enumerate(zip(code, other, strict=True)) if a != b), len(code))

    return max(sorted(have), key=lambda other: (common(other), -abs(int(code) - int(other))))


def weights(titles: Titles, women_of_cod: Array) -> Array:
    """(2, titles, sexes) weights of a title among who holds none of the formal positions, and among who does.

    Raked in each base group: the sexes of its titles add up to the group's own, as RAIS tilts them.

    Args:
        women_of_cod: (COD,) share of women among the workers of a base group.
    """
    tilt = sex_tilt(titles.women_share) * titles.sexes
    powers = (_INFORMAL_POWER, 1.0)
    return np.stack(
        [raked((titles.jobs + _UNCOUNTED_JOBS) ** a * titles.factor, tilt, titles.cod, women_of_cod) for a in powers]
    )


def sex_tilt(women_share: Array) -> Array:
    """(entries, sexes): what a known share of women says of both sexes; alike where it is NaN."""
    share = np.clip(np.where(np.isnan(women_share), 0.5, women_share), _NO_SHARE, 1 - _NO_SHARE)
    return np.stack([share, 1 - share], axis=1)


def raked(base: Array, tilt: Array, cod: Integers, women_of_cod: Array) -> Array:
    """(entries, sexes) that sum to 1 in each base group: entries as `base`, sexes as its own, the rest as `tilt`."""
    size = len(women_of_cod)
    split = np.stack([women_of_cod, 1 - women_of_cod], axis=1)
    base = base / np.maximum(np.bincount(cod, base, size), 1e-300)[cod]
    table = base[:, None] * tilt
    for _ in range(_PASSES):
        table = table * (base / np.maximum(table.sum(axis=1), 1e-300))[:, None]
        by_sex = np.stack([np.bincount(cod, column, size) for column in table.T], axis=1)
        table = table * (split / np.maximum(by_sex, 1e-300))[cod]
    return table


def past_factor(titles: Titles) -> Array:
    """(titles,) times a title's weight in a job of former times: what is out of use was in use, the new was not."""
    return np.select([titles.era == "past", titles.era == "new"], [1.0 / titles.factor, 0.0], 1.0)


def held_for_life(titles: Titles) -> Flags:
    """(titles,) whether only servants by statute may have it: judges, police; but not ranks, filled by conscription."""
    statute = np.array([position == codes.STATUTORY for position in codes.POSITIONS])
    return np.asarray((titles.positions == statute).all(axis=1) & ~np.isin(titles.cbo, _CONSCRIPTS))


def age_ends(titles: Titles) -> Integers:
    """First years of the classes of age between which no requirement changes, the first 0."""
    bounds = {0, *titles.min_age.tolist(), *(titles.max_age + 1).tolist()}
    return np.array(sorted(bound for bound in bounds if bound <= codes.MAX_AGE_YEARS), dtype=np.int64)


def allowed(titles: Titles, starts: Integers) -> Flags:
    """(titles, levels, positions, classes of age) who may have a title in the present job."""
    level = np.arange(len(codes.EDUCATION_LEVELS)) >= titles.min_level[:, None]
    age = (starts >= titles.min_age[:, None]) & (starts <= titles.max_age[:, None])
    return level[:, :, None, None] & titles.positions[:, None, :, None] & age[:, None, None, :]


def favoured(regional: pd.DataFrame) -> list[str]:
    """CBO codes of the titles that some place favours, in the order of `place_factors`."""
    return sorted(set(regional["occupation_cbo"]))


def place_factors(regional: pd.DataFrame, conditions: pd.DataFrame, municipalities: Integers, uf: str) -> Array:
    """(municipalities, zones, favoured titles) times their weight.

    Kinds multiply. Of several biomes the mean counts, of several crops the largest factor; a place without a row has 1.

    Args:
        regional: Rows of `core_occupation__regional`.
        conditions: Rows of `core_place__condition` of these municipalities.
        municipalities: IBGE codes, 7 digits.
    """
    cbo = favoured(regional)
    column = {code: i for i, code in enumerate(cbo)}
    result = np.ones((len(municipalities), len(codes.ZONES), len(cbo)))
    by_kind = {kind: rows for kind, rows in regional.groupby("kind")}

    def table(kind: str) -> dict[str, Array]:
        """Value -> (titles,) factors."""
        found: dict[str, Array] = {}
        for row in by_kind.get(kind, regional.iloc[:0]).itertuples():
            found.setdefault(row.value, np.ones(len(cbo)))[column[row.occupation_cbo]] = row.factor
        return found

    for kind, here_is in (("uf", uf), ("region", codes.STATE_OF[uf].region)):
        result *= table(kind).get(here_is, 1.0)
    for zone, factors in table("zone").items():
        result[:, codes.ZONES.index(zone)] *= factors
    alike = np.ones(len(cbo))
    place = {code: i for i, code in enumerate(municipalities.tolist())}
    for kind in ("biome", "coast", "crop"):
        factors_of = table(kind)
        rows = conditions[conditions["kind"] == kind]
        here = np.ones((len(municipalities), len(cbo)))
        if kind == "crop":
            here[:] = np.nan
        for row in rows.itertuples():
            at = place[int(row.municipality_code)]
            factors = factors_of.get(row.value, alike)
            if kind == "crop":
                here[at] = np.fmax(here[at], np.where(factors == 1.0, np.nan, factors))
            else:
                here[at] += row.share * (factors - 1.0)
        result *= np.where(np.isnan(here), 1.0, here)[:, None, :]
    return np.clip(result, LOWEST_FACTOR, HIGHEST_FACTOR)
