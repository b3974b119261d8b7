"""Prompts as a model gets them: golden files by stage of life, and what all prompts of a call begin with."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any, Literal

import bpe_openai
import pytest
from _people import ANSWER, RETIRED, STAGES, make_person
from _texts import PROMPTS

from conf import settings
from udfs import offline_writer, prompts

GOLDEN = Path(__file__).parents[1] / "golden" / "prompts"
TOKENS = bpe_openai.get_encoding("o200k_base")
NAME_MISSING = "Falta o nome da pessoa em um texto que precisa dele."


def rendered(call: Literal[1, 2], changes: dict[str, Any], attempt: int = 0, problems: Sequence[str] = ()) -> str:
    messages = prompts.render(PROMPTS, call, make_person(**changes), attempt, ANSWER, problems)
    return "\n".join(f"=== {message['role']}\n{message['content']}\n" for message in messages)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *((f"call1_{stage}", rendered(1, changes)) for stage, changes in STAGES.items()),
        ("call2_student", rendered(2, STAGES["student"])),
        ("call2_over_80_asked_again", rendered(2, RETIRED, 1, [NAME_MISSING])),
    ],
)
def test_rendered_prompts_equal_their_golden_files(name: str, text: str) -> None:
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("POVO_WRITE_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8"), "the prompt changed: raise prompts/version.txt too"


def test_every_golden_file_is_compared() -> None:
    names = {f"call1_{stage}" for stage in STAGES} | {"call2_student", "call2_over_80_asked_again"}
    assert {path.stem for path in GOLDEN.glob("*.txt")} == names


@pytest.mark.parametrize(
    ("stage", "said"),
    [
        ("worker", "trabalha"),
        ("young_worker", "trabalha"),
        ("student", "estuda"),
        ("looking", "procura trabalho"),
        ("home", "cuida da casa"),
        ("retired", "é aposentada"),
        ("over_80", "é aposentado"),
    ],
)
def test_each_stage_of_life_is_written_as_such(stage: str, said: str) -> None:
    person = make_person(**STAGES[stage])
    record = prompts.parse_record_block(prompts.record_block(person, 0))
    assert record[prompts.STAGE] == said
    assert (prompts.OCCUPATION in record) == (said == "trabalha")
    assert (prompts.INCOME in record) == (said == "trabalha")


def shared_prefix(texts: Sequence[str]) -> str:
    return "".join(column[0] for column in takewhile(lambda column: len(set(column)) == 1, zip(*texts, strict=False)))


@pytest.mark.parametrize(
    ("call", "shared"),
    [
        (1, f"{prompts.RECORD_HEADER}\n{prompts.FULL_NAME}: "),
        (2, f'{prompts.CALL1_HEADER}\n```json\n{{\n "{prompts.ATTRIBUTE_FIELDS[0]}": "'),
    ],
)
def test_prompts_are_the_same_up_to_what_is_the_person_s_own(call: Literal[1, 2], shared: str) -> None:
    """Call 1 up to the record; call 2 up to the answer that it quotes, which stands before the record."""
    people = {stage: make_person(**changes) for stage, changes in STAGES.items()}
    firsts = {stage: ANSWER | {prompts.ATTRIBUTE_FIELDS[0]: f"{stage}: vive bem."} for stage in STAGES}
    made = [prompts.render(PROMPTS, call, person, 0, firsts[stage]) for stage, person in people.items()]
    assert {messages[0]["content"] for messages in made} == {prompts.system_message(PROMPTS, call)}
    users = [messages[1]["content"] for messages in made]
    assert shared_prefix(users) == shared
    for user, person in zip(users, people.values(), strict=True):
        assert user.endswith(f"{prompts.RECORD_HEADER}\n{prompts.record_block(person, 0)}")


def test_prompts_of_two_persons_of_one_state_part_at_the_first_line_of_the_record() -> None:
    one, other = (make_person(uuid=uuid, first_name=name) for uuid, name in (("a" * 32, "Ana"), ("b" * 32, "Zilda")))
    first, second = ("".join(m["content"] for m in prompts.render(PROMPTS, 1, person, 0)) for person in (one, other))
    shared = shared_prefix([first, second])
    assert shared == first[: first.index(prompts.record_block(one, 0))] + f"{prompts.FULL_NAME}: "
    assert shared.startswith(prompts.system_message(PROMPTS, 1))


def test_more_than_half_of_a_record_s_prompts_is_a_prefix_that_servers_keep() -> None:
    def tokens(call: Literal[1, 2], person: dict[str, Any], first: dict[str, Any] | None) -> int:
        messages = prompts.render(PROMPTS, call, person, 1, first)
        return sum(len(TOKENS.encode_ordinary(message["content"])) for message in messages)

    fixed_1, fixed_2 = (len(TOKENS.encode_ordinary(prompts.system_message(PROMPTS, call))) for call in (1, 2))
    for changes in STAGES.values():
        person = make_person(**changes)
        first = offline_writer.write(prompts.render(PROMPTS, 1, person, 1))
        one, two = tokens(1, person, None), tokens(2, person, first)
        assert 0.75 < fixed_1 / one < 0.85 and 0.44 < fixed_2 / two < 0.5
        assert 0.57 < (fixed_1 + fixed_2) / (one + two) < 0.63


def test_the_texts_of_a_record_take_about_the_tokens_that_a_plan_reckons_with() -> None:
    planned = settings.load().prices.tokens.completion_per_record.value
    assert planned == 1400
    for changes in STAGES.values():
        person = make_person(**changes)
        first = offline_writer.write(prompts.render(PROMPTS, 1, person, 1))
        second = offline_writer.write(prompts.render(PROMPTS, 2, person, 1, first))
        taken = sum(len(TOKENS.encode_ordinary(json.dumps(one, ensure_ascii=False))) for one in (first, second))
        assert taken == pytest.approx(planned, rel=0.15)
