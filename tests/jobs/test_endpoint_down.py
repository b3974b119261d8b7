"""An endpoint where nobody listens: told by name, the stage's row closed, and a rerun goes on."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from pyspark.sql import SparkSession
from pyspark.sql.pandas.types import to_arrow_schema

from census import codes, tables
from conf import settings
from conf.settings import STAGES, Config
from jobs import _cli, _history, _runlog, _storage, write_text

PERSONS = 2


def config_of(data: Path) -> Config:
    options = {"run.data": str(data), "run.ufs": "AC", "run.records": PERSONS, "spark.shuffle_partitions": 2}
    return settings.load(options=options)


def make_person(number: int) -> dict[str, object]:
    return {
        "person_id": 12 * 10**10 + number,
        "uuid": f"{number:032d}",
        "uf": "AC",
        "municipality_code": "1200401",
        "sex": "F",
        "age_years": 40 + number,
        "zone": "urbana",
        "race": "parda",
        "education_level": codes.EDUCATION_LEVELS[2],
        "marital_status": "Solteiro",
        "in_union": False,
        "religion": "católica",
        "activity": "cuida do lar",
        "first_name": "Ana",
        "middle_name": "",
        "last_name": "Silva",
        **dict.fromkeys(codes.TRAITS, 50.0),
        "model_version": "0123456789ab",
        "seed": 1,
    }


PLACE = {
    "uf": "AC",
    "municipality_code": "1200401",
    "municipality_name": "Rio Branco",
    "state_name": "Acre",
    "region": "Norte",
    "population_persons": 364_756,
    "households_urban": 110_000,
    "households_rural": 8_000,
    "is_capital": True,
}


def write(data: Path, table: tables.Table, rows: Sequence[Mapping[str, object]]) -> None:
    ordered = [{name: row.get(name) for name in table.column_names} for row in rows]
    write_deltalake(_storage.path(data, table), pa.Table.from_pylist(ordered, to_arrow_schema(table.schema)))


def stored(data: Path, table: tables.Table) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = DeltaTable(_storage.path(data, table)).to_pyarrow_table().to_pylist()
    return rows


@pytest.fixture()
def drawn(spark: SparkSession, tmp_path: Path) -> Path:
    """A data folder as `sample` leaves it: two persons of Acre."""
    data = tmp_path / "data"
    _storage.prepare(data)
    for stage in STAGES[: STAGES.index("write_text")]:
        with _runlog.stage(spark, config_of(data), stage, writes=()):
            pass
    write(data, tables.ATTRIBUTE, [make_person(number) for number in range(PERSONS)])
    write(data, tables.PLACE, [PLACE])
    write(
        data, tables.CULTURE, [{"uf": "AC", "kind": "dish", "name": "tacacá", "origin": "general", "source": "dishes"}]
    )
    write(data, tables.HABIT, [])
    return data


@pytest.fixture()
def closed() -> Iterator[str]:
    """An endpoint that refuses connections: the port is ours, and nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}/v1"


def texts_rows(data: Path) -> list[tuple[object, object]]:
    rows = [row for row in stored(data, tables.RUN) if row["job"] == "write_text"]
    return [(row["status"], row["message"]) for row in sorted(rows, key=lambda row: str(row["started_at"]))]


def status_of_texts(spark: SparkSession, data: Path) -> object:
    rows = _cli.status_rows(config_of(data), _history.read(spark, data))
    return {row["stage"]: row["status"] for row in rows if row["uf"] == "AC"}["write_text"]


@pytest.mark.long
def test_the_process_names_the_endpoint_ends_with_status_1_and_a_rerun_goes_on(spark, drawn, closed):
    command = [str(Path(sys.executable).with_name("povo")), "write_text", "--data", str(drawn), "--uf", "AC"]
    command += ["--records", str(PERSONS), "--set", f"llm.endpoints={closed}", "--quiet"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=300)
    said = ended.stderr.strip()
    assert (ended.returncode, ended.stdout) == (1, "")
    assert said.startswith("povo: ") and "\n" not in said
    assert closed in said and said.endswith("check llm.endpoints and that the server is up")
    assert texts_rows(drawn) == [("failed", said.removeprefix("povo: "))]
    assert status_of_texts(spark, drawn) == "failed"
    (log,) = drawn.glob("runs/*/log.jsonl")
    logged = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines() if line.startswith("{")]
    assert any("Traceback" in entry.get("error", "") for entry in logged)

    write_text.run(spark, config_of(drawn))
    assert [status for status, _ in texts_rows(drawn)] == ["failed", "done"]
    assert status_of_texts(spark, drawn) == "done"
    answers = stored(drawn, tables.RESPONSE)
    assert {row["uuid"] for row in answers} == {make_person(number)["uuid"] for number in range(PERSONS)}
    assert sorted(row["call"] for row in answers) == [1] * PERSONS + [2] * PERSONS
