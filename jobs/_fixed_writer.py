"""A writer for measuring the client: valid answers of a given length at a fraction of the offline writer's time.

Every record gets the same sentences around its name and city. They pass the checks of one record, none of a set.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jobs._shapes import Messages, Writer
from udfs.prompts import ATTRIBUTE_FIELDS, CALL1_HEADER, CITY, FIRST_NAME, PERSONA_FIELDS, parse_record_block

SENTENCES = (
    "{name} mora em {city} e conhece de vista quase todo mundo da rua.",
    "De manhã, {name} prepara o café sem pressa e deixa a casa em ordem antes de sair.",
    "Quem convive com {name} sabe que promessa feita ali é promessa cumprida.",
    "Aos domingos, {name} caminha pelas ruas de {city} e para em cada esquina para conversar.",
    "Na gaveta da cozinha, {name} guarda um caderno com contas, receitas e planos pela metade.",
    "Quando o dia aperta, {name} liga o rádio, respira fundo e recomeça de onde parou.",
    "Em {city}, {name} tem um lugar preferido, com sombra, para ver a tarde passar.",
    "De vez em quando {name} adia uma tarefa chata e depois reclama de si com bom humor.",
)
ITEMS = ("conversar com calma", "organizar o dia", "cozinhar em casa", "caminhar", "ouvir rádio", "fazer contas")
# Lengths in characters that the fields of a record may have.
LIMITS: Mapping[bool, tuple[int, int]] = {True: (320, 2400), False: (90, 640)}


def fixed_writer(answer_bytes: int) -> Writer:
    """A writer whose answers have about so many bytes, as far as the lengths of the fields allow."""
    templates = {first: _templates(first, answer_bytes) for first in (True, False)}

    def write(messages: Messages) -> dict[str, Any]:
        user = messages[-1]["content"]
        record = parse_record_block(user)
        names = {"name": record.get(FIRST_NAME, "Ana"), "city": record.get(CITY, "sua cidade")}
        return {
            field: text.format_map(names) if isinstance(text, str) else text
            for field, text in templates[CALL1_HEADER not in user].items()
        }

    return write


def _templates(first: bool, answer_bytes: int) -> dict[str, str | Sequence[str]]:
    fields = ATTRIBUTE_FIELDS if first else PERSONA_FIELDS
    texts = [field for field in fields if not field.endswith("_list")]
    least, most = LIMITS[first]
    length = min(max(answer_bytes // len(texts) - 60, least), most)  # a key and quotes, accents of two bytes
    filled: dict[str, str | Sequence[str]] = {}
    for place, field in enumerate(fields):
        if field not in texts:
            filled[field] = list(ITEMS[place % 2 :][:5])
            continue
        sentences = [SENTENCES[(place + turn) % len(SENTENCES)] for turn in range(length // 40 + 1)]
        text = sentences[0]
        for sentence in sentences[1:]:
            if len(text) >= least and len(text) + len(sentence) > length:
                break
            text = f"{text} {sentence}"
        filled[field] = text
    return filled
