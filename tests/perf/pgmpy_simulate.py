"""Rows a second of the kernel against pgmpy's `simulate` on the same network of one state, one core each, in one run.

pgmpy draws the network of the state as `povo ask --export` writes it; the kernel draws that of each municipality, the
municipality, the year of age and the title beside.

OMP_NUM_THREADS=1 python tests/perf/pgmpy_simulate.py --data povo-data [--uf AC] [--rows 20000]
"""

from __future__ import annotations

import logging

import numpy as np
from _common import CHUNK, arguments, best_seconds, config, sample_tables, show

from census import inference
from jobs import _spark, ask
from udfs import sampling

POINTS = 1 << 20


def main() -> None:
    asked = arguments(__doc__, uf="AC", more=lambda p: p.add_argument("--rows", type=int, default=20_000))
    conf = config(asked.data)
    spark = _spark.start(conf)
    (network,) = ask.read(spark, conf.data_dir, [asked.uf])
    state = sample_tables(spark, conf, asked.uf, seed=asked.seed, min_age_years=0).states[0]
    spark.stop()
    logging.getLogger("pgmpy").setLevel(logging.WARNING)
    model = inference.bayesian_network(network.model.nodes)
    points = np.arange(min(POINTS, 1 << state.bits))
    persons = sum(len(sampling.draw(points[i : i + CHUNK], state)["number"]) for i in range(0, len(points), CHUNK))
    ours = best_seconds(lambda: [sampling.draw(points[i : i + CHUNK], state) for i in range(0, len(points), CHUNK)])
    theirs = best_seconds(lambda: model.simulate(asked.rows, seed=asked.seed, show_progress=False), rounds=2)
    show(
        f"Kernel v. pgmpy `simulate`, network of {asked.uf}, {len(model.nodes())} nodes, one core each",
        ("kernel persons/s", "pgmpy rows", "pgmpy rows/s", "times faster"),
        [(persons / ours, asked.rows, asked.rows / theirs, persons / ours / (asked.rows / theirs))],
    )


if __name__ == "__main__":
    main()
