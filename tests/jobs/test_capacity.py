"""Slots, queue, token speed and the counters that say how much of them was used: what the client is judged by."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
import requests
from _bench import stats

Bench = Callable[[str], str]
SLOTS = '[[fault]]\nkind = "slots"\nslots = {}\n'
LATENCY = '[[fault]]\nkind = "latency"\nseconds = {}\n'


def ask(url: str, text: str = "Oi", timeout: float = 10.0) -> requests.Response:
    body = {"model": "povo-offline-writer", "messages": [{"role": "user", "content": text}]}
    return requests.post(f"{url}/chat/completions", json=body, timeout=timeout)


def ask_all(url: str, number: int) -> list[requests.Response]:
    """All at the same time, each with a text of its own."""
    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(lambda n: ask(url, f"pessoa {n}"), range(number)))


def statuses(responses: Sequence[requests.Response]) -> list[int]:
    return sorted(response.status_code for response in responses)


def metric(url: str, name: str, labels: str = "") -> float:
    text = requests.get(url.removesuffix("/v1") + "/metrics", timeout=5).text
    lines = [line for line in text.splitlines() if line.startswith(f"{name}{{") and labels in line]
    assert len(lines) == 1
    return float(lines[0].rsplit(" ", 1)[1])


def until(url: str, **expected: object) -> dict[str, Any]:
    """The figures as soon as these are as expected, or after a while as they are."""
    over = time.monotonic() + 10
    while True:
        found = stats(url)
        if all(found[key] == value for key, value in expected.items()) or time.monotonic() > over:
            return found
        time.sleep(0.01)


@contextmanager
def asking(url: str, number: int) -> Iterator[None]:
    """So many requests under way, whose answers nobody reads."""
    with ExitStack() as stack:
        for place in range(number):
            body = json.dumps(
                {"model": "povo-offline-writer", "messages": [{"role": "user", "content": f"Oi {place}"}]}
            )
            port = int(url.removesuffix("/v1").rsplit(":", 1)[1])
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=5))
            head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
            connection.sendall((head + body).encode())
        yield


def test_slots_keep_the_others_waiting(bench: Bench):
    url = bench(SLOTS.format(2) + LATENCY.format(0.1))
    assert statuses(ask_all(url, 6)) == [200] * 6
    found = stats(url)
    assert found["peak_running"] == 2 and found["seconds"] >= 0.3
    assert (found["running"], found["waiting"], found["in_flight"]) == (0, 0, 0)


def test_who_runs_and_who_waits_can_be_read_while_they_do(bench: Bench):
    url = bench(SLOTS.format(2) + LATENCY.format(60))
    with asking(url, 5):
        found = until(url, in_flight=5)
        assert [found[key] for key in ("in_flight", "running", "waiting")] == [5, 2, 3]
        assert (metric(url, "vllm:num_requests_running"), metric(url, "vllm:num_requests_waiting")) == (2, 3)
    found = until(url, in_flight=0)
    assert [found[key] for key in ("in_flight", "running", "waiting")] == [0, 0, 0]
    assert [found[key] for key in ("peak_in_flight", "peak_running", "peak_waiting")] == [5, 2, 3]
    assert metric(url, "vllm:num_requests_running") == metric(url, "vllm:num_requests_waiting") == 0


@pytest.mark.parametrize(
    ("more", "status", "retry_after"), [("", 503, None), ("status = 429\nretry_after = 3\n", 429, "3")]
)
def test_a_queue_with_an_end_refuses_who_comes_too_late(bench: Bench, more: str, status: int, retry_after: str | None):
    url = bench(SLOTS.format(1) + f"max_queued = 2\n{more}" + LATENCY.format(60))
    with asking(url, 3):
        until(url, in_flight=3)
        refused = [ask(url) for _ in range(3)]
    assert statuses(refused) == [status] * 3
    assert {answer.headers.get("Retry-After") for answer in refused} == {retry_after}
    assert refused[0].json()["error"]["code"] == status
    found = until(url, in_flight=0)
    assert (found["faults_played"], found["peak_waiting"]) == ({"queue full": 3}, 2)
    assert found["requests_by_status"] == {str(status): 3, "499": 3}


def test_slots_change_in_mid_run_and_nobody_is_lost(bench: Bench):
    url = bench(SLOTS.format(4) + SLOTS.format(1) + "from_seconds = 0.3\nuntil_seconds = 0.9\n" + LATENCY.format(0.2))
    with ThreadPoolExecutor(12) as pool:
        asked = [pool.submit(ask, url, f"pessoa {n}") for n in range(12)]
        slots = []
        while not all(one.done() for one in asked):
            found = stats(url)
            slots.append(found["slots"])
            time.sleep(0.01)
        assert statuses([one.result() for one in asked]) == [200] * 12
    slots.append(stats(url)["slots"])
    assert [n for n, earlier in zip(slots, [0, *slots], strict=False) if n != earlier] == [4, 1, 4]
    assert stats(url)["peak_running"] == 4


def test_a_client_that_goes_leaves_its_slot_and_its_place_in_the_queue(bench: Bench):
    url = bench(SLOTS.format(1) + LATENCY.format(3))
    with ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(ask, url, f"pessoa {n}", 0.4) for n in range(2)]
        for one in asked:
            with pytest.raises(requests.ReadTimeout):
                one.result()
    found = until(url, in_flight=0)
    assert (found["abandoned"], found["running"], found["waiting"]) == (2, 0, 0)
    assert (found["answers_written"], found["completion_tokens"]) == (0, 0)


def test_token_speed_is_shared_by_all_answers(bench: Bench):
    url = bench('[bench]\nanswer_bytes = 2000\n[[fault]]\nkind = "tokens"\nper_second = 5000\n')
    assert statuses(ask_all(url, 6)) == [200] * 6
    found = stats(url)
    assert found["completion_tokens"] > 2000
    assert found["completion_tokens"] / 5000 <= found["seconds"] + 0.01 < 3 * found["completion_tokens"] / 5000


def test_token_speed_can_be_that_of_one_answer(bench: Bench):
    url = bench('[bench]\nanswer_bytes = 2000\n[[fault]]\nkind = "tokens"\neach_per_second = 1000\n')
    answers = ask_all(url, 6)
    tokens = [answer.json()["usage"]["completion_tokens"] for answer in answers]
    found = stats(url)
    assert found["seconds"] >= max(tokens) / 1000 and found["seconds"] < 0.9 * sum(tokens) / 1000
    assert found["due_slot_seconds"] == pytest.approx(sum(tokens) / 1000, rel=0.01)


def test_the_share_of_capacity_can_be_computed_from_the_counters_by_anyone(bench: Bench):
    url = bench(SLOTS.format(4) + LATENCY.format(0.25))
    ask_all(url, 8)
    full = stats(url)
    assert full["offered_slot_seconds"] == pytest.approx(4 * full["seconds"], abs=0.1)
    assert full["due_slot_seconds"] == pytest.approx(8 * 0.25)
    assert full["due_slot_seconds"] <= full["busy_slot_seconds"] <= full["offered_slot_seconds"]
    assert full["busy_slot_seconds"] / full["offered_slot_seconds"] > 0.3
    url = bench(SLOTS.format(4) + LATENCY.format(0.25))
    for number in range(2):
        ask(url, f"pessoa {number}")
    alone = stats(url)
    assert 0.1 < alone["busy_slot_seconds"] / alone["offered_slot_seconds"] <= 0.25


def test_the_counters_agree_with_each_other_and_with_what_was_received(bench: Bench):
    url = bench(
        '[bench]\nseed = 3\n[[fault]]\nkind = "status"\nstatus = 503\nrate = 0.2\n'
        '[[fault]]\nkind = "malformed"\nshape = "truncated"\nrate = 0.2\n'
    )
    answers = [ask(url, f"pessoa {number % 20}") for number in range(40)]
    usages = [answer.json()["usage"] for answer in answers if answer.status_code == 200]
    found = stats(url)
    assert found["chat_requests"] == 40 and found["requests_by_status"]["200"] == len(usages) == found["answered"]
    assert (found["distinct_bodies"], found["repeated_bodies"]) == (20, 20)
    assert found["answers_written"] == found["distinct_answers"] + found["answered_again"] == len(usages)
    assert found["faults_played"]["status 503"] == 40 - len(usages)
    for name, key in (("prompt_tokens", "prompt_tokens"), ("completion_tokens", "completion_tokens")):
        assert found[name] == sum(usage[key] for usage in usages)
    assert found["cached_tokens"] == sum(usage["prompt_tokens_details"]["cached_tokens"] for usage in usages)
    assert metric(url, "vllm:prompt_tokens_total") == found["prompt_tokens"]
    assert metric(url, "vllm:generation_tokens_total") == found["completion_tokens"]
    by_reason = [metric(url, "vllm:request_success_total", f'finished_reason="{r}"') for r in ("stop", "length")]
    assert by_reason[1] == found["faults_played"]["malformed truncated"] and sum(by_reason) == len(usages)


def test_the_model_of_the_bench_goes_by_the_name_it_is_given(bench: Bench):
    url = bench('[bench]\nmodel = "openai/gpt-oss-120b"\n')
    assert requests.get(f"{url}/models", timeout=5).json()["data"][0]["id"] == "openai/gpt-oss-120b"
    assert ask(url).status_code == 404
