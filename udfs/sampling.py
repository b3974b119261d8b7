"""Draw persons: a pure function of (model, seed, state, Sobol point), whatever the batch or the partition.

NumPy only. Everything stays a code of the code book until the writer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from census import codes, seeds
from udfs.alias import Alias

Integers = NDArray[np.int64]
SAMPLER_VERSION = 1
PERSON_ID_SHIFT = 10**10
_BAND_OF_AGE = np.array([codes.AGE_BANDS.index(codes.age_band(age)) for age in range(131)])
_WORKS = codes.ACTIVITIES.index("ocupado")
_LOOKS, _RETIRED = codes.ACTIVITIES.index("desocupado"), codes.ACTIVITIES.index("aposentado")
_LAST_WORK_BAND = codes.AGE_BANDS.index("60-64")
# Streams of the mixer; a number is given once and never to another variable.
FORMER_GROUP, FORMER_COD, FORMER_TITLE, INCOME_POINT, TITLE = 32, 33, 34, 13, 14


@dataclass(frozen=True)
class StateTables:
    """All that is needed to draw persons of one state.

    Attributes:
        bits: m; the first m bits of dimension 0 number the persons.
        limit: Person numbers below it are drawn (adults, or everyone).
        ends: Running total of persons over the rows of the allocation.
        municipality, sex, age, rural_band: Columns of the allocation.
        sobol: Variable number -> (high, low) tables.
        nodes: Node -> alias tables of this state.
        titles: (COD, sex) -> index into the list of titles, ragged; `title_index` maps a slot to a title.
        income_points: (bands, points) quantiles in BRL of 2018; the points are equally spaced.
        income_factor: (groups,) from 2018 to 2022.
    """

    uf: str
    state_code: int
    seed: int
    bits: int
    limit: int
    ends: Integers
    municipality: Integers
    sex: Integers
    age: Integers
    rural_band: Integers
    sobol: dict[int, tuple[NDArray[np.uint32], NDArray[np.uint32]]]
    nodes: dict[str, Alias]
    numbers: dict[str, int]
    titles: Alias
    title_index: Integers
    income_points: NDArray[np.float64]
    income_factor: NDArray[np.float64]


def person_numbers(points: Integers, tables: StateTables) -> Integers:
    """k of each Sobol point; numbers at or over the limit are no persons of this sample."""
    high, low = tables.sobol[seeds.ORDER]
    word = high[points >> seeds.LOW_BITS] ^ low[points & ((1 << seeds.LOW_BITS) - 1)]
    return (word >> np.uint32(seeds.BITS - tables.bits)).astype(np.int64)


def points_needed(persons: int, tables: StateTables, *, chunk: int = 1 << 20) -> int:
    """How many points, from 0 on, hold the first `persons` valid ones; 0 persons = everyone."""
    if persons == 0 or persons >= tables.limit:
        return 1 << tables.bits
    found = 0
    for start in range(0, 1 << tables.bits, chunk):
        points = np.arange(start, min(start + chunk, 1 << tables.bits))
        valid = np.flatnonzero(person_numbers(points, tables) < tables.limit)
        if found + len(valid) >= persons:
            return int(points[valid[persons - found - 1]]) + 1
        found += len(valid)
    return 1 << tables.bits


def uniforms(points: Integers, variable: int, tables: StateTables) -> NDArray[np.float64]:
    """One uniform in [0, 1) per point: fixed by (seed, state, variable, point), whatever the partitioning."""
    high, low = tables.sobol[variable]
    return (high[points >> seeds.LOW_BITS] ^ low[points & ((1 << seeds.LOW_BITS) - 1)]) * 2.0**-32


def draw(points: Integers, tables: StateTables) -> dict[str, NDArray[np.generic]]:
    """The persons of these points, in order; points that are no person of the sample are left out.

    Returns:
        Codes of the code book by variable; -1 where a variable does not apply. `number` is k; `title` and
        `former_title` index the list of titles; `income_brl` is NaN for who does not work.
    """
    numbers = person_numbers(points, tables)
    valid = numbers < tables.limit
    points, numbers = points[valid], numbers[valid]
    row = np.searchsorted(tables.ends, numbers, side="right")
    sex, age = tables.sex[row], tables.age[row]
    band = _BAND_OF_AGE[age]

    def pick(node: str, *parents: tuple[Integers, int]) -> Integers:
        cell = np.zeros(len(points), dtype=np.int64)
        for values, size in parents:
            cell = cell * size + values
        return tables.nodes[node].draw(cell, uniforms(points, tables.numbers[node], tables))

    of_sex, of_band = (sex, 2), (band, len(codes.AGE_BANDS))
    race = pick("race", of_sex, of_band)
    of_race = (race, len(codes.RACES))
    level = pick("education_level", of_sex, of_band, of_race)
    of_level = (level, len(codes.EDUCATION_LEVELS))
    zone = pick("zone", (tables.rural_band[row], 0), of_level)
    marital = pick("marital_status", of_sex, of_band, of_race, of_level)
    union = pick("in_union", of_sex, of_band, (marital, len(codes.MARITAL_STATUSES)))
    religion = pick("religion", of_sex, of_race)
    activity = pick("activity", of_sex, of_band, of_race, of_level)
    group = pick("occupation_group", of_sex, of_band, of_level, (zone, 2))
    of_group = (group, len(codes.OCCUPATION_GROUPS))
    cod = pick("occupation_cod", of_group, of_sex, of_level)
    position = pick("position", (cod, 0))
    of_position = (position, len(codes.POSITIONS))
    is_mei = pick("is_mei", of_group, of_position)
    income_band = pick("income_band", of_sex, of_level, of_group, of_position)
    income = _income(income_band, group, uniforms(points, INCOME_POINT, tables), tables)
    title = _title(cod, sex, uniforms(points, TITLE, tables), tables)
    works, had_work = activity == _WORKS, (activity == _LOOKS) | (activity == _RETIRED)
    # Who is retired once worked at an age of work: the youngest of both bands.
    former = _former_title(numbers, sex, np.minimum(band, _LAST_WORK_BAND), level, zone, tables)

    def only(values: Integers, where: NDArray[np.bool_]) -> Integers:
        return np.where(where, values, -1)

    return {
        "number": numbers,
        "municipality": tables.municipality[row],
        "sex": sex,
        "age_years": age,
        "zone": zone,
        "race": race,
        "education_level": only(level, age >= 5),
        "marital_status": marital,
        "in_union": union,
        "religion": only(religion, age >= 10),
        "activity": only(activity, age >= 14),
        "occupation_group": only(group, works),
        "occupation_cod": only(cod, works),
        "title": only(title, works),
        "position": only(position, works),
        "is_mei": only(is_mei, works),
        "income_brl": np.where(works, income, np.nan),
        "former_title": only(former, had_work),
    }


def _income(band: Integers, group: Integers, u: NDArray[np.float64], tables: StateTables) -> NDArray[np.float64]:
    """BRL a month of 2022: a quantile of the band's own law, times the growth of the group's mean income."""
    steps = tables.income_points.shape[1] - 1
    place = u * steps
    step = np.minimum(place.astype(np.int64), steps - 1)
    low, high = tables.income_points[band, step], tables.income_points[band, step + 1]
    return np.round((low + (high - low) * (place - step)) * tables.income_factor[group])


def _title(cod: Integers, sex: Integers, u: NDArray[np.float64], tables: StateTables) -> Integers:
    cell = cod * 2 + sex
    slot = tables.titles.draw(cell, u)
    assert tables.titles.start is not None
    return tables.title_index[tables.titles.start[cell] + slot]


def _former_title(
    numbers: Integers, sex: Integers, band: Integers, level: Integers, zone: Integers, tables: StateTables
) -> Integers:
    def mixed(variable: int) -> NDArray[np.float64]:
        return seeds.mixed(tables.seed, tables.state_code, variable, numbers)

    cell = ((sex * len(codes.AGE_BANDS) + band) * len(codes.EDUCATION_LEVELS) + level) * 2 + zone
    group = tables.nodes["occupation_group"].draw(cell, mixed(FORMER_GROUP))
    cod = tables.nodes["occupation_cod"].draw(
        (group * 2 + sex) * len(codes.EDUCATION_LEVELS) + level, mixed(FORMER_COD)
    )
    return _title(cod, sex, mixed(FORMER_TITLE), tables)
