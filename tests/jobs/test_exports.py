"""The persons of the export for Data Designer: traits as numbers, labels and words."""

from __future__ import annotations

from pyspark.sql import SparkSession

from jobs import _exports
from udfs import prompts, traits

SCORES = (20.0, 34.9, 35.0, 50.0, 64.9, 65.0, 80.0)


def test_a_trait_is_told_in_the_words_of_the_persons_record_block(spark: SparkSession) -> None:
    rows = [(f"{i:032x}", "FM"[i % 2], SCORES[i % len(SCORES)]) for i in range(70)]
    people = spark.createDataFrame([*rows, ("c" * 32, "F", None)], "uuid string, sex string, extraversion double")
    told = people.select("uuid", "sex", "extraversion", _exports.trait_struct("extraversion").alias("told"))
    for row in told.collect():
        if row["extraversion"] is None:
            assert row["told"] is None
            continue
        template = traits.template(row["uuid"], "extraversion", row["extraversion"])
        assert row["told"]["description"] == prompts.inflect(template, row["sex"])
        assert row["told"]["label"] == _exports.BAND_NAMES[traits.band(row["extraversion"])]
        assert row["told"]["t_score"] == round(row["extraversion"])
