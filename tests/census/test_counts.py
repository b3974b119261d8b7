"""Weighted counts of survey families: sums of weights, of their squares and of persons, at three levels."""

from __future__ import annotations

import pytest

from census import counts
from census.counts import Family

DOMAINS = {"sex": ("F", "M"), "zone": ("urbana", "rural"), "works": ("false", "true"), "band": ("a", "b", "c")}
FAMILIES = {
    "works": Family("works", ("band", "sex"), "age_years >= 14"),
    "zone": Family("zone", (), "true"),
}
COLUMNS = "uf string, region string, sex string, zone string, works boolean, band string, age_years int"
KEYS = ("family", "level", "uf")


def make_people(spark, *persons):
    """Rows of (uf, region, sex, zone, works, band, age, weight)."""
    return spark.createDataFrame(persons, f"{COLUMNS}, weight_persons double")


@pytest.fixture(scope="module")
def counted(spark):
    """Counts of five persons in two states of the North and one of the South."""
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
    rows = counts.family_rows(people, FAMILIES, DOMAINS, keep=("uf", "region"))
    return counts.weighted_counts(rows, FAMILIES, DOMAINS).collect()


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


def test_the_families_ask_the_survey_s_own_variables_of_the_network_s_parents():
    parents = {node: ("uf", "sex") for node in ("zone", "activity", "occupation_group", "occupation_cod")}
    parents |= {"position": ("uf", "occupation_cod", "age_class"), "earning_class": ("pay_class", "position", "race")}
    families = counts.survey_families(parents)
    assert families["position"].child == "survey_position"
    assert families["position"].parents == ("occupation_cod", "age_class")
    assert families["earning_class"].parents == ("occupation_cod", "survey_position", "race")
    assert families["activity"].child == "is_working"


@pytest.mark.parametrize(
    ("household", "partnered"),
    [
        ([("F", 40), ("M", 44)], [True, True]),
        ([("F", 40), ("M", 56)], [False, False]),  # too far apart
        ([("F", 40), ("F", 41)], [False, False]),
        ([("M", 20), ("F", 22), ("F", 45)], [False, False, False]),  # brother and sister with their mother
        ([("F", 17), ("M", 30)], [True, False]),  # the partner must be grown
    ],
)
def test_a_partner_is_an_adult_of_the_other_sex_and_near_in_age(spark, household, partnered):
    people = spark.createDataFrame(
        [(place, "1", sex, age) for place, (sex, age) in enumerate(household)],
        "place int, household_id string, sex string, age_years int",
    )
    rows = counts.with_partner(people).orderBy("place").collect()
    assert [row["is_partnered"] for row in rows] == partnered


def test_who_is_in_no_household_is_not_said_to_live_with_anybody(spark):
    people = spark.createDataFrame([(None, "F", 40), (None, "M", 41)], "household_id string, sex string, age_years int")
    assert [row["is_partnered"] for row in counts.with_partner(people).collect()] == [None, None]
