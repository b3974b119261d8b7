"""Both chained calls of many records against a real server: nothing is asked twice, nothing paid for is lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from census.errors import ModelError, PovoError
from udfs.client import ChatClient, ClientSettings
from udfs.journal import JournalWriter, journal_files, read_journal
from udfs.writing import KnownAnswer, Labels, Outcome, PendingCall, PendingRecord, RenderedCall, write_partition

MODEL = "povo-offline-writer"
LABELS = Labels(run_id="run1", model=MODEL, prompt_version="2026-11-1")

StartServer = Callable[..., str]
Stats = Callable[[str], dict[str, Any]]


def render(record: PendingRecord, call: int, call1_answer: Mapping[str, Any] | None) -> RenderedCall:
    attempt = (record.call1 if call == 1 else record.call2).attempt
    text = f"{record.uuid} chamada {call} tentativa {attempt} {json.dumps(call1_answer)}"
    messages = [{"role": "system", "content": "Escreva."}, {"role": "user", "content": text}]
    return RenderedCall(f"key:{text}", json.dumps({"model": MODEL, "messages": messages}).encode())


def parse(content: str | None, finish_reason: str | None) -> Mapping[str, Any] | None:
    if finish_reason == "length" or content is None:
        return None
    try:
        answer = json.loads(content)
    except ValueError:
        return None
    return answer if "resumo" in answer else None


def pending(number: int, known: Mapping[str, KnownAnswer] | None = None, attempt: int = 0) -> PendingRecord:
    calls = PendingCall(attempt=attempt, answers=known or {})
    return PendingRecord(f"u{number:03d}", "AC", {"first_name": "Ana"}, calls, calls)


class Bench:
    """One server, one journal folder; `write` is one task."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url, self.folder = url, folder

    def write(self, records: Any, *, threads: int = 4, **changes: Any) -> list[Outcome]:
        return list(self.outcomes(records, threads=threads, **changes))

    def outcomes(self, records: Any, *, threads: int = 4, **changes: Any) -> Iterator[Outcome]:
        settings = ClientSettings(
            (self.url,),
            MODEL,
            threads=threads,
            backoff_base_seconds=0.01,
            start_unreachable_seconds=0.2,
            max_tries=12,
            retry_budget_share=changes.pop("retry_budget_share", 0.1),
        )
        with JournalWriter(self.folder, "run1", 0) as journal:
            yield from write_partition(
                records,
                open_client=lambda: ChatClient(settings),
                render_call=render,
                parse_call1=parse,
                journal=journal,
                labels=LABELS,
                threads=threads,
                **changes,
            )

    def stored(self) -> list[dict[str, Any]]:
        return [row for path in journal_files(self.folder) for row in read_journal(path)]

    def known(self) -> dict[str, KnownAnswer]:
        return {row["request_key"]: KnownAnswer(row["content"], row["finish_reason"]) for row in self.stored()}


@pytest.fixture()
def bench(model_server: StartServer, tmp_path: Path) -> Callable[..., Bench]:
    return lambda *faults: Bench(model_server(*faults), tmp_path / "journal")


def test_every_record_gets_both_calls_and_the_second_quotes_the_first(bench: Callable[..., Bench]):
    made = bench()
    outcomes = made.write(pending(number) for number in range(30))
    assert {(o.status, o.calls_sent, o.reason) for o in outcomes} == {("complete", 2, None)}
    assert sorted(o.uuid for o in outcomes) == [f"u{number:03d}" for number in range(30)]
    rows = {(row["uuid"], row["call"]): row for row in made.stored()}
    assert len(rows) == 60
    first, second = rows["u007", 1], rows["u007", 2]
    assert second["parent_key"] == first["request_key"] and first["parent_key"] is None
    assert "u007 chamada 1 tentativa 0" in json.loads(second["content"])["resumo"]
    assert (first["writer"], first["model"], first["status"], first["error"]) == (MODEL, MODEL, "ok", None)
    assert sum(o.prompt_tokens for o in outcomes) == sum(row["prompt_tokens"] for row in rows.values()) > 0
    assert sum(o.cached_tokens for o in outcomes) == sum(row["cached_tokens"] for row in rows.values()) > 0


def test_a_journal_row_has_exactly_the_fields_of_the_response_table(bench: Callable[..., Bench]):
    made = bench()
    made.write([pending(1)])
    assert ", ".join(made.stored()[0]) == (
        "request_key, uuid, uf, call, attempt, parent_key, model, writer, prompt_version, content, finish_reason, "
        "prompt_tokens, cached_tokens, completion_tokens, latency_ms, tries, endpoint, status, error, answered_at, "
        "run_id"
    )


def test_only_missing_answers_are_asked_for(bench: Callable[..., Bench], stats: Stats):
    made = bench()
    made.write(pending(number) for number in range(10))
    everything = made.known()
    first_keys = {row["request_key"] for row in made.stored() if row["call"] == 1}
    first_calls = {key: answer for key, answer in everything.items() if key in first_keys}
    before = stats(made.url)["chat_requests"]
    again = made.write(pending(number, everything) for number in range(10))
    assert stats(made.url)["chat_requests"] == before == 20
    assert {(o.status, o.calls_sent, o.completion_tokens) for o in again} == {("complete", 0, 0)}
    half = made.write(pending(number, first_calls) for number in range(10))
    assert stats(made.url)["chat_requests"] == before + 10
    assert {(o.status, o.calls_sent) for o in half} == {("complete", 1)}


def test_a_further_attempt_is_another_request(bench: Callable[..., Bench], stats: Stats):
    made = bench()
    made.write([pending(1)])
    made.write([pending(1, made.known(), attempt=1)])
    assert stats(made.url)["chat_requests"] == stats(made.url)["distinct_bodies"] == 4
    assert [row["attempt"] for row in made.stored() if row["call"] == 1] in ([0, 1], [1, 0])


@pytest.mark.parametrize("shape", ["truncated", "not_json", "null_content", "missing_key"])
def test_a_first_answer_that_cannot_be_read_is_stored_and_ends_the_record(
    bench: Callable[..., Bench], stats: Stats, shape: str
):
    made = bench(f'kind = "malformed"\nshape = "{shape}"')
    (outcome,) = made.write([pending(1)])
    assert (outcome.status, outcome.calls_sent) == ("unusable", 1)
    assert [row["call"] for row in made.stored()] == [1]
    made.write([pending(1, made.known())])
    assert stats(made.url)["chat_requests"] == 1


def test_a_row_that_keeps_failing_is_reported_and_not_stored(bench: Callable[..., Bench]):
    made = bench('kind = "status"\nstatus = 400\nevery = 2\nby = "body"')
    outcomes = made.write(pending(number) for number in range(40))
    failed = [o for o in outcomes if o.status == "failed"]
    assert len(outcomes) == 40 and 0 < len(failed) < 40
    assert all("refused the request (400)" in str(o.reason) for o in failed)
    assert len(made.stored()) == sum(o.calls_sent for o in outcomes) - len(failed)


def test_temporary_failures_of_every_kind_lose_no_record(bench: Callable[..., Bench], stats: Stats):
    made = bench(
        'kind = "status"\nstatus = 503\nevery = 7',
        'kind = "reset"\nevery = 11',
        'kind = "status"\nstatus = 429\nevery = 13\nretry_after = 0.01',
    )
    outcomes = made.write((pending(number) for number in range(60)), threads=8, retry_budget_share=1.0)
    assert {o.status for o in outcomes} == {"complete"}
    assert len(made.stored()) == 120 and stats(made.url)["answered_again"] == 0


@pytest.mark.parametrize("status", [401, 404])
def test_a_failure_that_no_retry_mends_stops_all_threads(bench: Callable[..., Bench], stats: Stats, status: int):
    made = bench(f'kind = "status"\nstatus = {status}')
    with pytest.raises(ModelError, match=f"answered {status}: check"):
        made.write((pending(number) for number in range(1000)), threads=8)
    assert stats(made.url)["chat_requests"] <= 16


def test_records_are_read_only_a_little_ahead(bench: Callable[..., Bench]):
    made = bench()
    read = 0

    def source() -> Iterator[PendingRecord]:
        nonlocal read
        for read in range(1, 501):
            yield pending(read)

    outcomes = made.outcomes(source(), threads=4)
    next(outcomes)
    time.sleep(0.2)
    assert read <= 9
    outcomes.close()
    assert len(made.stored()) <= 2 * 9


def test_outcomes_leave_one_by_one_and_not_in_waves(bench: Callable[..., Bench]):
    made = bench('kind = "latency"\nseconds = 1.0\ntimes = 1', 'kind = "latency"\nseconds = 0.02')
    order = [outcome.uuid for outcome in made.outcomes((pending(number) for number in range(40)), threads=4)]
    assert len(order) == 40
    slow = [place for place, uuid in enumerate(order) if uuid in {f"u{number:03d}" for number in range(4)}]
    assert max(slow) > 20  # the slow one held up nobody


def test_as_many_requests_are_in_flight_as_there_are_threads(bench: Callable[..., Bench], stats: Stats):
    made = bench('kind = "latency"\nseconds = 0.1')
    started = time.monotonic()
    made.write((pending(number) for number in range(64)), threads=16)
    assert stats(made.url)["peak_running"] == 16
    assert time.monotonic() - started < 64 * 2 * 0.1 / 16 * 2


def test_leaving_early_stores_the_answers_in_flight(bench: Callable[..., Bench], stats: Stats):
    made = bench('kind = "latency"\nseconds = 0.2\nby = "body"')
    outcomes = made.outcomes((pending(number) for number in range(100)), threads=8)
    next(outcomes)
    outcomes.close()
    sent = stats(made.url)["chat_requests"]
    assert len(made.stored()) == sent
    time.sleep(0.4)
    assert stats(made.url)["chat_requests"] == sent


def test_a_journal_that_fails_stops_the_spending(bench: Callable[..., Bench], stats: Stats, tmp_path: Path):
    made = bench()
    (tmp_path / "journal").write_text("in the way")
    with pytest.raises(PovoError, match="could not be stored"):
        made.write((pending(number) for number in range(200)), threads=4)
    assert stats(made.url)["chat_requests"] <= 8


def test_no_thread_is_left_behind(bench: Callable[..., Bench]):
    made = bench()
    made.write(pending(number) for number in range(20))
    time.sleep(0.6)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("write-")]


def test_an_error_of_our_own_is_raised_and_not_swallowed(bench: Callable[..., Bench]):
    def broken() -> Iterator[PendingRecord]:
        yield pending(1)
        raise KeyError("municipality_name")

    with pytest.raises(KeyError, match="municipality_name"):
        bench().write(broken())


def test_a_killed_task_is_taken_up_where_it_was(bench: Callable[..., Bench], stats: Stats):
    made = bench('kind = "latency"\nseconds = 0.05')
    process = run_in_another_process(made)
    wait_until(lambda: len(made.stored()) > 20)
    process.send_signal(signal.SIGKILL)
    process.wait()
    time.sleep(0.3)
    paid = len(made.stored())
    assert 20 < paid < 200
    asked = stats(made.url)["chat_requests"]
    outcomes = made.write((pending(number, made.known()) for number in range(100)), threads=8)
    assert {o.status for o in outcomes} == {"complete"}
    assert stats(made.url)["chat_requests"] - asked == 200 - paid
    assert asked - paid <= 8  # in flight when it was killed


def test_a_task_whose_parent_died_sends_nothing_more(bench: Callable[..., Bench], stats: Stats):
    made = bench('kind = "latency"\nseconds = 0.05')
    process = run_in_another_process(made, with_parent=True)
    wait_until(lambda: stats(made.url)["chat_requests"] > 20)
    process.send_signal(signal.SIGKILL)
    process.wait()
    time.sleep(1.0)
    sent = stats(made.url)["chat_requests"]
    time.sleep(0.5)
    assert stats(made.url)["chat_requests"] == sent < 200


def run_in_another_process(made: Bench, with_parent: bool = False) -> subprocess.Popen[bytes]:
    """This file as a script writes 100 records; with a parent, the process returned is only the one that started it."""
    mode = "parent" if with_parent else "task"
    return subprocess.Popen([sys.executable, __file__, mode, made.url, str(made.folder)])


def wait_until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    over = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < over, "it did not happen in time"
        time.sleep(0.02)


if __name__ == "__main__":
    if sys.argv[1] == "parent":
        child = subprocess.Popen([sys.executable, __file__, "task", *sys.argv[2:]], env=dict(os.environ))
        child.wait()
    else:
        Bench(sys.argv[2], Path(sys.argv[3])).write((pending(number) for number in range(100)), threads=8)
