"""One chat completion as vLLM makes it: what may be asked, the answer field by field, exact token counts."""

from __future__ import annotations

import json
import marshal
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import bpe_openai  # type: ignore[import-untyped]
import jsonschema_rs

from jobs._shapes import SHAPES, Draft, Messages, Writer

MAX_MODEL_LEN = 131_072  # that of gpt-oss
FRAME_TOKENS = 60  # what the harmony format puts around a minimal prompt
REMEMBERED = 64  # system messages and schemas: a run has two of each

Key = TypeVar("Key", str, bytes)


class Refused(Exception):
    """A request that gets an error in OpenAI's shape."""

    def __init__(self, status: int, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.param = param


@dataclass(frozen=True)
class Completion:
    """An answer, not yet encoded."""

    payload: dict[str, Any]
    finish_reason: str

    @property
    def usage(self) -> Mapping[str, Any]:
        usage: Mapping[str, Any] = self.payload["usage"]
        return usage


class Completions:
    """Makes the answers of one model."""

    def __init__(self, writer: Writer, model: str, max_model_len: int) -> None:
        self.writer = writer
        self.model = model
        self.max_model_len = max_model_len
        self.encoding = bpe_openai.get_encoding("o200k_base")
        self.system_tokens: OrderedDict[str, int] = OrderedDict()
        self.validators: OrderedDict[bytes, Any] = OrderedDict()

    def complete(self, body: bytes, digest: int, shape: str | None = None) -> Completion:
        """Answer a request, in the shape of a fault if one is named; raises `Refused`.

        Writing a text takes less than a millisecond: no thread is worth it.
        """
        asked = _parse(body)
        if asked.get("model") != self.model:
            raise Refused(404, f"The model `{asked.get('model')}` does not exist.", "model")
        messages = _messages(asked)
        limit = _token_limit(asked)
        schema = _schema(asked)
        validator = None if schema is None else self._validator(schema)
        prompt_tokens, cached_tokens = self._prompt_tokens(messages)
        if prompt_tokens >= self.max_model_len:
            raise Refused(
                400,
                f"This model's maximum context length is {self.max_model_len} tokens. However, your prompt has "
                f"{prompt_tokens} tokens. Please reduce its length.",
                "messages",
            )
        answer = self.writer(messages)
        if validator is not None:
            fault = next(validator.iter_errors(answer), None)
            if fault is not None:
                raise Refused(400, f"this writer cannot answer in this schema: {fault.message}", "response_format")
        content: str | None = json.dumps(answer, ensure_ascii=False)
        finish_reason = "stop"
        if shape is not None:
            content, finish_reason = SHAPES[shape](Draft(answer, content or "", messages, self.writer))
        tokens = self.encoding.encode_ordinary(content or "")
        if limit is not None and len(tokens) > limit:
            content, finish_reason, tokens = self.encoding.decode(tokens[:limit]), "length", tokens[:limit]
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
        payload = {
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
        return Completion(payload, finish_reason)

    def _prompt_tokens(self, messages: Messages) -> tuple[int, int]:
        """Tokens of the prompt, and how many of them a prefix cache would have: the system message seen before."""
        total, cached = FRAME_TOKENS, 0
        for message in messages:
            text = message["content"]
            if message["role"] != "system":
                total += self._count(text)
            elif text in self.system_tokens:
                total += self.system_tokens[text]
                cached += self.system_tokens[text]
            else:
                total += _remember(self.system_tokens, text, self._count(text))
        return total, cached

    def _count(self, text: str) -> int:
        try:
            return len(self.encoding.encode_ordinary(text))
        except ValueError as error:  # a million characters
            raise Refused(
                400, f"{error}: the maximum context length is {self.max_model_len} tokens.", "messages"
            ) from error

    def _validator(self, schema: dict[str, Any]) -> Any:
        key = marshal.dumps(schema, 2)  # faster than JSON; version 2 has no references, so one schema is one key
        if key in self.validators:
            return self.validators[key]
        try:
            return _remember(self.validators, key, jsonschema_rs.validator_for(schema, retriever=_no_retrieval))
        except (ValueError, jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError) as error:
            raise Refused(400, f"Invalid JSON schema: {error}"[:400], "response_format") from error


def _parse(body: bytes) -> Mapping[str, Any]:
    try:
        asked = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Refused(400, f"There was an error parsing the body: {error}") from error
    if not isinstance(asked, dict):
        raise Refused(400, "The body must be a JSON object.")
    if asked.get("stream"):
        raise Refused(400, "This server does not stream.", "stream")
    if asked.get("n") not in (None, 1):
        raise Refused(400, "This server gives one choice a request.", "n")
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
            raise Refused(400, "Each of messages needs a role and a content of text.", "messages")
        messages.append({"role": message["role"], "content": content})
    if not messages:
        raise Refused(400, "messages must be a list with at least one message.", "messages")
    return messages


def _token_limit(asked: Mapping[str, Any]) -> int | None:
    for key in ("max_completion_tokens", "max_tokens"):
        limit = asked.get(key)
        if limit is not None:
            if type(limit) is not int or limit < 1:
                raise Refused(400, f"{key} must be at least 1, got {limit}.", key)
            return limit
    return None


def _schema(asked: Mapping[str, Any]) -> dict[str, Any] | None:
    wanted = asked.get("response_format") or {"type": "text"}
    kind = wanted.get("type") if isinstance(wanted, dict) else None
    if kind in ("text", "json_object"):
        return None
    schema = (wanted.get("json_schema") or {}).get("schema") if kind == "json_schema" else None
    if not isinstance(schema, dict):
        raise Refused(400, "response_format must be text, json_object or json_schema with a schema.", "response_format")
    return schema


def _no_retrieval(uri: str) -> Any:
    raise ValueError(f"the schema refers to {uri}, which is not fetched")


def _remember(memory: OrderedDict[Key, Any], key: Key, value: Any) -> Any:
    memory[key] = value
    if len(memory) > REMEMBERED:
        memory.popitem(last=False)
    return value
