"""Measured figures of a set: every table beside its target and noise floor, the texts, the set, the run.

Reads   core_persona__attribute, core_persona__text, core_model__allocation, core_model__cpd, core_model__count,
        core_census__education, core_religion__share, core_place__municipality, ops_pipeline__run
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from census import codes, harmonise, quality, tables
from census.quality import Comparison
from conf import settings
from conf.settings import Bound, Config
from jobs import _storage

NATIONAL = "BR"
ADULT_AGE_YEARS = 18  # SIDRA 10061 and the network's targets below count persons of 18 and over

CENSUS_AGE = "Censo 2022, SIDRA 9514 by municipality (ages; sex raked to SIDRA 10061)"
CENSUS_JOINT = "Censo 2022, SIDRA 10061, persons of 18 and over"
MODEL = "model (expected): the network's own tables over the census population of 18 and over"
HOUSEHOLDS = "Censo 2022, SIDRA 9922: households, not persons"
SHARES = "shares published or stated by state for persons of 10 and over"
SURVEY = "PNAD Contínua 2018T2, workers; levels of 2022 differ"

# Table of the census or of the model -> columns beside uf. A target further down names its own columns.
_AGE_TABLES: tuple[tuple[str, ...], ...] = (("sex",), ("age_band",), ("municipality_code",), ("sex", "age_band"))
_JOINT_TABLES: tuple[tuple[str, ...], ...] = (
    ("race",),
    ("education_level",),
    ("sex", "race"),
    ("race", "education_level"),
)
_MODEL_TABLES = ("zone", "marital_status", "religion", "activity", "occupation_group")
_OTHER_RELIGION = "resto"  # the published shares leave espírita, umbanda e candomblé and outra together
_MENTIONS = {
    "share of records that name the person in every persona": "mentions_name",
    "share of records that name the municipality": "mentions_municipality",
    "share of records that name the state": "mentions_state",
    "share of records that name the occupation": "mentions_occupation",
    "share of records that name the age": "mentions_age",
}


@dataclass(frozen=True)
class Fit:
    """One table of the sample beside its target, by state.

    Attributes:
        name: For example "uf x race".
        columns: Columns of the table beside `uf`.
        cells: `uf`, the columns, `have` (persons of the sample) and `want` (target, any scale within a state).
        target_persons: State -> effective sample size of a target that is a survey.
    """

    name: str
    columns: tuple[str, ...]
    source: str
    grade: str
    cells: pd.DataFrame
    target_persons: dict[str, float] = field(default_factory=dict)

    @property
    def family(self) -> str:
        return "marginal" if len(self.columns) == 1 else "pair"

    def comparisons(self) -> dict[str, Comparison]:
        """State -> comparison, and BR for the states together; a state where nobody is counted is left out."""
        found = {}
        for uf, part in self.cells.groupby("uf", sort=True):
            have, want = (part[side].to_numpy(dtype=np.float64) for side in ("have", "want"))
            if have.sum() > 0 and want.sum() > 0:
                effective = self.target_persons.get(str(uf), math.inf)
                found[str(uf)] = quality.compare(have, want, target_persons=effective)
        return found | ({NATIONAL: quality.pooled(list(found.values()))} if found else {})


def measure(spark: SparkSession, config: Config, ufs: list[str], run_id: str) -> DataFrame:
    """`ops_quality__metric` rows of the states and of all of them together (BR)."""
    rows = figures(spark, config, ufs, run_id, fits(spark, config, ufs))
    ordered = [tuple(row[name] for name in tables.METRIC.column_names) for row in rows]
    return tables.METRIC.conform(spark.createDataFrame(ordered, tables.METRIC.schema).coalesce(1))


def figures(
    spark: SparkSession, config: Config, ufs: list[str], run_id: str, measured: Sequence[Fit]
) -> list[dict[str, object]]:
    """The same as plain rows, from tables that `fits` has counted."""
    rows = [*fit_rows(measured), *_sets(spark, config, ufs), *_texts(spark, config, ufs), *_throughput(spark, config)]
    bounds = {(bound.family, bound.name): bound for bound in settings.quality_bounds()}
    empty = dict.fromkeys(tables.METRIC.column_names)
    return [
        empty | {"run_id": run_id} | judged(row, bounds.get((str(row["family"]), str(row["name"])))) for row in rows
    ]


def judged(row: dict[str, object], bound: Bound | None) -> dict[str, object]:
    """The row with its bound and whether it passed; as it was where the bound does not speak of it."""
    if bound is None:
        return row
    value, ratio = row.get("value"), row.get("ratio")
    if bound.ratio is not None and isinstance(ratio, float):
        return row | {"bound": bound.ratio, "passed": ratio <= bound.ratio}
    if bound.min is not None and isinstance(value, float):
        return row | {"bound": bound.min, "passed": value >= bound.min}
    if bound.max is not None and isinstance(value, float):
        return row | {"bound": bound.max, "passed": value <= bound.max}
    return row


def fit_rows(measured: Sequence[Fit]) -> Iterator[dict[str, object]]:
    """Metric rows of tables and targets."""
    for fit in measured:
        for uf, found in fit.comparisons().items():
            yield {
                "uf": uf,
                "family": fit.family,
                "name": fit.name,
                "value": found.value,
                "floor": found.floor,
                "ratio": found.ratio,
                "grade": fit.grade,
                "source": fit.source,
                "n": found.n,
            }


def fits(spark: SparkSession, config: Config, ufs: list[str]) -> list[Fit]:
    """Every declared table of the sampled persons beside its target.

    Targets that count adults are compared with the sampled adults; those of the census numbering with everyone sampled.
    """
    minimum = config.sample.min_age_years
    adults = next((a for a in codes.AGE_BAND_STARTS if a >= max(minimum, ADULT_AGE_YEARS) and a != 20), None)
    people = _storage.read(spark, config.data_dir, tables.ATTRIBUTE, ufs).where(F.col("age_years") >= minimum)
    people = people.withColumn("age_band", harmonise.age_band(F.col("age_years")))
    grades = {name: node.grade for name, node in settings.network().items()}
    numbered = _numbered(spark, config, ufs, minimum)
    have = _tally(people, _AGE_TABLES)
    found = [_fit(columns, have[columns], numbered, CENSUS_AGE, "A") for columns in _AGE_TABLES]
    if adults is None:
        return found
    grown = people.where(F.col("age_years") >= adults)
    have = _tally(grown, (*_JOINT_TABLES, *((column,) for column in _MODEL_TABLES)))
    joint = _education(spark, config, ufs, adults)
    for columns in _JOINT_TABLES:
        grade = max(grades[column] for column in columns if column in grades)
        found.append(_fit(columns, have[columns], joint, CENSUS_JOINT, grade))
    expected = _expected(spark, config, ufs, numbered if adults == minimum else _numbered(spark, config, ufs, adults))
    for column, want in expected.items():
        found.append(_fit((column,), have[column,], want, MODEL, grades[column]))
    return found + _outside(spark, config, ufs, have, adults)


def _fit(
    columns: tuple[str, ...],
    have: pd.DataFrame,
    want: pd.DataFrame,
    source: str,
    grade: str,
    *,
    against: str = "",
    target_persons: dict[str, float] | None = None,
) -> Fit:
    """A table beside its target; `against` tells it from the same table beside its first target."""
    keys = ["uf", *columns]
    target = want.groupby(keys, as_index=False)["persons"].sum().rename(columns={"persons": "want"})
    cells = target.merge(have, on=keys, how="outer").fillna({"want": 0.0, "have": 0.0})
    name = " x ".join(["uf", *("municipality" if c == "municipality_code" else c for c in columns)])
    name = f"{name} v. {against}" if against else name
    return Fit(name, columns, source, grade, cells, target_persons or {})


def _tally(people: DataFrame, wanted: Sequence[tuple[str, ...]]) -> dict[tuple[str, ...], pd.DataFrame]:
    """Persons by uf and each set of columns, by one `GROUPING SETS`; persons without a value are not counted."""
    columns = ["uf", *dict.fromkeys(column for columns in wanted for column in columns)]
    sets = [[F.col(c) for c in ("uf", *columns_)] for columns_ in wanted]
    counted = (
        people.groupingSets(sets, *[F.col(c) for c in columns])
        .agg(F.count("*").cast("double").alias("have"), F.grouping_id().alias("absent"))
        .toPandas()
    )
    found = {}
    for columns_ in wanted:
        # Bit by bit from the left: 1 where the column is not in the set.
        absent = int("".join("0" if c == "uf" or c in columns_ else "1" for c in columns), 2)
        rows = counted.loc[counted["absent"] == absent, ["uf", *columns_, "have"]]
        found[columns_] = rows.dropna()
    return found


def _numbered(spark: SparkSession, config: Config, ufs: list[str], minimum: int) -> pd.DataFrame:
    """The census population from an age on, by municipality, class of rural share, sex and age band."""
    rows = _storage.read(spark, config.data_dir, tables.ALLOCATION, ufs).where(F.col("age_years") >= minimum)
    rows = rows.withColumn("age_band", harmonise.age_band(F.col("age_years")))
    rows = rows.withColumn("rural_band", F.col("rural_band").cast("string"))
    counted = rows.groupBy("uf", "municipality_code", "rural_band", "sex", "age_band")
    return counted.agg(F.sum("persons").cast("double").alias("persons")).toPandas()


def _education(spark: SparkSession, config: Config, ufs: list[str], adults: int) -> pd.DataFrame:
    """SIDRA 10061 by state, from the first age group that starts at `adults`."""
    rows = _storage.read(spark, config.data_dir, tables.EDUCATION_JOINT, ufs).where(
        "source = 'census2022_education_uf'"
    )
    rows = rows.where(F.substring("age_group", 1, 2).cast("int") >= adults)
    return rows.groupBy("uf", "sex", "race", "education_level").agg(F.sum("persons").alias("persons")).toPandas()


def _expected(spark: SparkSession, config: Config, ufs: list[str], adults: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Column -> persons by state and value that the network expects of the census population.

    Exact: the tables are multiplied through in the order of the network. A column whose parents are not among those
    multiplied through so far is left out.
    """
    network = settings.network()
    base = ["race", "education_level", "zone"]
    rows = _storage.read(spark, config.data_dir, tables.CPD, [*ufs, NATIONAL])
    rows = rows.where(F.col("node").isin([*base, *_MODEL_TABLES])).select("node", "uf", "cell", "value", "probability")
    cpds = {str(node): cpd for node, cpd in rows.toPandas().groupby("node")}

    def split(cells: pd.DataFrame, node: str) -> pd.DataFrame | None:
        parents = network[node].parents
        if node not in cpds or not set(parents) <= set(cells.columns):
            return None
        return quality.expected_cells(cells, node, parents, cpds[node])

    cells = adults.groupby(["uf", "rural_band", "sex", "age_band"], as_index=False)["persons"].sum()
    for node in base:
        further = split(cells, node)
        if further is None:
            return {}
        cells = further
    found = {"zone": cells}
    workers: pd.DataFrame | None = None
    for node in _MODEL_TABLES[1:]:
        # The occupation has a table for everyone, and is drawn for those who work.
        source = cells if node != "occupation_group" else workers
        parents = [p for p in network[node].parents if source is not None and p in source.columns]
        kept = sorted({"uf", *parents, *(network["occupation_group"].parents if node == "activity" else ())})
        if source is None or not set(kept) <= set(source.columns):
            continue
        result = split(source.groupby(kept, as_index=False)["persons"].sum(), node)
        if result is not None:
            found[node] = result
        if node == "activity" and result is not None:
            workers = result[result["activity"] == "ocupado"]
    return found


def _outside(
    spark: SparkSession, config: Config, ufs: list[str], have: dict[tuple[str, ...], pd.DataFrame], adults: int
) -> list[Fit]:
    """Figures from outside the model for what `MODEL` targets: not of the same universe, so no bound speaks of them."""
    data_dir = config.data_dir
    grades = {name: node.grade for name, node in settings.network().items()}
    places = _storage.read(spark, data_dir, tables.PLACE, ufs).groupBy("uf")
    homes = places.agg(F.sum("households_urban").alias("urbana"), F.sum("households_rural").alias("rural")).toPandas()
    homes = homes.melt("uf", var_name="zone", value_name="persons")
    shares = _storage.read(spark, data_dir, tables.RELIGION).where(F.col("area").isin(ufs)).toPandas()
    shares = shares.rename(columns={"area": "uf", "category": "religion", "value": "persons"})
    faith = have["religion",].copy()
    printed = set(shares["religion"])
    faith["religion"] = [value if value in printed else _OTHER_RELIGION for value in faith["religion"]]
    faith = faith.groupby(["uf", "religion"], as_index=False)["have"].sum()
    bands = [b for b, start in zip(codes.AGE_BANDS, codes.AGE_BAND_STARTS, strict=True) if start >= adults]
    survey = _storage.read(spark, data_dir, tables.COUNT, ufs).where("family = 'occupation_group' AND level = 'uf'")
    counted = (
        survey.where(F.split("cell", r"\|")[1].isin(bands))
        .groupBy("uf", F.col("value").alias("occupation_group"))
        .agg(F.sum("weight_persons").alias("persons"), F.sum("weight_squared").alias("squares"))
        .toPandas()
    )
    totals = counted.groupby("uf")[["persons", "squares"]].sum()
    effective = totals["persons"] ** 2 / totals["squares"] / config.condition.design_effect
    return [
        _fit(("zone",), have["zone",], homes, HOUSEHOLDS, grades["zone"], against="households"),
        _fit(("religion",), faith, shares, SHARES, grades["religion"], against="published shares"),
        _fit(
            ("occupation_group",),
            have["occupation_group",],
            counted,
            SURVEY,
            grades["occupation_group"],
            against="survey of 2018",
            target_persons=effective.to_dict(),
        ),
    ]


def _row(uf: object, family: str, name: str, value: object, n: object, source: str | None = None) -> dict[str, object]:
    number = None if value is None else float(str(value))
    return {"uf": uf or NATIONAL, "family": family, "name": name, "value": number, "n": n, "source": source}


def _sets(spark: SparkSession, config: Config, ufs: list[str]) -> Iterator[dict[str, object]]:
    """How varied the persons are."""
    people = _storage.read(spark, config.data_dir, tables.ATTRIBUTE, ufs)
    counted = people.rollup("uf").agg(
        F.count("*").alias("n"),
        F.countDistinct(_full_name()).alias("names"),
        F.countDistinct("occupation_title").alias("titles"),
        F.count("occupation_title").alias("workers"),
    )
    for row in counted.collect():
        if row["n"]:
            yield _row(row["uf"], "set", "share of distinct full names", row["names"] / row["n"], row["n"])
            yield _row(row["uf"], "set", "occupation titles in use", row["titles"], row["workers"])


def _texts(spark: SparkSession, config: Config, ufs: list[str]) -> Iterator[dict[str, object]]:
    """What the accepted texts say of their person, how long and how varied they are; nothing before there are texts."""
    if not _storage.exists(config.data_dir, tables.TEXT):
        return
    texts = _storage.read(spark, config.data_dir, tables.TEXT, ufs)
    measures = [F.avg(F.col(column).cast("int")).alias(column) for column in _MENTIONS.values()]
    measures += [F.count(column).alias(f"n_{column}") for column in _MENTIONS.values()]
    measures += [F.avg(F.length(name)).alias(f"length_{name}") for name in tables.TEXT_FIELDS]
    for row in texts.rollup("uf").agg(F.count("*").alias("n"), *measures).collect():
        if not row["n"]:
            continue
        for name, column in _MENTIONS.items():
            yield _row(row["uf"], "text", name, row[column], row[f"n_{column}"])
        for name in tables.TEXT_FIELDS:
            yield _row(row["uf"], "text", f"characters of {name}", row[f"length_{name}"], row["n"])
    people = _storage.read(spark, config.data_dir, tables.ATTRIBUTE, ufs)
    named = texts.join(people.select("uuid", "first_name", _full_name().alias("name")), "uuid", "inner")
    bare = F.replace(F.replace("persona", F.col("name"), F.lit("#")), F.col("first_name"), F.lit("#"))
    kinds = {
        "share of distinct persona texts": [F.col("persona")],
        "share of distinct persona texts without the person's name": [bare],
        "share of the ten texts that are distinct": [F.col(name) for name in tables.TEXT_FIELDS],
    }
    digests = [F.struct(F.lit(kind).alias("kind"), _digest(t).alias("text")) for kind, ts in kinds.items() for t in ts]
    texts_told_apart = named.select("uf", F.explode(F.array(*digests)).alias("one")).select("uf", "one.*")
    sets = [[F.col("kind"), F.col("uf")], [F.col("kind")]]
    counted = texts_told_apart.groupingSets(sets, F.col("kind"), F.col("uf")).agg(
        F.count("*").alias("n"), F.countDistinct("text").alias("distinct")
    )
    for row in counted.collect():
        yield _row(row["uf"], "set", row["kind"], row["distinct"] / row["n"], row["n"])


def _full_name() -> Column:
    return F.concat_ws(" ", "first_name", F.nullif("middle_name", F.lit("")), "last_name")


def _digest(text: Column) -> Column:
    """64 bits of a text, blind to case and spacing: counted in place of the text itself."""
    return F.xxhash64(F.lower(F.regexp_replace(F.trim(text), r"\s+", " ")))


def _throughput(spark: SparkSession, config: Config) -> Iterator[dict[str, object]]:
    """Seconds and tokens of each stage's latest run; a stage that runs now has none yet."""
    if not _storage.exists(config.data_dir, tables.RUN):
        return
    stages: dict[str, list[dict[str, object]]] = {}
    for row in _storage.read(spark, config.data_dir, tables.RUN).orderBy("started_at").collect():
        known = stages.setdefault(row["job"], [])
        if known and known[-1]["run_id"] != row["run_id"]:
            known.clear()
        known.append(row.asDict())
    # `write_text` may have several rows in a run, one a round of asking.
    for job, rows in stages.items():
        if any(row["status"] != "done" for row in rows):
            continue
        source = f"ops_pipeline__run, run {rows[-1]['run_id']}"
        written = rows[-1]["rows_out"]
        yield _row(None, "throughput", f"seconds of {job}", _total(rows, "seconds"), written, source)
        for kind in ("prompt_tokens", "completion_tokens"):
            if any(row[kind] is not None for row in rows):
                name = f"{kind.replace('_', ' ')} of {job}"
                yield _row(None, "throughput", name, _total(rows, kind), written, source)


def _total(rows: Sequence[dict[str, object]], name: str) -> float:
    return sum(float(str(row[name])) for row in rows if row[name] is not None)
