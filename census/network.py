"""The network: tables of its nodes, as rows of Delta and as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from census.errors import FitError

Array = NDArray[np.float64]
NATIONAL = "BR"


@dataclass(frozen=True)
class NodeTable:
    """P(values | parents): `table` has one axis a parent, in order, and the values last.

    Attributes:
        effective_persons: The axes of the parents: n_eff of the cell in the survey. None where no survey gave it.
        prior_share: The same axes: weight of the law raked from the country's, k / (n_eff + k).
    """

    name: str
    parents: tuple[str, ...]
    values: tuple[str, ...]
    table: Array
    grade: str
    source: str
    effective_persons: Array | None = None
    prior_share: Array | None = None


def check(nodes: Sequence[NodeTable], domains: Mapping[str, Sequence[str]]) -> None:
    """Check that every table has the shape of its parents and holds laws.

    Raises:
        FitError: A table does not sum to 1, holds a negative, or its parents do not fit.
    """
    for node in nodes:
        shape = (*(len(domains[p]) for p in node.parents), len(node.values))
        if node.table.shape != shape:
            raise FitError(
                f"{node.name}: its table has shape {node.table.shape}, its parents say {shape}.", node=node.name
            )
        off = float(np.abs(node.table.sum(axis=-1) - 1).max())
        if not (off <= 1e-8 and float(node.table.min()) >= 0):  # so that a NaN is refused too
            raise FitError(f"{node.name}: a cell of its table is off 1 by {off:.2g} or negative.", node=node.name)


def rows(node: NodeTable, domains: Mapping[str, Sequence[str]]) -> pa.Table:
    """`core_model__cpd` rows of a node: one a cell, the states (or BR) first."""
    own = [p for p in node.parents if p != "uf"]
    order = [node.parents.index(p) for p in ("uf", *own) if p in node.parents]
    states = list(domains["uf"]) if "uf" in node.parents else [NATIONAL]
    flat = node.table.transpose(*order, len(node.parents)).reshape(-1, len(node.values))
    labels = np.array([""], dtype=object)
    for place, parent in enumerate(own):
        step = np.array(domains[parent], dtype=object)
        labels = (labels[:, None] + ("|" if place else "") + step[None, :]).ravel()
    cells = len(labels)

    def known(values: Array | None) -> pa.Array:
        if values is None:
            return pa.nulls(len(flat), pa.float64())
        return pa.array(values.transpose(*order).ravel())

    ends = pa.array(np.arange(0, flat.size + 1, len(node.values), dtype=np.int32))
    return pa.table(
        {
            "node": pa.DictionaryArray.from_arrays(np.zeros(len(flat), dtype=np.int32), [node.name]).cast(pa.string()),
            "uf": pa.array(states).take(pa.array(np.repeat(np.arange(len(states)), cells))),
            "cell_index": pa.array(np.tile(np.arange(cells, dtype=np.int32), len(states))),
            "cell": pa.array(labels, pa.string()).take(pa.array(np.tile(np.arange(cells), len(states)))),
            "probabilities": pa.ListArray.from_arrays(ends, pa.array(flat.ravel())),
            "effective_persons": known(node.effective_persons),
            "prior_share": known(node.prior_share),
        }
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
    known = [{"node": n, "values": list(domains[n])} for n in ("uf", "age_band", "sex")]
    document = {"model_version": model_version, "table": "core_model__cpd", "numbered": known, "drawn": drawn}
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"
