"""The whole road for two small states, with the real server, Spark and Delta.

The road is made once and only read. A test that changes a data folder takes a copy of it (`copy`), so that none depends
on what another did; one that needs texts again asks with another `llm.temperature`, which changes every request.

Everything is the packaged thing but the two surveys: of these every fourth UPA (or person), given as a user
gives a file of their own. `make run` takes them whole. Tests that go a part of the road once more are marked `long`.
"""

from __future__ import annotations

import ast
import gzip
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib import resources
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from _bench import stats
from deltalake import DeltaTable
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from typer.testing import CliRunner

from census import codes, harmonise, tables
from census.errors import ModelError
from census.fields import checked, typed
from census.layouts import LAYOUTS
from conf import settings
from conf.settings import Config, SourceOverride
from jobs import (
    _cli,
    _history,
    _pipeline,
    _runlog,
    _sample_tables,
    _screen,
    _server_process,
    _sources,
    _spark,
    _storage,
    sample,
)
from jobs._sample_tables import SampleTables

RECORDS = 20
STATES = ("AC", "SE")
BIN = Path(sys.executable).parent
ROOT = Path(__file__).parents[2]


@cache
def part_of_the_surveys() -> str:
    """An overlay of the settings that names the two surveys, every fourth person or UPA of each."""
    folder = Path(_kept.name)
    sources, here = settings.sources(), resources.files("census").joinpath("reference")
    lines = []
    for name in ("pnadc_2018t2", "pnadc_2017t1"):
        target = folder / sources[name].file
        packed = here.joinpath(sources[name].file).read_bytes()
        if target.suffix == ".parquet":
            people = pq.read_table(pa.BufferReader(packed))
            pq.write_table(people.filter(pc.equal(pc.bit_wise_and(people["UPA"], 3), 1)), target)
        else:
            header, *rows = gzip.decompress(packed).splitlines(keepends=True)
            target.write_bytes(gzip.compress(b"".join([header, *rows[::4]]), 1))
        lines.append(f'[sources.{name}]\npath = "{target}"\n')
    overlay = folder / "part.toml"
    overlay.write_text("".join(lines), encoding="utf-8")
    return str(overlay)


_kept = TemporaryDirectory(prefix="povo-surveys-")


def config_of(data: Path, **options: object) -> Config:
    chosen = {"run.data": str(data), "run.records": RECORDS, "spark.shuffle_partitions": 2, "report.cards": 4}
    return settings.load((part_of_the_surveys(),), options=chosen | options)


def table(data: Path, declared: tables.Table) -> pd.DataFrame:
    return DeltaTable(_storage.path(data, declared)).to_pandas()


def run(spark: SparkSession, config: Config, first: str = "ingest", last: str = "publish") -> list[_runlog.RunReport]:
    return _pipeline.run(spark, config, first=first, last=last, done=lambda report: None)


def answered(base_url: str) -> int:
    """Requests that a server has counted."""
    return int(stats(base_url)["chat_requests"])


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The offline writer as an endpoint that counts what it is asked."""
    with _server_process.start(tmp_path_factory.mktemp("served") / "server.log") as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def road(spark: SparkSession, served: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished data folder. Nobody changes it."""
    data = tmp_path_factory.mktemp("road") / "data"
    _storage.prepare(data)
    config = config_of(data, **{"llm.endpoints": [served]})
    run(spark, config)
    _pipeline.step("report")(spark, config)
    return data


@pytest.fixture()
def copy(road: Path, tmp_path: Path) -> Path:
    """A data folder as `road` left it, to be changed."""
    return Path(shutil.copytree(road, tmp_path / "data"))


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


def test_nothing_is_done_or_asked_again_when_nothing_changed(spark, road, served, capsys):
    asked = answered(served)
    assert asked >= 2 * len(STATES) * RECORDS
    config, screen = config_of(road, **{"llm.endpoints": [served]}), _screen.Screen(quiet=False)
    reports = _pipeline.run(spark, config, first="ingest", last="publish", done=screen.stage_over)
    assert [report.todo for report in reports] == [()] * len(settings.STAGES)
    assert re.findall(r"✓ (\w+) +unchanged", capsys.readouterr().err) == list(settings.STAGES)
    assert answered(served) == asked


def existing(data: Path) -> list[tables.Table]:
    return [declared for declared in tables.ALL if _storage.exists(data, declared)]


def test_the_key_of_every_table_names_one_row(road):
    keyed = [declared for declared in existing(road) if declared.key]
    assert {tables.PERSON, tables.ATTRIBUTE, tables.RESPONSE, tables.METRIC} <= set(keyed)
    for declared in keyed:
        rows = DeltaTable(_storage.path(road, declared)).to_pyarrow_table(columns=list(declared.key))
        repeated = rows.group_by(list(declared.key)).aggregate([([], "count_all")]).filter(pc.field("count_all") > 1)
        assert repeated.to_pylist()[:3] == [], declared.name


def test_every_stage_row_is_closed(road):
    runs = table(road, tables.RUN)
    assert set(runs["status"]) == {"done"}
    assert set(settings.STAGES) == set(runs["job"])


def test_the_report_loads_nothing_from_the_network(road):
    page = (road / "report" / "index.html").read_text(encoding="utf-8")
    # As tests/jobs/test_report.py: no address, no script or image from elsewhere, no font.
    assert "http" not in page.replace("http-equiv", "")
    assert "src=" not in page.replace("default-src", "") and "@import" not in page and "url(" not in page
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


def drawn_from(spark: SparkSession, data: Path, *ufs: str) -> SampleTables:
    return _sample_tables.read(spark, data, settings.network(), ufs=list(ufs), seed=1, min_age_years=18)


def draw(spark: SparkSession, drawn: SampleTables, persons: int, partitions: int) -> pd.DataFrame:
    sizes = [persons] * len(drawn.states)
    frame = sample.build(spark, drawn, persons=sizes, seed=1, model_version="v", partitions=partitions)
    return frame.toPandas().sort_values("person_id").reset_index(drop=True)


def digest(frame: pd.DataFrame) -> str:
    return hashlib.sha256(frame.to_json(orient="records").encode()).hexdigest()


def test_persons_do_not_depend_on_partitions_or_on_who_is_asked_for_beside_them(spark, road):
    acre = drawn_from(spark, road, "AC")
    alone = draw(spark, acre, 300, 1)
    assert digest(draw(spark, acre, 300, 2)) == digest(alone)
    together = draw(spark, drawn_from(spark, road, "AC", "SE"), 300, 7)
    assert digest(together[together["uf"] == "AC"].reset_index(drop=True)) == digest(alone)


def test_a_small_sample_is_part_of_a_larger_one(spark, road):
    sergipe = drawn_from(spark, road, "SE")
    small, large = draw(spark, sergipe, 300, 2), draw(spark, sergipe, 1000, 2)
    inside = large[large["person_id"].isin(small["person_id"])].reset_index(drop=True)
    assert digest(inside) == digest(small)
    assert set(large["race"]) <= set(codes.RACES)


@pytest.mark.long
def test_one_changed_cell_of_the_census_changes_the_races_drawn(spark, road, copy, tmp_path, monkeypatch):
    """The cell: men of Acre, indígena, 25 to 29, of the packaged SIDRA 10061."""
    data = copy
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
    _pipeline.step("fit")(spark, config_of(data, **{"run.ufs": "AC"}))

    def indigenous_men(folder: Path) -> float:
        people = draw(spark, drawn_from(spark, folder, "AC"), 3000, 2)
        chosen = people[(people["sex"] == "M") & people["age_years"].between(25, 29)]
        return float((chosen["race"] == "indígena").mean())

    assert indigenous_men(road) < 0.1
    assert indigenous_men(data) > 0.5


def files_of(data: Path, uf: str) -> dict[str, set[str]]:
    """The files of a state in every table that has rows by state. Delta never writes a name twice."""
    by_state = [declared for declared in existing(data) if declared.partition_by == ("uf",)]
    return {
        declared.name: {
            Path(uri).name for uri in DeltaTable(_storage.path(data, declared)).file_uris([("uf", "=", uf)])
        }
        for declared in by_state
    }


@pytest.fixture(scope="module")
def two_seeds(spark: SparkSession, road: Path, served: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The road, then AC alone with seed 2: drawn through `spark-submit`, the rest of it here."""
    data = Path(shutil.copytree(road, tmp_path_factory.mktemp("two_seeds") / "data"))
    ((key, value),) = _spark._delta(settings.load().spark.packages).items()
    submit = [str(BIN / "spark-submit"), "--master", "local[2]", "--conf", f"{key}={value}"]
    asked = ["--uf", "AC", "--seed", "2", "--records", str(RECORDS), "--data", str(data), "--quiet"]
    asked += ["--conf", part_of_the_surveys()]
    environment = os.environ | {"PYSPARK_PYTHON": sys.executable, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    command = [*submit, str(ROOT / "jobs" / "sample.py"), *asked]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert ended.returncode == 0, ended.stderr[-2000:]
    reports = run(spark, config_of(data, **{"run.ufs": "AC", "run.seed": 2, "llm.endpoints": [served]}))
    assert [report.job for report in reports if report.todo] == ["write_text", "validate", "publish"]
    return data


@pytest.mark.long
def test_another_seed_changes_one_state_and_leaves_every_file_of_the_other(road, two_seeds):
    assert files_of(two_seeds, "SE") == files_of(road, "SE")
    before, after = files_of(road, "AC"), files_of(two_seeds, "AC")
    changed = {name for name, files in before.items() if files != after[name]}
    assert changed >= {"core_persona__attribute", "core_persona__text", "out_personas__persona"}
    assert before["raw_model__response"] < after["raw_model__response"]
    assert not any(name.startswith(("core_census", "core_pnadc", "core_place", "core_model")) for name in changed)


@pytest.mark.long
def test_a_stage_of_spark_submit_draws_as_any_other(spark, two_seeds):
    drawn = _history.finished(_history.read(spark, two_seeds), "sample")
    assert {uf: done.seed for uf, done in drawn.items()} == {"AC": 2, "SE": 1}
    people = table(two_seeds, tables.ATTRIBUTE)
    assert people.groupby("uf").size().to_dict() == {"AC": RECORDS, "SE": RECORDS}
    assert people.groupby("uf")["seed"].unique().map(list).to_dict() == {"AC": [2], "SE": [1]}


@pytest.mark.long
def test_states_of_different_seeds_are_not_published_together(two_seeds):
    version = DeltaTable(_storage.path(two_seeds, tables.PERSONA)).version()
    # In this process: the command joins the session of the tests.
    words = ["publish", "--uf", "AC,SE", "--records", str(RECORDS), "--data", str(two_seeds), "--quiet"]
    words += ["--conf", part_of_the_surveys()]
    refused = CliRunner().invoke(_cli.app, [*words, "--set", "spark.shuffle_partitions=2"])
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert re.match(r"povo: publish refuses: .*\bAC\b.*\bseed 2\b", refused.stderr)
    assert len(refused.stderr.splitlines()) == 1
    assert DeltaTable(_storage.path(two_seeds, tables.PERSONA)).version() == version


@pytest.mark.long
def test_a_model_that_answers_badly_is_asked_until_every_record_is_accepted_or_the_rounds_are_over(
    spark, copy, tmp_path
):
    def write(faults: str, name: str, **options: object) -> int:
        """Write and validate Acre again, with a server that plays `faults`; gives the requests it counted."""
        (tmp_path / f"{name}.toml").write_text(faults, encoding="utf-8")
        with _server_process.start(tmp_path / f"{name}.log", tmp_path / f"{name}.toml") as endpoint:
            chosen = {"run.ufs": "AC", "llm.endpoints": [endpoint], "llm.temperature": 0.5}
            try:
                run(spark, config_of(copy, **chosen, **options), "write_text", "validate")
            finally:
                counted = answered(endpoint)
        return counted

    with pytest.raises(ModelError) as caught:
        write('[[fault]]\nkind = "malformed"\nshape = "not_json"\n', "useless", **{"llm.max_rounds": 2})
    said = str(caught.value)
    assert said.startswith("After 2 rounds (llm.max_rounds) there are still records without accepted texts.")
    attempts = 2 * (1 + config_of(copy).llm.content_retries)
    assert f"AC {RECORDS}" in said and f"not_json {attempts * RECORDS}" in said
    people = table(copy, tables.ATTRIBUTE)
    uuids = set(people.loc[people["uf"] == "AC", "uuid"])
    named = re.findall(r"\b[0-9a-f]{32}\b", said)
    assert len(named) == 3 and set(named) <= uuids

    before = table(copy, tables.REJECTION)
    broken = "".join(
        f'[[fault]]\nkind = "malformed"\nshape = "{shape}"\nevery = {every}\ntimes = {times}\n'
        for shape, every, times in (("truncated", 3, 6), ("missing_key", 5, 3), ("null_content", 8, 2))
    )
    asked = write(broken, "poor")
    texts = table(copy, tables.TEXT)
    assert set(texts.loc[texts["uf"] == "AC", "uuid"]) == uuids
    assert texts.groupby("uf").size().to_dict() == {"AC": RECORDS, "SE": RECORDS}
    rejected = table(copy, tables.REJECTION)
    assert set(before["request_key"]) < set(rejected["request_key"])
    assert set(rejected.loc[rejected["uf"] == "AC", "uuid"]) == uuids
    # Nothing accepted was asked twice: two answers a record, and one more for each that was rejected.
    assert asked == 2 * RECORDS + rejected["request_key"].nunique() - before["request_key"].nunique()


def kept(data: Path, old: set[str]) -> set[str]:
    """Request keys of the answers in the table and the journal of a data folder that are not `old`."""
    lines = [line for path in (data / "journal").glob("*") for line in path.read_bytes().split(b"\n")[:-1]]
    return (
        set(table(data, tables.RESPONSE)["request_key"]) | {json.loads(line)["request_key"] for line in lines}
    ) - old


def wait_until(ready: Callable[[], bool], seconds: float = 240.0) -> None:
    end = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def at_rest(base_url: str) -> int:
    """Requests that a server has counted, once it has been asked nothing for two seconds."""
    seen = answered(base_url)
    while True:
        time.sleep(2)
        if answered(base_url) == seen:
            return seen
        seen = answered(base_url)


@contextmanager
def slow_server(folder: Path, seconds: float) -> Iterator[str]:
    """`povo serve` as a person starts it, with answers that take their time."""
    faults = folder / "slow.toml"
    faults.write_text(f'[[fault]]\nkind = "latency"\nseconds = {seconds}\n', encoding="utf-8")
    command = [str(BIN / "povo"), "serve", "--port", "0", "--faults", str(faults)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        try:
            yield server.stdout.readline().strip()
        finally:
            server.send_signal(signal.SIGINT)
            said = server.communicate(timeout=30)[1]
    assert "Traceback" not in said


IN_FLIGHT = 4


def run_of(data: Path, endpoint: str) -> list[str]:
    """`povo run` that has only texts to write: Sergipe, asked with another temperature."""
    chosen = ["llm.temperature=0.5", f"llm.endpoints={endpoint}", f"llm.max_in_flight={IN_FLIGHT}", "llm.tasks=1"]
    size = ["--uf", "SE", "--records", str(RECORDS), "--data", str(data), "--conf", part_of_the_surveys()]
    stages = ["--from", "write_text", "--until", "write_text"]
    return [str(BIN / "povo"), "run", *size, *stages, *(word for one in chosen for word in ("--set", one))]


@pytest.mark.long
def test_after_kill_9_only_missing_answers_are_asked_again(spark, copy, tmp_path):
    old = kept(copy, set())
    with slow_server(tmp_path, 0.3) as endpoint:
        with subprocess.Popen(run_of(copy, endpoint), stderr=subprocess.DEVNULL) as driver:
            wait_until(lambda: answered(endpoint) >= RECORDS // 2)
            driver.kill()
        asked = at_rest(endpoint)
        stored = kept(copy, old)
        assert asked - IN_FLIGHT <= len(stored) <= asked < 2 * RECORDS
        assert ("write_text", "SE") in _history.left_open(_history.read(spark, copy), copy)

        # The same command again, in this process: it joins the session of the tests.
        again = CliRunner().invoke(_cli.app, run_of(copy, endpoint)[1:])
        assert again.exit_code == 0, again.stderr
        assert len(kept(copy, old)) == 2 * RECORDS
        assert answered(endpoint) == asked + 2 * RECORDS - len(stored)


@pytest.mark.long
def test_ctrl_c_stops_the_run_in_one_sentence_and_keeps_every_answer(spark, copy, tmp_path):
    old = kept(copy, set())
    # Spark gives a cancelled task some seconds, in which it goes on asking.
    with slow_server(tmp_path, 1.0) as endpoint:
        # A terminal sends the signal to all processes of the command; so does killpg.
        command = run_of(copy, endpoint)
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True) as driver:
            wait_until(lambda: answered(endpoint) >= RECORDS // 2)
            os.killpg(driver.pid, signal.SIGINT)
            said = driver.communicate(timeout=120)[1]
        asked = at_rest(endpoint)
    assert driver.returncode == 1
    assert said.splitlines()[-1] == (
        "povo: stopped. Everything finished so far is kept; the same command goes on from there."
    )
    assert "Traceback" not in said and "Exception" not in said
    assert asked - IN_FLIGHT <= len(kept(copy, old)) <= asked < 2 * RECORDS
    (row,) = table(copy, tables.RUN).sort_values("started_at").tail(1).to_dict("records")
    assert (row["job"], row["status"], row["message"]) == ("write_text", "failed", "stopped")
    assert not _history.left_open(_history.read(spark, copy), copy)
