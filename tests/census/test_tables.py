"""What a declared table asks of a frame: its columns, in its order, with its types."""

from __future__ import annotations

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from census import tables
from census.errors import SchemaError
from census.tables import MEI_SHARE


def make_shares(spark: SparkSession) -> DataFrame:
    return spark.createDataFrame([("AC", 0.25)], MEI_SHARE.schema)


def test_a_frame_is_put_in_the_declared_order(spark):
    turned = make_shares(spark).select("share", "uf")
    assert MEI_SHARE.conform(turned).columns == ["uf", "share"]


def test_a_missing_an_unexpected_and_a_mistyped_column_are_told_together_with_the_table(spark):
    wrong = make_shares(spark).select(F.col("share").cast("float"), F.lit(1).alias("year"))
    with pytest.raises(SchemaError) as caught:
        MEI_SHARE.conform(wrong)
    assert caught.value.values == {
        "table": "core_mei__share",
        "missing": ["uf"],
        "unexpected": ["year"],
        "mistyped": ["share is float, expected double"],
    }
    assert str(caught.value) == (
        "core_mei__share: missing ['uf'], unexpected ['year'], mistyped ['share is float, expected double']"
    )


def test_a_null_in_a_column_that_may_be_null_elsewhere_is_no_matter_of_the_schema(spark):
    may_be_null = make_shares(spark).withColumn("share", F.expr("nullif(share, 1D)"))
    assert may_be_null.schema["share"].nullable and not MEI_SHARE.schema["share"].nullable
    assert MEI_SHARE.conform(may_be_null).collect() == [("AC", 0.25)]


@pytest.mark.parametrize("table", tables.ALL, ids=lambda table: table.name)
def test_the_key_of_a_table_is_made_of_columns_that_are_never_null(table):
    never_null = {column.name for column in table.columns if column.required}
    assert set(table.key) <= never_null
    assert set(table.partition_by) <= never_null
