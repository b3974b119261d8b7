"""The journal: what was answered is there after any end of the process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pyarrow as pa
import pytest

from census.errors import ConfigError, PovoError
from udfs.journal import (
    JournalWriter,
    LineCounter,
    StoredAnswers,
    answer_batches,
    journal_files,
    mark,
    read_journal,
    require_shared,
    run_of,
)
from udfs.storage import Folder


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


@pytest.mark.parametrize("end", [b"", b"\n"])
@pytest.mark.parametrize("torn", [b'{"n": 3, "content": "S\xc3', b'{"n"', b"[3]", b"\x00\x00\x00", b'{"n": 3}x'])
def test_a_torn_last_line_is_skipped_and_counted(tmp_path: Path, torn: bytes, end: bytes):
    path = tmp_path / "answers-r-0-0-x.jsonl"
    path.write_bytes(b'{"n": 1}\n{"n": 2}\n' + torn + end)
    reader = read_journal(path)
    assert [row["n"] for row in reader] == [1, 2]
    assert reader.skipped_lines == 1


def test_a_last_line_that_lacks_only_its_end_is_kept(tmp_path: Path):
    path = tmp_path / "answers-r-0-0-x.jsonl"
    path.write_bytes(b'{"n": 1}\n\n{"n": 2}')
    reader = read_journal(path)
    assert [row["n"] for row in reader] == [1, 2] and reader.skipped_lines == 0


@pytest.mark.parametrize(
    "torn", [b'{"n": 2, "content": "S\xc3', b'{"n"', b"{", b'{"n": 2, "content": "a \\"quoted\\" {', b"\x00"]
)
@pytest.mark.parametrize("end", [b"", b"\n"])
def test_whole_lines_after_a_torn_one_are_kept(tmp_path: Path, torn: bytes, end: bytes):
    """With an end: the writer went on after a write that broke off. Without: another writer appended to the file."""
    path = tmp_path / "answers-r-0-0-x.jsonl"
    path.write_bytes(b'{"n": 1}\n' + torn + end + b'{"n": 3, "content": "{\\"n\\": 9}"}\n{"n": 4}\n')
    reader = read_journal(path)
    assert [row["n"] for row in reader] == [1, 3, 4] and reader.skipped_lines == 1


def test_a_file_that_reached_its_size_is_followed_by_another(tmp_path: Path):
    with JournalWriter(tmp_path, "r", 0, roll_bytes=100) as journal:
        for number in range(20):
            journal.append({"number": number})
    sizes = [file.size for file in journal_files(tmp_path)]
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
        assert synced[-1] == journal_files(tmp_path)[0].size


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
    with pytest.raises(
        PovoError, match=r"could not be stored in .*; free the disk or choose another --data or journal.folder"
    ):
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


def answer(key: str, **changes: object) -> dict[str, object]:
    return {"request_key": key, "content": f"answer to {key}", "status": "ok"} | changes


def test_what_an_earlier_attempt_stored_is_found_by_its_key_and_read_where_it_lies(
    tmp_path: Path, memory_store: Folder
):
    for folder in (tmp_path, memory_store):
        with JournalWriter(folder, "r", 3, 0, roll_bytes=200) as journal:
            for number in range(20):
                journal.append(answer(f"é{number}"))
            journal.append(answer("bad", status="failed"))
        with JournalWriter(folder, "r", 4, 0) as journal:
            journal.append(answer("of another task"))
        stored = StoredAnswers(journal_files(folder, "r", 3), lambda row: row["content"])
        assert len(stored) == 20 and set(stored) == {f"é{number}" for number in range(20)}
        assert "é7" in stored and stored["é7"] == "answer to é7" and stored.get("bad") is None
        assert stored.get("of another task") is None


def test_a_torn_attempt_gives_what_is_whole(tmp_path: Path):
    path = tmp_path / "answers-r-3-0-x.jsonl"
    lines = [json.dumps(answer(key)).encode() for key in "abc"]
    path.write_bytes(lines[0] + b"\n" + lines[1][:-9] + lines[2] + b"\n" + lines[1][:5])
    stored = StoredAnswers(journal_files(tmp_path, "r", 3), lambda row: row["content"])
    assert dict(stored) == {"a": "answer to a", "c": "answer to c"}


def test_lines_are_counted_while_they_are_written(tmp_path: Path, memory_store: Folder):
    for folder in (tmp_path, memory_store):
        counter = LineCounter(folder, "r")
        assert counter.count() == 0
        with JournalWriter(folder, "r", 0, roll_seconds=0.01) as journal, JournalWriter(folder, "q", 0) as other:
            journal.append({"n": 1})
            other.append({"n": 1})
        assert counter.count() == 1
        with JournalWriter(folder, "r", 1) as journal:
            journal.append({"n": 2})
            journal.append({"n": 3})
        assert counter.count() == counter.count() == 3


@pytest.mark.parametrize(
    ("name", "run"),
    [
        ("answers-20261127T090000_ab12-3-0-0123456789ab.jsonl", "20261127T090000_ab12"),
        ("answers-20261127T090000_ab12-3-0-0123456789ab.jsonl.partial", "20261127T090000_ab12"),
        ("figures-20261127T090000_ab12-3-0.json", "20261127T090000_ab12"),
        ("figures-20261127T090000-ab12-3-0.json", "20261127T090000_ab12"),
        ("mark-20261127T090000_ab12", "20261127T090000_ab12"),
        ("answers-3.jsonl", None),
        ("notes.txt", None),
        ("probe-0123456789ab", None),
    ],
)
def test_a_file_tells_whose_it_is(name: str, run: str | None):
    assert run_of(name) == run


def test_a_folder_that_is_not_the_one_of_the_run_is_refused(tmp_path: Path, memory_store: Folder):
    for here, elsewhere in ((tmp_path / "a", tmp_path / "b"), (memory_store, tmp_path / "c")):
        mark(here, "r-1")
        require_shared(here, "r-1")
        with pytest.raises(ConfigError, match=r"^journal\.folder: .* is not one folder for all machines"):
            require_shared(elsewhere, "r-1")
        with pytest.raises(ConfigError, match="is not one folder"):
            require_shared(here, "r-2")
        assert journal_files(here) == []


def test_figures_are_no_answers(tmp_path: Path):
    (tmp_path / "figures-r-0-0.json").write_text('{"request_key": "a", "status": "ok"}')
    assert journal_files(tmp_path) == journal_files(tmp_path, "r") == []


SCHEMA = pa.schema(
    [
        pa.field("request_key", pa.string(), nullable=False),
        pa.field("content", pa.string()),
        pa.field("tries", pa.int32(), nullable=False),
        pa.field("latency_ms", pa.float64(), nullable=False),
        pa.field("answered_at", pa.timestamp("us", tz="UTC"), nullable=False),
    ]
)


def test_rows_that_do_not_fit_the_table_are_left_out_and_spoil_no_other(tmp_path: Path):
    good = {"tries": 1, "latency_ms": 3, "answered_at": "2026-11-27T09:00:00.250+00:00", "more": [1]}
    wrong = [
        {"tries": "1"},
        {"tries": True},
        {"tries": 2**40},
        {"tries": None},
        {"latency_ms": "x"},
        {"answered_at": "at noon"},
        {"answered_at": None},
        {"content": 3},
        {"status": "failed"},
        {"request_key": None},
    ]
    with JournalWriter(tmp_path, "r", 0) as journal:
        journal.append(answer("first", **good))
        for changes in wrong:
            journal.append(answer("bad", **good) | changes)
        journal.append(answer("last", **good | {"content": "half \ud83d", "answered_at": "2026-11-27T09:00:01"}))
    (file,) = journal_files(tmp_path)
    rows = pa.Table.from_batches(answer_batches(file, SCHEMA)).to_pylist()
    assert [(row["request_key"], row["content"]) for row in rows] == [("first", "answer to first"), ("last", "half ?")]
    assert rows[0]["latency_ms"] == 3.0 and rows[0]["answered_at"].microsecond == 250_000
    assert rows[1]["answered_at"].isoformat() == "2026-11-27T09:00:01+00:00"


def test_answers_come_in_batches_of_a_bounded_size(tmp_path: Path):
    row = {"tries": 1, "latency_ms": 3.5, "answered_at": "2026-11-27T09:00:00+00:00"}
    with JournalWriter(tmp_path, "r", 0, fsync_seconds=60) as journal:
        for number in range(1201):
            journal.append(answer(str(number), **row))
    (file,) = journal_files(tmp_path)
    batches = list(answer_batches(file, SCHEMA))
    assert [batch.num_rows for batch in batches] == [500, 500, 201]
