"""The door to Delta: a write swaps the states that it names and no other."""

from __future__ import annotations

from pathlib import Path

import pytest
from deltalake import DeltaTable
from pyspark.sql import DataFrame, SparkSession

from census.errors import SchemaError
from census.tables import MEI_SHARE, Table
from jobs import _storage

# Small, and partitioned by state as the tables of persons are.
SHARE = Table(MEI_SHARE.name, MEI_SHARE.comment, MEI_SHARE.columns, key=("uf",))


def make_shares(spark: SparkSession, shares: dict[str, float]) -> DataFrame:
    return spark.createDataFrame(list(shares.items()), SHARE.schema)


def replace(spark: SparkSession, data: Path, shares: dict[str, float], ufs: list[str]) -> None:
    _storage.replace_states(make_shares(spark, shares), data, SHARE, ufs, metadata={"run_id": "test"})


def stored(data: Path) -> dict[str, float]:
    rows = DeltaTable(_storage.path(data, SHARE)).to_pyarrow_table().to_pylist()
    return {row["uf"]: row["share"] for row in rows}


def files(data: Path, uf: str) -> list[str]:
    return DeltaTable(_storage.path(data, SHARE)).file_uris([("uf", "=", uf)])


@pytest.fixture()
def data(spark: SparkSession, tmp_path: Path) -> Path:
    """A data folder with the shares of two states."""
    _storage.prepare(tmp_path)
    replace(spark, tmp_path, {"AC": 0.1, "SE": 0.2}, ["AC", "SE"])
    return tmp_path


def test_a_state_is_swapped_and_the_files_of_the_other_stay(spark, data):
    kept = files(data, "SE")
    replace(spark, data, {"AC": 0.3}, ["AC"])
    assert stored(data) == {"AC": 0.3, "SE": 0.2}
    assert files(data, "SE") == kept


def test_a_row_of_a_state_that_was_not_named_is_refused_and_nothing_is_written(spark, data):
    version = DeltaTable(_storage.path(data, SHARE)).version()
    with pytest.raises(SchemaError, match="Delta refused a write: "):
        replace(spark, data, {"AC": 0.3, "SE": 0.9}, ["AC"])
    assert stored(data) == {"AC": 0.1, "SE": 0.2}
    assert DeltaTable(_storage.path(data, SHARE)).version() == version


def test_a_state_without_rows_is_emptied(spark, data):
    replace(spark, data, {}, ["SE"])
    assert stored(data) == {"AC": 0.1}


def test_a_table_whose_making_was_cut_short_is_made_by_the_next_write(spark, data):
    half = Table("core_test__half", SHARE.comment, SHARE.columns, key=("uf",))
    Path(_storage.path(data, half), "_delta_log").mkdir(parents=True)
    assert not _storage.exists(data, half)
    _storage.append(make_shares(spark, {"AC": 0.1}), data, half, metadata={"run_id": "test"})
    made = DeltaTable(_storage.path(data, half)).metadata()
    assert made.partition_columns == ["uf"]
    assert made.description == SHARE.comment
    assert any(key.startswith("delta.constraints.") for key in made.configuration)


def test_the_version_is_the_newest_commit_whatever_else_lies_in_the_log(data):
    newest = DeltaTable(_storage.path(data, SHARE)).version()
    log = Path(_storage.path(data, SHARE), "_delta_log")
    (log / f"{newest + 7:020d}.checkpoint.0000000001.0000000001.json").write_text("{}")
    (log / "9.json").write_text("{}")
    assert _storage.version(data, SHARE) == newest


def test_a_table_that_is_not_there_has_no_version(tmp_path):
    with pytest.raises(SchemaError, match="run the earlier stages first"):
        _storage.version(tmp_path, SHARE)
