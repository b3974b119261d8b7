"""Answers gone wrong, each in a shape that real servers or models are known to produce."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from udfs import prompts
from udfs.prompts import FIRST_NAME, parse_record_block

Answer = Mapping[str, Any]
Messages = Sequence[Mapping[str, Any]]
Writer = Callable[[Messages], Answer]
Shaped = tuple[str | None, str]  # content and finish reason


@dataclass(frozen=True)
class Draft:
    """A good answer, and what it was made from, before it is spoilt."""

    answer: Answer
    text: str
    messages: Messages
    writer: Writer

    @property
    def record(self) -> dict[str, str]:
        return parse_record_block(str(self.messages[-1]["content"]))


def _dump(answer: Answer) -> str:
    return json.dumps(answer, ensure_ascii=False)


def _truncated(draft: Draft) -> Shaped:
    return draft.text[: len(draft.text) // 2], "length"


def _cut_late(draft: Draft) -> Shaped:
    # Short of the last characters only: json_repair makes a complete object of it, which must not be accepted.
    return draft.text[:-40], "length"


def _not_json(draft: Draft) -> Shaped:
    return "Desculpe, não posso responder nesse formato.", "stop"


def _null_content(draft: Draft) -> Shaped:
    return None, "length"  # what gpt-oss does when its budget went to reasoning


def _null_stop(draft: Draft) -> Shaped:
    return None, "stop"  # the schema's mask over the whole harmony message


def _empty_content(draft: Draft) -> Shaped:
    return "", "stop"


def _missing_key(draft: Draft) -> Shaped:
    return _dump(dict(list(draft.answer.items())[1:])), "stop"


def _extra_key(draft: Draft) -> Shaped:
    return _dump({**draft.answer, "observação": "Os textos seguem a ficha."}), "stop"


def _wrong_type(draft: Draft) -> Shaped:
    first = next(iter(draft.answer))
    return _dump({**draft.answer, first: [draft.answer[first]]}), "stop"


def _name_missing(draft: Draft) -> Shaped:
    name = draft.record.get(FIRST_NAME, "")
    return (re.sub(rf"\b{re.escape(name)}\b", "Fulana", draft.text) if name else draft.text), "stop"


def _fenced(draft: Draft) -> Shaped:
    return f"Claro! Aqui está:\n```json\n{draft.text}\n```\nEspero ter ajudado.", "stop"


def _prose(draft: Draft) -> Shaped:
    return f"Segue o objeto pedido.\n{draft.text}\nQualquer ajuste, é só dizer.", "stop"


def _harmony(draft: Draft) -> Shaped:
    return f"<|channel|>final<|message|>{draft.text}<|return|>", "stop"


def _analysis(draft: Draft) -> Shaped:
    thought = 'The user wants {"a": "JSON"}. Keep it short.'
    start = "<|start|>assistant<|channel|>final<|message|>"
    return f"<|channel|>analysis<|message|>{thought}<|end|>{start}{draft.text}<|return|>", "stop"


def _doubled(draft: Draft) -> Shaped:
    return f"{draft.text}\n{draft.text}", "stop"


ENGLISH = (
    "{name} grew up in a quiet street and still knows every neighbour by name.",
    "On weekdays {name} gets up early, makes strong coffee and leaves before the traffic starts.",
    "Friends say that {name} listens first, speaks little and never forgets a promise.",
    "The weekend belongs to long walks, old songs and a slow lunch with people who matter.",
    "There is always a half-finished project on the kitchen table, and {name} likes it that way.",
    "Next year {name} would like to learn something new, save some money and travel a little further.",
)
SPANISH = (
    "{name} creció en una calle tranquila y todavía conoce a todos los vecinos por su nombre.",
    "Entre semana {name} se levanta temprano, prepara un café muy fuerte y sale antes del tráfico.",
    "Los amigos dicen que {name} escucha primero, habla poco y nunca olvida una promesa.",
    "El fin de semana es para caminar despacio, oír canciones viejas y almorzar con los suyos.",
    "Siempre hay algo a medio hacer sobre la mesa de la cocina, y a {name} le gusta así.",
    "El próximo año {name} quisiera aprender algo nuevo, ahorrar un poco y viajar más lejos.",
)


def _in_language(sentences: Sequence[str], words: Sequence[str]) -> Callable[[Draft], Shaped]:
    def shaped(draft: Draft) -> Shaped:
        name = draft.record.get(FIRST_NAME, "Ana")
        answer: dict[str, Any] = {}
        for place, (field, value) in enumerate(draft.answer.items()):
            if isinstance(value, list):
                answer[field] = [words[(place + i) % len(words)] for i in range(len(value))]
            elif isinstance(value, str):
                text = ""
                turn = place
                while not text or len(text) < 0.9 * len(value):
                    text = f"{text} {sentences[turn % len(sentences)].format(name=name)}".strip()
                    turn += 1
                answer[field] = text
            else:
                answer[field] = value
        return _dump(answer), "stop"

    return shaped


def _wrong(label: str, other: Callable[[str], str], sentence: str) -> Callable[[Draft], Shaped]:
    """A text about a person of whom one fact is another; the wrong fact is said in so many words as well."""

    def shaped(draft: Draft) -> Shaped:
        record = draft.record
        value = other(record.get(label, ""))
        *before, last = draft.messages
        line = re.compile(rf"^([ \t>*-]*{re.escape(label)}:[ \t]*)[^\n]*$", re.MULTILINE)
        content = line.sub(lambda found: f"{found[1]}{value}", str(last["content"]))
        answer = dict(draft.writer([*before, {**last, "content": content}]))
        first = next((field for field, text in answer.items() if isinstance(text, str)), None)
        if first is not None:
            said = sentence.format(name=record.get(FIRST_NAME, "A pessoa"), value=value)
            answer[first] = f"{answer[first]} {said}"
        return _dump(answer), "stop"

    return shaped


def _other_city(city: str) -> str:
    return "Belém" if city == "Curitiba" else "Curitiba"


def _other_sex(sex: str) -> str:
    return "homem" if sex == "mulher" else "mulher"


def _other_age(age: str) -> str:
    years = int(found[0]) if (found := re.match(r"\d+", age)) else 40
    return f"{years - 27 if years >= 55 else years + 27} anos"


def _other_occupation(occupation: str) -> str:
    return "Piloto de avião" if "stronauta" in occupation or "strônom" in occupation else "Astrônomo"


SHAPES: Mapping[str, Callable[[Draft], Shaped]] = {
    "truncated": _truncated,
    "cut_late": _cut_late,
    "not_json": _not_json,
    "null_content": _null_content,
    "null_stop": _null_stop,
    "empty_content": _empty_content,
    "missing_key": _missing_key,
    "extra_key": _extra_key,
    "wrong_type": _wrong_type,
    "name_missing": _name_missing,
    "fenced": _fenced,
    "prose": _prose,
    "harmony": _harmony,
    "analysis": _analysis,
    "doubled": _doubled,
    "english": _in_language(ENGLISH, ("cooking", "reading", "long walks", "old songs", "gardening", "mending clothes")),
    "spanish": _in_language(SPANISH, ("cocinar", "leer", "caminar", "oír música", "cuidar el jardín", "coser ropa")),
    "wrong_city": _wrong(prompts.CITY, _other_city, "{name} mora em {value}."),
    "wrong_sex": _wrong(prompts.PERSON, _other_sex, "{name} é {value}."),
    "wrong_age": _wrong(prompts.AGE, _other_age, "{name} tem {value}."),
    "wrong_occupation": _wrong(prompts.OCCUPATION, _other_occupation, "A profissão de {name}: {value}."),
    # The content stays as it is; what is around it is spoilt by `spoil_body`.
    "empty_body": lambda draft: (draft.text, "stop"),
    "html_body": lambda draft: (draft.text, "stop"),
    "noise_body": lambda draft: (draft.text, "stop"),
    "half_body": lambda draft: (draft.text, "stop"),
    "no_choices": lambda draft: (draft.text, "stop"),
    "reasoning": lambda draft: (draft.text, "stop"),
}

HTML = (
    "<html>\r\n<head><title>{status}</title></head>\r\n<body>\r\n<center><h1>{status}</h1></center>\r\n"
    "<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)
THOUGHT = "The record says what to write. Keep to it and answer in Portuguese."


def spoil_body(shape: str | None, payload: dict[str, Any], encode: Callable[[Mapping[str, Any]], bytes]) -> bytes:
    """The body of the answer, spoilt if the shape asks for it."""
    if shape == "empty_body":
        return b""
    if shape == "html_body":
        return HTML.format(status="200 OK").encode()
    if shape == "noise_body":
        return bytes((37 * i + 128) % 256 for i in range(512))  # no UTF-8: begins with a continuation byte
    if shape == "no_choices":
        payload = {**payload, "choices": []}
    elif shape == "reasoning":
        choice = payload["choices"][0]
        message = {**choice["message"], "reasoning": THOUGHT, "reasoning_content": THOUGHT}
        payload = {**payload, "choices": [{**choice, "message": message}]}
    body = encode(payload)
    return body[: len(body) // 2] if shape == "half_body" else body
