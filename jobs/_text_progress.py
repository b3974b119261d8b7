"""How far the asking is: the figures that tasks keep beside the journal, summed, as a line, and for the run's row.

A task attempt replaces a small file of its own about every second (`figures-<run>-<task>-<attempt>.json`). What it
counted stays true when it has ended; what it had in flight does not.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from jobs._spending import TokenPrices, Tokens
from udfs.storage import Folder, StoredFile, open_folder
from udfs.task_figures import figures_stem

STALE_SECONDS = 5.0  # a task that has written nothing for so long has ended, or its executor has
WINDOW_SECONDS = 30.0  # over which rates are taken
QUANTILES = (0.5, 0.95, 0.99)
_NOT_SENT = ("unreachable", "content")  # nobody was there, or another call that counts as asked


@dataclass(frozen=True)
class Sums:
    """Figures of all tasks together.

    Attributes:
        asked, answered: Calls begun, and those that have their answer.
        in_flight, limit, waiting: Now, of tasks that still run: requests, how many there may be, records read ahead.
        retries: Further requests by the class of the failure before.
        latency: Answers by the upper bound of their latency class, in milliseconds.
    """

    asked: int = 0
    answered: int = 0
    in_flight: int = 0
    limit: int = 0
    waiting: int = 0
    retries: Counter[str] = field(default_factory=Counter)
    tokens: Tokens = field(default_factory=Tokens)
    latency: Counter[float] = field(default_factory=Counter)

    def __add__(self, other: Sums) -> Sums:
        return Sums(
            self.asked + other.asked,
            self.answered + other.answered,
            self.in_flight + other.in_flight,
            self.limit + other.limit,
            self.waiting + other.waiting,
            self.retries + other.retries,
            self.tokens + other.tokens,
            self.latency + other.latency,
        )

    @property
    def requests(self) -> int:
        """Requests sent, as the servers count them."""
        return self.asked + sum(count for kind, count in self.retries.items() if kind not in _NOT_SENT)

    def latency_ms(self, share: float) -> float | None:
        """Upper bound of the latency class that holds this quantile; None before the first answer."""
        wanted, seen = share * self.latency.total(), 0
        for bound, count in sorted(self.latency.items()):
            seen += count
            if seen >= wanted:
                return bound
        return None


def sums_of(said: Mapping[str, Any], *, is_running: bool = True) -> Sums:
    """The figures of one task attempt's file."""
    now = {name: int(said.get(name) or 0) if is_running else 0 for name in ("in_flight", "limit", "waiting")}
    return Sums(
        asked=int(said.get("asked") or 0),
        answered=int(said.get("answered") or 0),
        retries=Counter(said.get("retries") or {}),
        tokens=Tokens(*(int(said.get(f"{kind}_tokens") or 0) for kind in ("prompt", "cached", "completion"))),
        latency=Counter({float(bound): int(count) for bound, count in said.get("latency_ms") or ()}),
        **now,
    )


class FigureFiles:
    """The files of this run in a folder; asked again and again.

    Whether a task still runs is seen by its file changing, on the clock of who reads: executors' clocks may differ.
    """

    def __init__(self, folder: str, run_id: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._folder = open_folder(folder)
        self._stem = figures_stem(run_id)
        self._monotonic = monotonic
        self._changed: dict[str, tuple[object, float]] = {}

    def clear(self) -> None:
        """Forget what tasks of an earlier pass of this run counted: the next ones take the same names."""
        for file in _figure_files(self._folder, self._stem):
            self._folder.remove(file.name)
        self._changed.clear()

    def sums(self) -> Sums | None:
        """None where no task has written any."""
        found = dict(self._read())
        if not found:
            return None
        newest: dict[int, int] = {}
        for task, attempt in map(_task_of, found):
            newest[task] = max(newest.get(task, 0), attempt)
        total = Sums()
        for name, said in found.items():
            task, attempt = _task_of(name)
            total += sums_of(said, is_running=self._is_fresh(name, said) and attempt == newest[task])
        return total

    def _is_fresh(self, name: str, said: Mapping[str, Any]) -> bool:
        now = self._monotonic()
        mark, since = self._changed.get(name, (None, now))
        if mark != said.get("updated_at"):
            mark, since = said.get("updated_at"), now
        self._changed[name] = (mark, since)
        return now - since < STALE_SECONDS

    def _read(self) -> Iterable[tuple[str, Mapping[str, Any]]]:
        try:
            files = _figure_files(self._folder, self._stem)
        except OSError:
            return  # the next look has them
        for file in files:
            try:
                yield file.name, _figures_in(file)
            except (OSError, ValueError):
                continue  # removed, or replaced by a storage that does not do it in one step


def _task_of(name: str) -> tuple[int, int]:
    """Task and attempt, from a file's name."""
    task, attempt = name.removesuffix(".json").split("-")[-2:]
    return int(task), int(attempt)


def tokens_before(folder: Folder, run_id: str, task: int, attempt: int) -> int:
    """Tokens of the earlier attempts of a task, by the figures they left."""
    files = _figure_files(folder, figures_stem(run_id, task))
    return sum(sums_of(_figures_in(file)).tokens.total for file in files if _task_of(file.name) < (task, attempt))


def _figure_files(folder: Folder, stem: str) -> list[StoredFile]:
    return [file for file in folder.files(stem) if file.name.endswith(".json")]


def _figures_in(file: StoredFile) -> Mapping[str, Any]:
    with file.open() as lines:
        said = json.load(lines)
    if not isinstance(said, dict):
        raise ValueError(f"{file.name} holds no figures")
    return said


class LiveLine:
    """Sums as one line for people, with rates over the last half minute.

    Args:
        accepted: Records that had their texts accepted before.
        expected: Answers wanted, at most.
        currency: Of the prices.
    """

    def __init__(
        self,
        *,
        accepted: int,
        expected: int,
        prices: TokenPrices | None,
        currency: str,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._accepted, self._expected = accepted, expected
        self._prices, self._currency = prices, currency
        self._monotonic = monotonic
        self._seen: deque[tuple[float, int, int]] = deque()

    def text(self, sums: Sums) -> str:
        """Everything but the count of answers, which whoever shows the line puts at its end."""
        answers, tokens = self._rates(sums)
        parts = [f"{self._accepted:,} records accepted"] if self._accepted else []
        share = f" ({sums.in_flight / sums.limit:.0%})" if sums.limit else ""
        parts.append(f"{sums.in_flight:,} of {sums.limit:,} in flight{share}, {sums.waiting:,} waiting")
        if answers:
            parts.append(f"{answers / 2:,.1f} records/s, {tokens:,.0f} tokens/s")
        if sums.tokens.prompt and sums.tokens.cached:
            parts.append(f"{sums.tokens.cached / sums.tokens.prompt:.0%} of the prompts cached")
        found = [sums.latency_ms(share) for share in QUANTILES]
        if found[0] is not None:
            parts.append("p50/p95/p99 " + "/".join(f"{(ms or 0) / 1000:.1f}" for ms in found) + " s")
        if sums.retries:
            parts.append("retries " + ", ".join(f"{kind} {n:,}" for kind, n in sums.retries.most_common()))
        if self._prices:
            parts.append(f"{self._currency} {self._prices.of(sums.tokens):,.2f}")
        if answers and self._expected > sums.answered:
            parts.append(f"{_duration((self._expected - sums.answered) / answers)} left")
        return "; ".join([*parts, "answers"])

    def _rates(self, sums: Sums) -> tuple[float, float]:
        """Answers and completion tokens a second."""
        now = self._monotonic()
        self._seen.append((now, sums.answered, sums.tokens.completion))
        while len(self._seen) > 2 and now - self._seen[0][0] > WINDOW_SECONDS:
            self._seen.popleft()
        since, answered, tokens = self._seen[0]
        seconds = now - since
        if seconds <= 0:
            return 0.0, 0.0
        return (sums.answered - answered) / seconds, (sums.tokens.completion - tokens) / seconds


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


class Watcher:
    """Tells whoever watches how far the tasks are while its block runs, again and again: once for every pass.

    Attributes:
        sums: The last figures seen, of all passes together; None where tasks keep none.

    Args:
        tell: Called with text, answers and answers expected.
        count: Answers by another way, for tasks that keep no figures.
    """

    def __init__(
        self,
        files: FigureFiles,
        line: LiveLine,
        tell: Callable[[str, int, int], None],
        *,
        expected: int,
        count: Callable[[], int],
        seconds: float = 1.0,
    ) -> None:
        self._files, self._line, self._tell, self._count = files, line, tell, count
        self._expected, self._seconds = expected, seconds
        self._before: Sums | None = None
        self.sums: Sums | None = None

    def __enter__(self) -> Watcher:
        self._files.clear()
        self._before = None if self.sums is None else replace(self.sums, in_flight=0, limit=0, waiting=0)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(5)
        self._look()

    def _look(self) -> None:
        found = self._files.sums()
        if found is not None:
            self.sums = found if self._before is None else self._before + found

    def _watch(self) -> None:
        took = 0.0
        while not self._over.wait(max(self._seconds, 10 * took)):  # listing an object store takes its time
            started = time.monotonic()
            self._look()
            if self.sums is None:
                text, answers = "asking the model", self._count()
            else:
                text, answers = self._line.text(self.sums), self.sums.answered
            took = time.monotonic() - started
            self._tell(text, answers, max(self._expected, answers))
