"""Condition: weighted counts and conditional tables of the survey families, for states, regions and Brazil.

Reads   core_pnadc__person
Writes  core_model__count, core_model__conditional, core_model__income_point   (all of Brazil, whatever --uf says)
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import NamedTuple

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from census import codes, counts, harmonise, model, tables
from census.counts import Family
from conf import settings
from conf.settings import Config
from jobs import _cli, _runlog, _storage
from jobs._runlog import RunReport

MAIN_SURVEY = "pnadc_2018t2"


class Conditioned(NamedTuple):
    """Frames of two tables."""

    counts: DataFrame
    income_points: DataFrame


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
        families = counts.survey_families({name: node.parents for name, node in settings.network().items()})
        built = build(people, families, cod_of(people))
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
        effects = dict.fromkeys(families, config.condition.design_effect)
        conditionals = counts.conditionals(stored, effects)
        _storage.replace_all(
            conditionals.repartition(partitions, "uf"), config.data_dir, tables.CONDITIONAL, metadata=report.metadata
        )
        report.rows_out = stored.count()
    return report


def build(people: DataFrame, families: Mapping[str, Family], cod: tuple[str, ...]) -> Conditioned:
    """Counts of the families and quantiles of income from one row per surveyed person.

    Args:
        cod: COD base groups in code order.
    """
    ends = codes.INCOME_BAND_ENDS
    band = F.coalesce(
        *[F.when(F.col("income_brl") <= end, codes.INCOME_BANDS[i]) for i, end in enumerate(ends)],
        F.when(F.col("income_brl") > ends[-1], codes.INCOME_BANDS[-1]),
    )
    # Under 5 nobody has finished a level of school; the census asks from 5 on.
    schooled = people.withColumn(
        "education_level",
        F.when(F.col("age_years") < 5, codes.EDUCATION_LEVELS[0]).otherwise(F.col("education_level")),
    )
    banded = schooled.withColumn("income_band", band)
    for name, classes in model.COARSER_AGES.items():
        words = {age_band: model.DOMAINS[name][place] for age_band, place in zip(codes.AGE_BANDS, classes, strict=True)}
        banded = banded.withColumn(name, harmonise.lookup(words, F.col("age_band")))
    counted = counts.weighted_counts(counts.with_partner(banded), families, model.DOMAINS | {"occupation_cod": cod})
    earning = banded.where(f"source = '{MAIN_SURVEY}' AND income_brl IS NOT NULL")
    return Conditioned(counted, counts.income_points(earning))


def cod_of(people: DataFrame) -> tuple[str, ...]:
    """COD base groups that the survey found among workers of known schooling, in code order."""
    rows = (
        people.where("is_working AND occupation_cod IS NOT NULL AND education_level IS NOT NULL")
        .select("occupation_cod")
        .distinct()
        .collect()
    )
    return tuple(sorted(row[0] for row in rows))


if __name__ == "__main__":
    sys.exit(_cli.main("condition"))
