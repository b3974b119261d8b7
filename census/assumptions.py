"""What the network assumes: the conditional independences that it asserts, and what the data say against them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from census.held_out_fit import CodedFamily, Persons, known_to, sums

Array = NDArray[np.float64]


class HasParents(Protocol):
    """A node of the network, as far as its place in the graph goes."""

    @property
    def name(self) -> str: ...

    @property
    def parents(self) -> tuple[str, ...]: ...


@dataclass(frozen=True)
class Independence:
    """`node` does not depend on `omitted` (earlier in the order of drawing) once its `parents` are known."""

    node: str
    omitted: tuple[str, ...]
    parents: tuple[str, ...]

    def __str__(self) -> str:
        given = f" given {', '.join(self.parents)}" if self.parents else ""
        return f"{self.node} is independent of {', '.join(self.omitted)}{given}"

    def among(self, names: Iterable[str]) -> Independence | None:
        """The part of it that speaks of these variables, if any."""
        kept = tuple(name for name in self.omitted if name in set(names))
        return Independence(self.node, kept, self.parents) if kept else None


@dataclass(frozen=True)
class Residual:
    """Information about a variable that an omitted one still holds once the parents are known.

    Attributes:
        bits: Conditional mutual information of the weighted counts, in bits a person.
        floor: Its mean if the independence were true: sampling noise alone, in bits.
        effective_persons: W^2 / W2 over the cells that can speak, divided by the design effect.
    """

    bits: float
    floor: float
    effective_persons: float


def independences(nodes: Sequence[HasParents], before: Sequence[str] = ()) -> list[Independence]:
    """Every conditional independence that the network asserts: one a node, of all earlier nodes that are no parents.

    By the ordered Markov property these imply all others of the graph.

    Args:
        nodes: In the order of drawing.
        before: Variables that are known before the first node is drawn (uf, municipality_code).

    Raises:
        ValueError: A parent comes after its child.
    """
    earlier: list[str] = list(before)
    found = []
    for node in nodes:
        late = [parent for parent in node.parents if parent not in earlier]
        if late:
            raise ValueError(f"{node.name} has parents that are drawn after it: {', '.join(late)}")
        omitted = tuple(name for name in earlier if name not in node.parents)
        if omitted:
            found.append(Independence(node.name, omitted, tuple(node.parents)))
        earlier.append(node.name)
    return found


def residual_information(counts: Array, squares: Array, *, design_effect: float = 1.0) -> Residual:
    """Mutual information between an omitted variable and a node's values given the parents, beside its noise floor.

    The floor is (r - 1)(c - 1) / (2 n_eff ln 2) bits, summed over the parent cells with their share of the weight; r
    and c count the rows and columns of a cell that occur, n_eff = W^2 / W2 / design effect of the cell (Miller's
    bias). A cell in which only one row or one column occurs tells nothing and adds nothing to either.

    Args:
        counts: Sums of weights, (parent cells, omitted, values).
        squares: Sums of squared weights, same shape.
        design_effect: Of the clusters of the survey, beyond that of unequal weights.

    Raises:
        ValueError: The shapes differ, or there is no weight at all.
    """
    if counts.ndim != 3 or counts.shape != squares.shape:
        raise ValueError(f"expected two arrays (parents, omitted, values), found {counts.shape} and {squares.shape}")
    total = float(counts.sum())
    if total <= 0:
        raise ValueError("no weight in any cell")
    cell = counts.sum(axis=(1, 2))
    row, column = counts.sum(axis=2), counts.sum(axis=1)
    expected = row[:, :, None] * column[:, None, :] / np.where(cell > 0, cell, 1.0)[:, None, None]
    ratio = np.divide(counts, expected, out=np.ones_like(counts, dtype=float), where=counts > 0)
    bits = float((counts * np.log2(ratio)).sum() / total)
    freedom = np.maximum((row > 0).sum(axis=1) - 1, 0) * np.maximum((column > 0).sum(axis=1) - 1, 0)
    spread = squares.sum(axis=(1, 2))
    n_eff = np.divide(cell**2, spread, out=np.zeros_like(cell), where=spread > 0) / design_effect
    speaks = freedom > 0
    floor = float((cell[speaks] / total * freedom[speaks] / (2 * n_eff[speaks] * np.log(2))).sum())
    return Residual(max(bits, 0.0), floor, float(n_eff[speaks].sum()))


def left_out(persons: Persons, family: CodedFamily, omitted: str, *, design_effect: float) -> Residual | None:
    """What a variable that is no parent still tells of a family's child, given its parents other than the state.

    The state is left out of the condition: within it most cells hold a person or two, and the floor would say all.

    Args:
        omitted: Column of `persons`; who lacks it is left out.

    Returns:
        None where nobody has all of the values.
    """
    chosen = known_to(persons, family, omitted)
    if not chosen.any():
        return None
    cell = np.zeros(int(chosen.sum()), dtype=np.int64)
    for name in family.all_parents:
        values, place = np.unique(persons.columns[name][chosen], return_inverse=True)
        cell = cell * len(values) + place
    cells, cell = np.unique(cell, return_inverse=True)
    rows, row = np.unique(persons.columns[omitted][chosen], return_inverse=True)
    values, value = np.unique(persons.columns[family.child][chosen], return_inverse=True)
    shape = (len(cells), len(rows), len(values))
    index = (cell * shape[1] + row) * shape[2] + value
    weights = persons.weights[chosen]
    counts, squares = sums(index, weights, shape), sums(index, weights**2, shape)
    return residual_information(counts, squares, design_effect=design_effect)


def permuted_floor(counts: NDArray[np.int64], *, seed: int, rounds: int = 20) -> float:
    """Mean mutual information, in bits, of tables with the same margins in which the independence holds.

    For whole numbers of persons (n_eff, rounded): Patefield's random tables by shuffling the values within each
    parent cell. Slower than the formula of `residual_information` and right for thin cells too.

    Args:
        counts: Persons, (parent cells, omitted, values).
    """
    generator = np.random.Generator(np.random.Philox(key=[seed, 0]))
    cells = []
    for table in counts:
        rows = np.repeat(np.arange(table.shape[0]), table.sum(axis=1))
        cells.append((rows, np.repeat(np.arange(table.shape[1]), table.sum(axis=0))))
    shape = counts.shape[1:]
    found = []
    for _ in range(rounds):
        shuffled = np.stack(
            [
                np.bincount(rows * shape[1] + generator.permutation(values), minlength=shape[0] * shape[1])
                for rows, values in cells
            ]
        ).reshape(counts.shape)
        found.append(residual_information(shuffled.astype(float), shuffled.astype(float)).bits)
    return float(np.mean(found))
