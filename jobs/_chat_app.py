"""The application of `povo serve`: a writer behind the HTTP protocol that vLLM speaks, and its faults.

Its own figures, `/_stats`, are the judge of the client (requests that got no status at all count as 499):

    chat_requests, requests_by_status, in_flight, peak_in_flight
    answers_written    from here on an answer is paid; `answered` are those sent to the end, with status 200
    answered_again     answers to a body that had one already: somebody would have paid twice; the rest are
                       `distinct_answers`. `distinct_bodies` and `repeated_bodies` count requests, answered or not
    abandoned          requests whose client went away before the answer was sent
    faults_played      by name, such as `status 503` or `malformed english`; `queue full` where max_queued was reached;
                       `down in flight`: requests that were cut when the endpoint went down
    running, waiting   now and at their peak, as vLLM means them: requests in a slot, and in the queue for one
    seconds            from the first request to the last answer
    busy_slot_seconds  time that slots were taken; over `offered_slot_seconds` (slots x time) the share of capacity used
    due_slot_seconds   the same, but by the time that latency and token speed asked for, not the server's own delays
    cpu_seconds        of the server's process
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from email.utils import formatdate
from time import monotonic
from typing import Any

from jobs._capacity import Capacity, Full
from jobs._completions import MAX_MODEL_LEN, Completions, Refused
from jobs._connections import Protocol, Server
from jobs._counters import Counters
from jobs._fault_plan import FaultPlan
from jobs._faults import Bench, Fault
from jobs._fixed_writer import fixed_writer
from jobs._shapes import HTML, Writer, spoil_body

MODEL = "povo-offline-writer"
QUEUE_FULL = 503  # that of vLLM's --max-num-queued-reqs
NO_STATUS = 499  # what nginx logs for a request that got no answer
GARBAGE = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x00\xff\xfe\xfd" * 8  # begins as TLS does
DRIP_PIECES = 50
FOR_EVER = 1e6

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = Sequence[tuple[bytes, bytes]]
JSON: Headers = ((b"content-type", b"application/json"),)


class ChatApp:
    """An ASGI application with the state of one server."""

    def __init__(self, writer: Writer, model: str, max_model_len: int, bench: Bench) -> None:
        self.completions = Completions(writer, model, max_model_len)
        self.plan = FaultPlan(bench.faults, bench.seed)
        self.capacity = Capacity(self.plan.slots_at(0.0))
        self.counters = Counters(self.capacity)
        self.tries: dict[int, int] = {}
        self.server: Server | None = None
        self._windows: set[asyncio.Task[None]] = set()
        self._pages: Mapping[str, Callable[[], tuple[bytes, Headers]]] = {
            "/v1/models": self._models,
            "/health": lambda: (b"", ()),
            "/metrics": self._metrics,
            "/_stats": lambda: (encode(self.counters.stats()), JSON),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/v1/chat/completions" and scope["method"] == "POST":
            await self._chat(scope, receive, send)
        elif scope["path"] in self._pages and scope["method"] in ("GET", "HEAD"):
            await _send(send, 200, *self._pages[scope["path"]]())
        else:
            status = 405 if scope["path"] in (*self._pages, "/v1/chat/completions") else 404
            await _refuse(send, Refused(status, f"{scope['method']} {scope['path']} is nothing this server has."))

    async def _chat(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _body(receive)
        if body is None:
            return
        digest = _hash(body)
        is_first = self.counters.first_request is None
        self.counters.arrive(digest, monotonic())
        if is_first:
            self._set_timers()
        connection: Protocol = scope["connection"]
        connection.working = asyncio.current_task()
        status = NO_STATUS
        try:
            status = await self._serve(scope, send, body, digest)
        except Refused as refusal:
            status = refusal.status
            await _refuse(send, refusal)
        except Full as full:
            self.counters.faults["queue full"] += 1
            status = full.slots.status or QUEUE_FULL
            await _send(send, status, *_page(full.slots, status, "The queue of this server is full."))
        except asyncio.CancelledError:
            if connection.is_reset:
                self.counters.faults["down in flight"] += 1
            elif connection.is_lost:
                self.counters.abandoned += 1
            else:  # the server ends
                await connection.cut()
        except Exception:
            status = 500  # what uvicorn makes of it
            raise
        finally:
            connection.working = None
            self.counters.end(status, monotonic())

    async def _serve(self, scope: Scope, send: Send, body: bytes, digest: int) -> int:
        """Meet the faults of this request, or answer it; gives the status that went out."""
        request = next((_hash(value) for name, value in scope["headers"] if name == b"x-request-id"), digest)
        tries = self.tries.get(request, 0)
        if self.plan.faults:
            self.tries[request] = tries + 1
        seconds = self._seconds()
        hits = self.plan.hits(self.counters.requests, digest, request=request, tries=tries, seconds=seconds)
        fault = next((fault for fault in hits if fault.kind != "latency"), None)
        if fault is not None:
            status = await self._fail(fault, scope["connection"], send)
            if status is not None:
                return status
        delay = sum(self.plan.seconds_of(hit, request, tries) for hit in hits if hit.kind == "latency")
        payload = await self._write(body, digest, fault, delay)
        await self._deliver(payload, fault, scope["connection"], send)
        return NO_STATUS if fault is not None and fault.kind == "reset" else 200

    async def _fail(self, fault: Fault, connection: Protocol, send: Send) -> int | None:
        """Play a fault that lets no answer be written; None if it is another."""
        if fault.kind == "status":
            self.counters.faults[fault.name] += 1
            status = fault.status or 500
            await _send(send, status, *_page(fault, status, "fault: the server was told to fail"))
            return status
        if fault.kind not in ("reset", "garbage", "hang") or fault.after_share:
            return None
        self.counters.faults[fault.name] += 1
        if fault.kind == "hang":
            connection.is_stuck = True
            await asyncio.sleep(FOR_EVER if fault.seconds is None else fault.seconds)  # cancelled when the client goes
            await connection.close()
        elif fault.kind == "garbage":
            connection.transport.write(GARBAGE)
            await connection.close()
        else:
            await connection.cut()
        return NO_STATUS

    async def _write(self, body: bytes, digest: int, fault: Fault | None, delay: float) -> bytes:
        """Work on a request in a slot for as long as it takes."""
        shape = fault.shape if fault else None
        await self.capacity.enter(monotonic())
        try:
            begun = monotonic()
            completion = self.completions.complete(body, digest, shape)
            over = begun + delay
            speed = self.plan.tokens_at(self._seconds())
            if speed:
                over = max(over, self.capacity.reserve(completion.usage["completion_tokens"], speed, begun))
            while (left := over - monotonic()) > 0:  # uvloop's timers count whole milliseconds, and may be early
                await asyncio.sleep(left)
            self.counters.write(digest, completion.usage, completion.finish_reason, over - begun)
        finally:
            self.capacity.leave(monotonic())
        return spoil_body(shape, completion.payload, encode)

    async def _deliver(self, payload: bytes, fault: Fault | None, connection: Protocol, send: Send) -> None:
        if fault is None:
            await _send(send, 200, payload, JSON)
            return
        if fault.kind != "reset":
            self.counters.faults[fault.name] += 1
        if fault.kind == "malformed":
            is_page = fault.shape == "html_body"
            await _send(send, 200, payload, ((b"content-type", b"text/html"),) if is_page else JSON)
            return
        await send(_start(200, payload, JSON))
        if fault.kind == "drip":
            connection.is_stuck = True
            size = -(-len(payload) // DRIP_PIECES)
            for begin in range(0, len(payload), size):
                await asyncio.sleep((fault.seconds or 0.0) / DRIP_PIECES)
                part, more = payload[begin : begin + size], begin + size < len(payload)
                await send({"type": "http.response.body", "body": part, "more_body": more})
            connection.is_stuck = False
        else:
            part = payload[: int(len(payload) * fault.after_share)]
            await send({"type": "http.response.body", "body": part, "more_body": True})
            await asyncio.sleep(0.02)  # until the part is on the wire: a reset drops what is not
            self.counters.faults[fault.name] += 1  # unless the client went first
            await connection.cut()

    def _seconds(self) -> float:
        """Since the first request."""
        first = self.counters.first_request
        return 0.0 if first is None else monotonic() - first

    def _set_timers(self) -> None:
        """Have everything done that is due at a time after the first request."""
        loop = asyncio.get_running_loop()
        for fault in self.plan.of_kind("slots"):
            for moment in (fault.from_seconds, fault.until_seconds):
                if moment:  # a little later, so that the time has come by any clock
                    loop.call_later(moment + 0.002, self._change_slots)
        # The set keeps them: a loop holds its tasks by weak references only.
        self._windows = {loop.create_task(self._be_down(fault)) for fault in self.plan.of_kind("down")}

    def _change_slots(self) -> None:
        self.capacity.change(self.plan.slots_at(self._seconds()), monotonic())

    async def _be_down(self, fault: Fault) -> None:
        if self.server is None:
            raise RuntimeError("a down needs the server of jobs.serve")
        await asyncio.sleep(fault.from_seconds)
        self.counters.faults[fault.name] += 1
        await self.server.go_down()
        await asyncio.sleep((fault.until_seconds or 0.0) - fault.from_seconds)
        await self.server.come_back()

    def _models(self) -> tuple[bytes, Headers]:
        model = self.completions.model
        card = {"id": model, "object": "model", "created": 0, "owned_by": "povo", "root": model, "parent": None}
        card = {**card, "max_model_len": self.completions.max_model_len, "permission": []}
        return encode({"object": "list", "data": [card]}), JSON

    def _metrics(self) -> tuple[bytes, Headers]:
        text = self.counters.prometheus(self.completions.model)
        return text.encode(), ((b"content-type", b"text/plain; version=0.0.4"),)


def app(
    writer: Writer, *, model: str = MODEL, max_model_len: int = MAX_MODEL_LEN, faults: Bench | Sequence[Fault] = ()
) -> ChatApp:
    """The application; `writer` makes the answer object of a list of messages."""
    bench = faults if isinstance(faults, Bench) else Bench(tuple(faults))
    if bench.answer_bytes is not None:
        writer = fixed_writer(bench.answer_bytes)
    return ChatApp(writer, bench.model or model, max_model_len, bench)


def encode(payload: Mapping[str, Any]) -> bytes:
    """JSON as servers send it."""
    # json.dumps by default escapes what is not ASCII, which costs bytes and says the same.
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _hash(data: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "big")


async def _body(receive: Receive) -> bytes | None:
    """The whole body; None if the client went away in the middle of it."""
    parts = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


def _start(status: int, body: bytes, headers: Headers) -> Message:
    length = (b"content-length", str(len(body)).encode())
    return {"type": "http.response.start", "status": status, "headers": [*headers, length]}


async def _send(send: Send, status: int, body: bytes, headers: Headers = ()) -> None:
    await send(_start(status, body, headers))
    await send({"type": "http.response.body", "body": body})


async def _refuse(send: Send, refusal: Refused) -> None:
    await _send(send, refusal.status, encode({"error": _error(refusal)}), JSON)


def _error(refusal: Refused) -> dict[str, Any]:
    kind = {400: "BadRequestError", 401: "AuthenticationError", 404: "NotFoundError", 429: "RateLimitError"}.get(
        refusal.status, "InternalServerError" if refusal.status >= 500 else "BadRequestError"
    )
    return {"message": str(refusal), "type": kind, "param": refusal.param, "code": refusal.status}


def _page(fault: Fault, status: int, message: str) -> tuple[bytes, Headers]:
    """Body and headers of a failure that a fault asks for."""
    error = _error(Refused(status, message))
    headers: list[tuple[bytes, bytes]] = list(JSON)
    if fault.page == "html":
        body, headers = HTML.format(status=status).encode(), [(b"content-type", b"text/html")]
    elif fault.page == "empty":
        body, headers = b"", []
    elif fault.page == "flat":
        body = encode({"object": "error", **error})
    elif fault.page == "context":
        said = "This model's maximum context length is 4096 tokens. However, you requested 5021 tokens."
        body = encode({"error": {**error, "message": said, "param": "messages"}})
    else:
        body = encode({"error": error})
    if fault.retry_after is not None:
        headers.append((b"retry-after", fault.retry_after.encode("latin-1", "replace")))
    if fault.retry_after_date is not None:
        headers.append((b"retry-after", formatdate(time.time() + fault.retry_after_date, usegmt=True).encode()))
    return body, headers
