"""TVD of a sample from the model's own exact tables, over the i.i.d. floor, for all 1, 2 and 3 variables.

The expected tables are exact: each is summed out of the network of the state's adults, so that what is left is the
sampling alone. Only cells with 5 or more expected persons count, on both sides.

python tests/perf/distances.py --data povo-data --uf SE [--persons 1000000]
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from _common import arguments, config, draw_all, iid_floor, sample_tables, show
from numpy.typing import NDArray

from census import codes
from census.inference import StateNetwork
from jobs import _spark, ask

MIN_EXPECTED = 5.0
MIN_AGE_YEARS = 18
_BANDS = np.array([codes.AGE_BANDS.index(codes.age_band(age)) for age in range(131)])


def main() -> None:
    asked = arguments(__doc__, uf="SE", more=lambda p: p.add_argument("--persons", type=int, default=1_000_000))
    conf = config(asked.data)
    spark = _spark.start(conf)
    (network,) = ask.read(spark, conf.data_dir, [asked.uf])
    state = sample_tables(spark, conf, asked.uf, seed=asked.seed, min_age_years=MIN_AGE_YEARS).states[0]
    spark.stop()
    drawn = draw_all(state, asked.persons)
    columns = {**drawn, "age_band": _BANDS[drawn["age_years"]]}
    names = [name for name in network.nodes if name in columns]
    left_out = [name for name in network.nodes if name not in columns]
    persons = len(columns["sex"])
    exact = Exact(network)
    results = []
    for size in (1, 2, 3):
        ratios = {}
        for chosen in combinations(names, size):
            expected = exact.law(chosen)
            cells = np.zeros(persons, dtype=np.int64)
            for name, room in zip(chosen, expected.shape, strict=True):
                # Who does not work has -1, and the last value of the exact table.
                value = columns[name].astype(np.int64)
                cells = cells * room + np.where(value < 0, room - 1, value)
            share = np.bincount(cells, minlength=expected.size) / persons
            enough = expected.ravel() * persons >= MIN_EXPECTED
            wanted, found = expected.ravel()[enough], share[enough]
            ratios[chosen] = 0.5 * np.abs(found - wanted).sum() / iid_floor(wanted, persons)
        worst = sorted(ratios, key=ratios.__getitem__)[-3:]
        results.append(
            (
                size,
                len(ratios),
                float(np.median(list(ratios.values()))),
                float(ratios[worst[-1]]),
                "; ".join(f"{' x '.join(chosen)} {ratios[chosen]:.2f}" for chosen in reversed(worst)),
            )
        )
    note = f"; not columns of the sampler: {', '.join(left_out)}" if left_out else ""
    show(
        f"TVD over the i.i.d. floor at {persons:,} adults of {asked.uf}{note}",
        ("variables", "tables", "median", "worst", "worst three"),
        results,
    )


class Exact:
    """Joint laws of the adults of a state, by summing all other variables out of its network."""

    def __init__(self, network: StateNetwork) -> None:
        self.nodes = dict(network.nodes)
        self.needed = network.needed
        years = network.model.ages[:, MIN_AGE_YEARS:]
        bands = np.eye(len(codes.AGE_BANDS))[_BANDS[MIN_AGE_YEARS : MIN_AGE_YEARS + years.shape[1]]]
        self.given = years @ bands / years.sum()  # of adults, (sex, age band)
        self.label = {name: number for number, name in enumerate(self.nodes)}

    def law(self, chosen: Sequence[str]) -> NDArray[np.float64]:
        """P(chosen | adult), one axis a variable; nodes that no chosen one descends from are left out."""
        operands: list[object] = [self.given, [self.label["sex"], self.label["age_band"]]]
        for name in self.needed([*chosen, "sex", "age_band"]):
            node = self.nodes[name]
            if name not in ("sex", "age_band"):
                operands += [node.table, [self.label[parent] for parent in (*node.parents, name)]]
        return np.einsum(*operands, [self.label[name] for name in chosen], optimize="greedy")


if __name__ == "__main__":
    main()
