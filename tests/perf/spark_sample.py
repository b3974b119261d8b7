"""Coded persons inside Spark to Delta, against the same job with a constant function of as many columns, in one run.

Also the peak memory of the driver (Python and JVM) and of the largest Python worker at each size: flat if nothing grows
with the persons drawn.

python tests/perf/spark_sample.py --data povo-data --uf SE [--persons 1000000,5000000,20000000]

A state with fewer people than asked is drawn again with the next seed: the rows cost the same.
"""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from _common import arguments, config, sample_tables, show

from jobs import _spark
from udfs import sampling

PERSONS_PER_PARTITION = 250_000


def main() -> None:
    asked = arguments(__doc__, uf="SE", more=lambda p: p.add_argument("--persons", default="1000000,5000000,20000000"))
    sizes = [int(size) for size in asked.persons.split(",")]
    conf = config(asked.data, **{"spark.sample_partitions": 0})
    spark = _spark.start(conf)
    state = sample_tables(spark, conf, asked.uf, seed=asked.seed, min_age_years=0).states[0]
    shared = spark.sparkContext.broadcast(state)
    probe = sampling.draw(np.arange(100), state)
    floats = {name for name, values in probe.items() if values.dtype.kind == "f"}
    schema = ", ".join(f"{name} {'double' if name in floats else 'int'}" for name in probe)
    valid = state.limit / (1 << state.bits)  # share of the points that are persons

    def batch(columns: dict[str, np.ndarray]) -> pa.RecordBatch:
        return pa.RecordBatch.from_pydict(
            {
                name: pa.array(values) if name in floats else pa.array(values.astype(np.int32))
                for name, values in columns.items()
            }
        )

    def draw(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for rows in batches:
            points = rows.column("id").to_numpy() & ((1 << shared.value.bits) - 1)
            yield batch(sampling.draw(points, shared.value))

    def constant(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for rows in batches:
            n = round(rows.num_rows * valid)
            yield batch({name: np.full(n, probe[name][0]) for name in probe})

    results = []
    with tempfile.TemporaryDirectory() as folder:
        for size in sizes:
            points = round(size / valid)
            partitions = max(points // PERSONS_PER_PARTITION, spark.sparkContext.defaultParallelism)
            speeds = {}
            for name, function in (("constant", constant), ("draw", draw)):
                with Memory() as memory:
                    started = time.perf_counter()
                    frame = spark.range(0, points, 1, partitions).mapInArrow(function, schema)
                    frame.write.format("delta").save(f"{folder}/{name}-{size}")
                    seconds = time.perf_counter() - started
                rows = spark.read.format("delta").load(f"{folder}/{name}-{size}").count()
                speeds[name] = rows / seconds
            size_on_disk = sum(file.stat().st_size for file in Path(folder, f"draw-{size}").glob("*.parquet"))
            results.append(
                (
                    size,
                    speeds["constant"],
                    speeds["draw"],
                    speeds["draw"] / speeds["constant"],
                    memory.driver_mib,
                    memory.jvm_mib,
                    memory.worker_mib,
                    size_on_disk / rows,
                )
            )
    show(
        f"Coded persons inside Spark to Delta, {len(probe)} columns, local[{spark.sparkContext.defaultParallelism}]",
        (
            "persons",
            "constant rows/s",
            "drawn rows/s",
            "ratio",
            "driver Python MiB",
            "JVM MiB",
            "largest worker MiB",
            "bytes a person",
        ),
        results,
    )
    spark.stop()


class Memory:
    """Peak resident memory of this process, of the JVM it started, and of the largest Python worker below it."""

    def __enter__(self) -> Memory:
        self.driver_mib = self.jvm_mib = self.worker_mib = 0
        self._over = threading.Event()
        self._watch = threading.Thread(target=self._look, daemon=True)
        self._watch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._watch.join()

    def _look(self) -> None:
        while not self._over.wait(0.25):
            for pid, name, mib in _family(os.getpid()):
                if pid == os.getpid():
                    self.driver_mib = max(self.driver_mib, mib)
                elif name == "java":
                    self.jvm_mib = max(self.jvm_mib, mib)
                elif name.startswith("python"):
                    self.worker_mib = max(self.worker_mib, mib)


def _family(root: int) -> list[tuple[int, str, int]]:
    """(process, name, resident MiB) of a process and all below it; Linux only."""
    parents, found = {}, {}
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            fields = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
        except OSError:
            continue  # it has ended
        pid = int(status.parent.name)
        parents[pid] = int(fields["PPid"])
        found[pid] = (pid, fields["Name"].strip(), int(fields.get("VmRSS", "0 kB").split()[0]) // 1024)
    below = {root}
    while grown := {pid for pid, parent in parents.items() if parent in below} - below:
        below |= grown
    return [found[pid] for pid in below if pid in found]


if __name__ == "__main__":
    main()
