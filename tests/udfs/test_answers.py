"""A record's way through its attempts: the same whether answers come one by one or lie in the table already."""

from __future__ import annotations

import json
from typing import Any

from _texts import PROMPTS, prose

from udfs import parsing
from udfs.answers import Answer, Rejection, Requests, Walk, Walker
from udfs.parsing import Bounds, ReasonCode

PERSON: dict[str, Any] = {
    "uuid": "0123456789abcdef0123456789abcdef",
    "sex": "M",
    "age_years": 47,
    "first_name": "José",
    "last_name": "Lima",
    "municipality_name": "São Luís",
    "state_name": "Maranhão",
    "activity": "ocupado",
    "occupation_title": "Pescador",
}


def walker() -> Walker:
    return Walker(Requests(PROMPTS, "gpt-oss-120b", {"max_completion_tokens": 2400}), Bounds())


def answer(place: str = "em São Luís", call: int = 1, **changes: Any) -> Answer:
    if call == 1:
        made: dict[str, Any] = {f: f"José vive {place}. {prose(n, 7)}" for n, f in enumerate(parsing.NARRATIVES)}
        made |= {f: ["ler", "cozinhar", "pescar"] for f in parsing.LISTS}
    else:
        made = {f: f"José é assim. {prose(n, 3)}" for n, f in enumerate(parsing.PERSONA_FIELDS)}
    return Answer(json.dumps(made | changes, ensure_ascii=False), "stop", "gpt-oss-120b")


# Call 1: cut, of no city (which only call 2 shows), right; call 2: for the lost city, then empty, then right.
SCRIPT = (
    (1, 1, Answer('{"cultural', "length")),
    (1, 2, answer(place="perto do mar")),
    (2, 1, answer(call=2)),
    (1, 3, answer()),
    (2, 1, Answer(None, "stop")),
    (2, 2, answer(call=2)),
)
CODES = [ReasonCode.ANSWER_TRUNCATED, ReasonCode.MUNICIPALITY_MISSING, ReasonCode.ANSWER_EMPTY]


def play(known: dict[str, Answer], steps: int) -> tuple[Walk, dict[str, Answer], list[tuple[int, int]]]:
    """Answer the first so many requests of the script, those known beforehand included."""
    walk, given = Walk(walker(), PERSON, dict(known), []), dict(known)
    asked = []
    for _, _, reply in SCRIPT[len(known) : steps]:
        assert walk.ask is not None
        asked.append((walk.ask.call, walk.ask.attempt))
        given[walk.ask.request_key] = reply
        walk.take(reply)
    return walk, given, asked


def test_answers_that_are_not_right_are_asked_again_until_the_record_is_accepted():
    walk, given, asked = play({}, len(SCRIPT))
    assert asked == [(call, attempt) for call, attempt, _ in SCRIPT] and len(given) == len(SCRIPT)
    assert walk.ask is None and walk.verdict.missing is None
    assert [r.reason_code for r in walk.verdict.rejections] == [code.value for code in CODES]
    assert walk.verdict.attributes is not None and "São Luís" in walk.verdict.attributes["cultural_background"]


def test_stored_answers_tell_the_same_as_answers_that_come():
    for steps in range(len(SCRIPT) + 1):
        walk, given, _ = play({}, steps)
        assert walker().walk(PERSON, given, []) == walk.verdict


def test_whoever_stops_anywhere_goes_on_with_the_same_requests():
    whole, every, _ = play({}, len(SCRIPT))
    for stopped in range(len(SCRIPT)):
        _, given, _ = play({}, stopped)
        again, all_given, _ = play(given, len(SCRIPT))
        assert again.verdict == whole.verdict and all_given == every


def test_a_further_attempt_tells_what_was_wrong_in_a_fresh_turn():
    walk, _, _ = play({}, 1)
    assert walk.ask is not None
    messages = json.loads(walk.ask.body)["messages"]
    assert [message["role"] for message in messages] == ["system", "user"]
    assert ReasonCode.ANSWER_TRUNCATED.message in messages[1]["content"] and "cultural" not in messages[1]["content"]


def test_a_call_2_names_the_answer_that_it_quotes():
    walk, given, _ = play({}, 4)
    assert walk.ask is not None and walk.ask.call == 2
    assert given[str(walk.ask.parent_key)].content == answer().content


def test_what_validation_rejected_later_is_asked_again():
    whole, given, _ = play({}, len(SCRIPT))
    late = Rejection(2, 2, whole.verdict.keys[1], "near_duplicate", "O texto é quase igual ao de outra pessoa.")
    walk = Walk(walker(), PERSON, given, [late])
    assert walk.ask is not None and (walk.ask.call, walk.ask.attempt) == (2, 3)
    assert late.message in json.loads(walk.ask.body)["messages"][1]["content"]


def test_an_answer_that_was_mended_is_accepted_with_a_warning_that_names_its_shape():
    walk = Walk(walker(), PERSON, {}, [])
    for shaped in ("```json\n{}\n```", "<|channel|>final<|message|>{}<|return|>"):
        assert walk.ask is not None
        reply = answer(call=walk.ask.call)
        walk.take(Answer(shaped.replace("{}", str(reply.content)), "stop", "gpt-oss-120b"))
    assert walk.ask is None and walk.verdict.rejections == ()
    assert walk.verdict.warnings == ("mended_fence", "mended_harmony")
