"""A second request for an answer that takes unusually long, where there is room to spare; off by default.

The slower answer is paid for and lost. So only requests beyond the 99th percentile get a second one, about one in fifty
at most, and the loser's connection is cut: a server stops working on a request whose client is gone.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from udfs.completion import Completion
from udfs.endpoints import Endpoints, Lease
from udfs.retries import TryFailed
from udfs.task_figures import TaskFigures
from udfs.transport import Cut

LEAST_ANSWERS = 100  # before the percentile means anything
QUANTILE = 0.99
MOST_SHARE = 0.02
LOW_LOAD = 0.5  # of the limit: above it, a second request would take the place of a first one

Send = Callable[[Lease, Cut], Completion]


@dataclass(eq=False)
class Race:
    """One request in flight, and the second one for the same answer if there is one."""

    send: Send
    url: str
    started: float
    cut: Cut = field(default_factory=Cut)
    second_cut: Cut = field(default_factory=Cut)
    second: threading.Thread | None = None
    answer: Completion | None = None


class Hedger:
    """Watches requests in flight; `poll` is called every so often by one thread.

    Args:
        monotonic: Seconds of a clock that never goes back.
    """

    def __init__(self, endpoints: Endpoints, figures: TaskFigures, monotonic: Callable[[], float]) -> None:
        self._endpoints = endpoints
        self._figures = figures
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._races: set[Race] = set()
        self._begun = 0
        self._seconds = 0

    def run(self, lease: Lease, send: Send) -> Completion:
        """Send in this thread, and return the answer that comes first.

        Raises:
            TryFailed: The request failed, and the second one as well if there was one.
        """
        race = Race(send, lease.endpoint.url, self._monotonic())
        with self._lock:
            self._begun += 1
            self._races.add(race)
        failure: TryFailed | None = None
        try:
            answer = send(lease, race.cut)
            self._wins(race, answer, race.second_cut)
        except TryFailed as failed:
            failure = failed
        finally:
            with self._lock:
                self._races.discard(race)  # no second one from now on
        if failure is not None and race.second is not None:
            race.second.join()
        if race.answer is not None:
            return race.answer
        assert failure is not None
        raise failure

    def poll(self) -> None:
        """Begin a second request for whatever takes too long."""
        quantile_ms = self._figures.latency_quantile_ms(QUANTILE, LEAST_ANSWERS)
        if quantile_ms is None:
            return
        latest = self._monotonic() - quantile_ms / 1000
        with self._lock:
            late = sorted((r for r in self._races if r.second is None and r.started < latest), key=lambda r: r.started)
            for race in late:
                if self._seconds >= 1 + MOST_SHARE * self._begun:
                    return
                lease = self._endpoints.spare(race.url, LOW_LOAD)
                if lease is None:
                    return
                self._seconds += 1
                race.second = threading.Thread(target=self._run_second, args=(race, lease), daemon=True)
                race.second.start()

    def _run_second(self, race: Race, lease: Lease) -> None:
        self._figures.retried("hedge")
        try:
            with self._endpoints.held(lease):
                answer = race.send(lease, race.second_cut)
        except Exception:
            return  # the first one is still there, and tells what is wrong if that fails too
        self._wins(race, answer, race.cut)

    def _wins(self, race: Race, answer: Completion, loser: Cut) -> None:
        with self._lock:
            if race.answer is not None:
                return
            race.answer = answer
        loser.cut()
