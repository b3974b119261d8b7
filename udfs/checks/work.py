"""Whether a text gives the person another occupation than the record.

A claim is a name of an occupation where a text says what the person is ("trabalha como", "Maria é", at the start of a
sentence before a comma). It contradicts if it belongs to another family of occupations than the title of the record
(data/occupations.txt); where the title belongs to none of them, if it belongs to another major group.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib import resources
from itertools import chain
from types import MappingProxyType
from typing import Any

from udfs.checks.phrases import Phrase
from udfs.checks.reasons import Finding, ReasonCode
from udfs.checks.text import NAME, Text, fold, given, is_of_other, plain, word_set

_MAJOR_GROUPS = MappingProxyType(
    {
        "Membro": "0",
        "Diretor": "1",
        "Profissional": "2",
        "Técnico": "3",
        "Trabalhador de apoio": "4",
        "Trabalhador dos serviços": "5",
        "Trabalhador qualificado da": "6",
        "Trabalhador qualificado,": "7",
        "Operador": "8",
        "Ocupação": "9",
    }
)
_LONGEST_NAME = 4
# Occupations that are also said of a taste, by the field that speaks of it.
_TASTES = MappingProxyType(
    {
        "culinary_persona": frozenset({"cozinha", "padaria", "salao de comida"}),
        "arts_persona": frozenset({"artes", "artesanato", "costura", "publicidade", "ciencia", "religiao"}),
        "sports_persona": frozenset({"esporte", "transporte", "pesca", "aviacao"}),
        "hobbies_and_interests": frozenset({"cozinha", "artes", "artesanato", "costura", "esporte", "pesca", "campo"}),
        "travel_persona": frozenset({"transporte"}),
    }
)
_NO_CLAIM_AFTER = re.compile(
    r"^(?: de (?:mao|maos) cheias?| amador| de (?:domingo|fim de semana|ocasiao|coracao|alma|primeira|forno)"
    r"| improvisad"
    r"| nas horas (?:vagas|livres)| frustrad| aposentad| da (?:familia|casa|igreja|turma|rua))"
)
_PAST = Phrase(
    "foi era sido trabalhou atuou aposentou aposentado aposentada ex antigo antiga decadas vida",
    r"\b(?:(?:foi|era|tinha sido|trabalhou (?:\w+ ){0,5}?(?:como|de)|atuou (?:\w+ ){0,3}?como|aposentou(?:-se)? como|"
    r"aposentad[oa] como|antig[oa]|por decadas,?|a vida (?:toda|inteira) como) |ex-)(?:uma? )?((?:[\w-]+ ?){1,5})",
)
_WORKS_AS = Phrase(
    "trabalha atua trabalhando atuando ganha ganhando servico emprego carreira profissao rotina",
    r"\b(?<!nao )(?:trabalha|atua|trabalhando|atuando|(?:ganha|ganhando) (?:a vida|o pao|o sustento)|no servico"
    r"|emprego|carreira|profissao|rotina) "
    r"(?:de § |\w+ )?(?:como|de) (?:uma? )?((?:[\w-]+ ?){1,5})",
)
_EXERCISES = Phrase(
    "exerce", r"\bexerce a (medicina|advocacia|enfermagem|odontologia|psicologia|engenharia|arquitetura|docencia)\b"
)
_ITS_NAME = Phrase(
    "oficio trabalho profissao ocupacao",
    rf"\b(?:oficio|trabalho|profissao|ocupacao) (?:d[eoa] {NAME}|del[ea]) e "
    r"(?:[oa] )?(?:de )?(?:uma? )?((?:[\w-]+ ?){1,5})",
)
# What only one trade does, and its name.
_DOES = (
    (Phrase("leciona lecionando", r"\b(?<!nao )leciona(?:ndo)?\b"), "professor"),
    (
        Phrase(
            "aula aulas",
            r"\b(?<!nao )da aulas? de (?:matematica|portugues|historia|geografia|ciencias|ingles|fisica|quimica"
            r"|biologia)\b",
        ),
        "professor",
    ),
    (Phrase("advoga advogando", r"\b(?<!nao )advoga(?:ndo)?\b"), "advogado"),
    (
        Phrase(
            "prescreve receita receitas",
            r"\bprescreve (?:remedios?|medicamentos?|exames?)\b|\breceita remedios?\b"
            r"|\bassina receitas? medicas?\b",
        ),
        "medico",
    ),
)
_EXERCISED = {
    "medicina": "medico",
    "advocacia": "advogado",
    "enfermagem": "enfermeiro",
    "odontologia": "dentista",
    "psicologia": "psicologo",
    "engenharia": "engenheiro",
    "arquitetura": "arquiteto",
    "docencia": "professor",
}
_SPECIALIST = Phrase("especialista especializado especializada", r"\bespeciali(?:sta|zad[oa]) em (\w+)(?: (\w+))?")
_MEDICINE = re.compile(
    r"(?:dermato|cardio|neuro|onco|gineco|uro|radio|endocrino|oftalmo|nefro|reumato|gastroentero|pneumo"
    r"|anestesio)logia"
    r"|pediatria|psiquiatria|geriatria|ortopedia|cirurgia"
)
_WAYS = "(?:hoje |ainda |sempre |ja |agora )?"
_KIND = r"(?:(?:bo[mn]|boa|grande|otim[oa]|dedicad[oa]|jovem|experiente|profissional|antig[oa]) )?"
# What stands before a predicate of the person: `Maria é uma`, `Maria, `, `ela é`, the start of a sentence.
_SUBJECTS = (
    re.compile(
        rf"{NAME}(?<!de .)(?<!com .)(?<!para .)(?<!por .)(?<! a .)"
        rf"(?:(?:,[^,.;]{{0,60}},)? {_WAYS}(?:e|esta)|,?) (?:uma? )?{_KIND}"
    ),
    re.compile(rf"el[ea] {_WAYS}e (?:uma? )?{_KIND}"),
    re.compile(rf"[.!?;] (?:{_WAYS}e |como |sendo )?(?:uma? )?{_KIND}"),
)
_FIRST_SUBJECT = re.compile(rf"(?:{_WAYS}e |como |sendo )?(?:uma? )?{_KIND}")
# Names of occupations that are verbs or things as well: they need `um` or `uma` before them.
_ALSO_OTHER_WORDS = word_set(
    "guarda fotografa musica fisica quimica mecanica grafica caixa editora seguranca piloto secretaria tecnica ator"
)
_PUNCTUATION = re.compile(r"[^\w\s-]")


def _feminine(word: str) -> str:
    first, *rest = word.split(" ")
    if first.endswith("o") and not first.endswith("ao"):
        first = first[:-1] + "a"
    elif first.endswith("or"):
        first += "a"
    second = rest[:1]
    adjective = {"mecanico", "domestico", "executivo", "administrativo", "social", "rural", "comunitario", "plastico"}
    if second and second[0] in adjective and second[0].endswith("o"):
        rest[0] = second[0][:-1] + "a"
    return " ".join([first, *rest])


@lru_cache(maxsize=1)
def families() -> Mapping[str, frozenset[tuple[str, str]]]:
    """Name of an occupation, masculine or feminine, plain -> its families with their major groups."""
    text = resources.files("udfs.checks").joinpath("data").joinpath("occupations.txt").read_text(encoding="utf-8")
    found: dict[str, set[tuple[str, str]]] = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        family, group, words = line.split("|")
        for word in words.split(","):
            masculine, _, feminine = word.partition("/")
            for form in (masculine, feminine or _feminine(masculine)):
                found.setdefault(form, set()).add((family, group))
    return MappingProxyType({name: frozenset(of) for name, of in found.items()})


@lru_cache(maxsize=1)
def _first_words() -> frozenset[str]:
    return frozenset(name.split(" ")[0] for name in families())


def named(words: str) -> tuple[str, frozenset[tuple[str, str]]]:
    """The longest name of an occupation with which these plain words begin, and its families."""
    parts = words.split(" ")
    for length in range(min(_LONGEST_NAME, len(parts)), 0, -1):
        name = " ".join(parts[:length])
        of = families().get(name)
        if of is not None:
            return name, of
    return "", frozenset()


@lru_cache(maxsize=4096)
def families_of_title(title: str) -> frozenset[str]:
    """Families that the words of a title name, wherever in the title they stand."""
    words = plain(title).replace(",", " ").split()
    found: set[str] = set()
    for start in range(len(words)):
        found |= {family for family, _ in named(" ".join(words[start:]))[1]}
    for stem, families_meant in _TITLE_STEMS.items():
        if any(word.startswith(stem) for word in words):
            found |= families_meant
    return frozenset(found)


# Words of titles that name the thing and not the trade.
_TITLE_STEMS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "agropec": frozenset({"campo"}),
        "pecuar": frozenset({"campo"}),
        "cultura": frozenset({"campo"}),
        "lavoura": frozenset({"campo"}),
        "rural": frozenset({"campo"}),
        "agricol": frozenset({"campo"}),
        "obras": frozenset({"obra"}),
        "pedreir": frozenset({"obra"}),
        "cozinh": frozenset({"cozinha", "domestico"}),
        "limpeza": frozenset({"domestico"}),
        "faxin": frozenset({"domestico"}),
        "domestic": frozenset({"domestico", "cuidado", "cozinha"}),
        "servicos": frozenset({"domestico"}),
        "venda": frozenset({"comercio"}),
        "vendas": frozenset({"comercio"}),
        "comerci": frozenset({"comercio"}),
        "loja": frozenset({"comercio"}),
        "sistemas": frozenset({"informatica"}),
        "costur": frozenset({"costura"}),
        "confec": frozenset({"costura"}),
        "motor": frozenset({"transporte"}),
        "transport": frozenset({"transporte"}),
        "condut": frozenset({"transporte"}),
        "enfermagem": frozenset({"enfermagem tecnica"}),
        "administra": frozenset({"escritorio", "gerencia"}),
        "escritorio": frozenset({"escritorio"}),
        "ensino": frozenset({"ensino"}),
        "educa": frozenset({"ensino", "cuidado"}),
        "polici": frozenset({"justica e policia"}),
        "militar": frozenset({"justica e policia"}),
        "bombeir": frozenset({"justica e policia"}),
        "restaurante": frozenset({"cozinha", "salao de comida", "comercio"}),
        "lanchonete": frozenset({"cozinha", "salao de comida", "comercio"}),
        "empresa": frozenset({"gerencia"}),
        "gerente": frozenset({"gerencia"}),
        "diret": frozenset({"gerencia"}),
        "dirigent": frozenset({"gerencia"}),
        "aliment": frozenset({"cozinha", "salao de comida", "padaria"}),
        "pesca": frozenset({"pesca"}),
        "salin": frozenset({"sal"}),
        "contab": frozenset({"contabilidade"}),
        "juridic": frozenset({"direito"}),
        "eletr": frozenset({"eletrica"}),
        "mecanic": frozenset({"mecanica"}),
        "manuten": frozenset({"mecanica", "eletrica"}),
        "produc": frozenset({"maquinas"}),
        "operador": frozenset({"maquinas"}),
        "montad": frozenset({"maquinas"}),
        "art": frozenset({"artesanato"}),
        "ceram": frozenset({"artesanato"}),
        "florest": frozenset({"campo"}),
        "jardin": frozenset({"campo"}),
        "padar": frozenset({"padaria"}),
        "confeit": frozenset({"cozinha", "padaria"}),
        "padeir": frozenset({"cozinha", "padaria"}),
        "caixa": frozenset({"comercio", "banco"}),
        "banc": frozenset({"banco"}),
        "portaria": frozenset({"vigilancia"}),
        "segur": frozenset({"vigilancia", "tecnica"}),
        "esport": frozenset({"esporte", "ensino"}),
        "fisic": frozenset({"esporte", "ensino", "ciencia"}),
        "coletor": frozenset({"domestico", "carga"}),
        "recicl": frozenset({"carga"}),
        "carga": frozenset({"carga"}),
        "moveis": frozenset({"madeira"}),
        "madeira": frozenset({"madeira"}),
        "crian": frozenset({"cuidado"}),
        "idoso": frozenset({"cuidado"}),
        "agente": frozenset({"escritorio"}),
        "secret": frozenset({"escritorio"}),
        "assistente": frozenset({"escritorio"}),
        "auxiliar": frozenset({"escritorio"}),
    }
)


@lru_cache(maxsize=8192)
def _stems(title: str) -> frozenset[str]:
    return frozenset(word[:6] for word in fold(title).split() if len(word) >= 5)


@lru_cache(maxsize=64)
def _group_of(label: str) -> str:
    return next((group for start, group in _MAJOR_GROUPS.items() if label.startswith(start)), "")


def occupation(text: Text, field: str, person: Mapping[str, Any]) -> Iterator[Finding]:
    """A claim of another occupation; tastes that the `field` speaks of are none."""
    title = given(person, "occupation_title")
    former = given(person, "former_occupation_title")
    if not title and not former:
        # Somebody of whom no occupation is known: only the present is contradicted, by `stage.check`.
        return
    tastes = _TASTES.get(field, frozenset())
    group = _group_of(given(person, "occupation_group")) if title else ""
    known = families_of_title(title or former)
    for words, evidence, is_strong in _claims(text, text.told_of(person), with_past=not title):
        name, meant = named(words)
        if name in _ALSO_OTHER_WORDS and not is_strong and not evidence.endswith(("uma " + words, "um " + words)):
            continue
        if not name or _NO_CLAIM_AFTER.match(plain(words)[len(name) :]):
            continue
        of = {family for family, _ in meant}
        if of & known or (of & tastes and not is_strong):
            continue
        if name.split(" ")[0][:6] in _stems(title or former):
            continue
        if not known and (not group or group in {major for _, major in meant}):
            continue
        yield Finding(ReasonCode.WRONG_OCCUPATION, evidence or name)
        return


def _claims(text: Text, told: str, *, with_past: bool) -> Iterator[tuple[str, str, bool]]:
    """Plain words that follow where an occupation would be named, what shows it, and whether the work is said."""
    for found in _WORKS_AS.finditer(text, told):
        yield found[1], found[0].strip()[:60], True
    for found in _SPECIALIST.finditer(text, told):
        if _MEDICINE.fullmatch(found[1]):
            yield "medico", found[0], True
        elif found[1] == "direito":
            yield "advogado", found[0], True
    for found in _EXERCISES.finditer(text, told):
        yield _EXERCISED[found[1]], found[0], True
    for found in _ITS_NAME.finditer(text, told):
        yield found[1], found[0].strip()[:60], True
    for phrase, name in _DOES:
        for found in phrase.finditer(text, told):
            if not is_of_other(told, found.start()):
                yield name, found[0], True
    if with_past:
        for found in _PAST.finditer(text, told):
            yield found[1], found[0].strip()[:60], True
    first = _FIRST_SUBJECT.match(told)
    for found in (*([first] if first else ()), *chain.from_iterable(p.finditer(told) for p in _SUBJECTS)):
        rest = told[found.end() : found.end() + 60]
        if rest.partition(" ")[0].rstrip(".,;:!?)") in _first_words():
            rest = _PUNCTUATION.split(rest)[0].rstrip()
            yield rest, (found[0] + rest).strip()[:60], False
