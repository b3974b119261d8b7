"""Condition: weighted counts and conditional tables of the survey families, for states, regions and Brazil.

Reads   core_pnadc__person
Writes  core_model__count, core_model__conditional, core_model__design_effect, core_model__income_point
        (all of Brazil, whatever --uf says)
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from census import codes, counts, design_effects, harmonise, model, tables
from census.counts import Family
from census.tables import Table
from conf import settings
from conf.settings import Config
from jobs import _cli, _runlog, _storage
from jobs._runlog import RunReport
from udfs import family_sums

MAIN_SURVEY = "pnadc_2018t2"


class Conditioned(NamedTuple):
    """Frames of two tables, the sums behind the design effects, and the sums that both counts and effects add up."""

    counts: DataFrame
    income_points: DataFrame
    upa_sums: DataFrame
    sums: DataFrame


def run(spark: SparkSession, config: Config) -> RunReport:
    """Count every family and store counts and conditionals."""
    with _runlog.stage(
        spark,
        config,
        "condition",
        writes=(tables.COUNT, tables.CONDITIONAL, tables.DESIGN_EFFECT, tables.INCOME_POINT),
        reads=(tables.PERSON,),
    ) as report:
        if not report.todo:
            return report
        people = _storage.read(spark, config.data_dir, tables.PERSON)
        families = counts.survey_families({name: node.parents for name, node in settings.network().items()})
        built = build(people, families, cod_of(people), config.condition.design_upa_share)
        partitions = config.spark.shuffle_partitions
        report.progress("counting families for states, regions and Brazil")

        def store(frame: DataFrame, table: Table) -> None:
            _storage.replace_all(frame, config.data_dir, table, metadata=report.metadata)

        built.sums.persist()  # added up twice: by cell, and by UPA
        try:
            # Two readings of the same kept sums, and one of the survey: what one leaves of the cores another takes.
            with ThreadPoolExecutor(2) as pool:
                counted = pool.submit(store, built.counts.repartition(partitions, "uf"), tables.COUNT)
                points = pool.submit(store, built.income_points.coalesce(1), tables.INCOME_POINT)
                effects = design_effects.design_effects(built.upa_sums.toPandas())
                store(spark.createDataFrame(effects, tables.DESIGN_EFFECT.schema).coalesce(1), tables.DESIGN_EFFECT)
                counted.result()
                points.result()
        finally:
            built.sums.unpersist()
        # From the table, not from the plan: the sums are kept no longer, and would be made again.
        stored = _storage.read(spark, config.data_dir, tables.COUNT)
        # A cell of the earning family is hardly ever more than one person: no law to read.
        lawful = stored.where("family != 'earning_class'")
        report.progress("conditional tables")
        conditionals = counts.conditionals(lawful, design_effects.by_family(effects, families))
        store(conditionals.repartition(partitions, "uf"), tables.CONDITIONAL)
        report.rows_in, report.rows_out = people.count(), stored.count()
    return report


def build(
    people: DataFrame, families: Mapping[str, Family], cod: tuple[str, ...], design_upa_share: float
) -> Conditioned:
    """Counts of the families and quantiles of income from one row per surveyed person.

    Args:
        cod: COD base groups in code order.
        design_upa_share: Share of the UPAs, by a hash, from which design effects are estimated.
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
    domains = model.DOMAINS | {"occupation_cod": cod}
    # Whole households are looked through for partners only: a slim table is shuffled for it, not the survey.
    partnered = {name: family for name, family in families.items() if family.child == "is_partnered"}
    others = {name: family for name, family in families.items() if name not in partnered}
    paired = counts.with_partner(banded.select(*_PAIRING).where(f"source = '{MAIN_SURVEY}'"))

    sums = sums_of(banded, others, domains, design_upa_share).unionByName(
        sums_of(paired, partnered, domains, design_upa_share)
    )
    # The earning family's cells are all too small to tell: its states' margins are enough, and few.
    coarse = F.when(F.col("family") == "earning_class", F.lit(0)).otherwise(F.col("cell_index"))
    earning = banded.where(f"source = '{MAIN_SURVEY}' AND income_brl IS NOT NULL")
    return Conditioned(
        counts.weighted_counts(sums, families, domains),
        counts.income_points(earning),
        design_effects.upa_sums(sums.withColumn("cell_index", coarse)),
        sums,
    )


def sums_of(
    people: DataFrame, families: Mapping[str, Family], domains: Mapping[str, tuple[str, ...]], design_upa_share: float
) -> DataFrame:
    """W, W2 and n by family, place of sampling, cell and value; `upa` and `stratum` only for UPAs of the share."""
    keep = ("uf", "region", "stratum", "upa")
    in_share = F.expr(f"pmod(xxhash64(upa), 1000) < {design_upa_share * 1000}")
    asked = people.select(
        "uf",
        "region",
        *[F.when(in_share, F.col(name)).alias(name) for name in ("stratum", "upa")],
        "weight_persons",
        *[F.col(name).cast("string").alias(name) for name in counts.variables(families)],
        *[F.expr(family.universe).alias(family_sums.MEMBER + name) for name, family in families.items()],
    )

    def summed(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return family_sums.family_sums(batches, families, domains, keep)

    kept = ", ".join(f"{name} {asked.schema[name].dataType.simpleString()}" for name in keep)
    return asked.mapInArrow(
        summed,
        f"family string, {kept}, cell_index int, value_index int, "
        "weight_persons double, weight_squared double, rows bigint",
    )


_PAIRING = (
    "source",
    "uf",
    "region",
    "stratum",
    "upa",
    "household_id",
    "sex",
    "age_years",
    "age_band",
    "weight_persons",
)


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
