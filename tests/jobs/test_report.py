"""Measured figures, the quality gate and the report page, on a small made-up state of the world."""

from __future__ import annotations

import json
import math
import re
import shutil
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from deltalake import write_deltalake
from pyspark.sql import SparkSession
from pyspark.sql.pandas.types import to_arrow_schema

from census import codes, model, tables
from census.errors import QualityGateError, SchemaError
from conf import settings
from conf.settings import STAGES, Config
from jobs import _check_metrics, _evidence, _metrics, _pipeline, _rule_check, _states, _storage, report
from jobs._metrics import Fit
from jobs._page import words
from udfs.checks import planted
from udfs.checks.reasons import ReasonCode
from udfs.parsing import Bounds

PLACES = {"AC": ("1200401", "Rio Branco"), "SE": ("2800308", "Aracaju")}
RACES, LEVELS = ("branca", "parda"), codes.EDUCATION_LEVELS[2:]
GROUPS = (codes.OCCUPATION_GROUPS[1], codes.OCCUPATION_GROUPS[8])
CODS = ("2341", "9112")  # one of each group
# Laws of the made-up network: nobody's depends on anything, so that the page's figures can be reckoned by hand.
LAWS = {
    "marital_status": {"Solteiro": 0.5, "Casado": 0.5},
    "in_union": {"não": 1.0},
    "religion": {"católica": 0.5, "espírita": 0.5},
    "activity": {"ocupado": 0.5, "aposentado": 0.5},
    "occupation_group": dict.fromkeys(GROUPS, 0.5),
    "occupation_cod": dict.fromkeys(CODS, 0.5),
    "position": {"conta própria": 1.0},
    "is_mei": {"não": 1.0},
    "income_band": {"954 to 1200": 1.0},
}


# What a figure has that no bound judges.
NOT_JUDGED = dict.fromkeys(("uf", "floor", "ratio", "bound", "passed", "grade", "source"))


def write(data: Path, table: tables.Table, rows: Sequence[Mapping[str, object]]) -> None:
    """A Delta table of a few rows, without Spark: a hundred times faster, and these are read only."""
    schema = to_arrow_schema(table.schema)
    ordered = [{name: row.get(name) for name in table.column_names} for row in rows]
    write_deltalake(_storage.path(data, table), pa.Table.from_pylist(ordered, schema), mode="overwrite")


def make_person(number: int, uf: str, **given: object) -> dict[str, object]:
    """A person that the tables allow; eight in a row take every pair of sex, age, race and schooling in turn."""
    works = number % 2 == 0
    person: dict[str, object] = {
        "person_id": codes.STATE_OF[uf].code * 10**10 + number,
        "uuid": f"{codes.STATE_OF[uf].code}{number:030d}",
        "uf": uf,
        "municipality_code": PLACES[uf][0],
        "sex": codes.SEXES[number % 2],
        "age_years": (30, 65)[number // 2 % 2],
        "zone": "urbana",
        "race": RACES[number // 4 % 2],
        "education_level": LEVELS[number // 2 % 2],
        "marital_status": ("Solteiro", "Casado")[number % 2],
        "in_union": False,
        "religion": ("católica", "espírita")[number // 4 % 2],
        "activity": "ocupado" if works else "aposentado",
        "occupation_group": GROUPS[number // 2 % 2] if works else None,
        "occupation_cod": CODS[number // 2 % 2] if works else None,
        "occupation_title": f"Ofício {number % 3}" if works else None,
        "position": "conta própria" if works else None,
        "is_mei": False if works else None,
        "income_brl": 1000.0 if works else None,
        "first_name": "Ana",
        "middle_name": "",
        "last_name": f"Silva {number}",
        "model_version": "0123456789ab",
        "seed": 1,
    }
    return person | given


def make_text(person: Mapping[str, object], **given: object) -> dict[str, object]:
    text: dict[str, object] = {"uf": person["uf"], "uuid": person["uuid"]}
    text |= {name: f"{name} de {person['first_name']} {person['last_name']}" for name in tables.TEXT_FIELDS}
    text |= {"skills_and_expertise_list": ["ler"], "hobbies_and_interests_list": ["pescar"]}
    text |= {"attributes_key": "a" * 64, "personas_key": "b" * 64, "prompt_version": "2026-1", "warnings": []}
    writers = ("model", "writer", "attributes_writer", "personas_writer")
    text |= dict.fromkeys(writers, "povo-offline-writer")
    text |= {"mentions_name": True, "mentions_municipality": True, "mentions_state": True, "mentions_age": True}
    return text | {"mentions_occupation": True if person["occupation_title"] else None} | given


def write_model(data: Path) -> None:
    """The model's tables: the laws above, 100 persons a sex in two age bands of each state, an income of R$ 1,000."""
    nodes, cells = [], []
    for order, (node, law) in enumerate(LAWS.items()):
        values = CODS if node == "occupation_cod" else model.DOMAINS[node]
        known = settings.network()[node]
        row = {"order": order, "node": node, "number": known.number, "parents": [], "values": list(values)}
        nodes.append(row | {"grade": known.grade, "source": known.source})
        chances = [law.get(value, 0.0) for value in values]
        cells.append({"node": node, "uf": "BR", "cell_index": 0, "cell": "", "probabilities": chances})
    write(data, tables.NODE, nodes)
    write(data, tables.CPD, cells)
    # Half of them branca, half parda; half have a degree and live in town, of the others half do.
    lives = np.zeros((len(codes.RACES), len(codes.EDUCATION_LEVELS), len(codes.ZONES)))
    for race in RACES:
        lives[codes.RACES.index(race), 2:] = [[12.5, 12.5], [25.0, 0.0]]
    write(
        data,
        tables.BLOCK,
        [
            {"uf": uf, "municipality_code": code, "sex": sex, "age_band": band}
            | {"persons": list(lives.ravel() * (band in ("30-34", "65-69")))}
            for (uf, (code, _)), sex, band in product(PLACES.items(), codes.SEXES, codes.AGE_BANDS)
        ],
    )
    points = [{"income_band": "954 to 1200", "point": point, "income_brl": 1000.0} for point in range(21)]
    write(data, tables.INCOME_POINT, points)
    years = product(codes.OCCUPATION_GROUPS, (2018, 2022))
    trend = [{"occupation_group": g, "year": year, "persons": 1.0, "mean_income_brl": 1500.0} for g, year in years]
    write(data, tables.GROUP_TREND, trend)
    effect = {"family": "occupation_group", "level": "uf", "design_effect": 1.75, "cells": 9}
    write(data, tables.DESIGN_EFFECT, [effect])


def config_of(data: Path, **options: object) -> Config:
    return settings.load(options={"run.data": str(data), "report.cards": 4} | options)


@pytest.fixture(scope="module")
def sampled(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder after `sample`: Acre as the census has it; in Sergipe everyone is parda."""
    data = tmp_path_factory.mktemp("report") / "data"
    _storage.prepare(data)
    people = [make_person(n, "AC") for n in range(40)] + [make_person(n, "SE", race="parda") for n in range(120)]
    title = {"occupation_cbo": "225125", "occupation_cod": "2250", "cod_title": "Veterinários", "jobs": 0.0}
    title |= {"title_feminine": "Médica", "title_masculine": "Médico", "weight_factor": 1.0}
    title |= {"occupation_group": codes.OCCUPATION_GROUPS[1], "min_education_level": codes.EDUCATION_LEVELS[0]}
    write(data, tables.OCCUPATION, [title])
    trade = {"cnae_subclass": "9602501", "register_title": "Barbeiro", "occupation_cod": "5141", "percent": 1.0}
    trade |= {"title_feminine": "Barbeira", "title_masculine": "Barbeiro", "trade_group": codes.MEI_TRADE_GROUPS[0]}
    write(data, tables.MEI_TRADE, [trade])
    people[0] |= {"last_name": "<script>alert('x')</script>", "former_occupation_title": "R&B"}
    write(data, tables.ATTRIBUTE, people)
    cells = list(product(PLACES, codes.SEXES, (30, 65)))
    numbered = [
        {"uf": uf, "order": i, "municipality_code": PLACES[uf][0], "sex": sex, "age_years": age, "persons": 100}
        for i, (uf, sex, age) in enumerate(cells)
    ]
    child = {"uf": "AC", "order": 99, "municipality_code": "1200401", "sex": "F", "age_years": 7, "persons": 900}
    write(data, tables.ALLOCATION, [*numbered, child])
    joint = [
        {"uf": uf, "sex": sex, "race": race, "age_group": "30-34", "education_level": level, "persons": 50.0}
        for uf, sex, race, level in product(PLACES, codes.SEXES, RACES, LEVELS)
    ]
    write(data, tables.EDUCATION_JOINT, [row | {"source": "census2022_education_uf"} for row in joint])
    write_model(data)
    surveyed = {"men": 60.0, "women": 40.0, "persons": 100.0, "rows": 50, "weight_squared": 1000.0}
    subgroups = [{"uf": uf, "occupation_cod3": cod[:3]} | surveyed for uf, cod in product(PLACES, CODS)]
    write(data, tables.OCCUPATION_2026, subgroups)
    write(
        data,
        tables.RELIGION,
        [
            {"area": uf, "category": category, "value": 50.0, "source": "religion_uf"}
            for uf, category in product(PLACES, ("católica", "resto"))
        ],
    )
    places = [
        {"uf": uf, "municipality_code": code, "municipality_name": name, "state_name": codes.STATE_OF[uf].name}
        | {"region": codes.STATE_OF[uf].region, "population_persons": 100, "is_capital": True}
        | {"households_urban": 75, "households_rural": 25}
        for uf, (code, name) in PLACES.items()
    ]
    write(data, tables.PLACE, places)
    evidence = {"node": "religion", "parents": "uf, sex", "grade": "C", "source": "religion_uf raked", "cells": 4}
    sentence = "religion is independent of municipality, age_band given uf, sex"
    tested = {"residual_bits": [("age_band", 0.0123)], "noise_bits": [("age_band", 0.0009)]}
    write(data, tables.EVIDENCE, [evidence | {"assumption": sentence} | tested])
    scored = {"family": "position", "kind": "estimator", "rows": 100, "note": ""}
    write(
        data,
        tables.HELD_OUT,
        [
            scored | {"name": "ours", "nats": -0.625, "value": 0.0, "error": 0.0, "rank": 1},
            scored | {"name": "MLE", "nats": -1.825, "value": 1.2, "error": 0.1, "rank": 2},
        ],
    )
    judged = {
        "source": "census2022_income",
        "area": "AC",
        "figure": "mean income, all",
        "unit": "BRL",
        "note": "all jobs",
    }
    write(data, tables.JUDGEMENT, [judged | {"model": 2000.0, "published": 2100.0}])
    return data


@pytest.fixture(scope="module")
def written(spark: SparkSession, sampled: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same folder after `validate`, with two personas that differ in case and spacing only."""
    data = tmp_path_factory.mktemp("written") / "data"
    shutil.copytree(sampled, data)
    people = [row.asDict() for row in _storage.read(spark, data, tables.ATTRIBUTE).orderBy("person_id").collect()]
    texts = [make_text(person) for person in people]
    texts[0]["sports_persona"] = "Joga <b>bola</b> & corre."
    texts[1]["persona"], texts[2]["persona"] = "Vive em  Rio Branco.", "vive em rio branco. "
    texts[3]["mentions_state"] = texts[4]["mentions_occupation"] = False
    write(data, tables.TEXT, texts)
    rejected = {"uf": "AC", "uuid": texts[0]["uuid"], "call": 1, "attempt": 1, "request_key": "c" * 64}
    write(data, tables.REJECTION, [rejected | {"reason_code": "too_short", "detail": "persona: 3"}])
    answer = rejected | {"model": "m", "writer": "m", "prompt_version": "1", "latency_ms": 1.0, "tries": 1}
    answer |= {"endpoint": "e", "answered_at": datetime(2026, 1, 1, tzinfo=timezone.utc), "run_id": "r"}
    write(data, tables.RESPONSE, [answer, answer | {"request_key": "d" * 64, "attempt": 2}])
    rounds = [make_run("write_text", minute) for minute in (2, 3)]
    write(data, tables.RUN, [make_run("sample", 1), *rounds, make_run("validate", 4)])
    return data


def make_run(job: str, minute: int, **given: object) -> dict[str, object]:
    row: dict[str, object] = {"run_id": "run-1", "job": job, "status": "done", "version": "0.1.0", "settings": "{}"}
    row |= {"fingerprints": {"AC": "x", "SE": "x"}, "seed": 1, "records": {}, "ufs": ["AC", "SE"], "input_versions": {}}
    row |= {"started_at": datetime(2026, 1, 1, 0, minute, tzinfo=timezone.utc), "seconds": 5.0, "rows_out": 160}
    return row | {"prompt_tokens": 10 if job == "write_text" else None} | given


def measured(spark: SparkSession, data: Path) -> dict[tuple[str, str], dict[str, object]]:
    rows = _metrics.measure(spark, config_of(data), ["AC", "SE"], "run-9").collect()
    assert len({(row["uf"], row["family"], row["name"]) for row in rows}) == len(rows)
    return {(row["uf"], row["name"]): row.asDict() for row in rows}


@pytest.fixture(scope="module")
def figures(spark: SparkSession, written: Path) -> dict[tuple[str, str], dict[str, object]]:
    return measured(spark, written)


def test_a_sample_like_the_census_has_distance_zero_and_a_biased_one_fails_its_bound(figures):
    assert figures["AC", "uf x race"]["value"] == pytest.approx(0.0)
    assert figures["AC", "uf x race"]["passed"] is True
    biased = figures["SE", "uf x race"]
    assert biased["value"] == pytest.approx(0.5)
    assert biased["ratio"] == pytest.approx(0.5 / biased["floor"])
    assert (biased["passed"], biased["n"], biased["grade"], biased["bound"]) == (False, 120, "A", 2.5)


def test_brazil_weighs_the_states_by_their_persons(figures):
    whole = figures["BR", "uf x race"]
    assert whole["n"] == 160
    assert whole["value"] == pytest.approx(0.5 * 120 / 160)


def test_every_table_has_a_row_for_each_state_and_brazil(figures):
    tables_ = ("sex", "age_band", "race", "education_level", "municipality", "zone", "marital_status", "religion")
    tables_ += ("in_union", "activity", "occupation_group", "occupation_cod", "position", "is_mei", "income_class")
    tables_ += ("sex x race", "race x education_level", "sex x age_band", "zone x activity", "sex x race x position")
    for name, uf in product(tables_, ("AC", "SE", "BR")):
        row = figures[uf, f"uf x {name}"]
        assert row["family"] == ("marginal", "pair", "triple")[name.count(" x ")]
        assert row["source"] and row["grade"] and row["run_id"] == "run-9"
        assert math.isfinite(row["value"]) and row["floor"] >= 0


def test_children_outside_the_sampled_ages_are_not_in_the_target(figures):
    assert figures["AC", "uf x age_band"]["value"] == pytest.approx(0.0)


def test_the_model_s_own_expectation_is_multiplied_through_the_network(figures):
    # Half of everyone has a degree and lives in town, half of the others do: 75 % expected, everyone drawn.
    assert figures["AC", "uf x zone"]["value"] == pytest.approx(0.25)
    assert figures["AC", "uf x zone"]["source"].startswith("model (expected)")
    assert figures["AC", "uf x zone v. households"]["value"] == pytest.approx(0.25)


def test_incomes_are_compared_in_classes_of_minimum_wages(figures):
    assert figures["AC", "uf x income_class"]["value"] == pytest.approx(0.0)
    assert figures["AC", "uf x income_class"]["n"] == 20


def test_variables_that_hang_together_in_the_sample_alone_are_seen_in_pairs(figures):
    # Each alone is as expected, but here every woman works and no man does.
    assert figures["AC", "uf x activity"]["value"] == pytest.approx(0.0)
    assert figures["AC", "uf x sex x activity"]["value"] == pytest.approx(0.5)


def test_occupations_are_counted_among_who_works(figures):
    assert figures["AC", "uf x occupation_group"]["n"] == 20
    assert figures["AC", "share of records that name the occupation"]["n"] == 20
    assert figures["AC", "share of records that name the occupation"]["value"] == pytest.approx(19 / 20)


def test_a_survey_target_has_a_higher_floor_than_a_model_of_the_same_shares(figures):
    expected, survey = figures["AC", "uf x occupation_group"], figures["AC", "uf x occupation_group v. survey of 2026"]
    # W = 200, W2 = 2000: 20 persons over the design effect of 1.75.
    assert survey["floor"] == pytest.approx(expected["floor"] * math.sqrt(1 + 20 / (20 / 1.75)))


def test_workers_of_a_subgroup_that_the_survey_does_not_print_have_no_target():
    workers = pd.DataFrame(
        {
            "uf": ["AC", "AC", "AC", "SE"],
            "occupation_cod": ["2221", "2250", "5111", "2221"],
            "have": [3.0, 4.0, 5.0, 6.0],
        }
    )
    groups = [codes.OCCUPATION_GROUPS[1], codes.OCCUPATION_GROUPS[4]]
    survey = pd.DataFrame({"uf": "AC", "occupation_cod3": ["222", "511"], "occupation_group": groups})
    found = _metrics._of_subgroups(workers, survey)
    assert found.values.tolist() == [["AC", groups[0], 3], ["AC", groups[1], 5]]


def test_shares_of_mentions_are_of_the_state_s_records(figures):
    assert figures["AC", "share of records that name the state"]["value"] == pytest.approx(39 / 40)
    assert figures["BR", "share of records that name the state"]["value"] == pytest.approx(159 / 160)
    assert figures["BR", "share of records that name the person"]["passed"] is True


def test_texts_that_differ_in_case_and_spacing_are_one_text(figures):
    assert figures["AC", "share of distinct persona texts"]["value"] == pytest.approx(39 / 40)
    assert figures["AC", "share of distinct persona texts"]["passed"] is False
    assert figures["BR", "occupation titles in use"]["value"] == 3.0
    # Without the name, "persona de Ana Silva 7" is the same sentence for everyone.
    assert figures["SE", "share of distinct persona texts without the person's name"]["value"] == pytest.approx(1 / 120)


def test_rounds_of_asking_are_summed_in_a_stage_s_seconds_and_tokens(figures):
    assert figures["BR", "seconds of write_text"]["value"] == 10.0
    assert figures["BR", "prompt tokens of write_text"]["value"] == 20.0
    assert figures["BR", "seconds of sample"]["value"] == 5.0


@pytest.fixture(scope="module")
def of_sergipe(spark: SparkSession, sampled: Path) -> Path:
    """The report folder of Sergipe alone, before there are texts, with as many cards as the settings ask for."""
    report.run(spark, config_of(sampled, **{"report.cards": settings.load().report.cards}), ["SE"])
    return sampled / "report"


def test_the_page_of_a_sample_without_texts_says_so(of_sergipe):
    page = (of_sergipe / "index.html").read_text(encoding="utf-8")
    assert "Ainda não há textos aceitos" in page
    assert "Ainda não há respostas a conferir" in page
    assert "Nenhum modelo de linguagem escreveu" not in page
    rows = json.loads((of_sergipe / "metrics.json").read_text(encoding="utf-8"))
    assert all(list(row) == tables.METRIC.column_names for row in rows)
    assert {row["family"] for row in rows} == {"marginal", "pair", "triple", "set", "fairness", "held_out"}


def test_a_report_of_one_state_holds_nothing_of_the_other(of_sergipe):
    shown = (of_sergipe / "index.html").read_text(encoding="utf-8")
    assert "Aracaju" in shown and "Rio Branco" not in shown
    assert shown.count('class="on"') == 1
    rows = json.loads((of_sergipe / "metrics.json").read_text(encoding="utf-8"))
    assert {row["uf"] for row in rows} == {"SE", "BR"}
    assert {row["n"] for row in rows if row["name"] == "uf x race"} == {120}


def test_a_page_has_twelve_cards_unless_told_otherwise(of_sergipe):
    assert (of_sergipe / "index.html").read_text(encoding="utf-8").count("<article") == 12


@pytest.fixture(scope="module")
def page(spark: SparkSession, written: Path, figures: dict[tuple[str, str], dict[str, object]]) -> str:
    """The page with everyone's card, after `validate` stored its figures."""
    write(written, tables.METRIC, list(figures.values()))
    report.run(spark, config_of(written, **{"report.cards": 160}))
    return (written / "report" / "index.html").read_text(encoding="utf-8")


def test_the_page_says_that_no_language_model_wrote_the_texts(page):
    assert "Nenhum modelo de linguagem escreveu estes textos" in page


def test_the_page_escapes_whatever_stands_in_the_tables(page):
    assert "&lt;script&gt;alert(" in page and "<script>alert" not in page
    assert "Joga &lt;b&gt;bola&lt;/b&gt; &amp; corre." in page
    assert page.count("<article") == 80 + 40  # as many of each state, and Acre has 40


def test_the_page_loads_nothing_and_names_no_address(page):
    assert "http" not in page.replace("http-equiv", "")
    assert "src=" not in page.replace("default-src", "") and "@import" not in page and "url(" not in page


def test_the_page_shows_what_the_survey_says_against_each_assumption(page):
    assert "idade 0,0123 (0,0009)" in page


def test_the_page_shows_rivals_of_the_model_and_figures_that_no_fit_read(page):
    assert re.search(r"posição na ocupação</td><td class=\"n\">-0,6250</td>.*1,2000", page)
    assert re.search(r"AC: mean income, all</td><td class=\"n\">2\.000,0</td><td class=\"n\">2\.100,0</td>", page)


def test_the_page_shows_duplicates_openings_and_the_words_of_each_group(page):
    shown = page[page.index("O conjunto dos textos") :]
    # "persona de # #" of everyone, but for two texts that are the same as each other.
    assert re.search(r'Persona</td><td class="n">100,00\xa0%</td><td class="n">100,00\xa0%</td>', shown)
    assert re.search(r"mulheres<small>sexo</small></td><td class=\"n\">80</td>", shown)
    assert "A palavra mais presa a uma cor ou raça" in shown


def test_residuals_stand_beside_the_assumption_of_their_node():
    scores = pd.DataFrame(
        [
            {"family": "religion", "kind": "residual", "name": "age_band", "value": 0.2, "error": 0.1},
            {"family": "religion", "kind": "parent", "name": "sex", "value": 0.3, "error": 0.1},
        ]
    )
    rows = _evidence.with_residuals([{"node": "religion"}, {"node": "zone"}], scores)
    assert rows[0] == {"node": "religion", "residual_bits": {"age_band": 0.2}, "noise_bits": {"age_band": 0.1}}
    assert rows[1] == {"node": "zone", "residual_bits": None, "noise_bits": None}


def test_the_page_shows_what_was_rejected_and_what_is_weak(page):
    assert "texto curto demais" in page and "De 2 respostas guardadas" in page
    assert "Dados o estado e o sexo, a religião não depende do município nem da idade." in page
    assert "SIDRA 137 and 9537" in page
    assert page.count('class="on"') == 2


def test_cards_are_spread_over_the_states(spark, written):
    chosen = report._chosen(spark, config_of(written), ["AC", "SE"])
    assert sorted(str(person["uf"]) for person in chosen) == ["AC", "AC", "SE", "SE"]
    assert chosen == report._chosen(spark, config_of(written), ["AC", "SE"])


def test_figures_that_validate_stored_are_shown_until_the_persons_change(spark, written, page):
    rows = json.loads((written / "report" / "metrics.json").read_text(encoding="utf-8"))
    assert {row["run_id"] for row in rows} == {"run-9"}
    states = {"AC": {"persons": 40}, "SE": {"persons": 120}}
    runs = [make_run("sample", 1), make_run("validate", 4)]
    assert len(report._stored(spark, config_of(written), states, runs)) == len(rows)
    assert report._stored(spark, config_of(written), states, [*runs, make_run("sample", 5)]) == []
    # Brazil's figures are of both states.
    assert report._stored(spark, config_of(written), {"AC": {"persons": 40}}, runs) == []


@pytest.mark.parametrize(
    ("runs", "counts", "are_theirs"),
    [
        ({"AC": "new", "SE": "new", "BR": "new"}, {"AC": 5, "SE": 5, "BR": 10}, True),
        ({"AC": "new", "SE": "new", "BR": "new", "RO": "old"}, {"AC": 5, "SE": 5, "BR": 10, "RO": 7}, True),
        # Brazil measured with Acre alone, with Rondônia beside them, or with as many persons of another state.
        ({"AC": "new", "SE": "old", "BR": "new"}, {"AC": 5, "SE": 5, "BR": 5}, False),
        ({"AC": "new", "SE": "new", "BR": "new", "RO": "new"}, {"AC": 5, "SE": 5, "BR": 17, "RO": 7}, False),
        ({"AC": "new", "SE": "old", "BR": "new", "RO": "new"}, {"AC": 5, "SE": 5, "BR": 10, "RO": 5}, False),
        ({"AC": "new", "SE": "new", "BR": "new"}, {"AC": 5, "SE": 4, "BR": 9}, False),
        ({}, {}, False),
    ],
)
def test_figures_are_of_these_states_only_if_they_were_measured_together(spark, runs, counts, are_theirs):
    rows = [(uf, "uf x sex", run_id, counts[uf]) for uf, run_id in runs.items()]
    stored = spark.createDataFrame(rows, "uf string, name string, run_id string, n bigint")
    assert _metrics.are_of(stored, {"AC": 5, "SE": 5}) is are_theirs


def test_a_report_of_a_state_without_persons_is_refused(spark, written):
    with pytest.raises(SchemaError, match="holds no persons of RO: `povo run` makes them"):
        report.run(spark, config_of(written), ["SE", "RO"])


@pytest.fixture(scope="module")
def gated(
    spark: SparkSession,
    written: Path,
    figures: dict[tuple[str, str], dict[str, object]],
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, str]:
    """Sergipe after the gate refused it; the figures had been measured with Acre's, which is gone."""
    data = tmp_path_factory.mktemp("gated") / "data"
    shutil.copytree(written, data)
    config = config_of(data, **{"run.ufs": "SE"})
    people = _storage.read(spark, data, tables.ATTRIBUTE, ["SE"]).collect()
    write(data, tables.ATTRIBUTE, [row.asDict() for row in people])
    road = _states.fingerprints(config)
    before = enumerate(STAGES[:-1])
    write(data, tables.RUN, [make_run(job, n, fingerprints=road[job], ufs=list(road[job])) for n, job in before])
    write(data, tables.METRIC, [row | {"passed": None} for row in figures.values()])
    with pytest.raises(QualityGateError) as caught:
        _pipeline.run_and_report(spark, config, first="publish", last="publish", done=lambda report: None)
    return data, str(caught.value)


def test_a_figure_outside_its_bound_stops_publishing_with_what_was_judged(gated, figures):
    data, said = gated
    assert not _storage.exists(data, tables.PERSONA) and not (data / "export").exists()
    assert f"BR uf x race: {figures['SE', 'uf x race']['ratio']:.4g} times its floor (bound 2.5)" in said


def test_brazil_is_measured_anew_when_its_figures_were_of_other_states(spark, gated):
    data, _ = gated
    rows = _storage.read(spark, data, tables.METRIC).where("uf = 'BR'").collect()
    assert {row["n"] for row in rows if row["name"] == "uf x race"} == {120}
    assert _rule_check.TOTAL in {row["name"] for row in rows}


def test_what_the_gate_refused_is_in_the_report(gated):
    data, said = gated
    assert (data / "report" / "index.html").exists()
    rows = json.loads((data / "report" / "metrics.json").read_text(encoding="utf-8"))
    failed = {f"{row['uf']} {row['name']}" for row in rows if row["passed"] is False}
    assert {"BR uf x race", "SE uf x race"} <= failed
    assert said.startswith(f"The quality gate refuses {len(failed)} figure(s)")


def test_a_pyramid_is_in_shares_of_everyone_and_widest_at_its_largest_band():
    cells = pd.DataFrame(
        {
            "sex": ["F", "M", "F", "M"],
            "age_band": ["18-19", "18-19", "80+", "80+"],
            "have": [40.0, 30.0, 20.0, 10.0],
            "want": [3.0, 3.0, 3.0, 1.0],
        }
    )
    drawn = report.pyramid(cells)
    assert [row["label"] for row in drawn["rows"]] == ["80 ou mais", "18 a 19"]
    young = drawn["rows"][1]
    assert young["F"] == {"width": 168.0, "have": 0.4, "want": 0.3}
    assert young["M"]["width"] == pytest.approx(168 * 0.75)
    assert drawn["outline"]["F"].startswith("M-126.0 0L-126.0 17")


def test_small_municipalities_are_drawn_as_one_bar():
    names = [f"12{n:05d}" for n in range(14)]
    cells = pd.DataFrame(
        {"uf": "AC", "municipality_code": names, "have": 1.0, "want": [float(20 - n) for n in range(14)]}
    )
    drawn = report.bars(
        Fit("uf x municipality", ("municipality_code",), "", "A", cells),
        "AC",
        {"municipality_code": {names[0]: "Feijó"}},
    )
    assert drawn[0]["label"] == "Feijó"
    assert drawn[-1]["label"] == "mais 4 municípios"
    assert sum(row["have"] for row in drawn) == pytest.approx(1.0)
    assert max(max(row["wide"], row["target"]) for row in drawn) == pytest.approx(100.0)


def test_bars_of_schooling_stand_in_the_order_of_the_code_book():
    cells = pd.DataFrame({"uf": "AC", "education_level": codes.EDUCATION_LEVELS[::-1], "have": 1.0, "want": 1.0})
    drawn = report.bars(Fit("uf x education_level", ("education_level",), "", "A", cells), "AC", {})
    assert [row["label"][:10] for row in drawn] == [level[:1].lower() + level[1:10] for level in codes.EDUCATION_LEVELS]


def test_the_misfits_are_the_figures_missed_most_in_points_whatever_the_direction():
    def judged(figure: str, model: float | None, published: float, unit: str = "%") -> dict[str, object]:
        return {"figure": figure, "model": model, "published": published, "unit": unit}

    rows = [judged("a", 10.0, 12.0), judged("b", 50.0, 45.0), judged("c", None, 99.0), judged("d", 900.0, 1.0, "BRL")]
    assert [(row["figure"], row["error"]) for row in report.misfits(rows)] == [("b", 5.0), ("a", -2.0)]
    assert [row["figure"] for row in report.misfits(rows, most=1)] == ["b"]


def test_a_stage_left_open_has_no_time():
    found = report.stages([make_run("sample", 1), make_run("validate", 2, status="running", seconds=None)])
    assert [(row["job"], row["status"], row["seconds"]) for row in found] == [
        ("sample", "done", 5.0),
        ("validate", "running", None),
    ]


def test_every_state_has_a_tile_of_its_own():
    assert set(words.TILES) == set(codes.UFS)
    assert len(set(words.TILES.values())) == 27


@pytest.mark.parametrize(
    ("said", "read"),
    [
        (words.number(1234.5, 2), "1.234,50"),
        (words.number(None), "–"),
        (words.percent(0.825), "82,5\u00a0%"),
        (words.duration(119.8), "119,8\u00a0s"),
        (words.duration(605), "10\u00a0min 05\u00a0s"),
        (words.table_name("uf x sex x race"), "sexo × cor ou raça"),
        (words.table_name("uf x zone v. households"), "situação do domicílio"),
        (words.value_name("age_band", "80+"), "80 ou mais"),
        (words.age_range(60), "60 anos ou mais"),
        (words.occupation(None, "aposentado", "F"), "Aposentada"),
        (words.occupation("Padeira", "ocupado", "F"), "Padeira"),
    ],
)
def test_numbers_and_names_are_written_as_read_in_brazil(said, read):
    assert said == read


def test_an_assumption_worded_otherwise_is_shown_as_it_came():
    assert words.assumption("none") is None
    assert words.assumption("something new") == "something new"


def test_every_reason_of_the_registry_has_its_words_on_the_page():
    assert words.REASONS.keys() == {reason.value for reason in ReasonCode}


def test_every_check_is_shown_with_its_severity_and_how_it_fares_with_planted_errors():
    assert report.planted_errors([]) == []
    metrics = [
        {"family": "text", "name": figure.name, "value": figure.value, "n": figure.n}
        for figure in _check_metrics.planted_errors(Bounds())
    ]
    rows = {row["code"]: row for row in report.planted_errors(metrics)}
    assert rows.keys() == {reason.value for reason in ReasonCode}
    assert [code for code, row in rows.items() if row["is_warning"]] == ["cliche"]
    loop = rows["loop"]
    assert [half["planted"] for half in loop["halves"]] == [
        sum(row.kind == "loop" for row in planted.planted(half)) for half in ("tuning", "unseen")
    ]
    assert all(half["found"] == half["planted"] and half["recall"] == 1 for half in loop["halves"])
    assert (loop["alarms"], loop["precision"]) == (0, 1)
    assert rows["not_json"]["halves"] == [None, None] and rows["not_json"]["alarms"] is None
    nothing = {name: [] for name in report.Findings.__dataclass_fields__} | {"answers": 0, "names": {}}
    page = report.build(report.Findings(**nothing | {"metrics": [metric | NOT_JUDGED for metric in metrics]}))
    table = page[page.index("erros plantados") : page.index('id="tempos"')]
    assert table.count("<code>") == len(ReasonCode)
    assert f"{loop['halves'][1]['found']} de {loop['halves'][1]['planted']}" in table
