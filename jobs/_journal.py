"""Journal files into raw_model__response: exactly once, whatever was killed when."""

from __future__ import annotations

import logging
from pathlib import Path

from pyspark.sql import SparkSession, Window
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from census import tables
from conf.settings import Config
from jobs import _locks, _storage
from udfs.journal import journal_files

log = logging.getLogger(__name__)


def folder(config: Config) -> Path:
    """Where answers lie before they are in Delta."""
    return config.data_dir / "journal"


def merge(spark: SparkSession, config: Config) -> int:
    """Move the answers of runs that are over (and of this one) from the journal to the table.

    A torn last line of a killed writer is left out; a request answered twice counts once, the first time. The files
    are removed after the commit: if the process dies between, the anti-join on the request key finds nothing new.

    Returns:
        Answers added.
    """
    _storage.create(spark, config.data_dir, tables.RESPONSE)
    files = [path for path in journal_files(folder(config)) if _locks.is_over(config.data_dir, path.name.split("-")[1])]
    if not files:
        return 0
    fields = [
        StructField(f.name, StringType() if f.name == "answered_at" else f.dataType) for f in tables.RESPONSE.schema
    ]
    schema = StructType([*fields, StructField("status", StringType()), StructField("torn", StringType())])
    lines = spark.read.schema(schema).option("columnNameOfCorruptRecord", "torn").json([str(path) for path in files])
    # Spark does not let one ask for the corrupt column alone: the request key says the same.
    whole = lines.where("torn IS NULL AND request_key IS NOT NULL AND status = 'ok'")
    first = F.row_number().over(Window.partitionBy("request_key").orderBy("answered_at"))
    once = whole.withColumn("place", first).where("place = 1")
    known = _storage.read(spark, config.data_dir, tables.RESPONSE).select("request_key")
    fresh = once.join(known, "request_key", "left_anti").withColumn("answered_at", F.to_timestamp("answered_at"))
    rows = fresh.select(*tables.RESPONSE.column_names).persist()
    added = rows.count()
    if added:
        counter = _storage.version(config.data_dir, tables.RESPONSE) + 1
        before = counter - 1
        _storage.append(
            rows.coalesce(config.spark.shuffle_partitions),
            config.data_dir,
            tables.RESPONSE,
            metadata={"run_id": _locks.run_id(), "journal_files": len(files)},
            transaction=("povo-journal", counter),
        )
        if _storage.version(config.data_dir, tables.RESPONSE) == before:
            raise RuntimeError("raw_model__response took no commit: its transaction counter was used before.")
    rows.unpersist()
    for path in files:
        path.unlink(missing_ok=True)
    log.info("journal: %d files, %d answers added", len(files), added)
    return added
