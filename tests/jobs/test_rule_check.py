"""Structural zeros in drawn persons: counted in one pass, and a run stops at the first of them."""

from __future__ import annotations

import json
import re

import pyarrow as pa
import pytest
from deltalake import write_deltalake
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import to_arrow_schema
from typer.testing import CliRunner

from census import codes, tables
from census.errors import QualityGateError
from conf import settings
from jobs import _cli, _rule_check, _storage

# What the title of everybody here asks for.
ASKED = {
    "min_education_level": ("Sem instrução e fundamental incompleto", "string"),
    "min_age_years": (24, "int"),
    "max_age_years": (None, "int"),
    "positions": ("conta própria;empregador;militar ou estatutário", "string"),
    "only_sex": (None, "string"),
    "mei_cod": ("2211", "string"),
    "former_level": (1, "int"),
}


def make_person(number: int, uf: str = "AC", **given: object) -> dict[str, object]:
    """A grown woman who works as a physician, as every rule allows."""
    person: dict[str, object] = {
        "person_id": codes.STATE_OF[uf].code * 10**10 + number,
        "uuid": f"{number:032x}",
        "uf": uf,
        "municipality_code": "1200401",
        "sex": "F",
        "age_years": 40,
        "zone": "urbana",
        "race": "parda",
        "education_level": "Superior completo",
        "marital_status": "Casado",
        "in_union": True,
        "religion": "católica",
        "activity": "ocupado",
        "occupation_group": codes.OCCUPATION_GROUPS[1],
        "occupation_cod": "2211",
        "occupation_cbo": "225125",
        "occupation_title": "Médica",
        "position": "conta própria",
        "is_mei": False,
        "income_brl": 9000.0,
        "former_occupation_title": None,
        "first_name": "Ana",
        "middle_name": "",
        "last_name": "Souza",
        **dict.fromkeys(codes.TRAITS, 50.0),
        "model_version": "0" * 12,
        "seed": 1,
    }
    return person | given


def found(spark, *people: dict[str, object]) -> _rule_check.Found:
    rows = [tuple(person[name] for name in tables.ATTRIBUTE.column_names) for person in people]
    has_title = F.col("occupation_cbo").isNotNull()
    asked = [F.when(has_title, F.lit(value)).cast(type_).alias(name) for name, (value, type_) in ASKED.items()]
    frame = spark.createDataFrame(rows, tables.ATTRIBUTE.schema).select("*", *asked)
    return _rule_check.count(frame, _rule_check.packaged())


def make_child(number: int, **given: object) -> dict[str, object]:
    """A child of 4, of whom nothing is asked."""
    unasked = ("religion", "activity", "occupation_group", "occupation_cod", "occupation_cbo", "occupation_title")
    child = dict.fromkeys((*unasked, "education_level", "position", "is_mei", "income_brl", *codes.TRAITS))
    return make_person(number, age_years=4, marital_status="Solteiro", in_union=False, **child | given)


def test_persons_within_the_rules_pass_and_every_rule_gets_its_row(spark):
    result = found(spark, make_person(1), make_child(2), make_person(3, "SE"))
    _rule_check.require(result)
    rows = _rule_check.metrics(spark, result).collect()
    named = {(row["uf"], row["name"]): row for row in rows}
    assert len(rows) == len(named) == len(_rule_check.packaged()) + len(_rule_check.TITLE_RULES) + 3
    assert {row["family"] for row in rows} == {"set"}
    assert all(row["passed"] and row["value"] == row["bound"] == 0 for row in rows)
    assert [named[uf, _rule_check.TOTAL]["n"] for uf in ("BR", "AC", "SE")] == [3, 2, 1]


def test_a_broken_rule_stops_with_its_name_how_many_break_it_and_one_of_them(spark):
    result = found(
        spark,
        make_person(7, education_level=codes.EDUCATION_LEVELS[0]),
        make_person(5, education_level=codes.EDUCATION_LEVELS[2]),
        make_person(9, "SE", is_mei=True, income_brl=3000.0),
    )
    with pytest.raises(QualityGateError) as caught:
        _rule_check.require(result)
    message = str(caught.value)
    assert message.startswith("3 violations of structural zeros among 3 persons: physicians_hold_a_degree (2, ")
    assert f"person_id {12 * 10**10 + 5})" in message
    assert "no_mei_in_health_professions (1, " in message
    broken = {row["name"]: row for row in _rule_check.metrics(spark, result).collect() if not row["passed"]}
    assert broken["rule: physicians_hold_a_degree"]["value"] == 2


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("no_title_outside_its_ages", {"age_years": 23}),
        ("no_title_outside_its_positions", {"position": "privado com carteira"}),
    ],
)
def test_who_may_not_have_the_title_breaks_a_rule_of_titles(spark, name, given):
    assert found(spark, make_person(1), make_person(2, **given)).by_rule() == {name: 1}


def test_a_child_has_no_former_title_and_a_mei_a_ceiling(spark):
    people = (make_child(1, former_occupation_title="Faxineira"), make_person(2, is_mei=True, income_brl=6751.0))
    broken = found(spark, *people).by_rule()
    assert broken["no_former_title_of_children"] == 1 and broken["no_mei_over_the_ceiling"] == 1
    assert "no_mei_over_the_ceiling" not in found(spark, make_person(3, is_mei=True, income_brl=6750.0)).by_rule()


def test_a_former_title_asks_for_its_schooling_and_of_two_titles_of_a_name_the_least_counts(spark, tmp_path):
    low, high = codes.EDUCATION_LEVELS[0], codes.EDUCATION_LEVELS[2]
    titles = [("261135", "Repórter", "Repórter", high), ("622010", "Jardineira", "Jardineiro", low)]
    titles.append(("622099", "Jardineira", "Jardineiro", high))
    blank = dict.fromkeys(tables.OCCUPATION.column_names)
    group = {"occupation_cod": "2642", "cod_title": "x", "occupation_group": codes.OCCUPATION_GROUPS[1]}
    rows = [
        blank
        | group
        | {"occupation_cbo": cbo, "title_feminine": woman, "title_masculine": man, "min_education_level": level}
        | {"jobs": 0.0, "weight_factor": 1.0}
        for cbo, woman, man, level in titles
    ]
    config = settings.load(options={"run.data": str(tmp_path)})
    for table, content in ((tables.OCCUPATION, rows), (tables.MEI_TRADE, [])):
        known = pa.Table.from_pylist(content, to_arrow_schema(table.schema))
        write_deltalake(_storage.path(tmp_path, table), known)
    work = (
        "occupation_group",
        "occupation_cod",
        "occupation_cbo",
        "occupation_title",
        "position",
        "is_mei",
        "income_brl",
    )
    retired = {"activity": "aposentado", "age_years": 70, **dict.fromkeys(work)}
    people = [
        make_person(1, education_level=low, former_occupation_title="Repórter", **retired),
        make_person(2, education_level=high, former_occupation_title="Repórter", **retired),
        make_person(3, education_level=low, former_occupation_title="Jardineira", **retired),
    ]
    drawn = [tuple(person[name] for name in tables.ATTRIBUTE.column_names) for person in people]
    frame = spark.createDataFrame(drawn, tables.ATTRIBUTE.schema)
    assert _rule_check.check(spark, config, frame).by_rule() == {"no_former_title_below_its_schooling": 1}


def test_the_command_lists_every_rule_with_its_reason():
    shown = CliRunner().invoke(_cli.app, ["rules"])
    assert shown.exit_code == 0
    every = [rule.name for rule in (*_rule_check.packaged(), *_rule_check.TITLE_RULES)]
    assert f"{len(every)} structural zeros" in shown.stdout
    flat = re.sub(r"\s+", " ", shown.stdout)
    assert "physicians_hold_a_degree" in flat and "Lei 12.842/2013" in flat
    rows = json.loads(CliRunner().invoke(_cli.app, ["rules", "--json"]).stdout)
    assert [row["name"] for row in rows] == every
    assert all(row[key] for row in rows for key in ("who", "what", "why", "source", "sql", "by"))
