"""The bytes and the key of a request: what all requests of a call share is encoded once, the rest is put into it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from udfs import prompts
from udfs.prompts import PromptSet

# Stand for what changes, where the shared part is encoded.
_USER, _UUID = "\ue000user\ue000", "\ue000uuid\ue000"
_SEED, _ATTEMPT = -987_654_321_012, -123_456_789_012


@dataclass(frozen=True)
class RequestFrame:
    """The requests of one call of a run.

    Args:
        body: Before the user's message, between it and the seed, and after.
        key: What is digested before the uuid, between it and the attempt, before the user's message, and after.
    """

    body: tuple[bytes, ...]
    key: tuple[bytes, ...]

    def fill(self, uuid: str, attempt: int, user: str, seed: int) -> tuple[str, bytes]:
        """Key and body, the same to the byte as `prompts.request_key` and `prompts.request_body` make them."""
        said = _encoded(user)
        before, between, after = self.body
        body = b"".join((before, said, between, b"%d" % seed, after))
        start, numbers, words, end = self.key
        digest = hashlib.sha256(b"".join((start, _encoded(uuid), numbers, b"%d" % attempt, words, said, end)))
        return digest.hexdigest(), body


def request_frame(
    prompt_set: PromptSet, call: Literal[1, 2], model: str, schema: Mapping[str, Any], sampling: Mapping[str, Any]
) -> RequestFrame:
    """The frame of a call.

    Args:
        sampling: Without the seed, which goes with the record and is no part of the key.
    """
    system = {"role": "system", "content": prompts.system_message(prompt_set, call)}
    messages = [system, {"role": "user", "content": _USER}]
    body = prompts.request_body(messages, schema, model=model, sampling={**sampling, "seed": _SEED})
    parts = prompts.key_parts(_UUID, call, _ATTEMPT, model, prompt_set.version, schema, sampling, messages)
    return RequestFrame(_cut(body, _USER, _SEED), _cut(parts, _UUID, _ATTEMPT, _USER))


def _cut(whole: bytes, *places: str | int) -> tuple[bytes, ...]:
    parts = []
    for place in places:
        part, found, whole = whole.partition(_encoded(place))
        if not found:
            raise ValueError(f"a request holds no {place!r}")
        parts.append(part)
    return (*parts, whole)


def _encoded(value: str | int) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()
