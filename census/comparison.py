"""A question put to counted people: shares of a sample, a survey or a census, with intervals, beside the model's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

Z95 = 1.959964  # two-sided 95 % of the normal law


@dataclass(frozen=True)
class Share:
    """A share of people, with its 95 % interval; both ends are the share itself where everyone was counted."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Counted:
    """What counted people say to a question.

    Attributes:
        source: Who was counted.
        persons: Rows behind it (a sample or survey) or persons (a census).
        effective_persons: W^2 / W2 / design effect; equals `persons` without weights.
        shares: By values of the asked variables; what nobody has is not there.
        mean: Of income in BRL, for E.
        note: What differs from the model's question.
    """

    source: str
    persons: int
    effective_persons: float
    shares: Mapping[tuple[str, ...], Share]
    mean: Share | None = None
    note: str = ""


def wilson(share: float, n: float) -> Share:
    """Wilson's 95 % interval of a share seen among n (effective) persons."""
    if n <= 0:
        return Share(share, 0.0, 1.0)
    spread = Z95**2 / n
    middle = (share + spread / 2) / (1 + spread)
    half = Z95 * np.sqrt(share * (1 - share) / n + spread / (4 * n)) / (1 + spread)
    return Share(share, float(max(middle - half, 0.0)), float(min(middle + half, 1.0)))


def of_people(
    groups: pd.DataFrame, variables: Sequence[str], *, source: str, design_effect: float = 1.0, note: str = ""
) -> Counted:
    """Shares of sampled people.

    Args:
        groups: One row a combination of `variables` (as text): `weight_persons` (W), `weight_squared` (W2), `rows` (n).
        design_effect: Of clusters, beyond that of unequal weights.
    """
    weight, squares = float(groups["weight_persons"].sum()), float(groups["weight_squared"].sum())
    effective = weight**2 / squares / design_effect if squares > 0 else 0.0
    shares = {
        tuple(str(row[name]) for name in variables): wilson(row["weight_persons"] / weight, effective)
        for row in groups.to_dict("records")
    }
    return Counted(source, int(groups["rows"].sum()), effective, shares, note=note)


def of_census(persons: pd.DataFrame, variables: Sequence[str], *, source: str, note: str = "") -> Counted:
    """Shares of a census: everyone was counted, so there is no interval.

    Args:
        persons: Rows that meet the conditions, with `variables` and `persons`.
    """
    sums = persons.groupby(list(variables), as_index=False)["persons"].sum()
    total = float(sums["persons"].sum())
    shares = {
        tuple(str(row[name]) for name in variables): Share(*[row["persons"] / total] * 3)
        for row in sums.to_dict("records")
        if row["persons"] > 0
    }
    return Counted(source, int(total), total, shares, note=note)


def mean_of_people(
    *, mean: float, deviation: float, rows: int, effective_persons: float, source: str, note: str = ""
) -> Counted:
    """A weighted mean with its 95 % interval.

    Args:
        deviation: Standard deviation between persons.
    """
    half = Z95 * deviation / np.sqrt(effective_persons) if effective_persons > 1 else float("inf")
    return Counted(source, rows, effective_persons, {}, Share(mean, float(mean - half), float(mean + half)), note)
