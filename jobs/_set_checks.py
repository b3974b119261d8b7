"""Figures of the set of texts: duplicates, repeated openings, variety, and words by sex, race and region.

Reads   core_persona__text, core_persona__attribute, core_place__municipality
"""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from census import duplicates, tables
from conf.settings import Config, Validate
from jobs import _near_duplicates, _storage, _word_metrics
from jobs._near_duplicates import Totals
from jobs._set_figures import EXACT, LARGEST, NEAR, OPENING, OPENINGS, OVER, PAIRS, TRIPLES, WORDS, Row, row
from udfs import minhash, text_variety

FIELDS = tables.TEXT_FIELDS
_OPENING_WORDS = 4
_ORDER_SEED = 20080101  # of the order in which the persons of a stratum stand: any number, always the same


def rows(spark: SparkSession, config: Config, ufs: list[str]) -> Iterator[Row]:
    """Rows of `ops_quality__metric` of all these states together; none before there are texts."""
    if not _storage.exists(config.data_dir, tables.TEXT):
        return
    records = records_of(
        _storage.read(spark, config.data_dir, tables.TEXT, ufs),
        _storage.read(spark, config.data_dir, tables.ATTRIBUTE, ufs),
        _storage.read(spark, config.data_dir, tables.PLACE, ufs),
    )
    yield from measure(records, config.validation)


def measure(records: DataFrame, chosen: Validate) -> Iterator[Row]:
    """The same of `records_of`."""
    printed = _near_duplicates.prints(records, FIELDS).persist()
    try:
        persons = _word_metrics.persons(printed)
        count = sum(persons.values())
        if not count:
            return
        yield from _duplicate_rows(printed, count, chosen)
        yield from _opening_rows(printed)
        yield from _variety_rows(printed, chosen.variety_records)
        yield from _word_metrics.rows(printed, persons, chosen)
    finally:
        printed.unpersist()


def records_of(texts: DataFrame, people: DataFrame, places: DataFrame) -> DataFrame:
    """Texts with what they are masked by and told apart by.

    `stratum` is what a word may stand for beside race: state, group of occupation (or activity) and sex. `place` is
    the person's number in it, in an order of hashes.
    """
    told = people.join(texts.select("uuid"), "uuid", "left_semi")
    work = F.coalesce("occupation_group", "activity", F.lit(""))
    told = told.withColumn("stratum", F.concat_ws("|", "uf", work, "sex"))
    order = Window.partitionBy("stratum").orderBy(F.xxhash64("uuid", F.lit(_ORDER_SEED)), "uuid")
    told = told.select(
        *("uuid", "sex", "race", "stratum", "municipality_code", "first_name", "middle_name", "last_name"),
        (F.row_number().over(order) - 1).alias("place"),
    )
    known = places.select("municipality_code", "municipality_name", "state_name", "region")
    told = told.join(F.broadcast(known), "municipality_code", "inner")
    return texts.select("uuid", *FIELDS).join(told, "uuid", "inner")


def _duplicate_rows(printed: DataFrame, records: int, chosen: Validate) -> Iterator[Row]:
    seen = duplicates.found_chance(chosen.near_duplicate_jaccard, bands=minhash.BANDS, rows=minhash.ROWS)
    how = (
        f"masked texts; Jaccard {chosen.near_duplicate_jaccard:g} of {minhash.SHINGLE} characters, proposed by "
        f"{minhash.BANDS} bands of {minhash.ROWS} minima, which see {seen:.1%} of the pairs just so alike"
    )
    totals = _near_duplicates.search(printed, chosen.near_duplicate_jaccard, chosen.max_bucket_texts)
    for number, name in enumerate(FIELDS):
        found = totals.get(number, Totals())
        yield row("set", f"{NEAR}: {name}", found.near / records, records, how)
        yield row("set", f"{EXACT}: {name}", found.exact / records, records, "masked texts")
        yield row("set", f"{PAIRS}: {name}", found.pairs, records, how)
        yield row("set", f"{LARGEST}: {name}", found.largest, records, how)
        cap = f"{how}; a bucket's texts past the first {chosen.max_bucket_texts} are compared with one only"
        yield row("set", f"{OVER}: {name}", found.over, records, cap)


def _opening_rows(printed: DataFrame) -> Iterator[Row]:
    opening = F.substring_index("text", " ", _OPENING_WORDS)
    opened = printed.select(F.posexplode("masked").alias("field", "text")).groupBy("field", opening.alias("opening"))
    counted = opened.agg(F.count("*").alias("texts")).groupBy("field")
    source = f"the first {_OPENING_WORDS} words of masked texts"
    of_fields = counted.agg(F.max("texts").alias("most"), F.count("*").alias("distinct"), F.sum("texts").alias("n"))
    for found in of_fields.sort("field").collect():
        name = FIELDS[found["field"]]
        yield row("set", f"{OPENING}: {name}", found["most"] / found["n"], found["n"], source)
        yield row("set", f"{OPENINGS}: {name}", found["distinct"], found["n"], source)


def _variety_rows(printed: DataFrame, records: int) -> Iterator[Row]:
    """Of a sample of fixed size: both ratios fall as texts are added, so only samples of one size compare."""
    fields = len(FIELDS)

    def count(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return text_variety.count(batches, fields)

    sample = printed.select("uuid", "masked").orderBy(F.xxhash64("uuid"), "uuid").limit(records).select("masked")
    source = f"masked texts of {records} records, by a hash"
    for found in sample.coalesce(1).mapInArrow(count, text_variety.SQL_TYPE).sort("field").collect():
        name = FIELDS[found["field"]]
        for kind, what in ((TRIPLES, "triples"), (WORDS, "words")):
            if found[what]:
                yield row("set", f"{kind}: {name}", found[f"distinct_{what}"] / found[what], found["texts"], source)
