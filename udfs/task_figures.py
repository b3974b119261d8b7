"""What a task counts while it asks, for whoever watches: one small file a task attempt, replaced every second."""

from __future__ import annotations

import json
import threading
from bisect import bisect_left
from collections import Counter
from contextlib import suppress
from typing import Any

from udfs.journal import run_in_names
from udfs.storage import StoredFile

# Upper bounds of the classes of latency: 1 ms to 32 minutes, four to a doubling, the same in every task, so that
# percentiles can be had over all of them.
LATENCY_BOUNDS_MS = tuple(round(2 ** (step / 4), 1) for step in range(4 * 21 + 1))


class TaskFigures:
    """Counters of one task, safe to use from many threads.

    `asked` are calls begun, `answered` those that ended with an answer; `retries` counts every further request by the
    class of the failure before it (`unreachable`: nothing was sent), and further attempts as `content`.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked = self._answered = self._waiting = 0
        self._in_flight = self._limit = 0
        self._tokens: Counter[str] = Counter()
        self._retries: Counter[str] = Counter()
        self._latency = [0] * len(LATENCY_BOUNDS_MS)  # the last class also has what took longer

    def asked(self) -> None:
        with self._lock:
            self._asked += 1

    def answered(self, latency_ms: float, *, prompt: int, cached: int, completion: int) -> None:
        with self._lock:
            self._answered += 1
            self._latency[min(bisect_left(LATENCY_BOUNDS_MS, latency_ms), len(self._latency) - 1)] += 1
            self._tokens["prompt"] += prompt
            self._tokens["cached"] += cached
            self._tokens["completion"] += completion

    def retried(self, failure_class: str) -> None:
        with self._lock:
            self._retries[failure_class] += 1

    def flow(self, *, in_flight: int, limit: int) -> None:
        """Note how many requests are in flight now, and how many may be."""
        with self._lock:
            self._in_flight, self._limit = in_flight, limit

    def waiting(self, records: int) -> None:
        """Note how many records were read and are not begun."""
        with self._lock:
            self._waiting = records

    def over(self) -> None:
        """Note that nothing is in flight or waits any more."""
        with self._lock:
            self._in_flight = self._limit = self._waiting = 0

    @property
    def tokens(self) -> int:
        """Prompt and completion tokens of all answers."""
        with self._lock:
            return self._tokens["prompt"] + self._tokens["completion"]

    def latency_quantile_ms(self, share: float, least: int) -> float | None:
        """The upper bound of the class that holds this quantile; None with fewer answers than `least`."""
        with self._lock:
            if self._answered < least:
                return None
            wanted, seen = share * self._answered, 0
            for bound, count in zip(LATENCY_BOUNDS_MS, self._latency, strict=True):
                seen += count
                if seen >= wanted:
                    return bound
            return None

    def snapshot(self, now: float) -> dict[str, Any]:
        """All figures as JSON values; `updated_at` is `now`, in seconds since 1970."""
        with self._lock:
            return {
                "asked": self._asked,
                "answered": self._answered,
                "in_flight": self._in_flight,
                "waiting": self._waiting,
                "limit": self._limit,
                "retries": dict(self._retries),
                "prompt_tokens": self._tokens["prompt"],
                "cached_tokens": self._tokens["cached"],
                "completion_tokens": self._tokens["completion"],
                "latency_ms": [
                    [bound, count] for bound, count in zip(LATENCY_BOUNDS_MS, self._latency, strict=True) if count
                ],
                "updated_at": now,
            }


def figures_name(run_id: str, task_id: int, attempt: int) -> str:
    """Name of the file in the journal's folder where a task attempt keeps its figures."""
    return f"{figures_stem(run_id, task_id)}{attempt}.json"


def figures_stem(run_id: str, task_id: int | None = None) -> str:
    """How the names of the figures of a run, or of one task of it, begin."""
    stem = f"figures-{run_in_names(run_id)}-"
    return stem if task_id is None else f"{stem}{task_id}-"


def write_figures(file: StoredFile, figures: TaskFigures, now: float) -> None:
    """Replace the file in one step, so that a reader never sees half of it; a full disk is no reason to stop."""
    with suppress(OSError):
        file.folder.put(file.name, json.dumps(figures.snapshot(now)).encode())
