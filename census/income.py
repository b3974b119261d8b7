"""Income: a distribution, not a mean. A person's work and traits give an earning class; the class has a law of bands.

The class is a cut of one index: a weighted least-squares fit of log income on everything that the network knows of a
worker (pay class of the occupation, position, sex, schooling, race, age, zone). So every parent moves the whole
distribution, and the law within a class keeps the mass on the minimum wage that no normal curve has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from census import codes
from census.model import EARNING_CLASSES, PAY_CLASSES, Array

Integers = NDArray[np.int64]
_UNPAID_POSITION = len(codes.PNADC_POSITIONS) - 1
# Effective persons that the great group's mean counts for in the mean of one of its base groups.
_GROUP_PERSONS = 30.0
_RIDGE_PERSONS = 20.0


@dataclass(frozen=True)
class Workers:
    """Weighted cells of workers with an income, one entry a (cell, income band) seen in the survey.

    Attributes:
        cells: Variable -> code of each entry: occupation_cod, survey_position, sex, education_level, race, age_band,
            zone.
        log_income: Log of the band's middle income; entries without income are left out.
        weights: Sum of weights.
        persons: Surveyed persons.
    """

    cells: dict[str, Integers]
    log_income: Array
    weights: Array
    persons: Array


@dataclass(frozen=True)
class Earnings:
    """The two deterministic maps.

    Attributes:
        pay_class: (COD,) class of each occupation, from the lowest pay to the highest.
        earning_class: (pay classes, survey positions, sexes, levels, races, bands, zones) class; 0 = unpaid.
        score_variance: Share of the variance of log income that the index explains.
    """

    pay_class: Integers
    earning_class: Integers
    score_variance: float


_TERMS: tuple[tuple[str, ...], ...] = (
    ("pay_class", "survey_position"),
    ("sex", "education_level"),
    ("sex", "survey_position"),
    ("sex", "age_band"),
    ("education_level", "age_band"),
    ("race", "education_level"),
    ("zone", "survey_position"),
)


def fit(workers: Workers, group_of_cod: Integers, sizes: dict[str, int]) -> Earnings:
    """Fit the index and cut it.

    Args:
        group_of_cod: (COD,) great group.
        sizes: Number of values of each variable of `workers.cells`.
    """
    cells = dict(workers.cells)
    # First the pay of an occupation: what is left of log income once everything else has had its say.
    cells["group"] = group_of_cod[cells["occupation_cod"]]
    first = [t for t in _TERMS if "pay_class" not in t] + [("group",)]
    all_sizes = sizes | {"group": len(codes.OCCUPATION_GROUPS), "pay_class": len(PAY_CLASSES)}
    effects = _least_squares(cells, first, all_sizes, workers)
    group_effect = effects[-1]
    residual = workers.log_income - _score(cells, first[:-1], effects[:-1], all_sizes)
    weight = np.bincount(cells["occupation_cod"], workers.weights, len(group_of_cod))
    persons = np.bincount(cells["occupation_cod"], workers.persons, len(group_of_cod))
    mean = np.bincount(cells["occupation_cod"], workers.weights * residual, len(group_of_cod)) / np.maximum(
        weight, 1e-12
    )
    pay = (persons * mean + _GROUP_PERSONS * group_effect[group_of_cod]) / (persons + _GROUP_PERSONS)
    pay_class = _cut(pay, weight, len(PAY_CLASSES))
    cells["pay_class"] = pay_class[cells["occupation_cod"]]
    effects = _least_squares(cells, _TERMS, all_sizes, workers)
    score = _score(cells, _TERMS, effects, all_sizes)
    names = ("pay_class", "survey_position", "sex", "education_level", "race", "age_band", "zone")
    grid = np.indices([all_sizes[name] for name in names])
    everywhere = _score(dict(zip(names, grid, strict=True)), _TERMS, effects, all_sizes)
    cuts = _weighted_quantiles(score, workers.weights, len(EARNING_CLASSES) - 1)
    classes = 1 + np.searchsorted(cuts, everywhere, side="right")
    classes[:, _UNPAID_POSITION] = 0
    mean_log = np.average(workers.log_income, weights=workers.weights)
    spread = np.average((workers.log_income - mean_log) ** 2, weights=workers.weights)
    error = np.average((workers.log_income - score) ** 2, weights=workers.weights)
    return Earnings(pay_class, classes, 1 - error / spread)


def _least_squares(
    cells: dict[str, Integers], terms: Sequence[tuple[str, ...]], sizes: dict[str, int], workers: Workers
) -> list[Array]:
    """Effects of each term, (its cells,), by weighted ridge regression; the first term carries the level."""
    columns = [_index(cells, term, sizes) for term in terms]
    widths = [int(np.prod([sizes[name] for name in term])) for term in terms]
    starts = np.concatenate([[0], np.cumsum(widths)])
    weights = workers.weights / workers.weights.sum() * workers.persons.sum()
    level = np.average(workers.log_income, weights=weights)
    normal = np.zeros((starts[-1], starts[-1]))
    right = np.zeros(starts[-1])
    for i, (left, at) in enumerate(zip(columns, starts[:-1], strict=True)):
        right[at : at + widths[i]] = np.bincount(left, weights * (workers.log_income - level), widths[i])
        for j in range(i, len(columns)):
            joint = np.bincount(left * widths[j] + columns[j], weights, widths[i] * widths[j])
            block = joint.reshape(widths[i], widths[j])
            normal[at : at + widths[i], starts[j] : starts[j] + widths[j]] = block
            normal[starts[j] : starts[j] + widths[j], at : at + widths[i]] = block.T
    effects = np.linalg.solve(normal + _RIDGE_PERSONS * np.eye(len(normal)), right)
    parts = [effects[a:b].copy() for a, b in zip(starts[:-1], starts[1:], strict=True)]
    parts[0] += level
    return parts


def _index(cells: dict[str, Integers], term: tuple[str, ...], sizes: dict[str, int]) -> Integers:
    index = np.zeros_like(cells[term[0]])
    for name in term:
        index = index * sizes[name] + cells[name]
    return index


def _score(
    cells: dict[str, Integers], terms: Sequence[tuple[str, ...]], effects: Sequence[Array], sizes: dict[str, int]
) -> Array:
    total: Array | float = 0.0
    for term, effect in zip(terms, effects, strict=True):
        total = total + effect[_index(cells, term, sizes)]
    return np.asarray(total)


def _cut(values: Array, weights: Array, classes: int) -> Integers:
    cuts = _weighted_quantiles(values, weights, classes)
    return np.searchsorted(cuts, values, side="right").astype(np.int64)


def _weighted_quantiles(values: Array, weights: Array, classes: int) -> Array:
    """Inner cuts of classes of equal weight."""
    order = np.argsort(values, kind="stable")
    running = np.cumsum(weights[order]) / weights.sum()
    return np.unique(values[order][np.searchsorted(running, np.arange(1, classes) / classes)])


def band_middles(points: Array) -> Array:
    """Mean income of each band from its quantile points, by the trapezoid rule.

    Args:
        points: (bands, steps + 1) quantiles of the band.
    """
    return np.asarray((points[:, 1:] + points[:, :-1]).mean(axis=1) / 2)
