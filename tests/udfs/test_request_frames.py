"""Requests put together from their frame are, to the byte, the requests that are encoded whole."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
from _people import ANSWER, STAGES, make_person
from _texts import PROMPTS

from udfs import prompts
from udfs.answers import Call, Requests

SAMPLING = {"temperature": 1.0, "top_p": 0.9, "max_completion_tokens": 2400, "reasoning_effort": None}
REQUESTS = Requests(PROMPTS, "gpt-oss-120b", SAMPLING)


@pytest.mark.parametrize("call", [1, 2])
@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize(("attempt", "problems"), [(1, ()), (12, ('Falta "o nome"\nda pessoa.', "Há 🙂."))])
def test_key_and_body_of_a_framed_request_are_those_of_the_whole_one(
    call: Call, stage: str, attempt: int, problems: Sequence[str]
):
    person = make_person(**STAGES[stage])
    schema = REQUESTS.schemas[call - 1]
    messages = prompts.render(PROMPTS, call, person, attempt, ANSWER, problems)
    seed = int(str(person["uuid"])[:7], 16)
    assert REQUESTS.render(person, call, attempt, ANSWER, problems) == (
        prompts.request_key(
            str(person["uuid"]), call, attempt, REQUESTS.model, PROMPTS.version, schema, SAMPLING, messages
        ),
        prompts.request_body(messages, schema, model=REQUESTS.model, sampling={**SAMPLING, "seed": seed}),
    )


def test_the_quoted_answer_is_indented_as_json_is():
    quoted = {
        **ANSWER,
        "skills_and_expertise_list": ['uma "aspa"', "barra \\ e\nlinha"],
        "hobbies_and_interests_list": [],
    }
    said = prompts.user_message(2, make_person(), 1, quoted)
    assert f"```json\n{json.dumps(quoted, ensure_ascii=False, indent=1)}\n```" in said
