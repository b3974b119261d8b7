"""The network's arrays: domains, survey counts as arrays, their estimates, and the census joint of race and schooling.

Axes follow the code book (census/codes.py): states in the order of `codes.STATES`, then the parents as in
conf/network.toml, then the values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from census import codes
from census.errors import FitError
from census.estimation import effective_persons, log_linear, normalised, rake_then_shrink, shrink_strength, shrunk

Array = NDArray[np.float64]
STATES, SEXES, BANDS = len(codes.STATES), len(codes.SEXES), len(codes.AGE_BANDS)
RACES, LEVELS = len(codes.RACES), len(codes.EDUCATION_LEVELS)
PAY_CLASSES = tuple(f"{i:02d}" for i in range(1, 11))
UNPAID = "00"  # earning class of unpaid family workers
EARNING_CLASSES = (UNPAID, *(f"{i:02d}" for i in range(1, 25)))
DOMAINS: dict[str, tuple[str, ...]] = {
    "uf": codes.UFS,
    "sex": codes.SEXES,
    "age_band": codes.AGE_BANDS,
    "age_class": codes.AGE_CLASSES,
    "career_stage": codes.CAREER_STAGES,
    "race": codes.RACES,
    "education_level": codes.EDUCATION_LEVELS,
    "zone": codes.ZONES,
    "marital_status": codes.MARITAL_STATUSES,
    "in_union": codes.UNION,
    "religion": codes.RELIGIONS,
    "activity": codes.ACTIVITIES,
    "occupation_group": codes.OCCUPATION_GROUPS,
    "position": codes.POSITIONS,
    "may_be_mei": codes.MEI,
    "is_mei": codes.MEI,
    "pay_class": PAY_CLASSES,
    "earning_class": EARNING_CLASSES,
    "income_band": codes.INCOME_BANDS,
    "survey_position": tuple(codes.PNADC_POSITIONS.values()),
    "is_working": ("false", "true"),
    "is_partnered": ("false", "true"),
    "is_looking": ("false", "true"),
    "is_in_school": ("false", "true"),
}
REGION_OF_STATE = tuple(codes.REGIONS.index(state.region) for state in codes.STATES)
# Coarser ages, determined by the age band.
COARSER_AGES = {
    "age_class": tuple(codes.AGE_CLASSES.index(codes.age_class(start)) for start in codes.AGE_BAND_STARTS),
    "career_stage": tuple(codes.CAREER_STAGES.index(codes.career_stage(start)) for start in codes.AGE_BAND_STARTS),
}
# Drawn from the block of the person's municipality, not from the state's table.
BLOCK_NODES = ("race", "education_level", "zone")
ADULT = codes.FIRST_ADULT_BAND


@dataclass(frozen=True)
class Weighted:
    """Sums of weights and of squared weights, one axis a variable."""

    weights: Array
    squares: Array


@dataclass(frozen=True)
class Estimate:
    """P(value | state, cell), and what is known of a cell.

    Attributes:
        table: (states, parents..., values).
        effective_persons: The same without values: n_eff of the state's own cell.
        prior_share: Weight of the raked national law in the cell, k / (n_eff + k), mean over its values.
    """

    table: Array
    effective_persons: Array
    prior_share: Array


def dense(frame: pd.DataFrame, axes: Mapping[str, tuple[object, ...]], value: str = "persons") -> Array:
    """Put the rows of a long table into an array.

    Raises:
        FitError: A row holds a value outside its domain.
    """
    shape = tuple(len(domain) for domain in axes.values())
    index = np.zeros(len(frame), dtype=np.int64)
    for name, domain in axes.items():
        codes_ = pd.Categorical(frame[name], categories=list(domain)).codes
        if (codes_ < 0).any():
            odd = frame.loc[codes_ < 0, name].iloc[0]
            raise FitError(f"{name}: {odd!r} is not in its domain.", column=name, value=odd)
        index = index * len(domain) + codes_
    return np.asarray(
        np.bincount(index, weights=frame[value].to_numpy(dtype=float), minlength=int(np.prod(shape))).reshape(shape),
        dtype=float,
    )


def survey(counts: pd.DataFrame, family: str, parents: Sequence[str], child: str, cod: tuple[str, ...]) -> Weighted:
    """The state rows of `core_model__count` of one family as arrays (states, parents..., values)."""
    rows = counts[(counts["family"] == family) & (counts["level"] == "uf")]
    domains = DOMAINS | {"occupation_cod": cod}
    shape = (STATES, *(len(domains[p]) for p in parents), len(domains[child]))
    state = pd.Categorical(rows["uf"], categories=list(codes.UFS)).codes.astype(np.int64)
    cells = int(np.prod(shape[1:-1]))
    index = (state * cells + rows["cell_index"].to_numpy()) * shape[-1] + rows["value_index"].to_numpy()

    def array(column: str) -> Array:
        sums = np.bincount(index, weights=rows[column].to_numpy(dtype=float), minlength=int(np.prod(shape)))
        return np.asarray(sums.reshape(shape), dtype=float)

    return Weighted(array("weight_persons"), array("weight_squared"))


def in_order(parents: Sequence[str], strongest_first: Sequence[str]) -> list[str]:
    """The parents in the order in which their margins are taken up; those not named come last."""
    named = [parent for parent in strongest_first if parent in parents]
    return named + [parent for parent in parents if parent not in named]


def estimate(
    counts: Weighted,
    parents: Sequence[str],
    strongest_first: Sequence[str],
    *,
    design_effect: float,
    shrink_persons: float | None = None,
) -> Estimate:
    """The log-linear law of a survey family, with the states' cells shrunk to it.

    Args:
        counts: (states, parents..., values).
        parents: Names of the axes between.
        strongest_first: Order in which margins are taken up; parents that it does not name come last.
        shrink_persons: k; estimated from the spread of the states' cells if not given.
    """
    order = in_order(parents, strongest_first)
    axes = [0, *(1 + list(parents).index(p) for p in order), len(parents) + 1]
    weights, squares = counts.weights.transpose(axes), counts.squares.transpose(axes)
    prior = log_linear(weights, squares, design_effect=design_effect, regions=REGION_OF_STATE)
    k: float | Array = (
        shrink_strength(weights, squares, prior, design_effect=design_effect)
        if shrink_persons is None
        else shrink_persons
    )
    table = shrunk(weights, squares, prior, design_effect=design_effect, shrink_persons=k)
    n = effective_persons(weights, squares, design_effect)
    share = (prior * (k / np.maximum(n[..., None] + k, 1e-12))).sum(axis=-1)
    back = np.argsort(axes)
    return Estimate(np.ascontiguousarray(table.transpose(back)), n.transpose(back[:-1]), share.transpose(back[:-1]))


# ------------------------------------------------------------------------------------- race and education
def education_joint(
    by_state: Array, young: Array, child_race: Weighted, child_level: Weighted, *, design_effect: float, shrink: float
) -> Array:
    """Persons by state, sex, band, race, level: SIDRA 10061 for adults, PNADC for children.

    Args:
        by_state: (states, 2, 13, races, levels) persons, bands 18-24, 25-29 ... 80+.
        young: (states, races, 2, levels) persons of 18-19 and 20-24, both sexes.
        child_race: family race_young (states, sex, band, race).
        child_level: family education_young (states, sex, band, race, level).

    Returns:
        (states, 2, bands, races, levels): shares within (state, sex, band) for children, persons for adults.
    """
    split = young + 5.0 * normalised(young.sum(axis=0).transpose(0, 2, 1)).transpose(0, 2, 1)[None]
    split = split / split.sum(axis=2, keepdims=True)
    joint = np.zeros((STATES, SEXES, BANDS, RACES, LEVELS))
    joint[:, :, ADULT] = by_state[:, :, 0] * split[:, None, :, 0, :]
    joint[:, :, ADULT + 1] = by_state[:, :, 0] * split[:, None, :, 1, :]
    joint[:, :, ADULT + 2 :] = by_state[:, :, 1:]
    # A census cell of the sample may be empty: the country's own law of the cell counts as a handful of persons.
    country = normalised(joint.sum(axis=0).reshape(SEXES, BANDS, -1)).reshape(joint.shape[1:])
    joint += 5.0 * country[None]
    # Structural zero: nobody of 18 or 19 holds a degree by the regular path of school (Lei 9.394, art. 44).
    joint[:, :, ADULT, :, 3] = 0.0
    race = rake_then_shrink(child_race.weights, child_race.squares, design_effect=design_effect, shrink_persons=shrink)
    level = rake_then_shrink(
        child_level.weights, child_level.squares, design_effect=design_effect, shrink_persons=shrink
    )
    for band in range(ADULT):
        chance = race[:, :, band]
        schooling = level[:, :, band] if band > 0 else np.eye(LEVELS)[0]
        schooling = np.where(np.arange(LEVELS) < (1 if band < 2 else 2 if band < 3 else 3), schooling, 0.0)
        joint[:, :, band] = chance[..., None] * normalised(
            np.broadcast_to(schooling, (STATES, SEXES, RACES, LEVELS)), np.eye(LEVELS)[0]
        )
    return joint
