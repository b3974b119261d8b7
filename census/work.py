"""Work: who works, in which occupation and position; survey cells moved to the levels of 2022."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from census import codes
from census.estimation import normalised, ratio, smoothed
from census.model import BANDS, Array, dense

Integers = NDArray[np.int64]
_FIRST_WORK_BAND = codes.AGE_BANDS.index("14-17")
_RETIREMENT_BAND = codes.AGE_BANDS.index("40-44")
GROUPS = len(codes.OCCUPATION_GROUPS)


@dataclass(frozen=True)
class Level:
    """A published level: in `cells` of the residents, `share` of them works."""

    cells: NDArray[np.bool_]
    share: float


def working(chance: Array, people: Array, levels: Sequence[Level], women: Array | None = None) -> Array:
    """Move P(works | cell) to the published levels of 2022, on the odds.

    Args:
        chance: (states, zone, sex, band, race, education) of the survey.
        people: Residents, same axes.
        levels: Brazil's and the regions' levels, in order of rising authority.
        women: (states,) share of women among the workers of a state; None leaves it.

    Returns:
        The same axes; 0 under 14.
    """
    chance = chance.copy()
    chance[:, :, :, :_FIRST_WORK_BAND] = 0.0
    for _ in range(60):
        worst = 0.0
        if women is not None:
            have = (people * chance).sum(axis=(1, 3, 4, 5))
            total = have.sum(axis=1)
            for sex, wanted in ((0, women * total), (1, (1 - women) * total)):
                everyone = people[:, :, sex, _FIRST_WORK_BAND:].sum(axis=(1, 2, 3, 4))
                share = np.clip(wanted / everyone, 1e-6, 1 - 1e-6)
                now = have[:, sex] / everyone
                factor = share / (1 - share) / (now / (1 - now))
                worst = max(worst, float(np.abs(share - now).max()))
                chance[:, :, sex] = _moved(chance[:, :, sex], factor[:, None, None, None, None])
        for level in levels:
            weight, have = people[level.cells], chance[level.cells]
            now = (weight * have).sum() / weight.sum()
            worst = max(worst, abs(now - level.share))
            chance[level.cells] = _moved(have, (level.share / (1 - level.share)) / (now / (1 - now)))
        if worst < 1e-6:
            break
    return chance


def _moved(chance: Array, factor: Array | float) -> Array:
    odds = chance / np.maximum(1 - chance, 1e-9) * factor
    return np.asarray(odds / (1 + odds))


def activity(works: Array, looking: Array, studying: Array, retired: Array, home: Array) -> Array:
    """P(activity | state, zone, sex, band, race, education): who does not work looks, studies, is retired, at home.

    Args:
        works: (states, zone, sex, band, race, education).
        looking: (sex, band) among who does not work.
        studying: (sex, band) among the rest.
        retired: (sex, band) among the rest; 0 under 40.
        home: (sex, band) among the rest.
    """
    retired = np.where(np.arange(BANDS) >= _RETIREMENT_BAND, retired, 0.0)
    stay = 1 - looking
    parts = [
        looking,
        stay * studying,
        stay * (1 - studying) * retired,
        stay * (1 - studying) * (1 - retired) * home,
        stay * (1 - studying) * (1 - retired) * (1 - home),
    ]
    rest = np.stack(parts, axis=-1)[None, None, :, :, None, None, :]
    return np.concatenate([works[..., None], (1 - works)[..., None] * rest], axis=-1)


def share_by_sex_and_band(rows: pd.DataFrame, column: str) -> Array:
    """(sex, band) share of true, smoothed: the samples are small."""
    asked = rows[rows[column].notna()]
    axes = {"sex": codes.SEXES, "age_band": codes.AGE_BANDS, "answer": ("false", "true")}
    answers = asked.assign(answer=np.where(asked[column].astype(bool), "true", "false"))
    weights = dense(answers, axes, "weight_persons")
    squares = dense(answers.assign(square=answers["weight_persons"] ** 2), axes, "square")
    return smoothed_share(weights, squares, design_effect=1.0)


def smoothed_share(weights: Array, squares: Array, *, design_effect: float) -> Array:
    """(sex, band) share of true from counts (sex, band, false and true); each band lends its neighbours some weight."""
    by_age, age_squares = (_neighbours(a.transpose(1, 0, 2)) for a in (weights, squares))
    return smoothed(by_age, age_squares, design_effect=design_effect)[..., 1].T


def _neighbours(table: Array) -> Array:
    """Add a quarter of each neighbouring band."""
    wide = table.copy()
    wide[1:] += 0.25 * table[:-1]
    wide[:-1] += 0.25 * table[1:]
    return wide


# --------------------------------------------------------------------------------------------- occupation
@dataclass(frozen=True)
class Structure:
    """The occupational structure to reach: workers by state, COD of 3 digits and sex, as shares within a state.

    Attributes:
        share: (states, sexes, COD3) published shares; NaN where suppressed.
        suppressed: (states,) share of a state's workers in suppressed cells, both sexes together.
        cod3: (COD,) place of each COD's 3-digit subgroup.
    """

    share: Array
    suppressed: Array
    cod3: NDArray[np.int64]


def workers_by_group(workers: Array, groups: Array, stages: Integers) -> Array:
    """(states, group, sex, education, zone, stage) workers.

    Args:
        workers: (states, sex, band, education, zone, race) persons who work.
        groups: The same axes and P(group | ...).
        stages: (bands,) stage of working life of each age band.
    """
    by_age = np.einsum("usaezr,usaezrg->ugseza", workers, groups, optimize=True)
    return np.stack([by_age[..., stages == stage].sum(axis=-1) for stage in range(stages.max() + 1)], axis=-1)


def raked_occupations(
    groups: Array,
    cods: Array,
    workers: Array,
    structure: Structure,
    stages: Integers,
    *,
    passes: int = 40,
    tolerance: float = 1e-5,
) -> tuple[Array, Array]:
    """Move group and COD so that workers by state, sex and COD3 have the published shares within state and sex.

    Every COD of a state, sex and subgroup is multiplied by one factor; the odds ratios of the survey between cells
    stay. How many women and men work is `working`'s business: shares are taken within a sex. Suppressed subgroups
    keep the survey's own shares among themselves.

    Args:
        groups: (states, sex, band, education, zone, race, group) P(group | ...).
        cods: (states, group, sex, education, zone, stage, COD) P(COD | ...).
        workers: (states, sex, band, education, zone, race) persons who work.
        stages: (bands,) stage of working life of each age band.

    Returns:
        The two tables, moved.
    """
    groups, cods = groups.copy(), cods.copy()
    columns = np.zeros((len(structure.cod3), structure.share.shape[-1]))
    columns[np.arange(len(structure.cod3)), structure.cod3] = 1.0
    known = ~np.isnan(structure.share)
    wanted = np.where(known, structure.share, 0.0)
    for _ in range(passes):
        by_group = workers_by_group(workers, groups, stages)
        have = np.einsum("ugsezt,ugseztc->usc", by_group, cods, optimize=True) @ columns
        share = have / have.sum(axis=2, keepdims=True)
        # What is published of a sex fills all of it but the survey's own share of the suppressed subgroups, scaled.
        hidden = np.where(known, 0.0, share)
        sexes = have.sum(axis=2) / have.sum(axis=(1, 2))[:, None]
        left = (hidden.sum(axis=2) * sexes).sum(axis=1)
        hidden = hidden * ratio(structure.suppressed, left)[:, None, None]
        room = np.maximum(1 - hidden.sum(axis=2, keepdims=True), 0.0)
        target = np.where(known, wanted / np.maximum(wanted.sum(axis=2, keepdims=True), 1e-12) * room, hidden)
        if float(np.abs(target - share).sum(axis=2).max()) / 2 < tolerance:
            break
        factor = ratio(target, share) @ columns.T
        cods *= factor[:, None, :, None, None, None, :]
        mass = cods.sum(axis=-1)
        cods /= np.where(mass > 0, mass, 1.0)[..., None]
        by_band = np.where(mass > 0, mass, 1.0)[..., stages]  # (states, group, sex, education, zone, band)
        groups = normalised(groups * by_band.transpose(0, 2, 5, 3, 4, 1)[:, :, :, :, :, None, :], groups)
    return groups, cods
