"""Lines of batch files as `vllm run-batch` reads and writes them, and how they carry what a stored answer needs.

The id of a line says everything: which export made it, the record, call, attempt and request keys, and a check digit
over all that. So an answer file needs nothing beside it, in whatever order its lines come, and an id that is not whole
or not ours is seen.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from udfs.client import error_message

URL = "/v1/chat/completions"
_ID = re.compile(
    r"(?P<export>[0-9a-f]{8})-(?P<uf>[A-Z]{2})-(?P<uuid>[0-9a-f]{32})-(?P<call>[12])-(?P<attempt>\d{1,3})-"
    r"(?P<request_key>[0-9a-f]{64})-(?P<parent_key>[0-9a-f]{64}|none)-(?P<check>[0-9a-f]{8})"
)


@dataclass(frozen=True)
class BatchId:
    """What the id of a line says."""

    export: str
    uf: str
    uuid: str
    call: int
    attempt: int
    request_key: str
    parent_key: str | None

    def text(self) -> str:
        """As it stands in a file."""
        parts = (self.export, self.uf, self.uuid, self.call, self.attempt, self.request_key, self.parent_key or "none")
        said = "-".join(map(str, parts))
        return f"{said}-{_check(said)}"


class LineRefused(ValueError):
    """A line that is no answer to a request of ours; nothing of it can be stored."""


class AnswerFailed(ValueError):
    """The request of this line got no answer: it is still missing."""


def read_id(text: object) -> BatchId:
    """The parts of an id.

    Raises:
        LineRefused: It is none of ours, or not whole.
    """
    found = _ID.fullmatch(text) if isinstance(text, str) else None
    if found is None or _check(found[0].rpartition("-")[0]) != found["check"]:
        raise LineRefused(f"custom_id {str(text)[:60]!r} is none that an export made")
    parent = found["parent_key"]
    return BatchId(
        export=found["export"],
        uf=found["uf"],
        uuid=found["uuid"],
        call=int(found["call"]),
        attempt=int(found["attempt"]),
        request_key=found["request_key"],
        parent_key=None if parent == "none" else parent,
    )


def request_line(identity: BatchId, body: bytes) -> str:
    """One line of an input file, without its end."""
    head = json.dumps({"custom_id": identity.text(), "method": "POST", "url": URL}, separators=(",", ":"))
    return f'{head[:-1]},"body":{body.decode()}}}'


def parse_line(line: bytes) -> dict[str, Any]:
    """A line of an output file as an object.

    Raises:
        LineRefused: It is none.
    """
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise LineRefused("no whole JSON object (is the file cut?)") from error
    if not isinstance(found, dict):
        raise LineRefused("no JSON object")
    return found


def completion_of(line: Mapping[str, Any]) -> dict[str, Any]:
    """The chat completion in a line of an output file.

    Raises:
        AnswerFailed: The line carries an error instead; the message is the server's own sentence.
    """
    response = line.get("response")
    response = response if isinstance(response, dict) else {}
    status = response.get("status_code", 200)
    error = line.get("error")
    body = response.get("body")
    if error or status != 200:
        said = error or body or "no answer"
        message = error_message((said if isinstance(said, str) else json.dumps(said)).encode())
        raise AnswerFailed(f"{status}: {message}" if status != 200 else message)
    try:
        if isinstance(body["choices"][0]["message"]["content"], str | None):  # type: ignore[index]
            return dict(body)  # type: ignore[arg-type]
    except (LookupError, TypeError):
        pass
    raise AnswerFailed("the response is no chat completion")


def journal_row(
    identity: BatchId, answer: Mapping[str, Any], *, model: str, prompt_version: str, source: str, now: str, run_id: str
) -> dict[str, Any]:
    """The answer as the journal has it; how long it took is not known, and the model's reasoning is left out.

    Args:
        answer: A chat completion.
        model, prompt_version: Of the export.
        source: Stands in the place of the endpoint.
        now: When it came to us, in ISO form.
    """
    choice = answer["choices"][0]
    content = choice["message"].get("content")
    usage = _table(answer.get("usage"))
    return {
        "request_key": identity.request_key,
        "uuid": identity.uuid,
        "uf": identity.uf,
        "call": identity.call,
        "attempt": identity.attempt,
        "parent_key": identity.parent_key,
        "model": model,
        "writer": str(answer.get("model") or model),
        "prompt_version": prompt_version,
        # Halves of surrogate pairs can stand in JSON, but neither in UTF-8 nor in Arrow.
        "content": content if content is None else content.encode("utf-8", "replace").decode("utf-8"),
        "finish_reason": choice.get("finish_reason"),
        "prompt_tokens": _count(usage.get("prompt_tokens")),
        "cached_tokens": _count(_table(usage.get("prompt_tokens_details")).get("cached_tokens")),
        "completion_tokens": _count(usage.get("completion_tokens")),
        "latency_ms": None,
        "tries": 1,
        "endpoint": source,
        "status": "ok",
        "error": None,
        "answered_at": now,
        "run_id": run_id,
    }


def _check(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _table(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _count(value: object) -> int:
    return value if isinstance(value, int) else 0
