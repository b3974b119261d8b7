"""What every command shares: its options, the settings they make, the session, the log, and the end in one sentence."""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from census.errors import ConfigError, PovoError
from conf import settings
from conf.settings import Config, SettingsError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from jobs._screen import Screen

log = logging.getLogger(__name__)
# Until a run has its log file, nothing but our own sentences reaches the screen.
logging.getLogger().addHandler(logging.NullHandler())


def number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a whole number.") from None


def option(flag: str, help_text: str, takes: str, default: str = "") -> Any:
    """An option with a value; a number where it takes N. `default` is shown only: settings fill it in."""
    parser = number if takes == "N" else None
    return typer.Option(flag, help=help_text, metavar=takes, show_default=default or False, parser=parser)


def switch(flag: str, help_text: str) -> Any:
    return typer.Option(flag, help=help_text, metavar="", show_default=False)


Uf = Annotated[str | None, option("--uf", "States with commas between, or all.", "AC,SE", "AC,SE")]
Records = Annotated[int | None, option("--records", "Accepted records per state.", "N", "1000")]
Total = Annotated[int | None, option("--total", "Records over all chosen states, split by population.", "N")]
Whole = Annotated[bool, switch("--whole", "Everyone of the census; stops after sample.")]
Seed = Annotated[int | None, option("--seed", "Another seed draws other persons.", "N", "1")]
Data = Annotated[str | None, option("--data", "Folder of tables, report and export.", "DIR", "./povo-data")]
Conf = Annotated[list[str] | None, option("--conf", "Settings in TOML; may be repeated, later wins.", "FILE")]
Set = Annotated[list[str] | None, option("--set", "One setting; may be repeated.", "SECTION.KEY=VALUE")]
Force = Annotated[bool, switch("--force", "Do the work again even if nothing changed.")]
Quiet = Annotated[bool, switch("--quiet", "Say nothing but errors.")]
Json = Annotated[bool, switch("--json", "Print JSON to stdout.")]


def config_of(
    uf: str | None,
    records: int | None,
    total: int | None,
    whole: bool,
    seed: int | None,
    data: str | None,
    conf: list[str] | None,
    sets: list[str] | None,
) -> Config:
    sizes = [
        name
        for name, given in (("--records", records is not None), ("--total", total is not None), ("--whole", whole))
        if given
    ]
    if len(sizes) > 1:
        raise ConfigError(f"{' and '.join(sizes)} say different things: give one of them.")
    for name, number in (("--records", records), ("--total", total)):
        if number is not None and number <= 0:
            raise ConfigError(f"{name} must be 1 or more, not {number}.")
    options: dict[str, Any] = {}
    if uf is not None:
        options["run.ufs"] = uf
    if records is not None:
        options |= {"run.records": records, "run.total": 0, "run.whole": False}
    if total is not None:
        options |= {"run.records": 0, "run.total": total, "run.whole": False}
    if whole:
        options |= {"run.whole": True, "sample.min_age_years": 0}
    if seed is not None:
        options["run.seed"] = seed
    if data is not None:
        options["run.data"] = data
    try:
        config = settings.load(tuple(conf or ()), tuple(sets or ()), options)
    except SettingsError as error:
        raise ConfigError(str(error)) from error
    if config.run.total:
        from jobs import _states

        _states.records(config)  # a total that leaves a state empty is a wrong setting
    return config


@contextmanager
def session(config: Config, quiet: bool) -> Iterator[tuple[SparkSession, Screen]]:
    """A Spark session with the run's log and a screen; everything Spark prints goes to files of the run.

    A session that runs in this process already is joined, and left running.
    """
    from pyspark.sql import SparkSession

    from jobs import _locks, _runlog, _screen, _spark, _storage

    data_dir = config.data_dir
    _storage.prepare(data_dir)
    folder = data_dir / "runs" / _locks.run_id()
    folder.mkdir(parents=True, exist_ok=True)
    log_file = folder / "log.jsonl"
    log_to(log_file)
    screen = _screen.Screen(quiet=quiet)
    _runlog.listener = screen.hear
    with screen:
        screen.hear("start", "starting Spark", None, None)
        joined = SparkSession.getActiveSession() is not None
        with console_to(folder / "jvm.log"):
            spark = _spark.start(config, log_file=log_file)
        try:
            yield spark, screen
        except Exception as error:
            reason = _spark.interrupt_behind(error)
            if reason is error:
                raise
            raise reason from error
        finally:
            if not joined:
                with console_to(folder / "jvm.log"):
                    spark.stop()


@contextmanager
def console_to(path: Path) -> Iterator[None]:
    """Send what child processes print to a file: they inherit our stdout and stderr at their start.

    Of our own prints only the screen's live line, which has a door of its own, still reaches the terminal.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    kept = os.dup(1), os.dup(2)
    with path.open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept[0], 1)
        os.dup2(kept[1], 2)
        os.close(kept[0])
        os.close(kept[1])


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, timezone.utc).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def log_to(path: Path) -> None:
    from pyspark.logger import PySparkLogger

    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(_JsonLines())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    logging.captureWarnings(True)
    for noisy in ("py4j", "pgmpy"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    # PySpark prints every query that fails on stderr, with its traceback, by loggers of its own.
    for name in ("SQLQueryContextLogger", "DataFrameQueryContextLogger"):
        PySparkLogger.getLogger(name).handlers = [handler]


def guard(work: Callable[[], int | None]) -> None:
    """Run a command: one sentence and an exit status for every failure, the traceback in the log only."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        status = work() or 0
    except PovoError as error:
        log.error("%s", error, exc_info=True)
        typer.secho(f"povo: {error}", fg="red", err=True)
        status = error.exit_status
    except KeyboardInterrupt:
        typer.secho(
            "povo: stopped. Everything finished so far is kept; the same command goes on from there.",
            fg="yellow",
            err=True,
        )
        status = 1
    except typer.Exit:
        raise
    except Exception as error:
        log.exception("unexpected")
        where = next((h.baseFilename for h in logging.getLogger().handlers if isinstance(h, logging.FileHandler)), None)
        hint = f" Details are in {where}." if where else ""
        typer.secho(
            f"povo: unexpected {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}{hint}",
            fg="red",
            err=True,
        )
        status = 1
    raise typer.Exit(status)
