"""Answers on durable storage when they arrive, before anything is done with them.

A journal is a folder of files, one JSON object a line. Each task attempt writes files of its own, so no two processes
ever share one; a killed process leaves at worst one torn line at the end. Only this module knows where the bytes lie,
so that an object store can take the folder's place.
"""

from __future__ import annotations

import json
import os
import re
import threading
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from census.errors import PovoError

MIB = 1 << 20


class JournalWriter:
    """Appends answers of one task attempt; safe to use from many threads.

    Args:
        folder: Made if it is not there.
        run_id: Of the run that pays for the answers.
        task_id: Number of the Spark partition.
        attempt: Number of the Spark task's attempt.
        fsync_seconds: 0 puts every answer on the disk before `append` returns (threads that wait for the disk share
            one sync); otherwise an answer may be so old before it is safe from a power cut. From a killed process it
            is safe at once in both cases.
        roll_bytes: A file that reaches this size is closed and another one begun.
    """

    def __init__(
        self,
        folder: Path,
        run_id: str,
        task_id: int,
        attempt: int = 0,
        *,
        fsync_seconds: float = 0.0,
        roll_bytes: int = 64 * MIB,
    ) -> None:
        self._folder = folder
        self._stem = f"answers-{_safe(run_id)}-{task_id}-{attempt}"
        self._fsync_seconds = fsync_seconds
        self._roll_bytes = roll_bytes
        # Taken in this order. A thread in fsync holds only the first, so that others can write meanwhile.
        self._sync_lock = threading.Lock()
        self._write_lock = threading.Lock()
        self._descriptor: int | None = None
        self._path = folder
        self._bytes = 0
        self._written = 0
        self._synced = 0
        self._torn = False
        self._closed = False
        self._timer: threading.Timer | None = None
        self._failure: OSError | None = None

    def __enter__(self) -> JournalWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def append(self, row: Mapping[str, Any]) -> None:
        """Store one answer.

        Raises:
            PovoError: The storage failed or the journal is closed: nothing more may be paid for.
        """
        line = json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass") + b"\n"
        try:
            if self._failure:
                raise self._failure
            mine = self._write(line)
            if self._fsync_seconds == 0:
                self._sync(mine)
            if self._bytes >= self._roll_bytes:
                self._roll()
        except OSError as error:
            raise PovoError(
                f"an answer could not be stored in {self._path}: {error.strerror}; free the disk or "
                "choose another --data, then run again",
                path=self._path,
            ) from error

    def close(self) -> None:
        """Put everything on the disk; `append` raises from now on."""
        with self._sync_lock, self._write_lock:
            self._closed = True
            if self._timer:
                self._timer.cancel()
            self._end_file()

    def _write(self, line: bytes) -> int:
        with self._write_lock:
            if self._closed:
                raise PovoError(f"the journal in {self._folder} is closed", path=self._folder)
            if self._descriptor is None:
                self._path, self._descriptor = _begin_file(self._folder, self._stem)
                self._bytes, self._torn = 0, False
            if self._torn:  # the rest of a write that failed must not spoil this line too
                line = b"\n" + line
            self._torn = True
            self._bytes += _write_all(self._descriptor, line)
            self._torn = False
            self._written += 1
            if self._fsync_seconds > 0 and self._timer is None:
                self._timer = threading.Timer(self._fsync_seconds, self._sync_late)
                self._timer.daemon = True
                self._timer.start()
            return self._written

    def _sync(self, mine: int) -> None:
        """Return once answer number `mine` is on the disk, by this thread's sync or by one that covered it."""
        with self._sync_lock:
            if self._synced >= mine:
                return
            with self._write_lock:
                covered, descriptor = self._written, self._descriptor
            if descriptor is not None:
                os.fsync(descriptor)
            self._synced = covered

    def _sync_late(self) -> None:
        with self._write_lock:
            self._timer = None
            latest = self._written
        try:
            self._sync(latest)
        except OSError as error:
            self._failure = error  # nobody waits here: the next append tells

    def _roll(self) -> None:
        with self._sync_lock, self._write_lock:
            if self._bytes >= self._roll_bytes:
                self._end_file()

    def _end_file(self) -> None:
        if self._descriptor is not None:
            descriptor, self._descriptor, self._bytes = self._descriptor, None, 0
            try:
                os.fsync(descriptor)
                self._synced = self._written
            finally:
                os.close(descriptor)


class JournalReader(Iterator[dict[str, Any]]):
    """The answers of one journal file, in the order they were stored.

    A line that is no JSON object, such as the torn last line of a killed process, is skipped and counted in
    `skipped_lines`; what was paid for in the other lines is never lost for it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.skipped_lines = 0
        self._rows = self._read()

    def __next__(self) -> dict[str, Any]:
        return next(self._rows)

    def _read(self) -> Iterator[dict[str, Any]]:
        with self.path.open("rb") as lines:
            for line in lines:
                if not line.strip():
                    continue
                try:
                    row = json.loads(line)
                except (ValueError, RecursionError):
                    row = None
                if isinstance(row, dict):
                    yield row
                else:
                    self.skipped_lines += 1


def read_journal(path: Path) -> JournalReader:
    """Read one journal file, even one that is being written or was torn by a kill."""
    return JournalReader(path)


def journal_files(folder: Path, run_id: str | None = None) -> list[Path]:
    """The journal files of a folder, or of one run, by name; empty if there is no such folder."""
    pattern = "answers-*.jsonl" if run_id is None else f"answers-{_safe(run_id)}-*.jsonl"
    return sorted(folder.glob(pattern))


def _safe(run_id: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.]", "_", run_id)  # no dash: it separates the parts of a file's name


def _begin_file(folder: Path, stem: str) -> tuple[Path, int]:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{stem}-{uuid.uuid4().hex[:12]}.jsonl"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o644)
    names = os.open(folder, os.O_RDONLY)  # the file's name must outlive a power cut as well
    try:
        os.fsync(names)
    finally:
        os.close(names)
    return path, descriptor


def _write_all(descriptor: int, data: bytes) -> int:
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]
    return len(data)
