"""The record block, the two messages of a request, its body and its key."""

from __future__ import annotations

import json
from typing import Any

import pytest
from _people import ANSWER, RETIRED, make_person
from _texts import PROMPTS

from census import codes
from udfs import prompts, traits


@pytest.fixture(scope="module")
def prompt_set() -> prompts.PromptSet:
    return PROMPTS


def test_the_record_block_says_what_a_person_would_say() -> None:
    record = prompts.parse_record_block(prompts.record_block(make_person(), 0))
    assert record[prompts.FULL_NAME] == "Maria das Dores da Silva"
    assert record[prompts.PERSON] == "mulher"
    assert record[prompts.UNION] == "solteira, vive com companheiro ou companheira"
    assert record[prompts.STAGE] == "trabalha"
    assert record[prompts.POSITION] == "com carteira assinada"
    assert record[prompts.INCOME] == "entre um e dois salários mínimos"
    assert record[prompts.RELIGION] == "é católica"
    assert record[prompts.TRAIT_LABELS["openness"]] in traits.WORDS["openness"][3]
    assert record[prompts.DISHES] == "Sarapatel; Bolo Souza Leão"
    assert record[prompts.SPORTS] == "nenhum, por falta de tempo; caminhada"
    assert not {prompts.PLACES, prompts.PRODUCTS} & record.keys()


def test_a_retired_man_has_no_line_for_what_he_lacks() -> None:
    record = prompts.parse_record_block(prompts.record_block(make_person(**RETIRED), 3))
    assert record[prompts.STAGE] == "é aposentado"
    assert record[prompts.UNION] == "viúvo"
    assert record[prompts.FORMER] == "Vaqueiro"
    assert record[prompts.VERSION] == "3"
    assert not {prompts.OCCUPATION, prompts.POSITION, prompts.INCOME, prompts.RELIGION} & record.keys()


@pytest.mark.parametrize("race", codes.RACES)
def test_race_never_reaches_the_block(race: str) -> None:
    block = prompts.record_block(make_person(race=race), 0)
    assert block == prompts.record_block(make_person(race=None), 0)


def test_every_value_of_the_code_book_has_words() -> None:
    columns = {
        "education_level": codes.EDUCATION_LEVELS,
        "marital_status": codes.MARITAL_STATUSES,
        "religion": codes.RELIGIONS,
        "activity": codes.ACTIVITIES,
        "occupation_group": codes.OCCUPATION_GROUPS,
        "position": codes.POSITIONS,
        "zone": codes.ZONES,
        "sex": codes.SEXES,
    }
    for column, values in columns.items():
        for value in values:
            block = prompts.record_block(make_person(**{column: value}), 0)
            assert "{" not in block
            # Short values ("rural", "católica") are everyday words; the long ones are labels of the code book.
            assert len(value) < 25 or value not in block


@pytest.mark.parametrize(
    ("income_brl", "words"),
    [
        (0.0, "não recebe dinheiro por esse trabalho"),
        (500.0, "menos de meio salário mínimo"),
        (1212.0, "cerca de um salário mínimo"),
        (50_000.0, "mais de dez salários mínimos"),
    ],
)
def test_income_is_told_in_words(income_brl: float, words: str) -> None:
    assert prompts.income_words(income_brl) == words


def test_the_last_block_is_found_whatever_stands_around() -> None:
    first, last = prompts.record_block(make_person(first_name="Ana"), 0), prompts.record_block(make_person(), 1)
    message = f"Nome completo de quem escreve: ninguém\n{first}\n\nprosa: solta\n**{last}\n\nObrigado: até logo."
    record = prompts.parse_record_block(message)
    assert (record[prompts.FIRST_NAME], record[prompts.VERSION]) == ("Maria", "1")
    assert set(record) <= prompts.LABELS
    assert prompts.parse_record_block("nada aqui") == {}


def test_the_record_is_the_last_thing_of_exactly_two_messages(prompt_set: prompts.PromptSet) -> None:
    problems = ["Falta o nome da pessoa em um texto que precisa dele. (persona)"]
    messages = prompts.render(prompt_set, 2, make_person(), 1, ANSWER, problems)
    assert [message["role"] for message in messages] == ["system", "user"]
    user = messages[1]["content"]
    assert user.endswith(prompts.record_block(make_person(), 1))
    assert user.index("```json") < user.index(problems[0]) < user.index(prompts.RECORD_HEADER)
    # The same instructions for everyone: a server keeps them in its prefix cache.
    assert messages[0] == prompts.render(prompt_set, 2, make_person(**RETIRED), 0, ANSWER)[0]


def test_the_second_call_needs_the_first_answer(prompt_set: prompts.PromptSet) -> None:
    with pytest.raises(ValueError, match="call1_answer"):
        prompts.render(prompt_set, 2, make_person(), 0)


def test_the_body_is_compact_sorted_utf8_and_leaves_out_what_is_not_given(prompt_set: prompts.PromptSet) -> None:
    messages = prompts.render(prompt_set, 1, make_person(), 0)
    schema = json.loads(prompt_set.attributes_schema)
    sampling = {"temperature": 1.0, "max_completion_tokens": 2400, "reasoning_effort": None, "seed": 7}
    body = prompts.request_body(messages, schema, model="m", sampling=sampling)
    value = json.loads(body)
    assert value["response_format"]["json_schema"]["strict"] is True
    assert value["messages"] == messages
    assert "reasoning_effort" not in value and value["seed"] == 7
    assert "não" in body.decode() and b'": ' not in body[:40]
    assert list(value) == sorted(value)
    # Nothing else: `include_reasoning` beside a schema makes vLLM hold the reasoning against the schema.
    assert set(value) == {"messages", "model", "response_format", "temperature", "max_completion_tokens", "seed"}


def test_the_request_key_changes_with_everything_that_could_change_the_answer() -> None:
    base: dict[str, Any] = {
        "uuid": "u",
        "call": 1,
        "attempt": 0,
        "model": "m",
        "prompt_version": "v",
        "schema": {"type": "object"},
        "sampling": {"temperature": 1.0},
        "messages": [{"role": "user", "content": "oi"}],
    }
    changes: dict[str, Any] = {
        "uuid": "w",
        "call": 2,
        "attempt": 1,
        "model": "n",
        "prompt_version": "w",
        "schema": {"type": "array"},
        "sampling": {"temperature": 0.9},
        "messages": [{"role": "user", "content": "olá"}],
    }
    keys = {prompts.request_key(**base)} | {prompts.request_key(**base | {name: changes[name]}) for name in changes}
    assert len(keys) == 1 + len(changes)
    assert prompts.request_key(**base) == prompts.request_key(**base) and len(prompts.request_key(**base)) == 64
