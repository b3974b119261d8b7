"""Measured figures of a set: every table beside its target and noise floor, the texts, the set, the run.

Reads   core_persona__attribute, core_persona__text, core_model__allocation, core_model__node, core_model__cpd,
        core_model__block, core_model__income_point, core_model__design_effect, core_pnadc__group_trend,
        core_pnadc__occupation_2026, core_census__education, core_religion__share, core_place__municipality,
        core_model__judgement, ops_pipeline__run
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from census import codes, expectation, harmonise, model, quality, tables
from census.quality import Comparison
from conf import settings
from conf.settings import Bound, Config
from jobs import _check_metrics, _fairness, _locks, _model_tables, _rule_check, _set_checks, _storage, _text_inputs
from udfs import tally
from udfs.sampling import WORK

Array = NDArray[np.float64]
# What the targets are read from.
READS = (
    tables.ALLOCATION,
    tables.NODE,
    tables.CPD,
    tables.BLOCK,
    tables.INCOME_POINT,
    tables.DESIGN_EFFECT,
    tables.GROUP_TREND,
    tables.OCCUPATION_2026,
    tables.EDUCATION_JOINT,
    tables.RELIGION,
    tables.PLACE,
)
NATIONAL = "BR"
INCOME = expectation.INCOME_CLASS
_MINIMUM_WAGE_BRL = 1212.0  # of 2022
INCOME_ENDS = (0.0, *(times * _MINIMUM_WAGE_BRL for times in (0.5, 1, 1.5, 2, 3, 5, 10)))
INCOME_CLASSES = ("sem rendimento", "até ½", "½ a 1", "1 a 1½", "1½ a 2", "2 a 3", "3 a 5", "5 a 10", "mais de 10")
_ADULT_AGE_YEARS = codes.AGE_BAND_STARTS[codes.FIRST_ADULT_BAND]  # 18: SIDRA 10061 and `MODEL` count from there on

CENSUS_AGE = "Censo 2022, SIDRA 9514 by municipality (ages; sex raked to SIDRA 10061)"
CENSUS_JOINT = "Censo 2022, SIDRA 10061, persons of 18 and over"
MODEL = "model (expected): the network's own tables over the census population of 18 and over"
HOUSEHOLDS = "Censo 2022, SIDRA 9922: households, not persons"
SHARES = "shares published or stated by state for persons of 10 and over"
SURVEY = "PNAD Contínua 2026T1, workers of 14 and over, subgroups with 20 rows or more"

# Table of the census or of the model -> columns beside uf. A target further down names its own columns.
_AGE_TABLES: tuple[tuple[str, ...], ...] = (("sex",), ("age_band",), ("municipality_code",), ("sex", "age_band"))
_JOINT_TABLES: tuple[tuple[str, ...], ...] = (
    ("race",),
    ("education_level",),
    ("sex", "race"),
    ("race", "education_level"),
)
# What the network draws: each variable alone, with each of its parents, and in triples that an auditor asks for.
_MODEL_SINGLES = (
    "zone",
    "marital_status",
    "in_union",
    "religion",
    "activity",
    "occupation_group",
    "occupation_cod",
    "position",
    "is_mei",
    INCOME,
)
_MODEL_TRIPLES = (
    ("sex", "age_band", "marital_status"),
    ("sex", "age_band", "activity"),
    ("sex", "race", "activity"),
    ("zone", "age_band", "education_level"),
    ("sex", "race", "position"),
    ("sex", "education_level", "occupation_group"),
    ("race", "education_level", "occupation_group"),
    ("sex", "race", INCOME),
)
# What stands for a variable that others determine.
_SHOWN_AS = {
    "age_class": "age_band",
    "career_stage": "age_band",
    "pay_class": "occupation_group",
    "may_be_mei": "position",
}
_YES_OR_NO = {"in_union", "is_mei"}
_MAX_PAIR_CELLS = 400  # a pair of more cells has too few persons in each to be read at the usual sizes
_OTHER_RELIGION = "resto"  # the published shares leave espírita, umbanda e candomblé and outra together
_MENTIONS = {
    "share of records that name the person": "mentions_name",
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
        return ("marginal", "pair", "triple")[len(self.columns) - 1]

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


def store(
    spark: SparkSession,
    config: Config,
    ufs: list[str],
    zeros: _rule_check.Found,
    *,
    metadata: Mapping[str, object],
) -> None:
    """Measure these states, and all of them together (BR), in place of their rows of `ops_quality__metric`."""
    rows = measure(spark, config, ufs, _locks.run_id()).unionByName(_rule_check.metrics(spark, zeros))
    states = ", ".join(repr(uf) for uf in [*ufs, NATIONAL])
    _storage.replace_where(rows, config.data_dir, tables.METRIC, f"uf IN ({states})", metadata=metadata)


def are_of(stored: DataFrame, persons: Mapping[str, int]) -> bool:
    """Whether stored figures are of exactly these persons, by state, and Brazil's of all of them and nobody else.

    States measured together carry the run of Brazil's rows: every measurement writes those anew.
    """
    counted = {row["uf"]: row for row in stored.where("name = 'uf x sex'").select("uf", "run_id", "n").collect()}
    whole = counted.pop(NATIONAL, None)
    if whole is None or whole["n"] != sum(persons.values()):
        return False
    return {uf: row["n"] for uf, row in counted.items() if row["run_id"] == whole["run_id"]} == dict(persons)


def figures(
    spark: SparkSession, config: Config, ufs: list[str], run_id: str, measured: Sequence[Fit]
) -> list[dict[str, object]]:
    """The same as plain rows, from tables that `fits` has counted."""
    # Each waits for Spark's planner most of the time; `list` makes its rows in the pool.
    with ThreadPoolExecutor(2) as pool:
        sets = pool.submit(list, _sets(spark, config, ufs))
        throughput = pool.submit(list, _throughput(spark, config))
        rows = [*fit_rows(measured), *_equity(measured), *_texts(spark, config, ufs), *sets.result()]
        rows += _set_checks.rows(spark, config, ufs)
        rows += [*throughput.result(), *_held_out(spark, config)]
    bounds = {(bound.family, bound.name): bound for bound in settings.quality_bounds()}
    empty = dict.fromkeys(tables.METRIC.column_names)
    return [
        empty | {"run_id": run_id} | judged(row, bounds.get((str(row["family"]), str(row["name"])))) for row in rows
    ]


def judged(row: dict[str, object], bound: Bound | None) -> dict[str, object]:
    """The row with its bound and whether it passed; as it was where the bound does not speak of it.

    A set of fewer records than the bound asks for passes: one pair would break it.
    """
    if bound is None:
        return row
    if bound.min_records > int(str(row.get("n") or 0)):
        return row | {"bound": bound.max if bound.ratio is None else bound.ratio, "passed": True}
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


# The last comparison of this process: in a run, `validate` makes it (beside its checks) and the report shows it.
_last: dict[tuple[object, ...], list[Fit]] = {}


def fits(spark: SparkSession, config: Config, ufs: list[str]) -> list[Fit]:
    """Every declared table of the sampled persons beside its target.

    Targets that count adults are compared with the sampled adults; those of the census numbering with everyone sampled.
    """
    read = (tables.ATTRIBUTE, tables.ALLOCATION, tables.CPD, tables.BLOCK)
    versions = [_storage.version(config.data_dir, table) for table in read]
    key = (config.data_dir, config.sample.min_age_years, *ufs, *versions)
    if key not in _last:
        _last.clear()
        _last[key] = _measured(spark, config, ufs)
    return _last[key]


def _measured(spark: SparkSession, config: Config, ufs: list[str]) -> list[Fit]:
    minimum = config.sample.min_age_years
    people = _storage.read(spark, config.data_dir, tables.ATTRIBUTE, ufs).where(F.col("age_years") >= minimum)
    people = people.withColumn("age_band", harmonise.age_band(F.col("age_years")))
    grades = {name: node.grade for name, node in settings.network().items()}
    numbered = _numbered(spark, config, ufs, minimum)
    have = _tally(people, _AGE_TABLES)
    found = [_fit(columns, have[columns], numbered, CENSUS_AGE, "A") for columns in _AGE_TABLES]
    grown = people.where(F.col("age_years") >= _ADULT_AGE_YEARS).withColumn(INCOME, _income_class())
    expected = _expected(spark, config, ufs)
    have = _tally(grown, tuple(dict.fromkeys((*_JOINT_TABLES, *expected))))
    joint = _education(spark, config, ufs)
    for columns in _JOINT_TABLES:
        grade = max(grades[column] for column in columns if column in grades)
        found.append(_fit(columns, have[columns], joint, CENSUS_JOINT, grade))
    for columns, want in expected.items():
        grade = max(grades.get(_node_of(column), "A") for column in columns)
        found.append(_fit(columns, have[columns], want, MODEL, grade))
    return found + _outside(spark, config, ufs, have)


def _equity(measured: Sequence[Fit]) -> list[dict[str, object]]:
    first = {fit.columns: fit for fit in reversed(measured)}  # the first target of a table is the one it is drawn from
    grades = {name: node.grade for name, node in settings.network().items()}
    cells, sources = ({columns: getattr(fit, name) for columns, fit in first.items()} for name in ("cells", "source"))
    return _fairness.equity_rows(cells, sources, grades)


def _held_out(spark: SparkSession, config: Config) -> Iterator[dict[str, object]]:
    """What `povo fit --evidence` found, if it ran."""
    if _storage.exists(config.data_dir, tables.JUDGEMENT):
        yield from _fairness.held_out_rows(_storage.read(spark, config.data_dir, tables.JUDGEMENT).toPandas())


def _income_class() -> Column:
    ends = [F.when(F.col("income_brl") <= end, INCOME_CLASSES[i]) for i, end in enumerate(INCOME_ENDS)]
    return F.coalesce(*ends, F.when(F.col("income_brl") > INCOME_ENDS[-1], INCOME_CLASSES[-1]))


def _node_of(column: str) -> str:
    return "income_band" if column == INCOME else column


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
    """Persons by uf and each set of columns, in one pass; persons without a value are not counted.

    The sets are counted in NumPy: grouping sets over sixty of them make a plan that takes longer than the work.
    """
    names = ["uf", *dict.fromkeys(column for columns in wanted for column in columns)]
    text = people.select(*[F.col(name).cast("string").alias(name) for name in names])
    counted = (
        text.mapInArrow(_tallier(tuple(wanted)), tally.SQL_SCHEMA)
        .groupBy("uf", "place", "cell")
        .agg(F.sum("have").alias("have"))
        .toPandas()
    )
    found = {}
    for place, columns in enumerate(wanted):
        rows = counted[counted["place"] == place].reset_index(drop=True)
        parts = rows["cell"].str.split(tally.SEPARATOR, expand=True).reindex(columns=range(len(columns)))
        values = {name: parts[i] == "true" if name in _YES_OR_NO else parts[i] for i, name in enumerate(columns)}
        found[columns] = pd.DataFrame({"uf": rows["uf"], **values, "have": rows["have"]})
    return found


def _tallier(wanted: tuple[tuple[str, ...], ...]) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def count(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return tally.tally(batches, wanted)

    return count


def _numbered(spark: SparkSession, config: Config, ufs: list[str], minimum: int) -> pd.DataFrame:
    """The census population from an age on, by municipality, sex and age band."""
    rows = _storage.read(spark, config.data_dir, tables.ALLOCATION, ufs).where(F.col("age_years") >= minimum)
    rows = rows.withColumn("age_band", harmonise.age_band(F.col("age_years")))
    counted = rows.groupBy("uf", "municipality_code", "sex", "age_band")
    return counted.agg(F.sum("persons").cast("double").alias("persons")).toPandas()


def _education(spark: SparkSession, config: Config, ufs: list[str]) -> pd.DataFrame:
    """SIDRA 10061 by state, all its ages together: it asks persons of 18 and over only."""
    rows = _storage.read(spark, config.data_dir, tables.EDUCATION_JOINT, ufs).where(
        "source = 'census2022_education_uf'"
    )
    return rows.groupBy("uf", "sex", "race", "education_level").agg(F.sum("persons").alias("persons")).toPandas()


def _expected(spark: SparkSession, config: Config, ufs: list[str]) -> dict[tuple[str, ...], pd.DataFrame]:
    """Columns -> persons by state and values that the network expects of the census population of 18 and over.

    Exact: every other variable is summed out of the state's own tables.
    """
    stored = _model_tables.read(spark, config.data_dir, ufs)
    classes = expectation.income_law(*_model_tables.income_points(spark, config.data_dir), INCOME_ENDS)
    wanted = [(name,) for name in _MODEL_SINGLES] + _pairs() + list(_MODEL_TRIPLES)
    found: dict[tuple[str, ...], list[pd.DataFrame]] = {columns: [] for columns in wanted}
    for uf in ufs:
        nodes = stored.state(uf)
        persons = stored.block(uf).persons.sum(axis=0)
        persons[:, : codes.FIRST_ADULT_BAND] = 0
        domains = {node.name: node.values for node in nodes} | model.DOMAINS | {INCOME: INCOME_CLASSES}
        for columns, table in expectation.expected_tables(nodes, persons, wanted, WORK, classes).items():
            index = pd.MultiIndex.from_product([domains[c] for c in columns], names=columns)
            cells = pd.DataFrame({"persons": table.ravel()}, index=index).reset_index()
            found[columns].append(cells[cells["persons"] > 0].assign(uf=uf))
    frames = {columns: pd.concat(parts, ignore_index=True) for columns, parts in found.items()}
    for columns, frame in frames.items():
        for column in _YES_OR_NO & set(columns):
            frame[column] = frame[column] == "sim"
    return frames


def _pairs() -> list[tuple[str, ...]]:
    """Every drawn variable with each of its parents that is drawn or numbered."""
    network = settings.network()
    sizes = {name: len(domain) for name, domain in model.DOMAINS.items()} | {INCOME: len(INCOME_CLASSES)}
    found: list[tuple[str, ...]] = []
    for column in _MODEL_SINGLES:
        node = "earning_class" if column == INCOME else column
        for parent in network[node].parents:
            parent = _SHOWN_AS.get(parent, parent)
            if parent != "uf" and sizes.get(parent, 10**9) * sizes.get(column, 10**9) <= _MAX_PAIR_CELLS:
                found.append((parent, column))
    return list(dict.fromkeys(found))


def _outside(
    spark: SparkSession, config: Config, ufs: list[str], have: dict[tuple[str, ...], pd.DataFrame]
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
    survey = _storage.read(spark, data_dir, tables.OCCUPATION_2026).where(F.col("uf").isin(ufs)).toPandas()
    survey["occupation_group"] = [
        codes.OCCUPATION_GROUPS[codes.COD_GROUP_OF_DIGIT[int(code[0])]] for code in survey["occupation_cod3"]
    ]
    counted = survey.groupby(["uf", "occupation_group"], as_index=False)[["persons", "weight_squared"]].sum()
    totals = counted.groupby("uf")[["persons", "weight_squared"]].sum()
    design_effect = _model_tables.margin_effect(spark, data_dir, "occupation_group")
    effective = totals["persons"] ** 2 / totals["weight_squared"] / design_effect
    return [
        _fit(("zone",), have["zone",], homes, HOUSEHOLDS, grades["zone"], against="households"),
        _fit(("religion",), faith, shares, SHARES, grades["religion"], against="published shares"),
        _fit(
            ("occupation_group",),
            _of_subgroups(have["occupation_cod",], survey),
            counted,
            SURVEY,
            grades["occupation_group"],
            against="survey of 2026",
            target_persons=effective.to_dict(),
        ),
    ]


def _of_subgroups(workers: pd.DataFrame, survey: pd.DataFrame) -> pd.DataFrame:
    """Workers by group, of the subgroups (three digits of COD) that the state's survey prints: the rest has no target.

    Args:
        workers: `uf`, `occupation_cod`, `have`.
        survey: `uf`, `occupation_cod3`, `occupation_group`.
    """
    coded = workers.assign(occupation_cod3=workers["occupation_cod"].str[:3])
    printed = coded.merge(survey[["uf", "occupation_cod3", "occupation_group"]], on=["uf", "occupation_cod3"])
    return printed.groupby(["uf", "occupation_group"], as_index=False)["have"].sum()


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
    own = [*_check_metrics.planted_errors(_text_inputs.bounds_of(config)), *_check_metrics.warnings(texts)]
    for figure in own:
        yield _row(figure.uf, "text", figure.name, figure.value, figure.n)
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
