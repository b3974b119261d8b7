"""Weighted counts of survey families by state, macro-region and Brazil, in one pass over the persons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

LEVELS = ("uf", "reg", "br")


@dataclass(frozen=True)
class Family:
    """Counts of `child` within cells of `parents` (uf is always a parent and never listed here).

    Attributes:
        universe: SQL condition on the persons: the universe of the child.
    """

    child: str
    parents: tuple[str, ...]
    universe: str


# Families counted in PNAD Contínua. The universe is the child's own, whatever age is asked for later.
SURVEY_FAMILIES: dict[str, Family] = {
    "race_young": Family(
        "race", ("sex", "age_band"), "source = 'pnadc_2017t1' AND age_years < 18 AND race IS NOT NULL"
    ),
    "education_young": Family(
        "education_level",
        ("sex", "age_band", "race"),
        "source = 'pnadc_2018t2' AND age_years BETWEEN 5 AND 17 AND race IS NOT NULL AND education_level IS NOT NULL",
    ),
    "zone": Family(
        "zone", ("education_level",), "source = 'pnadc_2018t2' AND age_years >= 5 AND education_level IS NOT NULL"
    ),
    "partnered": Family("is_partnered", ("sex", "age_band"), "source = 'pnadc_2018t2' AND age_years >= 18"),
    "working": Family(
        "is_working",
        ("sex", "age_band", "race", "education_level"),
        "source = 'pnadc_2018t2' AND age_years >= 14 AND race IS NOT NULL AND education_level IS NOT NULL",
    ),
    "occupation_group": Family(
        "occupation_group",
        ("sex", "age_band", "education_level", "zone"),
        "source = 'pnadc_2018t2' AND is_working AND occupation_group IS NOT NULL AND education_level IS NOT NULL",
    ),
    "occupation_cod": Family(
        "occupation_cod",
        ("occupation_group", "sex", "education_level"),
        "source = 'pnadc_2018t2' AND is_working AND occupation_group IS NOT NULL AND education_level IS NOT NULL",
    ),
    "survey_position": Family(
        "survey_position", ("occupation_cod",), "source = 'pnadc_2018t2' AND is_working AND occupation_cod IS NOT NULL"
    ),
    "income_band": Family(
        "income_band",
        ("sex", "education_level", "occupation_group", "survey_position"),
        "source = 'pnadc_2018t2' AND is_working AND income_brl IS NOT NULL AND occupation_group IS NOT NULL "
        "AND education_level IS NOT NULL",
    ),
}


PARTNER_GAP_YEARS = 15  # a larger gap is more often parent and child


def with_partner(people: DataFrame) -> DataFrame:
    """Add `is_partnered`: the household holds an adult of the other sex within 15 years of age.

    PNADC 2018T2 has whole households but no relation to the head, so this is a proxy of living in union. Under 35 it
    is not counted beside somebody 16 or more years older: that is a child at home with a brother or sister. It serves
    for the age profile only; the level is raked to the census.
    """
    household = Window.partitionBy("household_id")
    adults = F.collect_list(F.when(F.col("age_years") >= 18, F.struct("sex", "age_years"))).over(household)
    age, sex = F.col("age_years"), F.col("sex")

    def may_be_partner(other: Column) -> Column:
        return (other["sex"] != sex) & (F.abs(other["age_years"] - age) <= PARTNER_GAP_YEARS)

    at_home = (age < 35) & F.exists("adults", lambda other: other["age_years"] >= age + PARTNER_GAP_YEARS + 1)
    # Persons without a household are kept out of the window: together they would be one household of half a million.
    housed = people.where("household_id IS NOT NULL").withColumn("adults", adults)
    alone = people.where("household_id IS NULL").withColumn("is_partnered", F.lit(None).cast("boolean"))
    return (
        housed.withColumn("is_partnered", F.exists("adults", may_be_partner) & ~at_home)
        .drop("adults")
        .unionByName(alone)
    )


def weighted_counts(people: DataFrame, families: Mapping[str, Family]) -> DataFrame:
    """W, W2 and n of every family at every level, by one `GROUPING SETS`.

    Args:
        people: One row per surveyed person with `uf`, `region`, `weight_persons` and the columns of the families.
        families: Name -> family.

    Returns:
        `family`, `level`, `uf` (state, region or BR), `cell`, `value`, `weight_persons` (W), `weight_squared`
        (sum of w^2), `rows` (n); rows with n = 0 do not appear.
    """
    members = F.array_compact(
        F.array(*[F.when(F.expr(family.universe), F.lit(name)) for name, family in families.items()])
    )
    # A person's row is repeated once for each family it belongs to, never joined.
    cell, value = F.lit(None).cast("string"), F.lit(None).cast("string")
    for name, family in families.items():
        here = F.col("family") == name
        parts = [F.col(parent).cast("string") for parent in family.parents]
        cell = F.when(here, F.concat_ws("|", *parts)).otherwise(cell)
        value = F.when(here, F.col(family.child).cast("string")).otherwise(value)
    rows = people.select("*", F.explode(members).alias("family")).select(
        "family", "uf", "region", cell.alias("cell"), value.alias("value"), F.col("weight_persons").alias("w")
    )
    rows.createOrReplaceTempView("povo_family_rows")
    return rows.sparkSession.sql(
        """
        SELECT family,
               CASE WHEN grouping(uf) = 0 THEN 'uf' WHEN grouping(region) = 0 THEN 'reg' ELSE 'br' END AS level,
               CASE WHEN grouping(uf) = 0 THEN uf WHEN grouping(region) = 0 THEN region ELSE 'BR' END AS uf,
               cell, value,
               sum(w) AS weight_persons, sum(w * w) AS weight_squared, count(*) AS rows
        FROM povo_family_rows
        GROUP BY GROUPING SETS ((family, cell, value, uf, region), (family, cell, value, region), (family, cell, value))
        """
    )


def conditionals(counts: DataFrame, *, design_effect: float) -> DataFrame:
    """P(value | level, uf, cell) and the effective persons behind a cell: W^2 / W2 / design effect.

    Returns:
        `family`, `level`, `uf`, `cell`, `value`, `probability` (sums to 1 in a cell), `effective_persons`, `rows`.
    """
    totals = counts.groupBy("family", "level", "uf", "cell").agg(
        F.sum("weight_persons").alias("total"),
        F.sum("weight_squared").alias("squares"),
        F.sum("rows").alias("cell_rows"),
    )
    return counts.join(totals, ["family", "level", "uf", "cell"], "inner").select(
        "family",
        "level",
        "uf",
        "cell",
        "value",
        (F.col("weight_persons") / F.col("total")).alias("probability"),
        (F.col("total") * F.col("total") / F.col("squares") / design_effect).alias("effective_persons"),
        F.col("cell_rows").alias("rows"),
    )


def income_points(earning: DataFrame, *, steps: int = 20) -> DataFrame:
    """Quantiles 0, 1/20 ... 1 of the income within each band; unweighted, since a band is narrow.

    Returns:
        `income_band`, `point`, `income_brl`.
    """
    shares = F.array(*[F.lit(step / steps) for step in range(steps + 1)])
    return (
        earning.groupBy("income_band")
        .agg(F.percentile_approx("income_brl", shares, 10000).alias("points"))
        .select("income_band", F.posexplode("points").alias("point", "income_brl"))
    )
