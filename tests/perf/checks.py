"""How many records a second one core checks: the ten texts and two lists of each, every row check.

    python tests/perf/checks.py --data povo-data --uf SE [--records N]

The texts are those that `povo validate` accepted there. The rate of the language classifier alone, on the same texts,
stands beside it: it shows how busy the machine is.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import _common
from deltalake import DeltaTable

from census import tables
from jobs import _storage
from udfs import parsing
from udfs.checks import language
from udfs.prompts import ATTRIBUTE_FIELDS, PERSONA_FIELDS

ROUNDS = 5


def more(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--records", type=int, default=200)


def read(data: str, uf: str, records: int) -> list[tuple[dict, dict, dict]]:
    """Person with place, answer to call 1, answer to call 2."""
    conf = _common.config(data)
    rows = {
        table: DeltaTable(str(_storage.path(conf.data_dir, table))).to_pyarrow_table().to_pylist()
        for table in (tables.TEXT, tables.ATTRIBUTE, tables.PLACE)
    }
    people = {row["uuid"]: row for row in rows[tables.ATTRIBUTE]}
    places = {row["municipality_code"]: row for row in rows[tables.PLACE]}
    texts = [row for row in rows[tables.TEXT] if row["uf"] == uf][:records]
    return [
        (
            people[row["uuid"]] | places[people[row["uuid"]]["municipality_code"]],
            {name: row[name] for name in ATTRIBUTE_FIELDS},
            {name: row[name] for name in PERSONA_FIELDS},
        )
        for row in texts
    ]


def cpu_seconds(work: Callable[[], object]) -> float:
    """The least processor time of a few rounds: other work on the machine does not count."""
    times = []
    for _ in range(ROUNDS):
        started = time.process_time()
        work()
        times.append(time.process_time() - started)
    return min(times)


def main() -> None:
    args = _common.arguments(__doc__, uf="SE", more=more)
    rows = read(args.data, args.uf, args.records)
    texts = [text for _, first, second in rows for text in parsing.record_texts(first, second)]

    def check() -> int:
        return sum(len(parsing.check_record(first, second, person)) for person, first, second in rows)

    problems = check()
    checked = len(rows) / cpu_seconds(check)
    classified = len(texts) / cpu_seconds(lambda: [language.portuguese_share(text) for text in texts])
    characters = sum(map(len, texts)) / len(texts)
    _common.show(
        f"Row checks of {args.uf}",
        ["records", "characters a text", "problems", "records/s of one core", "texts/s of py3langid alone"],
        [[len(rows), characters, problems, checked, classified]],
    )


if __name__ == "__main__":
    main()
