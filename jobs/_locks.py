"""Who works: the id of this process's run, and the locks that a killed process cannot leave behind."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import IO

from census.errors import ConfigError
from udfs.journal import run_in_names

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
    if other == run_in_names(_RUN_ID) or not lock.exists():
        return True
    with lock.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
    return True


def is_known(data_dir: Path, other: str) -> bool:
    """Whether a run, by its id in a journal file's name, works or worked on this data folder."""
    return other == run_in_names(_RUN_ID) or (data_dir / "locks" / f"run-{other}.lock").exists()


@contextmanager
def held(data_dir: Path, job: str, ufs: Sequence[str]) -> Iterator[None]:
    """Hold `<data>/locks/<state>.lock` of every state; the operating system frees them when the process dies."""
    folder = data_dir / "locks"
    folder.mkdir(exist_ok=True)
    with ExitStack() as stack:
        mine = stack.enter_context(open(folder / f"run-{run_in_names(_RUN_ID)}.lock", "a", encoding="utf-8"))
        fcntl.flock(mine, fcntl.LOCK_EX)
        for uf in sorted(ufs):
            file: IO[str] = stack.enter_context(open(folder / f"{uf}.lock", "a+", encoding="utf-8"))
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
