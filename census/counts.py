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


# What the survey asks in the place of a variable of the network.
ASKED = {
    "activity": "is_working",
    "position": "survey_position",
    "pay_class": "occupation_cod",
    "earning_class": "income_band",
}
_MAIN = "source = 'pnadc_2018t2'"
# Family -> universe of its child, whatever age is asked for later; its parents are those of the network's node.
_UNIVERSES = {
    "zone": _MAIN,
    "activity": f"{_MAIN} AND age_years >= 14",
    "occupation_group": f"{_MAIN} AND is_working",
    "occupation_cod": f"{_MAIN} AND is_working",
    "position": f"{_MAIN} AND is_working",
    "earning_class": f"{_MAIN} AND is_working",
}
# Families that no node of the network names: what is known of children, the age profile of unions, and splits.
FURTHER = {
    "race_young": Family("race", ("sex", "age_band"), "source = 'pnadc_2017t1' AND age_years < 18"),
    "education_young": Family(
        "education_level", ("sex", "age_band", "race"), f"{_MAIN} AND age_years BETWEEN 5 AND 17"
    ),
    "partnered": Family("is_partnered", ("sex", "age_band"), f"{_MAIN} AND age_years >= 18"),
    # Answers that the packaged extract lacks and a whole quarter has; without rows the small samples split instead.
    "contract": Family("position", ("occupation_group", "education_level"), f"{_MAIN} AND is_working"),
    "looking": Family("is_looking", ("sex", "age_band"), f"{_MAIN} AND age_years >= 14 AND NOT is_working"),
    "in_school": Family(
        "is_in_school", ("sex", "age_band"), f"{_MAIN} AND age_years >= 14 AND NOT is_working AND NOT is_looking"
    ),
}


def survey_families(parents: Mapping[str, tuple[str, ...]]) -> dict[str, Family]:
    """The families to count: those of the network's survey nodes, with the survey's own variables, and `FURTHER`.

    Args:
        parents: Node -> its parents in the network, uf among them.
    """
    of_network = {
        node: Family(ASKED.get(node, node), tuple(ASKED.get(p, p) for p in parents[node] if p != "uf"), universe)
        for node, universe in _UNIVERSES.items()
    }
    return of_network | FURTHER


def variables(families: Mapping[str, Family]) -> tuple[str, ...]:
    """Every child and parent of the families, once."""
    return tuple(dict.fromkeys(name for family in families.values() for name in (family.child, *family.parents)))


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


def weighted_counts(
    sums: DataFrame, families: Mapping[str, Family], domains: Mapping[str, tuple[str, ...]]
) -> DataFrame:
    """W, W2 and n of every family at every level, by one `GROUPING SETS`.

    Args:
        sums: `family`, `uf`, `region`, `cell_index`, `value_index`, `weight_persons`, `weight_squared`, `rows`; a key
            may come several times.

    Returns:
        `family`, `level`, `uf` (state, region or BR), `cell_index` (mixed radix over the parents, the last one varies
        fastest), `value_index`, `cell` and `value` (the same in words), `weight_persons` (W), `weight_squared` (sum of
        w^2), `rows` (n); rows with n = 0 do not appear.
    """
    # Persons are added up once, by state; regions and Brazil are sums of the states' cells.
    by_state = sums.groupBy("family", "uf", "region", "cell_index", "value_index").agg(
        F.sum("weight_persons").alias("w"), F.sum("weight_squared").alias("w2"), F.sum("rows").alias("n")
    )
    counted = by_state.sparkSession.sql(
        """
        SELECT family,
               CASE WHEN grouping(uf) = 0 THEN 'uf' WHEN grouping(region) = 0 THEN 'reg' ELSE 'br' END AS level,
               CASE WHEN grouping(uf) = 0 THEN uf WHEN grouping(region) = 0 THEN region ELSE 'BR' END AS uf,
               cell_index, value_index,
               sum(w) AS weight_persons, sum(w2) AS weight_squared, sum(n) AS rows
        FROM {by_state}
        GROUP BY GROUPING SETS (
            (family, cell_index, value_index, uf, region),
            (family, cell_index, value_index, region),
            (family, cell_index, value_index)
        )
        """,
        by_state=by_state,
    )
    return _in_words(counted, families, domains)


def _in_words(counted: DataFrame, families: Mapping[str, Family], domains: Mapping[str, tuple[str, ...]]) -> DataFrame:
    """Add `cell` and `value`: the values of the parents joined by '|', and of the child."""
    cell, value = F.lit(None).cast("string"), F.lit(None).cast("string")
    for name, family in families.items():
        parts, step = [], 1
        for parent in reversed(family.parents):
            size = len(domains[parent])
            parts.append(_word(domains[parent], (F.col("cell_index") / step).cast("int") % size))
            step *= size
        here = F.col("family") == name
        cell = F.when(here, F.concat_ws("|", *reversed(parts))).otherwise(cell)
        value = F.when(here, _word(domains[family.child], F.col("value_index"))).otherwise(value)
    return counted.select(
        "family",
        "level",
        "uf",
        "cell_index",
        "value_index",
        cell.alias("cell"),
        value.alias("value"),
        "weight_persons",
        "weight_squared",
        "rows",
    )


def _word(domain: tuple[str, ...], place: Column) -> Column:
    return F.element_at(F.array(*[F.lit(value) for value in domain]), place + 1)


def conditionals(counts: DataFrame, design_effects: Mapping[str, float]) -> DataFrame:
    """P(value | level, uf, cell) and the effective persons behind a cell: W^2 / W2 / design effect.

    Args:
        counts: Rows of `weighted_counts`.
        design_effects: Family -> design effect within its cells.

    Returns:
        `family`, `level`, `uf`, `cell`, `value`, `probability` (sums to 1 in a cell), `effective_persons`, `rows`.
    """
    cell = Window.partitionBy("family", "level", "uf", "cell_index")
    total, squares = F.sum("weight_persons").over(cell), F.sum("weight_squared").over(cell)
    effect = F.lit(None).cast("double")
    for family, known in design_effects.items():
        effect = F.when(F.col("family") == family, F.lit(known)).otherwise(effect)
    return counts.select(
        "family",
        "level",
        "uf",
        "cell",
        "value",
        (F.col("weight_persons") / total).alias("probability"),
        (total * total / squares / effect).alias("effective_persons"),
        F.sum("rows").over(cell).alias("rows"),
    )


def income_points(earning: DataFrame, *, steps: int = 400) -> DataFrame:
    """Quantiles 0, 1/steps ... 1 of the income within each band; unweighted, since a band is narrow.

    The last band has no upper end, and between two quantiles incomes are taken as evenly spread: in twentieths its
    mean was 18 % too high, and three persons in a hundred of it earned over R$ 100,000, not one in a thousand.

    Returns:
        `income_band`, `point`, `income_brl`.
    """
    shares = F.array(*[F.lit(step / steps) for step in range(steps + 1)])
    return (
        earning.groupBy("income_band")
        .agg(F.percentile_approx("income_brl", shares, 10000).alias("points"))
        .select("income_band", F.posexplode("points").alias("point", "income_brl"))
    )
