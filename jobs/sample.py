"""Sample: persons of the virtual population, drawn on the executors.

Reads   core_model__node, core_model__cpd, core_model__block, core_model__allocation, core_model__income_point,
        core_pnadc__group_trend, core_name__*, core_census__age_sex, core_occupation__*, core_model__title,
        core_mei__trade, core_place__condition, core_trait__*
Writes  core_persona__attribute   (a rerun replaces whole states)
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.broadcast import Broadcast
from pyspark.sql import DataFrame, SparkSession

from census import tables
from conf import settings
from conf.settings import Config
from jobs import _cli, _drawing, _runlog, _sample_tables, _states, _storage
from jobs._runlog import RunReport
from jobs._sample_tables import SampleTables
from udfs import sampling

_PERSONS_PER_PARTITION = 250_000


def run(spark: SparkSession, config: Config) -> RunReport:
    """Draw the persons of `config.run.ufs` and replace their partitions."""
    fitted = (tables.NODE, tables.CPD, tables.BLOCK, tables.ALLOCATION, tables.INCOME_POINT, tables.GROUP_TREND)
    reads = (*fitted, *_sample_tables.SMALL)
    with _runlog.stage(spark, config, "sample", writes=(tables.ATTRIBUTE,), reads=reads) as report:
        if not report.todo:
            return report
        minimum = 0 if config.run.whole else config.sample.min_age_years
        report.progress("building alias tables")
        ufs = list(report.todo)
        drawn = _sample_tables.read(
            spark, config.data_dir, settings.network(), ufs=ufs, seed=config.run.seed, min_age_years=minimum
        )
        sizes = _states.records(config)
        people = build(
            spark,
            drawn,
            persons=[sizes[uf] for uf in ufs],
            seed=config.run.seed,
            model_version=_states.model_version(config),
            partitions=config.spark.sample_partitions,
        )
        total = sum(min(sizes[s.uf] or s.limit, s.limit) for s in drawn.states)
        report.progress(f"drawing {total:,} persons")
        _storage.replace_states(people, config.data_dir, tables.ATTRIBUTE, ufs, metadata=report.metadata)
        report.rows_in = _storage.read(spark, config.data_dir, tables.ALLOCATION, ufs).count()
        report.rows_out = _storage.read(spark, config.data_dir, tables.ATTRIBUTE, ufs).count()
    return report


def build(
    spark: SparkSession, drawn: SampleTables, *, persons: list[int], seed: int, model_version: str, partitions: int = 0
) -> DataFrame:
    """`core_persona__attribute` rows: the first `persons[i]` valid points of each state (0 = everyone)."""
    spans = [sampling.points_needed(n, state) for n, state in zip(persons, drawn.states, strict=True)]
    starts = np.concatenate([[0], np.cumsum(spans)])
    points = int(starts[-1])
    parts = partitions or max(math.ceil(points / _PERSONS_PER_PARTITION), spark.sparkContext.defaultParallelism)
    shared = spark.sparkContext.broadcast(drawn)
    rows = spark.range(0, points, 1, parts).mapInArrow(_drawer(shared, starts), _drawing.SPARK_SCHEMA)
    return _drawing.labelled(rows, seed, model_version)


def _drawer(
    shared: Broadcast[SampleTables], starts: NDArray[np.int64]
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def draw(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        # The word lists become Arrow arrays once a task.
        words = {name: pa.array(value) for name, value in vars(shared.value.words).items()}
        for batch in batches:
            index = batch.column("id").to_numpy()
            state_of = np.searchsorted(starts, index, side="right") - 1
            for state in np.unique(state_of):
                yield _drawing.draw_state(index[state_of == state] - starts[state], int(state), shared.value, words)

    return draw


if __name__ == "__main__":
    sys.exit(_cli.main("sample"))
