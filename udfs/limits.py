"""How many requests an endpoint gets at once: found while asking, since servers do not say it.

The limit doubles until the first sign of overload, falls on every sign, at most once a round trip, and creeps up again;
where it was too high is remembered. Signs are refusals (429, 503) and timeouts; the queue that vLLM tells of in
`/metrics`; and, where it tells of none, answers that take longer in the same proportion as more are asked at once.
Nothing here knows time or threads: the caller holds a lock.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

DECREASE = 0.75
PROBE_DECREASE = 0.9  # after one step too far from a limit that was good, most of which is known to be good
GROWTH = 1.25
CREEP = 0.03
MARGIN = 1.03  # a few requests wait at the server, so that no slot is ever empty
QUEUE_TOLERANCE = 0.1  # of the requests that run
NOISE_SHARE = 0.02  # refused requests that are no sign yet
STRETCH_FLOOR = 1.12  # longer answers than this, or it is noise
QUEUEING_EXPONENT = 0.8  # 1: latency grows as the requests do, all of them queue; 0: it does not grow at all
FREE_STRETCH = 0.25  # of the growth: so little longer answers are no queue
MIN_ROUND = 8
FIRST_WINDOWS = (8, 8, 16, 32)  # small ones first: a start that is too high already would be taken for normal
MIN_WINDOW, MAX_WINDOW = 32, 128


@dataclass(frozen=True)
class Ticket:
    """What was so when a request was sent: the number of decreases before, and how many were in flight with it."""

    epoch: int
    in_flight: int


@dataclass
class _Window:
    """Answers seen together: how many were in flight when they were sent at most, and what they took on average."""

    count: int = 0
    most_in_flight: int = 0
    seconds: float = 0.0
    tokens: float = 0.0

    def add(self, in_flight: int, seconds: float, tokens: int) -> None:
        self.count += 1
        self.most_in_flight = max(self.most_in_flight, in_flight)
        self.seconds += seconds
        self.tokens += tokens

    def move(self, weight: float, other: _Window) -> None:
        """Move the averages towards those of another window."""
        for name in ("seconds", "tokens"):
            mine, its = getattr(self, name) / self.count, getattr(other, name) / other.count
            setattr(self, name, self.count * (mine + weight * (its - mine)))

    def stretch(self, best: _Window) -> float:
        """How much longer answers took than in `best`; longer texts may take longer."""
        longer = (self.seconds / self.count) / max(best.seconds / best.count, 1e-9)
        texts = (self.tokens / self.count) / max(best.tokens / best.count, 1.0)
        return longer / max(1.0, texts)


class AdaptiveLimit:
    """The limit of one endpoint, between 1 and `most`.

    Args:
        most: The share of this task.
        start: Where the doubling begins.
    """

    def __init__(self, most: int, start: int = 32) -> None:
        self._most = most
        self._start = min(start, most)
        self._epoch = 0
        self._tells_its_queue = False
        self.restart()

    def restart(self) -> None:
        """Begin again, as for an endpoint that nothing is known of."""
        self._limit = float(self._start)
        self._ramping = self._start < self._most
        self._ceiling: float | None = None
        self._epoch += 1
        self._probing = self._decreased = False
        self._last_share = self._background = 0.0
        self._windows = 0
        self._best: _Window | None = None
        self._stretch_before: tuple[float, float] | None = None
        self._queue_is_empty = False
        self._begin_round()
        self._window = _Window()

    @property
    def limit(self) -> int:
        return max(1, int(self._limit))

    @property
    def is_ramping(self) -> bool:
        """True until the first sign of overload."""
        return self._ramping

    def ticket(self, in_flight: int) -> Ticket:
        """For a request that is sent now; `in_flight` counts it."""
        return Ticket(self._epoch, in_flight)

    def answered(self, ticket: Ticket, in_flight: int, seconds: float, tokens: int) -> None:
        """Note an answer; `in_flight` counts it still."""
        if ticket.epoch != self._epoch:
            return
        self._answers += 1
        self._at_limit += in_flight >= self.limit - 1
        if not self._tells_its_queue:
            self._window.add(ticket.in_flight, seconds, tokens)
            if self._window.count >= self._window_size():
                self._judge_latency()
        self._end_round_if_over()

    def overloaded(self, ticket: Ticket) -> None:
        """Note a request that was refused or had no answer in time."""
        if ticket.epoch != self._epoch:
            return
        self._refused += 1
        if self._ramping:
            self._decrease(self._limit * DECREASE, self._limit)
        else:
            self._end_round_if_over()

    def queue(self, running: int, waiting: int, in_flight: int) -> None:
        """Note what the server tells: requests it works on and requests that wait, those of other clients included."""
        self._tells_its_queue = True
        self._queue_is_empty = waiting == 0
        if waiting <= max(1.0, QUEUE_TOLERANCE * running):
            return
        self._ramping = False
        if in_flight <= self._limit:  # else the last decrease is still on its way
            share = max(running / (running + waiting), 0.1)
            target = min(in_flight, self._limit) * share * MARGIN
            self._decrease(target, target)

    def double(self, in_flight: int) -> None:
        """Double while nothing speaks against it: called every so often, faster than answers come."""
        is_free = self._queue_is_empty or not self._tells_its_queue
        if self._ramping and is_free and in_flight >= 0.9 * self._limit:
            self._set(2 * self._limit)

    def _begin_round(self) -> None:
        self._answers = self._at_limit = self._refused = 0

    def _end_round_if_over(self) -> None:
        """A round is as many answers and refusals as are in flight."""
        outcomes = self._answers + self._refused
        if outcomes < max(self.limit, MIN_ROUND):
            return
        share = self._refused / outcomes
        noise = NOISE_SHARE + 2 * math.sqrt(self._background * (1 - self._background) / outcomes)
        if share - self._background > noise:
            if self._decreased and share <= 0.3 and share >= 0.5 * self._last_share:
                self._background = share  # less was sent and as much was refused: it is not for the load
                self._decreased = False
                self._begin_round()
                return
            self._last_share = share
            self._decrease(self._limit * (PROBE_DECREASE if self._probing else DECREASE), self._limit)
            return
        self._background += 0.2 * (share - self._background)
        self._decreased = False
        if self._at_limit >= 0.5 * outcomes and not (self._tells_its_queue and not self._queue_is_empty):
            self._grow()
            self._queue_is_empty = False  # once for each time that the server tells it
        self._begin_round()

    def _grow(self) -> None:
        ceiling = self._ceiling
        if self._ramping or (ceiling is not None and self._limit < 0.5 * ceiling):
            self._set(2 * self._limit)
        elif ceiling is None or self._limit < 0.8 * ceiling:
            self._set(GROWTH * self._limit)
        else:
            self._probing = True
            self._set(self._limit + max(1.0, CREEP * self._limit))
            if self._limit > 1.2 * ceiling:
                self._ceiling = None  # the server has become larger

    def _window_size(self) -> int:
        if self._windows < len(FIRST_WINDOWS):
            return FIRST_WINDOWS[self._windows]
        return MIN_WINDOW if self._ceiling is None else min(max(self.limit, MIN_WINDOW), MAX_WINDOW)

    def _judge_latency(self) -> None:
        window, self._window = self._window, _Window()
        self._windows += 1
        best = self._best
        if best is None:
            self._best = window
            return
        growth = window.most_in_flight / best.most_in_flight
        stretch = window.stretch(best)
        if self._stretch_before is not None:
            # After a decrease: had the requests been waiting for each other, they would wait less now.
            in_flight, before = self._stretch_before
            self._stretch_before = None
            if window.most_in_flight < 0.8 * in_flight and stretch > 0.8 * before and stretch > STRETCH_FLOOR:
                self._best = window
                return
        if stretch > STRETCH_FLOOR and stretch >= max(growth, 1.0) ** QUEUEING_EXPONENT:
            self._stretch_before = (window.most_in_flight, stretch)
            target = min(window.most_in_flight, self._limit) / stretch * MARGIN
            self._decrease(target, target)
        elif growth <= 1:
            best.move(0.2 if stretch <= STRETCH_FLOOR else 0.0, window)
        elif stretch <= min(1 + FREE_STRETCH * (growth - 1), STRETCH_FLOOR):
            # As fast with more requests. Only faster answers count: small steps would add up to a queue unseen.
            best.most_in_flight = window.most_in_flight
            best.move(0.2 if stretch < 1 else 0.0, window)

    def _decrease(self, target: float, ceiling: float) -> None:
        self._ceiling = max(ceiling, 1.0)
        self._ramping = self._probing = False
        self._decreased = True
        self._epoch += 1
        self._set(target)
        self._begin_round()
        self._window = _Window()

    def _set(self, target: float) -> None:
        self._limit = min(max(target, 1.0), float(self._most))
        if self._limit >= self._most:
            self._ramping = False
