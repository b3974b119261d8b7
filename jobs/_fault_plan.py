"""Which faults strike which request, and how long an answer takes: by the seed, never by chance."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field
from statistics import NormalDist

from jobs._faults import OF_THE_SERVER, Fault

NORMAL = NormalDist()


@dataclass
class FaultPlan:
    """The faults of a server; the same requests in the same order meet the same faults, those by rate in any order."""

    faults: tuple[Fault, ...] = ()
    seed: int = 0
    _played: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._strikers = [(n, fault) for n, fault in enumerate(self.faults) if fault.kind not in OF_THE_SERVER]
        self._is_rated = any(fault.rate is not None for fault in self.faults)
        self._places = {id(fault): place for place, fault in enumerate(self.faults)}
        self._slots, self._tokens = self.of_kind("slots"), self.of_kind("tokens")

    def hits(self, number: int, digest: int, *, request: int = 0, tries: int = 0, seconds: float = 0.0) -> list[Fault]:
        """The faults that one request meets: every `latency` that strikes, and the first of the others.

        Args:
            number: Which request it is, from 1 on.
            digest: A hash of its body.
            request: A hash of its name: its X-Request-Id, or else its body.
            tries: How often it has come before.
            seconds: Since the first request.
        """
        hit: list[Fault] = []
        is_struck = False
        # One draw for all, cut into one piece for each rate.
        left = self._uniform("rate", request, tries) if self._is_rated else 1.0
        for place, fault in self._strikers:
            if not fault.is_on(seconds):
                continue
            if fault.rate is None:
                strikes = (number if fault.by == "count" else digest) % fault.every == 0
            elif fault.kind == "latency":
                strikes = self._uniform(f"rate {place}", request, tries) < fault.rate
            else:
                strikes = 0 <= left < fault.rate
                left -= fault.rate
            played = self._played.get(place, 0)
            is_delay = fault.kind == "latency"
            if strikes and (is_delay or not is_struck) and (fault.times is None or played < fault.times):
                self._played[place] = played + 1
                is_struck |= not is_delay
                hit.append(fault)
        return hit

    def seconds_of(self, fault: Fault, request: int, tries: int) -> float:
        """How long a `latency` makes an answer take."""
        place = self._places[id(fault)]
        seconds = fault.seconds or 0.0
        if fault.law == "uniform":
            seconds += ((fault.max_seconds or 0.0) - seconds) * self._uniform(f"law {place}", request, tries)
        elif fault.law == "lognormal":
            drawn = self._uniform(f"law {place}", request, tries)
            seconds *= math.exp((fault.sigma or 0.0) * NORMAL.inv_cdf(max(drawn, 2**-54)))
        if fault.slow_share and self._uniform(f"slow {place}", request, tries) < fault.slow_share:
            seconds *= fault.slow_factor
        return seconds

    def slots_at(self, seconds: float) -> Fault | None:
        """The last `slots` whose time has come."""
        return next((fault for fault in reversed(self._slots) if fault.is_on(seconds)), None)

    def tokens_at(self, seconds: float) -> Fault | None:
        """The last `tokens` whose time has come."""
        return next((fault for fault in reversed(self._tokens) if fault.is_on(seconds)), None)

    def of_kind(self, kind: str) -> list[Fault]:
        return [fault for fault in self.faults if fault.kind == kind]

    def _uniform(self, what: str, request: int, tries: int) -> float:
        """In [0, 1), fixed by the seed, the use, the request and the try."""
        key = f"{self.seed} {what} {request} {tries}".encode()
        return (int.from_bytes(hashlib.blake2b(key, digest_size=8).digest(), "big") >> 11) * 2.0**-53
