"""Batch files: the missing requests out as JSONL for `vllm run-batch`, and its answers back, instead of HTTP.

Reads   core_persona__attribute, core_place__municipality, core_culture__fact, core_culture__habit,
        core_persona__rejection, raw_model__response; answer files
Writes  a request file; batch/ (what each export was), journal/, raw_model__response   (appends only)

Call 2 quotes the answer to call 1, so a record goes out twice: an export holds of each record the call it lacks next.
"""

from __future__ import annotations

import json
import os
import secrets
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from census.errors import ConfigError, SourceError
from conf.settings import UFS, Config
from jobs import _history, _journal, _locks, _runlog, _storage, _text_inputs
from udfs.answers import Requests, Walk, Walker
from udfs.batch_lines import (
    AnswerFailed,
    BatchId,
    LineRefused,
    completion_of,
    journal_row,
    parse_line,
    read_id,
    request_line,
)
from udfs.hints import Hints
from udfs.journal import JournalWriter
from udfs.parsing import Bounds

FOLDER = "batch"
_SHOWN_LINES = 5
_LINE = "call int, line string"
_LINE_ARROW = pa.schema([("call", pa.int32()), ("line", pa.string())])


@dataclass
class Imported:
    """What became of the lines of answer files.

    Attributes:
        added: Answers that are new in `raw_model__response`.
        known: Answers that were stored before.
        failed: Requests that got no answer, by the server's own sentence.
        refused: Lines that are no answer of ours; `shown` are the first of them, with file and line.
    """

    lines: int = 0
    answers: int = 0
    added: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    shown: list[str] = field(default_factory=list)

    @property
    def known(self) -> int:
        return self.answers - self.added


# ------------------------------------------------------------------------------------------------------- out
def export(spark: SparkSession, config: Config, out: Path) -> Counter[int]:
    """Write one line for each record of `config.run.ufs` that lacks an answer: requests by call.

    Nothing is written, the file least of all, where nothing is missing.

    Raises:
        PovoError: The persons asked for are not drawn, texts are being written now, or the file cannot be written.
    """
    ufs = list(config.run.ufs)
    _history.upstream(_history.read(spark, config.data_dir), config, "write_text")
    if not out.parent.is_dir():
        raise ConfigError(f"--out {out}: there is no folder {out.parent}.")
    # What is being asked for now would go out a second time.
    with _locks.held(config.data_dir, "batch export", ufs):
        _journal.merge(spark, config)
        requests = _text_inputs.requests_of(config)
        mark = secrets.token_hex(4)
        lines = request_lines(
            _text_inputs.records(spark, config, ufs),
            requests,
            _text_inputs.bounds_of(config),
            _text_inputs.hints(spark, config),
            mark,
        )
        partial = out.with_name(f"{out.name}.partial")
        try:
            written = _write(lines, partial)
            if written:
                manifest = {
                    "export": mark,
                    "model": requests.model,
                    "prompt_version": requests.prompts.version,
                    "seed": config.run.seed,
                    "ufs": ufs,
                    "requests": sum(written.values()),
                    "run_id": _locks.run_id(),
                }
                _storage.write_text(config.data_dir, f"{FOLDER}/{mark}.json", json.dumps(manifest, indent=1) + "\n")
                partial.replace(out)
        except OSError as error:
            raise ConfigError(f"--out {out} cannot be written: {error.strerror}.") from error
        finally:
            partial.unlink(missing_ok=True)
    return written


def request_lines(records: DataFrame, requests: Requests, bounds: Bounds, hints: Hints, mark: str) -> DataFrame:
    """`call` and `line` of every record that lacks an answer."""
    return records.mapInArrow(_liner(requests, bounds, hints, mark), _LINE)


def _liner(
    requests: Requests, bounds: Bounds, hints: Hints, mark: str
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def write(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        walker = Walker(requests, bounds)
        for batch in batches:
            rows: list[dict[str, Any]] = []
            for person, answers, refused in _text_inputs.people(batch, hints):
                ask = Walk(walker, person, answers, refused).ask
                if ask is None:
                    continue
                identity = BatchId(
                    mark,
                    person["uf"],
                    person["uuid"],
                    ask.call,
                    ask.attempt,
                    ask.request_key,
                    ask.parent_key,
                )
                rows.append({"call": ask.call, "line": request_line(identity, ask.body)})
            yield pa.RecordBatch.from_pylist(rows, schema=_LINE_ARROW)

    return write


def _write(lines: DataFrame, path: Path) -> Counter[int]:
    """One partition at a time through the driver, which never holds more of them."""
    written: Counter[int] = Counter()
    with path.open("w", encoding="utf-8") as file:
        for row in lines.toLocalIterator():
            file.write(f"{row['line']}\n")
            written[row["call"]] += 1
        file.flush()
        os.fsync(file.fileno())
    return written


# -------------------------------------------------------------------------------------------------------- in
def take(spark: SparkSession, config: Config, files: Sequence[Path]) -> Imported:
    """Store the answers of answer files; each counts once, however often it comes.

    A request that got an error stays missing: the next export holds it again.

    Raises:
        ConfigError: A file cannot be read, or no export was made from this folder.
        SourceError: Some lines are no answers of ours; everything else is stored.
    """
    exports = _exports(config.data_dir)
    ufs = [uf for uf in UFS if any(uf in entry["ufs"] for entry in exports.values())]
    config = config.model_copy(update={"run": config.run.model_copy(update={"ufs": tuple(ufs)})})
    with ExitStack() as stack:
        try:
            opened = [(path, stack.enter_context(path.open("rb"))) for path in files]
        except OSError as error:
            raise ConfigError(f"{error.filename} cannot be read: {error.strerror}.") from error
        with _runlog.aside(spark, config, "batch_import", beside="write_text", ufs=ufs) as report:
            _journal.merge(spark, config)
            report.require_row()
            found = Imported()
            with JournalWriter(
                _journal.folder(config),
                _locks.run_id(),
                0,
                fsync_seconds=config.journal.fsync_seconds or 1.0,  # the file can be read again
                roll_seconds=config.journal.roll_seconds,
                roll_bytes=config.journal.roll_bytes,
            ) as journal:
                for path, lines in opened:
                    _read(path, lines, exports, found, journal)
            report.progress("storing the answers")
            found.added = _journal.merge(spark, config)
            report.rows_in, report.rows_out = found.lines, found.added
            paid, answers = _journal.stored_by_this_run(spark, config)
            if answers:
                report.prompt_tokens, report.completion_tokens = paid.prompt, paid.completion
            if found.refused:
                raise SourceError(
                    f"{found.refused:,} of {found.lines:,} lines were not taken: {'; '.join(found.shown)}"
                    f"{'; ...' if found.refused > len(found.shown) else ''}. {found.added:,} answers were stored."
                )
    return found


def _read(
    path: Path, lines: Iterator[bytes], exports: dict[str, dict[str, Any]], found: Imported, journal: JournalWriter
) -> None:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        found.lines += 1
        try:
            said = parse_line(line)
            identity = read_id(said.get("custom_id"))
            entry = exports.get(identity.export)
            if entry is None:
                raise LineRefused(f"export {identity.export} was made from another data folder")
            answer = completion_of(said, source=f"batch:{path.name}", model=entry["model"])
        except LineRefused as refusal:
            found.refused += 1
            if len(found.shown) < _SHOWN_LINES:
                found.shown.append(f"{path}:{number}: {refusal}")
        except AnswerFailed as failure:
            found.failed[str(failure)] += 1
        else:
            journal.append(
                journal_row(
                    identity,
                    answer,
                    model=entry["model"],
                    prompt_version=entry["prompt_version"],
                    now=datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
                    run_id=_locks.run_id(),
                )
            )
            found.answers += 1


def _exports(data_dir: Path) -> dict[str, dict[str, Any]]:
    """What was exported from this folder, by its mark."""
    entries = [json.loads(path.read_text(encoding="utf-8")) for path in sorted((data_dir / FOLDER).glob("*.json"))]
    if not entries:
        raise ConfigError(f"Nothing was exported from {data_dir}: `povo batch export` comes first.")
    return {entry["export"]: entry for entry in entries}


def remarks(found: Imported) -> list[str]:
    """What became of the lines, in sentences."""
    said = [f"{found.added:,} answers stored, {found.known:,} were stored before."]
    if found.failed:
        most = "; ".join(f"{count:,} x {reason}" for reason, count in found.failed.most_common(3))
        said.append(f"{found.failed.total():,} requests got no answer and go out again with the next export: {most}")
    return said
