"""Questions to the model as a person writes them: `P(race, zone | uf=AC, sex=F)`, `E(income_brl | uf=SE)`.

Values may hold spaces and commas; a comma ends a value only where `name=` follows. Accents and case of a value do not
matter. Ages: `age_band=30-34`, `age_years=33`, `age_years=30..39`, `age_years=18..`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Literal

from census import codes
from census.errors import ConfigError

PLACES = ("uf", "region", "municipality")
AGE_YEARS = "age_years"
INCOME = "income_brl"
EXAMPLE = "P(occupation_group | uf=AC, sex=F, education_level=Superior completo)"
_SHAPE = re.compile(r"\s*([A-Za-z]+)\s*\((.*)\)\s*\Z", re.DOTALL)
_NEXT = re.compile(r",\s*(?=[A-Za-z_]\w*\s*=)")
_AGES = re.compile(r"(\d+)?\s*(\.\.)?\s*(\d+)?\Z")
_AS_WRITTEN = {"true": "sim", "false": "não", "yes": "sim", "no": "não"}  # in_union and is_mei are booleans in tables
_SUGGESTIONS = 4


@dataclass(frozen=True)
class Question:
    """What is asked.

    Attributes:
        text: As written.
        kind: P: a distribution; E: the mean of `income_brl`.
        targets: Variables whose joint distribution is asked; `income_brl` alone for E.
        evidence: Variables of the network and their values.
        ages: First and last completed year of age, if years are asked.
        uf, region, municipality: The place; all empty for Brazil. The municipality as written, name or code.
    """

    text: str
    kind: Literal["P", "E"]
    targets: tuple[str, ...]
    evidence: Mapping[str, str]
    ages: tuple[int, int] | None = None
    uf: str = ""
    region: str = ""
    municipality: str = ""

    @property
    def variables(self) -> tuple[str, ...]:
        """Every variable of the network that the question names."""
        return tuple(dict.fromkeys(name for name in (*self.targets, *self.evidence) if name not in (*PLACES, INCOME)))


def parse_question(text: str, domains: Mapping[str, Sequence[str]]) -> Question:
    """Read a question and check its names and values.

    Args:
        domains: Values of every variable of the network, in their order; an empty one takes any value (it is known
            only once the tables are loaded: see `resolve`).

    Raises:
        ConfigError: It is no question, or names a variable or value that does not exist; lists the nearest ones.
    """
    shape = _SHAPE.match(text)
    if shape is None or shape[1].upper() not in ("P", "E"):
        raise ConfigError(f"{text!r} is no question: write P(variables | conditions), for example {EXAMPLE}.")
    kind: Literal["P", "E"] = "P" if shape[1].upper() == "P" else "E"
    wanted, bar, given = shape[2].partition("|")
    targets = tuple(_unquoted(name) for name in wanted.split(","))
    conditions = [_condition(part) for part in _NEXT.split(given)] if bar and given.strip() else []
    _check_names(kind, targets, [name for name, _ in conditions], domains)
    places: dict[str, str] = {}
    evidence: dict[str, str] = {}
    ages = None
    for name, value in conditions:
        if name == AGE_YEARS:
            ages = _ages(value)
        elif name in PLACES:
            domain = {"uf": codes.UFS, "region": codes.REGIONS}.get(name, ())
            places[name] = value if not domain else match(name, value, domain)
        else:
            evidence[name] = match(name, value, domains[name])
    if ages is not None and "age_band" in (*evidence, *targets):
        raise ConfigError("age_band and age_years say different things: give one of them.")
    if "region" in places and len(places) > 1:
        raise ConfigError("region and uf or municipality say different things: give one of them.")
    if "municipality" in places and "uf" in targets:
        raise ConfigError("A municipality lies in one state: ask P(... | municipality=...) without uf before the bar.")
    return Question(text.strip(), kind, targets, evidence, ages, **places)


def resolve(question: Question, domains: Mapping[str, Sequence[str]]) -> Question:
    """The question with every value as the tables write it.

    Raises:
        ConfigError: A value does not exist; lists the nearest ones.
    """
    return replace(question, evidence={name: match(name, v, domains[name]) for name, v in question.evidence.items()})


def find_municipality(question: Question, places: Iterable[tuple[str, str, str]]) -> tuple[str, str, str]:
    """State, code and name of the municipality that a question names by its code, or by its name and state.

    Args:
        places: (uf, code, name) of every municipality.

    Raises:
        ConfigError: There is none, or one in several states.
    """
    wanted = question.municipality
    inside = [place for place in places if question.uf in ("", place[0])]
    found = [place for place in inside if wanted == place[1] or folded(wanted) == folded(place[2])]
    if len(found) == 1:
        return found[0]
    if found:
        states = ", ".join(sorted(place[0] for place in found))
        raise ConfigError(f"municipality={wanted}: there is one in {states}; add uf=.", value=wanted)
    where = f" in {question.uf}" if question.uf else ""
    options = [place[1] if wanted.isdigit() else place[2] for place in inside]
    raise ConfigError(f"municipality={wanted}: there is none{where}; {nearest(wanted, options)}", value=wanted)


def match(name: str, value: str, domain: Sequence[str]) -> str:
    """The value of a domain that is written so, whatever the case and the accents; any value of an empty domain.

    Raises:
        ConfigError: There is none; lists the nearest ones.
    """
    if not domain or value in domain:
        return value
    written = folded(value)
    alike = [v for v in domain if folded(v) in (written, folded(_AS_WRITTEN.get(written, written)))]
    if len(alike) == 1:
        return alike[0]
    raise ConfigError(f"{name}={value}: no such value; {nearest(value, domain)}", name=name, value=value)


def nearest(written: str, options: Sequence[str], plural: str = "values") -> str:
    """`did you mean X or Y?`, or all options if they are few, or how many there are: the end of a sentence."""
    plain: dict[str, str] = {}
    for option in options:
        plain.setdefault(folded(option), option)
    wanted = folded(written)
    starts = [key for key in plain if wanted and key.startswith(wanted)]
    holds = [key for key in plain if len(wanted) > 2 and wanted in key and key not in starts]
    close = get_close_matches(wanted, plain, n=_SUGGESTIONS, cutoff=0.6)
    near = list(dict.fromkeys([*starts, *close, *holds]))[:_SUGGESTIONS]
    if near:
        return f"did you mean {' or '.join(plain[key] for key in near)}?"
    if len(options) <= 20:
        return f"known: {', '.join(options)}."
    return f"none of the {len(options)} {plural} is near."


def folded(text: str) -> str:
    """Lower case without accents and doubled spaces."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return " ".join("".join(c for c in plain if not unicodedata.combining(c)).split())


def _unquoted(text: str) -> str:
    text = text.strip()
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text


def _condition(part: str) -> tuple[str, str]:
    name, equals, value = part.partition("=")
    name, value = name.strip(), _unquoted(value)
    if not equals or not name or not value:
        raise ConfigError(f"{part.strip()!r}: a condition is written name=value, for example sex=F.")
    return name, value


def _check_names(
    kind: str, targets: Sequence[str], conditions: Sequence[str], domains: Mapping[str, Sequence[str]]
) -> None:
    if kind == "E" and tuple(targets) != (INCOME,):
        raise ConfigError(f"E({', '.join(targets)}): the mean is known of {INCOME} only, as in E({INCOME} | uf=AC).")
    for name in targets:
        if name in (AGE_YEARS, "municipality") or (kind == "P" and name == INCOME):
            instead = {AGE_YEARS: "age_band", INCOME: "income_band"}.get(name)
            hint = f"ask {instead}" if instead else "give it as a condition"
            raise ConfigError(f"{name} has no distribution in the network: {hint}.", name=name)
    known = {"P": [*domains, "uf", "region"], "E": [INCOME]}[kind]
    for side, names, valid in (
        ("before", targets, known),
        ("after", conditions, [*domains, *PLACES, AGE_YEARS]),
    ):
        for name in names:
            if name not in valid:
                raise ConfigError(
                    f"{name or 'nothing'!r} {side} the bar: no such variable; {nearest(name, valid, 'variables')}",
                    name=name,
                )
    every = [*targets, *conditions]
    twice = next((name for name in every if every.count(name) > 1), None)
    if twice:
        raise ConfigError(f"{twice} is named twice.", name=twice)
    if "region" in targets and "uf" in targets:
        raise ConfigError("uf says the region already: ask one of them.")


def _ages(value: str) -> tuple[int, int]:
    found = _AGES.match(value.strip())
    if found is None or (found[1] is None and found[3] is None) or (found[2] is None and found[3] is not None):
        raise ConfigError(f"age_years={value}: write a year (33), a range (30..39) or an open one (18..).", value=value)
    first = int(found[1] or 0)
    last = int(found[3]) if found[3] else codes.MAX_AGE_YEARS if found[2] else first
    if first > min(last, codes.MAX_AGE_YEARS):
        raise ConfigError(
            f"age_years={value}: the ages go from 0 to {codes.MAX_AGE_YEARS} (= 100 and over).", value=value
        )
    return first, min(last, codes.MAX_AGE_YEARS)
