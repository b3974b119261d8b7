"""What a server can do at once: slots, a queue, a speed in tokens; and how much of it was used."""

from __future__ import annotations

import asyncio
import time
from collections import deque

from jobs._faults import Fault


class Full(Exception):
    """The queue is as long as it may be."""

    def __init__(self, slots: Fault) -> None:
        super().__init__()
        self.slots = slots


class Capacity:
    """Slots for which requests wait in the order of their arrival; without `limits` there is one for each.

    Times are those of `time.monotonic`: the clock of uvloop stands still while a request is worked on.

    Attributes:
        busy_seconds: Seconds of slots in which a request was worked on, up to the last request that came or went.
        offered_seconds: Seconds of slots there were, up to the same moment; None if their number was ever without end.
    """

    def __init__(self, limits: Fault | None = None) -> None:
        self.limits = limits
        self.running = self.peak_running = self.peak_waiting = 0
        self.busy_seconds = 0.0
        self.offered_seconds: float | None = 0.0
        self._queue: deque[asyncio.Future[None]] = deque()
        self._line_free = self._counted = 0.0

    @property
    def slots(self) -> int | None:
        return None if self.limits is None else self.limits.slots

    @property
    def waiting(self) -> int:
        return len(self._queue)

    def begin(self, now: float) -> None:
        """Begin to count."""
        self._counted = now

    def change(self, limits: Fault | None, now: float) -> None:
        """Have other slots from now on; who is worked on is not interrupted."""
        self._count(now)
        self.limits = limits
        self._admit(now)

    async def enter(self, now: float) -> None:
        """Take a slot, when there is one; raises `Full` if the queue is as long as it may be."""
        if self.slots is None or (self.running < self.slots and not self._queue):
            self._count(now)
            self._take()
            return
        if self.limits and self.limits.max_queued is not None and self.waiting >= self.limits.max_queued:
            raise Full(self.limits)
        turn = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        self.peak_waiting = max(self.peak_waiting, self.waiting)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.leave(time.monotonic())  # its turn had come in the same moment
            elif turn in self._queue:
                self._queue.remove(turn)
            raise

    def leave(self, now: float) -> None:
        """Give the slot to the next."""
        self._count(now)
        self.running -= 1
        self._admit(now)

    def reserve(self, tokens: int, speed: Fault, now: float) -> float:
        """When an answer of so many tokens, begun now, is written."""
        over = now
        if speed.per_second:
            self._line_free = max(self._line_free, now) + tokens / speed.per_second
            over = self._line_free
        if speed.each_per_second:
            over = max(over, now + tokens / speed.each_per_second)
        return over

    def _admit(self, now: float) -> None:
        while self._queue and (self.slots is None or self.running < self.slots):
            turn = self._queue.popleft()
            if not turn.done():
                self._take()
                turn.set_result(None)

    def _take(self) -> None:
        self.running += 1
        self.peak_running = max(self.peak_running, self.running)

    def _count(self, now: float) -> None:
        passed, self._counted = now - self._counted, now
        self.busy_seconds += passed * self.running
        if self.slots is None:
            self.offered_seconds = None
        elif self.offered_seconds is not None:
            self.offered_seconds += passed * self.slots
