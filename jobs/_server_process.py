"""The offline writer as a process beside the run: started, waited for, and ended with it."""

from __future__ import annotations

import os
import selectors
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from census.errors import ModelError
from udfs.client import is_healthy

START_SECONDS = 30.0
END_SECONDS = 8.0


@contextmanager
def start(log_path: Path, faults: Path | None = None) -> Iterator[str]:
    """Run the server of `jobs.serve` on a free port and yield its base URL; it ends with the block or with us.

    Args:
        log_path: Where its messages go.
        faults: A faults file for it to play.

    Raises:
        ModelError: It did not start; the message names the log.
    """
    command = [sys.executable, "-m", "jobs.serve", "--port", "0", "--parent-pid", str(os.getpid())]
    if faults is not None:
        command += ["--faults", str(faults)]
    # It must find the same packages as we do, and none in the folder from which the run happens to be started.
    paths = os.pathsep.join(path for path in sys.path if path)
    environment = {**os.environ, "PYTHONPATH": paths, "PYTHONSAFEPATH": "1"}
    log_path.parent.mkdir(parents=True, exist_ok=True)
    with log_path.open("ab") as log_file:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log_file,
            env=environment,
            # Ctrl-C reaches a whole group of processes; the answers in flight need the server a little longer.
            start_new_session=True,
        )
    try:
        yield _wait_until_ready(process, log_path)
    finally:
        process.terminate()
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout:
            process.stdout.close()


def _wait_until_ready(process: subprocess.Popen[bytes], log_path: Path) -> str:
    over = time.monotonic() + START_SECONDS
    base_url = _first_line(process, START_SECONDS)
    while base_url and process.poll() is None and time.monotonic() < over:
        if is_healthy(base_url):
            return base_url
        time.sleep(0.02)
    raise ModelError(f"the offline writer did not start: see {log_path}", log_path=log_path)


def _first_line(process: subprocess.Popen[bytes], seconds: float) -> str:
    """The line it prints when it listens; empty if it ended, or printed none in time."""
    assert process.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        if not selector.select(seconds):
            return ""
    return process.stdout.readline().decode().strip()
