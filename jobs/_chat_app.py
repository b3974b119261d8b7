"""The application of `povo serve`: a writer behind the HTTP protocol that vLLM speaks, with exact token counts."""

from __future__ import annotations

import asyncio
import hashlib
import json
import socket
import struct
import time
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, ClassVar

import bpe_openai  # type: ignore[import-untyped]
import jsonschema_rs
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from uvicorn.protocols.http.h11_impl import H11Protocol

from jobs._faults import SHAPES, Fault, FaultPlan

MODEL = "povo-offline-writer"
MAX_MODEL_LEN = 131_072  # that of gpt-oss
FRAME_TOKENS = 60  # what the harmony format puts around a minimal prompt
REMEMBERED = 64  # system messages and schemas: a run has two of each

Messages = Sequence[Mapping[str, Any]]
Writer = Callable[[Messages], Mapping[str, Any]]


class _Refused(Exception):
    """A request that gets an error in OpenAI's shape."""

    def __init__(self, status: int, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.param = param


class Protocol(H11Protocol):
    """uvicorn's own, which also remembers open connections, so that a fault can cut one."""

    open_transports: ClassVar[dict[tuple[str, int], asyncio.Transport]] = {}

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if self.client:
            self.open_transports[self.client] = transport

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self.client:
            self.open_transports.pop(self.client, None)


class _Server:
    """The state of one server: counters, and what was seen before."""

    def __init__(self, writer: Writer, model: str, max_model_len: int, plan: FaultPlan) -> None:
        self.writer = writer
        self.model = model
        self.max_model_len = max_model_len
        self.plan = plan
        self.slots = asyncio.Semaphore(plan.slots) if plan.slots else None
        self.encoding = bpe_openai.get_encoding("o200k_base")
        self.system_tokens: OrderedDict[str, int] = OrderedDict()
        self.validators: OrderedDict[str, Any] = OrderedDict()
        self.running = self.waiting = self.peak_running = 0
        self.chat_requests = self.repeated_bodies = self.answered_again = 0
        self.prompt_tokens = self.generation_tokens = 0
        self.statuses: Counter[str] = Counter()
        self.finished: Counter[str] = Counter({"stop": 0, "length": 0})
        # 64-bit hash of every body -> was it answered; 20,000 records take about 4 MB.
        self.bodies: dict[int, bool] = {}

    async def chat(self, request: Request) -> Response:
        body = await request.body()
        self.chat_requests += 1
        digest = int.from_bytes(hashlib.blake2b(body, digest_size=8).digest(), "big")
        self.repeated_bodies += digest in self.bodies
        self.bodies.setdefault(digest, False)
        faults = self.plan.hits(self.chat_requests, digest)
        try:
            async with self._turn():
                response = await self._answer(request, body, digest, faults)
        except _Refused as refusal:
            response = _error(refusal)
        self.statuses[str(response.status_code)] += 1
        return response

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        if self.slots:
            self.waiting += 1
            try:
                await self.slots.acquire()
            finally:
                self.waiting -= 1
        self.running += 1
        self.peak_running = max(self.peak_running, self.running)
        try:
            yield
        finally:
            self.running -= 1
            if self.slots:
                self.slots.release()

    async def _answer(self, request: Request, body: bytes, digest: int, faults: Sequence[Fault]) -> Response:
        for fault in faults:
            if fault.kind == "latency":
                await asyncio.sleep(fault.seconds or 0.0)
            elif fault.kind == "reset":
                await _cut(request)
                return Response(status_code=499)
            elif fault.kind == "status":
                failure = _error(_Refused(fault.status or 500, "fault: the server was told to fail"))
                if fault.retry_after is not None:
                    failure.headers["Retry-After"] = fault.retry_after
                return failure
        asked = _parse(body)
        shape = next((fault.shape for fault in faults if fault.kind == "malformed"), None)
        payload = self._complete(asked, digest, shape)
        self.answered_again += self.bodies[digest]
        self.bodies[digest] = True
        return _json(payload)

    def _complete(self, asked: Mapping[str, Any], digest: int, shape: str | None) -> dict[str, Any]:
        """The answer of vLLM, field by field. Writing a text takes less than a millisecond: no thread is worth it."""
        if asked.get("model") != self.model:
            raise _Refused(404, f"The model `{asked.get('model')}` does not exist.", "model")
        messages = _messages(asked)
        limit = _token_limit(asked)
        schema = _schema(asked)
        validator = None if schema is None else self._validator(schema)
        prompt_tokens, cached_tokens = self._prompt_tokens(messages)
        if prompt_tokens >= self.max_model_len:
            raise _Refused(
                400,
                f"This model's maximum context length is {self.max_model_len} tokens. However, your prompt has "
                f"{prompt_tokens} tokens. Please reduce its length.",
                "messages",
            )
        answer = self.writer(messages)
        if validator is not None:
            fault = next(validator.iter_errors(answer), None)
            if fault is not None:
                raise _Refused(
                    400, f"the offline writer cannot answer in this schema: {fault.message}", "response_format"
                )
        content: str | None = json.dumps(answer, ensure_ascii=False)
        finish_reason = "stop"
        if shape is not None:
            content, finish_reason = SHAPES[shape](answer, content or "", messages[-1]["content"])
        tokens = self.encoding.encode_ordinary(content or "")
        if limit is not None and len(tokens) > limit:
            content, finish_reason, tokens = self.encoding.decode(tokens[:limit]), "length", tokens[:limit]
        self.prompt_tokens += prompt_tokens
        self.generation_tokens += len(tokens)
        self.finished[finish_reason] += 1
        message = {
            "role": "assistant",
            "content": content,
            "refusal": None,
            "annotations": None,
            "audio": None,
            "function_call": None,
            "reasoning": None,
        }
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish_reason}
        return {
            "id": f"chatcmpl-{digest:016x}",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": self.model,
            "choices": [{**choice, "stop_reason": None, "token_ids": None}],
            "service_tier": None,
            "system_fingerprint": None,
            "usage": {
                "prompt_tokens": prompt_tokens,
                "total_tokens": prompt_tokens + len(tokens),
                "completion_tokens": len(tokens),
                "prompt_tokens_details": {"cached_tokens": cached_tokens},
            },
            "prompt_logprobs": None,
            "kv_transfer_params": None,
        }

    def _prompt_tokens(self, messages: Messages) -> tuple[int, int]:
        """Tokens of the prompt, and how many of them a prefix cache would have: the system message seen before."""
        total, cached = FRAME_TOKENS, 0
        for message in messages:
            text = message["content"]
            if message["role"] != "system":
                total += len(self.encoding.encode_ordinary(text))
            elif text in self.system_tokens:
                total += self.system_tokens[text]
                cached += self.system_tokens[text]
            else:
                total += _remember(self.system_tokens, text, len(self.encoding.encode_ordinary(text)))
        return total, cached

    def _validator(self, schema: dict[str, Any]) -> Any:
        text = json.dumps(schema)
        if text in self.validators:
            return self.validators[text]
        try:
            return _remember(self.validators, text, jsonschema_rs.validator_for(schema, retriever=_no_retrieval))
        except (ValueError, jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError) as error:
            raise _Refused(400, f"Invalid JSON schema: {error}"[:400], "response_format") from error

    async def models(self, request: Request) -> Response:
        card = {
            "id": self.model,
            "object": "model",
            "created": 0,
            "owned_by": "povo",
            "root": self.model,
            "parent": None,
        }
        return _json({"object": "list", "data": [{**card, "max_model_len": self.max_model_len, "permission": []}]})

    async def health(self, request: Request) -> Response:
        return Response(status_code=200)

    async def metrics(self, request: Request) -> Response:
        figures: list[tuple[str, str, dict[str, str], int]] = [
            ("vllm:num_requests_running", "gauge", {}, self.running),
            ("vllm:num_requests_waiting", "gauge", {}, self.waiting),
            ("vllm:prompt_tokens_total", "counter", {}, self.prompt_tokens),
            ("vllm:generation_tokens_total", "counter", {}, self.generation_tokens),
            *(
                ("vllm:request_success_total", "counter", {"finished_reason": reason}, count)
                for reason, count in sorted(self.finished.items())
            ),
            ("povo:chat_requests_total", "counter", {}, self.chat_requests),
        ]
        lines: list[str] = []
        for name, kind, labels, value in figures:
            if f"# TYPE {name} {kind}" not in lines:
                lines.append(f"# TYPE {name} {kind}")
            pairs = ",".join(f'{key}="{text}"' for key, text in {"model_name": self.model, **labels}.items())
            lines.append(f"{name}{{{pairs}}} {value}")
        return Response("\n".join(lines) + "\n", media_type="text/plain; version=0.0.4")

    async def stats(self, request: Request) -> Response:
        """What tests count: `answered_again` are answers that somebody would have paid for twice."""
        return _json(
            {
                "chat_requests": self.chat_requests,
                "requests_by_status": dict(self.statuses),
                "distinct_bodies": len(self.bodies),
                "repeated_bodies": self.repeated_bodies,
                "answered_again": self.answered_again,
                "prompt_tokens": self.prompt_tokens,
                "completion_tokens": self.generation_tokens,
                "peak_running": self.peak_running,
            }
        )


def app(
    writer: Writer, *, model: str = MODEL, max_model_len: int = MAX_MODEL_LEN, faults: Sequence[Fault] = ()
) -> Starlette:
    """The application; `writer` makes the answer object of a list of messages."""
    server = _Server(writer, model, max_model_len, FaultPlan(tuple(faults)))
    return Starlette(
        routes=[
            Route("/v1/chat/completions", server.chat, methods=["POST"]),
            Route("/v1/models", server.models),
            Route("/health", server.health),
            Route("/metrics", server.metrics),
            Route("/_stats", server.stats),
        ]
    )


async def _cut(request: Request) -> None:
    """End the connection with a reset and not one byte of an answer."""
    transport = Protocol.open_transports.get((request.client.host, request.client.port)) if request.client else None
    if transport is None:
        raise RuntimeError("a reset needs the server of jobs.serve, which knows its connections")
    linger_zero = struct.pack("ii", 1, 0)
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_zero)
    transport.abort()
    await asyncio.sleep(0.01)  # until the server knows: what is sent to a lost connection is dropped


def _parse(body: bytes) -> Mapping[str, Any]:
    try:
        asked = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise _Refused(400, f"There was an error parsing the body: {error}") from error
    if not isinstance(asked, dict):
        raise _Refused(400, "The body must be a JSON object.")
    if asked.get("stream"):
        raise _Refused(400, "This server does not stream.", "stream")
    if asked.get("n") not in (None, 1):
        raise _Refused(400, "This server gives one choice a request.", "n")
    return asked


def _messages(asked: Mapping[str, Any]) -> list[dict[str, str]]:
    """The messages with their text joined, whether it came as a string or as OpenAI's list of parts."""
    messages = []
    given = asked.get("messages")
    for message in given if isinstance(given, list) else []:
        content = message.get("content") if isinstance(message, dict) else None
        if isinstance(content, list):
            parts = [part.get("text") for part in content if isinstance(part, dict)]
            texts = [part for part in parts if isinstance(part, str)]
            content = "".join(texts) if len(texts) == len(content) else None
        if not isinstance(content, str) or not isinstance(message.get("role"), str):
            raise _Refused(400, "Each of messages needs a role and a content of text.", "messages")
        messages.append({"role": message["role"], "content": content})
    if not messages:
        raise _Refused(400, "messages must be a list with at least one message.", "messages")
    return messages


def _token_limit(asked: Mapping[str, Any]) -> int | None:
    for key in ("max_completion_tokens", "max_tokens"):
        limit = asked.get(key)
        if limit is not None:
            if type(limit) is not int or limit < 1:
                raise _Refused(400, f"{key} must be at least 1, got {limit}.", key)
            return limit
    return None


def _schema(asked: Mapping[str, Any]) -> dict[str, Any] | None:
    wanted = asked.get("response_format") or {"type": "text"}
    kind = wanted.get("type") if isinstance(wanted, dict) else None
    if kind in ("text", "json_object"):
        return None
    schema = (wanted.get("json_schema") or {}).get("schema") if kind == "json_schema" else None
    if not isinstance(schema, dict):
        raise _Refused(
            400, "response_format must be text, json_object or json_schema with a schema.", "response_format"
        )
    return schema


def _no_retrieval(uri: str) -> Any:
    raise ValueError(f"the schema refers to {uri}, which is not fetched")


def _remember(memory: OrderedDict[str, Any], key: str, value: Any) -> Any:
    memory[key] = value
    if len(memory) > REMEMBERED:
        memory.popitem(last=False)
    return value


def _json(payload: Mapping[str, Any], status: int = 200) -> Response:
    # json.dumps by default escapes what is not ASCII, which costs bytes and says the same.
    text = json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
    return Response(text.encode("utf-8", "replace"), status_code=status, media_type="application/json")


def _error(refusal: _Refused) -> Response:
    kind = {400: "BadRequestError", 401: "AuthenticationError", 404: "NotFoundError", 429: "RateLimitError"}.get(
        refusal.status, "InternalServerError" if refusal.status >= 500 else "BadRequestError"
    )
    error = {"message": str(refusal), "type": kind, "param": refusal.param, "code": refusal.status}
    return _json({"error": error}, refusal.status)
