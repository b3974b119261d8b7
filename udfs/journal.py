"""Answers on durable storage when they arrive, before anything is done with them.

A journal is a folder of files, one JSON object a line, on a disk or in an object store (`udfs.storage`). Each task
attempt writes files of its own, so no two processes ever share one. What a kill costs: on a disk nothing that came (at
worst one torn line at the end of a file), in an object store, whose files cannot grow, the last `roll_seconds`.
"""

from __future__ import annotations

import json
import os
import re
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, NamedTuple, TypeVar

import pyarrow as pa

from census.errors import ConfigError, PovoError
from udfs.durable import AppendedLines, ClosedError, PutLines
from udfs.storage import Folder, StoredFile, open_folder, reason

MIB = 1 << 20
_BATCH_ROWS = 500
_NAME = re.compile(r"(?:answers-(.+)-\d+-\d+-[^-]+\.jsonl(?:\.partial)?|figures-(.+)-\d+-\d+\.json|mark-(.+))")

Value = TypeVar("Value")


class JournalWriter:
    """Stores answers of one task attempt; safe to use from many threads.

    Args:
        folder: Made if it is not there.
        run_id: Of the run that pays for the answers.
        task_id: Number of the Spark partition.
        attempt: Number of the Spark task's attempt.
        fsync_seconds: On a disk, 0 makes `append` return when the answer is on it; otherwise an answer may be so old
            before it is safe from a power cut.
        roll_seconds: Where files cannot grow, an answer is stored so late at most.
        roll_bytes: A file that reaches this size is closed and another one begun.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str] | Folder,
        run_id: str,
        task_id: int,
        attempt: int = 0,
        *,
        fsync_seconds: float = 0.0,
        roll_seconds: float = 2.0,
        roll_bytes: int = 64 * MIB,
    ) -> None:
        opened = _opened(folder)
        stem = f"answers-{run_in_names(run_id)}-{task_id}-{attempt}"

        def new_name() -> str:
            return f"{stem}-{uuid.uuid4().hex[:12]}.jsonl"

        self._address = opened.address
        self._lines: AppendedLines | PutLines
        if opened.grows and opened.local is not None:
            self._lines = AppendedLines(opened.local, new_name, fsync_seconds=fsync_seconds, roll_bytes=roll_bytes)
        else:
            self._lines = PutLines(opened, new_name, roll_seconds=roll_seconds, roll_bytes=roll_bytes)

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
            self._lines.write(line)
        except ClosedError:
            raise PovoError(f"the journal in {self._address} is closed", address=self._address) from None
        except OSError as error:
            raise self._failed(error) from error

    def close(self) -> None:
        """Put everything on the storage; `append` raises from now on.

        Raises:
            PovoError: The storage failed.
        """
        try:
            self._lines.close()
        except OSError as error:
            raise self._failed(error) from error

    def _failed(self, error: OSError) -> PovoError:
        return PovoError(
            f"an answer could not be stored in {self._address}: {reason(error)}; free the disk or choose another "
            "--data or journal.folder, then run again",
            address=self._address,
        )


class _Line(NamedTuple):
    start: int
    row: dict[str, Any]
    length: int


class JournalReader(Iterator[dict[str, Any]]):
    """The answers of one journal file, in the order they were stored.

    A line that is no JSON object, such as the torn last line of a killed process, is skipped and counted in
    `skipped_lines`; what was paid for in the other lines is never lost for it, not even where the next line follows
    on the torn one without an end between them.
    """

    def __init__(self, file: StoredFile) -> None:
        self.skipped_lines = 0
        self._file = file
        self._rows = (line.row for line in self.lines())

    def __next__(self) -> dict[str, Any]:
        return next(self._rows)

    def lines(self) -> Iterator[_Line]:
        """Each answer with its place in the file."""
        start = 0
        with self._file.open() as lines:
            for line in lines:
                if line.strip():
                    skip, row = _last_object(line)
                    self.skipped_lines += row is None or skip > 0
                    if row is not None:
                        yield _Line(start + skip, row, len(line) - skip)
                start += len(line)


class StoredAnswers(Mapping[str, Value], Generic[Value]):
    """What earlier attempts of a task stored, by request key; in memory is only where each answer lies.

    Args:
        files: Read once, here.
        made_of: Of a row of the journal.
    """

    def __init__(self, files: Iterable[StoredFile], made_of: Callable[[Mapping[str, Any]], Value]) -> None:
        self._made_of = made_of
        self._places: dict[str, tuple[StoredFile, int, int]] = {}
        for file in files:
            for line in JournalReader(file).lines():
                if _is_answer(line.row):
                    self._places.setdefault(line.row["request_key"], (file, line.start, line.length))

    def __getitem__(self, key: str) -> Value:
        file, start, length = self._places[key]
        return self._made_of(json.loads(file.read(start, length)))

    def __contains__(self, key: object) -> bool:
        return key in self._places

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


class LineCounter:
    """Counts the answers of a run while its tasks write them; every byte is read once."""

    def __init__(self, folder: str | os.PathLike[str] | Folder, run_id: str) -> None:
        self._folder, self._run_id = _opened(folder), run_id
        self._read: dict[str, int] = {}
        self._lines = 0

    def count(self) -> int:
        """Answers so far; those that cannot be read right now are counted the next time."""
        try:
            for file in journal_files(self._folder, self._run_id):
                known = self._read.get(file.name, 0)
                if file.size > known:
                    fresh = file.read(known, file.size - known)
                    self._read[file.name] = known + len(fresh)
                    self._lines += fresh.count(b"\n")
        except OSError:
            pass
        return self._lines


def read_journal(file: StoredFile | Path) -> JournalReader:
    """Read one journal file, even one that is being written or was torn by a kill."""
    return JournalReader(open_folder(file.parent).file(file.name) if isinstance(file, Path) else file)


def journal_files(
    folder: str | os.PathLike[str] | Folder, run_id: str | None = None, task_id: int | None = None
) -> list[StoredFile]:
    """The journal files of a folder, of one run, or of one task of it, by name; empty if there is no such folder."""
    stem = "answers-" if run_id is None else f"answers-{run_in_names(run_id)}-"
    stem += "" if task_id is None else f"{task_id}-"
    return [file for file in _opened(folder).files(stem) if is_answers(file.name)]


def is_answers(name: str) -> bool:
    """Whether a file of a journal's folder holds answers and is whole."""
    return name.startswith("answers-") and name.endswith(".jsonl")


def mark(folder: str | os.PathLike[str] | Folder, run_id: str) -> None:
    """Leave the mark of a run in the folder, for `require_shared`."""
    _opened(folder).put(f"mark-{run_in_names(run_id)}", b"")


def require_shared(folder: str | os.PathLike[str] | Folder, run_id: str) -> None:
    """Check, where answers come in, that they go into the very folder from which the run collects them.

    Raises:
        ConfigError: The run's mark is not there (this machine has a folder of its own by that name), or this machine
            cannot write there.
    """
    opened = _opened(folder)
    if not opened.files(f"mark-{run_in_names(run_id)}"):
        raise ConfigError(
            f"journal.folder: {opened.address} is not one folder for all machines, so answers would be lost: give one "
            "that the driver and every executor reach, as an s3:// address.",
            address=opened.address,
        )
    opened.require_writable("journal.folder")


def run_of(name: str) -> str | None:
    """The run (as names of files write it) to which a file of a journal's folder belongs."""
    found = _NAME.fullmatch(name)
    return run_in_names(found[found.lastindex or 0]) if found else None


def answer_batches(file: StoredFile, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """The answers of one file, with the columns of `schema`; a row that does not fit it is left out."""
    rows: list[list[Any]] = []
    for row in read_journal(file):
        values = _fitted(row, schema) if _is_answer(row) else None
        if values is not None:
            rows.append(values)
        if len(rows) == _BATCH_ROWS:
            yield _batch(rows, schema)
            rows = []
    if rows:
        yield _batch(rows, schema)


def _opened(folder: str | os.PathLike[str] | Folder) -> Folder:
    return folder if isinstance(folder, Folder) else open_folder(folder)


def run_in_names(run_id: str) -> str:
    """A run's id as it stands in names of files; twice makes no difference."""
    return re.sub(r"[^A-Za-z0-9_.]", "_", run_id)  # no dash: it separates the parts of a file's name


def _last_object(line: bytes) -> tuple[int, dict[str, Any] | None]:
    """The object that ends a line and where it begins: after a torn line that had no end, or at 0.

    Rows are flat and quotes inside their texts are escaped, so `{"` begins a row and nothing else.
    """
    start = 0
    while start >= 0:
        try:
            row = json.loads(line[start:])
        except (ValueError, RecursionError):
            row = None
        if isinstance(row, dict):
            return start, row
        start = line.find(b'{"', start + 1)
    return 0, None


def _is_answer(row: Mapping[str, Any]) -> bool:
    return row.get("status") == "ok" and isinstance(row.get("request_key"), str)


def _fitted(row: Mapping[str, Any], schema: pa.Schema) -> list[Any] | None:
    try:
        return [_value(row.get(field.name), field) for field in schema]
    except (TypeError, ValueError):
        return None


def _value(value: Any, field: pa.Field) -> Any:
    if value is None:
        if not field.nullable:
            raise ValueError(field.name)
        return None
    if pa.types.is_string(field.type):
        if not isinstance(value, str):
            raise TypeError(field.name)
        return value.encode("utf-8", "replace").decode("utf-8")  # halves of surrogate pairs, which Arrow cannot carry
    if pa.types.is_timestamp(field.type):
        moment = datetime.fromisoformat(value)
        return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
    if isinstance(value, bool) or not isinstance(value, int if pa.types.is_integer(field.type) else (int, float)):
        raise TypeError(field.name)
    return pa.scalar(value, field.type).as_py()


def _batch(rows: list[list[Any]], schema: pa.Schema) -> pa.RecordBatch:
    columns = [pa.array(column, field.type) for column, field in zip(zip(*rows, strict=True), schema, strict=True)]
    return pa.RecordBatch.from_arrays(columns, schema=schema)
