"""Whether a text gives the person another age: in figures, in words, as a decade or a time of life."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from udfs.checks.phrases import Phrase
from udfs.checks.reasons import Finding, ReasonCode
from udfs.checks.text import OTHERS, Text, word_list

_UNITS = word_list(
    "zero um dois tres quatro cinco seis sete oito nove dez onze doze treze quatorze quinze dezesseis dezessete "
    "dezoito dezenove"
)
_TENS = word_list("vinte trinta quarenta cinquenta sessenta setenta oitenta noventa")
_NUMBERS = {word: number for number, word in enumerate(_UNITS)} | {"catorze": 14, "cem": 100}
_DECADES = {word: 20 + 10 * place for place, word in enumerate(_TENS)} | {"cincoenta": 50}
_NUMBER_WORDS = frozenset([*_DECADES, *_UNITS[10:], "catorze", "cem"])
_SPELT = rf"(?:(?:{'|'.join(_DECADES)})(?: e (?:uma?|{'|'.join(_UNITS[1:10])}))?|{'|'.join(_UNITS[10:])}|catorze|cem)"
_YEARS = rf"(\d{{1,3}}|{_SPELT})"
# What follows years that are not those of a life.
_OF_SOMETHING = (
    r"(?:n[oa]s? (?:ramo|profiss|area|mesm|ofici|batente|servi|cargo|empreg|casa|estrada|cozinha|fogao|balcao|volante"
    r"|roca)|com [oa]s? mesm|como|dedicad|trabalh|casad|atras|depois|antes|seguid|mais|a fio)"
)
_AGE_CLAIMS = (
    re.compile(rf"\baos {_YEARS}(?: anos)?\b(?! (?:minutos|segundos|reais|metros))"),
    re.compile(
        rf"\b(?:tem|com|completou|completar|completa|fazer|fez|fara|beirando os|de|seus"
        rf"|dos seus) {_YEARS} anos(?: de idade| de vida|(?! de)\b)"
        rf"(?! {_OF_SOMETHING})"
    ),
    re.compile(rf"(?:, |\(){_YEARS} anos(?=,|\)|\.)"),
)
_AROUND = re.compile(
    rf"\b(?:(passou d|casa d|quase |beira(?:ndo)? |perto d|na altura d)(?:[oa]?s?|e) ?(?:fazer |completar )?|aos )?"
    rf"((?:{'|'.join(_DECADES)})(?: e (?:{'|'.join(_UNITS[2:10])}))?)\b(?: anos)?"
    r"( e (?:poucos|tantos|alguns|muitos))?(?: anos)?\b"
)
_YEARS_OF_SOMETHING = re.compile(rf" (?:de (?!idade|vida)|{_OF_SOMETHING})")
_THINGS = re.compile(r" (?:(?!mas\b|mais\b|apos\b|anos\b)\w{2,}s|mil|por cento)\b")
_BAND_WORDS = {
    "trint": (30, 39),
    "quarent": (40, 49),
    "cinquent": (50, 59),
    "sessent": (60, 69),
    "setent": (70, 79),
    "oitent": (80, 89),
}
_BAND = Phrase(
    " ".join(f"{stem}{ending}" for stem in _BAND_WORDS for ending in ("ao", "ona", "oes")),
    rf"\b({'|'.join(_BAND_WORDS)})(?:ao|ona|oes)\b",
)
_DECADE_WORDS = {
    "quinquagenari": 50,
    "sexagenari": 60,
    "septuagenari": 70,
    "octogenari": 80,
    "nonagenari": 90,
    "centenari": 100,
}
_DECADE = Phrase(
    " ".join(f"{stem}{ending}" for stem in _DECADE_WORDS for ending in "oa"),
    rf"\b({'|'.join(_DECADE_WORDS)})[oa]\b(?! (?:da|do|de))",
)
_LIFE_WORDS = (
    (Phrase("adolescente", r"\b(?:e (?:um |uma )?|, (?:um |uma )?)(?:adolescente)\b"), 0, 19),
    (Phrase("adolescencia", r"\b(?:mal|recem|acab\w+ de|ha pouco) sai\w* da adolescencia\b"), 0, 24),
    (Phrase("jovem", r"\b(?:(?:e|ainda) (?:um |uma |muito )?|^(?:um|uma) )jovem\b"), 0, 42),
    (Phrase("idoso idosa anciao ancia", r"\b(?:e (?:um |uma )?|, (?:um |uma ))(?:idos[oa]|anci(?:ao|a))\b"), 57, 130),
)
_PAST_NEAR = re.compile(
    r"\b(?:(?!lava\b|grava\b|trava\b|seu|meu|museu)\w{2,}(?:ou|eu|iu|ava|avam|aram|eram|iram)"
    r"|(?:quer|faz|diz|viv|sa|dev|pod|sab|vend|corr|dorm|sent|part|ped)iam?|foi|era|tinha|fez|veio|desde|quando"
    r"|antes|depois"
    r"|ate|quis|pos|teve)\b"
)
_PLANS = re.compile(r"\b(?:quer|sonha|pretende|planeja|espera|vai|ate)\b")
_NOT_AGE = re.compile(
    r"\b(?:mais|menos|cerca|uns|alem|ate|antes d|depois d|desde|quando (?:chegar|tiver|fizer)|chegar|la pel|quer"
    r"|sonha|espera|ha|faz|mais de)[oa]?s? ?$"
)


_NEAR = 4  # years before an age in which one is near it
_NEARLY = re.compile(r"\b(?:perto de|prestes a|quase(?: a)?) $")
_STOP = re.compile(r"[.!?;]")
_SINCE = re.compile(r"\b(?:ha|faz|mais de|anos de) $")
_NOW = re.compile(r"\b(?:ja|esta|n[ao]|tem|com|aos) $")


def _number(words: str) -> int:
    if words.isdigit():
        return int(words)
    if words in _NUMBERS:
        return _NUMBERS[words]
    tens, _, unit = words.partition(" e ")
    return _DECADES.get(tens, 0) + (_NUMBERS.get("um" if unit == "uma" else unit, 0) if unit else 0)


def check(text: Text, person: Mapping[str, Any]) -> Iterator[Finding]:
    """The first claim of another age. Ages of the past and of plans are left alone."""
    true_age = int(person.get("age_years") or 0)
    if true_age and (said := next(_contradictions(text, true_age), None)) is not None:
        yield Finding(ReasonCode.WRONG_AGE, said.strip(" ,("))


def _contradictions(text: Text, true_age: int) -> Iterator[str]:
    whole = text.plain
    if ("anos" in text.vocabulary or "aos" in text.vocabulary) and text.has_number(_NUMBER_WORDS):
        for pattern in _AGE_CLAIMS:
            for found in pattern.finditer(whole):
                if _is_other_age(whole, found, true_age):
                    yield found[0]
    if not text.vocabulary.isdisjoint(_DECADES):
        for found in _AROUND.finditer(whole):
            if _is_other_decade(whole, found, true_age):
                yield found[0]
    for found in _BAND.finditer(text):
        low, high = _BAND_WORDS[found[1]]
        if not low - 1 <= true_age <= high + 1:
            yield found[0]
    for found in _DECADE.finditer(text):
        if not _DECADE_WORDS[found[1]] <= true_age <= _DECADE_WORDS[found[1]] + 9:
            yield found[0]
    for phrase, low, high in _LIFE_WORDS:
        if not low <= true_age <= high and (said := phrase.search(text)):
            yield said[0]


def _is_other_age(whole: str, found: re.Match[str], true_age: int) -> bool:
    """Whether an age in figures or words is claimed for now and is not the true one."""
    claimed = _number(found[1])
    if claimed == true_age or not 5 < claimed < 115:
        return False
    if claimed - _NEAR <= true_age < claimed and _NEARLY.search(whole, 0, found.start()):
        return False
    is_at = found[0].startswith("aos")
    if is_at and not found[0].endswith("anos") and not _is_age_bare(whole, found):
        return False
    before = whole[max(0, found.start() - 30) : found.start()]
    other = _STOP.split(before)[-1]
    if _NOT_AGE.search(before) or OTHERS.search(f"{other.rstrip()} "):
        return False
    # What follows `aos 14 anos` says when that was.
    after = _STOP.split(whole[found.end() : found.end() + 45])[0] if is_at else ""
    if claimed < true_age:
        return not (_PAST_NEAR.search(after) or _PAST_NEAR.search(other))
    return not _PLANS.search(after + other)


def _is_other_decade(whole: str, found: re.Match[str], true_age: int) -> bool:
    """Whether `quase sessenta`, `já passou dos sessenta`, `sessenta e poucos` is claimed and is not true."""
    lead, decade, tail = found[1] or "", _number(found[2]), found[3] or ""
    not_of_life = _YEARS_OF_SOMETHING if found[0].endswith("anos") else _THINGS
    if not_of_life.match(whole, found.end()):
        return False
    low, high = decade, decade + 9
    if lead.startswith(("quase", "beira", "perto")):
        low, high = decade - _NEAR, decade
    elif lead.startswith("passou"):
        high = decade + 14
    elif lead.startswith("na altura"):
        low, high = decade - 3, decade + 3
    if "poucos" in tail or "alguns" in tail:
        high = decade + 5
    if low <= true_age <= high or _SINCE.search(whole, max(0, found.start() - 10), found.start()):
        return False
    return (
        bool(tail) or lead.startswith(("passou", "casa")) or (bool(lead) and bool(_NOW.search(whole[: found.start()])))
    )


def _is_age_bare(whole: str, found: re.Match[str]) -> bool:
    """`aos 47` without `anos` is an age only before a comma or a stop."""
    return not found[1].isdigit() or whole[found.end() : found.end() + 1] in (",", ".", ";")
