"""The fitted model as arrays, read from Delta: what `sample`, the report and `povo ask` share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyspark.sql import SparkSession

from census import block, codes, model, tables
from census.errors import FitError
from census.network import NATIONAL, NodeTable
from jobs import _storage

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Block:
    """The census blocks of a state's municipalities.

    Attributes:
        municipalities: Codes, in order.
        persons: (municipalities, sexes, bands, races, levels, zones).
    """

    municipalities: tuple[str, ...]
    persons: Array


@dataclass(frozen=True)
class ModelTables:
    """Rows of core_model__node, core_model__cpd and core_model__block of some states.

    The cells stay in Arrow: as a column of Python arrays they would take ten times as long.
    """

    nodes: pd.DataFrame
    cpd: pa.Table
    blocks: pd.DataFrame

    def values(self, node: str) -> tuple[str, ...]:
        """Values of a node in code order."""
        return tuple(self.nodes.set_index("node").at[node, "values"])

    @cached_property
    def _domains(self) -> dict[str, tuple[str, ...]]:
        return model.DOMAINS | {row.node: tuple(row.values_) for row in self._listed}

    @cached_property
    def _listed(self) -> list[object]:
        return list(self.nodes.rename(columns={"values": "values_"}).sort_values("order").itertuples(index=False))

    def state(self, uf: str) -> list[NodeTable]:
        """The network of one state in the order of drawing; `uf` is no parent any more.

        Raises:
            FitError: A node's rows are not all there, or a cell does not sum to 1.
        """
        return [self._node(row, uf) for row in self._listed]

    def _node(self, row: object, uf: str) -> NodeTable:
        name, parents = row.node, tuple(p for p in row.parents if p != "uf")  # type: ignore[attr-defined]
        where = uf if "uf" in row.parents else NATIONAL  # type: ignore[attr-defined]
        rows = self._cells(name, where)
        shape = tuple(len(self._domains[p]) for p in parents)
        if len(rows) != int(np.prod(shape)):
            raise FitError(f"core_model__cpd: {name} of {where} has {len(rows)} cells, expected {int(np.prod(shape))}.")
        table = rows["probabilities"].combine_chunks().flatten().to_numpy().reshape(*shape, -1)
        if not np.abs(table.sum(axis=-1) - 1).max() <= 1e-6:  # so that a NaN is refused too
            raise FitError(f"{name} of {where}: a cell of core_model__cpd does not sum to 1.", node=name, uf=where)

        def known(column: str) -> Array | None:
            values = rows[column].to_numpy().astype(float)
            return None if np.isnan(values).all() else values.reshape(shape)

        return NodeTable(
            name,
            parents,
            self._domains[name],
            table,
            row.grade,  # type: ignore[attr-defined]
            row.source,  # type: ignore[attr-defined]
            effective_persons=known("effective_persons"),
            prior_share=known("prior_share"),
        )

    @cached_property
    def _places(self) -> dict[tuple[str, str], NDArray[np.int64]]:
        """Rows of `cpd` by node and state, each in the order of its cells."""
        node, uf = (pc.dictionary_encode(self.cpd[name].combine_chunks()) for name in ("node", "uf"))
        of_node, of_uf = (column.indices.to_numpy() for column in (node, uf))
        order = np.lexsort((self.cpd["cell_index"].to_numpy(), of_uf, of_node))
        key = (of_node * np.int64(len(uf.dictionary)) + of_uf)[order]
        starts = np.flatnonzero(np.diff(key, prepend=-1))
        nodes, ufs = node.dictionary.to_pylist(), uf.dictionary.to_pylist()
        return {
            (nodes[key[start] // len(ufs)], ufs[key[start] % len(ufs)]): part
            for start, part in zip(starts, np.split(order, starts[1:]), strict=True)
        }

    def _cells(self, node: str, where: str) -> pa.Table:
        return self.cpd.take(self._places.get((node, where), np.zeros(0, dtype=np.int64)))

    def block(self, uf: str) -> Block:
        """The census blocks of one state.

        Raises:
            FitError: They are not there: `fit` has not run for the state.
        """
        rows = self.blocks[self.blocks["uf"] == uf]
        names = tuple(sorted(rows["municipality_code"].unique()))
        bands = len(codes.SEXES) * len(codes.AGE_BANDS)
        if not names or len(rows) != len(names) * bands:
            raise FitError(f"core_model__block lacks {uf}: `povo fit --uf {uf}` makes it.", uf=uf)
        place = pd.Categorical(rows["municipality_code"], categories=list(names)).codes.astype(np.int64)
        sex = pd.Categorical(rows["sex"], categories=list(codes.SEXES)).codes
        band = pd.Categorical(rows["age_band"], categories=list(codes.AGE_BANDS)).codes
        persons = np.zeros((len(names), len(codes.SEXES), len(codes.AGE_BANDS), int(np.prod(block.CELLS))))
        persons[place, sex, band] = np.stack(rows["persons"].to_numpy())
        return Block(names, persons.reshape(*persons.shape[:3], *block.CELLS))


def read(spark: SparkSession, data_dir: Path, ufs: Sequence[str]) -> ModelTables:
    """Read the model of some states."""
    return ModelTables(
        _storage.read(spark, data_dir, tables.NODE).toPandas(),
        _storage.read(spark, data_dir, tables.CPD, [*ufs, NATIONAL]).drop("cell").toArrow(),
        _storage.read(spark, data_dir, tables.BLOCK, ufs).toPandas(),
    )


def margin_effect(spark: SparkSession, data_dir: Path, family: str) -> float:
    """Design effect of a survey family at the margin of a state."""
    stored = _storage.read(spark, data_dir, tables.DESIGN_EFFECT).where(f"family = '{family}' AND level = 'uf'")
    row = stored.first()
    if row is None:
        raise FitError(f"core_model__design_effect lacks {family}: `povo condition` makes it.", family=family)
    return max(float(row["design_effect"]), 1.0)


def income_points(spark: SparkSession, data_dir: Path) -> tuple[Array, Array]:
    """(bands, steps + 1) quantiles of income within each band, BRL of 2018; (groups,) growth of the mean to 2022."""
    points = _storage.read(spark, data_dir, tables.INCOME_POINT).toPandas()
    steps = tuple(range(int(points["point"].max()) + 1))
    table = model.dense(points, {"income_band": codes.INCOME_BANDS, "point": steps}, "income_brl")
    trend = _storage.read(spark, data_dir, tables.GROUP_TREND).toPandas()
    mean = trend.set_index(["occupation_group", "year"])["mean_income_brl"]
    factor = np.array([mean[(group, 2022)] / mean[(group, 2018)] for group in codes.OCCUPATION_GROUPS])
    return table, factor
