"""Persons as `sample` writes them: record batches of codes and words, labelled by the JVM."""

from __future__ import annotations

import uuid

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from census import codes, tables
from jobs._sample_tables import SampleTables, person_id_base
from udfs import naming, sampling

CODES: dict[str, tuple[str, ...]] = {
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
SCHEMA = pa.schema(
    [("person_id", pa.int64()), ("state", pa.int32()), ("municipality", pa.int32()), ("age_years", pa.int32())]
    + [(name, pa.int32()) for name in CODES]
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
SPARK_SCHEMA = ", ".join(f"{f.name} {_SQL_TYPES.get(f.type, 'string')}" for f in SCHEMA)


def draw_state(
    points: NDArray[np.int64], state: int, drawn: SampleTables, words: dict[str, pa.Array]
) -> pa.RecordBatch:
    """Persons of some points of one state as a record batch of `SCHEMA`."""
    laws, naming_laws = drawn.states[state], drawn.naming[state]
    people = sampling.draw(points, laws)
    number, sex, age = people["number"], people["sex"], people["age_years"]
    ever_married = people["marital_status"] != codes.MARITAL_STATUSES.index("Solteiro")
    given = naming.draw_names(number, sex, age, ever_married, naming_laws)
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
        "occupation_title": pc.coalesce(
            _words(words["trade"], _of_sex(people["trade"], sex)), _words(words["title"], _of_sex(people["title"], sex))
        ),
        "former_occupation_title": _words(words["title"], _of_sex(people["former_title"], sex)),
        "first_name": _words(words["first"], given.first),
        "middle_name": pc.fill_null(_words(words["second"], given.second), ""),
        "last_name": _last_names(given, words),
    }
    columns |= {name: pa.array(people[name].astype(np.int32)) for name in CODES}
    columns |= {trait: pa.array(traits[:, i], mask=np.isnan(traits[:, i])) for i, trait in enumerate(codes.TRAITS)}
    return pa.RecordBatch.from_arrays([columns[f.name] for f in SCHEMA], schema=SCHEMA)


def _of_sex(row: NDArray[np.int32], sex: NDArray[np.int32]) -> NDArray[np.int32]:
    """Place of the word: a list has a woman's and a man's word a row."""
    return np.where(row < 0, np.int32(-1), row * np.int32(2) + sex)


def _words(words: pa.Array, index: NDArray[np.int64]) -> pa.Array:
    return words.take(pa.array(index, mask=index < 0))


def _last_names(given: naming.Names, words: dict[str, pa.Array]) -> pa.Array:
    parts = []
    for slot in range(naming.MAX_SURNAMES):
        plain = _words(words["surname"], given.surnames[:, slot])
        particle = _words(words["surname_with_particle"], given.surnames[:, slot])
        parts.append(pc.if_else(pa.array(given.with_particle[:, slot]), particle, plain))
    return pc.binary_join_element_wise(*parts, _words(words["suffix"], given.suffix), " ", null_handling="skip")


def labelled(rows: DataFrame, seed: int, model_version: str) -> DataFrame:
    """`core_persona__attribute` rows from rows of `SCHEMA`."""

    def label(values: tuple[str, ...], code: str) -> Column:
        # A code of -1 has no value; literal arrays stay on the GPU under RAPIDS.
        return F.when(F.col(code) >= 0, F.element_at(F.array(*map(F.lit, values)), F.col(code) + 1))

    labelled = rows.select(
        "person_id",
        _uuid(F.concat(F.lit(f"povo:{seed}:"), F.col("person_id").cast("string"))).alias("uuid"),
        label(codes.UFS, "state").alias("uf"),
        F.col("municipality").cast("string").alias("municipality_code"),
        "age_years",
        *[label(values, name).alias(name) for name, values in CODES.items()],
        *[f.name for f in SCHEMA if f.name not in {"person_id", "state", "municipality", "age_years", *CODES}],
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
