"""Which families are counted, and who is said to live with a partner."""

from __future__ import annotations

import pytest

from census import counts


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
