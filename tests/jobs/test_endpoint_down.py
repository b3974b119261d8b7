"""An endpoint where nobody listens: told by name, the stage's row closed, and a rerun goes on."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from _drawn import Folder
from pyspark.sql import SparkSession

from census import tables
from jobs import _commands_tables, _history, write_text

PERSONS = 2


@pytest.fixture()
def drawn(make_folder: Callable[[int], Folder]) -> Folder:
    return make_folder(PERSONS)


@pytest.fixture()
def closed() -> Iterator[str]:
    """An endpoint that refuses connections: the port is ours, and nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}/v1"


def texts_rows(folder: Folder) -> list[tuple[object, object]]:
    rows = [row for row in folder.stored(tables.RUN) if row["job"] == "write_text"]
    return [(row["status"], row["message"]) for row in sorted(rows, key=lambda row: str(row["started_at"]))]


def status_of_texts(spark: SparkSession, folder: Folder) -> object:
    rows = _commands_tables.status_rows(folder.config(), _history.read(spark, folder.data))
    return {row["stage"]: row["status"] for row in rows if row["uf"] == "AC"}["write_text"]


@pytest.mark.long
def test_the_process_names_the_endpoint_ends_with_status_1_and_a_rerun_goes_on(spark, drawn, closed):
    command = [str(Path(sys.executable).with_name("povo")), "write_text", "--data", str(drawn.data), "--uf", "AC"]
    command += ["--records", str(PERSONS), "--set", f"llm.endpoints={closed}", "--quiet"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=300)
    said = ended.stderr.strip()
    assert (ended.returncode, ended.stdout) == (1, "")
    assert said.startswith("povo: ") and "\n" not in said
    assert closed in said and said.endswith("check llm.endpoints and that the server is up")
    assert texts_rows(drawn) == [("failed", said.removeprefix("povo: "))]
    assert status_of_texts(spark, drawn) == "failed"
    (log,) = drawn.data.glob("runs/*/log.jsonl")
    logged = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines() if line.startswith("{")]
    assert any("Traceback" in entry.get("error", "") for entry in logged)

    write_text.run(spark, drawn.config())
    assert [status for status, _ in texts_rows(drawn)] == ["failed", "done"]
    assert status_of_texts(spark, drawn) == "done"
    answers = drawn.stored(tables.RESPONSE)
    assert {row["uuid"] for row in answers} == {drawn.person(number)["uuid"] for number in range(PERSONS)}
    assert sorted(row["call"] for row in answers) == [1] * PERSONS + [2] * PERSONS
