"""The near-duplicate search in Spark over N texts of one field of the offline writer: time, pairs, growth with N.

    python tests/perf/duplicates.py --data povo-data --uf SE [--sizes 12500,25000,50000,100000] [--field sports_persona]

The data folder holds as many sampled persons of the state as the largest size (`povo sample --uf SE --records 100000`).
Each size is a part of the next. Prints and search are timed apart, each forced whole; the exponent is that of the
seconds from one size to the next: 1 is linear.
"""

from __future__ import annotations

import argparse
import math
import tempfile
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from _common import arguments, config, show
from pyspark.sql import SparkSession
from writer import read_persons, write_all

from jobs import _near_duplicates, _spark, _text_inputs
from jobs._near_duplicates import Totals
from udfs import masking


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--sizes", default="12500,25000,50000,100000")
    parser.add_argument("--field", default="sports_persona")


def records_of(data: str, uf: str, count: int, field: str) -> pa.Table:
    """Persons with their text, as `udfs.minhash.prints` reads them."""
    persons = read_persons(data, uf, count)
    if len(persons) < count:
        raise SystemExit(f"{data} holds {len(persons)} persons of {uf}, {count} are asked for")
    requests = _text_inputs.requests_of(config(data))
    rows: list[dict[str, Any]] = []
    for start in range(0, count, 10_000):
        part = persons[start : start + 10_000]
        answers, _ = write_all(requests, part)
        for person, answer in zip(part, answers, strict=True):
            own = {name: person[name] for name in ("uuid", "sex", "race", *masking.PERSON_COLUMNS)}
            rows.append(own | {"region": person["region_name"], "stratum": "", "place": 0, field: answer[field]})
    return pa.Table.from_pylist(rows)


def search(
    spark: SparkSession, path: str, count: int, field: str, cap: int, alike: float
) -> tuple[float, float, Totals]:
    """Seconds of the prints and of the search, and what it found."""
    records = spark.read.parquet(path).orderBy("uuid").limit(count).repartition(spark.sparkContext.defaultParallelism)
    started = time.perf_counter()
    printed = _near_duplicates.prints(records, [field]).persist()
    assert printed.count() == count
    middle = time.perf_counter()
    found = _near_duplicates.search(printed, alike, cap).get(0, Totals())
    ended = time.perf_counter()
    printed.unpersist()
    return middle - started, ended - middle, found


def main() -> None:
    asked = arguments(__doc__, uf="SE", more=options)
    sizes = sorted(int(size) for size in asked.sizes.split(","))
    conf = config(asked.data, **{"spark.master": "local[2]"})
    chosen = conf.validation
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "records.parquet")
        pq.write_table(records_of(asked.data, asked.uf, sizes[-1], asked.field), path)
        spark = _spark.start(conf)
        how = (asked.field, chosen.max_bucket_texts, chosen.near_duplicate_jaccard)
        search(spark, path, min(2000, sizes[0]), *how)  # the first finds the JVM cold
        rows: list[tuple[object, ...]] = []
        before: tuple[int, float] | None = None
        for size in sizes:
            prints, seconds, found = search(spark, path, size, *how)
            whole = prints + seconds
            grown = math.log(whole / before[1]) / math.log(size / before[0]) if before else "–"
            rows.append(
                (size, prints, seconds, size / whole, found.pairs, found.largest, found.over, found.near / size, grown)
            )
            before = (size, whole)
        spark.stop()
    header = ("texts", "prints, s", "search, s", "texts/s", "pairs compared", "largest bucket", "past the cap")
    show(f"Near duplicates of {asked.field}", (*header, "share alike", "growth exponent"), rows)


if __name__ == "__main__":
    main()
