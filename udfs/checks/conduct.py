"""What a text must not say of people: race or descent named, slurs, stereotypes; the terms are in data/terms.jsonl.

A term is a pattern over plain letters, looked for where the text has one of its `words` (by their first five letters);
it is no finding after one of its `except_after` words:
`negra` is a person's colour, `ovelha negra` is not. Capitalised names of places (`Rio Negro`) are left in peace.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from itertools import chain
from typing import Any

from udfs.checks.phrases import Phrase
from udfs.checks.reasons import Finding, ReasonCode
from udfs.checks.text import Text, is_own, plain

OPENING = 5  # letters by which the words of a term and of a text are compared

_LEADING = Phrase(
    "preto preta negro negra pardo parda branco branca indigeno indigena moreno morena mulato mulata",
    r"(?:^|[.!?;]\s+)(?:pret|negr|pard|branc|indigen|moren|mulat)[oa],",
)

# Columns of the record that offer facts by name.
OFFERS = (
    "regional_dishes",
    "regional_feasts",
    "regional_crafts",
    "regional_products",
    "regional_places",
    "local_places",
    "regional_music",
)


@dataclass(frozen=True)
class _Term:
    reason: ReasonCode
    openings: frozenset[str]
    pattern: re.Pattern[str]
    except_after: tuple[str, ...]


@lru_cache(maxsize=1)
def terms() -> tuple[_Term, ...]:
    """The reviewed list."""
    lines = resources.files("udfs.checks").joinpath("data").joinpath("terms.jsonl").read_text(encoding="utf-8")
    rows = [json.loads(line) for line in lines.splitlines()]
    return tuple(
        _Term(
            ReasonCode(row["reason"]),
            frozenset(word[:OPENING] for word in row["words"]),
            re.compile(rf"(?<![\w-])(?:{row['pattern']})(?![\w-])"),
            tuple(f" {words}" for words in row["except_after"]),
        )
        for row in rows
    )


@lru_cache(maxsize=65536)
def _terms_with(word: str) -> tuple[int, ...]:
    """Numbers of the terms to look for where a text has this word."""
    return tuple(number for number, term in enumerate(terms()) if word[:OPENING] in term.openings)


def check(text: Text, person: Mapping[str, Any]) -> Iterator[Finding]:
    """Findings in one text, at most one of each reason; what the record itself offers (`Guerreiro`, a dance) is
    none."""
    whole = text.plain
    if found := _LEADING.search(text):
        yield Finding(ReasonCode.RACE_NAMED, found[0].strip(" .!?;,"))
    seen: set[ReasonCode] = set()
    for number in sorted(set(chain.from_iterable(map(_terms_with, text.vocabulary)))):
        term = terms()[number]
        if term.reason in seen:
            continue
        for found in term.pattern.finditer(whole):
            if _is_excepted(text, term, found) or _is_offered(text, found[0], person):
                continue
            seen.add(term.reason)
            yield Finding(term.reason, found[0])
            break


def _is_offered(text: Text, words: str, person: Mapping[str, Any]) -> bool:
    # A title is often told in other words (`agente indígena`): what stands in it may be said.
    if is_own(words, person):
        return True
    offers = (plain(str(fact)) for column in OFFERS for fact in person.get(column) or ())
    return any(words in offer and offer in text.plain for offer in offers)


def _is_excepted(text: Text, term: _Term, found: re.Match[str]) -> bool:
    if not term.except_after:
        return False
    before = f" {text.plain[: found.start()].rstrip(' -')}"
    if before.endswith(term.except_after):
        return True
    last_word = text.plain.rfind(" ", 0, found.end()) + 1
    return text.is_capital(last_word) and not text.starts_sentence(last_word)
