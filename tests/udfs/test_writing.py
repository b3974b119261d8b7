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
from typing import Any, Literal

import pytest

from census.errors import ModelError, PovoError
from udfs.answers import Answer, Ask, Rejection, Verdict
from udfs.client import ChatClient, ClientSettings
from udfs.journal import JournalWriter, journal_files, read_journal
from udfs.storage import open_folder
from udfs.task_figures import TaskFigures, figures_name
from udfs.writing import Labels, Outcome, PendingRecord, TaskLimits, write_partition

MODEL = "povo-offline-writer"
LABELS = Labels(run_id="run1", model=MODEL, prompt_version="2026-11-1")

StartServer = Callable[..., str]
Stats = Callable[[str], dict[str, Any]]


class TwoCalls:
    """The walk of a record with prompts of one line: call 2 quotes call 1, and a bad answer is asked for once more."""

    def __init__(self, uuid: str, known: Mapping[str, Answer], attempt: int) -> None:
        self.uuid, self.known = uuid, known
        self.call: Literal[1, 2] = 1
        self.attempt, self.parent_key = attempt, None
        self.first: dict[str, Any] | None = None
        self.rejections: list[Rejection] = []
        self.ask: Ask | None = None
        self._move()

    def take(self, answer: Answer) -> None:
        self._judge(answer)
        self._move()

    def _judge(self, answer: Answer) -> None:
        assert self.ask is not None
        parsed = None
        if answer.finish_reason == "stop" and answer.content:
            parsed = json.loads(answer.content) if answer.content.startswith("{") else None
        if parsed is None or "resumo" not in parsed:
            self.rejections.append(Rejection(self.call, self.attempt, self.ask.request_key, "not_json", "não é JSON"))
            self.attempt += 1
        elif self.call == 1:
            self.call, self.attempt, self.first, self.parent_key = 2, 0, parsed, self.ask.request_key
        else:
            self.call = 0  # type: ignore[assignment]

    def _move(self) -> None:
        while True:
            if self.call == 0:
                self.ask = None
                return
            text = f"{self.uuid} chamada {self.call} tentativa {self.attempt} {json.dumps(self.first)}"
            messages = [{"role": "system", "content": "Escreva."}, {"role": "user", "content": text}]
            body = json.dumps({"model": MODEL, "messages": messages}).encode()
            verdict = Verdict(rejections=tuple(self.rejections))
            self.ask = Ask(self.call, self.attempt, f"key:{text}", body, self.parent_key, verdict)
            if self.ask.request_key not in self.known:
                return
            self._judge(self.known[self.ask.request_key])


def pending(number: int, known: Mapping[str, Answer] | None = None, attempt: int = 0) -> PendingRecord:
    uuid = f"u{number:03d}"
    return PendingRecord(uuid, "AC", TwoCalls(uuid, known or {}, attempt))


class Bench:
    """One server, one journal folder; `write` is one task."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url, self.folder = url, folder

    def write(self, records: Any, *, threads: int = 4, **changes: Any) -> list[Outcome]:
        return list(self.outcomes(records, threads=threads, **changes))

    def outcomes(
        self, records: Any, *, threads: int = 4, retry_budget_share: float = 0.1, deadline: float = 600.0, **limits: Any
    ) -> Iterator[Outcome]:
        settings = ClientSettings(
            (self.url,),
            MODEL,
            in_flight=threads,
            backoff_base_seconds=0.01,
            start_unreachable_seconds=0.2,
            max_tries=12,
            retry_budget_share=retry_budget_share,
            deadline_seconds=deadline,
        )
        self.figures = TaskFigures()
        with JournalWriter(self.folder, "run1", 0) as journal:
            yield from write_partition(
                records,
                open_client=lambda: ChatClient(settings, figures=self.figures),
                journal=journal,
                labels=LABELS,
                limits=TaskLimits(threads, **limits),
                figures=self.figures,
                figures_file=open_folder(self.folder).file(figures_name("run1", 0, 0)),
            )

    def told(self) -> dict[str, Any]:
        return dict(json.loads((self.folder / figures_name("run1", 0, 0)).read_text(encoding="utf-8")))

    def stored(self) -> list[dict[str, Any]]:
        return [row for path in journal_files(self.folder) for row in read_journal(path)]

    def known(self) -> dict[str, Answer]:
        return {row["request_key"]: Answer(row["content"], row["finish_reason"]) for row in self.stored()}


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
def test_an_answer_that_is_not_right_is_asked_for_twice_more_and_every_one_is_stored(
    bench: Callable[..., Bench], stats: Stats, shape: str
):
    made = bench(f'kind = "malformed"\nshape = "{shape}"\ntimes = 7')
    (outcome,) = made.write([pending(1)])
    assert (outcome.status, outcome.calls_sent) == ("unusable", 3)
    assert outcome.reason == "the answer to call 1 is not right: not_json"
    assert [(row["call"], row["attempt"]) for row in made.stored()] == [(1, 0), (1, 1), (1, 2)]
    (outcome,) = made.write([pending(1, made.known())])  # a further round goes on where the last one ended
    assert (outcome.status, outcome.calls_sent) == ("unusable", 3)
    (outcome,) = made.write([pending(1, made.known())])
    assert (outcome.status, outcome.calls_sent) == ("complete", 3)
    asked = [(row["call"], row["attempt"]) for row in made.stored()]
    assert sorted(asked) == [*((1, attempt) for attempt in range(8)), (2, 0)]
    assert stats(made.url)["chat_requests"] == stats(made.url)["distinct_bodies"] == 9
    assert made.told()["retries"] == {"content": 1}


def test_the_second_call_is_asked_again_as_the_first_is(bench: Callable[..., Bench]):
    made = bench('kind = "malformed"\nshape = "not_json"\nevery = 2\ntimes = 1')
    (outcome,) = made.write([pending(1)])
    assert (outcome.status, outcome.calls_sent) == ("complete", 3)
    assert [(row["call"], row["attempt"]) for row in made.stored()] == [(1, 0), (2, 0), (2, 1)]


def test_without_content_retries_every_call_is_asked_once(bench: Callable[..., Bench], stats: Stats):
    made = bench('kind = "malformed"\nshape = "not_json"')
    outcomes = made.write((pending(number) for number in range(5)), content_retries=0)
    assert {(o.status, o.calls_sent) for o in outcomes} == {("unusable", 1)}
    assert stats(made.url)["chat_requests"] == 5


def test_a_cap_on_tokens_ends_the_asking_with_what_is_in_flight_and_a_later_run_goes_on(
    bench: Callable[..., Bench], stats: Stats
):
    made = bench('kind = "latency"\nseconds = 0.02')
    outcomes = made.write((pending(number) for number in range(100)), threads=4, token_cap=3000)
    counted = stats(made.url)
    spent = counted["prompt_tokens"] + counted["completion_tokens"]
    largest = max(row["prompt_tokens"] + row["completion_tokens"] for row in made.stored())
    assert 3000 <= spent < 3000 + 4 * largest
    assert spent == sum(o.prompt_tokens + o.completion_tokens for o in outcomes)
    assert counted["chat_requests"] == len(made.stored()) == sum(o.calls_sent for o in outcomes)
    capped = [o for o in outcomes if o.status == "capped"]
    assert len(outcomes) == 100 and {o.status for o in outcomes} == {"complete", "capped"}
    assert {o.reason for o in capped} == {"the cap of 3,000 tokens of this task is reached"}
    again = made.write(pending(number, made.known()) for number in range(100))
    assert {o.status for o in again} == {"complete"}
    assert stats(made.url)["chat_requests"] == 200 and stats(made.url)["answered_again"] == 0


def test_a_budget_of_retries_that_is_spent_ends_the_asking_with_its_reasons(bench: Callable[..., Bench], stats: Stats):
    made = bench('kind = "status"\nstatus = 503\nevery = 2')
    outcomes = made.write((pending(number) for number in range(300)), threads=8)
    stopped = [o for o in outcomes if o.status == "stopped"]
    assert len(outcomes) == 300 and len(stopped) > 200
    assert all("the budget of retries is spent" in str(o.reason) and "answered 503" in str(o.reason) for o in stopped)
    counted = stats(made.url)["requests_by_status"]
    assert counted["200"] == len(made.stored()) and 20 < counted["503"] < 60


def test_a_server_that_always_refuses_costs_no_more_than_the_floor_of_the_budget(
    bench: Callable[..., Bench], stats: Stats
):
    made = bench('kind = "status"\nstatus = 503')
    outcomes = made.write((pending(number) for number in range(1000)), threads=8)
    assert {o.status for o in outcomes} <= {"stopped", "failed"} and len(outcomes) == 1000
    assert stats(made.url)["chat_requests"] <= 20 + 3 * 8


def test_a_server_that_only_says_to_wait_ends_the_asking_after_one_deadline(bench: Callable[..., Bench], stats: Stats):
    made = bench('kind = "status"\nstatus = 429\nretry_after = 0.2\nfrom_seconds = 0.5')
    started = time.monotonic()
    outcomes = made.write((pending(number) for number in range(20_000)), threads=4, deadline=2.0)
    stopped = [o for o in outcomes if o.status == "stopped"]
    # Of the four that were asked then, one that had seen another answered failed by itself.
    failed = [o for o in outcomes if o.status == "failed"]
    assert {o.status for o in outcomes} <= {"complete", "stopped", "failed"} and len(failed) < 4
    assert len(outcomes) == 20_000 and len(stopped) > 10_000
    assert str(stopped[0].reason).startswith("no answer within 2 s and ")
    assert "answered 429, and nothing else was answered meanwhile" in str(stopped[0].reason)
    assert time.monotonic() - started < 60 and len(made.stored()) == stats(made.url)["requests_by_status"]["200"]


def test_figures_of_the_task_equal_those_of_the_server(bench: Callable[..., Bench], stats: Stats):
    made = bench(
        'kind = "status"\nstatus = 503\nevery = 7',
        'kind = "reset"\nevery = 11',
        'kind = "status"\nstatus = 429\nevery = 13\nretry_after = 0.01',
        'kind = "malformed"\nshape = "not_json"\nevery = 17',
    )
    outcomes = made.write((pending(number) for number in range(100)), threads=8, retry_budget_share=1.0)
    told, counted = made.told(), stats(made.url)
    assert {o.status for o in outcomes} == {"complete"}
    assert told["asked"] == told["answered"] == 200 + told["retries"]["content"] == len(made.stored())
    further = sum(told["retries"].values()) - told["retries"]["content"]
    assert told["asked"] + further == counted["chat_requests"]
    assert (told["prompt_tokens"], told["completion_tokens"]) == (
        counted["prompt_tokens"],
        counted["completion_tokens"],
    )
    assert told["cached_tokens"] == sum(row["cached_tokens"] for row in made.stored())
    assert sum(count for _, count in told["latency_ms"]) == told["answered"]
    assert (told["in_flight"], told["waiting"], told["limit"]) == (0, 0, 0)


def test_figures_are_told_while_the_task_runs(bench: Callable[..., Bench]):
    made = bench('kind = "latency"\nseconds = 0.4')
    outcomes = made.outcomes((pending(number) for number in range(40)), threads=8)
    for _ in range(16):
        next(outcomes)
    told = made.told()
    assert 0 < told["in_flight"] <= told["limit"] == 8 and 0 < told["answered"] < 80 and told["waiting"] > 0
    outcomes.close()


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


def test_four_tasks_with_a_quarter_each_ask_as_much_at_once_as_one(bench: Callable[..., Bench], stats: Stats):
    made = bench('kind = "latency"\nseconds = 0.1')
    tasks = [
        threading.Thread(
            target=lambda task=task: Bench(made.url, made.folder / str(task)).write(
                (pending(100 * task + number) for number in range(16)), threads=4
            )
        )
        for task in range(4)
    ]
    for task in tasks:
        task.start()
    for task in tasks:
        task.join()
    assert stats(made.url)["peak_running"] == 16 and stats(made.url)["chat_requests"] == 128


def test_the_limit_settles_at_the_slots_of_a_server_that_only_tells_its_queue(bench: Callable[..., Bench]):
    made = bench('kind = "latency"\nseconds = 0.05', 'kind = "slots"\nslots = 16')
    limits = []
    for outcome in made.outcomes((pending(number) for number in range(600)), threads=64):
        assert outcome.status == "complete"
        limits.append(made.figures.snapshot(0.0)["limit"])
    settled = limits[len(limits) // 2 : -64]
    assert min(settled) >= 14 and max(settled) <= 19


def test_slots_that_are_halved_in_mid_run_cost_no_record_and_keep_few_waiting(
    bench: Callable[..., Bench], stats: Stats
):
    made = bench(
        'kind = "latency"\nseconds = 0.1',
        'kind = "slots"\nslots = 16',
        'kind = "slots"\nslots = 8\nfrom_seconds = 4',
    )
    waiting: list[tuple[float, int]] = []
    statuses, started, asked = set(), time.monotonic(), 0.0
    for outcome in made.outcomes((pending(number) for number in range(540)), threads=64):
        statuses.add(outcome.status)
        if time.monotonic() - asked > 0.2:
            asked = time.monotonic()
            waiting.append((asked - started, stats(made.url)["waiting"]))
    assert statuses == {"complete"} and stats(made.url)["answered_again"] == 0
    later = sorted(count for at, count in waiting if at > 6)
    assert len(later) >= 5 and later[len(later) // 2] < 8 and later[-1] < 2 * 8


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
