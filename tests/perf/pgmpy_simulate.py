"""Rows a second of the kernel against pgmpy's `simulate` on the same network of one state, one core each, in one run.

OMP_NUM_THREADS=1 python tests/perf/pgmpy_simulate.py --data povo-data [--uf AC] [--rows 20000]
"""

from __future__ import annotations

import logging

import _network
import numpy as np
from _common import CHUNK, arguments, best_seconds, config, sample_tables, show
from pgmpy.factors.discrete import TabularCPD
from pgmpy.models import DiscreteBayesianNetwork

from jobs import _spark
from udfs import sampling

POINTS = 1 << 20


def main() -> None:
    asked = arguments(__doc__, uf="AC", more=lambda p: p.add_argument("--rows", type=int, default=20_000))
    conf = config(asked.data)
    spark = _spark.start(conf)
    network = _network.read(spark, conf, asked.uf, min_age_years=0)
    state = sample_tables(spark, conf, asked.uf, seed=asked.seed, min_age_years=0).states[0]
    spark.stop()
    logging.getLogger("pgmpy").setLevel(logging.WARNING)
    model = build(network)
    points = np.arange(min(POINTS, 1 << state.bits))
    ours = best_seconds(lambda: [sampling.draw(points[i : i + CHUNK], state) for i in range(0, len(points), CHUNK)])
    persons = int((sampling.person_numbers(points, state) < state.limit).sum())
    theirs = best_seconds(lambda: model.simulate(asked.rows, seed=asked.seed, show_progress=False), rounds=2)
    show(
        f"Kernel v. pgmpy `simulate`, network of {asked.uf}, {len(model.nodes())} nodes, one core each",
        ("kernel rows/s", "pgmpy rows", "pgmpy rows/s", "times faster"),
        [(persons / ours, asked.rows, asked.rows / theirs, persons / ours / (asked.rows / theirs))],
    )


def build(network: _network.Network) -> DiscreteBayesianNetwork:
    """The state's network in pgmpy. The last evidence varies fastest there, as in the arrays."""
    cpds = [_cpd("rural_band", (), network.given.sum(axis=(1, 2)), network.sizes)]
    joint = network.given
    for depth, name in ((1, "age_band"), (2, "sex")):
        part = joint.sum(axis=tuple(range(depth + 1, 3)))
        total = part.sum(axis=-1, keepdims=True)
        law = np.divide(part, total, out=np.full(part.shape, 1 / part.shape[-1]), where=total > 0)
        cpds.append(_cpd(name, _network.GIVEN[:depth], law, network.sizes))
    cpds += [_cpd(name, network.parents[name], law, network.sizes) for name, law in network.tables.items()]
    model = DiscreteBayesianNetwork([(parent, cpd.variable) for cpd in cpds for parent in cpd.variables[1:]])
    model.add_nodes_from([cpd.variable for cpd in cpds])
    model.add_cpds(*cpds)
    assert model.check_model()
    return model


def _cpd(name: str, parents: tuple[str, ...], law: np.ndarray, sizes: dict[str, int]) -> TabularCPD:
    values = law.reshape(-1, law.shape[-1]).T
    return TabularCPD(name, law.shape[-1], values, list(parents) or None, [sizes[p] for p in parents] or None)


if __name__ == "__main__":
    main()
