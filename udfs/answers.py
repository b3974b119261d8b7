"""Which stored answers belong to a record now, and what is still missing: the same walk before asking and after.

An answer belongs to a record if its request key is the key of the request that would be sent today. So a changed
person, prompt, model or setting finds nothing and is asked anew, and nothing that was paid for is asked twice.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import jsonschema_rs

from udfs import parsing, prompts
from udfs.parsing import Bounds
from udfs.prompts import PromptSet
from udfs.request_frames import RequestFrame, request_frame

Call = Literal[1, 2]
_ROW_CODES = frozenset(code.value for code in parsing.ReasonCode)
MENDED = "mended_"  # a warning's code: this and what `udfs.parsing` mended


@dataclass(frozen=True)
class Answer:
    """A stored answer."""

    content: str | None
    finish_reason: str | None
    writer: str = ""


@dataclass(frozen=True)
class Rejection:
    """One reason why the answer to an attempt was not accepted; `message` is the sentence for asking again."""

    call: int
    attempt: int
    request_key: str
    reason_code: str
    message: str


Plan = tuple[int, tuple[str, ...]]


@dataclass(frozen=True)
class Verdict:
    """Where a record stands: accepted (both answers), or what has to be asked next.

    Attributes:
        keys, writers: Request keys of the accepted answers, and the models that gave them.
        rejections: Every rejected attempt so far, this evaluation's included.
        warnings: Codes of what was found in the accepted answers and does not refuse them, sorted; what had to be
            mended in their form, as `mended_fence`, is one of them.
        missing: (call, attempt) to ask next; None if accepted.
        plan: Of each call, the attempt that counts now and the problems that its request tells.
    """

    attributes: dict[str, Any] | None = None
    personas: dict[str, Any] | None = None
    keys: tuple[str, str] = ("", "")
    writers: tuple[str, str] = ("", "")
    rejections: tuple[Rejection, ...] = ()
    warnings: tuple[str, ...] = ()
    missing: tuple[int, int] | None = None
    plan: tuple[Plan, Plan] = ((1, ()), (1, ()))


@dataclass(frozen=True)
class Ask:
    """A request of a record, ready to send, and where the record stands while it has no answer.

    Attributes:
        request_key: Under which the answer is stored.
        parent_key: Of the answer to call 1 that a call 2 quotes.
    """

    call: Call
    attempt: int
    request_key: str
    body: bytes
    parent_key: str | None
    verdict: Verdict


@dataclass(frozen=True)
class Requests:
    """Renders the requests of a run; picklable, made once on the driver.

    Args:
        sampling: temperature, top_p, max_completion_tokens, reasoning_effort.
    """

    prompts: PromptSet
    model: str
    sampling: Mapping[str, Any]
    schemas: tuple[dict[str, Any], dict[str, Any]] = field(init=False)
    _frames: tuple[RequestFrame, RequestFrame] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        schemas = (json.loads(self.prompts.attributes_schema), json.loads(self.prompts.personas_schema))
        frames = (
            request_frame(self.prompts, 1, self.model, schemas[0], self.sampling),
            request_frame(self.prompts, 2, self.model, schemas[1], self.sampling),
        )
        object.__setattr__(self, "schemas", schemas)
        object.__setattr__(self, "_frames", frames)

    def render(
        self,
        person: Mapping[str, Any],
        call: Call,
        attempt: int,
        call1: Mapping[str, Any] | None,
        problems: Sequence[str],
    ) -> tuple[str, bytes]:
        """Request key and body of one call of one attempt."""
        uuid, user = str(person["uuid"]), prompts.user_message(call, person, attempt, call1, problems)
        # A stable seed by record: of use in a server's log, never relied on.
        return self._frames[call - 1].fill(uuid, attempt, user, seed=int(uuid[:7], 16))


class Walker:
    """Follows a record through its attempts; one a task, since compiled schemas are not pickled."""

    def __init__(self, requests: Requests, bounds: Bounds) -> None:
        self._requests = requests
        self._bounds = bounds
        self._validators = tuple(jsonschema_rs.validator_for(schema) for schema in requests.schemas)

    def parse(self, call: Call, answer: Answer) -> parsing.Parsed:
        """The answer to a call as an object, or why not."""
        return parsing.parse_answer(answer.content, answer.finish_reason, self._validators[call - 1])

    def walk(self, person: Mapping[str, Any], answers: Mapping[str, Answer], stored: Sequence[Rejection]) -> Verdict:
        """Evaluate attempt after attempt until one is accepted or one has no answer.

        Args:
            answers: Stored answers of this person by request key.
            stored: Rejections of former evaluations; those that the row checks cannot see again are kept.
        """
        return Walk(self, person, answers, stored).verdict

    def steps(self, person: Mapping[str, Any], stored: Sequence[Rejection]) -> Generator[Ask, Answer, Verdict]:
        """Every request of a record in its order; is sent the answer to each, and returns the accepted record."""
        refused: list[Rejection] = []
        attempt = 1
        problems: tuple[str, ...] = ()
        while True:
            key, body = self._requests.render(person, 1, attempt, None, problems)
            plan: Plan = (attempt, problems)
            missing = Verdict(rejections=tuple(refused), missing=(1, attempt), plan=(plan, (1, ())))
            answer = yield Ask(1, attempt, key, body, None, missing)
            first, found, warnings = self._evaluate(person, 1, attempt, key, answer, stored)
            refused += found
            source = (key, answer.writer)
            del body, answer, missing  # a thousand records in flight would keep them through their second call
            if first is not None and not found:
                verdict = yield from self._personas_steps(person, plan, source, first, stored, refused)
                if verdict is not None:
                    return replace(verdict, warnings=tuple(sorted({*warnings, *verdict.warnings})))
                found = [r for r in refused if r.request_key == key]
            problems = tuple(r.message for r in found)
            attempt += 1

    def _personas_steps(
        self,
        person: Mapping[str, Any],
        plan1: Plan,
        source: tuple[str, str],
        first: dict[str, Any],
        stored: Sequence[Rejection],
        refused: list[Rejection],
    ) -> Generator[Ask, Answer, Verdict | None]:
        """The second call given an accepted first one; None when only both together show what is wrong with call 1.

        Args:
            source: Request key and writer of the first answer.
            refused: What is rejected is added.
        """
        key1, writer1 = source
        attempt = 1
        problems: tuple[str, ...] = ()
        while True:
            key, body = self._requests.render(person, 2, attempt, first, problems)
            missing = Verdict(rejections=tuple(refused), missing=(2, attempt), plan=(plan1, (attempt, problems)))
            answer = yield Ask(2, attempt, key, body, key1, missing)
            second, found, warnings = self._evaluate(person, 2, attempt, key, answer, stored)
            refused += found
            if second is not None and not found:
                whole = parsing.check_together(first, second, person)
                if whole:
                    refused += [Rejection(1, plan1[0], key1, p.reason.value, p.message) for p in whole]
                    return None
                return Verdict(first, second, (key1, key), (writer1, answer.writer), tuple(refused), warnings)
            problems = tuple(r.message for r in found)
            attempt += 1

    def _evaluate(
        self, person: Mapping[str, Any], call: Call, attempt: int, key: str, answer: Answer, stored: Sequence[Rejection]
    ) -> tuple[dict[str, Any] | None, list[Rejection], tuple[str, ...]]:
        parsed = self.parse(call, answer)
        if parsed.answer is None:
            assert parsed.reason is not None
            return None, [Rejection(call, attempt, key, parsed.reason.value, parsed.message)], ()
        problems = parsing.check_call(call, parsed.answer, person, self._bounds)
        refuses = self._bounds.limits.rejects
        found = [Rejection(call, attempt, key, p.reason.value, p.message) for p in problems if refuses(p.reason)]
        warnings = tuple(p.reason.value for p in problems if not refuses(p.reason))
        warnings += tuple(f"{MENDED}{what}" for what in parsed.repairs)
        found += [r for r in stored if r.request_key == key and r.reason_code not in _ROW_CODES]
        return parsed.answer, found, warnings


class Walk:
    """A record on its way through its attempts: past every answer that is known, up to the first that is not.

    One walk may go on in another thread than it began in, but not in two at once.
    """

    def __init__(
        self, walker: Walker, person: Mapping[str, Any], answers: Mapping[str, Answer], stored: Sequence[Rejection]
    ) -> None:
        self._answers = answers
        self._steps = walker.steps(person, stored)
        self._ask: Ask | None = next(self._steps)
        self._accepted: Verdict | None = None
        self._pass_known()

    @property
    def ask(self) -> Ask | None:
        """The request to send now; None once the record is accepted."""
        return self._ask

    @property
    def verdict(self) -> Verdict:
        """Where the record stands."""
        if self._ask is not None:
            return self._ask.verdict
        assert self._accepted is not None
        return self._accepted

    def take(self, answer: Answer) -> None:
        """Take the answer to `ask` and go on to the next request that has none."""
        self._go_on(answer)
        self._pass_known()

    def _pass_known(self) -> None:
        while self._ask is not None and self._ask.request_key in self._answers:
            self._go_on(self._answers[self._ask.request_key])

    def _go_on(self, answer: Answer) -> None:
        try:
            self._ask = self._steps.send(answer)
        except StopIteration as accepted:
            self._ask, self._accepted = None, accepted.value
