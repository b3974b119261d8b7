"""What earlier runs did: the rows of ops_pipeline__run, read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from pyspark.sql import Row, SparkSession

from census import tables
from census.errors import PovoError, QualityGateError, SchemaError
from conf.settings import Config
from jobs import _locks, _states, _storage
from udfs.journal import run_in_names

# The stages whose rows a stage reads. `validate` does not wait for `write_text`: it says itself which answers lack.
UPSTREAM = {
    "ingest": (),
    "condition": ("ingest",),
    "fit": ("ingest", "condition"),
    "sample": ("ingest", "condition", "fit"),
    "write_text": ("ingest", "condition", "fit", "sample"),
    "validate": ("ingest", "condition", "fit", "sample"),
    "publish": ("ingest", "condition", "fit", "sample", "validate"),
}


class Done(NamedTuple):
    """The last finished run of a stage for a state."""

    fingerprint: str
    seed: int | None
    records: int | None
    run_id: str
    started_at: datetime
    settings: str


def read(spark: SparkSession, data_dir: Path) -> list[Row]:
    """All rows, oldest first; none before the first run."""
    if not _storage.exists(data_dir, tables.RUN):
        return []
    return sorted(_storage.read(spark, data_dir, tables.RUN).collect(), key=lambda row: row["started_at"])


def finished(history: Sequence[Row], job: str) -> dict[str, Done]:
    """The last finished run of a stage, by state."""
    return {
        uf: Done(digest, row["seed"], (row["records"] or {}).get(uf), row["run_id"], row["started_at"], row["settings"])
        for row in history
        if row["job"] == job and row["status"] == "done"
        for uf, digest in row["fingerprints"].items()
    }


def last_end(history: Sequence[Row]) -> datetime | None:
    """When the last stage that ended did so, UTC; none if none has."""
    ends = [row["started_at"] + timedelta(seconds=row["seconds"]) for row in history if row["seconds"] is not None]
    return max(ends, default=None)


def left_open(history: Sequence[Row], data_dir: Path) -> set[tuple[str, str]]:
    """(stage, state) whose last row was opened and never closed by a run that is over: killed."""
    last = {(row["job"], uf): row for row in history for uf in row["ufs"]}
    return {
        key
        for key, row in last.items()
        if row["status"] == "running" and _locks.is_over(data_dir, run_in_names(row["run_id"]))
    }


def upstream(
    history: Sequence[Row], config: Config, job: str, *, mixed: bool = False
) -> tuple[dict[str, list[str]], str | None]:
    """Check that the rows a stage reads are those that this run's settings ask for.

    Args:
        mixed: Take what the earlier stages made, whatever their settings.

    Returns:
        By state, the fingerprints of earlier stages that are not those of this run (by other code or sources, or, if
        `mixed`, settings), and a sentence on them.

    Raises:
        SchemaError: An earlier stage has never finished for a state, or was last done with other settings.
        QualityGateError: The latter, before publishing.
    """
    road = _states.fingerprints(config)
    drift: dict[str, list[str]] = {uf: [] for uf in road[job]}
    older = []
    for stage in UPSTREAM[job]:
        known = finished(history, stage)
        for uf, wanted in road[stage].items():
            where = "Brazil" if uf == _states.NATIONAL else uf
            if uf not in known:
                raise SchemaError(f"{job}: {stage} has not been done for {where}: `povo run` does all that is missing.")
            if known[uf].fingerprint == wanted:
                continue
            other = _difference(known[uf], config, stage, uf)
            if other and not mixed:
                raise _otherwise(job, stage, where, other)
            older.append(stage)
            for state in drift if uf == _states.NATIONAL else (uf,):
                drift[state].append(known[uf].fingerprint)
    if not older:
        return drift, None
    stages = ", ".join(dict.fromkeys(older))
    return drift, f"{stages}: made with older code or sources; `povo run` makes them again."


def _otherwise(job: str, stage: str, where: str, other: str) -> PovoError:
    if job == "publish":
        return QualityGateError(
            f"publish refuses: {stage} of {where} was last done with {other}, and what was made differently is not "
            f"published together. Publish {where} apart with its own options, let `povo run` do it again, or set "
            "publish.allow_mixed=true."
        )
    return SchemaError(
        f"{job}: {stage} of {where} was last done with {other}, so what it made is not what is asked for. "
        f"Give the options of that run, or let `povo run` do {where} again."
    )


def _difference(done: Done, config: Config, stage: str, uf: str) -> str:
    """The settings that were others, as a person reads them; empty if none was."""
    was, now = json.loads(done.settings), json.loads(json.dumps(_states.settings_of(config, stage)))
    if uf != _states.NATIONAL and _states.STAGES.index(stage) >= _states.STAGES.index("sample"):
        was["records"], now["records"] = done.records, _states.records(config)[uf]
    parts = [
        f"{key.rpartition('.')[2]} {was.get(key)} (asked: {now.get(key)})"
        for key in sorted(was.keys() | now.keys())
        if was.get(key) != now.get(key)
    ]
    return ", ".join(parts)
