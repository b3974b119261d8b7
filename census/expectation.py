"""What the network expects of a population: exact tables of any few variables, by summing the others out."""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_letters

import numpy as np
import opt_einsum
from numpy.typing import NDArray

from census import codes
from census.network import NodeTable

Array = NDArray[np.float64]
BLOCK = ("sex", "age_band", "race", "education_level", "zone")
INCOME_CLASS = "income_class"  # classes of income in minimum wages: no node, read off the law of a band
_WORKS = codes.ACTIVITIES.index("ocupado")


def expected(nodes: Sequence[NodeTable], persons: Array, wanted: Sequence[str], work: Sequence[str]) -> Array:
    """Persons by the wanted variables, in their order.

    Args:
        nodes: The network of one state (`uf` is no parent).
        persons: (sexes, bands, races, levels, zones) of the population; what is under an age is left out by zeros.
        wanted: Variables of the block or of the network.
        work: Variables that only who works has: with one of them among the wanted, only workers are counted.
    """
    by_name = {node.name: node for node in nodes}
    needed: list[str] = []

    def need(name: str) -> None:
        if name in BLOCK or name in needed:
            return
        for parent in by_name[name].parents:
            need(parent)
        needed.append(name)

    for name in wanted:
        need(name)
    gated = any(name in work for name in wanted)
    if gated:
        need("activity")
    letters = dict(zip([*BLOCK, *needed], ascii_letters, strict=False))
    operands: list[Array] = [persons]
    labels = ["".join(letters[name] for name in BLOCK)]
    for name in needed:
        node = by_name[name]
        table, own = node.table, "".join(letters[p] for p in node.parents) + letters[name]
        if name == "activity" and gated and "activity" not in wanted:
            table, own = table[..., _WORKS], own[:-1]
        operands.append(table)
        labels.append(own)
    result = "".join(letters[name] for name in wanted)
    if gated and "activity" in wanted:
        works = np.zeros(len(codes.ACTIVITIES))
        works[_WORKS] = 1.0
        operands.append(works)
        labels.append(letters["activity"])
    return np.asarray(opt_einsum.contract(f"{','.join(labels)}->{result}", *operands, optimize="dp"))


def expected_with_income(
    nodes: Sequence[NodeTable], persons: Array, wanted: Sequence[str], work: Sequence[str], classes: Array
) -> Array:
    """The same, where `income_class` may be the last of the wanted.

    Args:
        classes: What `income_law` gives.
    """
    *others, last = wanted
    if last != INCOME_CLASS:
        return expected(nodes, persons, wanted, work)
    base = others if "occupation_group" in others else [*others, "occupation_group"]
    table = expected(nodes, persons, [*base, "income_band"], work)
    letters = dict(zip(base, ascii_letters, strict=False))
    group, kept = letters["occupation_group"], "".join(letters[name] for name in others)
    return np.asarray(opt_einsum.contract(f"{''.join(letters.values())}Y,{group}YZ->{kept}Z", table, classes))


def expected_tables(
    nodes: Sequence[NodeTable],
    persons: Array,
    wanted: Sequence[tuple[str, ...]],
    work: Sequence[str],
    classes: Array,
) -> dict[tuple[str, ...], Array]:
    """Several tables of `expected_with_income`; those of income are margins of one, which costs as much as each."""
    of_income = [columns for columns in wanted if columns[-1] == INCOME_CLASS]
    found = {columns: expected(nodes, persons, columns, work) for columns in wanted if columns not in of_income}
    if of_income:
        others = list(dict.fromkeys(name for columns in of_income for name in columns[:-1]))
        axes = [*others, INCOME_CLASS]
        joint = expected_with_income(nodes, persons, axes, work, classes)
        letters = dict(zip(axes, ascii_letters, strict=False))
        whole = "".join(letters.values())
        for columns in of_income:
            found[columns] = np.asarray(np.einsum(f"{whole}->{''.join(letters[name] for name in columns)}", joint))
    return found


def income_law(points: Array, factor: Array, ends: Sequence[float]) -> Array:
    """(groups, bands, classes): share of a great group's workers of a band in each class of income.

    Args:
        points: (bands, steps + 1) equally spaced quantiles of a band, BRL of the survey.
        factor: (groups,) to the level asked for.
        ends: Rising upper ends of the classes, BRL; what lies over the last is the last class.
    """
    shares = np.linspace(0.0, 1.0, points.shape[1])
    result = np.zeros((len(factor), len(points), len(ends) + 1))
    for group, growth in enumerate(factor):
        for band, law in enumerate(np.round(points * growth)):
            # A flat stretch is a mass on one income: the share up to it is its right end.
            upto = [float(np.interp(end, law, shares, left=0.0)) if end < law[-1] else 1.0 for end in ends]
            for place, end in enumerate(ends):
                flat = np.flatnonzero(law <= end)
                if len(flat):
                    upto[place] = max(upto[place], float(shares[flat[-1]]))
            result[group, band] = np.diff([0.0, *upto, 1.0])
    return result
