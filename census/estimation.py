"""Estimators of conditional tables: smoothing down the parents, rake then shrink, and IPF."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
# Weight of the coarser table where a parent is added, in effective persons (method notes 2.4).
COARSER_PERSONS = 20.0
# A state's own margin is trusted fully from about this many effective persons on.
MARGIN_PERSONS = 500.0


def normalised(table: Array, fallback: Array | None = None) -> Array:
    """Make the last axis sum to 1; empty rows take `fallback` (or stay zero)."""
    total = table.sum(axis=-1, keepdims=True)
    shares = np.divide(table, total, out=np.zeros_like(table), where=total > 0)
    return shares if fallback is None else np.where(total > 0, shares, fallback)


def effective_persons(weights: Array, squares: Array, design_effect: float) -> Array:
    """W^2 / W2 / design effect of each cell (all values of the last axis together); 0 for an empty cell."""
    total, spread = weights.sum(axis=-1), squares.sum(axis=-1)
    return np.divide(total**2, spread * design_effect, out=np.zeros_like(total), where=spread > 0)


def smoothed(
    weights: Array, squares: Array, *, design_effect: float, coarser_persons: float = COARSER_PERSONS
) -> Array:
    """P(x | c) smoothed towards the same table with one parent less, from no parent to all.

    Args:
        weights: Sums of weights, shape (parent 1, ..., parent P, values); the first parent is the strongest.
        squares: Sums of squared weights, same shape.

    Returns:
        Probabilities of the same shape; the last axis sums to 1 everywhere. A value never seen at all stays 0.

    Source: theta0(x|c) = (n_eff W(x,c)/W(c) + k theta0(x|c')) / (n_eff + k), method notes 2.4.
    """
    parents = weights.ndim - 1
    table = normalised(weights.sum(axis=tuple(range(parents))))
    for used in range(1, parents + 1):
        rest = tuple(range(used, parents))
        own_weights, own_squares = weights.sum(axis=rest), squares.sum(axis=rest)
        n = effective_persons(own_weights, own_squares, design_effect)[..., None]
        table = (n * normalised(own_weights) + coarser_persons * table[..., None, :]) / (n + coarser_persons)
    return table


def rake(
    seed: Array, margins: Sequence[tuple[tuple[int, ...], Array]], *, passes: int = 60, tolerance: float = 1e-9
) -> Array:
    """Iterative proportional fitting: scale `seed` until every margin holds; zeros of the seed stay zeros.

    Args:
        margins: (axes kept, target of that shape). NaN cells of a target are left as they are.
        tolerance: Stop when no margin is off by more than this share of its total.
    """
    table = seed.copy()
    for _ in range(passes):
        worst = 0.0
        for axes, target in margins:
            others = tuple(a for a in range(table.ndim) if a not in axes)
            have = table.sum(axis=others)
            known = ~np.isnan(target)
            scale = np.divide(target, have, out=np.ones_like(have), where=known & (have > 0))
            worst = max(worst, float(np.abs(have - target)[known].max(initial=0.0) / max(np.nansum(target), 1e-300)))
            table *= np.expand_dims(scale, others)
        if worst < tolerance:
            break
    return table


def rake_then_shrink(
    weights: Array, squares: Array, *, design_effect: float, shrink_persons: float, people: Array | None = None
) -> Array:
    """P(x | state, c): the national table raked to the state's own margins, then the state's cells shrunk to it.

    Args:
        weights: (states, parents..., values) sums of weights.
        squares: Sums of squared weights, same shape.
        shrink_persons: k; a state's cell weighs n_eff / (n_eff + k).
        people: (states, parents...) persons of the census in each cell; the survey's own if not given.

    Returns:
        Probabilities of the shape of `weights`; values without any national weight in a cell's coarsest table are 0.

    Source: method notes 2.4, measured there against MLE, BDeu, K2 and the national table.
    """
    states, values = weights.shape[0], weights.shape[-1]
    national = smoothed(weights.sum(axis=0), squares.sum(axis=0), design_effect=design_effect)
    flat_national = national.reshape(-1, values)
    flat_weights = weights.reshape(states, -1, values)
    n = effective_persons(weights, squares, design_effect).reshape(states, -1, 1)
    all_cells = (
        (weights if people is None else people[..., None] * np.ones(values)).reshape(states, -1, values).sum(axis=-1)
    )
    own_n = effective_persons(flat_weights.sum(axis=1), squares.reshape(states, -1, values).sum(axis=1), design_effect)
    brazil = normalised(flat_weights.sum(axis=(0, 1)))
    result = np.empty_like(flat_weights)
    for state in range(states):
        cells = all_cells[state] / max(all_cells[state].sum(), 1e-300)
        own = normalised(flat_weights[state].sum(axis=0))
        trust = own_n[state] / (own_n[state] + MARGIN_PERSONS / 10)
        margin = trust * own + (1 - trust) * brazil
        seed = cells[:, None] * flat_national
        raked = rake(seed, [((1,), margin * seed.sum()), ((0,), seed.sum(axis=1))])
        prior = normalised(raked, flat_national)
        result[state] = (n[state] * normalised(flat_weights[state]) + shrink_persons * prior) / (
            n[state] + shrink_persons
        )
    return normalised(result).reshape(weights.shape)


def masked(table: Array, allowed: NDArray[np.bool_]) -> Array:
    """Put structural zeros back and make the last axis sum to 1 again; cells with nothing allowed stay as they are."""
    kept = np.where(allowed, table, 0.0)
    return normalised(kept, table)
