"""From pending records to stored answers: two chained calls a record, many records in flight, no waves.

One worker thread carries a record through both calls; every answer goes to the journal before anything else is done
with it. The caller says how to render a call and how to read the first answer, so this file knows no prompt.
"""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, Literal, Protocol

from census.errors import ModelError, TransientModelError
from udfs.client import ClientStopped
from udfs.completion import Completion
from udfs.retries import RequestRejected

POLL_SECONDS = 0.25  # how soon a dead parent or a stop is noticed


@dataclass(frozen=True)
class KnownAnswer:
    """An answer already stored, which is not paid for again."""

    content: str | None
    finish_reason: str | None


@dataclass(frozen=True)
class PendingCall:
    """What is known of one of the two calls of a record.

    Args:
        attempt: Number of the attempt to make, as the caller counts them.
        answers: Stored answers by request key.
        problems: What the validator found wrong with the attempt before, for the prompt.
    """

    attempt: int
    answers: Mapping[str, KnownAnswer] = field(default_factory=dict)
    problems: Sequence[str] = ()


@dataclass(frozen=True)
class PendingRecord:
    """A person whose texts are not complete yet."""

    uuid: str
    uf: str
    person: Mapping[str, Any]
    call1: PendingCall
    call2: PendingCall


@dataclass(frozen=True)
class RenderedCall:
    """A request ready to send, and the key under which its answer is stored."""

    request_key: str
    body: bytes


class RenderCall(Protocol):
    def __call__(self, record: PendingRecord, call: int, call1_answer: Mapping[str, Any] | None) -> RenderedCall:
        """Render call 1, or call 2 given the parsed answer to call 1."""
        ...


class Completer(Protocol):
    """What this file needs of `udfs.client.ChatClient`."""

    def complete(self, body: bytes, request_id: str) -> Completion: ...

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


@dataclass(frozen=True)
class Outcome:
    """What became of one record.

    Args:
        calls_sent: Calls that this run sent for it, 0 to 2, answered or not.
        status: `complete` (both answers are stored), `unusable` (call 1 is stored but cannot be read, so call 2 was
            not asked: validation rejects it and a further attempt follows) or `failed` (an answer is missing).
        reason: Of a failure, in one sentence.
    """

    uuid: str
    uf: str
    calls_sent: int
    status: Literal["complete", "unusable", "failed"]
    reason: str | None
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int


def write_partition(
    records: Iterable[PendingRecord],
    *,
    open_client: Callable[[], Completer],
    render_call: RenderCall,
    parse_call1: Callable[[str | None, str | None], Mapping[str, Any] | None],
    journal: Journal,
    labels: Labels,
    threads: int,
    grace_seconds: float = 5.0,
) -> Iterator[Outcome]:
    """Ask for the answers that are missing and yield one outcome a record, in the order in which they end.

    Args:
        records: Read in the calling thread, at most `threads` ahead of the requests.
        open_client: Called here, on the executor: clients are never pickled.
        parse_call1: The first answer as an object, from content and finish reason; None when it cannot be used.
        journal: Has every answer before its outcome leaves; the caller closes it.
        threads: Records in flight at most; their threads start as records come.
        grace_seconds: When the work is broken off, how long requests in flight may still bring their answers home.

    Raises:
        ModelError: The stage cannot go on (key, model, address), or the process that started this one is gone.
        PovoError: The journal could not be written.
    """
    client = open_client()
    work = _Work(client, render_call, parse_call1, journal, labels, threads)
    try:
        yield from work.run(records)
    finally:
        work.end(grace_seconds)
        client.close()


class _Work:
    """The threads of one partition and what they share."""

    def __init__(
        self,
        client: Completer,
        render_call: RenderCall,
        parse_call1: Callable[[str | None, str | None], Mapping[str, Any] | None],
        journal: Journal,
        labels: Labels,
        threads: int,
    ) -> None:
        self._client = client
        self._render_call = render_call
        self._parse_call1 = parse_call1
        self._journal = journal
        self._labels = labels
        self._max_threads = threads
        self._threads: list[threading.Thread] = []
        # A record waits beside each one in flight, so that no thread waits for the reader of the outcomes.
        self._waiting: queue.Queue[PendingRecord | None] = queue.Queue(maxsize=2 * threads)
        self._outcomes: queue.Queue[Outcome] = queue.Queue()
        self._stopped = threading.Event()
        self._error: BaseException | None = None

    def run(self, records: Iterable[PendingRecord]) -> Iterator[Outcome]:
        threading.Thread(target=self._watch_parent, args=(os.getppid(),), daemon=True).start()
        source = iter(records)
        exhausted = False
        inside = 0
        while True:
            while not exhausted and inside < 2 * self._max_threads:
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

    def end(self, grace_seconds: float) -> None:
        """Stop the threads: at once when idle, and after the answer in flight (but no longer than the grace) if not."""
        self._stop()
        over = time.monotonic() + grace_seconds
        for _ in self._threads:
            try:
                self._waiting.put_nowait(None)
            except queue.Full:
                break  # then nobody waits for a record, and each thread looks at the flag before it takes one
        for thread in self._threads:
            thread.join(max(0.0, over - time.monotonic()))

    def _hand_over(self, record: PendingRecord) -> None:
        self._waiting.put(record)
        if len(self._threads) < self._max_threads:
            # Daemons, so that a request that hangs cannot keep a stopped process alive.
            thread = threading.Thread(target=self._carry, name=f"write-{len(self._threads)}", daemon=True)
            self._threads.append(thread)
            thread.start()

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

    def _fail(self, error: BaseException) -> None:
        if self._error is None:
            self._error = error
        self._stop()

    def _stop(self) -> None:
        self._stopped.set()
        self._client.stop()

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
        sent: list[Completion | None] = []  # None: sent, but no answer came
        try:
            key, answer = self._answer(record, 1, None, None, sent)
            parsed = self._parse_call1(answer.content, answer.finish_reason)
            if parsed is None:
                return _outcome(record, sent, "unusable", "the answer to call 1 cannot be read")
            self._answer(record, 2, parsed, key, sent)
        except (TransientModelError, RequestRejected) as error:
            return _outcome(record, sent, "failed", str(error))
        return _outcome(record, sent, "complete", None)

    def _answer(
        self,
        record: PendingRecord,
        call: int,
        call1_answer: Mapping[str, Any] | None,
        parent_key: str | None,
        sent: list[Completion | None],
    ) -> tuple[str, KnownAnswer]:
        """The answer to one call: the stored one, or a new one that is stored before it is returned."""
        pending = record.call1 if call == 1 else record.call2
        rendered = self._render_call(record, call, call1_answer)
        known = pending.answers.get(rendered.request_key)
        if known is not None:
            return rendered.request_key, known
        if self._stopped.is_set():
            raise ClientStopped("the work was stopped; nothing more is sent")
        sent.append(None)
        completion = self._client.complete(rendered.body, f"{record.uuid}-{call}-{pending.attempt}")
        self._journal.append(_journal_row(record, call, rendered.request_key, parent_key, completion, self._labels))
        sent[-1] = completion
        return rendered.request_key, KnownAnswer(completion.content, completion.finish_reason)


def _journal_row(
    record: PendingRecord, call: int, request_key: str, parent_key: str | None, answer: Completion, labels: Labels
) -> dict[str, Any]:
    return {
        "request_key": request_key,
        "uuid": record.uuid,
        "uf": record.uf,
        "call": call,
        "attempt": (record.call1 if call == 1 else record.call2).attempt,
        "parent_key": parent_key,
        "model": labels.model,
        # What really wrote the text, whatever name was asked for.
        "writer": answer.model,
        "prompt_version": labels.prompt_version,
        "content": answer.content,
        "finish_reason": answer.finish_reason,
        "prompt_tokens": answer.prompt_tokens,
        "cached_tokens": answer.cached_tokens,
        "completion_tokens": answer.completion_tokens,
        "latency_ms": answer.latency_ms,
        "tries": answer.tries,
        "endpoint": answer.endpoint,
        "status": "ok",
        "error": None,
        "answered_at": datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
        "run_id": labels.run_id,
    }


def _outcome(
    record: PendingRecord,
    sent: Sequence[Completion | None],
    status: Literal["complete", "unusable", "failed"],
    reason: str | None,
) -> Outcome:
    answered = [completion for completion in sent if completion is not None]
    return Outcome(
        uuid=record.uuid,
        uf=record.uf,
        calls_sent=len(sent),
        status=status,
        reason=reason,
        prompt_tokens=sum(completion.prompt_tokens for completion in answered),
        cached_tokens=sum(completion.cached_tokens for completion in answered),
        completion_tokens=sum(completion.completion_tokens for completion in answered),
    )
