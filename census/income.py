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
from census.errors import FitError
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
        earning_class: One axis a variable of the cells, pay classes in the place of occupations; 0 = unpaid.
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
        sizes: Number of values of each variable of `workers.cells`, in the order of the result's axes.

    Raises:
        FitError: Occupation or position is missing: without them there is neither pay class nor unpaid work.
    """
    if not {"occupation_cod", "survey_position"} <= set(sizes):
        raise FitError("network.toml: node.earning_class needs the parents pay_class and position.")
    terms = tuple(dict.fromkeys(tuple(n for n in term if n in sizes or n == "pay_class") for term in _TERMS))
    terms = tuple(term for term in terms if term)
    # First the pay of an occupation: what is left of log income once everything else has had its say.
    cells = workers.cells | {"group": group_of_cod[workers.cells["occupation_cod"]]}
    first = [term for term in terms if "pay_class" not in term] + [("group",)]
    all_sizes = sizes | {"group": len(codes.OCCUPATION_GROUPS), "pay_class": len(PAY_CLASSES)}
    effects = _least_squares(cells, first, all_sizes, workers)
    residual = workers.log_income - _score(cells, first[:-1], effects[:-1], all_sizes)
    cod, count = cells["occupation_cod"], len(group_of_cod)
    weight = np.asarray(np.bincount(cod, workers.weights, count), dtype=float)
    persons = np.asarray(np.bincount(cod, workers.persons, count), dtype=float)
    mean = np.bincount(cod, workers.weights * residual, count) / np.maximum(weight, 1e-12)
    pay: Array = (persons * mean + _GROUP_PERSONS * effects[-1][group_of_cod]) / (persons + _GROUP_PERSONS)
    pay_cuts = _cuts(pay, weight, len(PAY_CLASSES))
    pay_class = np.searchsorted(pay_cuts, pay, side="right").astype(np.int64)
    cells["pay_class"] = pay_class[cod]
    effects = _least_squares(cells, terms, all_sizes, workers)
    score = _score(cells, terms, effects, all_sizes)
    names = ["pay_class" if name == "occupation_cod" else name for name in sizes]
    grid = dict(zip(names, np.indices([all_sizes[name] for name in names]), strict=True))
    cuts = _cuts(score, workers.weights, len(EARNING_CLASSES) - 1)
    classes = 1 + np.searchsorted(cuts, _score(grid, terms, effects, all_sizes), side="right").astype(np.int64)
    classes[grid["survey_position"] == _UNPAID_POSITION] = 0
    mean_log = np.average(workers.log_income, weights=workers.weights)
    spread = np.average((workers.log_income - mean_log) ** 2, weights=workers.weights)
    error = np.average((workers.log_income - score) ** 2, weights=workers.weights)
    return Earnings(pay_class, classes, float(1 - error / spread))


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
    parts: list[Array] = [np.array(part, dtype=float) for part in np.split(effects, starts[1:-1])]
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


def _cuts(values: Array, weights: Array, classes: int) -> Array:
    """Inner cuts of classes of equal weight."""
    order = np.argsort(values, kind="stable")
    running = np.cumsum(weights[order]) / weights.sum()
    return np.unique(values[order][np.searchsorted(running, np.arange(1, classes) / classes)])


def band_means(points: Array) -> Array:
    """Mean income of each band from its quantile points, by the trapezoid rule.

    Args:
        points: (bands, steps + 1) quantiles of the band.
    """
    return np.asarray((points[:, 1:] + points[:, :-1]).mean(axis=1) / 2)
