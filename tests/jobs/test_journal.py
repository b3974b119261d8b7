"""The journal into its table: every answer once, those of a run that works are left alone, wherever the files lie."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from pathlib import Path

import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession

from census import tables
from census.errors import ConfigError
from conf import settings
from conf.settings import Config
from jobs import _journal, _locks, _storage, write_text
from udfs.journal import JournalWriter, run_in_names


def config_of(data: Path, **options: object) -> Config:
    chosen = {"run.data": str(data), "run.ufs": "AC", "spark.shuffle_partitions": 2}
    return settings.load(options=chosen | options)


def answer(key: str, **changes: object) -> dict[str, object]:
    return {
        "request_key": key * 64,
        "uuid": "0" * 32,
        "uf": "AC",
        "call": 1,
        "attempt": 1,
        "parent_key": None,
        "model": "m",
        "writer": "m",
        "prompt_version": "1",
        "content": f"answer to {key}",
        "finish_reason": "stop",
        "prompt_tokens": 3,
        "cached_tokens": 0,
        "completion_tokens": 5,
        "latency_ms": 7,
        "tries": 1,
        "endpoint": "http://127.0.0.1:1/v1",
        "status": "ok",
        "error": None,
        "answered_at": "2026-11-27T09:00:00.000+00:00",
        "run_id": "r1",
    } | changes


def write(folder: str | Path, run: str, *rows: dict[str, object], task: int = 0) -> Path:
    with JournalWriter(folder, run, task) as journal:
        for row in rows:
            journal.append(row)
    return sorted(Path(folder).glob(f"answers-{run}-{task}-*"))[-1]


@pytest.fixture()
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    _storage.prepare(folder)
    return folder


@pytest.fixture()
def working(data: Path) -> Iterator[str]:
    """A run that another process holds."""
    (data / "locks").mkdir()
    with (data / "locks" / "run-busy.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield "busy"


def stored(data: Path) -> dict[str, object]:
    rows = DeltaTable(_storage.path(data, tables.RESPONSE)).to_pyarrow_table().to_pylist()
    found = {str(row["request_key"])[0]: row["content"] for row in rows}
    assert len(found) == len(rows)
    return found


def test_every_answer_is_added_once_and_the_files_go(spark: SparkSession, data: Path, working: str):
    config, folder = config_of(data), data / "journal"
    torn = write(folder, "r1", answer("a"), answer("b"), answer("c"))
    torn.write_bytes(torn.read_bytes()[:-40])  # killed while it wrote the third
    # The task was tried again: it asked for the third, and a twin of it had asked for the second as well.
    later = "2026-11-27T09:00:05.000+00:00"
    twin = answer("b", content="again", answered_at=later)
    write(folder, "r1", answer("c"), twin, answer("x", call=3), answer("y", uf=None), task=1)
    busy = write(folder, working, answer("d"))
    figures = [folder / f"figures-{run}-0-0.json" for run in ("r1", working)]
    for file in figures:
        file.write_text('{"request_key": "figures", "status": "ok"}', encoding="utf-8")
    mine = folder / f"figures-{run_in_names(_locks.run_id())}-0-0.json"
    mine.write_text("{}", encoding="utf-8")
    for left in ("mark-r1", "answers-r1-0-0-0123456789ab.jsonl.partial"):
        (folder / left).touch()

    assert _journal.merge(spark, config) == 3
    assert stored(data) == {key: f"answer to {key}" for key in "abc"}
    assert sorted(folder.iterdir()) == sorted([busy, figures[1], mine])
    assert _journal.merge(spark, config) == 0

    # The process may die after the commit and before the files are gone: the answers come once more.
    write(folder, "r1", answer("a"), answer("e", content=None, finish_reason="length"))
    assert _journal.merge(spark, config) == 1
    assert stored(data).keys() == set("abce")
    version = _storage.version(data, tables.RESPONSE)
    write(folder, "r1", answer("a"))
    assert _journal.merge(spark, config) == 0
    assert _storage.version(data, tables.RESPONSE) == version
    assert sorted(folder.iterdir()) == sorted([busy, figures[1], mine])


def test_a_folder_of_several_data_folders_keeps_what_others_paid_for(spark: SparkSession, data: Path, tmp_path: Path):
    shared = tmp_path / "shared"
    config = config_of(data, **{"journal.folder": str(shared)})
    (data / "locks").mkdir()
    (data / "locks" / "run-r1.lock").touch()
    write(shared, "r1", answer("a"))
    foreign = write(shared, "r2", answer("b"))
    assert _journal.merge(spark, config) == 1
    assert stored(data).keys() == {"a"}
    assert list(shared.iterdir()) == [foreign]


def test_a_folder_that_cannot_be_written_is_told_before_anything_is_asked(data: Path):
    (data / "file").write_text("in the way", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"^journal\.folder: files cannot be written in .*file: File exists$"):
        _journal.require_writable(config_of(data, **{"journal.folder": str(data / "file")}))
    _journal.require_writable(config_of(data))


@pytest.mark.parametrize("master", ["yarn", "spark://host:7077", "local-cluster[2,1,1024]", "k8s://host"])
def test_a_cluster_that_tries_a_task_once_is_refused(master: str):
    with pytest.raises(ConfigError, match=r"^spark\.task\.maxFailures is 1: .* Give 2 or more"):
        write_text.require_retries(master, 1)
    write_text.require_retries(master, 4)


@pytest.mark.parametrize("master", ["local", "local[*]", "local[2]", "local[2,4]"])
def test_one_machine_says_itself_how_often_it_tries(master: str):
    write_text.require_retries(master, 1)
