"""The pipeline's own memory: one row a stage and run in ops_pipeline__run, opened at the start, closed at the end."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib.metadata import version as package_version
from pathlib import Path

from pyspark.sql import SparkSession

from census import tables
from census.errors import PovoError
from census.tables import Table
from conf.settings import Config
from jobs import _history, _locks, _states, _storage

log = logging.getLogger(__name__)


def _nobody(stage: str, text: str, done: int | None, total: int | None) -> None:
    """Nobody watches."""


# Set by the command line; a stage reports through it. Called with (stage, text, done, total).
listener: Callable[[str, str, int | None, int | None], None] = _nobody

# Stages that the command line was told to do again (--force).
forced: set[str] = set()


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
    redo: Collection[str] = (),
    mixed: bool = False,
) -> Iterator[RunReport]:
    """Open the stage's row, hold the locks of its states, close the row whatever happens.

    A stage that finds every state unchanged, or a state that another run works on, leaves no row; one that may not
    start after what the stages before made leaves a failed one.

    A state whose fingerprint equals that of its last finished run is left out of `todo`, unless `forced`, named in
    `redo`, or a table is gone. With `until`, a state is finished only when that later stage is. `mixed` takes what the
    stages before made, whatever the settings of this run.

    Raises:
        PovoError: An earlier stage is missing or was last done otherwise, or another run works on one of the states.
    """
    history = _history.read(spark, config.data_dir)
    road = _states.fingerprints(config)
    started = time.monotonic()
    try:
        drift, warning = _history.upstream(history, config, job, mixed=mixed)
    except PovoError as error:
        row = _opened(config, job, road[job], reads)
        _close(spark, config.data_dir, row, RunReport(job, (), (), {}), started, "failed", str(error), append=True)
        raise
    digests, goal = _with(drift, road[job]), _with(drift, road[until or job])
    anew = job in forced or not all(_storage.exists(config.data_dir, t) for t in writes)
    known = {} if anew else _history.finished(history, until or job)
    todo = tuple(uf for uf in digests if uf in redo or uf not in known or known[uf].fingerprint != goal[uf])
    report = RunReport(job, todo, tuple(uf for uf in digests if uf not in todo), {}, warning=warning)
    if not todo:
        yield report
        return
    row = _opened(config, job, {uf: digests[uf] for uf in todo}, reads)
    report.metadata = {
        "run_id": row["run_id"],
        "job": job,
        "seed": config.run.seed,
        "fingerprints": row["fingerprints"],
    }
    with _locks.held(config.data_dir, job, todo), ThreadPoolExecutor(1) as pool:
        # The row is written while the stage begins to read: a second less for every stage.
        opening = pool.submit(_write, spark, config.data_dir, row, append=True)
        try:
            yield report
            opening.result()
        except BaseException as error:
            _close(
                spark,
                config.data_dir,
                row,
                report,
                started,
                "failed",
                _why(error),
                append=opening.exception() is not None,
            )
            raise
        _close(spark, config.data_dir, row, report, started, "done", None)


def _opened(config: Config, job: str, digests: Mapping[str, str], reads: Sequence[Table]) -> dict[str, object]:
    """The row of a stage that starts now, for the states of `digests`."""
    sizes = _states.records(config)
    return {
        "run_id": _locks.run_id(),
        "job": job,
        "status": "running",
        "version": package_version("povo"),
        "fingerprints": dict(digests),
        "settings": json.dumps(_states.settings_of(config, job), ensure_ascii=False, sort_keys=True),
        "seed": config.run.seed,
        "records": {uf: sizes[uf] for uf in digests if uf in sizes},
        "ufs": list(digests),
        "input_versions": {
            t.name: _storage.version(config.data_dir, t) for t in reads if _storage.exists(config.data_dir, t)
        },
        "started_at": datetime.now(timezone.utc),
    }


def _why(error: BaseException) -> str:
    if isinstance(error, PovoError):
        return str(error)
    return "stopped" if isinstance(error, KeyboardInterrupt) else f"{type(error).__name__}: {error}"


def _with(drift: Mapping[str, Sequence[str]], digests: Mapping[str, str]) -> dict[str, str]:
    """Fingerprints that also hold what earlier stages really made, where that is not what this run would make."""
    return {uf: _states.digest([digest, drift[uf]]) if drift[uf] else digest for uf, digest in digests.items()}


def _close(
    spark: SparkSession,
    data_dir: Path,
    row: dict[str, object],
    report: RunReport,
    started: float,
    status: str,
    message: str | None,
    *,
    append: bool = False,
) -> None:
    report.seconds = time.monotonic() - started
    closed = row | {
        "status": status,
        "rows_in": report.rows_in,
        "rows_out": report.rows_out,
        "seconds": report.seconds,
        "prompt_tokens": report.prompt_tokens,
        "completion_tokens": report.completion_tokens,
        "message": message and message[:2000],
    }
    try:
        _write(spark, data_dir, closed, append=append)
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
        started = f"timestamp'{row['started_at']:%Y-%m-%d %H:%M:%S.%f}'"
        predicate = f"run_id = '{row['run_id']}' AND job = '{row['job']}' AND started_at = {started}"
        _storage.replace_where(frame, data_dir, tables.RUN, predicate, metadata=metadata)
