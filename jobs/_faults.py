"""Faults that `povo serve` can play, so that the client of the model is tested against a server that really fails.

A faults file is TOML with one `[[fault]]` a fault. All take `every` (each n-th request; default 1), `times` (only the
first so many; default no end) and `by` (`count`: the n-th to arrive; `body`: one body in n, whenever it arrives).

    [[fault]]
    kind = "status"         # status, and retry_after if a Retry-After header is wanted (seconds or any text)
    status = 503
    every = 7
    retry_after = 1

Kinds: `status`; `latency` (`seconds`); `slots` (`slots`: requests worked on at once, the others wait); `reset` (the
connection is cut before any answer); `malformed` (`shape`: see `SHAPES`).
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from census.errors import ConfigError
from udfs.prompts import FIRST_NAME, parse_record_block

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

KEYS: Mapping[str, tuple[str, ...]] = {
    "status": ("status", "retry_after"),
    "latency": ("seconds",),
    "slots": ("slots",),
    "reset": (),
    "malformed": ("shape",),
}
REQUIRED = frozenset({"status", "seconds", "slots", "shape"})
COMMON = ("kind", "every", "times", "by")


@dataclass(frozen=True)
class Fault:
    """One entry of a faults file; what its kind does not use stays None."""

    kind: str
    every: int = 1
    times: int | None = None
    by: str = "count"
    status: int | None = None
    retry_after: str | None = None
    seconds: float | None = None
    slots: int | None = None
    shape: str | None = None


@dataclass
class FaultPlan:
    """Which faults hit which request; the same requests in the same order meet the same faults."""

    faults: tuple[Fault, ...] = ()
    _played: dict[int, int] = field(default_factory=dict)

    @property
    def slots(self) -> int | None:
        return min((fault.slots for fault in self.faults if fault.slots), default=None)

    def hits(self, number: int, digest: int) -> list[Fault]:
        """The faults of one request, by its number (from 1 on) and a hash of its body."""
        hit = []
        for place, fault in enumerate(self.faults):
            played = self._played.get(place, 0)
            mark = number if fault.by == "count" else digest
            if mark % fault.every == 0 and (fault.times is None or played < fault.times):
                self._played[place] = played + 1
                hit.append(fault)
        return hit


def read_faults(path: Path) -> tuple[Fault, ...]:
    """Read a faults file, or raise `ConfigError` that names the file and the key."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read as TOML: {error}", path=path) from error
    for key in document:
        if key != "fault":
            raise ConfigError(f"{path}: unknown key {key!r}; only [[fault]] tables are known", path=path, key=key)
    entries = document.get("fault", [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ConfigError(f"{path}: write [[fault]] with two brackets", path=path, key="fault")
    return tuple(_fault(entry, f"{path}: fault {number}") for number, entry in enumerate(entries, start=1))


def _fault(entry: Mapping[str, Any], where: str) -> Fault:
    kind = entry.get("kind")
    if not isinstance(kind, str) or kind not in KEYS:
        raise ConfigError(f"{where}: kind is {kind!r}; known are {', '.join(KEYS)}", key="kind")
    for key in entry:
        if key not in (*COMMON, *KEYS[kind]):
            raise ConfigError(
                f"{where}: unknown key {key!r}; a {kind} takes {', '.join((*COMMON, *KEYS[kind]))}", key=key
            )
    for key in KEYS[kind]:
        if key in REQUIRED and key not in entry:
            raise ConfigError(f"{where}: a {kind} needs {key}", key=key)
    checks: Mapping[str, tuple[Callable[[Any], bool], str]] = {
        "every": (_is_positive, "a whole number from 1 on"),
        "times": (_is_positive, "a whole number from 1 on"),
        "by": (lambda v: v in ("count", "body"), "count or body"),
        "status": (lambda v: type(v) is int and 300 <= v <= 599, "an HTTP status from 300 to 599"),
        "retry_after": (lambda v: type(v) in (int, float, str), "seconds or a text"),
        "seconds": (lambda v: type(v) in (int, float) and v >= 0, "seconds, 0 or more"),
        "slots": (_is_positive, "a whole number from 1 on"),
        "shape": (lambda v: v in SHAPES, " or ".join(SHAPES)),
    }
    for key, value in entry.items():
        if key in checks and not checks[key][0](value):
            raise ConfigError(f"{where}: {key} is {value!r}, but must be {checks[key][1]}", key=key)
    given = dict(entry)
    if "retry_after" in given:
        given["retry_after"] = str(given["retry_after"])
    return Fault(**given)


def _is_positive(value: object) -> bool:
    return type(value) is int and value >= 1


Answer = Mapping[str, Any]
Shaped = tuple[str | None, str]  # content and finish reason


def _truncated(answer: Answer, text: str, user: str) -> Shaped:
    return text[: len(text) // 2], "length"


def _not_json(answer: Answer, text: str, user: str) -> Shaped:
    return "Desculpe, não posso responder nesse formato.", "stop"


def _null_content(answer: Answer, text: str, user: str) -> Shaped:
    return None, "length"  # what gpt-oss does when its budget went to reasoning


def _missing_key(answer: Answer, text: str, user: str) -> Shaped:
    return json.dumps(dict(list(answer.items())[1:]), ensure_ascii=False), "stop"


def _name_missing(answer: Answer, text: str, user: str) -> Shaped:
    name = parse_record_block(user).get(FIRST_NAME, "")
    return (re.sub(rf"\b{re.escape(name)}\b", "Fulana", text) if name else text), "stop"


def _fenced(answer: Answer, text: str, user: str) -> Shaped:
    return f"Claro! Aqui está:\n```json\n{text}\n```\nEspero ter ajudado.", "stop"


def _harmony(answer: Answer, text: str, user: str) -> Shaped:
    return f"<|channel|>final<|message|>{text}<|return|>", "stop"


SHAPES: Mapping[str, Callable[[Answer, str, str], Shaped]] = {
    "truncated": _truncated,
    "not_json": _not_json,
    "null_content": _null_content,
    "missing_key": _missing_key,
    "name_missing": _name_missing,
    "fenced": _fenced,
    "harmony": _harmony,
}
