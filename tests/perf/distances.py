"""TVD of a sample from the model's own exact tables, over the i.i.d. floor, for all 1, 2 and 3 variables.

The expected tables are exact: each is summed out of the network of the state's adults, so that what is left is the
sampling alone. A table with a variable of work is of who works. Only cells with 5 or more expected persons count, on
both sides.

python tests/perf/distances.py --data povo-data --uf SE [--persons 1000000]
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
from _common import arguments, config, draw_all, iid_floor, sample_tables, show

from census import codes, expectation
from jobs import _model_tables, _spark
from udfs import sampling

MIN_EXPECTED = 5.0
MIN_AGE_YEARS = 18
_BANDS = np.array([codes.AGE_BANDS.index(codes.age_band(age)) for age in range(131)])


def main() -> None:
    asked = arguments(__doc__, uf="SE", more=lambda p: p.add_argument("--persons", type=int, default=1_000_000))
    conf = config(asked.data)
    spark = _spark.start(conf)
    stored = _model_tables.read(spark, conf.data_dir, [asked.uf])
    state = sample_tables(spark, conf, asked.uf, seed=asked.seed, min_age_years=MIN_AGE_YEARS).states[0]
    spark.stop()
    drawn = draw_all(state, asked.persons)
    columns = {**drawn, "age_band": _BANDS[drawn["age_years"]]}
    nodes = stored.state(asked.uf)
    adults = stored.block(asked.uf).persons.sum(axis=0)
    adults[:, : codes.FIRST_ADULT_BAND] = 0
    listed = ["sex", "age_band", *(node.name for node in nodes)]
    names = [name for name in listed if name in columns]
    left_out = [name for name in listed if name not in columns]
    persons = len(columns["sex"])
    results = []
    for size in (1, 2, 3):
        ratios = {}
        for chosen in combinations(names, size):
            expected = expectation.expected(nodes, adults, chosen, sampling.WORK)
            counted = np.logical_and.reduce([columns[name] >= 0 for name in chosen])
            n = int(counted.sum())
            cells = np.ravel_multi_index([columns[name][counted] for name in chosen], expected.shape)
            share = np.bincount(cells, minlength=expected.size) / n
            law = expected.ravel() / expected.sum()
            enough = law * n >= MIN_EXPECTED
            wanted, found = law[enough], share[enough]
            ratios[chosen] = 0.5 * np.abs(found - wanted).sum() / iid_floor(wanted, n)
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


if __name__ == "__main__":
    main()
