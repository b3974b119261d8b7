"""The words by which a check decides whether to look for its pattern: they must be in all that the pattern matches.

Strings of each pattern are made up from the pattern itself, branch by branch.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from itertools import chain
from typing import Any

import pytest

from udfs.checks import age, conduct, family, form, language, phrases, place, privacy, sex, stage, work
from udfs.checks.phrases import Phrase, Phrases
from udfs.checks.text import Text

try:
    from re import _parser as parser
except ImportError:  # Python 3.10
    import sre_parse as parser  # type: ignore[no-redef]

MODULES = (age, conduct, family, form, language, place, privacy, sex, stage, work)
SAMPLES = 300
MADE_UP = {"category_word": "aos", "category_digit": "47", "category_space": " "}


def made_up(parsed: Any, rng: random.Random) -> str:
    """A string of a parsed pattern; what it must not stand beside is not looked at."""
    return "".join(_piece(str(kind).lower(), value, rng) for kind, value in parsed)


def _piece(kind: str, value: Any, rng: random.Random) -> str:
    match kind:
        case "literal":
            return chr(value)
        case "any" | "not_literal":
            return rng.choice("a ")
        case "category":
            return rng.choice(MADE_UP.get(str(value).lower(), "a"))
        case "range":
            return chr(rng.randint(*value))
        case "in":
            if str(value[0][0]).lower() == "negate":
                return rng.choice([c for c in "a b" if not re.match(_set_of(value[1:]), c)])
            return _piece(*_lower(rng.choice(value)), rng)
        case "branch":
            return made_up(rng.choice(value[1]), rng)
        case "subpattern":
            return made_up(value[3], rng)
        case "max_repeat" | "min_repeat":
            low, high, inner = value
            return "".join(made_up(inner, rng) for _ in range(rng.randint(low, min(high, low + 2))))
    return ""  # places and what stands beside them


def _lower(pair: tuple[Any, Any]) -> tuple[str, Any]:
    return str(pair[0]).lower(), pair[1]


def _set_of(members: Any) -> str:
    return "[" + "".join(re.escape(chr(v)) for kind, v in map(_lower, members) if kind == "literal") + "]"


def strings_of(pattern: str, seed: int) -> Iterator[str]:
    rng = random.Random(seed)
    parsed = parser.parse(pattern)
    for number in range(SAMPLES):
        before, after = rng.choice(("", "Maria ", "Hoje, ", "Vive bem. ")), rng.choice(("", ".", ", e ri.", " hoje."))
        yield (before if number % 2 else "") + made_up(parsed, rng) + after


def all_phrases() -> list[Any]:
    found: dict[int, Any] = {}

    def collect(name: str, value: Any) -> None:
        if isinstance(value, Phrase):
            found.setdefault(id(value), pytest.param(value, id=name))
        elif isinstance(value, Phrases):
            for number, row in enumerate(value.rows):
                collect(f"{name}.{number}", row)
        elif isinstance(value, stage._Stage):
            collect(name, value.phrase)
        elif isinstance(value, tuple):
            for number, one in enumerate(value):
                collect(f"{name}.{number}", one)

    for module in MODULES:
        for name, value in vars(module).items():
            collect(f"{module.__name__.rpartition('.')[2]}.{name}", value)
    return list(found.values())


@pytest.mark.parametrize("phrase", all_phrases())
def test_a_pattern_never_matches_where_none_of_its_words_stands(phrase):
    matches = 0
    for string in strings_of(phrase.pattern.pattern, seed=1):
        text = Text(string)
        if phrase.pattern.search(text.raw if phrase.is_written else text.plain):
            matches += 1
            assert phrase.search(text), string
    assert matches >= SAMPLES / 20


@pytest.mark.parametrize("number", range(len(conduct.terms())))
def test_a_term_never_stands_where_none_of_its_words_begins_a_word(number):
    term, matches = conduct.terms()[number], 0
    for string in strings_of(term.pattern.pattern, seed=number):
        text = Text(string)
        if term.pattern.search(text.plain):
            matches += 1
            assert number in set(chain.from_iterable(map(conduct._terms_with, text.vocabulary))), string
    assert matches >= SAMPLES / 10


@pytest.mark.parametrize("pattern", age._AGE_CLAIMS)
def test_an_age_is_never_claimed_without_a_number(pattern):
    for string in strings_of(pattern.pattern, seed=3):
        text = Text(string)
        if pattern.search(text.plain):
            assert text.has_number(age._NUMBER_WORDS), string


def test_many_phrases_are_found_as_one_alternation_would_find_them():
    rows = Phrases(("sol", r"sol de \w+"), ("lua", r"lua cheia|de lua"), ("sol", "sol"))
    assert rows.search(Text("Nem chuva nem vento.")) is None
    assert rows.search(Text("Noite de lua cheia e sol de maio."))[0] == "de lua"
    assert rows.search(Text("O sol de maio."))[0] == "sol de maio"
    assert rows.search(Text("O sol, só.")).group() == "sol"


def test_no_module_of_the_checks_is_left_out():
    assert phrases not in MODULES
    assert len(all_phrases()) >= 60
