"""Prompts: the record in everyday Portuguese, the two chained requests and the keys under which answers are stored.

The caller passes the packaged texts as a `PromptSet`. The labels and the wording of the record block, those of the
traits (`udfs/traits.py`) included, are versioned with the prompt (`conf/prompts/version.txt`): change one, change the
version.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Literal

from udfs import traits

Message = dict[str, str]

ATTRIBUTE_FIELDS = (
    "cultural_background",
    "skills_and_expertise",
    "skills_and_expertise_list",
    "hobbies_and_interests",
    "hobbies_and_interests_list",
    "career_goals_and_ambitions",
)
PERSONA_FIELDS = (
    "professional_persona",
    "sports_persona",
    "arts_persona",
    "travel_persona",
    "culinary_persona",
    "persona",
)


@dataclass(frozen=True)
class PromptSet:
    """The packaged texts of one prompt version; the schemas are JSON text."""

    version: str
    attributes_system: str
    personas_system: str
    attributes_schema: str
    personas_schema: str


# Labels of the record block, in the order in which they are written.
FULL_NAME = "Nome completo"
FIRST_NAME = "Primeiro nome"
PERSON = "Pessoa"
AGE = "Idade"
CITY = "Cidade"
STATE = "Estado"
REGION = "Região"
ZONE = "Onde mora"
SCHOOLING = "Estudo"
UNION = "Estado civil"
STAGE = "Momento de vida"
OCCUPATION = "Profissão"
AREA = "Tipo de trabalho"
POSITION = "Como trabalha"
INCOME = "Quanto ganha"
FORMER = "Profissão de antes"
RELIGION = "Religião"
TRAIT_LABELS = MappingProxyType(
    {
        "openness": "Diante do novo",
        "conscientiousness": "Com as obrigações",
        "extraversion": "No meio de gente",
        "agreeableness": "No trato com os outros",
        "neuroticism": "Nos dias difíceis",
    }
)
DISHES = "Pratos da região"
FEASTS = "Festas e tradições da região"
PLACES = "Lugares da região"
MUSIC = "Ritmos e danças da região"
CRAFTS = "Artesanato e saberes da região"
PRODUCTS = "Produtos da região"
TOWN_PLACES = "Lugares da cidade"
SPORTS = "Esporte (opções)"
TRIPS = "Viagem (opções)"
VERSION = "Versão do texto"
LABELS = frozenset(
    {FULL_NAME, FIRST_NAME, PERSON, AGE, CITY, STATE, REGION, ZONE, SCHOOLING, UNION, STAGE, OCCUPATION, AREA, POSITION}
    | {INCOME, FORMER, RELIGION, DISHES, FEASTS, CRAFTS, PRODUCTS, PLACES, TOWN_PLACES, MUSIC, SPORTS, TRIPS}
    | {VERSION}
    | set(TRAIT_LABELS.values())
)
FACT_SEPARATOR = "; "

ZONE_WORDS = MappingProxyType({"urbana": "na cidade", "rural": "na zona rural"})
# Each census level is a range, so the words say only what holds for everyone in it.
SCHOOLING_WORDS = MappingProxyType(
    {
        "Sem instrução e fundamental incompleto": "não terminou o ensino fundamental",
        "Fundamental completo e médio incompleto": "tem o ensino fundamental completo, não tem o médio",
        "Médio completo e superior incompleto": "tem o ensino médio completo, não tem faculdade completa",
        "Superior completo": "tem faculdade completa",
    }
)
MARITAL_WORDS = MappingProxyType(
    {
        "Solteiro": "solteir{o}",
        "Casado": "casad{o}",
        "Separado": "separad{o}",
        "Divorciado": "divorciad{o}",
        "Viúvo": "viúv{o}",
    }
)
WITH_PARTNER = "vive com companheiro ou companheira"
SPOUSE_APART = "não mora com o cônjuge"
STAGE_WORDS = MappingProxyType(
    {
        "ocupado": "trabalha",
        "desocupado": "procura trabalho",
        "estudante": "estuda",
        "aposentado": "é aposentad{o}",
        "cuida do lar": "cuida da casa",
        "outro": "não trabalha no momento",
    }
)
AREA_WORDS = MappingProxyType(
    {
        "Diretor ou gerente": "direção e gerência",
        "Profissional das ciências ou intelectual": "profissão que pede muito estudo",
        "Técnico ou profissional de nível médio": "serviço técnico",
        "Trabalhador de apoio administrativo": "escritório e atendimento",
        "Trabalhador dos serviços, vendedor do comércio ou mercado": "comércio e serviços às pessoas",
        "Trabalhador qualificado da agropecuária, florestal, da caça ou da pesca": "roça, criação, mata ou pesca",
        "Trabalhador qualificado, operário ou artesão da construção, das artes mecânicas ou de outro ofício": (
            "obra, oficina ou ofício manual"
        ),
        "Operador de instalação ou máquina ou montador": "máquinas, fábrica ou transporte",
        "Ocupação elementar": "limpeza, carga ou ajuda em geral",
        "Membro das forças armadas, policial ou bombeiro militar": "quartel, polícia ou bombeiros",
    }
)
POSITION_WORDS = MappingProxyType(
    {
        "privado com carteira": "com carteira assinada",
        "privado sem carteira": "sem carteira assinada",
        "doméstico com carteira": "em casa de família, com carteira assinada",
        "doméstico sem carteira": "em casa de família, sem carteira assinada",
        "público com carteira": "no serviço público, com carteira assinada",
        "público sem carteira": "no serviço público, sem carteira assinada",
        "militar ou estatutário": "é servidor{a} do serviço público",
        "empregador": "tem o próprio negócio, com gente contratada",
        "conta própria": "por conta própria",
        "familiar auxiliar": "ajuda no negócio ou na roça da família, sem salário",
    }
)
MILITARY_AREA = AREA_WORDS["Membro das forças armadas, policial ou bombeiro militar"]
MILITARY_POSITION = "na carreira militar"
MEI_POSITION = "por conta própria, como MEI"
RELIGION_WORDS = MappingProxyType(
    {
        "católica": "é católic{o}",
        "evangélica": "é evangélic{o}",
        "sem religião": "não tem religião",
        "espírita": "é espírita",
        "umbanda e candomblé": "é da umbanda ou do candomblé",
        "outra": "segue outra religião",
    }
)
# Minimum wage of 2022, the year to whose level `income_brl` was moved.
MINIMUM_WAGE_BRL = 1212.0
INCOME_STEPS = (
    (0.01, "não recebe dinheiro por esse trabalho"),
    (0.5, "menos de meio salário mínimo"),
    (0.9, "menos de um salário mínimo"),
    (1.15, "cerca de um salário mínimo"),
    (2.0, "entre um e dois salários mínimos"),
    (3.0, "entre dois e três salários mínimos"),
    (5.0, "entre três e cinco salários mínimos"),
    (10.0, "entre cinco e dez salários mínimos"),
    (math.inf, "mais de dez salários mínimos"),
)
CALL1_HEADER = "Textos da primeira etapa:"
PROBLEMS_HEADER = "A resposta anterior foi recusada. Corrija isto na nova resposta:"
RECORD_HEADER = "Ficha da pessoa:"
SCHEMA_HEADER = "Esquema do objeto JSON:"


def inflect(template: str, sex: str) -> str:
    """Put the gender endings into a template: `{o}` is o/a, `{a}` is nothing/a (`servidor{a}`)."""
    feminine = sex == "F"
    return template.replace("{o}", "a" if feminine else "o").replace("{a}", "a" if feminine else "")


def income_words(income_brl: float) -> str:
    """A monthly income in minimum wages, in words and never exact."""
    return next(words for end, words in INCOME_STEPS if income_brl / MINIMUM_WAGE_BRL < end)


def union_words(marital_status: str, in_union: bool, sex: str) -> str:
    """Marital status and union in one phrase: `solteira, vive com companheiro ou companheira`."""
    status = inflect(MARITAL_WORDS[marital_status], sex)
    if marital_status == "Casado":
        return status if in_union else f"{status}, {SPOUSE_APART}"
    return f"{status}, {WITH_PARTNER}" if in_union else status


def _position_words(person: Mapping[str, Any], area: str | None) -> str | None:
    position = _given(person, "position")
    if position is None:
        return None
    if position == "militar ou estatutário" and area == MILITARY_AREA:
        return MILITARY_POSITION
    if _given(person, "is_mei"):
        return MEI_POSITION
    return inflect(POSITION_WORDS[position], str(person["sex"]))


def _given(person: Mapping[str, Any], column: str) -> Any:
    """The value, or None for what is missing, null, not a number or blank (pandas writes nulls as NaN)."""
    value = person.get(column)
    if value is None or (isinstance(value, float) and math.isnan(value)) or value == "":
        return None
    return value


def _facts(person: Mapping[str, Any], column: str) -> str | None:
    items = person.get(column)
    return FACT_SEPARATOR.join(str(item) for item in items) if items is not None and len(items) else None


def record_block(person: Mapping[str, Any], attempt: int) -> str:
    """The record as `rótulo: valor` lines in everyday Portuguese; race is never in it.

    Args:
        person: The columns of `core_persona__attribute`, `municipality_name`, `state_name`, `region_name`, and the
            lists of `udfs.hints` (may be empty). Null columns give no line.
        attempt: Counts from 0; it closes the block, so another attempt is another prompt.
    """
    sex = str(person["sex"])
    group = _given(person, "occupation_group")
    area = AREA_WORDS[group] if group else None
    names = (_given(person, "first_name"), _given(person, "middle_name"), _given(person, "last_name"))
    income, education = _given(person, "income_brl"), _given(person, "education_level")
    religion, zone = _given(person, "religion"), _given(person, "zone")
    activity, marital = _given(person, "activity"), _given(person, "marital_status")
    lines: list[tuple[str, Any]] = [
        (FULL_NAME, " ".join(name for name in names if name)),
        (FIRST_NAME, names[0]),
        (PERSON, "mulher" if sex == "F" else "homem"),
        (AGE, f"{int(person['age_years'])} anos"),
        (CITY, _given(person, "municipality_name")),
        (STATE, _given(person, "state_name")),
        (REGION, _given(person, "region_name")),
        (ZONE, ZONE_WORDS[zone] if zone else None),
        (SCHOOLING, SCHOOLING_WORDS[education] if education else None),
        (UNION, union_words(marital, bool(_given(person, "in_union")), sex) if marital else None),
        (STAGE, inflect(STAGE_WORDS[activity], sex) if activity else None),
        (OCCUPATION, _given(person, "occupation_title")),
        (AREA, area),
        (POSITION, _position_words(person, area)),
        (INCOME, income_words(float(income)) if income is not None else None),
        (FORMER, _given(person, "former_occupation_title")),
        (RELIGION, inflect(RELIGION_WORDS[religion], sex) if religion else None),
    ]
    for trait, label in TRAIT_LABELS.items():
        score = _given(person, trait)
        words = traits.template(str(person["uuid"]), trait, float(score)) if score is not None else None
        lines.append((label, inflect(words, sex) if words else None))
    lines += [
        (DISHES, _facts(person, "regional_dishes")),
        (PRODUCTS, _facts(person, "regional_products")),
        (FEASTS, _facts(person, "regional_feasts")),
        (MUSIC, _facts(person, "regional_music")),
        (CRAFTS, _facts(person, "regional_crafts")),
        (TOWN_PLACES, _facts(person, "local_places")),
        (PLACES, _facts(person, "regional_places")),
        (SPORTS, _facts(person, "sports")),
        (TRIPS, _facts(person, "trips")),
        (VERSION, attempt),
    ]
    return "\n".join(f"{label}: {' '.join(str(value).split())}" for label, value in lines if value is not None)


_MARKS = " \t>*-"


def parse_record_block(user_message: str) -> dict[str, str]:
    """The lines of the last record block by label; empty if there is none. Never raises, whatever stands around."""
    start = user_message.rfind(FULL_NAME)
    while start >= 0 and user_message[user_message.rfind("\n", 0, start) + 1 : start].strip(_MARKS):
        start = user_message.rfind(FULL_NAME, 0, start)
    if start < 0:
        return {}
    record: dict[str, str] = {}
    for line in user_message[start:].splitlines():
        label, colon, value = line.partition(":")
        value = value.strip(" \t*")
        if label not in LABELS:
            label = label.strip(_MARKS)
        if colon and value and label in LABELS:
            record.setdefault(label, value)
        if label == VERSION:
            break
    return record


def system_message(prompts: PromptSet, call: Literal[1, 2]) -> str:
    """Instructions and schema of a call: what its prompts have in common, and servers keep in their prefix cache."""
    system, schema = (
        (prompts.attributes_system, prompts.attributes_schema)
        if call == 1
        else (prompts.personas_system, prompts.personas_schema)
    )
    compact = _compact(schema)
    return f"{system.strip()}\n\n{SCHEMA_HEADER}\n{compact}"


def render(
    prompts: PromptSet,
    call: Literal[1, 2],
    person: Mapping[str, Any],
    attempt: int,
    call1_answer: Mapping[str, Any] | None = None,
    problems: Sequence[str] = (),
) -> list[Message]:
    """One system and one user message; what is the same for everyone comes first, so that servers cache it."""
    return [
        {"role": "system", "content": system_message(prompts, call)},
        {"role": "user", "content": user_message(call, person, attempt, call1_answer, problems)},
    ]


def user_message(
    call: Literal[1, 2],
    person: Mapping[str, Any],
    attempt: int,
    call1_answer: Mapping[str, Any] | None = None,
    problems: Sequence[str] = (),
) -> str:
    """What a request tells beside the instructions: the answer it goes on from, what was wrong before, the record.

    A refused answer is never appended as a turn of the assistant (gpt-oss loses the schema over several turns): its
    `problems` stand before the record, which is always last.
    """
    parts: list[str] = []
    if call == 2:
        if call1_answer is None:
            raise ValueError("the second call quotes the answer to the first: pass call1_answer")
        quoted = {field: call1_answer[field] for field in ATTRIBUTE_FIELDS if field in call1_answer}
        parts.append(f"{CALL1_HEADER}\n```json\n{_indented(quoted)}\n```")
    if problems:
        parts.append("\n".join([PROBLEMS_HEADER, *(f"- {problem}" for problem in problems)]))
    parts.append(f"{RECORD_HEADER}\n{record_block(person, attempt)}")
    return "\n\n".join(parts)


def _indented(answer: Mapping[str, Any]) -> str:
    """What `json.dumps(answer, indent=1)` gives for texts and lists of texts, as fast as without indent."""
    fields = []
    for name, value in answer.items():
        said = json.dumps(value, ensure_ascii=False)
        if isinstance(value, list) and value:
            items = ",\n  ".join(json.dumps(item, ensure_ascii=False) for item in value)
            said = f"[\n  {items}\n ]"
        fields.append(f" {json.dumps(name, ensure_ascii=False)}: {said}")
    return "{\n" + ",\n".join(fields) + "\n}" if fields else "{}"


@lru_cache(maxsize=8)
def _compact(schema: str) -> str:
    return json.dumps(json.loads(schema), ensure_ascii=False, separators=(",", ":"))


def _canonical(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def request_body(
    messages: Sequence[Message], schema: Mapping[str, Any], *, model: str, sampling: Mapping[str, Any]
) -> bytes:
    """The body of a chat completion with a strict answer schema; `sampling` values that are None are left out.

    `sampling` holds temperature, top_p, max_completion_tokens, reasoning_effort, seed.
    """
    strict = {"type": "json_schema", "json_schema": {"name": "resposta", "strict": True, "schema": schema}}
    given = {key: value for key, value in sampling.items() if value is not None}
    return _canonical({**given, "model": model, "messages": list(messages), "response_format": strict})


def request_key(
    uuid: str,
    call: int,
    attempt: int,
    model: str,
    prompt_version: str,
    schema: Mapping[str, Any],
    sampling: Mapping[str, Any],
    messages: Sequence[Message],
) -> str:
    """The identity of a paid answer: sha256 in hex over everything that could change it, timeouts excluded."""
    parts = key_parts(uuid, call, attempt, model, prompt_version, schema, sampling, messages)
    return hashlib.sha256(parts).hexdigest()


def key_parts(
    uuid: str,
    call: int,
    attempt: int,
    model: str,
    prompt_version: str,
    schema: Mapping[str, Any],
    sampling: Mapping[str, Any],
    messages: Sequence[Message],
) -> bytes:
    """What `request_key` digests."""
    return _canonical((uuid, call, attempt, model, prompt_version, schema, dict(sampling), list(messages)))
