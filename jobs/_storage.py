"""Tables and files of the data folder: the only door to Delta."""

from __future__ import annotations

import json
import random
import re
import shutil
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryFile

import pandas as pd
from delta.exceptions import DeltaConcurrentModificationException
from delta.tables import DeltaTable
from pyspark.errors import AnalysisException, PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from census.errors import ConfigError, SchemaError
from census.tables import Table

FORMAT = 7  # raised when a table's columns change so that an older data folder cannot be read
_FORMAT_FILE = "povo-format.json"
_COMMIT_TRIES = 5
_SKIPPING_COLUMNS = 4
_MAKING_SECONDS = 2  # from an empty log to its first commit takes Delta a fraction of it
_READ_AT_ONCE = 4
_COMMIT = re.compile(r"\d{20}\.json")


def prepare(data_dir: Path) -> None:
    """Make the data folder, or check that it is one of ours and can be written.

    Raises:
        ConfigError: The folder holds tables of another format, or files that Povo did not write.
    """
    try:
        if not _is_ours(data_dir):
            data_dir.mkdir(parents=True, exist_ok=True)
            write_text(data_dir, _FORMAT_FILE, json.dumps({"format": FORMAT}) + "\n")
        with TemporaryFile(dir=data_dir):
            pass
    except OSError as error:
        raise ConfigError(f"The data folder {data_dir} cannot be written: {error.strerror}.") from error


def has_tables(data_dir: Path) -> bool:
    """Whether the folder holds tables of ours; makes nothing.

    Raises:
        ConfigError: It holds tables of another format, or files that Povo did not write.
    """
    try:
        return _is_ours(data_dir) and (data_dir / "tables").is_dir()
    except OSError as error:
        raise ConfigError(f"The data folder {data_dir} cannot be read: {error.strerror}.") from error


def require_tables(data_dir: Path) -> None:
    """Check that the folder holds tables; makes nothing.

    Raises:
        ConfigError: It does not, or holds tables of another format, or files that Povo did not write.
    """
    if not has_tables(data_dir):
        raise ConfigError(f"{data_dir} holds no tables yet: `povo run` makes them, --data names another folder.")


def _is_ours(data_dir: Path) -> bool:
    """Whether the folder carries our mark; False for one that is empty or not there."""
    if not data_dir.exists():
        return False
    if not data_dir.is_dir():
        raise ConfigError(f"{data_dir} is a file: give a folder with --data.")
    marker = data_dir / _FORMAT_FILE
    if not marker.exists():
        if any(data_dir.iterdir()):
            raise ConfigError(f"{data_dir} is not empty and has no {_FORMAT_FILE}: give a new folder with --data.")
        return False
    try:
        found = json.loads(marker.read_text(encoding="utf-8")).get("format")
    except (ValueError, AttributeError):
        found = "unknown"
    if found != FORMAT:
        raise ConfigError(
            f"{data_dir} holds tables of format {found}, this Povo reads and writes format {FORMAT}: "
            "give another folder with --data, or use the Povo that made it.",
            found=found,
            expected=FORMAT,
        )
    return True


def path(data_dir: Path, table: Table) -> str:
    """Where a table lies."""
    return str(data_dir / "tables" / table.name)


def exists(data_dir: Path, table: Table) -> bool:
    """Whether the table has been created: a process killed while it makes one leaves a log without a commit."""
    return bool(_commits(data_dir, table))


def _commits(data_dir: Path, table: Table) -> list[int]:
    """Numbers of the commits in a table's log; checkpoints and checksums lie beside them."""
    log = Path(path(data_dir, table), "_delta_log")
    return [int(file.stem) for file in log.glob("*.json") if _COMMIT.fullmatch(file.name)]


def _require(data_dir: Path, table: Table) -> None:
    if not exists(data_dir, table):
        raise SchemaError(f"{table.name} does not exist in {data_dir}: run the earlier stages first (`povo status`).")


def read(spark: SparkSession, data_dir: Path, table: Table, ufs: Iterable[str] | None = None) -> DataFrame:
    """The rows of a table, of some states only if `ufs` is given.

    Raises:
        SchemaError: The table does not exist yet; names the stage that writes it.
    """
    _require(data_dir, table)
    rows = spark.read.format("delta").load(path(data_dir, table))
    return rows if ufs is None else rows.where(F.col("uf").isin(list(ufs)))


def frames(*wanted: Callable[[], DataFrame]) -> list[pd.DataFrame]:
    """The rows of small tables, several at a time: opening a Delta table takes longer than reading it.

    Args:
        wanted: Each gives the rows as Spark has them.
    """
    with ThreadPoolExecutor(_READ_AT_ONCE) as pool:
        return list(pool.map(lambda one: one().toPandas(), wanted))


_SHOWN_ROWS = 1000


_READING = ("select", "with", "from", "values", "show", "describe", "explain")


def query(spark: SparkSession, text: str) -> tuple[list[tuple[object, ...]], list[str]]:
    """The first rows, and the columns, of a query that reads.

    Raises:
        ConfigError: The query cannot be understood, or would change a table.
    """
    words = re.findall(r"\w+", text.lower())
    if not words or words[0] not in _READING or re.search(r"\binsert\s+(into|overwrite)\b", text, re.IGNORECASE):
        raise ConfigError(
            f"The query must read: it begins with one of {', '.join(_READING)}. Tables change by stages only."
        )
    try:
        frame = spark.sql(text)
        return [tuple(row) for row in frame.limit(_SHOWN_ROWS).collect()], frame.columns
    except PySparkException as error:
        raise ConfigError(f"The query cannot be run: {str(error).splitlines()[0]}") from error


def version(data_dir: Path, table: Table) -> int:
    """The current Delta version of a table: the number of its newest commit, which is a file of that name.

    Raises:
        SchemaError: The table does not exist yet.
    """
    _require(data_dir, table)
    return max(_commits(data_dir, table))


def create(spark: SparkSession, data_dir: Path, table: Table) -> bool:
    """Create the table once, with comments, NOT NULL, CHECKs and properties; False if it was there."""
    if exists(data_dir, table):
        return False
    log = Path(path(data_dir, table), "_delta_log")
    if log.is_dir():
        # Another process makes the table now, or was killed while it did: Delta makes none over an empty log.
        time.sleep(_MAKING_SECONDS)
        if exists(data_dir, table):
            return False
        shutil.rmtree(log)
    builder = DeltaTable.createIfNotExists(spark).location(path(data_dir, table)).comment(table.comment)
    for column in table.columns:
        builder = builder.addColumn(column.name, column.type, nullable=not column.required, comment=column.comment)
    if table.partition_by:
        builder = builder.partitionedBy(*table.partition_by)
    # Least and largest values of the first columns only: those of all columns take as long as the writing itself.
    properties = {"delta.enableDeletionVectors": "false", "delta.dataSkippingNumIndexedCols": str(_SKIPPING_COLUMNS)}
    properties.update(table.properties)
    # Given at creation: one commit instead of one for each constraint.
    properties.update({f"delta.constraints.{c.name}_is_valid": c.check for c in table.columns if c.check})
    for key, value in properties.items():
        builder = builder.property(key, value)
    builder.execute()
    return True


def replace_states(
    frame: DataFrame, data_dir: Path, table: Table, ufs: Iterable[str], *, metadata: Mapping[str, object]
) -> None:
    """Swap exactly the rows of these states in one transaction; a row of any other state is refused by Delta."""
    states = sorted(set(ufs))
    predicate = f"uf IN ({', '.join(repr(uf) for uf in states)})"
    _replace(frame, data_dir, table, predicate, metadata)


def replace_all(frame: DataFrame, data_dir: Path, table: Table, *, metadata: Mapping[str, object]) -> None:
    """Swap all rows of a table in one transaction."""
    _replace(frame, data_dir, table, "true", metadata)


def replace_where(
    frame: DataFrame, data_dir: Path, table: Table, predicate: str, *, metadata: Mapping[str, object]
) -> None:
    """Swap the rows that meet an SQL predicate of our own making."""
    _replace(frame, data_dir, table, predicate, metadata)


def append(
    frame: DataFrame,
    data_dir: Path,
    table: Table,
    *,
    metadata: Mapping[str, object],
    transaction: tuple[str, int] | None = None,
) -> None:
    """Append rows; `transaction` = (application id, counter) makes a repeat of the same append a no-op."""
    create(frame.sparkSession, data_dir, table)

    def write() -> None:
        writer = table.conform(frame).write.format("delta").mode("append").option("userMetadata", _manifest(metadata))
        if transaction is not None:
            writer = writer.option("txnAppId", transaction[0]).option("txnVersion", str(transaction[1]))
        writer.save(path(data_dir, table))

    _commit(write)


def write_text(data_dir: Path, name: str, text: str) -> Path:
    """Write a small file of the data folder whole or not at all."""
    target = data_dir / name
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(target.name + ".partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(target)
    return target


def export_parquet(
    frame: DataFrame, data_dir: Path, folder: str, *, inside: str, name: str, files: Mapping[str, str]
) -> None:
    """Write a folder of parquet shards and text files, then put it in place of an older one.

    Args:
        frame: One shard a partition, in order.
        folder: Below the data folder.
        inside: Subfolder of the shards.
        name: Of a shard; `number` and `shards` are filled in.
        files: Text files by name.
    """
    target = data_dir / folder
    fresh = target.with_name(target.name + ".partial")
    shutil.rmtree(fresh, ignore_errors=True)
    frame.write.parquet(str(fresh / inside))
    shards = sorted((fresh / inside).glob("part-*.parquet"))
    for number, shard in enumerate(shards):
        shard.rename(shard.with_name(name.format(number=number, shards=len(shards))))
    for leftover in [*(fresh / inside).glob(".*.crc"), fresh / inside / "_SUCCESS"]:
        leftover.unlink(missing_ok=True)
    for file, text in files.items():
        (fresh / file).write_text(text, encoding="utf-8")
    shutil.rmtree(target, ignore_errors=True)
    fresh.rename(target)


def _replace(frame: DataFrame, data_dir: Path, table: Table, predicate: str, metadata: Mapping[str, object]) -> None:
    # A table made just now holds nothing to swap: an append takes Delta a third of the time. (replaceWhere would also
    # check every row against the predicate, so it stays for states.)
    is_new = create(frame.sparkSession, data_dir, table)

    def write() -> None:
        writer = table.conform(frame).write.format("delta").option("userMetadata", _manifest(metadata))
        if predicate != "true":
            writer = writer.mode("overwrite").option("replaceWhere", predicate)
        else:
            writer = writer.mode("append" if is_new else "overwrite")
        writer.save(path(data_dir, table))

    _commit(write)


def _manifest(metadata: Mapping[str, object]) -> str:
    return json.dumps(metadata, ensure_ascii=False, sort_keys=True, default=str)


def _commit(write: Callable[[], None]) -> None:
    for attempt in range(1, _COMMIT_TRIES + 1):
        try:
            write()
            return
        except DeltaConcurrentModificationException:
            if attempt == _COMMIT_TRIES:
                raise
            time.sleep(random.uniform(0.1, 0.5) * attempt)
        except AnalysisException as error:
            raise SchemaError(f"Delta refused a write: {str(error).splitlines()[0]}") from error
