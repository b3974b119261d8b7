"""Whether a text makes the person live in another municipality or state than the record says."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from udfs.checks.phrases import Phrase
from udfs.checks.reasons import Finding, ReasonCode
from udfs.checks.text import Text, given, plain, value_of, word_set

STATES = MappingProxyType(
    {
        "AC": "Acre",
        "AL": "Alagoas",
        "AM": "Amazonas",
        "AP": "Amapá",
        "BA": "Bahia",
        "CE": "Ceará",
        "DF": "Distrito Federal",
        "ES": "Espírito Santo",
        "GO": "Goiás",
        "MA": "Maranhão",
        "MG": "Minas Gerais",
        "MS": "Mato Grosso do Sul",
        "MT": "Mato Grosso",
        "PA": "Pará",
        "PB": "Paraíba",
        "PE": "Pernambuco",
        "PI": "Piauí",
        "PR": "Paraná",
        "RJ": "Rio de Janeiro",
        "RN": "Rio Grande do Norte",
        "RO": "Rondônia",
        "RR": "Roraima",
        "RS": "Rio Grande do Sul",
        "SC": "Santa Catarina",
        "SE": "Sergipe",
        "SP": "São Paulo",
        "TO": "Tocantins",
    }
)
_CODE_OF = {plain(name): uf for uf, name in STATES.items()}
_STATE_NAMES = "|".join(sorted((re.escape(name) for name in STATES.values()), key=len, reverse=True))
_NAME = r"[A-ZÀ-Ý][\wÀ-ÿ'’-]+(?:\s(?:d[aeo]s?\s|d['’]|e\s)?[A-ZÀ-Ý][\wÀ-ÿ'’-]+)*"
_RESIDENCE = Phrase(
    "mora morador moradora morando vive vivendo reside residente radicado radicada instalado instalada habitante",
    r"\b(?:[Mm]ora(?:dora?|ndo)?|[Vv]ive|[Vv]ivendo|[Rr]eside(?:nte)?|[Rr]adicad[oa]|[Ii]nstalad[oa]"
    r"|[Nn]asceu e vive|[Hh]abitante)"
    rf"(?:\s(?:há|faz|desde|até|hoje|sempre|sozinh[oa]|bem|longe|perto|com|\d+|\w+ anos|atualmente|ainda"
    rf"|aqui)){{0,3}}"
    rf",?\s(?:em|no|na|de|do|da)\s(?:interior d[eoa]s?\s|cidade de\s|município de\s|capital,?\s"
    rf"|litoral d[eoa]\s)?({_NAME})",
    is_written=True,
)
_CITY = re.compile(
    rf"\b[Ee]m sua cidade,\s({_NAME})|\b(?:sua|a) cidade(?: natal)?,\s({_NAME}),|({_NAME}),\s(?:cidade\s)?(?:onde"
    rf"|em que)\s(?:mora|vive|reside|nasceu e vive)\b"
    rf"|\bna cidade de\s({_NAME}),?\s(?:onde|em que)\s(?:mora|vive)\b|\b(?:uma|um)\s\w+ de\s({_NAME}),\sonde (?:mora"
    rf"|vive)\b"
)
_ROLE = re.compile(
    r"(?:^|[.!?;,]\s|\bé\s(?:uma?\s)?)([A-ZÀ-Ýa-zà-ÿ][\wÀ-ÿ-]+)(?:\s[a-zà-ÿ-]+){0,3}?\s(?:em|de)\s(" + _NAME + ")"
)
_NOT_A_PLACE = word_set(
    "rua avenida travessa alameda praca rodovia estrada ladeira beco largo deus jesus cristo nossa senhora santo sao "
    "santa brasil nordeste norte sul sudeste centro-oeste centro igreja pascoa natal carnaval semana internet jardim "
    "vila parque conjunto bairro praia sitio copa bahia-vitoria"
)
_REGIONS = frozenset(
    ("brasil", "nordeste", "norte", "sul", "sudeste", "centro-oeste", "amazonia", "sertao", "pantanal")
)
_AWAY = re.compile(
    r"\b(?:para|até|rumo|sonha|viaj\w+|conhecer|conhece|visita\w*|passear|passeio|ir|vai|foi|férias|estrada|divisa"
    r"|vizinh\w+|volta|lugares|"
    r"como|praias?|festa|encontro|romaria|museu|ritmos?)\b",
    re.IGNORECASE,
)
_STAGES = ("estudante", "aposentad", "merec", "dona de casa", "morador")


_STATE_AFTER = re.compile(rf"([^.;!?]{{0,45}}?)\b({_STATE_NAMES})(?!\w)")
_CODE_AFTER = re.compile(r"\s?(?:\(|/|-|–|,)\s?([A-Z]{2})\b")
_SETTLED = Phrase(
    "escolheu adotou casa vida",
    rf"\b(?:[Ee]scolheu|[Aa]dotou)\s({_NAME})\spara\s(?:morar|viver)\b"
    rf"|\b[Cc]asa\s(?:del[ea]|d[eoa]\s{_NAME})\s(?:é|fica)\sem\s({_NAME})"
    rf"|\b(?:[Cc]onstruiu|[Ff]ez|[Ff]az|[Ll]eva)\s(?:a|sua|a\ssua)\svida\sem\s({_NAME})",
    is_written=True,
)
# One of these is in whatever _CITY finds.
_CITY_NAMED = Phrase("cidade", r"cidade(?:\snatal)?,\s")
_WHERE = Phrase("mora vive reside nasceu", r"(?:onde|em que)\s(?:mora|vive|reside|nasceu)\b")


def check(text: Text, person: Mapping[str, Any]) -> Iterator[Finding]:
    """Claims of another municipality and of another state, at most one of each."""
    municipality = given(person, "municipality_name")
    state = given(person, "state_name")
    if not municipality:
        return
    raw = text.raw
    for claimed in _claimed_places(text, person):
        name = plain(claimed)
        own = (value_of(person, "municipality_name"), value_of(person, "state_name"), *_REGIONS)
        if any(name.startswith(f"{one} ") or one.startswith(f"{name} ") or one.endswith(name) for one in own):
            continue
        if name.split(" ")[0] in _NOT_A_PLACE or name.split(" ")[0] == value_of(person, "first_name").split(" ")[0]:
            continue
        if name in _CODE_OF:
            yield Finding(ReasonCode.WRONG_STATE, claimed)
        else:
            yield Finding(ReasonCode.WRONG_MUNICIPALITY, claimed)
        break
    if not state:
        return
    place = raw.find(municipality)
    while place >= 0:
        end = place + len(municipality)
        found = _STATE_AFTER.match(raw, end)
        if found and plain(found[2]) != plain(state) and found[2] != municipality and not _AWAY.search(found[1]):
            yield Finding(ReasonCode.WRONG_STATE, raw[place : found.end()])
            return
        found = _CODE_AFTER.match(raw, end)
        if found and found[1] in STATES and STATES[found[1]] != state:
            yield Finding(ReasonCode.WRONG_STATE, raw[place : found.end()])
            return
        place = raw.find(municipality, end)


def _claimed_places(text: Text, person: Mapping[str, Any]) -> Iterator[str]:
    for found in _RESIDENCE.finditer(text):
        yield found[1]
    for found in _SETTLED.finditer(text):
        yield next(group for group in found.groups() if group)
    if _CITY_NAMED.search(text) or _WHERE.search(text):
        for found in _CITY.finditer(text.raw):
            yield next(group for group in found.groups() if group)
    title = value_of(person, "occupation_title").split(" ")[0][:6]
    roles = (*_STAGES, title) if len(title) >= 5 else _STAGES
    if any(map(text.plain.__contains__, roles)):
        for found in _ROLE.finditer(text.raw):
            if plain(found[1]).startswith(roles):
                yield found[2]
