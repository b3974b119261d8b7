"""The pipeline's own memory: one row a stage and run in ops_pipeline__run, opened at the start, closed at the end."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from importlib.metadata import version as package_version
from pathlib import Path

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from census import tables
from census.errors import PovoError, SchemaError
from census.tables import Table
from conf.settings import Config
from jobs import _history, _locks, _spark, _states, _storage

log = logging.getLogger(__name__)


def _nobody(stage: str, text: str, done: int | None, total: int | None) -> None:
    """Nobody watches."""


# Set by the command line; a stage reports through it. Called with (stage, text, done, total).
listener: Callable[[str, str, int | None, int | None], None] = _nobody

# Stages that the command line was told to do again (--force).
forced: set[str] = set()


@dataclass
class RunReport:
    """What a stage did. `todo` are the states with work; empty: nothing changed.

    Attributes:
        asking: Further columns of the stage's row, by stages that ask a model.
        opening: The writing of the stage's row, which goes on while the stage begins to read.
    """

    job: str
    todo: tuple[str, ...]
    unchanged: tuple[str, ...]
    told: dict[str, object]
    rows_in: int | None = None
    rows_out: int | None = None
    seconds: float = 0.0
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    asking: dict[str, object] = field(default_factory=dict)
    warning: str | None = None
    opening: Future[None] | None = None

    @property
    def metadata(self) -> dict[str, object]:
        """What goes with every commit of the stage; none comes before the stage's row is written."""
        self.require_row()
        return self.told

    def require_row(self) -> None:
        """Wait until the stage's row is written: a stage that cannot leave one stops before it writes or pays.

        Raises:
            SchemaError: The row could not be written.
        """
        if self.opening is None:
            return
        try:
            self.opening.result()
        except (PySparkException, Py4JJavaError) as error:
            raise SchemaError(
                f"{self.job} could not leave its row in ops_pipeline__run: {str(error).splitlines()[0]} "
                "Nothing was done: see that the data folder's disk is there and has room."
            ) from error

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
        _close(spark, config.data_dir, row, RunReport(job, (), (), {}), started, "failed", str(error))
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
    with _recorded(spark, config, row, report, started):
        yield report


@contextmanager
def aside(
    spark: SparkSession,
    config: Config,
    job: str,
    *,
    beside: str,
    reads: Sequence[Table] = (),
    ufs: Sequence[str] = (_states.NATIONAL,),
) -> Iterator[RunReport]:
    """The row and the locks of work that is no stage of the road: it is done whenever it is asked for.

    Args:
        beside: The stage whose settings and fingerprint it goes by.
        ufs: States of `config.run.ufs`; by default the work is national.
    """
    road = _states.fingerprints(config)[beside]
    digests = {uf: road[uf] for uf in ufs}
    row = _opened(config, job, digests, reads, settings_of=beside)
    report = RunReport(job, tuple(digests), (), {})
    with _recorded(spark, config, row, report, time.monotonic()):
        yield report


@contextmanager
def _recorded(
    spark: SparkSession, config: Config, row: dict[str, object], report: RunReport, started: float
) -> Iterator[None]:
    """Hold the locks of the states to do, with the row open; close it whatever happens."""
    names = ("run_id", "job", "seed", "fingerprints")
    report.told = {name: row[name] for name in names}
    with _locks.held(config.data_dir, report.job, report.todo), ThreadPoolExecutor(1) as pool:
        # The row is written while the stage begins to read: a second less for every stage.
        report.opening = pool.submit(_write, spark, config.data_dir, row)
        try:
            yield
            report.require_row()
        except BaseException as error:
            wait([report.opening])
            reason = _spark.interrupt_behind(error)
            _close(spark, config.data_dir, row, report, started, "failed", _why(reason))
            if reason is error:
                raise
            raise reason from error
        _close(spark, config.data_dir, row, report, started, "done", None)


def _opened(
    config: Config, job: str, digests: Mapping[str, str], reads: Sequence[Table], *, settings_of: str = ""
) -> dict[str, object]:
    """The row of a stage that starts now, for the states of `digests`."""
    sizes = _states.records(config)
    return {
        "run_id": _locks.run_id(),
        "job": job,
        "status": "running",
        "version": package_version("povo"),
        "fingerprints": dict(digests),
        "settings": json.dumps(_states.settings_of(config, settings_of or job), ensure_ascii=False, sort_keys=True),
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
        **report.asking,
    }
    try:
        _write(spark, data_dir, closed)
    except Exception:
        if status == "done":
            raise
        log.exception("the row of the failed stage %s could not be closed", report.job)


def _write(spark: SparkSession, data_dir: Path, row: dict[str, object]) -> None:
    """Append an open row; a closed one takes its place, or stands alone where the open one never came to be."""
    values = [tuple(row.get(name) for name in tables.RUN.column_names)]
    frame = spark.createDataFrame(values, tables.RUN.schema).coalesce(1)
    metadata = {"run_id": row["run_id"], "job": row["job"], "status": row["status"]}
    if row["status"] == "running":
        _storage.append(frame, data_dir, tables.RUN, metadata=metadata)
    else:
        started = f"timestamp'{row['started_at']:%Y-%m-%d %H:%M:%S.%f}'"
        predicate = f"run_id = '{row['run_id']}' AND job = '{row['job']}' AND started_at = {started}"
        _storage.replace_where(frame, data_dir, tables.RUN, predicate, metadata=metadata)
