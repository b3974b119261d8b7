"""Equity: whether every group is as present as in its target, and told from the others neither more nor less."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from census import quality
from census.quality import Comparison


@dataclass(frozen=True)
class Presence:
    """How present a group is.

    Attributes:
        value: Share of the group in the sample / its share in the target, the states weighted as they were sampled; 1
            where both agree.
        noise: Standard deviation of `value` under independent draws.
        n: Persons of the group in the sample.
    """

    value: float
    noise: float
    n: int


@dataclass(frozen=True)
class Association:
    """What a trait tells of an outcome, against the target: 1 = as much, over 1 = amplified, under 1 = erased.

    Attributes:
        value: Odds ratio of the sample / odds ratio of the target.
        noise: Standard error of the log of the sample's odds ratio.
        n: Persons of both groups.
    """

    value: float
    noise: float
    n: int


def presence(cells: pd.DataFrame, group: Sequence[str]) -> dict[tuple[str, ...], Presence]:
    """The presence of each group.

    Args:
        cells: `uf`, columns, `have` (persons of the sample) and `want` (target, any scale within a state).
        group: Columns that name the groups.
    """
    cell = _scaled(cells).groupby(["uf", *group], as_index=False)[["have", "want"]].sum()
    sampled = cell.groupby("uf")["have"].transform("sum")
    cell["variance"] = cell["want"] * (1 - cell["want"] / sampled.where(sampled > 0, np.inf))
    found = {}
    for key, part in cell.groupby(list(group)):
        expected = float(part["want"].sum())
        if expected > 0:
            have = float(part["have"].sum())
            found[_key(key)] = Presence(have / expected, math.sqrt(part["variance"].sum()) / expected, round(have))
    return found


def within(cells: pd.DataFrame, group: Sequence[str], outcome: str) -> dict[tuple[str, ...], Comparison]:
    """Distance of the law of `outcome` from its target inside each group; a group of nobody is left out."""
    pooled = _scaled(cells).groupby([*group, outcome], as_index=False)[["have", "want"]].sum()
    found = {}
    for key, part in pooled.groupby(list(group)):
        have, want = (part[side].to_numpy(dtype=np.float64) for side in ("have", "want"))
        if have.sum() >= 1 and want.sum() > 0:
            found[_key(key)] = quality.compare(have, want)
    return found


def association(cells: pd.DataFrame, column: str, groups: tuple[str, str], outcome: Mapping[str, str]) -> Association:
    """The association of being of the first group, not the second, with an outcome.

    Args:
        outcome: One column and the value that counts as the outcome.

    Returns:
        NaN where a cell of the sample or of the target is empty: an odds ratio does not exist there.
    """
    ((name, value),) = outcome.items()
    part = _scaled(cells)
    part = part[part[column].isin(groups)].assign(has=part[name] == value)
    table = part.groupby([column, "has"])[["have", "want"]].sum()
    index = pd.MultiIndex.from_product([groups, [True, False]])
    have, want = (table[side].reindex(index, fill_value=0.0).to_numpy(dtype=float) for side in ("have", "want"))
    n = round(have.sum())
    if not (have.all() and want.all()):
        return Association(math.nan, math.nan, n)
    odds = have[0] * have[3] / (have[1] * have[2])
    target = want[0] * want[3] / (want[1] * want[2])
    return Association(float(odds / target), float(np.sqrt((1 / have).sum())), n)


def _scaled(cells: pd.DataFrame) -> pd.DataFrame:
    """The cells with a target of as many persons as the sample has in the state."""
    sums = cells.groupby("uf")[["have", "want"]].transform("sum")
    return cells.assign(want=cells["want"] * sums["have"] / sums["want"].where(sums["want"] > 0, np.nan)).fillna(
        {"want": 0.0}
    )


def _key(key: object) -> tuple[str, ...]:
    return tuple(str(part) for part in key) if isinstance(key, tuple) else (str(key),)
