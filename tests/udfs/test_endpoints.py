"""Turns, limits and circuit breakers, with a clock that stands still."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from contextlib import ExitStack

from udfs.endpoints import Endpoints, NoMoreTurns
from udfs.retries import PACED, TryFailed, Unreachable


class Bench:
    def __init__(self, *urls: str, **changes: int) -> None:
        self.now = 0.0
        self.endpoints = Endpoints(urls, lambda: self.now, 5.0, rng=random.Random(1), **changes)

    def ask(self, failure: Exception | None = None, prefer: str | None = None) -> str:
        """One request; with `prefer`, turns at other endpoints are taken and given back until it is that one's."""
        for _ in range(200):
            try:
                with self.endpoints.lease() as lease:
                    if prefer in (None, lease.endpoint.url):
                        if failure:
                            raise failure
                        return lease.endpoint.url
            except TryFailed:
                return lease.endpoint.url
        raise AssertionError(f"{prefer} was never chosen")

    def chosen(self, times: int = 60) -> Counter[str]:
        return Counter(self.ask() for _ in range(times))


def failing() -> TryFailed:
    return TryFailed("answered 500")


def test_requests_are_spread_by_how_full_the_endpoints_are():
    bench = Bench("a", "b", "c", most=400, start=400)
    with ExitStack() as held:
        where = Counter(held.enter_context(bench.endpoints.lease()).endpoint.url for _ in range(300))
    assert all(90 <= where[url] <= 110 for url in "abc")
    assert bench.endpoints.in_flight_and_limit == (0, 1200)


def test_an_endpoint_with_a_lower_limit_gets_less():
    bench = Bench("a", "b", most=100, start=100)
    with ExitStack() as held:
        first = held.enter_context(bench.endpoints.lease()).endpoint
        while first.limit.limit > 25:
            first.limit.overloaded(first.limit.ticket(100))
            for _ in range(100):
                first.limit.overloaded(first.limit.ticket(100))
        where = Counter(held.enter_context(bench.endpoints.lease()).endpoint.url for _ in range(60))
    assert where[first.url] < 20


def test_three_failures_in_a_row_open_the_breaker_and_one_trial_closes_it():
    bench = Bench("a", "b")
    for _ in range(2):
        bench.ask(failing(), prefer="a")
    assert bench.chosen()["a"] > 10  # two may be chance; and answers between start the count anew
    for _ in range(3):
        bench.ask(failing(), prefer="a")
    assert bench.chosen() == {"b": 60}
    bench.now = 5.0
    with bench.endpoints.lease() as trial:
        assert (trial.endpoint.url, trial.is_trial) == ("a", True)
        assert bench.chosen() == {"b": 60}  # one at a time
    assert bench.chosen()["a"] > 10


def test_a_trial_that_fails_opens_the_breaker_again():
    bench = Bench("a", "b")
    bench.ask(Unreachable("nobody there"), prefer="a")
    bench.now = 5.0
    assert bench.ask(failing()) == "a"
    assert bench.chosen() == {"b": 60}
    bench.now = 10.0
    assert bench.ask() == "a"


def test_an_endpoint_that_seems_well_is_tried_before_its_time():
    bench = Bench("a", "b")
    bench.ask(Unreachable("nobody there"), prefer="a")
    assert bench.chosen() == {"b": 60} and bench.endpoints.closed_urls() == (["b"], ["a"])
    bench.endpoints.seems_well("a")
    assert bench.ask() == "a"
    assert bench.endpoints.closed_urls() == (["a", "b"], [])


def test_with_every_breaker_open_all_are_asked():
    bench = Bench("a", "b")
    for url in ("a", "b"):
        bench.ask(Unreachable("nobody there"), prefer=url)
    assert set(bench.chosen()) <= {"a", "b"}


def test_an_endpoint_that_said_twice_when_to_come_back_is_left_alone_until_then():
    bench = Bench("a", "b")
    for _ in range(2):
        bench.ask(TryFailed("answered 429", PACED, retry_after=7.0), prefer="a")
    assert bench.chosen() == {"b": 60} and bench.endpoints.hold_seconds() == 0
    for _ in range(2):
        bench.ask(TryFailed("answered 429", PACED, retry_after=9.0), prefer="b")
    assert bench.endpoints.hold_seconds() == 7.0
    bench.now = 7.0
    assert bench.chosen() == {"a": 60}


def test_one_refusal_among_answers_keeps_nobody_else_away():
    bench = Bench("a", "b")
    for _ in range(3):
        bench.ask(TryFailed("answered 429", PACED, retry_after=7.0), prefer="a")
        bench.ask(prefer="a")
        assert bench.chosen()["a"] > 10


def test_who_finds_no_room_waits_for_a_turn_and_the_end_wakes_everybody():
    endpoints = Endpoints(("a",), time.monotonic, 5.0, most=1)
    seen: list[float | type] = []

    def ask() -> None:
        try:
            with endpoints.lease() as lease:
                seen.append(lease.waited_seconds)
                time.sleep(0.05)
        except NoMoreTurns as over:
            seen.append(type(over))

    with endpoints.lease():
        threads = [threading.Thread(target=ask) for _ in range(3)]
        for thread in threads:
            thread.start()
        time.sleep(0.1)
        assert seen == []
    threads[0].join(0.1)
    endpoints.close()
    for thread in threads:
        thread.join(5)
    waited = [one for one in seen if isinstance(one, float)]
    assert len(seen) == 3 and NoMoreTurns in seen and min(waited) >= 0.05


def test_an_endpoint_that_comes_back_begins_small_again():
    bench = Bench("a", "b", most=400, start=32)
    with ExitStack() as held:
        for _ in range(64):
            held.enter_context(bench.endpoints.lease())
        bench.endpoints.queue("a", (32, 0))
    assert bench.endpoints.in_flight_and_limit == (0, 96)
    for _ in range(3):
        bench.ask(failing(), prefer="a")
    bench.endpoints.seems_well("a")
    bench.ask()
    assert bench.endpoints.in_flight_and_limit == (0, 64) and bench.endpoints.is_ramping


def test_the_share_of_the_task_holds_over_all_endpoints():
    bench = Bench("a", "b", "c", most=5)
    with ExitStack() as held:
        for _ in range(5):
            held.enter_context(bench.endpoints.lease())
        assert bench.endpoints.spare("a", 0.5) is None
        waiting = threading.Thread(target=bench.ask)
        waiting.start()
        waiting.join(0.1)
        assert waiting.is_alive()
    waiting.join(5)
    assert not waiting.is_alive() and bench.endpoints.in_flight_and_limit == (0, 15)
