"""Position in the occupation: the survey's seven split into ten, and moved to published levels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from census import codes
from census.errors import FitError
from census.estimation import moved_on_odds, normalised, ratio, smoothed
from census.model import Array

# Which of the ten positions each survey position may become (V4012 -> VD4009).
POSITIONS_OF_SURVEY = ((2, 3), (6,), (0, 1), (4, 5, 6), (7,), (8,), (9,))
SURVEY_POSITION_OF = np.array([2, 2, 0, 0, 3, 3, 3, 4, 5, 6])  # position -> survey position
# Effective persons of the coarser law in the split of a survey position: the sample has 4,152 workers.
_SPLIT_PERSONS = 20.0
# Employees with a contract (carteira) and without. Public ones are among them: what the Atlas calls the public sector
# is 5.7 % of the occupied, as many as serve by statute.
_KINDS = ("privado", "doméstico", "público")
_WITH = [codes.POSITIONS.index(f"{kind} com carteira") for kind in _KINDS]
_WITHOUT = [codes.POSITIONS.index(f"{kind} sem carteira") for kind in _KINDS]
_ROUNDS = 200
TOLERANCE = 1e-5  # share of all workers


def split_of_survey(counts: Array, squares: Array) -> Array:
    """(groups, education, 7, 10): P(position | group, education, survey position), smoothed to the country.

    Args:
        counts: (groups, education, positions) weighted workers whose contract and statute are known.
        squares: Their sums of squared weights.
    """
    table = np.zeros((*counts.shape[:2], len(POSITIONS_OF_SURVEY), len(codes.POSITIONS)))
    for survey_position, allowed in enumerate(POSITIONS_OF_SURVEY):
        columns = list(allowed)
        table[:, :, survey_position, columns] = smoothed(
            counts[..., columns], squares[..., columns], design_effect=1.0, coarser_persons=_SPLIT_PERSONS
        )
    return table


def ten_of_seven(seven: Array, split: Array, group_of_cod: NDArray[np.int64], education_axis: int) -> Array:
    """Ten positions from seven: (states, COD, parents..., 7) -> (states, COD, parents..., 10)."""
    moved = np.moveaxis(seven, education_axis, 2)
    by_cod = split[group_of_cod]  # (COD, education, 7, 10)
    ten = np.einsum("uce...s,cesp->uce...p", moved, by_cod, optimize=True)
    return np.ascontiguousarray(np.moveaxis(ten, 2, education_axis))


def contract_odds_of_2010(rows: pd.DataFrame) -> Array:
    """(states,) employees with a contract to one without, of 18 and over, Censo 2010.

    Args:
        rows: `core_census__work_2010`. Its shares are weighted by residents: it does not count the occupied.

    Raises:
        FitError: A state has no employees of both kinds.
    """
    residents = rows["urban_persons"] + rows["rural_persons"]
    shares = rows[["with_contract_percent", "without_contract_percent"]]
    by_state = shares.mul(residents, axis=0).groupby(rows["uf"]).sum().reindex(list(codes.UFS)).to_numpy(dtype=float)
    lacking = [uf for uf, both in zip(codes.UFS, by_state, strict=True) if not (both > 0).all()]
    if lacking:
        raise FitError(
            f"core_census__work_2010 has no employees with and without a contract in {', '.join(lacking)}: give "
            "sources.atlas2010_work a file of all states, or leave it out for the packaged one.",
            ufs=lacking,
        )
    return np.asarray(by_state[:, 0] / by_state[:, 1])


def contract_odds_of_survey(counts: Array, squares: Array, *, design_effect: float) -> Array:
    """(states,) employees with a contract to one without, smoothed to the country.

    Args:
        counts: (states, positions) weighted workers.
        squares: Their sums of squared weights.
    """
    weights, spread = (
        np.stack([table[:, _WITH].sum(axis=1), table[:, _WITHOUT].sum(axis=1)], axis=1) for table in (counts, squares)
    )
    shares = smoothed(weights, spread, design_effect=design_effect)
    return np.asarray(shares[:, 0] / shares[:, 1])


def at_levels(
    table: Array, workers: Array, shares: Sequence[tuple[tuple[int, ...], float]], contract_odds: Array
) -> tuple[Array, dict[str, float]]:
    """Move positions to published shares of all workers, and contracts to what they are in each state.

    By one factor a position for the country, and one a state for those with a contract and one for those without: other
    odds ratios stay. The states' odds of a contract become to each other as `contract_odds` are, on the level that the
    shares set.

    Args:
        table: (states, cells..., positions).
        workers: (states, cells...) persons.
        shares: (positions together, their share of all workers); positions in none keep their odds to each other.
        contract_odds: (states,) finite and over 0; only their ratios count.

    Returns:
        The table moved, and what is still off its share, as a share of all workers: more than `TOLERANCE` where the
        shares contradict what can occur (soldiers hold no contract, however many they are).
    """
    persons = (workers / workers.sum()).reshape(len(workers), 1, -1)
    rows = table.reshape(len(table), -1, table.shape[-1])
    rest = sorted(set(range(table.shape[-1])).difference(*(together for together, _ in shares)))
    wanted = [(list(together), share) for together, share in shares]
    wanted += [(rest, 1 - sum(share for _, share in shares))] if rest else []
    for _ in range(_ROUNDS):
        have = (persons @ rows)[:, 0]
        factor = np.ones_like(have)
        with_, without = have[:, _WITH].sum(axis=1), have[:, _WITHOUT].sum(axis=1)
        employees = with_ + without
        chance = moved_on_odds(contract_odds, employees, float(with_.sum()), reach=10.0)
        factor[:, _WITH] = ratio(chance * employees, with_)[:, None]
        factor[:, _WITHOUT] = ratio((1 - chance) * employees, without)[:, None]
        total = (have * factor).sum(axis=0)
        off = {_named(together): float(total[together].sum()) - share for together, share in wanted}
        off["com carteira"] = float(np.abs(chance * employees - with_).max())
        if max(map(abs, off.values())) < TOLERANCE:
            break
        for together, share in wanted:
            factor[:, together] *= ratio(np.array(share), total[together].sum())
        rows = normalised(rows * factor[:, None], rows)
    return rows.reshape(table.shape), {name: by for name, by in off.items() if abs(by) >= TOLERANCE}


def _named(together: Sequence[int]) -> str:
    return ", ".join(codes.POSITIONS[place] for place in together)
