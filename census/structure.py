"""Structure evidence: which edges a search finds in resampled persons, beside those that the network declares.

The search knows no weights, so it gets rows drawn with probability proportional to weight, as many as the sample is
effectively worth. It only looks: an edge enters the network by `conf/network.toml`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pgmpy.causal_discovery import ExpertKnowledge, HillClimbSearch

Array = NDArray[np.float64]
Integers = NDArray[np.int64]
BOOTSTRAPS = 20
MAX_PARENTS = 4


def effective_rows(weights: Array, design_effect: float) -> int:
    """W^2 / W2 / design effect of all persons, as a whole number."""
    return int(weights.sum() ** 2 / (weights**2).sum() / design_effect)


def learned_edges(rows: Mapping[str, Integers], tiers: Sequence[Sequence[str]]) -> set[tuple[str, str]]:
    """Edges that hill climbing on BIC finds; none runs from a later tier to an earlier one.

    Args:
        rows: Variable -> code of each row, all rows alike in weight.
        tiers: Variables in the order of the network. Those of the first tier are given to it (place, sex, age): edges
            between them are left out.
    """
    frame = pd.DataFrame({name: pd.Categorical(codes) for name, codes in rows.items()})
    search = HillClimbSearch(
        scoring_method="bic-d",
        max_indegree=MAX_PARENTS,
        return_type="dag",
        expert_knowledge=ExpertKnowledge(temporal_order=[list(tier) for tier in tiers]),
        show_progress=False,
    )
    logger = logging.getLogger("pgmpy")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        found = search.fit(frame).causal_graph_.edges()
        return {(str(parent), str(child)) for parent, child in found if child not in tiers[0]}
    finally:
        logger.setLevel(level)


def edge_support(
    columns: Mapping[str, Integers],
    weights: Array,
    tiers: Sequence[Sequence[str]],
    declared: Iterable[tuple[str, str]],
    *,
    design_effect: float,
    bootstraps: int = BOOTSTRAPS,
    max_rows: int | None = None,
    seed: int = 1,
) -> pd.DataFrame:
    """How often each edge is found, and whether the network has it.

    Args:
        columns: Variable -> code of each person (0 or more, no gaps).
        weights: People each person stands for.
        tiers: As in `learned_edges`.
        declared: Edges of the network in the names of `columns`.
        max_rows: Upper limit of the rows of one search.

    Returns:
        One row an edge found at least once or declared: `parent, child, support` (share of the searches that found it),
        `is_declared`, `note`, `rows` of each search; the strongest first.
    """
    n = effective_rows(weights, design_effect)
    if max_rows is not None:
        n = min(n, max_rows)
    rng = np.random.default_rng(seed)
    chance = np.cumsum(weights) / weights.sum()
    found: dict[tuple[str, str], int] = {}
    for _ in range(bootstraps):
        drawn = np.minimum(np.searchsorted(chance, rng.random(n), side="right"), len(weights) - 1)
        for edge in learned_edges({name: codes[drawn] for name, codes in columns.items()}, tiers):
            found[edge] = found.get(edge, 0) + 1
    own = set(declared)
    rows = [
        {
            "parent": parent,
            "child": child,
            "support": found.get((parent, child), 0) / bootstraps,
            "is_declared": (parent, child) in own,
            "note": _note(found.get((parent, child), 0) / bootstraps, (parent, child) in own),
            "rows": n,
        }
        for parent, child in {*found, *own}
    ]
    return pd.DataFrame(rows).sort_values(
        ["support", "parent", "child"], ascending=[False, True, True], ignore_index=True
    )


def _note(support: float, is_declared: bool) -> str:
    if is_declared:
        return "found" if support >= 0.5 else "declared, too weak for BIC at this size"
    return "not in the network" if support >= 0.5 else "found by few searches"
