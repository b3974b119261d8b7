"""Lines that stay: appended to a file of a disk, or put into an object store some seconds' worth at a time.

Both take lines from many threads. `write` returns when the line is as safe as the storage allows (the class says how
safe that is), and raises OSError when the storage failed: then nothing more may be paid for.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from udfs.storage import Folder, sync_names

_PUT_WAITS = (0.5, 1.0, 2.0, 4.0, 8.0)
_PUT_SHARE = 0.75  # of roll_seconds passes before a batch goes out; the rest is for its way


class ClosedError(Exception):
    """Nothing can be written any more."""


class AppendedLines:
    """Lines appended to files of a disk.

    Args:
        folder: Made if it is not there.
        new_name: Names the next file.
        fsync_seconds: 0 puts every line on the disk before `write` returns (threads that wait for the disk share one
            sync); otherwise a line may be so old before it is safe from a power cut. From a killed process it is safe
            at once in both cases.
        roll_bytes: A file that reaches this size is closed and another one begun.
    """

    def __init__(self, folder: Path, new_name: Callable[[], str], *, fsync_seconds: float, roll_bytes: int) -> None:
        self._folder = folder
        self._new_name = new_name
        self._fsync_seconds = fsync_seconds
        self._roll_bytes = roll_bytes
        # Taken in this order. A thread in fsync holds only the first, so that others can write meanwhile.
        self._sync_lock = threading.Lock()
        self._write_lock = threading.Lock()
        self._descriptor: int | None = None
        self._bytes = 0
        self._written = 0
        self._synced = 0
        self._torn = False
        self._closed = False
        self._timer: threading.Timer | None = None
        self._failure: OSError | None = None

    def write(self, line: bytes) -> None:
        """Append one line, with its end."""
        if self._failure:
            raise self._failure
        mine = self._append(line)
        if self._fsync_seconds == 0:
            self._sync(mine)
        if self._bytes >= self._roll_bytes:
            self._roll()

    def close(self) -> None:
        """Put everything on the disk."""
        with self._sync_lock, self._write_lock:
            self._closed = True
            if self._timer:
                self._timer.cancel()
            self._end_file()

    def _append(self, line: bytes) -> int:
        with self._write_lock:
            if self._closed:
                raise ClosedError
            if self._descriptor is None:
                self._descriptor = _begin_file(self._folder, self._new_name())
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
        """Return once line number `mine` is on the disk, by this thread's sync or by one that covered it."""
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
            self._failure = error  # nobody waits here: the next write tells

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


class PutLines:
    """Lines put into a folder whose files cannot grow, each file whole: what a kill costs is `roll_seconds` of lines.

    A line is stored at most `roll_seconds` after `write` took it; while the storage is slower than that, `write` takes
    none and waits, so that no more than `roll_seconds` of lines are ever unsafe. A put that fails is tried again for
    some seconds.

    Args:
        new_name: Names the next file.
        roll_bytes: So many bytes go out before their time.
    """

    def __init__(
        self,
        folder: Folder,
        new_name: Callable[[], str],
        *,
        roll_seconds: float,
        roll_bytes: int,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._folder = folder
        self._new_name = new_name
        self._roll_seconds = roll_seconds
        self._roll_bytes = roll_bytes
        self._sleep = sleep
        self._changed = threading.Condition()
        self._lines: list[bytes] = []
        self._bytes = 0
        self._since = 0.0  # when the first of these lines came
        self._on_the_way: float | None = None  # when the first line of the batch that is being put came
        self._closed = False
        self._failure: OSError | None = None
        self._thread: threading.Thread | None = None

    def write(self, line: bytes) -> None:
        """Take one line, with its end."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._failure or self._has_room())
            if self._failure:
                raise self._failure
            if self._closed:
                raise ClosedError
            if not self._lines:
                self._since = time.monotonic()
            self._lines.append(line)
            self._bytes += len(line)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="journal", daemon=True)
                self._thread.start()
            if len(self._lines) == 1 or self._bytes >= self._roll_bytes:
                self._changed.notify_all()

    def close(self) -> None:
        """Store everything."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()
        if self._failure:
            raise self._failure

    def _has_room(self) -> bool:
        if self._on_the_way is None:
            return self._bytes < self._roll_bytes
        return self._bytes < self._roll_bytes and time.monotonic() - self._on_the_way < self._roll_seconds

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._is_due():
                    left = self._since + _PUT_SHARE * self._roll_seconds - time.monotonic()
                    self._changed.wait(max(left, 0.001) if self._lines else None)
                if not self._lines:
                    return
                batch, self._lines, self._bytes, self._on_the_way = self._lines, [], 0, self._since
                self._changed.notify_all()
            failure = self._put(b"".join(batch))
            with self._changed:
                self._on_the_way, self._failure = None, failure
                self._changed.notify_all()
                if failure:
                    return

    def _is_due(self) -> bool:
        if self._closed or not self._lines:
            return self._closed
        return self._bytes >= self._roll_bytes or time.monotonic() >= self._since + _PUT_SHARE * self._roll_seconds

    def _put(self, data: bytes) -> OSError | None:
        name = self._new_name()  # the same in every try: a put whose answer was lost is written over
        for wait in (*_PUT_WAITS, None):
            try:
                self._folder.put(name, data)
                return None
            except OSError as error:
                if wait is None:
                    return error
            self._sleep(wait)
        raise AssertionError("unreachable")


def _begin_file(folder: Path, name: str) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o644)
    sync_names(folder)
    return descriptor


def _write_all(descriptor: int, data: bytes) -> int:
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]
    return len(data)
