"""From a stored raw answer to a checked one: parsing, repair by class, and what a row of texts must satisfy.

Strict JSON first; then shapes that servers are known to produce (harmony tokens, fences, prose around, the object
twice); then json_repair. An answer that was cut (`finish_reason` "length") is accepted only if it needed nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import json_repair

from udfs import checks
from udfs.checks.reasons import Problem, ReasonCode
from udfs.checks.text import fold, has_words, text_of
from udfs.prompts import ATTRIBUTE_FIELDS, PERSONA_FIELDS

NARRATIVES = tuple(name for name in ATTRIBUTE_FIELDS if not name.endswith("_list"))
LISTS = tuple(name for name in ATTRIBUTE_FIELDS if name.endswith("_list"))
NAMED_FIELDS = ("cultural_background", *PERSONA_FIELDS)


@dataclass(frozen=True)
class Parsed:
    """The outcome of parsing: `answer` or `reason`, never both. `repairs` names what had to be mended, in order."""

    answer: dict[str, Any] | None
    reason: ReasonCode | None = None
    detail: str = ""
    repairs: tuple[str, ...] = ()

    @property
    def message(self) -> str:
        """The sentence for asking again; empty when the answer was accepted."""
        if self.reason is None:
            return ""
        return Problem(0, self.reason, self.detail).message


@dataclass(frozen=True)
class Bounds:
    """Lengths in characters, both ends allowed, and the thresholds of what a text may say."""

    min_narrative: int = 300
    max_narrative: int = 2500
    min_persona: int = 60
    max_persona: int = 700
    min_items: int = 3
    max_items: int = 8
    max_item: int = 80
    limits: checks.Limits = checks.DEFAULT_LIMITS


DEFAULT_BOUNDS = Bounds()


class SchemaValidator(Protocol):
    """What `jsonschema_rs.validator_for(schema)` returns."""

    def is_valid(self, instance: Any) -> bool: ...
    def iter_errors(self, instance: Any) -> Iterator[Any]: ...


_HARMONY = re.compile(r"<\|[a-z_]+\|>")
_FENCE = re.compile(r"```[a-zA-Z]*[ \t]*\n?(.*?)(?:```|\Z)", re.DOTALL)
_DECODER = json.JSONDecoder(strict=False)  # a raw newline inside a string is kept as it is: json_repair changes it


def parse_answer(content: str | None, finish_reason: str | None, schema_validator: SchemaValidator) -> Parsed:
    """Parse one raw answer and check it against its schema. Never raises on any content."""
    truncated = finish_reason == "length"
    repairs: tuple[str, ...] = ()
    if content is None or not content.strip():
        return Parsed(None, ReasonCode.ANSWER_TRUNCATED if truncated else ReasonCode.ANSWER_EMPTY)
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        if truncated:
            return Parsed(None, ReasonCode.ANSWER_TRUNCATED)
        value, repairs = _mend(content)
    if not isinstance(value, dict) or ("\\u" in content and not _is_text(value)):
        return Parsed(None, ReasonCode.NOT_JSON, repairs=repairs)
    if not schema_validator.is_valid(value):
        reason, detail = _first_error(schema_validator, value)
        return Parsed(None, reason, detail, repairs)
    return Parsed(value, repairs=repairs)


def _is_text(value: dict[str, Any]) -> bool:
    """Whether UTF-8 can hold it: an escape such as \\ud83d alone is half a character."""
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (UnicodeEncodeError, RecursionError):
        return False
    return True


def _mend(content: str) -> tuple[Any, tuple[str, ...]]:
    """The object inside a malformed answer and the classes of what was wrong; (None, ...) if there is none."""
    repairs: list[str] = []
    text = content
    if _HARMONY.search(text):
        repairs.append("harmony")
        text = _final_message(text)
    if (fence := _FENCE.search(text)) and "{" in fence[1]:
        repairs.append("fence")
        text = fence[1]
    start = text.find("{")
    if start < 0:
        return None, tuple(repairs)
    try:
        value, end = _DECODER.raw_decode(text, start)
    except (ValueError, RecursionError):
        return _json_repair(text[start:]), (*repairs, "json_repair")
    if text[:start].strip() or (text[end:].strip() and not text[end:].lstrip().startswith("{")):
        repairs.append("prose")
    if text[end:].lstrip().startswith("{"):
        repairs.append("doubled")
    return value, tuple(repairs) or ("control_character",)


def _final_message(text: str) -> str:
    """The last message of a harmony transcript that holds an object, without any special token."""
    parts = [part for part in _HARMONY.split(text) if "{" in part]
    return parts[-1] if parts else ""


def _json_repair(text: str) -> Any:
    try:
        value = json_repair.loads(text)
    except (ValueError, RecursionError):
        return None
    if isinstance(value, list):
        return next((item for item in value if isinstance(item, dict)), None)
    return value


def _first_error(schema_validator: SchemaValidator, value: Any) -> tuple[ReasonCode, str]:
    """The first error by field name, with the field: the same for the same answer, whatever the validator's order."""
    found = sorted(
        (".".join(str(part) for part in error.instance_path), type(error.kind).__name__, error.message)
        for error in schema_validator.iter_errors(value)
    )
    path, kind, message = found[0]
    in_list = path.split(".")[0] in LISTS
    if kind.endswith(("MinLength", "MaxLength", "MinItems", "MaxItems")):
        reason = ReasonCode.TOO_SHORT if "_Min" in f"_{kind.split('_')[-1]}" else ReasonCode.TOO_LONG
        return (ReasonCode.LIST_INVALID if in_list else reason), path
    # The message quotes the value for wrong types: a whole text would drown the prompt that carries it.
    return ReasonCode.SCHEMA, f"{path}: {message}"[:200].removeprefix(": ")


def _folded_texts(texts: Iterable[str]) -> str:
    return " | ".join(text_of(text).folded for text in texts)


def check_field(
    call: int, name: str, value: Any, person: Mapping[str, Any], bounds: Bounds = DEFAULT_BOUNDS
) -> list[Problem]:
    """What is wrong with one text or list of an answer, warnings included: form, length, name, and what it says."""
    if name in LISTS:
        fault = _list_fault(value, bounds)
        if fault:
            return [Problem(call, ReasonCode.LIST_INVALID, f"{name}: {fault}")]
        return [_problem(call, name, finding) for finding in checks.check_list(value, person, bounds.limits)]
    if not isinstance(value, str):
        return [Problem(call, ReasonCode.SCHEMA, name)]
    problems = []
    is_narrative = name in NARRATIVES
    shortest = bounds.min_narrative if is_narrative else bounds.min_persona
    longest = bounds.max_narrative if is_narrative else bounds.max_persona
    length = len(value.strip())
    if length < shortest:
        problems.append(Problem(call, ReasonCode.TOO_SHORT, f"{name}: {length} caracteres, mínimo {shortest}"))
    if length > longest:
        problems.append(Problem(call, ReasonCode.TOO_LONG, f"{name}: {length} caracteres, máximo {longest}"))
    first_name = fold(str(person.get("first_name") or ""))
    if name in NAMED_FIELDS and first_name and not has_words(text_of(value).folded, first_name):
        problems.append(Problem(call, ReasonCode.NAME_MISSING, f"{name}: {person['first_name']}"))
    return problems + [_problem(call, name, found) for found in checks.check_text(name, value, person, bounds.limits)]


def _problem(call: int, name: str, finding: checks.Finding) -> Problem:
    return Problem(call, finding.reason, f"{name}: {finding.evidence}" if finding.evidence else name)


_BETWEEN_WORDS = frozenset(["", *" \n.,;:!?()"])


def check_call(
    call: int, answer: Mapping[str, Any], person: Mapping[str, Any], bounds: Bounds = DEFAULT_BOUNDS
) -> list[Problem]:
    """What is wrong with one answer that already follows its schema, warnings included."""
    problems: list[Problem] = []
    seen: dict[str, str] = {}
    for name in ATTRIBUTE_FIELDS if call == 1 else PERSONA_FIELDS:
        value = answer.get(name)
        problems += check_field(call, name, value, person, bounds)
        if name in LISTS or not isinstance(value, str):
            continue
        folded = _folded_texts((value,))
        if folded in seen:
            problems.append(Problem(call, ReasonCode.REPEATED_TEXT, f"{seen[folded]}, {name}"))
        seen.setdefault(folded, name)
    return problems


def _list_fault(items: Any, bounds: Bounds) -> str | None:
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        return "não é uma lista de textos"
    if not bounds.min_items <= len(items) <= bounds.max_items:
        return f"{len(items)} itens, e devem ser de {bounds.min_items} a {bounds.max_items}"
    if any(not item.strip() or len(item) > bounds.max_item for item in items):
        return "item vazio ou longo demais"
    if any(item.count(",") > 1 for item in items):
        return "vários itens em um só"
    if len({fold(item) for item in items}) < len(items):
        return "itens repetidos"
    return None


def check_record(
    call1: Mapping[str, Any], call2: Mapping[str, Any], person: Mapping[str, Any], bounds: Bounds = DEFAULT_BOUNDS
) -> list[Problem]:
    """What is wrong with the two answers of a record: each of them, and both together."""
    return [
        *check_call(1, call1, person, bounds),
        *check_call(2, call2, person, bounds),
        *check_together(call1, call2, person),
    ]


def check_together(call1: Mapping[str, Any], call2: Mapping[str, Any], person: Mapping[str, Any]) -> list[Problem]:
    """What only both answers tell: the municipality must be in the ten texts taken together."""
    municipality = str(person.get("municipality_name") or "")
    texts = record_texts(call1, call2)
    if not municipality or any(_says(text, municipality) for text in texts):
        return []
    if has_words(_folded_texts(texts), fold(municipality)):
        return []
    return [Problem(1, ReasonCode.MUNICIPALITY_MISSING, municipality)]


def _says(text: str, words: str) -> bool:
    """Whether the words stand in the text just so, between spaces or marks: for most texts, without folding them."""
    start = text.find(words)
    while start >= 0:
        before, after = text[max(start - 1, 0) : start], text[start + len(words) : start + len(words) + 1]
        if before in _BETWEEN_WORDS and after in _BETWEEN_WORDS:
            return True
        start = text.find(words, start + 1)
    return False


def record_texts(call1: Mapping[str, Any], call2: Mapping[str, Any]) -> list[str]:
    """The ten texts of a record, lists left out."""
    pairs = [(call1, field) for field in NARRATIVES] + [(call2, field) for field in PERSONA_FIELDS]
    return [answer[field] for answer, field in pairs if isinstance(answer.get(field), str)]


# Stems of titles whose first word says only the rank: the word that names the craft comes later.
_RANK = re.compile(
    "agente?|ajudant|analist|assistent|auxiliar?|chefe|condut|coordenad|diret|dirigent|encarregad|especialist|gerent|"
    "inspet|instrut|mestr|montad|oficia?l?|operad|preparad|praca|produt|servent|supervis|tecnic|tecnolog|trabalhad"
)
_EMPTY_WORD = re.compile("[ao]s?|e|d[eao]s?|em|n[ao]s?|por|para|com|geral|outr[ao]s?|similares|afins")
_ENDING = re.compile(r"(oes|aes|ais|eis|ora|oras|ores|or|as|os|es|a|o|e|s)$")


def _stem(word: str) -> str:
    """A word without its gender and number ending; short words are left whole."""
    stem = _ENDING.sub("", word)
    return stem if len(stem) >= 4 else word


def occupation_stems(title: str) -> tuple[str, ...]:
    """Stems of which one must begin a word: the main word, and for titles of rank the craft that follows."""
    words = [word for word in fold(title).split() if not _EMPTY_WORD.fullmatch(word)]
    if not words:
        return ()
    stems = [_stem(word) for word in words]
    if _RANK.fullmatch(stems[0]) and len(stems) > 1:
        return (stems[1],)
    return (stems[0],)


_UNITS: list[str] = re.findall(
    r"\w+",
    "zero um dois tres quatro cinco seis sete oito nove dez onze doze treze quatorze quinze dezesseis dezessete "
    "dezoito dezenove",
)
_TENS = ("vinte", "trinta", "quarenta", "cinquenta", "sessenta", "setenta", "oitenta", "noventa")


def _age_words(age_years: int) -> str:
    if age_years < 20:
        return _UNITS[age_years]
    if age_years >= 100:
        return "cem" if age_years == 100 else f"cento e {_age_words(age_years - 100)}"
    tens, unit = divmod(age_years, 10)
    return _TENS[tens - 2] + (f" e {_UNITS[unit]}" if unit else "")


def mentions(texts: Sequence[str], person: Mapping[str, Any]) -> dict[str, bool]:
    """Whether the texts, taken together, say what the record says: for rates over the set, never to reject a row.

    Returns:
        `name`, `municipality`, `state`, `age`, `occupation`; what the record lacks is not said.
    """
    folded = _folded_texts(texts)
    age_years = int(person["age_years"])
    stems = occupation_stems(str(person.get("occupation_title") or ""))
    return {
        "name": has_words(folded, fold(str(person.get("first_name") or ""))),
        "municipality": has_words(folded, fold(str(person.get("municipality_name") or ""))),
        "state": has_words(folded, fold(str(person.get("state_name") or ""))),
        "age": has_words(folded, str(age_years)) or has_words(folded, f"{_age_words(age_years)} anos"),
        "occupation": any(f" {stem}" in f" {folded}" for stem in stems),
    }
