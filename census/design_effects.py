"""Design effects of PNAD Contínua, estimated: UPAs within strata against simple random sampling with the same weights.

The variance of a share p = W(x) / W of a cell is linearised over UPAs: with T(u, x) the weights of value x in UPA u of
the cell, T(u) those of the whole cell and n(h) the UPAs of stratum h in the sample,

    V(p) = 1 / W^2 * sum over h of n / (n - 1) * sum over u of (d(u) - mean d)^2,    d(u) = T(u, x) - p T(u).

It is a quadratic form, so three sums a (cell, value) are enough: Q(x, x), Q(x, all) and Q(all, all) = sum of Q(x, all).
Against it stands p (1 - p) W2 / W^2.

Source: Särndal, Swensson, Wretman 1992, 5.5 and 2.10; with replacement within strata, which is on the safe side.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyspark.sql import DataFrame

Array = NDArray[np.float64]
Integers = NDArray[np.int64]
MIN_EFFECTIVE_PERSONS = 30.0


def upa_sums(sums: DataFrame) -> DataFrame:
    """The sums behind the design effects of every family: at the margin of a state and in the national parent cell.

    One pass: grouped by UPA, then by stratum, then by (cell, value).

    Args:
        sums: As `counts.weighted_counts` takes, by `stratum` and `upa`; those without a UPA are left out.

    Returns:
        `family`, `level` ('uf' or 'br'), `uf` (state or BR), `cell` (-1 at a state's margin), `value`,
        `weight_persons` (W), `weight_squared` (W2), `upa_square` (Q(x, x)), `upa_cross` (Q(x, all)), `rows`.
    """
    known = sums.where("upa IS NOT NULL AND stratum IS NOT NULL")
    return sums.sparkSession.sql(UPA_SUMS, known=known)


# Strata with a single UPA cannot tell its variance: they take 2, which counts the UPA's own square twice.
UPA_SUMS = """
WITH by_upa AS (
    SELECT family, uf, cell_index, value_index AS value, stratum, upa,
           sum(weight_persons) AS t, sum(weight_squared) AS s, sum(rows) AS n
    FROM {known} GROUP BY family, uf, cell_index, value_index, stratum, upa
), viewed AS (
    SELECT family, 'br' AS level, 'BR' AS uf, cell_index AS cell, value, stratum, upa, t, s, n FROM by_upa
    UNION ALL
    SELECT family, 'uf' AS level, uf, -1 AS cell, value, stratum, upa, sum(t) AS t, sum(s) AS s, sum(n) AS n
    FROM by_upa GROUP BY family, uf, value, stratum, upa
), with_total AS (
    SELECT *, sum(t) OVER (PARTITION BY family, level, uf, cell, stratum, upa) AS t_all FROM viewed
), by_stratum AS (
    SELECT family, level, uf, cell, value, stratum,
           sum(t) AS t, sum(s) AS s, sum(n) AS n, sum(t * t) AS tt, sum(t * t_all) AS ta
    FROM with_total GROUP BY family, level, uf, cell, value, stratum
), with_stratum AS (
    SELECT *, sum(t) OVER (PARTITION BY family, level, uf, cell, stratum) AS stratum_all FROM by_stratum
), upas AS (
    SELECT stratum, count(DISTINCT upa) AS upas FROM by_upa GROUP BY stratum
)
SELECT family, level, uf, cell, value,
       sum(t) AS weight_persons,
       sum(s) AS weight_squared,
       sum((tt - t * t / greatest(upas, 2)) * greatest(upas, 2) / (greatest(upas, 2) - 1)) AS upa_square,
       sum((ta - t * stratum_all / greatest(upas, 2)) * greatest(upas, 2) / (greatest(upas, 2) - 1)) AS upa_cross,
       sum(n) AS rows
FROM with_stratum JOIN upas USING (stratum)
GROUP BY family, level, uf, cell, value
"""


def design_effects(sums: pd.DataFrame, *, min_effective_persons: float = MIN_EFFECTIVE_PERSONS) -> pd.DataFrame:
    """Design effect of every family and level: linearised over simple variance, all cells and values together.

    Args:
        sums: As `upa_sums` returns.
        min_effective_persons: Cells with a smaller W^2 / W2 are left out: their variance is mostly noise.

    Returns:
        `family, level, design_effect, cells` (cells used).
    """
    keys = ["family", "level", "uf", "cell"]
    total = sums.groupby(keys)[["weight_persons", "weight_squared", "upa_cross"]].transform("sum")
    share = sums["weight_persons"] / total["weight_persons"]
    linear = sums["upa_square"] - 2 * share * sums["upa_cross"] + share**2 * total["upa_cross"]
    frame = sums[keys].assign(
        linear=linear / total["weight_persons"] ** 2,
        simple=share * (1 - share) * total["weight_squared"] / total["weight_persons"] ** 2,
    )
    used = frame[total["weight_persons"] ** 2 / total["weight_squared"] >= min_effective_persons]
    by = used.groupby(["family", "level"])
    result = by[["linear", "simple"]].sum()
    result["cells"] = used.drop_duplicates(keys).groupby(["family", "level"]).size()
    result["design_effect"] = result["linear"] / result["simple"]
    return result.reset_index()[["family", "level", "design_effect", "cells"]]


def linearised(
    cell: Integers, value: Integers, weights: Array, upa: Integers, stratum: Integers, *, cells: int, values: int
) -> Array:
    """(cells, values) variances of the shares within each cell, from persons in memory; 0 for an empty cell.

    Strata are those of the persons given, and so are their numbers of UPAs.
    """
    total = np.bincount(cell, weights, cells)
    upas, unit = np.unique(upa, return_inverse=True)
    strata, of_person = np.unique(stratum, return_inverse=True)
    of_unit = np.zeros(len(upas), dtype=np.int64)
    of_unit[unit] = of_person
    drawn = np.maximum(np.bincount(of_unit, minlength=len(strata)), 2).astype(float)
    squares = np.zeros((cells, values))
    # d(u) summed by (cell, UPA) and by (cell, stratum), one value at a time: cells x UPAs is sparse, its pairs are few.
    pairs, pair = np.unique(cell * np.int64(len(upas)) + unit, return_inverse=True)
    pair_cell, pair_stratum = pairs // len(upas), of_unit[pairs % len(upas)]
    groups, group = np.unique(pair_cell * np.int64(len(strata)) + pair_stratum, return_inverse=True)
    group_cell, group_upas = groups // len(strata), drawn[groups % len(strata)]
    whole = np.bincount(pair, weights, len(pairs))
    factor = group_upas / (group_upas - 1)
    for x in range(values):
        is_x = value == x
        of_x = np.bincount(pair[is_x], weights[is_x], len(pairs))
        share = np.divide(np.bincount(cell[is_x], weights[is_x], cells), total, out=np.zeros(cells), where=total > 0)
        d = of_x - share[pair_cell] * whole
        within = np.bincount(group, d**2, len(groups)) - np.bincount(group, d, len(groups)) ** 2 / group_upas
        squares[:, x] = np.bincount(group_cell, factor * within, cells)
    return np.divide(squares, (total**2)[:, None], out=np.zeros_like(squares), where=total[:, None] > 0)


def by_family(effects: pd.DataFrame, families: Iterable[str]) -> dict[str, float]:
    """Design effect within the cells of each family.

    A family whose cells are all too small to tell has that of a state's margin; one that the sample does not cluster
    (2017T1 has no UPA) the mean of the others. None is under 1: weights alone never make a sample better.
    """
    known = effects.pivot(index="family", columns="level", values="design_effect").reindex(columns=["br", "uf"])
    found = known["br"].fillna(known["uf"])
    return {name: max(float(found.get(name, found.mean())), 1.0) for name in families}
