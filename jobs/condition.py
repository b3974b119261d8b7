"""Condition: weighted counts and conditional tables of the survey families, for states, regions and Brazil.

Reads   core_pnadc__person
Writes  core_model__count, core_model__conditional, core_model__income_point   (all of Brazil, whatever --uf says)
"""

from __future__ import annotations

import sys
from typing import NamedTuple

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from census import codes, counts, tables
from conf.settings import Config
from jobs import _cli, _runlog, _storage
from jobs._runlog import RunReport


class Conditioned(NamedTuple):
    """Frames of the three tables."""

    counts: DataFrame
    income_points: DataFrame
    conditionals: DataFrame


def run(spark: SparkSession, config: Config) -> RunReport:
    """Count every family and store counts and conditionals."""
    with _runlog.stage(
        spark,
        config,
        "condition",
        writes=(tables.COUNT, tables.CONDITIONAL, tables.INCOME_POINT),
        reads=(tables.PERSON,),
    ) as report:
        if not report.todo:
            return report
        people = _storage.read(spark, config.data_dir, tables.PERSON)
        built = build(people, design_effect=config.condition.design_effect)
        partitions = config.spark.shuffle_partitions
        report.progress("counting families for states, regions and Brazil")
        _storage.replace_all(
            built.counts.repartition(partitions, "uf"), config.data_dir, tables.COUNT, metadata=report.metadata
        )
        _storage.replace_all(
            built.income_points.coalesce(1), config.data_dir, tables.INCOME_POINT, metadata=report.metadata
        )
        # From the table, not from the plan: the persons are read once.
        stored = _storage.read(spark, config.data_dir, tables.COUNT)
        conditionals = counts.conditionals(stored, design_effect=config.condition.design_effect)
        _storage.replace_all(
            conditionals.repartition(partitions, "uf"), config.data_dir, tables.CONDITIONAL, metadata=report.metadata
        )
        report.rows_out = stored.count()
    return report


def build(people: DataFrame, *, design_effect: float) -> Conditioned:
    """Counts and conditionals of `counts.SURVEY_FAMILIES` from one row per surveyed person."""
    ends = codes.INCOME_BAND_ENDS
    band = F.coalesce(
        *[F.when(F.col("income_brl") <= end, codes.INCOME_BANDS[i]) for i, end in enumerate(ends)],
        F.when(F.col("income_brl") > ends[-1], codes.INCOME_BANDS[-1]),
    )
    banded = people.withColumn("income_band", band)
    counted = counts.weighted_counts(counts.with_partner(banded), counts.SURVEY_FAMILIES)
    earning = banded.where("source = 'pnadc_2018t2' AND income_brl IS NOT NULL")
    return Conditioned(
        counted, counts.income_points(earning), counts.conditionals(counted, design_effect=design_effect)
    )


if __name__ == "__main__":
    sys.exit(_cli.main("condition"))
