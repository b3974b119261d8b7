"""Lines put whole into a store that cannot append: how late they are stored, and what happens when it is slow."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest
from fsspec.implementations.memory import MemoryFileSystem
from pyarrow import fs

from census.errors import PovoError
from udfs.durable import PutLines
from udfs.journal import JournalWriter, journal_files, read_journal
from udfs.storage import Folder


def names() -> Callable[[], str]:
    numbers = count()
    return lambda: f"{next(numbers):03d}"


def lines_of(folder: Folder) -> list[list[bytes]]:
    return [file.read(0, file.size).splitlines() for file in folder.files()]


def wait_until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    over = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < over, "it did not happen in time"
        time.sleep(0.01)


def test_lines_of_some_seconds_share_a_file_and_need_no_further_line_to_get_there(memory_store: Folder):
    lines = PutLines(memory_store, names(), roll_seconds=0.4, roll_bytes=10**6)
    lines.write(b"a\n")
    lines.write(b"b\n")
    assert lines_of(memory_store) == []
    wait_until(lambda: lines_of(memory_store) == [[b"a", b"b"]])
    lines.write(b"c\n")
    lines.close()
    assert lines_of(memory_store) == [[b"a", b"b"], [b"c"]]


def test_many_bytes_do_not_wait_for_their_time(memory_store: Folder):
    lines = PutLines(memory_store, names(), roll_seconds=60, roll_bytes=4)
    for letter in (b"a\n", b"b\n", b"c\n"):
        lines.write(letter)
    wait_until(lambda: lines_of(memory_store)[:1] == [[b"a", b"b"]])
    lines.close()
    assert lines_of(memory_store) == [[b"a", b"b"], [b"c"]]


class Gated(MemoryFileSystem):
    """A store that keeps a put waiting until its gate is open, or refuses some of them."""

    cachable = False
    store: dict[str, object] = {}  # noqa: RUF012
    pseudo_dirs = [""]  # noqa: RUF012

    def __init__(self, refuse: int = 0) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.refuse = refuse
        self.puts = 0

    def _open(self, path, mode="rb", **options):  # type: ignore[no-untyped-def]
        if "w" in mode:
            self.gate.wait(20)
            self.puts += 1
            if self.puts <= self.refuse:
                raise OSError(5, "the store is tired")
        return super()._open(path, mode, **options)


def gated(refuse: int = 0) -> tuple[Gated, Folder]:
    store = Gated(refuse)
    store.store, store.pseudo_dirs = {}, [""]
    return store, Folder("gated", "/j", fs.PyFileSystem(fs.FSSpecHandler(store)))


def test_while_the_store_is_slow_no_line_is_taken_beyond_the_bound():
    store, folder = gated()
    lines = PutLines(folder, names(), roll_seconds=0.3, roll_bytes=10**6)
    taken: list[float] = []

    def produce() -> None:
        for number in range(1000):
            lines.write(b"%d\n" % number)
            taken.append(time.monotonic())
            time.sleep(0.01)
            if over.is_set():
                return

    over = threading.Event()
    producer = threading.Thread(target=produce)
    producer.start()
    wait_until(lambda: bool(taken) and time.monotonic() - taken[-1] > 0.5)
    # Nothing is stored yet: a kill would cost all these lines, which came within roll_seconds.
    assert folder.files() == [] and taken[-1] - taken[0] <= 0.3
    held_back = len(taken)
    store.gate.set()
    wait_until(lambda: len(taken) > held_back + 5)
    over.set()
    producer.join()
    lines.close()
    assert [line for file in lines_of(folder) for line in file] == [b"%d" % number for number in range(len(taken))]


def test_a_put_that_fails_is_tried_again_under_the_same_name():
    store, folder = gated(refuse=3)
    store.gate.set()
    waits: list[float] = []
    lines = PutLines(folder, names(), roll_seconds=0.1, roll_bytes=10**6, sleep=waits.append)
    lines.write(b"a\n")
    lines.close()
    assert waits == [0.5, 1.0, 2.0]
    assert [file.name for file in folder.files()] == ["000"] and lines_of(folder) == [[b"a"]]


def test_a_store_that_goes_on_failing_stops_the_work_with_the_reason():
    store, folder = gated(refuse=100)
    store.gate.set()
    lines = PutLines(folder, names(), roll_seconds=0.1, roll_bytes=10**6, sleep=lambda seconds: None)
    lines.write(b"a\n")
    wait_until(lambda: store.puts == 6)
    with pytest.raises(OSError, match="the store is tired"):
        wait_until(lambda: lines.write(b"b\n") is not None)
    with pytest.raises(OSError, match="the store is tired"):
        lines.close()


def test_a_journal_in_a_store_tells_where_it_failed_and_keeps_what_came_otherwise(memory_store: Folder):
    with JournalWriter(memory_store, "run-1", 2, roll_seconds=0.2) as journal:
        for number in range(50):
            journal.append({"number": number})
    (file,) = journal_files(memory_store, "run-1", 2)
    assert [row["number"] for row in read_journal(file)] == list(range(50))
    assert journal_files(memory_store, "run-1", 1) == []
    with pytest.raises(PovoError, match="is closed"):
        journal.append({"number": 50})


def test_many_threads_lose_no_line(memory_store: Folder):
    with JournalWriter(memory_store, "r", 0, roll_seconds=0.05, roll_bytes=1000) as journal:

        def work(worker: int) -> None:
            for number in range(50):
                journal.append({"worker": worker, "number": number, "content": "ção" * (number % 30)})

        threads = [threading.Thread(target=work, args=(worker,)) for worker in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    rows = [row for file in journal_files(memory_store) for row in read_journal(file)]
    assert len(rows) == 400 and len({(row["worker"], row["number"]) for row in rows}) == 400


def test_a_kill_costs_no_line_that_is_older_than_the_bound(tmp_path: Path):
    process = subprocess.Popen([sys.executable, __file__, str(tmp_path)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    told = [process.stdout.readline() for _ in range(150)]
    process.send_signal(signal.SIGKILL)
    killed = time.time()
    told += process.stdout.readlines()
    process.wait()
    process.stdout.close()
    rows = [row for file in journal_files(mount(tmp_path)) for row in read_journal(file)]
    stored = sorted(row["n"] for row in rows)
    taken = {int(n): float(at) for n, at in (line.split() for line in told[:-1])}
    assert stored == list(range(len(stored))) and len(stored) > 50
    lost = [at for n, at in taken.items() if n >= len(stored)]
    assert min(lost, default=killed) >= killed - ROLL_SECONDS - 0.1


ROLL_SECONDS = 0.5


def mount(path: Path) -> Folder:
    return Folder(str(path), str(path), fs.LocalFileSystem(), local=path)


if __name__ == "__main__":
    with JournalWriter(mount(Path(sys.argv[1])), "r", 0, roll_seconds=ROLL_SECONDS) as writer:
        for n in range(10**6):
            writer.append({"n": n})
            print(n, time.time(), flush=True)
            time.sleep(0.01)
    os._exit(1)
