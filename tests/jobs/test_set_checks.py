"""Figures of a set of texts in Spark, on a few records with planted duplicates."""

from __future__ import annotations

import random
import string
from collections.abc import Sequence
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from census import tables
from conf import settings
from jobs import _near_duplicates, _set_checks

CHOSEN = settings.load().validation
RECORDS = 60
FIRST = ("Ana", "Rita", "Josefa", "Luzia", "Inês")
WORDS = tuple("".join(random.Random(n).choices(string.ascii_lowercase, k=7)) for n in range(3000))


def sentence(number: int, field: str, words: int = 40) -> str:
    return " ".join(random.Random(f"{field} {number}").choices(WORDS, k=words)).capitalize() + "."


def made() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Texts and people: pairs of records whose texts are alike, each in a field of its own."""
    people = [
        {
            "uuid": f"{n:032d}",
            "uf": "AC",
            "municipality_code": "1200401",
            "sex": "FM"[n % 2],
            "race": ("branca", "parda")[n // 2 % 2],
            "occupation_group": None,
            "activity": "aposentado",
            "first_name": FIRST[n % 5],
            "middle_name": "",
            "last_name": "Lima",
        }
        for n in range(RECORDS)
    ]
    texts = [
        {"uuid": person["uuid"]} | {field: sentence(n, field) for field in tables.TEXT_FIELDS}
        for n, person in enumerate(people)
    ]
    # The same but for the name and the number; nearly the same; the same opening.
    for n in (3, 4, 5):
        texts[n]["persona"] = f"{FIRST[n % 5]} Lima, {30 + n} anos, vive em Rio Branco. {sentence(0, 'same')}"
    texts[11]["arts_persona"] = texts[10]["arts_persona"].replace(".", " também.")
    for n in range(12):
        texts[n]["travel_persona"] = f"{FIRST[n % 5]} gosta de viajar. {texts[n]['travel_persona']}"
    return texts, people


@pytest.fixture(scope="module")
def figures(spark: SparkSession) -> dict[str, dict[str, Any]]:
    texts, people = made()
    told = _set_checks.measure(_set_checks.records_of(*frames(spark, texts, people)), CHOSEN)
    rows = list(told)
    assert len({row["name"] for row in rows}) == len(rows)
    return {str(row["name"]): row for row in rows}


def frames(spark: SparkSession, texts: Sequence[Any], people: Sequence[Any]) -> tuple[DataFrame, DataFrame, DataFrame]:
    place = {"municipality_code": "1200401", "municipality_name": "Rio Branco", "state_name": "Acre", "region": "Norte"}
    strings = ", ".join(f"{name} string" for name in people[0])
    return spark.createDataFrame(texts), spark.createDataFrame(people, strings), spark.createDataFrame([place])


def test_texts_that_differ_in_name_and_number_alone_are_the_same(figures):
    row = figures["share of exact duplicates: persona"]
    assert (row["value"], row["n"], row["uf"], row["family"]) == (3 / RECORDS, RECORDS, "BR", "set")
    assert figures["share of near duplicates: persona"]["value"] == 3 / RECORDS


def test_texts_that_are_nearly_the_same_are_near_duplicates_only(figures):
    assert figures["share of exact duplicates: arts_persona"]["value"] == 0
    assert figures["share of near duplicates: arts_persona"]["value"] == 2 / RECORDS
    assert figures["pairs compared: arts_persona"]["value"] == 1
    assert figures["texts in the largest bucket: arts_persona"]["value"] == 2


def test_the_source_of_near_duplicates_says_what_share_of_pairs_the_bands_see(figures):
    source = figures["share of near duplicates: persona"]["source"]
    assert "Jaccard 0.8 of 5 characters" in source and "16 bands of 8 minima, which see 94.7% of the pairs" in source


def test_texts_of_their_own_are_nobody_s_duplicates(figures):
    fields = set(tables.TEXT_FIELDS) - {"persona", "arts_persona"}
    assert {figures[f"share of near duplicates: {field}"]["value"] for field in fields} == {0.0}
    assert {figures[f"texts past the cap of a bucket: {field}"]["value"] for field in fields} == {0.0}


def test_an_opening_is_counted_without_the_name(figures):
    assert figures["share of the commonest opening: travel_persona"]["value"] == 12 / RECORDS
    assert figures["distinct openings: travel_persona"]["value"] == RECORDS - 11
    assert figures["share of the commonest opening: sports_persona"]["value"] == 1 / RECORDS


def test_variety_is_that_of_the_whole_where_there_are_fewer_records_than_the_sample(figures):
    row = figures["distinct-3: sports_persona"]
    assert (row["n"], row["value"]) == (RECORDS, pytest.approx(1.0, abs=0.001))
    assert 0.4 < figures["type-token ratio: sports_persona"]["value"] < 0.9


def test_every_field_and_group_has_its_figures_and_every_bound_its_figure(figures):
    for field in tables.TEXT_FIELDS:
        assert {f"{name}: {field}" for name in ("distinct-3", "distinct openings", "share of near duplicates")} <= set(
            figures
        )
    bounds = {
        bound.name for bound in settings.quality_bounds() if "near duplicates" in bound.name or "words" in bound.name
    }
    assert len(bounds) == 11 and bounds <= set(figures)
    assert {"distinct words of sex=F", "distinct words of race=parda"} <= set(figures)


def test_a_full_bucket_is_counted_and_its_texts_are_found_all_the_same(spark):
    texts, people = made()
    long = sentence(1, "long", 200)
    for n in range(20):
        texts[n]["persona"] = f"{long} {WORDS[n]}"
    printed = _near_duplicates.prints(_set_checks.records_of(*frames(spark, texts, people)), tables.TEXT_FIELDS)
    found = _near_duplicates.search(printed, CHOSEN.near_duplicate_jaccard, 5)
    number = tables.TEXT_FIELDS.index("persona")
    assert (found[number].near, found[number].exact, found[number].largest) == (20, 0, 20)
    assert found[number].over >= 15
    # Among the first five, and each of the rest with the first, some in several bands that not all share.
    assert 10 + 15 <= found[number].pairs <= 20 * 19 // 2
