"""What counted people say beside an answer, and how an answer is shown."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from census import comparison, inference, tables
from census.comparison import Counted, Share
from census.questions import Question, parse_question
from jobs import _storage, ask

PEOPLE = [
    ("AC", "F", 35, "parda", "urbana", True, "Ocupação elementar", 1000.0, 30.0),
    ("AC", "F", 38, "preta", "urbana", True, "Ocupação elementar", 3000.0, 10.0),
    ("AC", "F", 31, "parda", "rural", False, None, None, 20.0),
    ("AC", "M", 33, "parda", "urbana", True, "Diretor ou gerente", 9000.0, 40.0),
    ("AC", "F", 12, "parda", "urbana", False, None, None, 99.0),
]


def asked(text: str) -> Question:
    return parse_question(text, ask.domains())


def counted(spark, text: str) -> Counted | None:
    people = spark.createDataFrame(
        PEOPLE,
        "uf string, sex string, age_years int, race string, zone string, is_working boolean, "
        "occupation_group string, income_brl double, weight_persons double",
    ).withColumn("age_band", ask._age_band())
    return ask._counted(ask._of_survey(people), asked(text), "survey", design_effect=1.0, note="")


def shares(found: Counted | None) -> dict[tuple[str, ...], float]:
    assert found is not None
    return {key: share.value for key, share in found.shares.items()}


def test_shares_of_the_survey_are_weighted_and_of_those_asked(spark):
    found = counted(spark, "P(race | uf=AC, sex=F, age_years=30..39)")
    assert shares(found) == pytest.approx({("parda",): 50 / 60, ("preta",): 10 / 60})
    assert found is not None and found.effective_persons == pytest.approx(60**2 / (900 + 100 + 400))


def test_who_does_not_work_counts_only_beside_the_activity(spark):
    assert shares(counted(spark, "P(occupation_group | uf=AC, sex=F)")) == {("Ocupação elementar",): 1.0}
    both = shares(counted(spark, "P(activity, occupation_group | uf=AC, sex=F)"))
    assert both == pytest.approx({("ocupado", "Ocupação elementar"): 40 / 60, ("(outras)", "(não trabalha)"): 20 / 60})


def test_the_mean_of_the_survey_is_weighted_with_its_interval(spark):
    found = counted(spark, "E(income_brl | uf=AC, sex=F)")
    assert found is not None and found.mean is not None
    assert found.mean.value == pytest.approx((30 * 1000 + 10 * 3000) / 40)
    assert found.mean.low < 1500 < found.mean.high
    assert counted(spark, "E(income_brl | uf=AC, sex=F, zone=rural)") is None


def test_the_census_answers_for_adults_of_its_own_age_groups():
    rows = pd.DataFrame(
        {
            "uf": "AC",
            "sex": ["F", "F", "M"],
            "race": ["parda", "preta", "parda"],
            "age_group": ["30-34", "30-34", "80+"],
            "education_level": "Superior completo",
            "persons": [30.0, 10.0, 5.0],
        }
    )
    adults = ask._census(rows, asked("P(race | uf=AC, sex=F, age_years=18..)"))
    assert shares(adults) == {("parda",): 0.75, ("preta",): 0.25}
    assert shares(ask._census(rows, asked("P(sex | uf=AC, age_band=80+)"))) == {("M",): 1.0}
    assert ask._census(rows, asked("P(race | uf=AC)")) is None
    assert ask._census(rows, asked("P(race | uf=AC, age_years=33)")) is None


def make_asked(rows: dict[tuple[str, ...], float], *compared: Counted) -> ask.Asked:
    answer = inference.Answer(
        question="P(race | uf=AC)",
        variables=("race",),
        rows=tuple(rows.items()),
        mean=None,
        covered=1.0,
        evidence=1.0,
        level="uf",
        grade="A",
        effective_persons=None,
        prior_share=None,
        support=(inference.Support("race", "A", "10061", 120.0, 0.25),),
        assumptions=("race is independent of zone",),
        notes=(),
    )
    return ask.Asked(answer, compared, 1.0, 0.01)


def test_values_that_only_the_sample_has_are_shown_too():
    sample = Counted("sample", 4, 4.0, {("preta",): Share(1.0, 0.5, 1.0)})
    heads, rows = ask.columns(make_asked({("parda",): 1.0}, sample))
    assert heads == ["race", "model", "sample (95 %)"]
    assert rows == [["parda", "1.0000", "-"], ["preta", "0.0000", "1.0000 (0.5000 to 1.0000)"]]


def test_long_answers_are_sorted_and_short_ones_keep_their_order():
    short = ask.columns(make_asked({("branca",): 0.1, ("preta",): 0.9}))[1]
    assert [row[0] for row in short] == ["branca", "preta"]
    many = {(f"{i:04d}",): (i + 1) / 820 for i in range(40)}
    assert ask.columns(make_asked(many))[1][0][0] == "0039"


def test_an_answer_tells_which_part_of_its_variable_rests_on_weaker_sources(spark, tmp_path):
    rows = [
        ("race", "uf", "A", "10061", 10, "none", None, None),
        ("race (both)", "", "C", "sample", 0, "it hangs on sex alone", None, None),
        ("zone (rural)", "", "C", "another", 0, "it hangs on age alone", None, None),
    ]
    frame = spark.createDataFrame(rows, tables.EVIDENCE.schema)
    _storage.replace_all(frame, tmp_path, tables.EVIDENCE, metadata={})
    answer = ask.with_splits(spark, tmp_path, make_asked({("parda",): 1.0}).answer)
    assert answer.grade == "C"
    assert answer.notes == ("race (both): grade C, sample: it hangs on sex alone",)


def test_remarks_and_json_carry_grade_support_and_assumptions():
    found = make_asked(
        {("parda",): 1.0},
        comparison.of_census(pd.DataFrame({"race": ["parda"], "persons": [7.0]}), ["race"], source="census"),
    )
    said = "\n".join(ask.remarks(found))
    assert "grade A" in said and "120 effective persons" in said and "25% of the law from Brazil" in said
    assert "assumes: race is independent of zone" in said and "census: 7 persons" in said
    document = json.loads(json.dumps(ask.document(found)))
    assert document["rows"] == [{"values": ["parda"], "probability": 1.0}]
    assert document["support"][0]["prior_share"] == 0.25
    assert document["compared"][0]["rows"][0]["value"] == 1.0
