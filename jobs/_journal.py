"""Journal files into raw_model__response: exactly once, whatever was killed when."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import to_arrow_schema

from census import tables
from conf.settings import Config
from jobs import _locks, _storage
from jobs._spending import Tokens
from udfs import storage
from udfs.journal import answer_batches, is_answers, run_in_names, run_of
from udfs.storage import Folder

log = logging.getLogger(__name__)

_REMOVED_AT_ONCE = 16


def folder(config: Config) -> str:
    """Where answers lie before they are in Delta: an address for `udfs.storage`."""
    return config.journal.folder or str(config.data_dir / "journal")


def require_writable(config: Config) -> None:
    """Check that answers can be stored, before any is paid for.

    Raises:
        ConfigError: They cannot.
    """
    storage.open_folder(folder(config)).require_writable("journal.folder")


def merge(spark: SparkSession, config: Config) -> int:
    """Move the answers of runs that are over (and of this one) from the journal to the table.

    A torn last line of a killed writer is left out; a request answered twice counts once, the first time. The files
    are removed after the commit: if the process dies between, the anti-join on the request key finds nothing new.
    Python workers read them by the door through which they were written, so that a store needs no jar of Hadoop.

    Returns:
        Answers added.
    """
    _storage.create(spark, config.data_dir, tables.RESPONSE)
    opened = storage.open_folder(folder(config))
    over = _of_runs_that_are_over(config, opened)
    names = [name for name in over if is_answers(name)]
    added = _add(spark, config, names) if names else 0
    mine = run_in_names(_locks.run_id())
    # Figures of this run are still being read.
    _remove(opened, [name for name, run in over.items() if run != mine or not name.startswith("figures-")])
    if names:
        log.info("journal: %d files, %d answers added", len(names), added)
    return added


def stored_by_this_run(spark: SparkSession, config: Config) -> tuple[Tokens, int]:
    """Tokens and number of the answers in the table that this run paid for."""
    mine = _storage.read(spark, config.data_dir, tables.RESPONSE).where(F.col("run_id") == _locks.run_id())
    names = ("prompt_tokens", "cached_tokens", "completion_tokens")
    row = mine.agg(F.count("*").alias("answers"), *(F.sum(name).alias(name) for name in names)).first()
    assert row is not None
    return Tokens(*(row[name] or 0 for name in names)), row["answers"]


def _of_runs_that_are_over(config: Config, opened: Folder) -> dict[str, str]:
    """The files of runs that write no more, by name, and the run of each."""
    runs = {file.name: run for file in opened.files() if (run := run_of(file.name))}
    is_over = {run: _locks.is_over(config.data_dir, run) for run in set(runs.values())}
    if config.journal.folder:
        # Other data folders may keep their journal here too: their answers belong into their tables.
        foreign = {run for run in is_over if not _locks.is_known(config.data_dir, run)}
        is_over |= dict.fromkeys(foreign, False)
        if foreign:
            log.info("journal: %d runs of other data folders are left alone in %s", len(foreign), opened.address)
    return {name: run for name, run in runs.items() if is_over[run]}


def _add(spark: SparkSession, config: Config, names: list[str]) -> int:
    first = F.row_number().over(Window.partitionBy("request_key").orderBy("answered_at"))
    once = _answers(spark, folder(config), names).withColumn("place", first).where("place = 1")
    known = _storage.read(spark, config.data_dir, tables.RESPONSE).select("request_key")
    fresh = once.join(known, "request_key", "left_anti")
    rows = fresh.select(*tables.RESPONSE.column_names).persist()
    added = rows.count()
    if added:
        counter = _storage.version(config.data_dir, tables.RESPONSE) + 1
        before = counter - 1
        _storage.append(
            rows.coalesce(config.spark.shuffle_partitions),
            config.data_dir,
            tables.RESPONSE,
            metadata={"run_id": _locks.run_id(), "journal_files": len(names)},
            transaction=("povo-journal", counter),
        )
        if _storage.version(config.data_dir, tables.RESPONSE) == before:
            raise RuntimeError("raw_model__response took no commit: its transaction counter was used before.")
    rows.unpersist()
    return added


def _answers(spark: SparkSession, address: str, names: list[str]) -> DataFrame:
    """Every whole answer of some journal files."""
    parts = min(len(names), spark.sparkContext.defaultParallelism)
    listed = spark.createDataFrame([(name,) for name in names], "name string").repartition(parts)
    rows = listed.mapInArrow(_reader(address, to_arrow_schema(tables.RESPONSE.schema)), tables.RESPONSE.schema)
    return rows.where(~tables.RESPONSE.violation())  # one bad line must not keep all the others out of the table


def _reader(address: str, schema: pa.Schema) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def read(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        opened = storage.open_folder(address)
        for batch in batches:
            for name in batch.column(0).to_pylist():
                yield from answer_batches(opened.file(name), schema)

    return read


def _remove(opened: Folder, names: Iterable[str]) -> None:
    with ThreadPoolExecutor(_REMOVED_AT_ONCE) as pool:
        list(pool.map(opened.remove, names))
