"""Every malformed shape that servers are known to produce, and what a row of texts must satisfy."""

from __future__ import annotations

import json
from typing import Any

import jsonschema_rs
import pytest
from _texts import prose

from conf.settings import text
from udfs import parsing
from udfs.parsing import ReasonCode

VALIDATOR = jsonschema_rs.validator_for(json.loads(text("schemas/attributes.json")))
PERSON = {
    "first_name": "José",
    "municipality_name": "São Luís",
    "state_name": "Maranhão",
    "age_years": 47,
    "occupation_title": "Técnico em enfermagem",
}


def make_call1(**changes: Any) -> dict[str, Any]:
    answer: dict[str, Any] = {
        name: f"José vive em São Luís. {prose(number, 9)}" for number, name in enumerate(parsing.NARRATIVES)
    }
    answer |= {name: ["ler", "cozinhar", "pescar"] for name in parsing.LISTS}
    return answer | changes


def make_call2(**changes: Any) -> dict[str, Any]:
    return {name: f"José é assim. {prose(2 * n, 3)}" for n, name in enumerate(parsing.PERSONA_FIELDS)} | changes


def make_filled(**changes: Any) -> dict[str, Any]:
    """An answer that follows its schema, whatever it says."""
    return (
        {name: f"José. {name} {'texto ' * 60}" for name in parsing.NARRATIVES}
        | {name: ["ler", "cozinhar", "pescar"] for name in parsing.LISTS}
        | changes
    )


GOOD = json.dumps(make_filled(), ensure_ascii=False)
RAW_NEWLINE = GOOD.replace("texto texto", "texto\ntexto", 1)


@pytest.mark.parametrize(
    ("content", "finish_reason", "reason", "repairs"),
    [
        (GOOD, "stop", None, ()),
        (f"  \n{GOOD}\n", "length", None, ()),
        (None, "length", ReasonCode.ANSWER_TRUNCATED, ()),
        (None, "stop", ReasonCode.ANSWER_EMPTY, ()),
        ("  \n", "stop", ReasonCode.ANSWER_EMPTY, ()),
        (f"<|channel|>final<|message|>{GOOD}<|return|>", "stop", None, ("harmony",)),
        (f"<|channel|>analysis<|message|>Penso.<|end|><|channel|>final<|message|>{GOOD}", "stop", None, ("harmony",)),
        (f"```json\n{GOOD}\n```", "stop", None, ("fence",)),
        (f"Aqui está:\n```\n{GOOD}\n```\nEspero ter ajudado.", "stop", None, ("fence",)),
        (f"Aqui está: {GOOD} Espero ter ajudado.", "stop", None, ("prose",)),
        (f"{GOOD}\n{GOOD}", "stop", None, ("doubled",)),
        (RAW_NEWLINE, "stop", None, ("control_character",)),
        (GOOD[:-1] + ",}", "stop", None, ("json_repair",)),
        (GOOD[:-40], "length", ReasonCode.ANSWER_TRUNCATED, ()),
        (f"```json\n{GOOD}\n```", "length", ReasonCode.ANSWER_TRUNCATED, ()),
        ("Não posso ajudar com isso.", "stop", ReasonCode.NOT_JSON, ()),
        ("<html><body>502 Bad Gateway</body></html>", "stop", ReasonCode.NOT_JSON, ()),
        ("[1, 2]", "stop", ReasonCode.NOT_JSON, ()),
        (GOOD.replace("texto", r"\ud83d", 1), "stop", ReasonCode.NOT_JSON, ()),
        (json.dumps({"cultural_background": "x" * 80}), "stop", ReasonCode.SCHEMA, ()),
        (json.dumps(make_filled(skills_and_expertise=3)), "stop", ReasonCode.SCHEMA, ()),
        (json.dumps(make_filled(extra="x")), "stop", ReasonCode.SCHEMA, ()),
        (json.dumps(make_filled(cultural_background="curto")), "stop", ReasonCode.TOO_SHORT, ()),
        (json.dumps(make_filled(cultural_background="x" * 3000)), "stop", ReasonCode.TOO_LONG, ()),
        (json.dumps(make_filled(hobbies_and_interests_list=["ler"])), "stop", ReasonCode.LIST_INVALID, ()),
    ],
)
def test_each_shape_is_accepted_or_refused_with_its_reason(
    content: str | None, finish_reason: str, reason: ReasonCode | None, repairs: tuple[str, ...]
) -> None:
    parsed = parsing.parse_answer(content, finish_reason, VALIDATOR)
    assert parsed.reason is reason
    assert parsed.repairs == repairs
    assert (parsed.answer is None) == (reason is not None)
    assert bool(parsed.message) == (reason is not None)


def test_a_raw_newline_inside_a_text_is_kept() -> None:
    answer = parsing.parse_answer(RAW_NEWLINE, "stop", VALIDATOR).answer
    assert answer is not None and "texto\ntexto" in answer["cultural_background"]


@pytest.mark.parametrize("cut", range(0, len(GOOD), 97))
def test_parsing_never_raises_and_never_accepts_a_cut_answer(cut: int) -> None:
    assert parsing.parse_answer(GOOD[:cut], "length", VALIDATOR).answer is None
    parsing.parse_answer(GOOD[:cut], "stop", VALIDATOR)
    parsing.parse_answer(GOOD[cut:] + GOOD[:cut], None, VALIDATOR)


def test_deep_nesting_is_refused_not_raised() -> None:
    assert parsing.parse_answer("{" + '"a":[' * 50_000, "stop", VALIDATOR).answer is None


def test_every_reason_has_a_message_fit_for_asking_again() -> None:
    for reason in ReasonCode:
        assert reason.message.endswith(".") and reason.english.endswith(".")
        assert reason.severity in ("reject", "warn")
        assert parsing.Problem(1, reason, "campo").message == f"{reason.message} (campo)"


def test_a_good_record_has_no_problem() -> None:
    assert parsing.check_record(make_call1(), make_call2(), PERSON) == []


@pytest.mark.parametrize(
    ("changes1", "changes2", "reason"),
    [
        ({"cultural_background": f"Ele vive em São Luís. {prose(0, 9)}"}, {}, ReasonCode.NAME_MISSING),
        ({}, {"persona": f"Josefina não é a pessoa daqui. {prose(5, 3)}"}, ReasonCode.NAME_MISSING),
        ({}, {"persona": "José é assim."}, ReasonCode.TOO_SHORT),
        ({}, {"persona": f"José vive bem. {prose(0, 12)} {prose(3, 12).replace('.', '!')}"}, ReasonCode.TOO_LONG),
        ({"skills_and_expertise_list": ["Ler", "ler ", "pescar"]}, {}, ReasonCode.LIST_INVALID),
        ({"skills_and_expertise_list": "['ler']"}, {}, ReasonCode.LIST_INVALID),
        ({"hobbies_and_interests_list": ["ler", " ", "pescar"]}, {}, ReasonCode.LIST_INVALID),
        ({"hobbies_and_interests_list": ["ler, cozinhar e pescar", "andar", "rir"]}, {}, None),
        ({"hobbies_and_interests_list": ["ler, andar, rir e pescar", "ver", "ir"]}, {}, ReasonCode.LIST_INVALID),
        (
            {name: f"José vive bem. {prose(number, 9)}" for number, name in enumerate(parsing.NARRATIVES)},
            {},
            ReasonCode.MUNICIPALITY_MISSING,
        ),
        ({}, dict.fromkeys(("arts_persona", "travel_persona"), f"José canta. {prose(1, 3)}"), ReasonCode.REPEATED_TEXT),
        ({}, {"persona": f"José é dermatologista. {prose(4, 3)}"}, ReasonCode.WRONG_OCCUPATION),
        ({"hobbies_and_interests_list": ["ler", "e-mail: jose@example.com", "rir"]}, {}, ReasonCode.ELECTRONIC_ADDRESS),
    ],
)
def test_what_is_wrong_with_a_record_is_named(
    changes1: dict[str, Any], changes2: dict[str, Any], reason: ReasonCode | None
) -> None:
    problems = parsing.check_record(make_call1(**changes1), make_call2(**changes2), PERSON)
    assert {problem.reason for problem in problems} == ({reason} if reason else set())


def test_names_and_cities_are_compared_without_accents_or_case() -> None:
    answers = make_call1(), {name: value.replace("José", "JOSE") for name, value in make_call2().items()}
    assert parsing.check_record(*answers, PERSON | {"municipality_name": "SAO LUIS"}) == []


def test_bounds_are_the_callers() -> None:
    bounds = parsing.Bounds(min_narrative=5000, max_narrative=9000)
    assert {p.reason for p in parsing.check_call(1, make_call1(), PERSON, bounds)} == {ReasonCode.TOO_SHORT}


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("José vive em São Luís do Maranhão.", {"name", "municipality", "state"}),
        ("Aos quarenta e sete anos, cuida de gente.", {"age"}),
        ("Tem 47 anos e trabalha na enfermagem.", {"age", "occupation"}),
        ("Tem 147 anos; Josefa vive em São Luísa.", set()),
    ],
)
def test_mentions_are_whole_words(said: str, expected: set[str]) -> None:
    assert {name for name, found in parsing.mentions([said], PERSON).items() if found} == expected


@pytest.mark.parametrize(
    ("title", "said"),
    [
        ("Cozinheira", "é cozinheiro"),
        ("Professora de matemática no ensino médio", "trabalha como professora"),
        ("Operador de caixa", "trabalha no caixa"),
        ("Agente comunitário de saúde", "agente comunitária"),
    ],
)
def test_an_occupation_is_found_in_another_inflection(title: str, said: str) -> None:
    assert parsing.mentions([said], PERSON | {"occupation_title": title})["occupation"]
