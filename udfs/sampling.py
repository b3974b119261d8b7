"""Draw persons: a pure function of (model, seed, state, Sobol point), whatever the batch or the partition.

NumPy only. Everything stays a code of the code book until the writer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from census import codes, seeds
from udfs import titles
from udfs.alias import Law
from udfs.titles import TitleLaws

Integers = NDArray[np.int64]
Codes = NDArray[np.int32]
Uniforms = NDArray[np.float64]
SAMPLER_VERSION = 5
PERSON_ID_SHIFT = 10**10
_BAND_OF_AGE = np.array([codes.AGE_BANDS.index(codes.age_band(age)) for age in range(131)], dtype=np.int32)
_WORKS = codes.ACTIVITIES.index("ocupado")
_LOOKS, _RETIRED = codes.ACTIVITIES.index("desocupado"), codes.ACTIVITIES.index("aposentado")
# Bands of age in which the retired last worked, with their shares (an assumption: pensions begin at 50 to 65), and from
# which age on a retired person's job is one of former times.
_LAST_WORK_BANDS = np.array([codes.AGE_BANDS.index(band) for band in ("50-54", "55-59", "60-64")], dtype=np.int32)
_LAST_WORK_ENDS = np.array([0.25, 0.60])
_OLD_JOB_YEARS = 70
_LEAST_OF_CEILING = 0.7  # of a MEI's ceiling, what those over it earn at least (an assumption)
_ACTIVITY_YEARS = 14  # whom the surveys ask what they do
# Who drew a base group that the schooling closes draws again.
_FORMER_TRIES = 8
# Who does not work has none of these.
WORK = (
    "occupation_group",
    "occupation_cod",
    "pay_class",
    "position",
    "may_be_mei",
    "is_mei",
    "earning_class",
    "income_band",
)
# Streams of the mixer; a number is given once and never to another variable.
FORMER_GROUP, FORMER_COD, FORMER_TITLE, INCOME_POINT, TITLE, TRADE = 32, 33, 34, 13, 14, 15
LAST_WORK, FORMER_AGAIN = 35, 1000
_GUIDE_BITS = 8  # persons per entry of the guide to the numbering, as a power of two


@dataclass(frozen=True)
class Variable:
    """A node of the network in one state.

    Attributes:
        parents: Variables drawn before it, `municipality` among them for the census block.
        sizes: Number of values of each parent.
        number: Stream of its draws; None if its parents determine it.
    """

    name: str
    parents: tuple[str, ...]
    sizes: tuple[int, ...]
    number: int | None
    law: Law

    def cells(self, values: dict[str, Codes]) -> Codes:
        """Cell of each person: mixed radix over the parents, the last one fastest."""
        if not self.parents:
            return np.zeros(len(next(iter(values.values()))), dtype=np.int32)
        index = values[self.parents[0]]
        for parent, size in zip(self.parents[1:], self.sizes[1:], strict=True):
            index = index * np.int32(size) + values[parent]
        return index


@dataclass(frozen=True)
class Numbering:
    """Who person number k is: running totals over the rows of the allocation.

    Attributes:
        ends: Running total of persons, one a row.
        guide: Row in which person number 256 i stands, one an i.
        municipality: Place of the row's municipality in `municipality_codes`.
        sex, age: Of the row.
    """

    ends: Integers
    guide: Codes
    municipality: Codes
    sex: Codes
    age: Codes
    municipality_codes: Codes

    def rows(self, numbers: Integers) -> Codes:
        """Row of each person number."""
        row = self.guide[numbers >> _GUIDE_BITS]
        late = np.flatnonzero(self.ends[row] <= numbers)
        while len(late):
            row[late] += 1
            late = late[self.ends[row[late]] <= numbers[late]]
        return row


def numbering(persons: Integers, municipality: Integers, sex: Codes, age: Codes) -> Numbering:
    """The numbering behind the rows of an allocation in their order.

    Args:
        persons: Persons of each row, at least 1.
        municipality: IBGE code of 7 digits of each row.
    """
    ends = np.cumsum(persons)
    firsts = np.arange(0, int(ends[-1]), 1 << _GUIDE_BITS)
    known, place = np.unique(municipality, return_inverse=True)
    return Numbering(
        ends,
        np.searchsorted(ends, firsts, side="right").astype(np.int32),
        place.astype(np.int32),
        sex.astype(np.int32),
        age.astype(np.int32),
        known.astype(np.int32),
    )


@dataclass(frozen=True)
class StateTables:
    """All that is needed to draw persons of one state.

    Attributes:
        bits: m; the first m bits of dimension 0 number the persons.
        limit: Person numbers below it are drawn (adults, or everyone).
        sobol: Variable number -> (high, low) tables.
        network: Variables in the order of drawing.
        titles: Laws of the CBO title and of the trade of a MEI.
        place_factor: (municipalities x zones, columns) what a place favours, for `titles`.
        income_points: (bands, points) quantiles in BRL of 2018; the points are equally spaced.
        income_factor: (groups,) from 2018 to 2022.
    """

    uf: str
    state_code: int
    seed: int
    bits: int
    limit: int
    numbering: Numbering
    sobol: dict[int, tuple[NDArray[np.uint32], NDArray[np.uint32]]]
    network: tuple[Variable, ...]
    titles: TitleLaws
    place_factor: NDArray[np.float32]
    income_points: NDArray[np.float64]
    income_factor: NDArray[np.float64]


@dataclass(frozen=True)
class Trace:
    """How one variable was drawn: the cell of its table, the uniform, and the chance of what came."""

    variable: Variable
    cells: Codes
    uniforms: Uniforms
    chances: NDArray[np.float64]


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


def uniforms(points: Integers, variable: int, tables: StateTables) -> Uniforms:
    """One uniform in [0, 1) per point: fixed by (seed, state, variable, point), whatever the partitioning."""
    high, low = tables.sobol[variable]
    return (high[points >> seeds.LOW_BITS] ^ low[points & ((1 << seeds.LOW_BITS) - 1)]) * 2.0**-32


def draw(
    points: Integers, tables: StateTables, *, trace: dict[str, Trace] | None = None
) -> dict[str, NDArray[np.generic]]:
    """The persons of these points, in order; points that are no person of the sample are left out.

    Args:
        trace: Filled with how each variable was drawn, where given (for few persons: it costs).

    Returns:
        Codes of the code book by variable; -1 where a variable does not apply. `number` is k, `municipality` the IBGE
        code; `title` and `former_title` index the list of titles, `trade` that of the trades of a MEI; `income_brl` is
        NaN for who does not work.
    """
    numbers = person_numbers(points, tables)
    valid = numbers < tables.limit
    points, numbers = points[valid], numbers[valid]
    row = tables.numbering.rows(numbers)
    age = tables.numbering.age[row]
    values: dict[str, Codes] = {
        "municipality": tables.numbering.municipality[row],
        "sex": tables.numbering.sex[row],
        "age_band": _BAND_OF_AGE[age],
    }
    for variable in tables.network:
        if variable.name not in WORK:
            values[variable.name] = _pick(variable, values, points, tables, trace)
    works = values["activity"] == _WORKS
    at_work = np.flatnonzero(works)
    job = {name: codes_[at_work] for name, codes_ in values.items()}
    for variable in tables.network:
        if variable.name in WORK:
            job[variable.name] = _pick(variable, job, points[at_work], tables, trace)
    u = uniforms(points[at_work], INCOME_POINT, tables)
    income = np.full(len(points), np.nan)
    income[at_work] = _income(job["income_band"], job["occupation_group"], job["is_mei"] == 1, u, tables)
    title = titles.draw(tables.titles, tables.place_factor, job, age[at_work], uniforms(points[at_work], TITLE, tables))
    trade = np.full(len(at_work), -1, dtype=np.int32)
    mei = np.flatnonzero(job["is_mei"] == 1)
    u = uniforms(points[at_work[mei]], TRADE, tables)
    trade[mei] = titles.draw_trade(tables.titles, job["occupation_cod"][mei], job["sex"][mei], u)

    def only(codes_: Codes, where: NDArray[np.bool_]) -> Codes:
        return np.where(where, codes_, np.int32(-1))

    def of_work(codes_: Codes) -> Codes:
        everyone = np.full(len(points), -1, dtype=np.int32)
        everyone[at_work] = codes_
        return everyone

    return {
        "number": numbers,
        "municipality": tables.numbering.municipality_codes[values["municipality"]],
        "sex": values["sex"],
        "age_years": age,
        "zone": values["zone"],
        "race": values["race"],
        "education_level": only(values["education_level"], age >= 5),
        "marital_status": values["marital_status"],
        "in_union": values["in_union"],
        "religion": only(values["religion"], age >= 10),
        "activity": only(values["activity"], age >= _ACTIVITY_YEARS),
        "occupation_group": of_work(job["occupation_group"]),
        "occupation_cod": of_work(job["occupation_cod"]),
        "title": of_work(title),
        "trade": of_work(trade),
        "position": of_work(job["position"]),
        "is_mei": of_work(job["is_mei"]),
        "income_brl": income,
        "former_title": _former_titles(numbers, age, values, tables),
    }


def _pick(
    variable: Variable, values: dict[str, Codes], points: Integers, tables: StateTables, trace: dict[str, Trace] | None
) -> Codes:
    cells = variable.cells(values)
    u = np.zeros(0) if variable.number is None else uniforms(points, variable.number, tables)
    drawn = variable.law.draw(cells, u)
    if trace is not None:
        trace[variable.name] = Trace(variable, cells, u, variable.law.chance(cells, drawn))
    return drawn


def _income(band: Codes, group: Codes, is_mei: NDArray[np.bool_], u: Uniforms, tables: StateTables) -> Uniforms:
    """BRL a month of 2022: a quantile of the band's own law, times the growth of the group's mean income.

    A MEI's receipts have a ceiling by law, and whose quantile lies over it earns somewhat less than that.
    """
    steps = tables.income_points.shape[1] - 1
    place = u * steps
    step = np.minimum(place.astype(np.int64), steps - 1)
    low, high = tables.income_points[band, step], tables.income_points[band, step + 1]
    found = np.round((low + (high - low) * (place - step)) * tables.income_factor[group])
    near = np.round(codes.MEI_CEILING_BRL * (_LEAST_OF_CEILING + (1 - _LEAST_OF_CEILING) * u))
    return np.where(is_mei & (found > codes.MEI_CEILING_BRL), near, found)


def _former_titles(numbers: Integers, age_years: Codes, values: dict[str, Codes], tables: StateTables) -> Codes:
    """Last occupation of the retired and of who looks for work; -1 for others.

    Who looks had the work of their like today, but for what is held for life. Who is retired had that of their like at
    the age of their last work, under the titles of that time.
    """
    activity = values["activity"]
    had_work = np.flatnonzero(((activity == _LOOKS) | (activity == _RETIRED)) & (age_years >= _ACTIVITY_YEARS))
    past = {name: codes_[had_work] for name, codes_ in values.items()}
    chosen = numbers[had_work]
    retired = activity[had_work] == _RETIRED

    def u(stream: int, who: NDArray[np.intp]) -> Uniforms:
        return seeds.mixed(tables.seed, tables.state_code, stream, chosen[who])

    everyone = np.arange(len(had_work))
    last = _LAST_WORK_BANDS[np.searchsorted(_LAST_WORK_ENDS, u(LAST_WORK, everyone), side="right")]
    last = np.where(retired, last, _LAST_WORK_BANDS[-1])
    past["age_band"] = np.minimum(past["age_band"], last)
    of_retired = np.where(age_years[had_work] >= _OLD_JOB_YEARS, titles.OLD, titles.RECENT)
    past["cohort"] = np.where(retired, of_retired, titles.LOOKING).astype(np.int32)
    by_name = {variable.name: variable for variable in tables.network}
    for variable in tables.network:
        if variable.number is None and variable.parents == ("age_band",):  # coarser ages
            past[variable.name] = variable.law.draw(variable.cells(past), np.zeros(0))
    law = np.full(len(had_work), -1, dtype=np.int32)
    for turn in range(_FORMER_TRIES):
        lacking = np.flatnonzero(law < 0)
        if not len(lacking):
            break
        part = {name: codes_[lacking] for name, codes_ in past.items()}
        for name, stream in (("occupation_group", FORMER_GROUP), ("occupation_cod", FORMER_COD)):
            variable = by_name[name]
            part[name] = variable.law.draw(variable.cells(part), u(stream + turn * FORMER_AGAIN, lacking))
        law[lacking] = titles.former_laws(tables.titles, part)
    found = np.full(len(numbers), -1, dtype=np.int32)
    told = law >= 0
    found[had_work[told]] = tables.titles.laws.draw(law[told], u(FORMER_TITLE, everyone[told]))
    return found
