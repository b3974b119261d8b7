"""The one request that a record lacks next, ready to be sent by whatever carries it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from udfs.answers import Answer, Call, Rejection, Requests, Verdict, Walker


@dataclass(frozen=True)
class MissingRequest:
    """A request without an answer.

    Attributes:
        parent_key: Of call 2, the request key of the answer to call 1 that it quotes.
        body: Encoded, as the endpoint takes it.
    """

    call: Call
    attempt: int
    request_key: str
    parent_key: str | None
    body: bytes


def missing_request(
    walker: Walker,
    requests: Requests,
    person: Mapping[str, Any],
    answers: Mapping[str, Answer],
    rejections: Sequence[Rejection],
) -> MissingRequest | None:
    """What to ask next of a record; None when it is accepted. Call 2 comes only once call 1 has its answer."""
    verdict = walker.walk(person, answers, rejections)
    if verdict.missing is None:
        return None
    (attempt, problems), (attempt2, problems2) = verdict.plan
    if verdict.missing[0] == 1:
        key, body = requests.render(person, 1, attempt, None, problems)
        return MissingRequest(1, attempt, key, None, body)
    parent = first_answer(walker, requests, person, answers, verdict)
    assert parent is not None, "a record that lacks call 2 has the answer to call 1"
    parent_key, first = parent
    key, body = requests.render(person, 2, attempt2, first, problems2)
    return MissingRequest(2, attempt2, key, parent_key, body)


def first_answer(
    walker: Walker, requests: Requests, person: Mapping[str, Any], answers: Mapping[str, Answer], verdict: Verdict
) -> tuple[str, dict[str, Any]] | None:
    """Request key and object of the answer to call 1 on which call 2 builds; None if there is none yet."""
    if verdict.attributes is not None:
        return verdict.keys[0], verdict.attributes
    attempt, problems = verdict.plan[0]
    key, _ = requests.render(person, 1, attempt, None, problems)
    answer = walker.parse(1, answers[key]).answer if key in answers else None
    return None if answer is None else (key, answer)
