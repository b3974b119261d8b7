"""The row of a stage: open while it works, closed whatever happens, and no work without it."""

from __future__ import annotations

import fcntl
from pathlib import Path

import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession

from census import tables
from census.errors import SchemaError
from conf import settings
from conf.settings import Config
from jobs import _runlog, _storage


def config_of(data: Path) -> Config:
    return settings.load(options={"run.data": str(data), "run.ufs": "AC"})


def rows(data: Path) -> list[tuple[object, ...]]:
    stored = DeltaTable(_storage.path(data, tables.RUN)).to_pyarrow_table().to_pylist()
    return [(row["job"], row["status"], row["message"], row["ufs"]) for row in stored]


def is_free(data: Path, uf: str) -> bool:
    with (data / "locks" / f"{uf}.lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
    return True


@pytest.fixture()
def data(tmp_path: Path) -> Path:
    data = tmp_path / "data"
    _storage.prepare(data)
    return data


def test_a_stage_whose_row_cannot_be_written_stops_before_it_writes(spark: SparkSession, data: Path):
    in_the_way = Path(_storage.path(data, tables.RUN))
    in_the_way.parent.mkdir()
    in_the_way.write_text("a file where the table should be")
    worked = []
    refused = pytest.raises(SchemaError, match="ingest could not leave its row in ops_pipeline__run: ")
    with refused, _runlog.stage(spark, config_of(data), "ingest", writes=()) as report:
        worked.append("reading")
        worked.append(report.metadata)
    assert worked == ["reading"]


def test_a_row_is_closed_where_it_was_never_opened(spark: SparkSession, data: Path):
    refused = pytest.raises(SchemaError, match="ingest has not been done for Brazil")
    with refused, _runlog.stage(spark, config_of(data), "fit", writes=()):
        pass
    assert [(job, status) for job, status, *_ in rows(data)] == [("fit", "failed")]


def test_work_beside_the_road_leaves_a_row_and_holds_the_lock_of_brazil(spark: SparkSession, data: Path):
    config = config_of(data)
    with pytest.raises(RuntimeError), _runlog.aside(spark, config, "evidence", beside="fit") as report:
        assert report.metadata["job"] == "evidence"
        assert not is_free(data, "BR") and is_free(data, "AC")
        raise RuntimeError("no such edge")
    assert is_free(data, "BR")
    with _runlog.aside(spark, config, "evidence", beside="fit"):
        pass
    assert sorted(rows(data), key=str) == [
        ("evidence", "done", None, ["BR"]),
        ("evidence", "failed", "RuntimeError: no such edge", ["BR"]),
    ]
