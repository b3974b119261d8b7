"""Weighted counts of survey families: sums of weights, of their squares and of persons, at three levels."""

from __future__ import annotations

import pytest

from census import counts
from census.counts import Family
from jobs import condition

DOMAINS = {"sex": ("F", "M"), "zone": ("urbana", "rural"), "works": ("false", "true"), "band": ("a", "b", "c")}
FAMILIES = {
    "works": Family("works", ("band", "sex"), "age_years >= 14"),
    "zone": Family("zone", (), "true"),
}
COLUMNS = "uf string, region string, sex string, zone string, works boolean, band string, age_years int"
KEYS = ("family", "level", "uf")


def make_people(spark, *persons):
    """Rows of (uf, region, sex, zone, works, band, age, weight)."""
    rows = [(*person, 1, place) for place, person in enumerate(persons)]
    return spark.createDataFrame(rows, f"{COLUMNS}, weight_persons double, stratum int, upa int")


@pytest.fixture(scope="module")
def counted(spark):
    """Counts of seven persons in two states of the North and one of the South."""
    people = make_people(
        spark,
        ("AC", "Norte", "F", "urbana", True, "a", 30, 2.0),
        ("AC", "Norte", "F", "rural", True, "a", 31, 3.0),
        ("RO", "Norte", "F", "rural", False, "a", 32, 5.0),
        ("RS", "Sul", "M", "rural", True, "c", 33, 7.0),
        ("RS", "Sul", "M", "rural", True, "c", 13, 11.0),  # too young for `works`
        ("RS", "Sul", "M", None, None, "b", 40, 13.0),  # no answer to either
        ("RS", "Sul", "M", "urbana", True, None, 40, 17.0),  # no answer to a parent of `works`
    )
    sums = condition.sums_of(people, FAMILIES, DOMAINS, design_upa_share=0)
    return counts.weighted_counts(sums, FAMILIES, DOMAINS).collect()


def sums(counted, family, level, uf):
    """Cell and value -> W, W2, n."""
    rows = [row for row in counted if (row["family"], row["level"], row["uf"]) == (family, level, uf)]
    return {(r["cell"], r["value"]): (r["weight_persons"], r["weight_squared"], r["rows"]) for r in rows}


def test_a_state_has_sums_of_weights_of_squares_and_of_persons(counted):
    assert sums(counted, "works", "uf", "AC") == {("a|F", "true"): (5.0, 13.0, 2)}
    assert sums(counted, "works", "uf", "RO") == {("a|F", "false"): (5.0, 25.0, 1)}


def test_regions_and_brazil_are_the_states_together(counted):
    assert sums(counted, "works", "reg", "Norte") == {
        ("a|F", "true"): (5.0, 13.0, 2),
        ("a|F", "false"): (5.0, 25.0, 1),
    }
    assert sums(counted, "works", "br", "BR") == {
        ("a|F", "true"): (5.0, 13.0, 2),
        ("a|F", "false"): (5.0, 25.0, 1),
        ("c|M", "true"): (7.0, 49.0, 1),
    }


def test_persons_without_an_answer_or_outside_the_universe_are_left_out(counted):
    # Of the South, one person is too young to work, two lack an answer; the zone is asked of everybody.
    assert sums(counted, "works", "uf", "RS") == {("c|M", "true"): (7.0, 49.0, 1)}
    assert sums(counted, "zone", "uf", "RS") == {("", "rural"): (18.0, 170.0, 2), ("", "urbana"): (17.0, 289.0, 1)}


def test_a_cell_s_number_is_its_words_in_mixed_radix(counted):
    words = {(row["cell_index"], row["cell"]) for row in counted if row["family"] == "works"}
    assert words == {(0, "a|F"), (5, "c|M")}
    values = {(row["value_index"], row["value"]) for row in counted if row["family"] == "works"}
    assert values == {(0, "false"), (1, "true")}


def test_every_key_stands_once(counted):
    keys = [(*(row[k] for k in KEYS), row["cell_index"], row["value_index"]) for row in counted]
    assert len(keys) == len(set(keys))


def test_conditionals_sum_to_1_in_a_cell_and_know_its_effective_persons(spark, counted):
    frame = spark.createDataFrame(counted)
    rows = counts.conditionals(frame, {"works": 2.0, "zone": 1.0}).where("family = 'works' AND uf = 'Norte'").collect()
    found = {row["value"]: (row["probability"], row["effective_persons"], row["rows"]) for row in rows}
    assert found == {"true": (0.5, 100 / 38 / 2, 3), "false": (0.5, 100 / 38 / 2, 3)}


def test_counting_leaves_no_view_behind(spark, counted):
    assert not [view.name for view in spark.catalog.listTables() if view.name.startswith(("povo_", "_pyspark"))]
