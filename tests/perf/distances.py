"""TVD of a sample from the model's own exact tables, over the i.i.d. floor, for all 1, 2 and 3 variables.

The expected tables are exact: every table of up to three variables is summed out of the network by `einsum`, so that
what is left is the sampling alone. Variables of work are -1 for who does not work: their part is the slice of
`activity` = ocupado, the rest stands in one entry. Only entries with 5 or more expected persons count, on both sides.

python tests/perf/distances.py --data povo-data --uf SE [--persons 1000000]
"""

from __future__ import annotations

from itertools import combinations

import _network
import numpy as np
from _common import arguments, config, draw_all, iid_floor, sample_tables, show

from census import codes
from jobs import _spark

MIN_EXPECTED = 5.0
_BANDS = np.array([codes.AGE_BANDS.index(codes.age_band(age)) for age in range(131)])


def main() -> None:
    asked = arguments(__doc__, uf="SE", more=lambda p: p.add_argument("--persons", type=int, default=1_000_000))
    conf = config(asked.data)
    spark = _spark.start(conf)
    network = _network.read(spark, conf, asked.uf, min_age_years=18)
    state = sample_tables(spark, conf, asked.uf, seed=asked.seed, min_age_years=18).states[0]
    spark.stop()
    drawn = draw_all(state, asked.persons)
    columns = {"age_band": _BANDS[drawn["age_years"]], **drawn}
    names = [name for name in ("sex", "age_band", *network.tables) if name in columns and name in network.sizes]
    left_out = [name for name in network.tables if name not in columns]
    persons = len(columns["sex"])
    results = []
    for size in (1, 2, 3):
        ratios = {}
        for chosen in combinations(names, size):
            expected = exact(network, chosen)
            cells = np.zeros(persons, dtype=np.int64)
            for name in chosen:
                room = network.sizes[name] + (name in _network.OF_WORK)
                value = columns[name].astype(np.int64)
                cells = cells * room + np.where(value < 0, room - 1, value)
            share = np.bincount(cells, minlength=expected.size) / persons
            enough = expected.ravel() * persons >= MIN_EXPECTED
            wanted, found = expected.ravel()[enough], share[enough]
            ratios[chosen] = 0.5 * np.abs(found - wanted).sum() / iid_floor(wanted, persons)
        worst = max(ratios, key=ratios.get)
        results.append((size, len(ratios), float(np.median(list(ratios.values()))), ratios[worst], " x ".join(worst)))
    note = f"; not drawn as a column: {', '.join(left_out)}" if left_out else ""
    show(
        f"TVD over the i.i.d. floor at {persons:,} adults of {asked.uf}{note}",
        ("variables", "tables", "median", "worst", "worst table"),
        results,
    )


def exact(network: _network.Network, chosen: tuple[str, ...]) -> np.ndarray:
    """The joint law of the chosen variables; variables of work have one entry more, for who does not work."""
    work = [name for name in chosen if name in _network.OF_WORK]
    if not work:
        return _marginal(network, chosen, None)
    others = tuple(name for name in chosen if name not in work)
    working = np.zeros(network.sizes["activity"])
    working[_network.WORKS] = 1.0
    law = np.zeros([network.sizes[name] + (name in work) for name in chosen])
    law[tuple(slice(0, network.sizes[name]) for name in chosen)] = _marginal(network, chosen, working)
    rest = _marginal(network, others, 1 - working)
    law[tuple(-1 if name in work else slice(None) for name in chosen)] += rest
    return law


def _marginal(network: _network.Network, chosen: tuple[str, ...], weight: np.ndarray | None) -> np.ndarray:
    """Sum every other variable out; nodes that no chosen one descends from sum to 1 and are left out."""
    needed, todo = set(), [*chosen, *(["activity"] if weight is not None else [])]
    while todo:
        name = todo.pop()
        if name in needed:
            continue
        needed.add(name)
        todo += network.parents.get(name, ())
    label = {name: number for number, name in enumerate(network.sizes)}
    operands: list[object] = [network.given, [label[name] for name in _network.GIVEN]]
    for name, law in network.tables.items():
        if name in needed:
            operands += [law, [label[p] for p in (*network.parents[name], name)]]
    if weight is not None:
        operands += [weight, [label["activity"]]]
    return np.einsum(*operands, [label[name] for name in chosen], optimize="greedy")


if __name__ == "__main__":
    main()
