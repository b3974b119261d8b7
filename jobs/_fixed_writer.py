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
    "Na estante da sala, {name} junta revistas antigas que ninguém mais quis ler.",
    "Com chuva forte, {name} abre a janela só um pouco e fica ouvindo a água no telhado.",
    "Para {name}, conversa boa é aquela que começa no portão e termina na cozinha.",
    "Antes de dormir, {name} confere a porta duas vezes e deixa a roupa do dia seguinte pronta.",
    "No mercado de {city}, {name} pergunta o preço, pensa um minuto e volta para a primeira banca.",
    "Quando recebe visita, {name} põe a melhor toalha e esquece o bolo no forno.",
    "Em dia de calor, {name} procura a sombra mais próxima e toma água gelada devagar.",
    "Sempre que pode, {name} conserta o que quebrou em vez de comprar outro.",
    "Pelas contas de {name}, sobra pouco no fim do mês, mas o pouco tem destino certo.",
    "Na fila do banco, {name} puxa assunto com quem estiver por perto.",
    "Depois do almoço, {name} descansa quinze minutos e acorda com pressa.",
    "Às vezes {name} anota uma ideia num papel e passa a semana procurando o papel.",
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
        # None twice: the checks take that for a loop.
        turns = range(min(length // 40 + 1, len(SENTENCES)))
        sentences = [SENTENCES[(place + turn) % len(SENTENCES)] for turn in turns]
        text = sentences[0]
        for sentence in sentences[1:]:
            if len(text) >= least and len(text) + len(sentence) > length:
                break
            text = f"{text} {sentence}"
        filled[field] = text
    return filled
