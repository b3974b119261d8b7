"""A record's texts without what tells one person from another: names, places and numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

MASK = "#"  # a name or a place
NUMBER = "0"
_WORD = re.compile(r"[^\W_]+")
_NUMBER = re.compile(r" \d+(?= )")
_LEAST_SURNAME = 4  # letters: shorter ones are particles and words of every text
_NAMES = ("first_name", "middle_name", "last_name")
_PLACES = ("municipality_name", "state_name")
PERSON_COLUMNS = (*_NAMES, *_PLACES)


def words(text: str) -> str:
    """The words of a text in lower case with one space between: accents stay, punctuation goes."""
    return " ".join(_WORD.findall(text.lower()))


def hidden(person: Mapping[str, Any]) -> list[str]:
    """What the person's texts are masked by, the longest first; each with a space on both sides."""
    first, middle, last = (words(person[name] or "") for name in _NAMES)
    phrases = [" ".join(filter(None, (first, middle, last))), f"{first} {last}", last]
    phrases += [surname for surname in last.split() if len(surname) >= _LEAST_SURNAME]
    phrases += [middle, first, *(words(person[name] or "") for name in _PLACES)]
    longest_first = sorted(filter(None, dict.fromkeys(phrases)), key=len, reverse=True)
    return [f" {phrase} " for phrase in longest_first]


def masked(text: str, phrases: Iterable[str]) -> str:
    """The words of a text with what `hidden` gave as one sign and every number as another."""
    said = f" {words(text)} "
    for phrase in phrases:
        while phrase in said:  # neighbours share the space between them
            said = said.replace(phrase, f" {MASK} ")
    return _NUMBER.sub(f" {NUMBER}", said).strip()
