"""Sample: persons of the virtual population, drawn on the executors.

Reads   core_model__cpd, core_model__allocation, core_model__income_point, core_name__*,
        core_occupation__title, core_trait__*
Writes  core_persona__attribute   (a rerun replaces whole states)
"""

from __future__ import annotations

import math
import sys
import uuid
from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyspark.broadcast import Broadcast
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from census import codes, tables
from conf import settings
from conf.settings import Config
from jobs import _cli, _runlog, _sample_tables, _states, _storage
from jobs._runlog import RunReport
from jobs._sample_tables import SampleTables, person_id_base
from udfs import naming, sampling

_PERSONS_PER_PARTITION = 250_000
_CODES: dict[str, tuple[str, ...]] = {
    "sex": codes.SEXES,
    "zone": codes.ZONES,
    "race": codes.RACES,
    "education_level": codes.EDUCATION_LEVELS,
    "marital_status": codes.MARITAL_STATUSES,
    "religion": codes.RELIGIONS,
    "activity": codes.ACTIVITIES,
    "occupation_group": codes.OCCUPATION_GROUPS,
    "position": codes.POSITIONS,
}
_SCHEMA = pa.schema(
    [("person_id", pa.int64()), ("state", pa.int32()), ("municipality", pa.int32()), ("age_years", pa.int32())]
    + [(name, pa.int32()) for name in _CODES]
    + [("in_union", pa.bool_()), ("is_mei", pa.bool_()), ("income_brl", pa.float64())]
    + [
        (name, pa.string())
        for name in (
            "occupation_cod",
            "occupation_cbo",
            "occupation_title",
            "former_occupation_title",
            "first_name",
            "middle_name",
            "last_name",
        )
    ]
    + [(trait, pa.float64()) for trait in codes.TRAITS]
)
_SQL_TYPES = {pa.int64(): "bigint", pa.int32(): "int", pa.bool_(): "boolean", pa.float64(): "double"}
_SPARK_SCHEMA = ", ".join(f"{f.name} {_SQL_TYPES.get(f.type, 'string')}" for f in _SCHEMA)


def run(spark: SparkSession, config: Config) -> RunReport:
    """Draw the persons of `config.run.ufs` and replace their partitions."""
    with _runlog.stage(
        spark, config, "sample", writes=(tables.ATTRIBUTE,), reads=(tables.CPD, tables.ALLOCATION)
    ) as report:
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
    rows = spark.range(0, points, 1, parts).mapInArrow(_drawer(shared, starts), _SPARK_SCHEMA)
    return _labelled(rows, seed, model_version)


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
                yield draw_state(index[state_of == state] - starts[state], int(state), shared.value, words)

    return draw


def draw_state(
    points: NDArray[np.int64], state: int, drawn: SampleTables, words: dict[str, pa.Array]
) -> pa.RecordBatch:
    """Persons of some points of one state as a record batch of `_SCHEMA`."""
    laws, naming_laws = drawn.states[state], drawn.naming[state]
    people = sampling.draw(points, laws)
    number, sex, age = people["number"], people["sex"], people["age_years"]
    given = naming.draw_names(number, sex, age, naming_laws)
    traits = naming.draw_traits(
        number, sex, age, seed=laws.seed, state_code=laws.state_code, means=drawn.trait_means, root=drawn.trait_root
    )
    columns: dict[str, pa.Array] = {
        "person_id": pa.array(person_id_base(laws.state_code) + number),
        "state": pa.array(np.full(len(number), codes.UFS.index(laws.uf), dtype=np.int32)),
        "municipality": pa.array(people["municipality"].astype(np.int32)),
        "age_years": pa.array(age.astype(np.int32)),
        "in_union": pa.array(people["in_union"] == 1),
        "is_mei": pa.array(people["is_mei"] == 1, mask=people["is_mei"] < 0),
        "income_brl": pa.array(people["income_brl"], mask=np.isnan(people["income_brl"])),
        "occupation_cod": _words(words["cod"], people["occupation_cod"]),
        "occupation_cbo": _words(words["cbo"], people["title"]),
        "occupation_title": _words(words["title"], np.where(people["title"] < 0, -1, people["title"] * 2 + sex)),
        "former_occupation_title": _words(
            words["title"], np.where(people["former_title"] < 0, -1, people["former_title"] * 2 + sex)
        ),
        "first_name": _words(words["first"], given.first),
        "middle_name": pc.fill_null(_words(words["second"], given.second), ""),
        "last_name": _last_names(given, words),
    }
    columns |= {name: pa.array(people[name].astype(np.int32)) for name in _CODES}
    columns |= {trait: pa.array(traits[:, i], mask=np.isnan(traits[:, i])) for i, trait in enumerate(codes.TRAITS)}
    return pa.RecordBatch.from_arrays([columns[f.name] for f in _SCHEMA], schema=_SCHEMA)


def _words(words: pa.Array, index: NDArray[np.int64]) -> pa.Array:
    return words.take(pa.array(index, mask=index < 0))


def _last_names(given: naming.Names, words: dict[str, pa.Array]) -> pa.Array:
    parts = []
    for slot in range(naming.MAX_SURNAMES):
        plain = _words(words["surname"], given.surnames[:, slot])
        particle = _words(words["surname_with_particle"], given.surnames[:, slot])
        parts.append(pc.if_else(pa.array(given.with_particle[:, slot]), particle, plain))
    return pc.binary_join_element_wise(*parts, _words(words["suffix"], given.suffix), " ", null_handling="skip")


def _labelled(rows: DataFrame, seed: int, model_version: str) -> DataFrame:
    def label(values: tuple[str, ...], code: str) -> Column:
        # A code of -1 has no value; literal arrays stay on the GPU under RAPIDS.
        return F.when(F.col(code) >= 0, F.element_at(F.array(*map(F.lit, values)), F.col(code) + 1))

    labelled = rows.select(
        "person_id",
        _uuid(F.concat(F.lit(f"povo:{seed}:"), F.col("person_id").cast("string"))).alias("uuid"),
        label(codes.UFS, "state").alias("uf"),
        F.col("municipality").cast("string").alias("municipality_code"),
        "age_years",
        *[label(values, name).alias(name) for name, values in _CODES.items()],
        *[f.name for f in _SCHEMA if f.name not in {"person_id", "state", "municipality", "age_years", *_CODES}],
        F.lit(model_version).alias("model_version"),
        F.lit(seed).cast("bigint").alias("seed"),
    )
    return tables.ATTRIBUTE.conform(labelled)


def _uuid(name: Column) -> Column:
    """UUID v5 (RFC 4122) in the JVM, namespace of URLs: SHA-1 of namespace and name, version and variant set."""
    digest = F.sha1(F.concat(F.unhex(F.lit(uuid.NAMESPACE_URL.hex)), F.encode(name, "UTF-8")))
    variant = F.element_at(
        F.array(*[F.lit(f"{8 | (i & 3):x}") for i in range(16)]),
        F.conv(F.substring(digest, 17, 1), 16, 10).cast("int") + 1,
    )
    return F.concat(
        F.substring(digest, 1, 12), F.lit("5"), F.substring(digest, 14, 3), variant, F.substring(digest, 18, 15)
    )


if __name__ == "__main__":
    sys.exit(_cli.main("sample"))
