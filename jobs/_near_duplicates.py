"""Search for duplicates among masked texts: keys of their bands grouped in Spark, what shares one compared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from udfs import alike, minhash


class Totals(NamedTuple):
    """Of one field: records with a text that is another's, letter by letter or nearly so, and what the search met.

    Attributes:
        near: Exact ones too.
        pairs: Pairs compared.
        largest: Distinct texts of the largest bucket.
        over: Texts past the cap of their bucket, a text once a bucket.
    """

    exact: int = 0
    near: int = 0
    pairs: int = 0
    largest: int = 1
    over: int = 0


def prints(records: DataFrame, fields: Sequence[str]) -> DataFrame:
    """The print of every record, see `udfs.minhash.prints`."""

    def make(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return minhash.prints(batches, fields)

    return records.mapInArrow(make, minhash.PRINT_TYPE)


def search(printed: DataFrame, jaccard: float, cap: int) -> dict[int, Totals]:
    """Number of each field -> what was found; a field none of whose texts met another is left out.

    Args:
        printed: See `prints`; read three times.
        jaccard: Texts are alike from this index of their shingles on.
        cap: Distinct texts of a bucket that are all compared, see `udfs.alike.bucket`.
    """

    def compare(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return alike.search(batches, jaccard, cap)

    found = members(printed).mapInArrow(compare, alike.FOUND_TYPE)
    texts = found.groupBy("field", "uuid").agg(
        F.max("is_exact").alias("is_exact"),
        F.sum("pairs").alias("pairs"),
        F.max("texts").alias("texts"),
        F.sum("over").alias("over"),
    )
    is_text = F.col("uuid").isNotNull()
    totals = texts.groupBy("field").agg(
        F.count_if("is_exact").alias("exact"),
        F.count_if(is_text).alias("near"),
        F.sum("pairs").alias("pairs"),
        F.max("texts").alias("largest"),
        F.sum("over").alias("over"),
    )
    return {row["field"]: Totals(*row[1:]) for row in totals.collect()}


def members(printed: DataFrame) -> DataFrame:
    """The texts that share a band with another, the rows of a band together: what `udfs.alike.search` reads."""
    keys = printed.select(F.explode("bands").alias("band"))
    shared = keys.groupBy("band").count().where("count > 1").select("band")
    placed = printed.select("uuid", F.posexplode("bands").alias("place", "band"))
    met = placed.join(shared, "band", "left_semi")
    field = F.floor(F.col("place") / minhash.BANDS).cast("int")
    texts = met.withColumn("field", field).join(printed.select("uuid", "masked", "ids", "bands"), "uuid", "inner")
    rows = texts.select(
        "field",
        "band",
        "uuid",
        F.col("ids")[F.col("field")].alias("id"),
        F.col("masked")[F.col("field")].alias("masked"),
        F.slice("bands", F.col("field") * minhash.BANDS + 1, minhash.BANDS).alias("bands"),
    )
    return rows.repartition("band").sortWithinPartitions("field", "band", "id", "uuid")
