"""Batch files there and back: answered by a real server line by line, shuffled, stored once, in two rounds."""

from __future__ import annotations

import fcntl
import json
import random
from pathlib import Path
from typing import Any

import pytest
import requests
from typer.testing import CliRunner

from census import tables
from census.errors import ConfigError, SchemaError, SourceError
from jobs import _cli, _text_inputs, batch, validate

PERSONS = 3


def answer(url: str, source: Path, target: Path, *, seed: int = 1, failing: int = 0) -> list[dict[str, Any]]:
    """What `vllm run-batch` does with a file, in another order; the first `failing` requests get an error."""
    lines = [json.loads(line) for line in source.read_text(encoding="utf-8").splitlines()]
    answers = []
    for number, line in enumerate(lines):
        assert (line["method"], line["url"]) == ("POST", "/v1/chat/completions")
        body = {"model": "nobody"} if number < failing else line["body"]
        got = requests.post(url.removesuffix("/v1") + line["url"], json=body, timeout=30)
        whole = got.json()
        response = {"status_code": got.status_code, "request_id": "r", "body": whole if got.ok else None}
        error = None if got.ok else whole
        answers.append({"id": f"vllm-{number}", "custom_id": line["custom_id"], "response": response, "error": error})
    random.Random(seed).shuffle(answers)
    target.write_text("".join(json.dumps(one, ensure_ascii=False) + "\n" for one in answers), encoding="utf-8")
    return lines


@pytest.mark.long
def test_both_calls_go_out_and_come_back_and_every_record_is_accepted(spark, make_folder, writer_url, tmp_path):
    folder = make_folder(PERSONS)
    out, back = tmp_path / "out.jsonl", tmp_path / "back.jsonl"

    assert batch.export(spark, folder.config(), out) == {1: PERSONS}
    first = answer(writer_url, out, back, failing=1)
    assert len({line["custom_id"] for line in first}) == PERSONS

    # One request got an error: two answers are stored, and stored once however often the file comes.
    taken = batch.take(spark, folder.config(), [back, back])
    assert (taken.lines, taken.answers, taken.added, taken.known) == (6, 4, 2, 2)
    assert "2 x 404: The model `nobody` does not exist." in batch.remarks(taken)[1]
    assert len(folder.stored(tables.RESPONSE)) == 2

    # The second export holds call 2 of the answered records, and call 1 of the other again.
    later = tmp_path / "later.jsonl"
    assert batch.export(spark, folder.config(), out) == {1: 1, 2: 2}
    answer(writer_url, out, later, seed=2)
    again = batch.take(spark, folder.config(), [later, back])
    assert (again.answers, again.added, again.known) == (5, 3, 2)
    assert batch.export(spark, folder.config(), out) == {2: 1}
    answer(writer_url, out, back)
    assert batch.take(spark, folder.config(), [back]).added == 1

    out.unlink()
    assert batch.export(spark, folder.config(), out) == {}
    assert not out.exists() and list(tmp_path.glob("*.partial")) == []

    rows = folder.stored(tables.RESPONSE)
    by_key = {row["request_key"]: row for row in rows}
    assert len(by_key) == len(rows) == 2 * PERSONS
    assert all(by_key[row["parent_key"]]["uuid"] == row["uuid"] for row in rows if row["call"] == 2)
    assert {(row["latency_ms"], row["tries"]) for row in rows} == {(None, 1)}
    assert {row["endpoint"] for row in rows} == {"batch:back.jsonl", "batch:later.jsonl"}

    runs = [row for row in folder.stored(tables.RUN) if row["job"] == "batch_import"]
    assert [row["rows_out"] for row in sorted(runs, key=lambda row: str(row["started_at"]))] == [2, 3, 1]

    config = folder.config()
    verdicts = validate.build(
        _text_inputs.records(spark, config, ["AC"]),
        _text_inputs.requests_of(config),
        _text_inputs.bounds_of(config),
        _text_inputs.hints(spark, config),
    ).verdicts
    assert [row["is_accepted"] for row in verdicts.select("is_accepted").collect()] == [True] * PERSONS


@pytest.mark.long
def test_lines_that_are_not_ours_are_named_with_file_and_line_and_the_others_are_stored(
    spark, make_folder, writer_url, tmp_path
):
    folder = make_folder(PERSONS)
    out, back = tmp_path / "out.jsonl", tmp_path / "back.jsonl"
    with pytest.raises(ConfigError, match="Nothing was exported"):
        batch.take(spark, folder.config(), [back])
    batch.export(spark, folder.config(), out)
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        batch.take(spark, folder.config(), [back])

    answer(writer_url, out, back)
    lines = back.read_text(encoding="utf-8").splitlines()
    foreign = json.loads(lines[1])
    mark = foreign["custom_id"].split("-")[0]
    other = batch.read_id(foreign["custom_id"])
    foreign["custom_id"] = batch.BatchId(**{**vars(other), "export": "00000000"}).text()
    cut = lines[2][:200]
    unknown = json.dumps(json.loads(lines[0]) | {"custom_id": "request-1"})
    back.write_text("\n".join([unknown, lines[0], "", json.dumps(foreign), cut]), encoding="utf-8")
    with pytest.raises(SourceError) as refused:
        batch.take(spark, folder.config(), [back])
    said = str(refused.value)
    assert said.startswith("3 of 4 lines were not taken: ") and said.endswith("1 answers were stored.")
    assert f"{back}:1: custom_id 'request-1' is none that an export made" in said
    assert f"{back}:4: export 00000000 was made from another data folder" in said
    assert f"{back}:5: no whole JSON object (is the file cut?)" in said
    assert (folder.data / "batch" / f"{mark}.json").exists()
    (stored,) = folder.stored(tables.RESPONSE)
    assert stored["uuid"] == batch.read_id(json.loads(lines[0])["custom_id"]).uuid


def test_an_export_waits_for_nobody_and_pays_for_nothing_twice(spark, make_folder, tmp_path):
    folder = make_folder(1)
    out = tmp_path / "out.jsonl"
    # As another process would hold it: this one's lock of its run would wait for itself.
    with (folder.data / "locks" / "AC.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(ConfigError, match="AC is being worked on by another process"):
            batch.export(spark, folder.config(), out)
    with pytest.raises(ConfigError, match="there is no folder"):
        batch.export(spark, folder.config(), tmp_path / "nowhere" / "out.jsonl")
    with pytest.raises(SchemaError, match="sample of AC was last done with"):
        batch.export(spark, folder.config(run__records=2), out)
    assert not out.exists()


@pytest.mark.parametrize("words", [["export", "--out", "x.jsonl"], ["import", "x.jsonl"]])
def test_the_commands_need_a_data_folder_with_tables(tmp_path, words):
    ended = CliRunner().invoke(_cli.app, ["batch", *words, "--data", str(tmp_path / "data")])
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert "holds no tables yet" in ended.stderr


@pytest.mark.parametrize("command", ["export", "import"])
def test_their_help_shows_an_example(command):
    shown = CliRunner().invoke(_cli.app, ["batch", command, "--help"]).stdout
    assert f"povo batch {command}" in shown.split("Example")[1]
