"""Whether a text makes the person live in another municipality or state than the record says."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from udfs.checks.reasons import Finding, ReasonCode
from udfs.checks.text import Text, given, plain

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
_NAME = r"[A-ZÀ-Ý][\wÀ-ÿ'’-]+(?:\s(?:d[aeo]s?\s|e\s)?[A-ZÀ-Ý][\wÀ-ÿ'’-]+)*"
_RESIDENCE = re.compile(
    r"\b(?:[Mm]ora(?:dora?|ndo)?|[Vv]ive|[Vv]ivendo|[Rr]eside(?:nte)?|[Rr]adicad[oa]|[Ii]nstalad[oa]|[Nn]asceu e vive|[Hh]abitante)"
    rf"(?:\s(?:há|faz|desde|até|hoje|sempre|sozinh[oa]|bem|longe|perto|com|\d+|\w+ anos|atualmente|ainda|aqui)){{0,3}}"
    rf",?\s(?:em|no|na|de|do|da)\s(?:interior d[eoa]s?\s|cidade de\s|município de\s|capital,?\s|litoral d[eoa]\s)?({_NAME})"
)
_CITY = re.compile(
    rf"\b[Ee]m sua cidade,\s({_NAME})|\b(?:sua|a) cidade(?: natal)?,\s({_NAME}),|({_NAME}),\s(?:cidade\s)?(?:onde|em que)\s(?:mora|vive|reside|nasceu e vive)"
    rf"|\bna cidade de\s({_NAME}),?\s(?:onde|em que)\s(?:mora|vive)|\b(?:uma|um)\s\w+ de\s({_NAME}),\sonde (?:mora|vive)"
)
_ROLE = re.compile(r"(?:^|[.!?;,]\s|\bé\s(?:uma?\s)?)([A-ZÀ-Ýa-zà-ÿ][\wÀ-ÿ-]+)(?:\s[a-zà-ÿ-]+){0,3}?\s(?:em|de)\s(" + _NAME + ")")
_NOT_A_PLACE = frozenset(
    "deus jesus cristo nossa senhora santo sao santa brasil nordeste norte sul sudeste centro-oeste centro igreja pascoa natal "
    "carnaval semana internet jardim vila parque conjunto bairro praia sitio copa bahia-vitoria".split()
)
_REGIONS = frozenset(("brasil", "nordeste", "norte", "sul", "sudeste", "centro-oeste", "amazonia", "sertao", "pantanal"))
_AWAY = re.compile(
    r"\b(?:para|até|rumo|sonha|viaj\w+|conhecer|conhece|visita\w*|passear|passeio|ir|vai|foi|férias|estrada|divisa|vizinh\w+|volta|lugares|"
    r"como|praias?|festa|encontro|romaria|museu|ritmos?)\b",
    re.IGNORECASE,
)
_STAGES = ("estudante", "aposentad", "merec", "dona de casa", "morador")


@lru_cache(maxsize=256)
def _state_after(municipality: str) -> re.Pattern[str]:
    return re.compile(rf"{re.escape(municipality)}\b([^.;!?]{{0,45}}?)\b({_STATE_NAMES})(?!\w)")


@lru_cache(maxsize=256)
def _code_after(municipality: str) -> re.Pattern[str]:
    return re.compile(rf"{re.escape(municipality)}\s?(?:\(|/|-|–|,)\s?([A-Z]{{2}})\b")


def check(text: Text, person: Mapping[str, Any]) -> Iterator[Finding]:
    """Claims of another municipality and of another state, at most one of each."""
    municipality = given(person, "municipality_name")
    state = given(person, "state_name")
    if not municipality:
        return
    raw = text.raw
    own = {plain(municipality), plain(state)} | _REGIONS
    for claimed in _claimed_places(text, person):
        name = plain(claimed)
        if name in own or any(name.startswith(f"{one} ") or one.startswith(f"{name} ") or one == name for one in own):
            continue
        if name.split(" ")[0] in _NOT_A_PLACE:
            continue
        if name in _CODE_OF:
            yield Finding(ReasonCode.WRONG_STATE, claimed)
        else:
            yield Finding(ReasonCode.WRONG_MUNICIPALITY, claimed)
        break
    if not state:
        return
    uf = _CODE_OF.get(plain(state), "")
    for found in _state_after(municipality).finditer(raw):
        if plain(found[2]) != plain(state) and not _AWAY.search(found[1]) and found[2] != municipality:
            yield Finding(ReasonCode.WRONG_STATE, found[0][-60:])
            return
    for found in _code_after(municipality).finditer(raw):
        if found[1] in STATES and found[1] != uf:
            yield Finding(ReasonCode.WRONG_STATE, found[0])
            return


def _claimed_places(text: Text, person: Mapping[str, Any]) -> Iterator[str]:
    for found in _RESIDENCE.finditer(text.raw):
        yield found[1]
    for found in _CITY.finditer(text.raw):
        yield next(group for group in found.groups() if group)
    stems = [word[:6] for word in plain(given(person, "occupation_title")).split()[:1]]
    for found in _ROLE.finditer(text.raw):
        word = plain(found[1])
        if any(word.startswith(stem) for stem in stems if len(stem) >= 5) or word.startswith(_STAGES):
            yield found[2]
