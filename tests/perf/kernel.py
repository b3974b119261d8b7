"""The sampler's kernel alone: rows a second on one core, no Spark, no Arrow, no disk.

OMP_NUM_THREADS=1 python tests/perf/kernel.py --data povo-data [--uf AC]
"""

from __future__ import annotations

import numpy as np
from _common import CHUNK, arguments, best_seconds, config, sample_tables, show

from jobs import _spark
from udfs import sampling

POINTS = 1 << 20


def main() -> None:
    asked = arguments(__doc__, uf="AC")
    conf = config(asked.data)
    spark = _spark.start(conf)
    state = sample_tables(spark, conf, asked.uf, seed=asked.seed, min_age_years=0).states[0]
    spark.stop()
    points = np.arange(min(POINTS, 1 << state.bits))
    drawn = 0

    def work() -> None:
        nonlocal drawn
        drawn = sum(len(sampling.draw(points[i : i + CHUNK], state)["number"]) for i in range(0, len(points), CHUNK))

    seconds = best_seconds(work)
    variables = len(sampling.draw(points[:1000], state))
    show(
        "NumPy kernel, one core",
        ("state", "points", "persons", "columns", "seconds", "persons/s"),
        [(asked.uf, len(points), drawn, variables, seconds, drawn / seconds)],
    )


if __name__ == "__main__":
    main()
