"""Fetch Delta's jars once, through Spark's own resolution, and keep them beside this Python."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from census.errors import ConfigError, PovoError
from conf import settings
from jobs import _command, _spark

WANTED = 3  # delta-spark, delta-storage, antlr4-runtime


def fetch() -> Path:
    """Copy the jars of `spark.packages` to their folder (`_spark.jars_dir`), in place of those of other coordinates.

    Raises:
        ConfigError: They cannot be fetched; names the log, which stays.
    """
    packages = settings.load().spark.packages
    target = _spark.jars_dir(packages)
    if target.is_dir():
        return target
    log = target.parent.with_name("jars.log")
    partial = target.parent.with_name("jars.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    log.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        options = {"run.data": folder, "spark.master": "local[1]", "spark.driver_memory": "512m"}
        try:
            with _command.console_to(log):
                session = _spark.start(settings.load(options=options), app_name="povo-jars")
                for jar in filter(None, session.conf.get("spark.jars", "").split(",")):
                    shutil.copy(jar.removeprefix("file:"), partial)
                session.stop()
        except PovoError as error:
            raise ConfigError(f"{error} The log is {log}.") from error
    if not any(partial.iterdir()):
        raise ConfigError(f"Spark named no jar of {packages}. The log is {log}.")
    shutil.rmtree(target.parent, ignore_errors=True)
    target.parent.mkdir()
    partial.rename(target)
    log.unlink()
    return target


def main() -> int:
    """What set-up calls; returns the exit status."""
    try:
        fetch()
    except PovoError as error:
        print(f"set-up: {error}", file=sys.stderr)
        return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main())
