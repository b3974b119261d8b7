"""Whole states (`povo run --whole --until sample`): every resident there exactly once, no rule broken, size on disk.

Exits with 1 unless no cell differs from the census and nobody breaks a rule.

python tests/perf/whole.py --data povo-data --uf PR,SC
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

from _common import arguments, config, show
from pyspark.sql import functions as F

from census import tables
from jobs import _rule_check, _spark, _storage

CELL = ["uf", "municipality_code", "sex", "age_years"]


def main() -> int:
    asked = arguments(__doc__, uf="PR,SC")
    conf, ufs = config(asked.data), asked.uf.split(",")
    spark = _spark.start(conf)
    people = _storage.read(spark, conf.data_dir, tables.ATTRIBUTE, ufs)
    drawn = people.groupBy(*CELL).agg(F.count("*").alias("drawn"), F.count_distinct("person_id").alias("persons_apart"))
    counted = _storage.read(spark, conf.data_dir, tables.ALLOCATION, ufs).select(*CELL, "persons")
    both = counted.join(drawn, CELL, "full").fillna(0, ["persons", "drawn", "persons_apart"])
    persons, cells, off = both.agg(
        F.sum("drawn"), F.count("*"), F.count_if(F.expr("drawn != persons OR persons_apart != persons"))
    ).first()
    started = time.perf_counter()
    broken = sum(_rule_check.check(spark, conf, people).by_rule().values())
    seconds = time.perf_counter() - started
    size = sum(Path(urlsplit(file).path).stat().st_size for file in people.inputFiles())
    show(
        f"Whole states {asked.uf}",
        (
            "persons",
            "cells of municipality x sex x age",
            "cells that differ from the census",
            "bytes a person",
            "rules",
            "persons who break one",
            "persons/s checked",
        ),
        [
            (
                persons,
                cells,
                off,
                size / persons,
                len(_rule_check.packaged()),
                broken,
                persons / seconds,
            )
        ],
    )
    spark.stop()
    return int(off > 0 or broken > 0)


if __name__ == "__main__":
    sys.exit(main())
