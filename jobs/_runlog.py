"""The pipeline's own memory: one row a stage and run in ops_pipeline__run, opened at the start, closed at the end."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from importlib.metadata import version as package_version
from pathlib import Path
from typing import IO

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from census import tables
from census.errors import ConfigError, PovoError
from census.tables import Table
from conf.settings import Config
from jobs import _states, _storage

log = logging.getLogger(__name__)


# Set by the command line; a stage reports through it. Called with (stage, text, done, total).
def _nobody(stage: str, text: str, done: int | None, total: int | None) -> None:
    """Nobody watches."""


listener: Callable[[str, str, int | None, int | None], None] = _nobody

# Stages that the command line was told to do again (--force).
forced: set[str] = set()

_RUN_ID = f"{datetime.now(timezone.utc):%Y%m%dT%H%M%S}-{secrets.token_hex(2)}"


def run_id() -> str:
    """Id of this process's run: UTC start and four random hex digits."""
    return _RUN_ID


def is_over(data_dir: Path, other: str) -> bool:
    """Whether a run has ended: it is this one, or nobody holds its lock any more.

    Args:
        other: Its id, as it stands in a journal file's name.
    """
    lock = data_dir / "locks" / f"run-{other}.lock"
    if other == _journal_name(_RUN_ID) or not lock.exists():
        return True
    with lock.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
    return True


def _journal_name(run: str) -> str:
    return run.replace("-", "_")


@dataclass
class RunReport:
    """What a stage did. `todo` are the states with work; empty: nothing changed."""

    job: str
    todo: tuple[str, ...]
    unchanged: tuple[str, ...]
    metadata: dict[str, object]
    rows_in: int | None = None
    rows_out: int | None = None
    seconds: float = 0.0
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    warning: str | None = None
    input_versions: dict[str, int] = field(default_factory=dict)

    def progress(self, text: str, done: int | None = None, total: int | None = None) -> None:
        """Tell whoever watches."""
        log.info("%s: %s", self.job, text)
        listener(self.job, text, done, total)


@contextmanager
def stage(
    spark: SparkSession,
    config: Config,
    job: str,
    *,
    writes: Sequence[Table],
    reads: Sequence[Table] = (),
    until: str | None = None,
) -> Iterator[RunReport]:
    """Open the stage's row, hold the locks of its states, close the row whatever happens.

    A state whose fingerprint equals that of its last finished run is left out of `todo`, unless `forced`, or a table
    is gone. With `until`, a state is finished only when that later stage is.

    Raises:
        PovoError: Another run works on one of the states.
    """
    road = _states.fingerprints(config)
    digests, goal = road[job], road[until or job]
    anew = job in forced or not all(_storage.exists(config.data_dir, t) for t in writes)
    known = {} if anew else finished(spark, config.data_dir, until or job)
    todo = tuple(uf for uf in digests if known.get(uf, {}).get("fingerprint") != goal[uf])
    report = RunReport(job, todo, tuple(uf for uf in digests if uf not in todo), {})
    if not todo:
        listener(job, "unchanged", None, None)
        yield report
        return
    sizes = _states.records(config)
    started = time.monotonic()
    row = {
        "run_id": run_id(),
        "job": job,
        "status": "running",
        "version": package_version("povo"),
        "fingerprints": {uf: digests[uf] for uf in todo},
        "settings": json.dumps(_states.settings_of(config, job), ensure_ascii=False, sort_keys=True),
        "seed": config.run.seed,
        "records": {uf: sizes[uf] for uf in todo if uf in sizes},
        "ufs": list(todo),
        "input_versions": {
            t.name: _storage.version(spark, config.data_dir, t) for t in reads if _storage.exists(config.data_dir, t)
        },
        "started_at": datetime.now(timezone.utc),
    }
    report.metadata = {
        "run_id": row["run_id"],
        "job": job,
        "seed": config.run.seed,
        "fingerprints": row["fingerprints"],
    }
    report.input_versions = dict(row["input_versions"])  # type: ignore[call-overload]
    with _locks(config.data_dir, job, todo):
        _write(spark, config.data_dir, row, append=True)
        try:
            yield report
        except BaseException as error:
            message = str(error) if isinstance(error, PovoError) else f"{type(error).__name__}: {error}"
            _close(spark, config.data_dir, row, report, started, "failed", message[:2000])
            raise
        _close(spark, config.data_dir, row, report, started, "done", None)


def finished(spark: SparkSession, data_dir: Path, job: str | None = None) -> dict[str, dict[str, object]]:
    """The last finished run of each state (key `uf`, or `job/uf` without `job`): fingerprint, seed, records, run id."""
    if not _storage.exists(data_dir, tables.RUN):
        return {}
    rows = _storage.read(spark, data_dir, tables.RUN).where(F.col("status") == "done")
    if job is not None:
        rows = rows.where(F.col("job") == job)
    found: dict[str, dict[str, object]] = {}
    for row in sorted(rows.collect(), key=lambda r: r["started_at"]):
        for uf, digest in row["fingerprints"].items():
            key = uf if job is not None else f"{row['job']}/{uf}"
            found[key] = {
                "fingerprint": digest,
                "seed": row["seed"],
                "records": (row["records"] or {}).get(uf),
                "run_id": row["run_id"],
                "started_at": row["started_at"],
                "settings": row["settings"],
            }
    return found


def left_open(spark: SparkSession, data_dir: Path) -> set[str]:
    """`job/uf` of rows that were opened and never closed by runs that are over: killed."""
    if not _storage.exists(data_dir, tables.RUN):
        return set()
    rows = _storage.read(spark, data_dir, tables.RUN).collect()
    last: dict[str, tuple[datetime, str, str]] = {}
    for row in rows:
        for uf in row["ufs"]:
            key = f"{row['job']}/{uf}"
            if key not in last or row["started_at"] > last[key][0]:
                last[key] = (row["started_at"], row["status"], row["run_id"])
    return {
        key for key, (_, status, run) in last.items() if status == "running" and is_over(data_dir, _journal_name(run))
    }


def _close(
    spark: SparkSession,
    data_dir: Path,
    row: dict[str, object],
    report: RunReport,
    started: float,
    status: str,
    message: str | None,
) -> None:
    report.seconds = time.monotonic() - started
    closed = row | {
        "status": status,
        "rows_in": report.rows_in,
        "rows_out": report.rows_out,
        "seconds": report.seconds,
        "prompt_tokens": report.prompt_tokens,
        "completion_tokens": report.completion_tokens,
        "message": message,
    }
    try:
        _write(spark, data_dir, closed, append=False)
    except Exception:
        if status == "done":
            raise
        log.exception("the row of the failed stage %s could not be closed", report.job)


def _write(spark: SparkSession, data_dir: Path, row: dict[str, object], *, append: bool) -> None:
    values = [tuple(row.get(name) for name in tables.RUN.column_names)]
    frame = spark.createDataFrame(values, tables.RUN.schema).coalesce(1)
    metadata = {"run_id": row["run_id"], "job": row["job"], "status": row["status"]}
    if append:
        _storage.append(frame, data_dir, tables.RUN, metadata=metadata)
    else:
        predicate = f"run_id = '{row['run_id']}' AND job = '{row['job']}' AND started_at = timestamp'{row['started_at']:%Y-%m-%d %H:%M:%S.%f}'"
        _storage.replace_where(frame, data_dir, tables.RUN, predicate, metadata=metadata)


@contextmanager
def _locks(data_dir: Path, job: str, ufs: Sequence[str]) -> Iterator[None]:
    """Hold `<data>/locks/<state>.lock` of every state; the operating system frees them when the process dies."""
    folder = data_dir / "locks"
    folder.mkdir(exist_ok=True)
    with ExitStack() as held:
        mine = held.enter_context(open(folder / f"run-{_journal_name(_RUN_ID)}.lock", "a", encoding="utf-8"))
        fcntl.flock(mine, fcntl.LOCK_EX)
        for uf in sorted(ufs):
            file: IO[str] = held.enter_context(open(folder / f"{uf}.lock", "a+", encoding="utf-8"))
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                file.seek(0)
                owner = file.read().strip() or "another process"
                raise ConfigError(
                    f"{uf} is being worked on by {owner}: wait for it, or give another --data folder."
                ) from error
            file.truncate(0)
            file.write(f"run {run_id()}, {job}, process {os.getpid()}")
            file.flush()
        yield
