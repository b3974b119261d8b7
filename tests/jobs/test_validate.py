"""What `validate` says of a record, from its answers alone."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pytest

from census import codes, tables
from conf import settings
from jobs import _text_inputs, validate
from udfs import offline_writer
from udfs.hints import Fact, Hints, with_hints

HINTS = Hints({"AC": {"dish": [Fact("Tacacá")], "feast": [Fact("Expoacre")]}})
REQUESTS = _text_inputs.requests_of(settings.load(options={"llm.model": "a-model"}))
BOUNDS = _text_inputs.bounds_of(settings.load())


def make_person() -> dict[str, Any]:
    return {
        "uuid": "0" * 32,
        "uf": "AC",
        "sex": "F",
        "age_years": 40,
        "zone": "urbana",
        "race": "parda",
        "education_level": codes.EDUCATION_LEVELS[2],
        "marital_status": "Casado",
        "in_union": True,
        "religion": "católica",
        "activity": "cuida do lar",
        **dict.fromkeys(("occupation_group", "occupation_title", "position", "is_mei", "income_brl")),
        "former_occupation_title": None,
        "first_name": "Ana",
        "middle_name": "",
        "last_name": "Silva",
        **dict.fromkeys(codes.TRAITS, 50.0),
        "municipality_name": "Rio Branco",
        "state_name": "Acre",
        "region_name": "Norte",
    }


def answers_of(person: dict[str, Any], writers: tuple[str, str]) -> list[dict[str, Any]]:
    """Good answers to both calls, as stored: given by these models."""
    told = with_hints(person, HINTS)
    stored: list[dict[str, Any]] = []
    answer = None
    for call, writer in enumerate(writers, 1):
        key, body = REQUESTS.render(told, call, 1, answer, ())
        answer = offline_writer.write(json.loads(body)["messages"])
        content = json.dumps(answer, ensure_ascii=False)
        stored.append({"request_key": key, "content": content, "finish_reason": "stop", "writer": writer})
    return stored


def verdict(person: dict[str, Any], answers: list[dict[str, Any]]) -> dict[str, Any]:
    batch = pa.RecordBatch.from_pylist([person | {"answers": answers, "rejections": []}])
    (found,) = validate._checker(REQUESTS, BOUNDS, HINTS)(iter([batch]))
    (row,) = found.to_pylist()
    return row


@pytest.mark.parametrize(
    ("writers", "label"),
    [
        (("a-model", "a-model"), "a-model"),
        (("a-model-2026-01", "a-model-2026-02"), "a-model-2026-01 + a-model-2026-02"),
    ],
)
def test_each_text_is_labelled_with_the_model_that_wrote_it(writers, label):
    person = make_person()
    answers = answers_of(person, writers)
    row = verdict(person, answers)
    assert row["is_accepted"] and row["rejections"] == []
    assert (row["attributes_writer"], row["personas_writer"]) == writers
    assert (row["attributes_key"], row["personas_key"]) == tuple(answer["request_key"] for answer in answers)
    assert (row["writer"], row["model"], row["prompt_version"]) == (label, "a-model", REQUESTS.prompts.version)


def test_the_label_of_each_text_is_published():
    labels = {"attributes_writer", "personas_writer", "attributes_key", "personas_key", "model", "prompt_version"}
    assert labels <= set(tables.TEXT.column_names)
    assert labels <= set(tables.PERSONA_EXTENDED.column_names)


def test_an_answer_to_another_request_does_not_belong_to_the_record():
    person = make_person()
    elder = person | {"age_years": 41}
    assert verdict(elder, answers_of(person, ("a-model", "a-model")))["missing_call"] == 1


def test_a_record_with_the_first_answer_only_lacks_the_second():
    person = make_person()
    row = verdict(person, answers_of(person, ("a-model", "a-model"))[:1])
    assert (row["is_accepted"], row["missing_call"]) == (False, 2)
    assert row["persona"] is None


def test_reasons_are_those_of_the_records_that_lack_texts(spark):
    rows = [
        ("a", True, [{"reason_code": "too_short"}] * 9),  # accepted at a later attempt
        ("b", False, [{"reason_code": "not_json"}, {"reason_code": "too_long"}]),
        ("c", False, [{"reason_code": "not_json"}]),
        ("d", False, []),
    ]
    verdicts = spark.createDataFrame(
        rows, "uuid string, is_accepted boolean, rejections array<struct<reason_code:string>>"
    )
    found = validate.commonest_reasons(verdicts.where("NOT is_accepted"))
    assert [tuple(row) for row in found] == [("not_json", 2), ("too_long", 1)]


def test_verdicts_become_rows_of_texts_and_rejections(spark):
    person = make_person()
    good = person | {"answers": answers_of(person, ("a-model", "a-model")), "rejections": None}
    bad = person | {"uuid": "1" * 32, "age_years": 41}
    key, _ = REQUESTS.render(with_hints(bad, HINTS), 1, 1, None, ())
    empty = {"request_key": key, "content": "{}", "finish_reason": "stop", "writer": "a-model"}
    records = pa.Table.from_pylist([good, bad | {"answers": [empty], "rejections": None}])
    built = validate.build(spark.createDataFrame(records), REQUESTS, BOUNDS, HINTS)
    (text,) = tables.TEXT.conform(built.texts).collect()
    assert (text["uuid"], text["mentions_name"], text["mentions_occupation"]) == (person["uuid"], True, None)
    assert len(text["skills_and_expertise_list"]) > 1
    rejected = tables.REJECTION.conform(built.rejections).collect()
    assert {(row["uuid"], row["call"], row["attempt"], row["request_key"]) for row in rejected} == {
        (bad["uuid"], 1, 1, key)
    }
