"""The export folders of what is published: for `datasets.load_dataset`, and as persons of NeMo Data Designer."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from census import codes, tables
from conf.settings import Config
from jobs import _card, _storage
from jobs._runlog import RunReport
from udfs import traits
from udfs.prompts import inflect

_HUGGING_FACE, _DATA_DESIGNER = "export/huggingface", "export/data_designer"
_STATES = "export/states.json"
# Data Designer's filters know these two words only.
_SEX = {"F": "Female", "M": "Male"}
BAND_NAMES = ("muito baixo", "baixo", "médio", "alto", "muito alto")
_DESIGNER_README = """# Persons for NeMo Data Designer

`pt_BR.parquet` has the layout of Data Designer's managed `pt_BR` persons (field names as in its release 0.9.6): give
the folder as managed assets, or read it with a `PersonReader`. Fields that Povo does not make (addresses, finance and
health personas, e-mail) are absent. Race and religion are here for audits: the texts were written without race.
"""


def states(data_dir: Path) -> set[str]:
    """The states that the export folders hold; none before the first export."""
    file = data_dir / _STATES
    if not (file.exists() and (data_dir / _HUGGING_FACE).is_dir() and (data_dir / _DATA_DESIGNER).is_dir()):
        return set()
    return set(json.loads(file.read_text(encoding="utf-8")))


def write(spark: SparkSession, config: Config, report: RunReport) -> None:
    """Write both folders anew from the published rows of `config.run.ufs`."""
    ufs = list(config.run.ufs)
    published = _storage.read(spark, config.data_dir, tables.PERSONA, ufs)
    extended = _storage.read(spark, config.data_dir, tables.PERSONA_EXTENDED, ufs)
    rows = published.count()
    shards = max(math.ceil(rows / config.publish.shards_rows), 1)
    # Half an export would look whole: the list of its states goes first and comes back last.
    (config.data_dir / _STATES).unlink(missing_ok=True)
    _storage.export_parquet(
        _shuffled(published.select("uuid", *tables.PUBLIC_COLUMNS), shards),
        config.data_dir,
        _HUGGING_FACE,
        inside="data",
        name="train-{number:05d}-of-{shards:05d}.parquet",
        files={"README.md": _card.text(spark, config, rows)},
    )
    report.progress(f"{_HUGGING_FACE}: {rows:,} records in {shards} file(s)")
    _storage.export_parquet(
        _shuffled(data_designer(extended, published), shards),
        config.data_dir,
        _DATA_DESIGNER,
        inside="pt_BR.parquet",
        name="part-{number:05d}-of-{shards:05d}.parquet",
        files={"README.md": _DESIGNER_README},
    )
    report.progress(f"{_DATA_DESIGNER}: {rows:,} persons")
    _storage.write_text(config.data_dir, _STATES, json.dumps(ufs))


def data_designer(extended: DataFrame, published: DataFrame) -> DataFrame:
    """Persons as Data Designer reads them: sex Female/Male, traits as structs, no null in `middle_name`.

    Args:
        extended, published: Rows of the two published tables, one a person each.
    """
    people = extended.join(published.select("uuid", "occupation"), "uuid", "inner")
    return people.select(
        "uuid",
        "first_name",
        F.coalesce("middle_name", F.lit("")).alias("middle_name"),
        "last_name",
        _word(F.col("sex"), _SEX).alias("sex"),
        F.col("age_years").cast("bigint").alias("age"),
        "marital_status",
        "education_level",
        "occupation",
        F.col("municipality_name").alias("city"),
        F.col("municipality_name").alias("municipality"),
        F.col("state_name").alias("state"),
        "region",
        F.lit("Brasil").alias("country"),
        "race",
        "religion",
        *tables.TEXT_FIELDS,
        "skills_and_expertise_list",
        "hobbies_and_interests_list",
        *[trait_struct(trait).alias(trait) for trait in codes.TRAITS],
    )


def _shuffled(rows: DataFrame, shards: int) -> DataFrame:
    """Ordered by uuid, which is a hash: the first rows are a fair sample, not the first state."""
    return rows.repartitionByRange(shards, "uuid").sortWithinPartitions("uuid")


def trait_struct(trait: str) -> Column:
    """Score, name of its band and description, as Data Designer has it; null under 10."""
    score = F.col(trait)
    band = sum((F.when(score >= end, 1).otherwise(0) for end in traits.BAND_ENDS), F.lit(0))
    place = band * traits.WORDINGS + F.expr(traits.wording_sql(trait))
    words = [words for wordings in traits.WORDS[trait] for words in wordings]
    told = {sex: _nth([inflect(template, sex) for template in words], place) for sex in _SEX}
    filled = F.struct(
        F.round(score).cast("bigint").alias("t_score"),
        _nth(BAND_NAMES, band).alias("label"),
        F.when(F.col("sex") == "F", told["F"]).otherwise(told["M"]).alias("description"),
    )
    return F.when(score.isNotNull(), filled)


def _nth(words: Sequence[str], place: Column) -> Column:
    """The word at a place, counted from 0; the list is one literal, however long."""
    return F.element_at(F.split(F.lit("|".join(words)), r"\|"), place + 1)


def _word(code: Column, words: dict[str, str]) -> Column:
    return F.element_at(F.create_map(*[F.lit(part) for pair in words.items() for part in pair]), code)
