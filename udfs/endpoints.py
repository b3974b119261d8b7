"""Where the next request goes and whether it may go now: limits, circuit breakers and turns of the endpoints."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from udfs.limits import AdaptiveLimit, Ticket
from udfs.retries import TryFailed, Unreachable

BREAKER_FAILURES = 3  # in a row, before an endpoint is passed over; one where nobody listens is at once
HOLD_REFUSALS = 2  # in a row that name a time, before all requests stay away: one alone is a matter of its request
LONGEST_WAIT_SECONDS = 5.0


class NoMoreTurns(Exception):
    """`close` was called while a request waited for its turn."""


@dataclass
class Endpoint:
    """What is known of one endpoint; times are of the clock given to `Endpoints`."""

    url: str
    limit: AdaptiveLimit
    in_flight: int = 0
    was_reached: bool = False
    hold_until: float = 0.0  # the server said when to come back
    unreachable_since: float | None = None
    failures_in_a_row: int = 0
    refusals_in_a_row: int = 0  # that said when to come back, since the last answer
    closed: bool = True  # the circuit breaker: requests flow
    trial_from: float = 0.0  # of a breaker that is open: when one request may try whether it works again
    in_trial: bool = False

    @property
    def load(self) -> float:
        return self.in_flight / self.limit.limit


@dataclass
class Lease:
    """One request's turn; who has an answer says what it took."""

    endpoint: Endpoint
    ticket: Ticket
    waited_seconds: float
    is_trial: bool = False
    answer: tuple[float, int] | None = field(default=None, init=False)

    def answered(self, seconds: float, tokens: int) -> None:
        self.answer = (seconds, tokens)


class Endpoints:
    """Gives turns: at the less loaded of two endpoints drawn by lot, and never more than its limit.

    An endpoint that fails several times in a row is passed over (its breaker is open) while another is there. After
    `cooldown_seconds`, or as soon as `seems_well` is told of it, one request tries it; if that comes back, all may.

    Args:
        urls: Base URLs.
        monotonic: Seconds of a clock that never goes back.
        cooldown_seconds: How long an endpoint that failed is passed over unless it is seen to be well before.
        most: Requests in flight at all of them together at most.
        start: The limit of each to begin with.
    """

    def __init__(
        self,
        urls: Sequence[str],
        monotonic: Callable[[], float],
        cooldown_seconds: float,
        *,
        most: int = 32,
        start: int = 32,
        rng: random.Random | None = None,
    ) -> None:
        self._all = [Endpoint(url, AdaptiveLimit(most, start)) for url in urls]
        self._most = most
        self._in_flight = 0
        self._monotonic = monotonic
        self._cooldown_seconds = cooldown_seconds
        self._rng = rng or random.Random()
        self._turn = threading.Condition(threading.Lock())
        self._over = False

    def close(self) -> None:
        """Let nobody wait any longer."""
        with self._turn:
            self._over = True
            self._turn.notify_all()

    @contextmanager
    def lease(self) -> Iterator[Lease]:
        """Wait for a turn and take it; what is raised within is noted against the endpoint.

        Raises:
            NoMoreTurns: `close` was called.
        """
        with self.held(self._take()) as lease:
            yield lease

    @contextmanager
    def held(self, lease: Lease) -> Iterator[Lease]:
        """A turn that was taken already; what is raised within is noted against the endpoint."""
        failure: TryFailed | None = None
        try:
            yield lease
        except TryFailed as failed:
            failure = failed
            raise
        finally:
            with self._turn:
                self._give_back(lease, failure)

    def spare(self, elsewhere: str, most_load: float) -> Lease | None:
        """A turn that takes nobody's place, at another endpoint than `elsewhere` if there is one; or None."""
        with self._turn:
            now = self._monotonic()
            idle = [e for e in self._all if e.closed and e.hold_until <= now and e.load < most_load]
            if not idle or self._in_flight >= self._most:
                return None
            endpoint = min(idle, key=lambda e: (e.url == elsewhere, e.load))
            return self._begin(endpoint, 0.0, is_trial=False)

    def _take(self) -> Lease:
        with self._turn:
            began = self._monotonic()
            while True:
                if self._over:
                    raise NoMoreTurns
                now = self._monotonic()
                endpoint, is_trial = self._choose(now)
                if endpoint is not None:
                    return self._begin(endpoint, now - began, is_trial)
                self._turn.wait(self._seconds_to_next_event(now))

    def _begin(self, endpoint: Endpoint, waited_seconds: float, is_trial: bool) -> Lease:
        self._in_flight += 1
        endpoint.in_flight += 1
        endpoint.in_trial |= is_trial
        return Lease(endpoint, endpoint.limit.ticket(endpoint.in_flight), waited_seconds, is_trial)

    def _choose(self, now: float) -> tuple[Endpoint | None, bool]:
        if self._in_flight >= self._most:
            return None, False
        for endpoint in self._all:
            if not endpoint.closed and not endpoint.in_trial and max(endpoint.trial_from, endpoint.hold_until) <= now:
                return endpoint, True
        # With every breaker open, asking is the only way to know: tries and waits bound it.
        asked = [e for e in self._all if e.closed] or self._all
        asked = [e for e in asked if e.hold_until <= now] or asked
        free = [e for e in asked if e.in_flight < e.limit.limit]
        if not free:
            return None, False
        return min(self._rng.sample(free, min(2, len(free))), key=lambda e: e.load), False

    def _seconds_to_next_event(self, now: float) -> float:
        events = [t - now for e in self._all for t in (e.trial_from, e.hold_until) if t > now]
        return min([*events, LONGEST_WAIT_SECONDS])

    def _give_back(self, lease: Lease, failure: TryFailed | None) -> None:
        endpoint, now = lease.endpoint, self._monotonic()
        if lease.answer is not None:
            endpoint.limit.answered(lease.ticket, endpoint.in_flight, *lease.answer)
        elif failure is not None and failure.rule.slows:
            endpoint.limit.overloaded(lease.ticket)
        endpoint.in_flight -= 1
        self._in_flight -= 1
        if lease.is_trial:
            endpoint.in_trial = False
        if isinstance(failure, Unreachable):
            endpoint.unreachable_since = now if endpoint.unreachable_since is None else endpoint.unreachable_since
        else:
            endpoint.was_reached, endpoint.unreachable_since = True, None
        if failure is None:
            endpoint.refusals_in_a_row = 0
        elif failure.retry_after is not None:
            endpoint.refusals_in_a_row += 1
            if endpoint.refusals_in_a_row >= HOLD_REFUSALS:
                endpoint.hold_until = max(endpoint.hold_until, now + failure.retry_after)
        self._judge(endpoint, failure, now)
        self._turn.notify(max(1, endpoint.limit.limit - endpoint.in_flight))

    def _judge(self, endpoint: Endpoint, failure: TryFailed | None, now: float) -> None:
        if failure is None or not failure.rule.breaks:
            endpoint.failures_in_a_row = 0
            if not endpoint.closed:
                endpoint.closed = True
                endpoint.limit.restart()
            return
        endpoint.failures_in_a_row += 1
        if isinstance(failure, Unreachable) or endpoint.failures_in_a_row >= BREAKER_FAILURES or not endpoint.closed:
            endpoint.closed = False
            endpoint.trial_from = now + self._cooldown_seconds

    def hold_seconds(self) -> float:
        """Seconds until at least one endpoint may be asked."""
        with self._turn:
            asked = [e for e in self._all if e.closed] or self._all
            return max(0.0, min(e.hold_until for e in asked) - self._monotonic())

    def another_is_ready(self, endpoint: Endpoint) -> bool:
        """True when a failed request need not wait, because it can go elsewhere."""
        with self._turn:
            now = self._monotonic()
            return any(e is not endpoint and e.closed and e.hold_until <= now for e in self._all)

    def all_gone(self, *, at_start_seconds: float, later_seconds: float) -> bool:
        """True when every endpoint has been unreachable for so long; `later` holds once any was reached."""
        with self._turn:
            now = self._monotonic()
            patience = later_seconds if any(e.was_reached for e in self._all) else at_start_seconds
            return all(e.unreachable_since is not None and now - e.unreachable_since >= patience for e in self._all)

    def closed_urls(self) -> tuple[list[str], list[str]]:
        """Endpoints that requests flow to, and those whose breaker is open."""
        with self._turn:
            return [e.url for e in self._all if e.closed], [e.url for e in self._all if not e.closed]

    def seems_well(self, url: str) -> None:
        """Let one request try an endpoint whose breaker is open: its health check was answered."""
        with self._turn:
            for endpoint in self._all:
                if endpoint.url == url and not endpoint.closed:
                    endpoint.trial_from = 0.0
                    self._turn.notify()

    def queue(self, url: str, waiting: tuple[int, int] | None) -> None:
        """Note the running and waiting requests that a server tells of (None: it tells nothing), and grow if it may."""
        with self._turn:
            for endpoint in self._all:
                if endpoint.url == url:
                    if waiting is not None:
                        endpoint.limit.queue(*waiting, endpoint.in_flight)
                    endpoint.limit.double(endpoint.in_flight)
                    self._turn.notify(max(0, endpoint.limit.limit - endpoint.in_flight))

    @property
    def is_ramping(self) -> bool:
        with self._turn:
            return any(e.limit.is_ramping and e.closed for e in self._all)

    @property
    def in_flight_and_limit(self) -> tuple[int, int]:
        """Over all endpoints that requests flow to."""
        with self._turn:
            return sum(e.in_flight for e in self._all), sum(e.limit.limit for e in self._all if e.closed)
