"""From pending records to stored answers: two chained calls a record, many records in flight, no waves.

One worker thread carries a record through both calls, and asks again for answers that are not right; every answer goes
to the journal before anything else is done with it. What to ask next is the record's own business (its
`udfs.answers.Walk`), so this file knows no prompt.
"""

from __future__ import annotations

import math
import os
import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Literal, Protocol

from census.errors import ModelError, TransientModelError
from udfs.answers import Answer, Ask
from udfs.client import ClientStopped
from udfs.completion import Completion, journal_row
from udfs.retries import FailureClass, RequestRejected, RetryBudgetSpent, Starved
from udfs.storage import StoredFile
from udfs.task_figures import TaskFigures, write_figures

POLL_SECONDS = 0.25  # how soon a dead parent or a stop is noticed
FIRST_POLL_SECONDS = 0.1
FIGURES_SECONDS = 1.0
AHEAD_RECORDS = 32
SPARE_THREADS_SHARE = 0.125
STACK_BYTES = 1 << 20  # a thousand threads of the usual 8 MiB are more address space than some containers give


class RecordWalk(Protocol):
    """What this file needs of `udfs.answers.Walk`."""

    @property
    def ask(self) -> Ask | None:
        """The request to send now; None once the record is accepted."""
        ...

    def take(self, answer: Answer) -> None:
        """Take the answer to `ask` and go on to the next request that has none."""
        ...


@dataclass(frozen=True)
class PendingRecord:
    """A person whose texts are not complete yet, and what is to be asked for it."""

    uuid: str
    uf: str
    walk: RecordWalk


class Completer(Protocol):
    """What this file needs of `udfs.client.ChatClient`."""

    def complete(self, body: bytes, request_id: str) -> Completion: ...

    def poll(self) -> float: ...

    def stop(self) -> None: ...

    def close(self) -> None: ...


class Journal(Protocol):
    """What this file needs of `udfs.journal.JournalWriter`."""

    def append(self, row: Mapping[str, Any]) -> None: ...


@dataclass(frozen=True)
class Labels:
    """What every journal row of a run says alike."""

    run_id: str
    model: str
    prompt_version: str


Status = Literal["complete", "unusable", "failed", "capped", "stopped"]


@dataclass(frozen=True)
class Outcome:
    """What became of one record.

    Args:
        calls_sent: Calls that this run sent for it, answered or not; a call asked again for its content counts again.
        status: `complete` (both answers are stored, and each for itself is right), `unusable` (the last answer is not,
            and was asked again often enough: validation rejects it and a further attempt follows), `failed` (an answer
            is missing), `capped` (not asked, or not to the end: the tokens of the task are spent) or `stopped` (the
            same, because the budget of retries is, or because servers only said to wait).
        reason: Of anything but `complete`, in one sentence.
    """

    uuid: str
    uf: str
    calls_sent: int
    status: Status
    reason: str | None
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int


@dataclass(frozen=True)
class TaskLimits:
    """How much one task may do.

    Args:
        in_flight: Requests in flight at most. A few more threads than that carry records, since prompts, checks and
            the journal take their time too.
        content_retries: How often a call is asked again in this run because its answer is not right.
        token_cap: Prompt and completion tokens after which nothing more is sent: at most these and what is in flight
            then are paid for; 0 for no cap.
        grace_seconds: When the work is broken off, how long requests in flight may still bring their answers home.
    """

    in_flight: int
    content_retries: int = 2
    token_cap: int = 0
    grace_seconds: float = 5.0


def write_partition(
    records: Iterable[PendingRecord],
    *,
    open_client: Callable[[], Completer],
    journal: Journal,
    labels: Labels,
    limits: TaskLimits,
    figures: TaskFigures,
    figures_file: StoredFile | None = None,
) -> Iterator[Outcome]:
    """Ask for the answers that are missing and yield one outcome a record, in the order in which they end.

    Args:
        records: Read in the calling thread, a little ahead of the requests.
        open_client: Called here, on the executor: clients are never pickled.
        journal: Has every answer before its outcome leaves; the caller closes it.
        figures: The client's: it counts what is asked and answered.
        figures_file: Replaced every second with the figures, and once more at the end.

    Raises:
        ModelError: The stage cannot go on (key, model, address), or the process that started this one is gone.
        PovoError: The journal could not be written.
    """
    client = open_client()
    work = _Work(client, journal, labels, limits, figures, figures_file)
    try:
        yield from work.run(records)
    finally:
        work.end()
        client.close()


class _Ended(Exception):
    """Nothing more is asked in this task, though nothing is broken; records that are left say so."""


class _Work:
    """The threads of one partition and what they share."""

    def __init__(
        self,
        client: Completer,
        journal: Journal,
        labels: Labels,
        limits: TaskLimits,
        figures: TaskFigures,
        figures_file: StoredFile | None,
    ) -> None:
        self._client = client
        self._journal = journal
        self._labels = labels
        self._limits = limits
        self._figures = figures
        self._figures_file = figures_file
        self._threads: list[threading.Thread] = []
        # A few records wait, so that no thread waits for the reader of the outcomes.
        self._most_threads = limits.in_flight + math.ceil(SPARE_THREADS_SHARE * limits.in_flight)
        self._most_inside = self._most_threads + min(limits.in_flight, AHEAD_RECORDS)
        self._waiting: queue.SimpleQueue[PendingRecord | None] = queue.SimpleQueue()
        self._outcomes: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
        self._stopped = threading.Event()
        self._error: BaseException | None = None
        self._end_of_asking: tuple[Status, str] | None = None

    def run(self, records: Iterable[PendingRecord]) -> Iterator[Outcome]:
        threading.Thread(target=self._watch_parent, args=(os.getppid(),), daemon=True).start()
        threading.Thread(target=self._poll, daemon=True).start()
        source = iter(records)
        exhausted = False
        inside = 0
        while True:
            while not exhausted and inside < self._most_inside:
                record = next(source, None)
                if record is None:
                    exhausted = True
                else:
                    inside += 1
                    self._hand_over(record)
            if inside == 0:
                return
            yield self._next_outcome()
            inside -= 1

    def end(self) -> None:
        """Stop the threads: at once when idle, and after the answer in flight (but no longer than the grace) if not."""
        self._stop()
        over = time.monotonic() + self._limits.grace_seconds
        for _ in self._threads:
            self._waiting.put(None)
        for thread in self._threads:
            thread.join(max(0.0, over - time.monotonic()))
        self._figures.over()
        self._write_figures()

    def _hand_over(self, record: PendingRecord) -> None:
        self._waiting.put(record)
        if len(self._threads) < self._most_threads:
            # Daemons, so that a request that hangs cannot keep a stopped process alive.
            thread = threading.Thread(target=self._carry, name=f"write-{len(self._threads)}", daemon=True)
            self._threads.append(thread)
            usual = threading.stack_size(STACK_BYTES)
            try:
                thread.start()
            finally:
                threading.stack_size(usual)

    def _next_outcome(self) -> Outcome:
        while True:
            if self._error is not None:
                raise self._error
            try:
                return self._outcomes.get(timeout=POLL_SECONDS)
            except queue.Empty:
                continue

    def _watch_parent(self, parent: int) -> None:
        """Stop when the process that started this one has died: nobody would take the answers."""
        while not self._stopped.wait(POLL_SECONDS):
            if os.getppid() != parent:
                self._fail(ModelError("the process that started this task is gone; nothing more is sent"))

    def _poll(self) -> None:
        """Look at the endpoints and tell the figures, in a thread of its own."""
        pause, noted = FIRST_POLL_SECONDS, 0.0
        while not self._stopped.wait(pause):
            try:
                pause = self._client.poll()
            except Exception as error:
                self._fail(error)
            if time.monotonic() - noted >= FIGURES_SECONDS:
                self._figures.waiting(self._waiting.qsize())
                self._write_figures()
                noted = time.monotonic()

    def _write_figures(self) -> None:
        if self._figures_file is not None:
            write_figures(self._figures_file, self._figures, time.time())

    def _fail(self, error: BaseException) -> None:
        if self._error is None:
            self._error = error
        self._stop()

    def _stop(self) -> None:
        self._stopped.set()
        self._client.stop()

    def _end_asking(self, status: Status, reason: str) -> _Ended:
        """Let waits end and send nothing more; requests in flight are read to their end and stored."""
        if self._end_of_asking is None:
            self._end_of_asking = (status, reason)
        self._client.stop()
        return _Ended()

    def _carry(self) -> None:
        while not self._stopped.is_set():
            record = self._waiting.get()
            if record is None or self._stopped.is_set():
                return
            try:
                self._outcomes.put(self._write_record(record))
            except ClientStopped:
                return
            except BaseException as error:
                # Whatever it is, it would happen to the next record too: the consumer raises it.
                self._fail(error)
                return

    def _write_record(self, record: PendingRecord) -> Outcome:
        sent: list[tuple[int, int, int]] = []  # prompt, cached and completion tokens; zeros if no answer came
        calls: Counter[int] = Counter()
        try:
            while (ask := record.walk.ask) is not None:
                if calls[ask.call] > self._limits.content_retries:
                    reasons = [r for r in ask.verdict.rejections if r.call == ask.call][-1:]
                    code = reasons[0].reason_code if reasons else "not accepted"
                    return _outcome(record, sent, "unusable", f"the answer to call {ask.call} is not right: {code}")
                if calls[ask.call]:
                    self._figures.retried(FailureClass.CONTENT.value)
                calls[ask.call] += 1
                record.walk.take(self._answer(record, ask, sent))
        except RetryBudgetSpent as error:
            self._end_asking("stopped", str(error))
            return _outcome(record, sent, *self._told())
        except Starved as error:
            self._end_asking("stopped", f"{error}, and nothing else was answered meanwhile; answers that came are kept")
            return _outcome(record, sent, *self._told())
        except (TransientModelError, RequestRejected) as error:
            return _outcome(record, sent, "failed", str(error))
        except (_Ended, ClientStopped):
            if self._end_of_asking is None or self._stopped.is_set():
                raise
            return _outcome(record, sent, *self._told())
        return _outcome(record, sent, "complete", None)

    def _told(self) -> tuple[Status, str]:
        assert self._end_of_asking is not None
        return self._end_of_asking

    def _answer(self, record: PendingRecord, ask: Ask, sent: list[tuple[int, int, int]]) -> Answer:
        """A new answer, which is stored before it is returned."""
        if self._stopped.is_set():
            raise ClientStopped("the work was stopped; nothing more is sent")
        if self._end_of_asking is not None:
            raise _Ended
        cap = self._limits.token_cap
        if cap and self._figures.tokens >= cap:
            raise self._end_asking("capped", f"the cap of {cap:,} tokens of this task is reached")
        sent.append((0, 0, 0))
        try:
            completion = self._client.complete(ask.body, f"{record.uuid}-{ask.call}-{ask.attempt}")
        except ClientStopped:
            sent.pop()  # nothing was sent, or no answer is waited for
            raise
        self._journal.append(_journal_row(record, ask, completion, self._labels))
        sent[-1] = (completion.prompt_tokens, completion.cached_tokens, completion.completion_tokens)
        return Answer(completion.content, completion.finish_reason, completion.model)


def _journal_row(record: PendingRecord, ask: Ask, answer: Completion, labels: Labels) -> dict[str, Any]:
    return journal_row(
        answer,
        request_key=ask.request_key,
        uuid=record.uuid,
        uf=record.uf,
        call=ask.call,
        attempt=ask.attempt,
        parent_key=ask.parent_key,
        model=labels.model,
        prompt_version=labels.prompt_version,
        run_id=labels.run_id,
        now=datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
    )


def _outcome(
    record: PendingRecord, sent: Sequence[tuple[int, int, int]], status: Status, reason: str | None
) -> Outcome:
    prompt, cached, completion = (sum(tokens) for tokens in zip((0, 0, 0), *sent, strict=True))
    return Outcome(record.uuid, record.uf, len(sent), status, reason, prompt, cached, completion)
