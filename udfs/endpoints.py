"""Where the next request goes, and what a failed try says about an endpoint."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


class TryFailed(Exception):
    """One try failed in a way that another may mend.

    Args:
        reason: A clause that names the endpoint and says what happened.
        retry_after: Seconds that the server asks us to stay away.
        counts: Whether it counts against the tries of its request.
    """

    def __init__(self, reason: str, *, retry_after: float | None = None, counts: bool = True) -> None:
        super().__init__(reason)
        self.retry_after = retry_after
        self.counts = counts


class Unreachable(TryFailed):
    """Nobody listens at the address: nothing was sent."""


class Dropped(TryFailed):
    """The connection ended before the first byte of an answer."""


@dataclass
class Endpoint:
    """What is known of one endpoint; times are of the clock given to `Endpoints`."""

    url: str
    in_flight: int = 0
    was_reached: bool = False
    avoid_until: float = 0.0  # soft: passed over while another is there
    hold_until: float = 0.0  # hard: the server said when to come back
    unreachable_since: float | None = None


class Endpoints:
    """Chooses the endpoint with the fewest requests in flight that did not just fail.

    Args:
        urls: Base URLs.
        monotonic: Seconds of a clock that never goes back.
        cooldown_seconds: How long an endpoint that just failed is passed over while another is there.
    """

    def __init__(self, urls: tuple[str, ...], monotonic: Callable[[], float], cooldown_seconds: float) -> None:
        self._all = [Endpoint(url) for url in urls]
        self._monotonic = monotonic
        self._cooldown_seconds = cooldown_seconds
        self._lock = threading.Lock()

    @contextmanager
    def lease(self) -> Iterator[Endpoint]:
        """One request's turn at an endpoint; what it raises is noted against the endpoint."""
        with self._lock:
            now = self._monotonic()
            chosen = min(self._all, key=lambda e: (e.hold_until > now, e.avoid_until > now, e.in_flight))
            chosen.in_flight += 1
        failure: TryFailed | None = None
        try:
            yield chosen
        except TryFailed as failed:
            failure = failed
            raise
        finally:
            with self._lock:
                chosen.in_flight -= 1
                self._note(chosen, failure)

    def _note(self, endpoint: Endpoint, failure: TryFailed | None) -> None:
        now = self._monotonic()
        if isinstance(failure, Unreachable):
            endpoint.unreachable_since = now if endpoint.unreachable_since is None else endpoint.unreachable_since
        else:
            endpoint.was_reached, endpoint.unreachable_since = True, None
        endpoint.avoid_until = now + self._cooldown_seconds if failure else 0.0
        if failure and failure.retry_after is not None:
            endpoint.hold_until = max(endpoint.hold_until, now + failure.retry_after)

    def hold_seconds(self) -> float:
        """Seconds until at least one endpoint may be asked."""
        with self._lock:
            return max(0.0, min(e.hold_until for e in self._all) - self._monotonic())

    def another_is_ready(self, endpoint: Endpoint) -> bool:
        """True when a failed request need not wait, because it can go elsewhere."""
        with self._lock:
            now = self._monotonic()
            return any(e is not endpoint and max(e.avoid_until, e.hold_until) <= now for e in self._all)

    def all_gone(self, *, at_start_seconds: float, later_seconds: float) -> bool:
        """True when every endpoint has been unreachable for so long; `later` holds once any was reached."""
        with self._lock:
            now = self._monotonic()
            patience = later_seconds if any(e.was_reached for e in self._all) else at_start_seconds
            return all(e.unreachable_since is not None and now - e.unreachable_since >= patience for e in self._all)
