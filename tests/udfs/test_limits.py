"""The limit of requests in flight against a server that is only simulated: slots, a queue, and time without waiting."""

from __future__ import annotations

import heapq
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

import pytest

from udfs.limits import AdaptiveLimit, Ticket

SHARE = 512
POLL_SECONDS, RAMP_SECONDS = 1.0, 0.2


@dataclass
class Server:
    """A server with `slots`, answers of `seconds`, and a queue: told in /metrics, untold, or refused beyond."""

    slots: int
    kind: str = "tells"  # tells, silent, refuses
    seconds: Callable[[], tuple[float, int]] = lambda: (2.0, 700)
    faults: float = 0.0
    running: int = 0
    waiting: deque[Ticket] = field(default_factory=deque)


class Run:
    """One client that always has more to ask; everything happens at the time of its event."""

    def __init__(self, server: Server, most: int = SHARE, seed: int = 1) -> None:
        self.server, self.limit = server, AdaptiveLimit(most)
        self.rng = random.Random(seed)
        self.now, self.in_flight = 0.0, 0
        self.answers: list[float] = []
        self.limits: list[tuple[float, int]] = []
        self.refused = 0
        self._events: list[tuple[float, int, str, tuple[Ticket, float, int] | None]] = []
        self._number = count()
        self._sent_at: dict[int, float] = {}
        self._at(RAMP_SECONDS, "poll")

    def _at(self, seconds: float, what: str, of: tuple[Ticket, float, int] | None = None) -> None:
        heapq.heappush(self._events, (self.now + seconds, next(self._number), what, of))

    def until(self, over: float, change: Callable[[], None] | None = None) -> Run:
        if change:
            change()
        while True:
            self._send()
            at, _, what, of = self._events[0]
            if at > over:
                self.now = over
                return self
            heapq.heappop(self._events)
            self.now = at
            if what == "poll":
                self._poll()
            elif of is not None:
                getattr(self, f"_{what}")(of)

    def _send(self) -> None:
        while self.in_flight < self.limit.limit:
            self.in_flight += 1
            ticket = self.limit.ticket(self.in_flight)
            of = (ticket, self.now, 0)
            full = self.server.running >= self.server.slots
            if self.rng.random() < self.server.faults or (full and self.server.kind == "refuses"):
                self._at(0.01, "refuse", of)
            elif full:
                self.server.waiting.append(of)  # type: ignore[arg-type]
            else:
                self._begin(of)

    def _begin(self, of: tuple[Ticket, float, int]) -> None:
        self.server.running += 1
        seconds, tokens = self.server.seconds()
        self._at(seconds, "answer", (of[0], of[1], tokens))

    def _answer(self, of: tuple[Ticket, float, int]) -> None:
        self.server.running -= 1
        self.limit.answered(of[0], self.in_flight, self.now - of[1], of[2])
        self.in_flight -= 1
        self.answers.append(self.now)
        while self.server.waiting and self.server.running < self.server.slots:
            self._begin(self.server.waiting.popleft())  # type: ignore[arg-type]

    def _refuse(self, of: tuple[Ticket, float, int]) -> None:
        self.limit.overloaded(of[0])
        self.refused += 1
        self._at(0.3, "come_back", of)  # the thread waits before it takes another turn

    def _come_back(self, of: tuple[Ticket, float, int]) -> None:
        self.in_flight -= 1

    def _poll(self) -> None:
        if self.server.kind == "tells":
            self.limit.queue(self.server.running, len(self.server.waiting), self.in_flight)
        self.limit.double(self.in_flight)
        self.limits.append((self.now, self.limit.limit))
        self._at(RAMP_SECONDS if self.limit.is_ramping else POLL_SECONDS, "poll")

    def answered_between(self, start: float, end: float) -> int:
        return sum(start < at <= end for at in self.answers)

    def mean_limit(self, start: float, end: float) -> float:
        seen = [limit for at, limit in self.limits if start < at <= end]
        return sum(seen) / len(seen)


@pytest.mark.parametrize(("kind", "within"), [("tells", 0.1), ("refuses", 0.15), ("silent", 0.25)])
@pytest.mark.parametrize("slots", [16, 48, 64, 200])
def test_the_limit_settles_at_the_slots_and_keeps_them_full(kind: str, within: float, slots: int):
    run = Run(Server(slots, kind)).until(140)
    assert abs(run.mean_limit(60, 140) / slots - 1) <= within, run.limits
    assert run.answered_between(60, 140) >= 0.95 * slots * 40


@pytest.mark.parametrize("kind", ["tells", "silent", "refuses"])
def test_slots_that_are_halved_and_doubled_are_followed(kind: str):
    server = Server(64, kind)
    run = Run(server).until(60).until(140, lambda: setattr(server, "slots", 32))
    assert abs(run.mean_limit(90, 140) / 32 - 1) <= (0.25 if kind == "silent" else 0.15), run.limits
    run.until(400, lambda: setattr(server, "slots", 64))
    assert run.answered_between(340, 400) >= 0.9 * 64 * 30, run.limits


def test_a_start_costs_little_of_a_large_server():
    run = Run(Server(512))
    run.until(60)
    assert run.answered_between(0, 60) >= 0.975 * 512 * 30 - 512  # the last round is in flight


def test_long_answers_are_no_sign_of_overload_when_they_are_long_texts():
    rng = random.Random(3)

    def answer() -> tuple[float, int]:
        tokens = rng.randint(300, 2000)
        return tokens / 700, tokens

    server = Server(10_000, "silent", seconds=answer)
    run = Run(server, most=128).until(30)
    longer = Run(Server(10_000, "silent", seconds=lambda: (3.0, 2100)), most=128)
    longer.limit = run.limit
    longer.until(60)
    assert run.mean_limit(15, 30) == 128 and longer.mean_limit(30, 60) == 128


def test_a_server_that_got_slower_is_not_starved():
    server = Server(10_000, "silent")
    run = Run(server, most=128).until(30)
    run.until(200, lambda: setattr(server, "seconds", lambda: (5.0, 700)))
    assert run.mean_limit(150, 200) >= 100, run.limits


def test_failures_that_come_whatever_is_sent_do_not_starve_the_client():
    run = Run(Server(10_000, "silent", faults=0.05), most=64).until(200)
    assert run.mean_limit(100, 200) >= 32, run.limits


def test_one_round_trip_of_refusals_is_one_decrease():
    limit = AdaptiveLimit(64, start=64)
    tickets = [limit.ticket(in_flight) for in_flight in range(1, 65)]
    for ticket in tickets:
        limit.overloaded(ticket)
    assert limit.limit == 48


def test_the_limit_doubles_until_the_first_sign_and_stays_within_the_share():
    limit = AdaptiveLimit(200, start=32)
    seen = []
    for _ in range(4):
        limit.double(limit.limit)
        seen.append(limit.limit)
    assert seen == [64, 128, 200, 200] and not limit.is_ramping
    early = AdaptiveLimit(200, start=32)
    early.double(32)
    early.overloaded(early.ticket(64))
    early.double(64)
    assert (early.limit, early.is_ramping) == (48, False)
    assert AdaptiveLimit(4).limit == 4
