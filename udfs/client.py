"""The one door to the language model: an OpenAI-compatible endpoint, asked with `requests` from many threads.

One `ChatClient` a task, opened on the executor and never pickled; its threads share one pool of sockets. What a
failure means is in `udfs/retries.py`; how it is acted on is decided here: wait and try again, give up this row, or
stop the stage.
"""

from __future__ import annotations

import json
import logging
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import requests

from census.errors import ConfigError, ModelError, TransientModelError
from udfs import transport
from udfs.completion import Completion, read_completion
from udfs.endpoints import Endpoints, Lease, NoMoreTurns
from udfs.hedging import Hedger
from udfs.polling import Poller
from udfs.retries import (
    PACED,
    RULES,
    Dropped,
    FailureClass,
    RequestRejected,
    RetryBudget,
    Starved,
    TryFailed,
    Unreachable,
    error_message,
    retry_after_seconds,
    rule_of_status,
)
from udfs.task_figures import TaskFigures
from udfs.transport import Cut, Deadlines

log = logging.getLogger(__name__)

POLL_SECONDS = 1.0
RAMP_SECONDS = 0.1  # until the first sign of overload: a cluster is not kept idle for as long as an answer takes


class ClientStopped(ModelError):
    """The client was told to stop, so nothing more is sent."""


@dataclass(frozen=True)
class ClientSettings:
    """How to reach the model.

    Args:
        endpoints: Base URLs that end in `/v1`, each serving the same model.
        api_key: Sent as a bearer token; never part of a message, a log or a `repr`.
        deadline_seconds: Of one request, all its tries and waits together.
        max_tries: Tries that failed for reasons of their own. Being told to wait (429, Retry-After) and finding
            nobody at the address do not count: they are bounded by the deadline and by `unreachable_seconds`.
        backoff_base_seconds: The wait before try n is uniform in [0, min(cap, base * 2^(n-1))].
        retry_after_cap_seconds: The longest wait that a server may ask for; half the deadline if that is less.
        retry_budget_share: Requests that may be sent again, of all; 1 allows every retry (see `RetryBudget`).
        cooldown_seconds: How long an endpoint that keeps failing is passed over while another is there.
        start_unreachable_seconds: How long to look for an endpoint that never answered.
        unreachable_seconds: The same once one has answered: a server that restarts is waited for.
        ca_bundle: A PEM file of authorities trusted beside the usual ones; TLS is verified with or without it.
        in_flight: Requests in flight at most; the pool keeps as many sockets.
        start_in_flight: Requests in flight at each endpoint to begin with (see `udfs/limits.py`).
        hedge: Ask twice for answers that take unusually long (see `udfs/hedging.py`).
    """

    endpoints: tuple[str, ...]
    model: str
    api_key: str | None = field(default=None, repr=False)
    connect_timeout_seconds: float = 5.0
    read_timeout_seconds: float = 300.0
    deadline_seconds: float = 600.0
    max_tries: int = 5
    backoff_base_seconds: float = 1.0
    backoff_cap_seconds: float = 60.0
    retry_after_cap_seconds: float = 60.0
    retry_budget_share: float = 0.1
    cooldown_seconds: float = 5.0
    start_unreachable_seconds: float = 2.0
    unreachable_seconds: float = 60.0
    ca_bundle: str = ""
    in_flight: int = 32
    start_in_flight: int = 32
    hedge: bool = False

    @property
    def try_seconds(self) -> float:
        """How long one try may take, silent or dripping: half the deadline at most, so that another has its time."""
        return min(self.read_timeout_seconds, self.deadline_seconds / 2)

    def __post_init__(self) -> None:
        if not self.endpoints:
            raise ConfigError("no model endpoint is given: llm.endpoints needs at least one base URL ending in /v1")
        for url in self.endpoints:
            parts = urlsplit(url)
            if parts.scheme not in {"http", "https"} or "@" in parts.netloc or not parts.path.endswith("/v1"):
                # The URL itself stays out of the message: a user and password may be in it.
                raise ConfigError("each of llm.endpoints must be an http(s) URL that ends in /v1, with no user in it")
        # requests would quote a key it cannot send, so such a key is refused before it gets there.
        if self.api_key is not None and not (self.api_key.isascii() and self.api_key.isprintable()):
            raise ConfigError("the API key has characters that no HTTP header carries (a line break at its end?)")


class ChatClient:
    """Asks for chat completions; safe to use from many threads at once.

    Args:
        settings: Where, and with how much patience.
        figures: Counts what is asked and answered.
        monotonic: Seconds of a clock that never goes back.
        wall: Seconds since 1970, for Retry-After dates.
        sleep: Waits so many seconds; by default a wait that `stop` ends.
        rng: Source of the jitter: it moves waits, never rows.
    """

    def __init__(
        self,
        settings: ClientSettings,
        *,
        figures: TaskFigures | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        sleep: Callable[[float], object] | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self._settings = settings
        self._monotonic = monotonic
        self._wall = wall
        self._stopped = threading.Event()
        self._sleep = sleep or self._stopped.wait
        self._rng = rng or random.Random()
        self._figures = figures or TaskFigures()
        self._budget = RetryBudget(settings.retry_budget_share, settings.in_flight)
        self._endpoints = Endpoints(
            settings.endpoints,
            monotonic,
            settings.cooldown_seconds,
            most=settings.in_flight,
            start=settings.start_in_flight,
            rng=self._rng,
        )
        self._session = _open_session(settings)
        # Of its own, so that a queue is told even when every socket is in use.
        self._polling = _open_session(settings)
        self._poller = Poller(self._endpoints, self._polling, settings.model, _headers(settings))
        self._hedger = Hedger(self._endpoints, self._figures, monotonic) if settings.hedge else None
        self._timeouts = _timeouts(settings)
        self._deadlines = Deadlines(monotonic)
        self._answers = 0
        # Preparing a request costs more than sending it: done once for each endpoint, copied for each request.
        self._prepared = {
            url: requests.Request("POST", f"{url}/chat/completions", headers=_headers(settings)).prepare()
            for url in settings.endpoints
        }

    def stop(self) -> None:
        """Send nothing more: waits end now, requests in flight are read to their end."""
        self._stopped.set()
        self._endpoints.close()

    def close(self) -> None:
        self.stop()
        self._session.close()
        self._polling.close()

    def poll(self) -> float:
        """Look at the endpoints' queues and health, and move their limits; returns in how many seconds to do so again.

        One thread a task calls it, besides those that ask. It also ends what is past its deadline: a server that sends
        a byte now and then would keep a request for ever, since every byte starts the read timeout anew.
        """
        self._deadlines.end_late()
        self._poller.poll()
        if self._hedger:
            self._hedger.poll()
        self._note_flow()
        return RAMP_SECONDS if self._endpoints.is_ramping else POLL_SECONDS

    def complete(self, body: bytes, request_id: str) -> Completion:
        """Ask until there is an answer, and return it.

        Args:
            body: The encoded request.
            request_id: Sent as `X-Request-Id`, to find the request in the server's log.

        Raises:
            RequestRejected: The endpoint refuses this request for good; others may pass.
            TransientModelError: Tries or time ran out; the same request may pass later.
            Starved: Time ran out, and nobody else was answered meanwhile.
            RetryBudgetSpent: Too many requests had to be sent again.
            ClientStopped: `stop` was called.
            ModelError: No request will pass (key, model, address, certificate).
        """
        self._budget.earn()
        deadline = self._monotonic() + self._settings.deadline_seconds
        tries = counted = waits = 0
        reconnected = False
        failure: TryFailed | None = None
        before = self._answers
        while True:
            deadline += self._await_hold()
            tries += 1
            try:
                with self._turn() as lease:
                    deadline += lease.waited_seconds  # waiting for a turn is not the server's time
                    if failure is None:
                        self._figures.asked()
                    else:
                        self._figures.retried(failure.rule.failure_class.value)
                    answer = self._try(lease, body, request_id, tries, deadline)
                self._answers += 1
                self._figures.answered(
                    answer.latency_ms,
                    prompt=answer.prompt_tokens,
                    cached=answer.cached_tokens,
                    completion=answer.completion_tokens,
                )
                return answer
            except Dropped as dropped:
                failure = dropped
                if not reconnected:  # most likely a kept socket that the server had closed: a fresh one, at once
                    reconnected = True
                    self._budget.spend(failure)
                    continue
                counted += 1
            except Unreachable as unreachable:
                if self._endpoints.all_gone(
                    at_start_seconds=self._settings.start_unreachable_seconds,
                    later_seconds=self._settings.unreachable_seconds,
                ):
                    raise ModelError(
                        f"{unreachable}: check llm.endpoints and that the server is up", tries=tries
                    ) from unreachable
                failure = unreachable
            except TryFailed as failed:
                failure = failed
                counted += failed.rule.is_try
            if counted >= self._settings.max_tries:
                raise TransientModelError(f"gave up after {tries} tries: {failure}", tries=tries) from failure
            self._budget.spend(failure)
            waits += 1
            if not self._endpoints.another_is_ready(lease.endpoint):
                self._wait(self._backoff(waits, failure), deadline, tries, failure, before)

    @contextmanager
    def _turn(self) -> Iterator[Lease]:
        try:
            with self._endpoints.lease() as lease:
                yield lease
        except NoMoreTurns as over:
            raise ClientStopped("the client was stopped; nothing more is sent") from over

    def _note_flow(self) -> None:
        in_flight, limit = self._endpoints.in_flight_and_limit
        self._figures.flow(in_flight=in_flight, limit=min(limit, self._settings.in_flight))

    def _backoff(self, waits: int, failure: TryFailed) -> float:
        base, cap = self._settings.backoff_base_seconds, self._settings.backoff_cap_seconds
        # Jitter, or threads that failed together would come back together.
        if failure.retry_after is not None:
            return failure.retry_after + self._rng.uniform(0.0, base)
        if isinstance(failure, Unreachable):
            cap = min(cap, 1.0)  # asking costs nobody anything, and the server may be back any moment
        return self._rng.uniform(0.0, min(cap, base * 2 ** min(waits - 1, 32)))

    def _await_hold(self) -> float:
        """Wait while every endpoint has said to stay away; returns the seconds, which are no request's own time."""
        waited = 0.0
        while (seconds := self._endpoints.hold_seconds()) > 0:
            self._pause(seconds)
            waited += seconds
        return waited

    def _pause(self, seconds: float) -> None:
        if seconds > 0 and not self._stopped.is_set():
            self._sleep(seconds)
        if self._stopped.is_set():
            raise ClientStopped("the client was stopped; nothing more is sent")

    def _wait(self, seconds: float, deadline: float, tries: int, failure: TryFailed | None, before: int) -> None:
        """Wait, if there is time for it; `before` is how many answers there were when the request began."""
        remaining = deadline - self._monotonic()
        if seconds >= remaining:
            reason = f"no answer within {self._settings.deadline_seconds:g} s and {tries} tries"
            is_paced = failure is not None and failure.rule == PACED
            kind = Starved if is_paced and self._answers == before else TransientModelError
            raise kind(f"{reason}: {failure}" if failure else reason, tries=tries) from failure
        self._pause(seconds)

    def _try(self, lease: Lease, body: bytes, request_id: str, tries: int, deadline: float) -> Completion:
        def send(lease: Lease, cut: Cut | None = None) -> Completion:
            return self._send(lease, body, request_id, tries, deadline, cut)

        return self._hedger.run(lease, send) if self._hedger else send(lease)

    def _send(
        self, lease: Lease, body: bytes, request_id: str, tries: int, deadline: float, cut: Cut | None
    ) -> Completion:
        url, started = lease.endpoint.url, self._monotonic()
        until = min(deadline, started + self._settings.try_seconds)
        request = self._prepared[url].copy()
        request.body = body
        request.headers["Content-Length"] = str(len(body))
        request.headers["X-Request-Id"] = request_id
        cut, late = cut or Cut(), f"{url} was still answering when the time was over"
        try:
            with self._deadlines.ending(cut, until):
                status, headers, raw = transport.exchange(
                    self._session, request, url, self._timeouts, deadline=until, monotonic=self._monotonic, cut=cut
                )
        except TryFailed as failed:
            if self._monotonic() < until:
                raise
            raise TryFailed(late, RULES["timeout"]) from failed
        if cut.is_cut and self._monotonic() >= until:  # half of the headers looks like an answer without a body
            raise TryFailed(late, RULES["timeout"])
        if status != 200:
            raise _refusal(status, headers, raw, url, self._settings, self._wall())
        seconds = self._monotonic() - started
        answer = read_completion(
            raw, url=url, model=self._settings.model, latency_ms=round(seconds * 1000), tries=tries
        )
        lease.answered(seconds, answer.completion_tokens)
        return answer


def check_model(settings: ClientSettings) -> None:
    """Raise `ModelError` unless every endpoint that answers lists the model, and at least one answers."""
    unreachable: list[str] = []
    with _open_session(settings) as session:
        for url in settings.endpoints:
            request = requests.Request("GET", f"{url}/models", headers=_headers(settings)).prepare()
            deadline = time.monotonic() + 2 * settings.connect_timeout_seconds
            try:
                status, headers, raw = transport.exchange(
                    session, request, url, _timeouts(settings), deadline=deadline, monotonic=time.monotonic
                )
                if status != 200:
                    raise _refusal(status, headers, raw, url, settings, time.time())
                served = _model_names(raw, url)
            except TryFailed as failure:
                unreachable.append(str(failure))
                continue
            if settings.model not in served:
                raise ModelError(
                    f"{url} serves no model {settings.model!r} but {', '.join(served) or 'none'}: check llm.model",
                    endpoint=url,
                    served=served,
                )
    if len(unreachable) == len(settings.endpoints):
        raise ModelError(f"{'; '.join(unreachable)}: check llm.endpoints and that the server is up")
    for sentence in unreachable:
        log.warning("%s; the other endpoints are used", sentence)


def is_healthy(endpoint: str, timeout_seconds: float = 1.0) -> bool:
    """True when the server of this base URL says on `/health` that it can take requests."""
    with requests.Session() as session:
        session.trust_env = False
        try:
            address = endpoint.removesuffix("/v1") + "/health"
            return session.get(address, timeout=timeout_seconds, allow_redirects=False).status_code == 200
        except requests.RequestException:
            return False


def _open_session(settings: ClientSettings) -> requests.Session:
    return transport.open_session(
        hosts=len(settings.endpoints), sockets=settings.in_flight, ca_bundle=settings.ca_bundle
    )


def _timeouts(settings: ClientSettings) -> tuple[float, float]:
    return settings.connect_timeout_seconds, settings.try_seconds


def _headers(settings: ClientSettings) -> dict[str, str]:
    headers = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "povo"}
    if settings.api_key:
        headers["Authorization"] = f"Bearer {settings.api_key}"
    return headers


def _refusal(
    status: int, headers: Mapping[str, str], raw: bytes, url: str, settings: ClientSettings, wall: float
) -> Exception:
    """What a status other than 200 means for the row and for the stage."""
    longest = min(settings.retry_after_cap_seconds, settings.deadline_seconds / 2)
    wait = retry_after_seconds(headers.get("Retry-After"), wall, longest)
    rule = rule_of_status(status, wait)
    if rule.failure_class is FailureClass.REFUSED:
        message = error_message(raw)
        if settings.api_key:
            message = message.replace(settings.api_key, "***")
        return RequestRejected(f"{url} refused the request ({status}): {message}", endpoint=url, status=status)
    if rule.failure_class is not FailureClass.FATAL:
        return TryFailed(f"{url} answered {status}", rule, retry_after=wait)
    # The server's own words are left out below: some servers quote the key they refuse.
    advice = {
        401: "check the key in the variable that llm.api_key_env names",
        403: "check what the key in the variable that llm.api_key_env names may do",
        404: f"check llm.endpoints and that it serves the model {settings.model!r} (llm.model)",
    }.get(status, "check llm.endpoints")
    return ModelError(f"{url} answered {status}: {advice}", endpoint=url, status=status)


def _model_names(raw: bytes, url: str) -> list[str]:
    try:
        return [str(model["id"]) for model in json.loads(raw)["data"]]
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{url}/models answered with something that is no list of models", endpoint=url) from error
