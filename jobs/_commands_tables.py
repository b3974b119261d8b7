"""Commands that look at a data folder: `report`, `status`, `sql`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from conf import settings
from conf.settings import STAGES, Config
from jobs._command import Conf, Data, Json, Quiet, Records, Seed, Set, Total, Uf, config_of, guard, option, session

if TYPE_CHECKING:
    from pyspark.sql import Row


def report(
    uf: Annotated[str | None, option("--uf", "Only these states of the folder.", "AC,SE", "all it holds")] = None,
    data: Data = None,
    conf: Conf = None,
    set_: Set = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write the report page and metrics.json of a data folder.

    Examples:

      povo report

      povo report --uf AC --json    (of Acre alone)
    """

    def work() -> None:
        from jobs import _storage
        from jobs import report as report_job

        config = config_of(uf, None, None, False, None, data, conf, set_)
        _storage.require_tables(config.data_dir)
        asked = None if uf is None or config.run.ufs == settings.UFS else config.run.ufs
        with session(config, quiet or as_json) as (spark, _):
            report_job.run(spark, config, asked)
        page = config.data_dir / "report" / "index.html"
        if as_json:
            typer.echo((page.parent / "metrics.json").read_text(encoding="utf-8"))
        elif not quiet:
            typer.echo(str(page))

    guard(work)


def status(
    uf: Uf = None,
    records: Records = None,
    total: Total = None,
    seed: Seed = None,
    data: Data = None,
    conf: Conf = None,
    set_: Set = None,
    as_json: Json = False,
) -> None:
    """Say per state and stage what is done, with which seed and size, and what the options given here would redo.

    Examples:

      povo status

      povo status --uf AC --seed 7    (would Acre be done again with seed 7?)

      povo status --uf all --json
    """

    def work() -> None:
        from jobs import _history, _storage

        config = config_of(uf, records, total, False, seed, data, conf, set_)
        _storage.require_tables(config.data_dir)
        with session(config, quiet=True) as (spark, screen):
            history = _history.read(spark, config.data_dir)
        rows = status_rows(config, history)
        if as_json:
            typer.echo(json.dumps(rows, ensure_ascii=False, indent=1))
            return
        columns = list(rows[0])
        shown = [["" if row[c] is None else str(row[c]) for c in columns] for row in rows]
        screen.table(f"{config.data_dir}\nBR: done once for all of Brazil", columns, shown)

    guard(work)


def status_rows(config: Config, history: Sequence[Row]) -> list[dict[str, object]]:
    """One row a stage and state, by their last run: the states asked for, and those that others left in the folder."""
    from jobs import _history, _states

    digests = _states.fingerprints(config)
    killed = _history.left_open(history, config.data_dir)
    latest = {(row["job"], uf): row for row in history for uf in row["ufs"]}
    everywhere = sorted({uf for _, uf in latest} | {*config.run.ufs, _states.NATIONAL})
    rows: list[dict[str, object]] = []
    for stage in STAGES:
        for state in everywhere:
            last, wanted = latest.get((stage, state)), digests[stage].get(state)
            if last is None and wanted is None:
                continue
            if last is None:
                word = "never run"
            elif (stage, state) in killed:
                word = "stopped midway"
            elif last["status"] != "done":
                word = last["status"]
            else:
                is_current = wanted in (None, last["fingerprints"][state])
                word = "done" if is_current else "done with other settings or code"
            rows.append(
                {
                    "stage": stage,
                    "uf": state,
                    "status": word,
                    "seed": last["seed"] if last and state != _states.NATIONAL else None,
                    "records": (last["records"] or {}).get(state) if last else None,
                    "started": f"{last['started_at']:%Y-%m-%d %H:%M}" if last else None,
                    "run_id": last["run_id"] if last else None,
                }
            )
    return rows


def sql(
    query: Annotated[str, typer.Argument(metavar="QUERY", show_default=False)],
    data: Data = None,
    conf: Conf = None,
    set_: Set = None,
    as_json: Json = False,
) -> None:
    """Run one Spark SQL query that reads the tables of a data folder, by their names.

    Examples:

      povo sql "SELECT uf, sex, count(*) AS persons FROM core_persona__attribute GROUP BY uf, sex"

      povo sql "SHOW VIEWS"    (every table there is)
    """

    def work() -> None:
        from census import tables
        from jobs import _storage

        config = config_of(None, None, None, False, None, data, conf, set_)
        _storage.require_tables(config.data_dir)
        with session(config, quiet=True) as (spark, screen):
            for table in tables.ALL:
                if _storage.exists(config.data_dir, table):
                    _storage.read(spark, config.data_dir, table).createOrReplaceTempView(table.name)
            rows, columns = _storage.query(spark, query)
        if as_json:
            for row in rows:
                typer.echo(json.dumps(dict(zip(columns, row, strict=True)), ensure_ascii=False, default=str))
        else:
            screen.table("", columns, [["" if v is None else str(v) for v in row] for row in rows])

    guard(work)
