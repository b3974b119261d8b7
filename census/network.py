"""The network as pgmpy knows it: states, parents, tables; consistency is checked there, values live in Delta."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pgmpy.factors.discrete import TabularCPD
from pgmpy.models import DiscreteBayesianNetwork

from census.errors import FitError

Array = NDArray[np.float64]
NOT_WORKING = "(não trabalha)"


@dataclass(frozen=True)
class NodeTable:
    """P(values | parents): `table` has one axis a parent, in order, and the values last.

    `effective_persons` and `prior_share`, where known, have one entry a cell of parents: the shape of `table` without
    its last axis.
    """

    name: str
    parents: tuple[str, ...]
    values: tuple[str, ...]
    table: Array
    grade: str
    source: str
    effective_persons: Array | None = None
    prior_share: Array | None = None


def long_rows(node: NodeTable, domains: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """`core_model__cpd` rows of a node; probabilities of zero are left out.

    The parent `uf` goes to its own column (BR if the table has none), the others to `cell`.
    """
    flat = node.table.reshape(-1, len(node.values))
    own = [p for p in node.parents if p != "uf"]
    labels = np.array([""], dtype=object)
    for parent in own:
        step = np.array(domains[parent], dtype=object)
        labels = (labels[:, None] + np.where(labels[:, None] == "", "", "|") + step[None, :]).ravel()
    states = np.array(domains["uf"] if "uf" in node.parents else ["BR"], dtype=object)
    cell, value = np.nonzero(flat > 0)
    return pd.DataFrame(
        {
            "node": node.name,
            "uf": np.repeat(states, len(labels))[cell],
            "cell": np.tile(labels, len(states))[cell],
            "value": np.array(node.values, dtype=object)[value],
            "probability": flat[cell, value],
            "grade": node.grade,
        }
    )


def check(
    nodes: Sequence[NodeTable], domains: Mapping[str, Sequence[str]], roots: Mapping[str, Array]
) -> DiscreteBayesianNetwork:
    """Build the network in pgmpy and check it.

    Args:
        nodes: The drawn nodes; those about work are conditional on `activity` = ocupado and get the state
            `(não trabalha)` here, so that the network is a proper joint law.
        roots: What the allocation gives: `uf` (states,), `rural_band` (states, bands), `age_band` (states, rural
            bands, age bands), `sex` (states, rural bands, age bands, 2).

    Raises:
        FitError: A table does not sum to 1, holds a negative, or its parents do not fit.
    """
    states = {name: list(values) for name, values in domains.items()}
    model = DiscreteBayesianNetwork()
    cpds = [
        _cpd("uf", (), roots["uf"], states),
        _cpd("rural_band", ("uf",), roots["rural_band"], states),
        _cpd("age_band", ("uf", "rural_band"), roots["age_band"], states),
        _cpd("sex", ("uf", "rural_band", "age_band"), roots["sex"], states),
    ]
    for node in nodes:
        parents, table = node.parents, node.table
        if node.name in _WORK:
            parents, table = _gated(node, states)
            states[node.name] = [*node.values, NOT_WORKING]
        cpds.append(_cpd(node.name, parents, table, states))
    model.add_nodes_from([cpd.variable for cpd in cpds])
    for cpd in cpds:
        for parent in cpd.variables[1:]:
            model.add_edge(parent, cpd.variable)
    model.add_cpds(*cpds)
    try:
        model.check_model()
    except ValueError as error:
        raise FitError(f"The network is not consistent: {error}") from error
    return model


# Order of the gate: the first hears of `activity`, the others of a parent that was gated before them.
_WORK = {
    "occupation_group": "activity",
    "occupation_cod": "occupation_group",
    "position": "occupation_cod",
    "is_mei": "position",
    "income_band": "position",
}


def _gated(node: NodeTable, states: dict[str, list[str]]) -> tuple[tuple[str, ...], Array]:
    """Add the value `(não trabalha)`, certain wherever the gate says so."""
    gate = _WORK[node.name]
    table = np.concatenate([node.table, np.zeros((*node.table.shape[:-1], 1))], axis=-1)
    nothing = np.eye(len(node.values) + 1)[-1]
    if gate not in node.parents:
        idle = np.broadcast_to(nothing, table.shape)
        working = states[gate].index("ocupado")
        layers = [table if i == working else idle for i in range(len(states[gate]))]
        return (gate, *node.parents), np.stack(layers)
    parents = node.parents
    for axis, parent in enumerate(parents):
        if parent in _WORK and states[parent][-1] == NOT_WORKING:
            extra = np.broadcast_to(nothing, (*table.shape[:axis], 1, *table.shape[axis + 1 : -1], len(nothing)))
            table = np.concatenate([table, extra], axis=axis)
    return parents, table


def _cpd(name: str, parents: Sequence[str], table: Array, states: Mapping[str, list[str]]) -> TabularCPD:
    values = table.reshape(-1, table.shape[-1]).T
    if not np.allclose(values.sum(axis=0), 1.0, atol=1e-8) or (values < 0).any():
        worst = float(np.abs(values.sum(axis=0) - 1).max())
        raise FitError(f"{name}: a column of its table is off 1 by {worst:.2g} or negative.", node=name)
    return TabularCPD(
        name,
        len(states[name]),
        values / values.sum(axis=0),
        evidence=list(parents) or None,
        evidence_card=[len(states[p]) for p in parents] or None,
        state_names={n: list(states[n]) for n in (name, *parents)},
    )


def to_json(nodes: Sequence[NodeTable], domains: Mapping[str, Sequence[str]], *, model_version: str) -> str:
    """The network's structure: nodes in drawing order with parents, values, grade and source; tables are in Delta."""
    drawn = [
        {
            "node": node.name,
            "parents": list(node.parents),
            "values": list(node.values),
            "grade": node.grade,
            "source": node.source,
            "cells": int(np.prod(node.table.shape[:-1])),
        }
        for node in nodes
    ]
    known = [{"node": n, "values": list(domains[n])} for n in ("uf", "rural_band", "age_band", "sex")]
    document = {"model_version": model_version, "table": "core_model__cpd", "allocated": known, "drawn": drawn}
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"
