"""Publishing states that were made differently: refused with the reason and exit status 1, unless it is allowed.

On a data folder made by hand: three persons of Acre of seed 1, three of Sergipe of seed 2, texts and figures of both.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import to_arrow_schema
from typer.testing import CliRunner, Result

from census import codes, tables
from census.errors import QualityGateError
from conf import settings
from conf.settings import STAGES, Bound, Config
from jobs import _cli, _exports, _metrics, _states, _storage, publish

SEEDS = {"AC": 1, "SE": 2}
PLACES = {"AC": ("1200401", "Rio Branco"), "SE": ("2800308", "Aracaju")}
PERSONS = 3


def config_of(data: Path, ufs: str, seed: int) -> Config:
    return settings.load(options={"run.data": str(data), "run.ufs": ufs, "run.seed": seed, "run.records": PERSONS})


def write(data: Path, table: tables.Table, rows: Sequence[Mapping[str, object]]) -> None:
    ordered = [{name: row.get(name) for name in table.column_names} for row in rows]
    write_deltalake(_storage.path(data, table), pa.Table.from_pylist(ordered, to_arrow_schema(table.schema)))


def stored(data: Path, table: tables.Table) -> pd.DataFrame:
    return DeltaTable(_storage.path(data, table)).to_pandas()


def make_person(number: int, uf: str) -> dict[str, object]:
    return {
        "person_id": codes.STATE_OF[uf].code * 10**10 + number,
        "uuid": f"{codes.STATE_OF[uf].code}{number:030d}",
        "uf": uf,
        "municipality_code": PLACES[uf][0],
        "sex": codes.SEXES[number % 2],
        "age_years": 66 + number,
        "zone": "urbana",
        "race": "parda",
        "education_level": codes.EDUCATION_LEVELS[2],
        "marital_status": "Casado",
        "in_union": True,
        "religion": "católica",
        "activity": "aposentado",
        "first_name": "Ana",
        "middle_name": "",
        "last_name": "Silva",
        **dict.fromkeys(codes.TRAITS, 50.0),
        "model_version": "0123456789ab",
        "seed": SEEDS[uf],
    }


def make_text(person: Mapping[str, object]) -> dict[str, object]:
    text: dict[str, object] = {name: f"{name} de {person['uuid']}" for name in tables.TEXT_FIELDS}
    text |= {"uf": person["uf"], "uuid": person["uuid"]}
    text |= {"skills_and_expertise_list": ["ler", "d'água"], "hobbies_and_interests_list": ["pescar"]}
    text |= {"attributes_key": "a" * 64, "personas_key": "b" * 64, "prompt_version": "2026-1", "model": "a-model"}
    text |= {"warnings": []}
    return text | dict.fromkeys(("writer", "attributes_writer", "personas_writer"), "a-model")


def make_runs(config: Config) -> list[dict[str, object]]:
    """The rows that the stages before `publish` leave, as if they had just been done with these settings."""
    road = _states.fingerprints(config)
    return [
        {"run_id": f"run-{config.run.seed}", "job": job, "status": "done", "version": "0", "fingerprints": road[job]}
        | {"settings": json.dumps(_states.settings_of(config, job)), "seed": config.run.seed, "ufs": list(road[job])}
        | {"records": {uf: PERSONS for uf in road[job] if uf in SEEDS}, "input_versions": {}, "seconds": 1.0}
        | {"started_at": datetime(2026, 1, config.run.seed, 0, minute, tzinfo=timezone.utc)}
        for minute, job in enumerate(STAGES[:-1])
    ]


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("mixed") / "data"
    _storage.prepare(data)
    people = [make_person(number, uf) for uf in SEEDS for number in range(PERSONS)]
    write(data, tables.ATTRIBUTE, people)
    write(data, tables.TEXT, [make_text(person) for person in people])
    write(
        data,
        tables.PLACE,
        [
            {"uf": uf, "municipality_code": code, "municipality_name": name, "state_name": codes.STATE_OF[uf].name}
            | {"region": codes.STATE_OF[uf].region, "population_persons": 100, "is_capital": True}
            | {"households_urban": 75, "households_rural": 25}
            for uf, (code, name) in PLACES.items()
        ],
    )
    figure = {"run_id": "run-2", "value": 0.1, "floor": 0.2, "ratio": 0.5}
    figure |= {"bound": 2.5, "passed": True, "grade": "A", "source": "census"}
    named = [{"family": bound.family, "name": bound.name} for bound in settings.quality_bounds()]
    persons = {"AC": PERSONS, "SE": PERSONS, "BR": 2 * PERSONS}
    write(data, tables.METRIC, [figure | name | {"uf": uf, "n": n} for name in named for uf, n in persons.items()])
    evidence = {"node": "religion", "parents": "uf, sex", "grade": "C", "source": "religion_uf", "cells": 4}
    write(data, tables.EVIDENCE, [evidence | {"assumption": "religion is independent of age_band given uf"}])
    write(data, tables.RUN, [row for uf, seed in SEEDS.items() for row in make_runs(config_of(data, uf, seed))])
    return data


def povo(data: Path, *words: str) -> Result:
    """A command in this process; it joins the session of the tests."""
    options = ["--data", str(data), "--set", "spark.shuffle_partitions=2", "--set", "spark.log_level=ERROR"]
    return CliRunner().invoke(_cli.app, [*words, *options])


@pytest.fixture(scope="module")
def refused(spark: SparkSession, mixed: Path) -> Result:
    return povo(mixed, "publish", "--uf", "AC,SE", "--records", str(PERSONS), "--quiet")


def test_states_of_two_seeds_are_refused_with_status_1_and_one_sentence(refused):
    assert (refused.exit_code, refused.stdout) == (1, "")
    (line,) = refused.stderr.splitlines()
    assert "publish refuses: sample of SE was last done with seed 2 (asked: 1)" in line
    assert "publish.allow_mixed=true" in line


def test_nothing_of_what_was_refused_is_published(mixed, refused):
    assert not _storage.exists(mixed, tables.PERSONA)
    assert not (mixed / "export").exists()


def test_a_refused_stage_leaves_a_failed_row_with_the_reason(mixed, refused):
    runs = stored(mixed, tables.RUN)
    (row,) = runs[runs["job"] == "publish"].to_dict("records")
    assert row["status"] == "failed" and list(row["ufs"]) == ["AC", "SE"]
    assert f"povo: {row['message']}" == refused.stderr.strip()
    assert row["seconds"] >= 0


def test_status_shows_both_seeds_and_what_was_refused(mixed, refused):
    shown = povo(mixed, "status", "--records", str(PERSONS), "--json")
    assert shown.exit_code == 0, shown.stderr
    rows = json.loads(shown.stdout)
    sampled = {row["uf"]: (row["seed"], row["records"]) for row in rows if row["stage"] == "sample"}
    assert sampled == {"AC": (1, PERSONS), "SE": (2, PERSONS)}
    words = {(row["stage"], row["uf"]): row["status"] for row in rows}
    assert words["sample", "AC"] == words["ingest", "BR"] == "done"
    assert words["sample", "SE"] == "done with other settings or code"
    assert words["publish", "AC"] == words["publish", "SE"] == "failed"


@pytest.fixture(scope="module")
def allowed(mixed: Path, refused: Result) -> Result:
    words = ["--uf", "AC,SE", "--records", str(PERSONS), "--set", "publish.allow_mixed=true"]
    return povo(mixed, "publish", *words)


def test_states_of_two_seeds_are_published_together_where_that_is_allowed(mixed, allowed):
    assert allowed.exit_code == 0, allowed.stderr
    extended = stored(mixed, tables.PERSONA_EXTENDED)
    assert extended.groupby("uf")["seed"].unique().map(list).to_dict() == {"AC": [1], "SE": [2]}
    assert _exports.states(mixed) == {"AC", "SE"}
    runs = stored(mixed, tables.RUN)
    (done,) = runs[(runs["job"] == "publish") & (runs["status"] == "done")].to_dict("records")
    assert (done["rows_in"], done["rows_out"]) == (2 * PERSONS, 2 * PERSONS)


def test_the_card_of_a_mixed_export_says_both_seeds_and_who_wrote(mixed, allowed):
    card = (mixed / "export" / "huggingface" / "README.md").read_text(encoding="utf-8")
    assert "| seed | 1, 2 |" in card
    assert "| texts written by | a-model (asked for: a-model) |" in card
    assert "not written by a language model" not in card
    assert "| uf x sex | 0.1000 | 0.2000 | 0.50 | A | census |" in card


def test_who_does_not_work_is_published_with_the_stage_of_life_and_lists_as_python_writes_them(mixed, allowed):
    personas = stored(mixed, tables.PERSONA)
    assert personas.groupby("sex")["occupation"].unique().map(list).to_dict() == {
        "Feminino": ["Aposentada"],
        "Masculino": ["Aposentado"],
    }
    assert set(personas["skills_and_expertise_list"]) == {str(["ler", "d'água"])}


def test_sql_reads_the_tables_by_their_names(mixed, allowed):
    query = "SELECT state, count(*) AS records FROM out_personas__persona GROUP BY state ORDER BY state"
    shown = povo(mixed, "sql", query, "--json")
    rows = [json.loads(line) for line in shown.stdout.splitlines()]
    assert rows == [{"state": "Acre", "records": PERSONS}, {"state": "Sergipe", "records": PERSONS}]
    assert "Sergipe" in povo(mixed, "sql", query).stdout


def test_a_query_that_cannot_be_run_is_refused_in_one_sentence(mixed, refused):
    shown = povo(mixed, "sql", "SELECT nothing FROM core_persona__attribute")
    assert (shown.exit_code, shown.stdout, len(shown.stderr.splitlines())) == (2, "", 1)
    assert "The query cannot be run" in shown.stderr and "nothing" in shown.stderr


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM out_personas__persona",
        "drop table out_personas__persona",
        "WITH gone AS (SELECT 1) INSERT INTO out_personas__persona SELECT * FROM gone",
        "",
    ],
)
def test_a_query_that_would_change_a_table_is_refused(mixed, query):
    shown = povo(mixed, "sql", query)
    assert (shown.exit_code, shown.stdout) == (2, "")
    assert "must read" in shown.stderr


@pytest.mark.parametrize("name", ["seed", "model_version", "model", "prompt_version"])
def test_records_that_differ_in_what_made_them_are_refused_whatever_the_runs_say(spark, name):
    alike = {"uf": "AC", "seed": 1, "model_version": "v1", "model": "m1", "prompt_version": "p1"}
    other = alike | {"uf": "SE", name: 2 if name == "seed" else "other"}
    same = spark.createDataFrame([alike, alike | {"uf": "SE"}])
    publish._check_alike(same, same)
    frame = spark.createDataFrame([alike, other])
    with pytest.raises(QualityGateError, match=rf"publish refuses: {name} is .*{other[name]} in SE"):
        publish._check_alike(frame, frame)


def test_the_gate_names_the_figure_that_each_bound_judges(spark):
    figures = [
        ("AC", "marginal", "uf x sex", 0.0412, 3.1, 2.5, False),
        ("AC", "marginal", "uf x race", 0.9, 1.1, 2.5, True),
        ("AC", "marginal", "uf x zone", 0.9, 9.9, None, None),
        ("SE", "set", "share of distinct persona texts", 0.975, None, 0.99, False),
    ]
    columns = "uf string, family string, name string, value double, ratio double, bound double, passed boolean"
    with pytest.raises(QualityGateError) as caught:
        publish._check_gate(spark.createDataFrame(figures, columns))
    assert str(caught.value) == (
        "The quality gate refuses 2 figure(s): AC uf x sex: 3.1 times its floor (bound 2.5); "
        "SE share of distinct persona texts: 0.975 (bound 0.99). Bounds are in conf/quality.toml."
    )
    publish._check_gate(spark.createDataFrame(figures[1:3], columns))


def test_a_bound_that_no_figure_was_held_against_refuses_with_its_name(spark):
    bounds = [
        Bound(family="marginal", name="uf x sex", ratio=2.5),
        Bound(family="marginal", name="uf x sexo", ratio=2.5),  # no such figure
        Bound(family="set", name="occupation titles in use", ratio=2.5),  # no floor
    ]
    rows = [
        {"family": "marginal", "name": "uf x sex", "value": 0.1, "ratio": 0.5},
        {"family": "set", "name": "occupation titles in use", "value": 900.0, "ratio": None},
    ]
    by_name = {(bound.family, bound.name): bound for bound in bounds}
    judged = [_metrics.judged(row, by_name[row["family"], row["name"]]) for row in rows]
    columns = "family string, name string, value double, ratio double, bound double, passed boolean"
    figures = spark.createDataFrame(judged, columns)
    publish._check_gate(figures.withColumn("uf", F.lit("AC")))
    with pytest.raises(
        QualityGateError, match=r"2 bound\(s\) .*: marginal / uf x sexo; set / occupation titles in use"
    ):
        publish._check_bounds(figures, bounds)
    publish._check_bounds(figures, bounds[:1])


def test_a_set_too_small_for_its_bound_passes_and_a_large_one_is_judged():
    bound = Bound(family="set", name="share of near duplicates: persona", max=0.005, min_records=1000)
    small, large = ({"value": 0.02, "n": n} for n in (100, 1000))
    assert _metrics.judged(small, bound) == small | {"bound": 0.005, "passed": True}
    assert _metrics.judged(large, bound) == large | {"bound": 0.005, "passed": False}
