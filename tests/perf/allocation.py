"""Municipalities of a sample against the census's own counts, at every size; adults of one state.

python tests/perf/allocation.py --data povo-data --uf SE [--persons 1000,10000,100000,1000000]
"""

from __future__ import annotations

import numpy as np
from _common import arguments, config, draw_all, iid_floor, sample_tables, show

from jobs import _spark

AGES = 131


def main() -> None:
    asked = arguments(__doc__, uf="SE", more=lambda p: p.add_argument("--persons", default="1000,10000,100000,1000000"))
    conf = config(asked.data)
    spark = _spark.start(conf)
    state = sample_tables(spark, conf, asked.uf, seed=asked.seed, min_age_years=18).states[0]
    spark.stop()
    numbering = state.numbering
    rows = int(np.searchsorted(numbering.ends, state.limit))  # adults come first
    persons = np.diff(np.concatenate([[0], numbering.ends[: rows + 1]]))
    place = numbering.municipality[: rows + 1]
    places = len(numbering.municipality_codes)
    cell = (place * 2 + numbering.sex[: rows + 1]) * AGES + numbering.age[: rows + 1]
    fine = np.bincount(cell, persons, places * 2 * AGES)
    coarse = np.bincount(place, persons, places)
    results = []
    for size in (int(text) for text in asked.persons.split(",")):
        drawn = draw_all(state, size)
        here = np.searchsorted(numbering.municipality_codes, drawn["municipality"])
        n = len(here)
        found = np.bincount(here, minlength=places)
        wanted = coarse / coarse.sum()
        within = fine / fine.sum()
        found_fine = np.bincount((here * 2 + drawn["sex"]) * AGES + drawn["age_years"], minlength=len(fine))
        results.append(
            (
                n,
                float(np.abs(found - wanted * n).max()),
                0.5 * float(np.abs(found / n - wanted).sum()) / iid_floor(wanted, n),
                0.5 * float(np.abs(found_fine / n - within).sum()) / iid_floor(within, n),
            )
        )
    show(
        f"Municipalities of {asked.uf} ({places}) against the allocation, adults",
        ("persons", "worst municipality, persons off", "municipality TVD / floor", "x sex x age TVD / floor"),
        results,
    )


if __name__ == "__main__":
    main()
