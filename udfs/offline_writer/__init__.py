"""The offline writer: persona texts from a deterministic Portuguese grammar, where no language model is at hand.

It reads what a model would read, the messages of one request, and of these only the record block and the quoted answer
to call 1. Its texts are labelled `povo-offline-writer` wherever they are stored.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from udfs.offline_writer import attributes, personas, record
from udfs.prompts import ATTRIBUTE_FIELDS, PERSONA_FIELDS, RECORD_HEADER, parse_record_block

MODEL = "povo-offline-writer"

_FENCE = "```"


def write(messages: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Answer one request: the same messages give the same answer, and no record is too odd for one."""
    user = "\n".join(_text(message) for message in messages if message.get("role") == "user")
    system = "\n".join(_text(message) for message in messages if message.get("role") in ("system", "developer"))
    person = _person(user[max(user.rfind(RECORD_HEADER), 0) :])
    quoted = _quoted_answer(user)
    if _is_second_call(system, quoted):
        return dict(personas.write(person, quoted or {}))
    return attributes.write(person)


@lru_cache(maxsize=256)
def _person(block: str) -> record.Person:
    """The second call about a person mostly comes soon after the first: the last ones read are kept."""
    return record.read(parse_record_block(block))


def _text(message: Mapping[str, Any]) -> str:
    """The content of a message, also in the form of a list of parts."""
    content = message.get("content")
    if isinstance(content, list):
        return "\n".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return str(content or "")


def _quoted_answer(user: str) -> dict[str, Any] | None:
    """The last fenced object that has fields of call 1."""
    end = user.rfind(_FENCE)
    while end > 0:
        start = user.rfind(_FENCE, 0, end)
        quoted = user[start + len(_FENCE) : end].removeprefix("json") if start >= 0 else ""
        try:
            value = json.loads(quoted) if quoted[:1].isspace() else None
        except ValueError:
            value = None
        if isinstance(value, dict) and any(field in value for field in ATTRIBUTE_FIELDS):
            return value
        end = start
    return None


def _is_second_call(system: str, quoted: Mapping[str, Any] | None) -> bool:
    if quoted is not None:
        return True
    return PERSONA_FIELDS[0] in system and ATTRIBUTE_FIELDS[1] not in system
