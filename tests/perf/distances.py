"""TVD of a sample from the model's own exact tables, over the i.i.d. floor, for all 1, 2 and 3 variables.

The expected tables are exact: each is summed out of the network of the state's adults, so that what is left is the
sampling alone. A table with a variable of work is of who works. Income is counted in classes of minimum wages. Only
cells with 5 or more expected persons count, on both sides.

python tests/perf/distances.py --data povo-data --uf SE [--persons 1000000]
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
from _common import arguments, config, draw_all, iid_floor, sample_tables, show

from census import codes, expectation
from jobs import _metrics, _model_tables, _spark
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
    classes = expectation.income_law(*_model_tables.income_points(spark, conf.data_dir), _metrics.INCOME_ENDS)
    spark.stop()
    drawn = draw_all(state, asked.persons)
    columns = {**drawn, "age_band": _BANDS[drawn["age_years"]], expectation.INCOME_CLASS: _classes(drawn["income_brl"])}
    nodes = stored.state(asked.uf)
    adults = stored.block(asked.uf).persons.sum(axis=0)
    adults[:, : codes.FIRST_ADULT_BAND] = 0
    names = [name for name in ("sex", "age_band", *(node.name for node in nodes)) if name in columns]
    names.append(expectation.INCOME_CLASS)
    persons = len(columns["sex"])
    results = []
    for size in (1, 2, 3):
        ratios = {}
        for chosen in combinations(names, size):
            expected = expectation.expected_with_income(nodes, adults, chosen, sampling.WORK, classes)
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
    show(
        f"TVD over the i.i.d. floor at {persons:,} adults of {asked.uf}, {len(names)} variables",
        ("variables", "tables", "median", "worst", "worst three"),
        results,
    )


def _classes(income_brl: np.ndarray) -> np.ndarray:
    """Class of each income; -1 for who does not work."""
    return np.where(np.isnan(income_brl), -1, np.searchsorted(_metrics.INCOME_ENDS, income_brl))


if __name__ == "__main__":
    main()
