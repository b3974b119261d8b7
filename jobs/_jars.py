"""Fetch Delta's jars once, through Spark's own resolution, and keep them beside this Python."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from conf import settings
from jobs import _cli, _spark

WANTED = 3  # delta-spark, delta-storage, antlr4-runtime


def fetch(log: Path) -> int:
    """Copy the jars of `spark.packages` to `_spark.jars_dir()`; returns how many lie there.

    Args:
        log: Where the JVM says what it could not fetch.
    """
    packages = settings.load().spark.packages
    target = _spark.jars_dir()
    mark = target / "packages.txt"
    if mark.exists() and mark.read_text(encoding="utf-8") == packages:
        return len(list(target.glob("*.jar")))
    # Jars of another version would be taken in silence.
    shutil.rmtree(target, ignore_errors=True)
    with tempfile.TemporaryDirectory() as folder, _cli.console_to(log):
        options = {"run.data": folder, "spark.master": "local[1]", "spark.driver_memory": "512m"}
        session = _spark.start(settings.load(options=options), app_name="povo-jars")
        jars = [Path(jar.removeprefix("file:")) for jar in session.conf.get("spark.jars", "").split(",") if jar]
        target.mkdir(parents=True, exist_ok=True)
        for jar in jars:
            shutil.copy(jar, target)
        session.stop()
    found = len(list(target.glob("*.jar")))
    if found >= WANTED:
        mark.write_text(packages, encoding="utf-8")
    return found


def main() -> int:
    """Fetch the jars; one sentence if that fails."""
    log = Path(sys.prefix) / "povo-jars.log"
    try:
        if fetch(log) >= WANTED:
            return 0
        why = "not all of them came"
    except Exception as error:  # the JVM ends in many ways; what it said is in the log
        why = str(error).splitlines()[0]
    print(f"Delta's jars could not be fetched ({why}; see {log}). The next run tries again.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
