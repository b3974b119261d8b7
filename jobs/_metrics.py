"""Measured figures of a set: every marginal beside its target, the texts, the set."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from census import codes, harmonise, quality, tables
from conf import settings
from conf.settings import Bound, Config
from jobs import _storage

_CENSUS_AGE = "Censo 2022, SIDRA 9514 (ages), sex raked to 10061"
_CENSUS_JOINT = "Censo 2022, SIDRA 10061"
_SURVEY = "PNAD Contínua 2018T2, survey shares (levels of 2022 differ)"


def measure(spark: SparkSession, config: Config, ufs: list[str], run_id: str) -> DataFrame:
    """`ops_quality__metric` rows of the states and of all of them together (BR)."""
    rows = _fit(spark, config, ufs) + _texts(spark, config, ufs)
    bounds = {(b.family, b.name): b for b in settings.quality_bounds()}
    finished = [_judged(row, bounds.get((row["family"], row["name"]))) | {"run_id": run_id} for row in rows]
    ordered = [tuple(row.get(name) for name in tables.METRIC.column_names) for row in finished]
    return spark.createDataFrame(ordered, tables.METRIC.schema).coalesce(1)


def _judged(row: dict[str, object], bound: Bound | None) -> dict[str, object]:
    if bound is None:
        return row
    value, ratio = row["value"], row.get("ratio")
    if bound.ratio is not None and isinstance(ratio, float):
        return row | {"bound": bound.ratio, "passed": ratio <= bound.ratio}
    if bound.min is not None and isinstance(value, float):
        return row | {"bound": bound.min, "passed": value >= bound.min}
    if bound.max is not None and isinstance(value, float):
        return row | {"bound": bound.max, "passed": value <= bound.max}
    return row


def _fit(spark: SparkSession, config: Config, ufs: list[str]) -> list[dict[str, object]]:
    people = _storage.read(spark, config.data_dir, tables.ATTRIBUTE, ufs).withColumn(
        "age_band", harmonise.age_band(F.col("age_years"))
    )
    minimum = config.sample.min_age_years
    numbered = _storage.read(spark, config.data_dir, tables.ALLOCATION, ufs).where(F.col("age_years") >= minimum)
    numbered = numbered.withColumn("age_band", harmonise.age_band(F.col("age_years")))
    joint = _storage.read(spark, config.data_dir, tables.EDUCATION_JOINT, ufs).where(
        "source = 'census2022_education_uf'"
    )
    counts = _storage.read(spark, config.data_dir, tables.COUNT).where(F.col("uf").isin(ufs) & (F.col("level") == "uf"))
    grades = {name: node.grade for name, node in settings.network().items()}
    targets: list[tuple[str, tuple[str, ...], DataFrame, str, str]] = []
    for columns in (("sex",), ("age_band",), ("municipality_code",), ("sex", "age_band")):
        targets.append(("pair" if len(columns) > 1 else "marginal", columns, numbered, _CENSUS_AGE, "A"))
    for columns in (("race",), ("education_level",), ("sex", "race"), ("race", "education_level")):
        targets.append(("pair" if len(columns) > 1 else "marginal", columns, joint, _CENSUS_JOINT, grades[columns[-1]]))
    groups = counts.where("family = 'occupation_group'").select(
        "uf", F.col("value").alias("occupation_group"), F.col("weight_persons").alias("persons")
    )
    targets.append(("marginal", ("occupation_group",), groups, _SURVEY, grades["occupation_group"]))
    rows: list[dict[str, object]] = []
    for family, columns, target, source, grade in targets:
        wanted = target.groupBy("uf", *columns).agg(F.sum("persons").alias("wanted")).toPandas()
        known = people.where(" AND ".join(f"{c} IS NOT NULL" for c in columns))
        have = known.groupBy("uf", *columns).agg(F.count("*").cast("double").alias("have")).toPandas()
        both = wanted.merge(have, on=["uf", *columns], how="outer").fillna({"wanted": 0.0, "have": 0.0})
        name = " x ".join(["uf", *("municipality" if c == "municipality_code" else c for c in columns)])
        for uf, part in _by_state(both, ufs):
            found = quality.compare(part["have"].to_numpy(dtype=float), part["wanted"].to_numpy(dtype=float))
            rows.append(
                {
                    "uf": uf,
                    "family": family,
                    "name": name,
                    "value": found.value,
                    "floor": found.floor,
                    "ratio": found.ratio,
                    "grade": grade,
                    "source": source,
                    "n": found.n,
                }
            )
    return rows


def _by_state(table: pd.DataFrame, ufs: list[str]) -> Iterable[tuple[str, pd.DataFrame]]:
    """Each state, and all of them with every state at its own share of the sample."""
    parts = []
    for uf in ufs:
        part = table[table["uf"] == uf]
        yield uf, part
        parts.append(part.assign(wanted=part["wanted"] / part["wanted"].sum() * part["have"].sum()))
    yield "BR", pd.concat(parts)


def _texts(spark: SparkSession, config: Config, ufs: list[str]) -> list[dict[str, object]]:
    texts = _storage.read(spark, config.data_dir, tables.TEXT, ufs)
    people = _storage.read(spark, config.data_dir, tables.ATTRIBUTE, ufs)
    said = {
        "share of records that name the person in every persona": "mentions_name",
        "share of records that name the municipality": "mentions_municipality",
        "share of records that name the state": "mentions_state",
        "share of records that name the occupation": "mentions_occupation",
        "share of records that name the age": "mentions_age",
    }
    measures = [F.avg(F.col(column).cast("int")).alias(column) for column in said.values()]
    measures += [F.avg(F.length(name)).alias(f"length_{name}") for name in tables.TEXT_FIELDS]
    measures += [(F.countDistinct("persona") / F.count("*")).alias("distinct"), F.count("*").alias("n")]
    grouped = texts.groupBy("uf").agg(*measures).unionByName(texts.agg(*measures).withColumn("uf", F.lit("BR")))
    names = F.concat_ws(" ", "first_name", "middle_name", "last_name")
    whole = [
        (F.countDistinct(names) / F.count("*")).alias("names"),
        F.countDistinct("occupation_title").alias("titles"),
    ]
    persons = people.groupBy("uf").agg(*whole).unionByName(people.agg(*whole).withColumn("uf", F.lit("BR")))
    rows: list[dict[str, object]] = []

    def add(uf: str, family: str, name: str, value: object, n: int) -> None:
        rows.append(
            {
                "uf": uf,
                "family": family,
                "name": name,
                "value": None if value is None else float(np.float64(value)),
                "n": n,
            }
        )

    for row in grouped.join(persons, "uf", "inner").collect():
        for name, column in said.items():
            add(row["uf"], "text", name, row[column], row["n"])
        for field in tables.TEXT_FIELDS:
            add(row["uf"], "text", f"characters of {field}", row[f"length_{field}"], row["n"])
        add(row["uf"], "set", "share of distinct persona texts", row["distinct"], row["n"])
        add(row["uf"], "set", "share of distinct full names", row["names"], row["n"])
        add(row["uf"], "set", "occupation titles in use", row["titles"], row["n"])
    return [row for row in rows if row["uf"] in (*codes.UFS, "BR")]
