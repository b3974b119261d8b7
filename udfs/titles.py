"""Draw the CBO title of a worker, and the trade of a MEI: from laws of who may have it, tilted by the place.

NumPy only; titles and trades stay places in their lists until the writer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from census import codes
from udfs.alias import Alias

Codes = NDArray[np.int32]
_CELL = ("occupation_cod", "sex", "education_level", "position")
Uniforms = NDArray[np.float64]


RECENT, OLD, LOOKING = 0, 1, 2  # whose job is over
COHORTS = 3


@dataclass(frozen=True)
class TitleLaws:
    """Laws of the titles; the same for all states but for the places.

    Attributes:
        cell_law: (COD x sexes x levels x positions x classes of age,) law of each cell; -1 where nobody can be.
        age_class: Class of age of each year.
        laws: Alias tables of the laws, whatever the place; `value` is a row of the titles.
        weight: Of each slot, within its law.
        slot_column: Column of `factor` of each slot's title; 0: no place favours it.
        tilted: (laws,) whether a place may favour a title of the law.
        former_law: (COD x sexes x cohorts x levels,) law of a job that is over: schooling and sex count, position does
            not; who is old had titles that are out of use today, who looks for work none that is held for life. -1
            where no title is open.
        trades: Laws of the trades of a MEI.
        trade_law: (COD x sexes,) law of each cell; -1 where there is none.
    """

    cell_law: Codes
    age_class: Codes
    laws: Alias
    weight: NDArray[np.float64]
    slot_column: Codes
    tilted: NDArray[np.bool_]
    former_law: Codes
    trades: Alias
    trade_law: Codes


def draw(
    laws: TitleLaws,
    factor: NDArray[np.float32],
    job: dict[str, Codes],
    age_years: Codes,
    u: Uniforms,
) -> Codes:
    """The row of each worker's title.

    Args:
        factor: (municipalities x zones, columns) times a title's weight; column 0 is 1.
        job: Codes of the workers: occupation_cod, sex, education_level, position, municipality, zone.

    Raises:
        ValueError: A worker may have no title of the base group: the requirements and the rules contradict each other.
    """
    law = laws.cell_law[cells(job, laws.age_class, age_years)]
    if len(law) and law.min() < 0:
        at = int(np.argmin(law))
        who = ", ".join(f"{name} {int(job[name][at])}" for name in _CELL)
        raise ValueError(
            f"no title of the base group is open at {int(age_years[at])} years ({who}, codes of the model)."
        )
    drawn = laws.laws.draw(law, u)
    tilted = np.flatnonzero(laws.tilted[law])
    if len(tilted):
        place = job["municipality"][tilted] * np.int32(len(codes.ZONES)) + job["zone"][tilted]
        drawn[tilted] = _tilted(laws, factor, law[tilted], place, u[tilted])
    return drawn


def cells(job: dict[str, Codes], age_class: Codes, age_years: Codes) -> Codes:
    """Cell of `TitleLaws.cell_law` of each worker."""
    cell = job["occupation_cod"] * np.int32(len(codes.SEXES)) + job["sex"]
    cell = cell * np.int32(len(codes.EDUCATION_LEVELS)) + job["education_level"]
    cell = cell * np.int32(len(codes.POSITIONS)) + job["position"]
    return cell * np.int32(int(age_class.max()) + 1) + age_class[age_years]


def former_laws(laws: TitleLaws, past: dict[str, Codes]) -> Codes:
    """The law of a job that is over; -1 where no title of the base group is open to the person.

    Args:
        past: Codes: occupation_cod, sex, education_level, and `cohort`: `RECENT`, `OLD` for who left the job long ago,
            `LOOKING` for who looks for another.
    """
    cell = past["occupation_cod"] * np.int32(len(codes.SEXES)) + past["sex"]
    cell = cell * np.int32(COHORTS) + past["cohort"]
    return laws.former_law[cell * np.int32(len(codes.EDUCATION_LEVELS)) + past["education_level"]]


def draw_trade(laws: TitleLaws, cod: Codes, sex: Codes, u: Uniforms) -> Codes:
    """The row of each MEI's trade."""
    return laws.trades.draw(laws.trade_law[cod * np.int32(len(codes.SEXES)) + sex], u)


def _tilted(laws: TitleLaws, factor: NDArray[np.float32], law: Codes, place: Codes, u: Uniforms) -> Codes:
    """One title each from the law's weights times the factors of the place: cumulative, all persons end to end."""
    assert laws.laws.start is not None and laws.laws.size is not None and laws.laws.value is not None
    size = laws.laws.size[law]
    last = np.cumsum(size)
    first = last - size
    slot = np.repeat(laws.laws.start[law] - first, size) + np.arange(int(last[-1]), dtype=np.int32)
    upto = np.cumsum(laws.weight[slot] * factor[np.repeat(place, size), laws.slot_column[slot]])
    before = np.concatenate([[0.0], upto])[first]
    wanted = before + u * (upto[last - 1] - before)
    picked = np.clip(np.searchsorted(upto, wanted, side="right"), first, last - 1)
    return laws.laws.value[slot[picked]]
