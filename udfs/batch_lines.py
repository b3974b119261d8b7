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

from udfs import completion
from udfs.completion import Completion, read_completion
from udfs.retries import TryFailed, error_message

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


def completion_of(line: Mapping[str, Any], *, source: str, model: str) -> Completion:
    """The answer in a line of an output file, without the model's reasoning.

    Args:
        source: Stands in the place of the endpoint.
        model: That was asked for.

    Raises:
        AnswerFailed: The line carries an error instead; the message is the server's own sentence.
    """
    response = line.get("response")
    response = response if isinstance(response, dict) else {}
    status, error, body = response.get("status_code", 200), line.get("error"), response.get("body")
    if error or status != 200:
        said = error or body or "no answer"
        message = error_message((said if isinstance(said, str) else json.dumps(said)).encode())
        raise AnswerFailed(f"{status}: {message}" if status != 200 else message)
    try:
        return read_completion(json.dumps(body).encode(), url=source, model=model, latency_ms=0, tries=1)
    except TryFailed as failed:
        raise AnswerFailed("the response is no chat completion") from failed


def journal_row(
    identity: BatchId, answer: Completion, *, model: str, prompt_version: str, now: str, run_id: str
) -> dict[str, Any]:
    """The answer as the journal has it; how long it took is not known.

    Args:
        model, prompt_version: Of the export.
        now: When it came to us, in ISO form.
    """
    row = completion.journal_row(
        answer,
        request_key=identity.request_key,
        uuid=identity.uuid,
        uf=identity.uf,
        call=identity.call,
        attempt=identity.attempt,
        parent_key=identity.parent_key,
        model=model,
        prompt_version=prompt_version,
        run_id=run_id,
        now=now,
    )
    return row | {"latency_ms": None}


def _check(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]
