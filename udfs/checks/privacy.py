"""Anything like a document, a phone, an address: by shape, and by check digits where the shape alone is too weak."""

from __future__ import annotations

import re
from collections.abc import Iterator

from udfs.checks.phrases import Phrase
from udfs.checks.reasons import Finding, ReasonCode
from udfs.checks.text import Text

# Fewer than this many digits hold none of the numbers looked for, except that of a house.
_FEWEST_DIGITS = 7
_ELECTRONIC_SIGNS = ("@", "arroba", "http", "www.", ".com", ".net", ".org", ".gov")
_DIGITS = re.compile(r"\d")
_NUMBER = re.compile(r"(?<!\d)\d[\d./-]{9,17}\d(?!\d)")
_CPF = re.compile(r"\d{3}\.\d{3}\.\d{3}[-./]?\d{2}|\d{9}-\d{2}|\d{3} \d{3} \d{3}[ -]\d{2}")
_CNPJ = re.compile(r"\d{2}\.\d{3}\.\d{3}/?\d{4}-?\d{2}|\d{8}/\d{4}-?\d{2}")
_CEP = re.compile(r"(?<![\d.,/-])\d{2}\.?\d{3}-\d{3}(?![\d-])|\b(?:cep|codigo postal)\D{0,6}\d{5}-?\d{3}\b")
_PHONE = re.compile(
    r"(?<![\d.,/-])(?:\+?\s?55[\s.-]{0,2})?(?:\(\s?0?\d{2}\s?\)|0?\d{2})[\s.-]{0,2}9[\s.-]?\d{4}[\s.-]?\d{4}(?![\d/])"
    r"|(?<![\d.,/-])(?:\+?\s?55[\s.-]{0,2})?(?:\(\s?0?\d{2}\s?\)|0?\d{2})[\s.-]{1,2}[2-5]\d{3}[\s.-]?\d{4}(?![\d/])"
    r"|(?<![\d.,/-])\(\d{2}\)\s?\d{8}(?!\d)"
    r"|(?<!\d)0[389]00[\s.-]?\d{3}[\s.-]?\d{3,4}(?!\d)"
    r"|(?<![\d.,/-])9\d{4}[\s.-]\d{4}(?!\d)"
    r"|(?<![\d.,/-])(?!(?:1[89]|20)\d\d[\s.-](?:1[89]|20)\d\d)[2-9]\d{3}-\d{4}(?!\d)"
)
_BARE_PHONE = re.compile(r"(?<![\d.,/-])(?:55)?[1-9][1-9]9\d{8}(?!\d)")
_ELECTRONIC = re.compile(
    r"[\w.+-]+\s?(?:@|\(arroba\)|\[arroba\]|\sarroba\s)\s?[\w-]+(?:(?:\.|\sponto\s)[\w-]+)+|(?<!\w)@\w{3,}|https?://\S+|\bwww\.\S+"
    r"|\b[\w-]+\.(?:com|net|org|gov)(?:\.br)?\b",
    re.IGNORECASE,
)
_MONTH = "janeiro|fevereiro|mar[cç]o|abril|maio|junho|julho|agosto|setembro|outubro|novembro|dezembro"
_STREET = Phrase(
    "rua r avenida av travessa alameda praca rodovia estrada largo viela ladeira",
    r"\b(?:R\.|(?i:rua|avenida|av\.?|travessa|alameda|praça|rodovia|estrada|largo|viela|ladeira))"
    r"\s+(?:d[aeo]s?\s+)?[A-ZÀ-Ý0-9][\w'-]*(?:\s+(?:d[aeo]s?\s+|e\s+)?[A-ZÀ-Ý0-9][\w'-]*){0,6}?"
    rf"\s*(?:,|-|–)?\s*(?:n\.?\s?[º°o]?\.?\s*|número\s+|num\.\s*)?(?<![\d-])\d{{1,5}}\b(?!\s+de\s+(?:{_MONTH}))"
    r"(?!\s*(?:anos|vezes|dias|horas|h\b|km|minutos|metros|pessoas))",
    is_written=True,
)
_UNIT = Phrase(
    "casa apto apt apartamento quadra lote bloco sala conjunto rua avenida travessa alameda praca estrada",
    r"\b(?:casa|apto\.?|apt\.?|apartamento|quadra|lote|bloco|sala|conjunto)\s(?:n[.º°o]{0,2}\s?)?\d{1,5}\b"
    r"(?!\s*(?:anos|vezes|dias|horas|h\b|km|minutos|metros|pessoas))"
    r"|\b(?:rua|avenida|travessa|alameda|praca|estrada)\b[^.;!?]{0,40}\b(?:n[.º°]{1,2}|numero)\s?\d{1,5}\b",
)


def check(text: Text) -> Iterator[Finding]:
    """Findings in one text; a text without digits, @ or a web address costs one look."""
    raw = text.raw
    if any(map(text.plain.__contains__, _ELECTRONIC_SIGNS)) and (found := _ELECTRONIC.search(raw)):
        yield Finding(ReasonCode.ELECTRONIC_ADDRESS, found[0])
    if not text.has_digits:
        return
    if found := _STREET.search(text) or _UNIT.search(text):
        yield Finding(ReasonCode.STREET_NUMBER, found[0])
    if len(_DIGITS.findall(raw)) < _FEWEST_DIGITS:
        return
    document = _document(raw)
    if document:
        yield Finding(ReasonCode.DOCUMENT_NUMBER, document)
        raw = raw.replace(document, " ")
    if found := _CEP.search(raw) or _CEP.search(raw.lower()):
        yield Finding(ReasonCode.POSTAL_CODE, found[0])
        raw = raw.replace(found[0], " ")
    if found := _PHONE.search(raw) or _BARE_PHONE.search(raw):
        yield Finding(ReasonCode.PHONE_NUMBER, found[0].strip())


def _document(raw: str) -> str:
    """The first CPF or CNPJ: written with its points and dash, or bare digits whose check digits are right."""
    if found := _CNPJ.search(raw) or _CPF.search(raw):
        return found[0]
    for number in _NUMBER.finditer(raw):
        digits = "".join(_DIGITS.findall(number[0]))
        if (len(digits) == 11 and is_cpf(digits)) or (len(digits) == 14 and is_cnpj(digits)):
            return number[0]
    return ""


def is_cpf(digits: str) -> bool:
    """Whether the last two of 11 digits are the check digits of the nine before; eleven times the same are not."""
    return len(set(digits)) > 1 and all(
        sum(int(d) * (end + 1 - i) for i, d in enumerate(digits[:end])) * 10 % 11 % 10 == int(digits[end])
        for end in (9, 10)
    )


def is_cnpj(digits: str) -> bool:
    """Whether the last two of 14 digits are the check digits of the twelve before."""
    if len(set(digits)) == 1:
        return False
    for end in (12, 13):
        weights = [(end - 1 - i) % 8 + 2 for i in range(end)]
        rest = sum(int(d) * w for d, w in zip(digits, weights, strict=False)) % 11
        if int(digits[end]) != (0 if rest < 2 else 11 - rest):
            return False
    return True
