"""The journal: what was answered is there after any end of the process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from census.errors import PovoError
from udfs.journal import JournalWriter, journal_files, read_journal


def rows_of(folder: Path) -> list[dict[str, object]]:
    return [row for path in journal_files(folder) for row in read_journal(path)]


def test_rows_come_back_as_they_were_stored(tmp_path: Path):
    rows = [{"request_key": "a", "content": "São João\nd'Aliança \u2028 \ud83d", "error": None}, {"request_key": "b"}]
    with JournalWriter(tmp_path / "journal", "run-1", 3, 1) as journal:
        for row in rows:
            journal.append(row)
    assert rows_of(tmp_path / "journal") == rows


def test_each_attempt_of_a_task_has_files_of_its_own(tmp_path: Path):
    for task, attempt in ((3, 0), (3, 1), (3, 1), (4, 0)):
        with JournalWriter(tmp_path, "2026-11/a", task, attempt) as journal:
            journal.append({"task": task})
    names = [path.name for path in journal_files(tmp_path)]
    assert [name.rsplit("-", 1)[0] for name in names] == [
        "answers-2026_11_a-3-0",
        "answers-2026_11_a-3-1",
        "answers-2026_11_a-3-1",
        "answers-2026_11_a-4-0",
    ]
    assert journal_files(tmp_path, "2026-11/a") == journal_files(tmp_path)
    assert journal_files(tmp_path, "2026") == []


def test_a_task_with_no_answer_leaves_no_file(tmp_path: Path):
    JournalWriter(tmp_path, "r", 0).close()
    assert list(tmp_path.iterdir()) == [] and journal_files(tmp_path / "none") == []


@pytest.mark.parametrize("torn", [b'{"n": 3, "content": "S\xc3', b'{"n"', b"[3]", b"\x00\x00\x00", b'{"n": 3}x'])
def test_a_torn_last_line_is_skipped_and_counted(tmp_path: Path, torn: bytes):
    path = tmp_path / "answers-r-0-0-x.jsonl"
    path.write_bytes(b'{"n": 1}\n{"n": 2}\n' + torn)
    reader = read_journal(path)
    assert [row["n"] for row in reader] == [1, 2]
    assert reader.skipped_lines == 1


def test_a_last_line_that_lacks_only_its_end_is_kept(tmp_path: Path):
    path = tmp_path / "answers-r-0-0-x.jsonl"
    path.write_bytes(b'{"n": 1}\n\n{"n": 2}')
    reader = read_journal(path)
    assert [row["n"] for row in reader] == [1, 2] and reader.skipped_lines == 0


def test_a_file_that_reached_its_size_is_followed_by_another(tmp_path: Path):
    with JournalWriter(tmp_path, "r", 0, roll_bytes=100) as journal:
        for number in range(20):
            journal.append({"number": number})
    sizes = [path.stat().st_size for path in journal_files(tmp_path)]
    assert len(sizes) >= 3 and max(sizes) < 130
    assert sorted(row["number"] for row in rows_of(tmp_path)) == list(range(20))


@pytest.mark.parametrize("fsync_seconds", [0.0, 0.05])
def test_many_threads_write_whole_lines(tmp_path: Path, fsync_seconds: float):
    with JournalWriter(tmp_path, "r", 0, fsync_seconds=fsync_seconds, roll_bytes=5_000) as journal:

        def work(worker: int) -> None:
            for number in range(50):
                journal.append({"worker": worker, "number": number, "content": "ção" * (number % 30)})

        threads = [threading.Thread(target=work, args=(worker,)) for worker in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    stored = rows_of(tmp_path)
    assert len(stored) == 400 and len({(row["worker"], row["number"]) for row in stored}) == 400


def test_answers_are_synced_before_append_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    synced: list[int] = []
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (synced.append(os.fstat(fd).st_size), real(fd)))
    with JournalWriter(tmp_path, "r", 0) as journal:
        journal.append({"n": 1})
        assert synced[-1] == journal_files(tmp_path)[0].stat().st_size


def test_answers_are_synced_no_later_than_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    synced: list[float] = []
    real = os.fsync
    with JournalWriter(tmp_path, "r", 0, fsync_seconds=0.1) as journal:
        journal.append({"n": 1})
        monkeypatch.setattr(os, "fsync", lambda fd: (synced.append(time.monotonic()), real(fd)))
        journal.append({"n": 2})
        assert synced == []
        time.sleep(0.4)
        assert len(synced) == 1


def test_a_storage_that_fails_stops_the_work_with_the_reason(tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(PovoError, match=r"could not be stored in .*; free the disk or choose another --data"):
        JournalWriter(tmp_path / "file", "r", 0).append({"n": 1})


def test_a_write_that_broke_off_does_not_spoil_the_next_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    real = os.write
    with JournalWriter(tmp_path, "r", 0) as journal:
        journal.append({"n": 1})
        left = [real, _fail]
        monkeypatch.setattr(os, "write", lambda fd, data: left.pop(0)(fd, data[:5]))
        with pytest.raises(PovoError, match="No space left on device"):
            journal.append({"n": 2})
        monkeypatch.setattr(os, "write", real)
        journal.append({"n": 3})
    reader = read_journal(journal_files(tmp_path)[0])
    assert [row["n"] for row in reader] == [1, 3] and reader.skipped_lines == 1


def _fail(fd: int, data: bytes) -> int:
    raise OSError(28, "No space left on device")


def test_a_closed_journal_takes_no_more(tmp_path: Path):
    journal = JournalWriter(tmp_path, "r", 0)
    journal.close()
    journal.close()
    with pytest.raises(PovoError, match="closed"):
        journal.append({"n": 1})


def test_a_killed_process_loses_no_answer_that_was_stored(tmp_path: Path):
    code = (
        "import sys; from pathlib import Path; from udfs.journal import JournalWriter\n"
        "journal = JournalWriter(Path(sys.argv[1]), 'r', 0, fsync_seconds=60)\n"
        "for n in range(10**6):\n    journal.append({'n': n}); print(n, flush=True)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    for _ in range(200):
        process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    told = 200 + len(process.stdout.readlines())
    process.wait()
    process.stdout.close()
    stored = [row["n"] for row in read_journal(journal_files(tmp_path)[0])]
    assert stored == list(range(len(stored))) and len(stored) >= told - 1  # the last line told may be cut itself
