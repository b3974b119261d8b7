"""The whole road for two small states, with the real server, Spark and Delta."""

from __future__ import annotations

import ast
import gzip
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import pandas as pd
import pytest
import requests
from deltalake import DeltaTable
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from census import codes, harmonise, tables
from census.errors import QualityGateError
from census.fields import checked, typed
from census.layouts import LAYOUTS
from conf import settings
from conf.settings import Config, SourceOverride
from jobs import _history, _pipeline, _runlog, _sample_tables, _sources, _storage, publish, sample

RECORDS = 20


def config_of(data: Path, **options: object) -> Config:
    chosen = {"run.data": str(data), "run.records": RECORDS, "spark.shuffle_partitions": 2, "report.cards": 4}
    return settings.load(options=chosen | options)


def table(data: Path, declared: tables.Table) -> pd.DataFrame:
    return DeltaTable(_storage.path(data, declared)).to_pandas()


@pytest.fixture(scope="module")
def road(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("road") / "data"
    _storage.prepare(data)
    _pipeline.run(spark, config_of(data), first="ingest", last="publish", done=lambda report: None)
    _pipeline.step("report")(spark, config_of(data))
    return data


def test_every_state_has_exactly_the_records_asked_for(road):
    personas = table(road, tables.PERSONA)
    assert personas.groupby("uf").size().to_dict() == {"AC": RECORDS, "SE": RECORDS}
    assert [c for c in personas if c != "uf"] == ["uuid", *tables.PUBLIC_COLUMNS]
    assert personas["age"].between(18, 110).all()
    assert all(isinstance(ast.literal_eval(v), list) for v in personas["skills_and_expertise_list"])


def test_texts_are_labelled_by_what_wrote_them(road):
    extended = table(road, tables.PERSONA_EXTENDED)
    assert set(extended["writer"]) == {"povo-offline-writer"}
    assert extended["persona"].is_unique


def test_the_numbering_holds_every_resident_of_the_census(road):
    allocated = table(road, tables.ALLOCATION)
    assert allocated.groupby("uf")["persons"].sum().to_dict() == {"AC": 830_018, "SE": 2_210_004}


def test_work_is_given_for_exactly_those_who_work(road):
    people = table(road, tables.ATTRIBUTE)
    works = people["activity"] == "ocupado"
    for column in ("occupation_group", "occupation_cod", "occupation_cbo", "occupation_title", "position", "is_mei"):
        assert (people[column].notna() == works).all()


def test_nothing_is_done_again_when_nothing_changed(spark, road):
    reports = _pipeline.run(spark, config_of(road), first="ingest", last="publish", done=lambda report: None)
    assert [report.todo for report in reports] == [()] * 7


def test_every_stage_row_is_closed(road):
    runs = table(road, tables.RUN)
    assert set(runs["status"]) == {"done"}
    assert set(settings.STAGES) == set(runs["job"])


def test_the_report_loads_nothing_from_the_network(road):
    page = (road / "report" / "index.html").read_text(encoding="utf-8")
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert json.loads((road / "report" / "metrics.json").read_text(encoding="utf-8"))


def test_the_export_is_what_datasets_loads(road, tmp_path):
    from datasets import load_dataset

    rows = load_dataset(str(road / "export" / "huggingface"), cache_dir=str(tmp_path))["train"]
    assert rows.column_names == ["uuid", *tables.PUBLIC_COLUMNS]
    assert len(rows) == 2 * RECORDS


def test_the_persons_of_data_designer_are_those_published(road):
    persons = pd.read_parquet(road / "export" / "data_designer" / "pt_BR.parquet")
    assert set(persons["uuid"]) == set(table(road, tables.PERSONA)["uuid"])
    assert set(persons["sex"]) == {"Female", "Male"}
    assert persons[["first_name", "middle_name", "last_name", "city", "occupation"]].notna().all(axis=None)
    assert all(trait["label"] and trait["description"] for trait in persons["openness"])


def draw(spark: SparkSession, data: Path, ufs: list[str], persons: int, partitions: int) -> pd.DataFrame:
    drawn = _sample_tables.read(spark, data, settings.network(), ufs=ufs, seed=1, min_age_years=18)
    frame = sample.build(spark, drawn, persons=[persons] * len(ufs), seed=1, model_version="v", partitions=partitions)
    return frame.toPandas().sort_values("person_id").reset_index(drop=True)


def digest(frame: pd.DataFrame) -> str:
    return hashlib.sha256(frame.to_json(orient="records").encode()).hexdigest()


def test_persons_do_not_depend_on_partitions_or_on_who_is_asked_for_beside_them(spark, road):
    alone = draw(spark, road, ["AC"], 300, 1)
    assert digest(draw(spark, road, ["AC"], 300, 2)) == digest(alone)
    together = draw(spark, road, ["AC", "SE"], 300, 7)
    assert digest(together[together["uf"] == "AC"].reset_index(drop=True)) == digest(alone)


def test_a_small_sample_is_part_of_a_larger_one(spark, road):
    small, large = draw(spark, road, ["SE"], 300, 2), draw(spark, road, ["SE"], 1000, 2)
    inside = large[large["person_id"].isin(small["person_id"])].reset_index(drop=True)
    assert digest(inside) == digest(small)
    assert set(large["race"]) <= set(codes.RACES)


def test_one_changed_cell_of_the_census_changes_the_races_drawn(spark, road, tmp_path, monkeypatch):
    """The cell: men of Acre, indígena, 25 to 29, of the packaged SIDRA 10061."""
    data = tmp_path / "data"
    shutil.copytree(road, data)
    source = settings.sources()["census2022_education_uf"]
    packed = resources.files("census").joinpath("reference", source.file).read_bytes()
    text, changes = re.subn(
        r"(?m)^(12,AC,Homens,Indígena,25 a 29 anos,[^,]+),\d+$", r"\1,90000", gzip.decompress(packed).decode(), count=1
    )
    assert changes == 1
    changed = tmp_path / "10061.csv"
    changed.write_text(text, encoding="utf-8")
    override = SourceOverride(path=str(changed), sha256=hashlib.sha256(changed.read_bytes()).hexdigest())
    name, layout = "census2022_education_uf", LAYOUTS["census2022_education_uf"]
    copied = _sources.copy_all({name: source}, {name: override}, LAYOUTS, data)[name]
    census = harmonise.education_uf(typed(checked(_sources.rows(spark, copied), layout), layout))
    others = _storage.read(spark, data, tables.EDUCATION_JOINT).where(F.col("source") != name)
    _storage.replace_all(others.unionByName(census), data, tables.EDUCATION_JOINT, metadata={})
    monkeypatch.setattr(_runlog, "forced", {"fit"})
    _pipeline.step("fit")(spark, config_of(data))

    def indigenous_men(folder: Path) -> float:
        people = draw(spark, folder, ["AC"], 3000, 2)
        chosen = people[(people["sex"] == "M") & people["age_years"].between(25, 29)]
        return float((chosen["race"] == "indígena").mean())

    assert indigenous_men(road) < 0.1
    assert indigenous_men(data) > 0.5


def test_another_seed_changes_one_state_and_leaves_the_files_of_the_other(spark, road):
    before = set(DeltaTable(_storage.path(road, tables.ATTRIBUTE)).file_uris([("uf", "=", "SE")]))
    other = config_of(road, **{"run.ufs": "AC", "run.seed": 2})
    _pipeline.run(spark, other, first="ingest", last="sample", done=lambda report: None)
    assert set(DeltaTable(_storage.path(road, tables.ATTRIBUTE)).file_uris([("uf", "=", "SE")])) == before
    drawn = _history.finished(_history.read(spark, road), "sample")
    assert {uf: done.seed for uf, done in drawn.items()} == {"AC": 2, "SE": 1}


def test_states_of_different_seeds_are_not_published_together(spark, road):
    with pytest.raises(QualityGateError, match=r"sample of AC .* seed 2 \(asked: 1\)"):
        publish.run(spark, config_of(road))


def answered(base_url: str) -> int:
    return requests.get(base_url.removesuffix("/v1") + "/_stats", timeout=5).json()["chat_requests"]


def wait_until(ready: Callable[[], bool], seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def test_after_kill_9_only_missing_answers_are_asked_again(spark, road, tmp_path):
    in_flight = 4
    faults = tmp_path / "faults.toml"
    faults.write_text('[[fault]]\nkind = "latency"\nseconds = 0.2\n', encoding="utf-8")
    serve = [sys.executable, "-m", "jobs.serve", "--faults", str(faults), "--parent-pid", str(os.getpid())]
    with subprocess.Popen(serve, stdout=subprocess.PIPE, text=True) as server:
        try:
            endpoint = server.stdout.readline().strip()
            chosen = {"run.ufs": "SE", "llm.endpoints": [endpoint], "llm.max_in_flight": in_flight, "run.seed": 2}
            config = config_of(road, **chosen)
            _pipeline.run(spark, config, first="ingest", last="sample", done=lambda report: None)
            options = [f"--set=llm.endpoints={endpoint}", f"--set=llm.max_in_flight={in_flight}"]
            options += ["--uf=SE", "--seed=2", f"--records={RECORDS}", f"--data={road}"]
            with subprocess.Popen([sys.executable, "-m", "jobs.write_text", *options]) as driver:
                wait_until(lambda: answered(endpoint) >= RECORDS // 2)
                driver.kill()
            asked = answered(endpoint)
            assert asked < 2 * RECORDS
            assert ("write_text", "SE") in _history.left_open(_history.read(spark, road), road)

            _pipeline.run(spark, config, first="write_text", last="validate", done=lambda report: None)
            assert 2 * RECORDS <= answered(endpoint) <= 2 * RECORDS + in_flight
            _pipeline.run(spark, config, first="ingest", last="validate", done=lambda report: None)
            assert answered(endpoint) <= 2 * RECORDS + in_flight
        finally:
            server.terminate()
