"""Held-out fit of a family: estimators of P(child | state, parents) scored on the UPAs that they have not seen.

Persons are coded in small integers; whole UPAs go to one fold or the other, since neighbours answer alike. The score is
the weighted mean of ln P(child | state, parents), in nats per person. Pure NumPy, no randomness but the hash of a UPA.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from census import codes
from census.design_effects import linearised
from census.estimation import (
    effective_persons,
    log_linear_then_shrink,
    normalised,
    rake_then_shrink,
    shrunk,
    smoothed,
)

Array = NDArray[np.float64]
Integers = NDArray[np.int64]
# (weights, squares), both (states, parents..., values) -> probabilities of that shape.
Estimator = Callable[[Array, Array], Array]
FOLDS = 2
SHRINK_GRID = (25.0, 50.0, 100.0, 200.0, 400.0, 800.0, 1600.0)
# Every table is mixed with this share of the uniform law, so that a value unseen in one half costs a finite amount.
UNIFORM_SHARE = 1e-4
_MIN_EFFECTIVE_PERSONS = 30.0
_MIN_EXPECTED_PERSONS = 5.0
_MIN_DESIGN_EFFECT = 0.5
_POOLED_UPAS = 100.0  # a cell's own design effect weighs as much as that of all cells from this many UPAs on
_MANY_VALUES = 40  # a parent with more values (COD) keeps those that occur in the part
_REGIONS = tuple(codes.REGIONS.index(state.region) for state in codes.STATES)


@dataclass(frozen=True)
class Persons:
    """Surveyed persons in codes of the code book.

    Attributes:
        columns: Name -> code of each person, -1 where it has none; `uf` is the place in `codes.STATES`.
        sizes: Name -> number of values.
        weights: People each stands for (> 0).
        upa, stratum: Primary sampling unit and its stratum.
    """

    columns: Mapping[str, Integers]
    sizes: Mapping[str, int]
    weights: Array
    upa: Integers
    stratum: Integers


@dataclass(frozen=True)
class CodedFamily:
    """What is predicted from what.

    Attributes:
        parents: The strongest first; uf is always a parent and never listed.
        within: A parent that decides which values the child may take (the great group of a COD): each of its values is
            a table of its own.
        universe: Column that is 1 for the persons meant; everybody who has all values if empty.
    """

    child: str
    parents: tuple[str, ...]
    within: str = ""
    universe: str = ""

    @property
    def all_parents(self) -> tuple[str, ...]:
        """Parents with `within`."""
        return ((self.within,) if self.within else ()) + self.parents


@dataclass(frozen=True)
class Part:
    """Persons of one table: the flat place of each in (states, parents..., values)."""

    shape: tuple[int, ...]
    place: Integers
    weights: Array
    upa: Integers
    stratum: Integers
    fold: NDArray[np.int8]
    values: Integers

    def counts(self, chosen: NDArray[np.bool_], times: Array | None = None) -> tuple[Array, Array]:
        """W and W2 of the chosen persons; `times` multiplies the weights (a bootstrap)."""
        weights = self.weights[chosen] if times is None else self.weights[chosen] * times[chosen]
        place = self.place[chosen]
        # The square of a person drawn twice is counted twice, not four times: these are two persons.
        squares = weights * self.weights[chosen]
        return (
            sums(place, weights, self.shape),
            sums(place, squares, self.shape),
        )


def sums(place: Integers, weights: Array, shape: tuple[int, ...]) -> Array:
    """Weights summed by flat place, in an array of that shape."""
    return np.asarray(np.bincount(place, weights, int(np.prod(shape))).reshape(shape), dtype=float)


def split_by_upa(upa: Integers, folds: int = FOLDS) -> NDArray[np.int8]:
    """Fold of each person, 0 to folds - 1: a fixed hash of the UPA, so that a UPA is never cut."""
    mixed = upa.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= mixed >> np.uint64(32)
    mixed *= np.uint64(0xD6E8FEB86659FD93)
    mixed ^= mixed >> np.uint64(32)
    return np.asarray(mixed % np.uint64(folds), dtype=np.int8)


def known_to(persons: Persons, family: CodedFamily, *further: str) -> NDArray[np.bool_]:
    """Persons of the family's universe who have a value of each of its variables, and of the `further` ones."""
    columns = persons.columns
    known = np.all([columns[name] >= 0 for name in (*family.all_parents, family.child, *further)], axis=0)
    return np.asarray(known & (columns[family.universe] == 1) if family.universe else known)


def parts(persons: Persons, family: CodedFamily) -> list[Part]:
    """The tables of a family: one, or one for each value of `within`. Values that nobody has take no room."""
    columns = persons.columns
    known = known_to(persons, family)
    blocks = columns[family.within] if family.within else np.zeros(len(known), dtype=np.int64)
    mean = persons.weights[known].mean()
    folds = split_by_upa(persons.upa)
    result = []
    for block in np.unique(blocks[known]):
        here = np.flatnonzero(known & (blocks == block))
        axes, values = [columns["uf"][here]], np.empty(0, dtype=np.int64)
        shape = [len(codes.STATES)]
        for name in (*family.parents, family.child):
            if name == family.child or persons.sizes[name] > _MANY_VALUES:
                values, code = np.unique(columns[name][here], return_inverse=True)
                size = len(values)
            else:
                code, size = columns[name][here], persons.sizes[name]
            axes.append(code)
            shape.append(size)
        result.append(
            Part(
                shape=tuple(shape),
                place=np.ravel_multi_index(tuple(axes), tuple(shape)).astype(np.int64),
                weights=persons.weights[here] / mean,
                upa=persons.upa[here],
                stratum=persons.stratum[here],
                fold=folds[here],
                values=values.astype(np.int64),
            )
        )
    return result


def person_log_likelihood(tables: Sequence[Part], estimator: Estimator) -> tuple[Array, Array, Integers]:
    """(ln P, weight, UPA) of every person, each under the table fitted to the folds that it is not in."""
    logs, weights, upas = [], [], []
    for part in tables:
        for fold in range(FOLDS):
            test = part.fold == fold
            table = estimator(*part.counts(~test))
            mixed = (1 - UNIFORM_SHARE) * table.reshape(-1)[part.place[test]] + UNIFORM_SHARE / part.shape[-1]
            logs.append(np.log(mixed))
            weights.append(part.weights[test])
            upas.append(part.upa[test])
    return np.concatenate(logs), np.concatenate(weights), np.concatenate(upas)


def log_likelihood(tables: Sequence[Part], estimator: Estimator) -> float:
    """Weighted held-out log-likelihood in nats per person; the nearer to 0 the better."""
    logs, weights, _ = person_log_likelihood(tables, estimator)
    return float(logs @ weights / weights.sum())


# --------------------------------------------------------------------------------------------- estimators
def maximum_likelihood(weights: Array, squares: Array) -> Array:
    """Shares of each state's cell; the uniform law where the cell is empty (pgmpy's `DiscreteMLE`)."""
    return normalised(weights, np.full(weights.shape, 1 / weights.shape[-1]))


def bdeu(weights: Array, squares: Array, *, sample_size: float = 10.0) -> Array:
    """Dirichlet with `sample_size` spread evenly over all entries (pgmpy's BDeu); weights have mean 1."""
    return normalised(weights + sample_size / weights.size)


def national(weights: Array, squares: Array, *, design_effect: float) -> Array:
    """Brazil's table, smoothed down the parents, for every state."""
    table = smoothed(weights.sum(axis=0), squares.sum(axis=0), design_effect=design_effect)
    return np.broadcast_to(table, weights.shape)


def independence(weights: Array, squares: Array) -> Array:
    """The state's margin whatever the parents."""
    margin = normalised(weights.sum(axis=tuple(range(1, weights.ndim - 1))))
    return np.broadcast_to(np.expand_dims(margin, tuple(range(1, weights.ndim - 1))), weights.shape)


def saturated(weights: Array, squares: Array, *, design_effect: float, shrink_persons: float) -> Array:
    """Each state's cell by itself, shrunk to the state's margin and to nothing else."""
    margin = independence(weights, squares)
    return shrunk(weights, squares, margin, design_effect=design_effect, shrink_persons=shrink_persons)


def ours(design_effect: float) -> Estimator:
    """The estimator of the network."""
    return partial(log_linear_then_shrink, design_effect=design_effect, regions=_REGIONS)


def compare(
    persons: Persons,
    families: Mapping[str, CodedFamily],
    *,
    design_effect: float,
    mine: Estimator | None = None,
    grid: Sequence[float] = SHRINK_GRID,
) -> pd.DataFrame:
    """Score the estimators of every family.

    Args:
        mine: The estimator of the network; `ours(design_effect)` if not given.
        grid: k's tried for the rivals that need one.

    Returns:
        `family, estimator, nats, rank` (1 is best), `behind` (nats behind `ours`, negative if it is better),
        `behind_error` (its standard error over UPAs), `rows` (persons) and `note` (the best k, if one was chosen; it is
        chosen on the very persons scored, which flatters the rivals).
    """
    rows = []
    for name, family in families.items():
        tables = parts(persons, family)
        best = {
            label: max(((log_likelihood(tables, make(k)), k) for k in grid), key=lambda pair: pair[0])[1]
            for label, make in {
                "rake, then shrink": lambda k: partial(rake_then_shrink, design_effect=design_effect, shrink_persons=k),
                "saturated by state": lambda k: partial(saturated, design_effect=design_effect, shrink_persons=k),
            }.items()
        }
        rivals: dict[str, tuple[Estimator, str]] = {
            "ours": (mine or ours(design_effect), "k by moments"),
            "rake, then shrink": (
                partial(rake_then_shrink, design_effect=design_effect, shrink_persons=best["rake, then shrink"]),
                f"best k = {best['rake, then shrink']:g}",
            ),
            "saturated by state": (
                partial(saturated, design_effect=design_effect, shrink_persons=best["saturated by state"]),
                f"best k = {best['saturated by state']:g}",
            ),
            "MLE": (maximum_likelihood, "uniform where unseen"),
            "BDeu(10)": (bdeu, ""),
            "national": (partial(national, design_effect=design_effect), ""),
            "independence": (independence, "state's margin"),
        }
        found = []
        own: Array = np.empty(0)
        for estimator, (function, note) in rivals.items():
            logs, weights, upas = person_log_likelihood(tables, function)
            if estimator == "ours":
                own = logs
            behind, error = _mean_and_error(own - logs, weights, upas)
            found.append(
                {
                    "family": name,
                    "estimator": estimator,
                    "nats": float(logs @ weights / weights.sum()),
                    "behind": behind,
                    "behind_error": error,
                    "rows": len(logs),
                    "note": note,
                }
            )
        frame = pd.DataFrame(found)
        frame["rank"] = frame["nats"].rank(ascending=False, method="min").astype(int)
        rows.append(frame.sort_values("rank"))
    return pd.concat(rows, ignore_index=True)


def best_shrink(
    persons: Persons, family: CodedFamily, *, design_effect: float, grid: Sequence[float] = SHRINK_GRID
) -> pd.DataFrame:
    """Held-out nats of rake, then shrink for every k of the grid: `shrink_persons, nats`, the best first."""
    tables = parts(persons, family)
    scores = [
        (k, log_likelihood(tables, partial(rake_then_shrink, design_effect=design_effect, shrink_persons=k)))
        for k in grid
    ]
    return pd.DataFrame(scores, columns=["shrink_persons", "nats"]).sort_values("nats", ascending=False)


def without_parent(
    persons: Persons, family: CodedFamily, *, design_effect: float, mine: Estimator | None = None
) -> pd.DataFrame:
    """What the held-out fit loses when a parent is left out, over the same persons.

    Returns:
        `parent` (uf and `within` left out), `nats` without it, `lost` (> 0: it earns its place), `lost_error`.
    """
    estimator = mine or ours(design_effect)
    known = np.all([persons.columns[name] >= 0 for name in (*family.all_parents, family.child)], axis=0)
    columns = dict(persons.columns)
    columns[family.child] = np.where(known, columns[family.child], -1)
    same = Persons(columns, persons.sizes, persons.weights, persons.upa, persons.stratum)
    logs, weights, upas = person_log_likelihood(parts(same, family), estimator)
    rows = []
    for parent in ("uf", *family.parents):
        if parent == "uf":
            nowhere = Persons(
                columns | {"uf": np.zeros_like(columns["uf"])},
                persons.sizes,
                persons.weights,
                persons.upa,
                persons.stratum,
            )
            fewer = parts(nowhere, family)
        else:
            rest = tuple(name for name in family.parents if name != parent)
            fewer = parts(same, CodedFamily(family.child, rest, family.within, family.universe))
        other, _, _ = person_log_likelihood(fewer, estimator)
        lost, error = _mean_and_error(logs - other, weights, upas)
        rows.append(
            {
                "parent": parent,
                "nats": float(other @ weights / weights.sum()),
                "lost": lost,
                "lost_error": error,
                "rows": len(logs),
            }
        )
    return pd.DataFrame(rows).sort_values("lost", ascending=False, ignore_index=True)


def _mean_and_error(values: Array, weights: Array, upas: Integers) -> tuple[float, float]:
    """Weighted mean and its standard error, UPAs taken as drawn with replacement."""
    mean = float(values @ weights / weights.sum())
    _, unit = np.unique(upas, return_inverse=True)
    sums = np.bincount(unit, weights * (values - mean))
    return mean, float(np.sqrt((sums**2).sum()) / weights.sum())


# -------------------------------------------------------------------------------------------- calibration
@dataclass(frozen=True)
class Calibration:
    """How often the other half's shares lie within the 95 % interval around the model's.

    Attributes:
        inside: Share of the entries (cell, value) inside.
        entries: Entries of cells with 30 effective persons or more in the other half, of whom 5 or more are expected to
            have the value, and 5 not to have it.
        design_effect: Of the other half's shares, all values together.
        model_share: Part of the variance that is the model's own.
    """

    inside: float
    entries: int
    design_effect: float
    model_share: float


def calibration(
    tables: Sequence[Part],
    estimator: Estimator,
    *,
    keep: Sequence[int],
    design_effect: float,
    value_groups: Callable[[Integers], Integers] | None = None,
    repeats: int = 20,
    seed: int = 1,
) -> Calibration:
    """Fit on half of the UPAs and compare with the shares of the other half, both ways.

    The model's share of an entry is the mean of P(value | state, parents) over the persons of the fitted half in the
    cell; its variance comes from refitting to `repeats` bootstraps of that half's UPAs within their strata. The other
    half's variance is that of simple random sampling with its weights times a design effect, linearised over UPAs: the
    value's in all cells, mixed with the cell's own as far as the cell has UPAs to tell it.

    Args:
        keep: Axes of (states, parents...) that make a cell; the rest are averaged over.
        value_groups: Code of a value -> coarser code, for tables of many values.
    """
    rng = np.random.default_rng(seed)
    keep = sorted(keep)
    inside = entries = 0
    own = total = linear = simple = 0.0
    # Parts that share a cell (great groups of the occupation) are shares of the cell's persons in all parts.
    for fold in range(FOLDS):
        test = _Observed.of(tables, fold, keep, value_groups)
        model = _aggregate(tables, fold, keep, estimator, value_groups, None)
        replicates = np.stack(
            [
                _aggregate(tables, fold, keep, estimator, value_groups, _bootstrap(tables, fold, rng))
                for _ in range(repeats)
            ]
        )
        n = effective_persons(test.weights, test.squares, design_effect)
        use = (n >= _MIN_EFFECTIVE_PERSONS) & (model.sum(axis=-1) > 0)
        n, share, expected, seen = n[use], normalised(test.weights)[use], model[use], test.variance[use]
        spread = (test.squares.sum(axis=-1)[use] / test.weights.sum(axis=-1)[use] ** 2)[:, None]
        srs = share * (1 - share) * spread
        # By value: farm work is clustered in villages, a sales job is not. A cell of many UPAs speaks for itself.
        pooled = np.divide(seen.sum(axis=0), srs.sum(axis=0), out=np.ones(share.shape[1]), where=srs.sum(axis=0) > 0)
        units = test.upas[use][:, None]
        itself = np.divide(seen, srs, out=np.broadcast_to(pooled, srs.shape).copy(), where=srs > 0)
        deff = (units * itself + _POOLED_UPAS * pooled) / (units + _POOLED_UPAS)
        other = expected * (1 - expected) * spread * np.maximum(deff, _MIN_DESIGN_EFFECT)
        mine = replicates[:, use].var(axis=0, ddof=1)
        # The normal interval needs a few effective persons on both sides.
        informative = np.minimum(expected, 1 - expected) * n[:, None] >= _MIN_EXPECTED_PERSONS
        good = np.abs(share - expected) <= 1.96 * np.sqrt(other + mine)
        inside += int((good & informative).sum())
        entries += int(informative.sum())
        own += float(mine[informative].sum())
        total += float((other + mine)[informative].sum())
        linear += float(seen.sum())
        simple += float(srs.sum())
    return Calibration(inside / max(entries, 1), entries, linear / simple, own / total)


@dataclass(frozen=True)
class _Observed:
    weights: Array
    squares: Array
    variance: Array
    upas: Array

    @staticmethod
    def of(
        tables: Sequence[Part], fold: int, keep: Sequence[int], groups: Callable[[Integers], Integers] | None
    ) -> _Observed:
        cells, values, where = _cells(tables, keep, groups)
        chosen = [part.fold == fold for part in tables]
        cell = np.concatenate([w[0][c] for w, c in zip(where, chosen, strict=True)])
        value = np.concatenate([w[1][c] for w, c in zip(where, chosen, strict=True)])
        weight = np.concatenate([p.weights[c] for p, c in zip(tables, chosen, strict=True)])
        upa = np.concatenate([p.upa[c] for p, c in zip(tables, chosen, strict=True)])
        stratum = np.concatenate([p.stratum[c] for p, c in zip(tables, chosen, strict=True)])
        flat = cell * values + value
        return _Observed(
            sums(flat, weight, (cells, values)),
            sums(flat, weight**2, (cells, values)),
            linearised(cell, value, weight, upa, stratum, cells=cells, values=values),
            np.bincount(np.unique(np.stack([cell, upa]), axis=1)[0], minlength=cells).astype(float),
        )


def _cells(
    tables: Sequence[Part], keep: Sequence[int], groups: Callable[[Integers], Integers] | None
) -> tuple[int, int, list[tuple[Integers, Integers]]]:
    """Number of kept cells, of values, and (cell, value) of every person of every part."""
    coded = [part.values if groups is None else groups(part.values) for part in tables]
    known = np.unique(np.concatenate(coded))
    sizes = [max(part.shape[axis] for part in tables) for axis in keep]
    where = []
    for part, code in zip(tables, coded, strict=True):
        places = np.unravel_index(part.place, part.shape)
        cell = np.ravel_multi_index([places[axis] for axis in keep], sizes) if keep else np.zeros_like(part.place)
        where.append((cell.astype(np.int64), np.searchsorted(known, code)[places[-1]].astype(np.int64)))
    return int(np.prod(sizes)), len(known), where


def _bootstrap(tables: Sequence[Part], fold: int, rng: np.random.Generator) -> list[Array]:
    """Times each person is drawn when a stratum's n UPAs are redrawn n - 1 times, times n / (n - 1)."""
    upas = np.concatenate([part.upa[part.fold != fold] for part in tables])
    strata = np.concatenate([part.stratum[part.fold != fold] for part in tables])
    known, first = np.unique(upas, return_index=True)
    of = strata[first]
    order = np.argsort(of, kind="stable")
    times = np.ones(len(known))
    for members in np.split(order, np.flatnonzero(np.diff(of[order])) + 1):
        if len(members) > 1:
            drawn = rng.multinomial(len(members) - 1, np.full(len(members), 1 / len(members)))
            times[members] = drawn * len(members) / (len(members) - 1)
    result = []
    for part in tables:
        place = np.minimum(np.searchsorted(known, part.upa), len(known) - 1)
        result.append(np.where(known[place] == part.upa, times[place], 0.0))
    return result


def _aggregate(
    tables: Sequence[Part],
    fold: int,
    keep: Sequence[int],
    estimator: Estimator,
    groups: Callable[[Integers], Integers] | None,
    times: list[Array] | None,
) -> Array:
    """(kept cells, values) shares that the model fitted to the other folds expects."""
    coded = [part.values if groups is None else groups(part.values) for part in tables]
    known = np.unique(np.concatenate(coded))
    sizes = [max(part.shape[axis] for part in tables) for axis in keep]
    result = np.zeros((*sizes, len(known)))
    for i, part in enumerate(tables):
        weights, squares = part.counts(part.fold != fold, None if times is None else times[i])
        table = estimator(weights, squares)
        mass = weights.sum(axis=-1)
        if len(tables) == 1:
            # Cells of the other half that this one has not met still have the model's answer.
            mass = mass + 1e-9
        others = tuple(axis for axis in range(mass.ndim) if axis not in keep)
        inner = (mass[..., None] * table).sum(axis=others)
        for value, place in enumerate(np.searchsorted(known, coded[i])):
            room = tuple(slice(0, size) for size in inner.shape[:-1])
            result[(*room, place)] += inner[..., value]
    return normalised(result.reshape(-1, len(known)))
