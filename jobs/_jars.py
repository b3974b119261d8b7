"""Fetch Delta's jars once, through Spark's own resolution, and keep them beside this Python."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from conf import settings
from jobs import _cli, _spark


def fetch() -> int:
    """Copy the jars of `spark.packages` to `_spark.jars_dir()`; returns how many lie there."""
    target = _spark.jars_dir()
    have = len(list(target.glob("*.jar")))
    if have >= 3:
        return have
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "jvm.log"
        with _cli.console_to(log):
            options = {"run.data": folder, "spark.master": "local[1]", "spark.driver_memory": "512m"}
            session = _spark.start(settings.load(options=options), app_name="povo-jars")
            jars = [Path(jar.removeprefix("file:")) for jar in session.conf.get("spark.jars", "").split(",") if jar]
            target.mkdir(parents=True, exist_ok=True)
            for jar in jars:
                shutil.copy(jar, target)
            session.stop()
    return len(list(target.glob("*.jar")))


if __name__ == "__main__":
    found = fetch()
    sys.exit(0 if found >= 3 else f"Only {found} of Delta's three jars were found; the first run resolves them itself.")
