"""When the report of a run is written anew."""

from __future__ import annotations

import os
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import write_deltalake
from pyspark.sql import SparkSession
from pyspark.sql.pandas.types import to_arrow_schema

from census import tables
from conf import settings
from jobs import _pipeline, _storage

BEGAN = datetime(2026, 1, 1, 12, 0, tzinfo=timezone.utc)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder where `publish` ran for 60 seconds and `validate` was killed an hour later."""
    data = tmp_path_factory.mktemp("stages") / "data"
    row = dict.fromkeys(tables.RUN.column_names) | {"run_id": "r", "job": "publish", "status": "done", "version": "0"}
    row |= {"fingerprints": {}, "settings": "{}", "seed": 1, "records": {}, "ufs": ["AC"], "input_versions": {}}
    killed = {"job": "validate", "status": "running", "started_at": BEGAN + timedelta(hours=1)}
    rows = [row | {"started_at": BEGAN, "seconds": 60.0}, row | killed]
    write_deltalake(_storage.path(data, tables.RUN), pa.Table.from_pylist(rows, to_arrow_schema(tables.RUN.schema)))
    return data


@pytest.mark.parametrize(("seconds", "is_new"), [(59, False), (61, True)])
def test_a_report_is_as_new_as_the_last_stage_that_ended(spark: SparkSession, data: Path, seconds: int, is_new: bool):
    page = data / "report" / "index.html"
    page.parent.mkdir(exist_ok=True)
    page.write_text("figures")
    os.utime(page, (BEGAN.timestamp() + seconds,) * 2)
    assert _pipeline._report_is_new(spark, settings.load(options={"run.data": str(data)})) is is_new


def test_a_report_that_is_not_there_is_not_new(spark: SparkSession, tmp_path: Path):
    assert not _pipeline._report_is_new(spark, settings.load(options={"run.data": str(tmp_path)}))
