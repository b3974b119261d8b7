"""Estimators of conditional tables: smoothing down the parents, rake then shrink, log-linear then shrink, and IPF."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
# Weight of the coarser table where a parent is added, in effective persons (method notes 2.4).
COARSER_PERSONS = 20.0
# A state's own margin is trusted fully from about this many effective persons on.
MARGIN_PERSONS = 500.0
# A margin whose k reaches this many persons differs from the table by no more than chance: it is left out.
NO_EVIDENCE_PERSONS = 1e5
# Share of independent parents mixed into the persons that margins are taken over: a cell that the survey did not meet
# would otherwise take whatever factors its neighbours leave it.
_INDEPENDENT_SHARE = 0.1
# The k of a group of cells, or of a value in it, weighs as much as the coarser one from this many cells on.
_POOLED_CELLS = 40.0
# How near a state's expected margin comes to its own before the country's margins are compared, and in how many passes.
_LEVEL_TOLERANCE = 1e-3
_LEVEL_PASSES = 10


def normalised(table: Array, fallback: Array | None = None) -> Array:
    """Make the last axis sum to 1; empty rows take `fallback` (or stay zero)."""
    total = table.sum(axis=-1, keepdims=True)
    shares = np.divide(table, total, out=np.zeros_like(table), where=total > 0)
    return shares if fallback is None else np.where(total > 0, shares, fallback)


def ratio(wanted: Array, have: Array) -> Array:
    """wanted / have; 1 where there is nothing to scale."""
    return np.divide(wanted, have, out=np.ones(np.shape(have)), where=np.asarray(have) > 0)


def moved_on_odds(odds: Array, persons: Array, wanted: float, *, reach: float) -> Array:
    """Shares c odds / (1 + c odds) of each row, with the one c that gives `wanted` of all persons.

    Args:
        odds, persons: (rows,).
        reach: ln c lies between -reach and reach.
    """
    low, high = -reach, reach
    for _ in range(60):
        move = (low + high) / 2
        moved = odds * np.exp(move) / (1 + odds * np.exp(move))
        low, high = (move, high) if float(moved @ persons) < wanted else (low, move)
    return np.asarray(moved)


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


def shrink_strength(weights: Array, squares: Array, prior: Array, *, design_effect: float) -> Array:
    """k of each value: how many effective persons `prior` is worth to a cell, by moments.

    A cell's share of a value differs from the prior p by sampling, V / n_eff, and by what is its own, V / k, where
    V = p (1 - p); k is what the squared differences of the cells leave for the second. Cells with the same last axis
    (the women of all states) are taken together. All cells and values give one figure, each such group its own and each
    value in it its own, as far as their cells can tell.

    Args:
        weights: (cells..., values) sums of weights.
        squares: Sums of squared weights, same shape.
        prior: Probabilities that broadcast to `weights`.

    Returns:
        An array that broadcasts to `weights`, from 1 to `NO_EVIDENCE_PERSONS`; the upper end where the cells differ
        from the prior by chance alone.
    """
    n = effective_persons(weights, squares, design_effect)[..., None]
    prior = np.broadcast_to(prior, weights.shape)
    chance = prior * (1 - prior)
    excess = n * (normalised(weights) - prior) ** 2 - np.where(n > 0, chance, 0.0)
    expected = n * chance

    everywhere = tuple(range(n.ndim))
    group = everywhere[: max(n.ndim - 2, 1)]

    def own_variance(axes: tuple[int, ...], coarser: Array | float, share: float) -> Array:
        """1 / k of what is summed over `axes`, pulled to the coarser figure where few cells tell it."""
        scale = expected.sum(axis=axes, keepdims=True)
        alone = np.divide(excess.sum(axis=axes, keepdims=True), scale, out=np.zeros_like(scale), where=scale > 0)
        # Cells in which nobody is expected are nearly all noise.
        cells = (expected >= 1).sum(axis=axes, keepdims=True) * share
        return np.asarray(np.maximum((cells * alone + _POOLED_CELLS * coarser) / (cells + _POOLED_CELLS), 0.0))

    together = max(float(excess.sum()) / max(float(expected.sum()), 1e-300), 0.0)
    by_group = own_variance((*group, everywhere[-1]), together, 1 / weights.shape[-1])
    by_value = own_variance(group, by_group, 1.0)
    return np.asarray(np.clip(1 / np.maximum(by_value, 1e-12), 1.0, NO_EVIDENCE_PERSONS))


def shrunk(
    weights: Array, squares: Array, prior: Array, *, design_effect: float, shrink_persons: float | Array | None = None
) -> Array:
    """(n_eff share + k prior) / (n_eff + k) of every cell, made to sum to 1; k by `shrink_strength` if not given."""
    if shrink_persons is None:
        shrink_persons = shrink_strength(weights, squares, prior, design_effect=design_effect)
    n = effective_persons(weights, squares, design_effect)[..., None]
    return normalised((n * normalised(weights) + shrink_persons * prior) / (n + shrink_persons))


def log_linear_then_shrink(
    weights: Array,
    squares: Array,
    *,
    design_effect: float,
    regions: Sequence[int] | None = None,
    shrink_persons: float | None = None,
) -> Array:
    """P(x | state, c): `log_linear`, then the states' cells shrunk to it.

    Args:
        weights, squares, regions: As in `log_linear`.
        shrink_persons: k of the states' cells; estimated if not given.
    """
    own = log_linear(weights, squares, design_effect=design_effect, regions=regions)
    return normalised(shrunk(weights, squares, own, design_effect=design_effect, shrink_persons=shrink_persons))


def log_linear(weights: Array, squares: Array, *, design_effect: float, regions: Sequence[int] | None = None) -> Array:
    """P(x | state, c) without the states' own cells: a log-linear table of Brazil, raked to what is each state's own.

    Brazil: from the margin of x, rake to x by every parent, by every two parents, and by the first three, four ... of
    them up to all (`_country_table`). State: rake to its own margin of x (shrunk to its region's and Brazil's odds),
    and to x by every parent. Each margin is first shrunk to what the table expects before it is raked to, with k's of
    its own (`shrink_strength`); margins that differ by chance alone are left out.

    Args:
        weights: (states, parents..., values) sums of weights; the first parent is the strongest.
        squares: Sums of squared weights, same shape.
        regions: Number of the macro-region of each state; without it states are shrunk to Brazil alone.

    Returns:
        Probabilities of the shape of `weights`; the last axis sums to 1. Above 0 wherever Brazil has seen the value.

    Every three parents for Brazil and two for a state gain a little held-out likelihood and take ten times as long.

    Source: IPF keeps the higher-order odds of its seed (Bishop, Fienberg, Holland 1975, ch. 3); compared with the other
    estimators by census/held_out_fit.py.
    """
    parents = weights.ndim - 2
    national = _country_table(weights, squares, regions, design_effect=design_effect)
    level = _state_margins(weights, squares, national, regions, design_effect=design_effect)
    return _raked_in_turn(
        np.broadcast_to(national, weights.shape),
        weights,
        squares,
        [(0, parent) for parent in range(1, parents + 1)],
        design_effect=design_effect,
        first=((0,), level),
    )


def _country_table(weights: Array, squares: Array, regions: Sequence[int] | None, *, design_effect: float) -> Array:
    """(parents..., values): Brazil's odds, the states' levels set aside.

    A margin is compared with what the table expects when every state has its own margin of x, reached by one factor a
    state and value. Otherwise what tells the states apart would be laid to whatever parent is unevenly spread over
    them: fewer work in the Northeast, and more people there are brown.
    """
    parents, values = weights.ndim - 2, weights.shape[-1]
    cells = weights.sum(axis=-1)
    factors = np.ones((len(weights), values))

    def expected_persons(table: Array) -> Array:
        level = _state_margins(weights, squares, table, regions, design_effect=design_effect)
        flat, persons = table.reshape(-1, values), np.zeros((table.size // values, values))
        for state, own in enumerate(cells.reshape(len(cells), -1)):
            for _ in range(_LEVEL_PASSES):
                tilted = normalised(flat * factors[state], flat)
                share = normalised(own @ tilted)
                if np.abs(share - level[state]).max() < _LEVEL_TOLERANCE:
                    break
                factors[state] *= ratio(level[state], share)
            persons += own[:, None] * tilted
        return persons.reshape(table.shape)

    country, country_squares = weights.sum(axis=0), squares.sum(axis=0)
    overall = normalised(country.sum(axis=tuple(range(parents))))
    margins = [axes for size in (1, 2) for axes in combinations(range(parents), size)]
    margins += [tuple(range(size)) for size in range(3, parents + 1)]
    return _raked_in_turn(
        np.broadcast_to(overall, country.shape),
        country,
        country_squares,
        margins,
        design_effect=design_effect,
        expected_persons=expected_persons,
    )


def _state_margins(
    weights: Array, squares: Array, national: Array, regions: Sequence[int] | None, *, design_effect: float
) -> Array:
    """(states, values): each state's margin, shrunk to what its mix of cells and its region make expect."""
    inner = tuple(range(1, weights.ndim - 1))
    have, have_squares = weights.sum(axis=inner), squares.sum(axis=inner)
    expected = normalised((weights.sum(axis=-1)[..., None] * national[None]).sum(axis=inner))
    if regions is not None:
        member = (np.arange(max(regions) + 1)[:, None] == np.asarray(regions)[None, :]).astype(float)
        region_expected = normalised(member @ (expected * have.sum(axis=-1, keepdims=True)))
        region = shrunk(member @ have, member @ have_squares, region_expected, design_effect=design_effect)
        tilt = ratio(region, region_expected)
        expected = normalised(expected * tilt[np.asarray(regions)], expected)
    return shrunk(have, have_squares, expected, design_effect=design_effect)


def _raked_in_turn(
    table: Array,
    weights: Array,
    squares: Array,
    margins: Sequence[tuple[int, ...]],
    *,
    design_effect: float,
    first: tuple[tuple[int, ...], Array] | None = None,
    expected_persons: Callable[[Array], Array] | None = None,
) -> Array:
    """Rake P(x | cell) to margins taken up one by one, each shrunk to what the table expects when its turn comes.

    Args:
        table: (cells..., values) probabilities to begin with.
        margins: Axes of the cells kept in each margin.
        first: A margin whose shares are given.
        expected_persons: Table -> (cells..., values) expected persons; the survey's cells times the table if not given.
    """
    cells = weights.sum(axis=-1)
    persons = (1 - _INDEPENDENT_SHARE) * cells + _INDEPENDENT_SHARE * _independent(cells)
    taken: list[tuple[tuple[int, ...], Array]] = []

    def shares_before(axes: tuple[int, ...]) -> Array:
        expected = cells[..., None] * table if expected_persons is None else expected_persons(table)
        return normalised(_kept(expected, axes))

    def take(axes: tuple[int, ...], shares: Array, before: Array, passes: int) -> None:
        nonlocal table
        # The target is stated for the survey's persons and carried over to the smoothed ones as a ratio.
        there = normalised(_kept(persons[..., None] * table, axes))
        taken.append((axes, normalised(there * ratio(shares, before), there)))
        table = _rake_conditional(table, persons, taken, passes=passes)

    if first is not None:
        take(first[0], first[1], shares_before(first[0]), 20)
    for axes in margins:
        have, have_squares = _kept(weights, axes), _kept(squares, axes)
        before = shares_before(axes)
        k = shrink_strength(have, have_squares, before, design_effect=design_effect)
        if k.min() < NO_EVIDENCE_PERSONS:
            take(axes, shrunk(have, have_squares, before, design_effect=design_effect, shrink_persons=k), before, 4)
    return _rake_conditional(table, persons, taken, passes=10)


def _rake_conditional(
    table: Array, persons: Array, margins: Sequence[tuple[tuple[int, ...], Array]], *, passes: int
) -> Array:
    """IPF of P(x | cell): every margin of (persons x table) gets its shares; each cell sums to 1 after every step.

    Margins shrunk each in its own way need not agree to the last digit: a fixed number of passes, the last taken up
    holds best.
    """
    table = np.array(table)
    for _ in range(passes):
        for axes, shares in margins:
            others = tuple(axis for axis in range(persons.ndim) if axis not in axes)
            have = normalised(_kept(persons[..., None] * table, axes))
            table *= np.expand_dims(ratio(shares, have), others)
            table /= np.maximum(table.sum(axis=-1, keepdims=True), 1e-300)
    return table


def _kept(table: Array, axes: tuple[int, ...]) -> Array:
    """Sum over the axes of the cells that are not in `axes`; the last axis stays."""
    return np.asarray(table.sum(axis=tuple(axis for axis in range(table.ndim - 1) if axis not in axes)))


def _independent(cells: Array) -> Array:
    """Persons as if the axes were independent within the whole; the same total."""
    total = cells.sum()
    result = np.full(cells.shape, total)
    for axis in range(cells.ndim):
        others = tuple(other for other in range(cells.ndim) if other != axis)
        result = result * np.expand_dims(cells.sum(axis=others) / max(total, 1e-300), others)
    return result


def masked(table: Array, allowed: NDArray[np.bool_]) -> Array:
    """Put structural zeros back and make the last axis sum to 1 again; cells with nothing allowed stay as they are."""
    kept = np.where(allowed, table, 0.0)
    return normalised(kept, table)
