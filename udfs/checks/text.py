"""One text in the forms that the checks share: as written, without accents, and as words."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

# Columns whose words are the person's own and may be said: `Agente indígena de saneamento`.
_OWN_COLUMNS = ("occupation_title", "former_occupation_title", "municipality_name")
NAME = "§"  # stands for the person's name

_DIGIT = re.compile(r"\d")
_ODD = re.compile(r"[^\x00-\x7f\u2010-\u2026«»]")  # neither a plain letter nor the usual punctuation


def _plain_letters() -> dict[int, str]:
    """Accented letters of the Latin scripts -> the letter; one character for one, so that places agree."""
    table = {}
    for number in range(0xC0, 0x250):
        base = unicodedata.normalize("NFKD", chr(number))[0]
        if base.isascii() and base.isalpha():
            table[number] = base.lower()
    return table


_LETTERS = _plain_letters()
# The same for texts that Latin-1 can hold, byte by byte: five times as fast.
_LETTER_BYTES = bytes(ord(_LETTERS.get(code, chr(code))) for code in range(256))
_WORD_BYTES = bytes(code if chr(code).isascii() and chr(code).isalnum() else ord(" ") for code in range(256))


def plain(text: str) -> str:
    """Lower case without accents; punctuation stays, and so does the length (for composed text)."""
    lower = text.lower()
    try:
        return lower.encode("latin-1").translate(_LETTER_BYTES).decode("latin-1")
    except UnicodeEncodeError:
        return lower.translate(_LETTERS)


def _words(plain_text: str) -> list[str]:
    return plain_text.encode("ascii", "replace").translate(_WORD_BYTES).decode("ascii").split()


@lru_cache(maxsize=65536)
def fold(text: str) -> str:
    """Lower case without accents, anything but letters and digits as one space: for comparing words."""
    simple = plain(text)
    if simple.isascii() or not _ODD.search(simple):
        return " ".join(_words(simple))
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    kept = "".join(c for c in decomposed if not unicodedata.combining(c))
    return " ".join(re.sub(r"[^a-z0-9]+", " ", kept).split())


def has_words(folded: str, words: str) -> bool:
    """Whether the folded `words` stand in the folded text as whole words."""
    return bool(words) and f" {words} " in f" {folded} "


def given(person: Mapping[str, Any], column: str) -> str:
    """A value of the record as text; empty for what is missing."""
    value = person.get(column)
    return "" if value is None or value != value else str(value)


_OTHER_PEOPLE = (
    r"(?:marido|esposa|esposo|mulher|companheir[oa]|vizinh[oa]s?|amig[oa]s?|colegas?|pai|mae|pais|avos?"
    r"|irma[o]?s?|prim[oa]s?|ti[oa]s?|"
    r"filh[oa]s?|alun[oa]s?|client[eas]+|pacientes?|patro[aes]+|patrao|chefe|professor[a]?|padre|pastor[a]?"
    r"|medic[oa]|juiz|"
    r"alguem|ninguem|cada um|todo mundo|quem)"
)
# Other people; what follows them in a clause is said of them.
OTHERS = re.compile(rf"\b{_OTHER_PEOPLE} (?:[a-z]+ ){{0,4}}$")
_OTHER_NEXT = re.compile(rf" (?:d?[oa]s?|(?:d?[oa]s? |de )?(?:seus?|suas?)|(?:de )?uma?) {_OTHER_PEOPLE}\b")


def is_of_other(whole: str, start: int) -> bool:
    """Whether somebody else is named just before, in the same clause."""
    end = start if whole[start].isalnum() else start + 1
    return OTHERS.search(re.split(r"[.!?;]", whole[max(0, start - 50) : end])[-1]) is not None


def is_followed_by_other(whole: str, end: int) -> bool:
    """Whether the next words are somebody else: `recebe a aposentadoria` + ` da mãe`, `mudou` + ` o irmão`."""
    return _OTHER_NEXT.match(whole, end) is not None


@lru_cache(maxsize=4096)
def _name_pattern(first: str) -> re.Pattern[str]:
    # A pattern that begins with letters is looked for faster than one that begins with `\b`.
    return re.compile(rf"{re.escape(first)}(?<!\w{re.escape(first)})\b")


def word_list(text: str) -> tuple[str, ...]:
    """The words of a text in their order: for lists that would take a line a word."""
    return tuple(text.split())


def word_set(text: str) -> frozenset[str]:
    """The same as a set."""
    return frozenset(text.split())


@lru_cache(maxsize=65536)
def _plain_value(value: str) -> str:
    return plain(value)


def value_of(person: Mapping[str, Any], column: str) -> str:
    """A value of the record in plain letters; empty for what is missing."""
    return _plain_value(given(person, column))


def is_own(words: str, person: Mapping[str, Any]) -> bool:
    """Whether the plain words stand in a title of the record or in the name of its town: these may be said."""
    return any(words in value_of(person, column) for column in _OWN_COLUMNS)


class Text:
    """A text of a record in the forms that the checks share.

    Attributes:
        raw: As written, its letters composed.
        plain: Lower case without accents.
        words: The words of `plain`.
        vocabulary: The same, each once.
        has_digits: Whether there is a digit of any script.
    """

    __slots__ = ("_folded", "_told", "has_digits", "plain", "raw", "vocabulary", "words")

    def __init__(self, raw: str) -> None:
        self.raw = unicodedata.normalize("NFC", raw)
        self.plain = plain(self.raw)
        self.words = _words(self.plain)
        self.vocabulary = frozenset(self.words)
        self.has_digits = _DIGIT.search(self.raw) is not None
        self._folded: str | None = None
        self._told: str | None = None

    @property
    def folded(self) -> str:
        """What `fold` gives."""
        if self._folded is None:
            is_simple = self.plain.isascii() or not _ODD.search(self.plain)
            self._folded = " ".join(self.words) if is_simple else fold.__wrapped__(self.raw)
        return self._folded

    def has_number(self, words: frozenset[str]) -> bool:
        """Whether there is a number in digits, or one of these words."""
        return self.has_digits or not words.isdisjoint(self.vocabulary)

    def told_of(self, person: Mapping[str, Any]) -> str:
        """The plain text with the person's name, whole or first, as one sign."""
        if self._told is None:
            self._told = self._without_name(
                *(value_of(person, name) for name in ("first_name", "middle_name", "last_name"))
            )
        return self._told

    def _without_name(self, first: str, middle: str, last: str) -> str:
        if not first or first not in self.plain:
            return self.plain
        told = self.plain.replace(" ".join(part for part in (first, middle, last) if part), NAME)
        return _name_pattern(first).sub(NAME, told.replace(f"{first} {last}", NAME))

    def is_capital(self, place: int) -> bool:
        """Whether the raw text has a capital letter at this place of the plain one."""
        return len(self.raw) == len(self.plain) and self.raw[place].isupper()

    def is_verb_e(self, place: int) -> bool:
        """Whether the plain `e` at this place is `é` in the text, not the conjunction."""
        return len(self.raw) != len(self.plain) or self.raw[place] in "éÉ"

    def starts_sentence(self, place: int) -> bool:
        """Whether a sentence begins at this place."""
        before = self.plain[:place].rstrip(" \"'“‘(")
        return not before or before[-1] in ".!?;:\n"

    def around(self, start: int, end: int, margin: int = 12) -> str:
        """The words of the raw text at these places, with a little of what stands beside them."""
        left = max(0, self.raw.rfind(" ", 0, max(0, start - margin)) + 1)
        right = self.raw.find(" ", min(len(self.raw), end + margin))
        return " ".join(self.raw[left : right if right >= 0 else len(self.raw)].split())[:80]


@lru_cache(maxsize=64)
def text_of(raw: str) -> Text:
    """The text, shared by all who look at it while its record is checked."""
    return Text(raw)
