"""What a failed try means for its request, for the stage and for the speed: one table, and the budget of retries.

A server that says when to come back, or that is too busy (429), paces us: that costs time, not budget. Everything else
that is sent twice is paid for out of the budget, so that a broken server ends the stage instead of eating money.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from enum import Enum
from types import MappingProxyType

from census.errors import ModelError, TransientModelError

EXCERPT_CHARACTERS = 200
BUDGET_FLOOR = 20  # a handful of early failures is no sign of anything
BUDGET_WINDOW_REQUESTS = 1000  # credit of requests longer ago is forgotten
REASONS_TOLD = 3


class FailureClass(str, Enum):
    """Classes of failures, as figures and reports name them."""

    TRANSPORT = "transport"  # the network or the server broke: the same request may pass
    OVERLOAD = "overload"  # too much at once: the same request may pass later
    UNREACHABLE = "unreachable"  # nobody listens: nothing was sent
    CONTENT = "content"  # an answer that cannot be used: asked again as another attempt
    REFUSED = "refused"  # this one request will never pass
    FATAL = "fatal"  # no request will pass


@dataclass(frozen=True)
class Rule:
    """What follows from one kind of failure.

    Args:
        is_try: Counts against the tries of its request.
        from_budget: A further try is paid for out of the budget of retries.
        slows: A sign that the endpoint has too much to do.
        breaks: A sign that the endpoint does not work, for its circuit breaker.
    """

    failure_class: FailureClass
    is_try: bool = True
    from_budget: bool = True
    slows: bool = False
    breaks: bool = True


_TRANSPORT = Rule(FailureClass.TRANSPORT)
_REFUSED = Rule(FailureClass.REFUSED, from_budget=False, breaks=False)
_FATAL = Rule(FailureClass.FATAL, from_budget=False, breaks=False)
PACED = Rule(FailureClass.OVERLOAD, is_try=False, from_budget=False, slows=True, breaks=False)
RULES: Mapping[int | str, Rule] = MappingProxyType(
    {
        "unreachable": Rule(FailureClass.UNREACHABLE, is_try=False, from_budget=False),
        "dropped": _TRANSPORT,
        "broken off": _TRANSPORT,
        "timeout": Rule(FailureClass.TRANSPORT, slows=True),
        "no completion": _TRANSPORT,
        400: _REFUSED,
        401: _FATAL,
        403: _FATAL,
        404: _FATAL,
        408: Rule(FailureClass.TRANSPORT, slows=True),
        409: Rule(FailureClass.TRANSPORT, breaks=False),
        413: _REFUSED,
        422: _REFUSED,
        425: Rule(FailureClass.TRANSPORT, breaks=False),
        429: PACED,
        "5xx": _TRANSPORT,
        503: Rule(FailureClass.OVERLOAD, slows=True),
        529: Rule(FailureClass.OVERLOAD, slows=True),
        "other status": _FATAL,
    }
)


def rule_of_status(status: int, retry_after: float | None) -> Rule:
    """The rule of an HTTP status other than 200; who says when to come back is only waited for."""
    rule = RULES.get(status, RULES["5xx" if status >= 500 else "other status"])
    return PACED if rule.slows and retry_after is not None else rule


class RequestRejected(ModelError):
    """The endpoint refuses this one request (400, 413, 422): the row fails, the others go on."""


class RetryBudgetSpent(ModelError):
    """More was sent twice than `retry_budget_share` allows: nothing more is sent, and a later run can go on."""


class Starved(TransientModelError):
    """All the time of a request went by with being told to wait, and no other of its task was answered meanwhile.

    A quota that is used up looks so: nothing more is sent, and a later run can go on.
    """


class TryFailed(Exception):
    """One try failed in a way that another may mend.

    Args:
        reason: A clause that names the endpoint and says what happened.
        retry_after: Seconds that the server asks us to stay away.
    """

    def __init__(self, reason: str, rule: Rule = _TRANSPORT, *, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.rule = rule
        self.retry_after = retry_after


class Unreachable(TryFailed):
    """Nobody listens at the address: nothing was sent."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, RULES["unreachable"])


class Dropped(TryFailed):
    """The connection ended before the first byte of an answer."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, RULES["dropped"])


class RetryBudget:
    """Every request earns `share` of a retry, and a retry costs one; safe to use from many threads.

    Args:
        share: Retries per request; with 1 or more, every retry is allowed.
        floor: Retries that are there from the beginning: one for each request in flight, or a server that dies once
            would end the stage.
    """

    def __init__(self, share: float, floor: int) -> None:
        self._share = share
        self._most = max(floor, BUDGET_FLOOR) + share * BUDGET_WINDOW_REQUESTS
        self._left = float(max(floor, BUDGET_FLOOR))
        self._requests = 0
        self._reasons: Counter[str] = Counter()
        self._lock = threading.Lock()

    def earn(self) -> None:
        """Note a request that is sent for the first time."""
        with self._lock:
            self._requests += 1
            self._left = min(self._most, self._left + self._share)

    def spend(self, failure: TryFailed) -> None:
        """Pay for a further try after this failure.

        Raises:
            RetryBudgetSpent: Nothing is left.
        """
        if not failure.rule.from_budget:
            return
        with self._lock:
            self._reasons[str(failure)] += 1
            self._left -= 1
            if self._left >= 0 or self._share >= 1:
                return
            told = "; ".join(f"{count} x {reason}" for reason, count in self._reasons.most_common(REASONS_TOLD))
            retries, requests = self._reasons.total(), self._requests
        raise RetryBudgetSpent(
            f"the budget of retries is spent ({retries:,} for {requests:,} requests, llm.retry_budget_share is "
            f"{self._share:g}): {told}. Run again when the endpoint is well; answers that came are kept",
            retries=retries,
            requests=requests,
        )


def retry_after_seconds(header: str | None, wall: float, cap: float) -> float | None:
    """Seconds to wait from a Retry-After header: a number or an HTTP date, within [0, cap]; None if it is neither."""
    if header is None:
        return None
    try:
        seconds = float(header)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(header).timestamp() - wall
        except (ValueError, OverflowError):
            return None
    return None if seconds != seconds else min(max(seconds, 0.0), cap)


def error_message(raw: bytes) -> str:
    """The server's own sentence from an error body of either shape that vLLM has used, or the start of the text."""
    text = raw.decode("utf-8", errors="replace")
    try:
        found = json.loads(text)
        found = found.get("error", found)
        text = found if isinstance(found, str) else str(found["message"])
    except (ValueError, AttributeError, LookupError, TypeError, RecursionError):
        pass  # an HTML page, or nothing: its first characters must do
    return " ".join(text.split())[:EXCERPT_CHARACTERS]
