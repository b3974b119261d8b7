"""One answer of the model: what is kept of the server's JSON, and what is no answer at all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from udfs.retries import RULES, TryFailed


@dataclass(frozen=True)
class Completion:
    """One answer, as it came.

    Args:
        content: The text; None when the model wrote none (a budget spent on reasoning: `finish_reason` is `length`).
        model: The model that the server says wrote it, which is the label of the text.
        latency_ms: Of the try that succeeded, first byte sent to last byte read.
        tries: Requests sent for it.
        payload: The whole answer, without the model's reasoning.
    """

    content: str | None
    finish_reason: str | None
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    latency_ms: int
    tries: int
    endpoint: str
    model: str
    payload: Mapping[str, Any] = field(repr=False)

    @property
    def raw(self) -> str:
        """The answer as JSON text, without the model's reasoning."""
        return json.dumps(self.payload, ensure_ascii=False, separators=(",", ":"))


def journal_row(
    answer: Completion,
    *,
    request_key: str,
    uuid: str,
    uf: str,
    call: int,
    attempt: int,
    parent_key: str | None,
    model: str,
    prompt_version: str,
    run_id: str,
    now: str,
) -> dict[str, Any]:
    """The answer to one call as the journal and `raw_model__response` have it.

    Args:
        model: That was asked for; the row's `writer` is what really wrote the text.
        now: When it came, in ISO form.
    """
    return {
        "request_key": request_key,
        "uuid": uuid,
        "uf": uf,
        "call": call,
        "attempt": attempt,
        "parent_key": parent_key,
        "model": model,
        "writer": answer.model,
        "prompt_version": prompt_version,
        "content": answer.content,
        "finish_reason": answer.finish_reason,
        "prompt_tokens": answer.prompt_tokens,
        "cached_tokens": answer.cached_tokens,
        "completion_tokens": answer.completion_tokens,
        "latency_ms": answer.latency_ms,
        "tries": answer.tries,
        "endpoint": answer.endpoint,
        "status": "ok",
        "error": None,
        "answered_at": now,
        "run_id": run_id,
    }


def read_completion(raw: bytes, *, url: str, model: str, latency_ms: int, tries: int) -> Completion:
    """The answer in the body of a 200.

    Args:
        model: Of the request, for servers that do not say who wrote it.

    Raises:
        TryFailed: A 200 that carries something else (a proxy's page, an empty body).
    """
    payload = _chat_completion(raw, url)
    choice = payload["choices"][0]
    message = {k: v for k, v in choice["message"].items() if k not in {"reasoning", "reasoning_content"}}
    choice["message"] = message
    usage = _table(payload.get("usage"))
    return Completion(
        content=_storable(message.get("content")),
        finish_reason=choice.get("finish_reason"),
        prompt_tokens=_count(usage.get("prompt_tokens")),
        cached_tokens=_count(_table(usage.get("prompt_tokens_details")).get("cached_tokens")),
        completion_tokens=_count(usage.get("completion_tokens")),
        latency_ms=latency_ms,
        tries=tries,
        endpoint=url,
        model=str(payload.get("model") or model),
        payload=payload,
    )


def _chat_completion(raw: bytes, url: str) -> dict[str, Any]:
    try:
        payload = json.loads(raw)
        message = payload["choices"][0]["message"]
        if isinstance(message, dict) and isinstance(message.get("content"), str | None):
            return dict(payload)
    except (ValueError, LookupError, TypeError, RecursionError):
        pass
    raise TryFailed(f"{url} answered 200 with something that is no chat completion", RULES["no completion"])


def _storable(text: str | None) -> str | None:
    """The text without halves of surrogate pairs, which JSON can carry but neither UTF-8 nor Arrow can."""
    return text if text is None else text.encode("utf-8", "replace").decode("utf-8")


def _count(value: object) -> int:
    return int(value) if isinstance(value, int | float) and value == value and abs(value) < 2**53 else 0


def _table(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
