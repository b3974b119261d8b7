"""Portuguese that cannot be written into a template: articles and their contractions, titles, sentences."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType

# States named with an article; the others ("em Sergipe") have none.
_STATE_ARTICLES: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(
            (
                "Acre",
                "Amapá",
                "Amazonas",
                "Ceará",
                "Distrito Federal",
                "Espírito Santo",
                "Maranhão",
                "Pará",
                "Paraná",
                "Piauí",
                "Rio de Janeiro",
                "Rio Grande do Norte",
                "Rio Grande do Sul",
                "Tocantins",
            ),
            "o",
        ),
        "Bahia": "a",
        "Paraíba": "a",
    }
)
# Nearly every city goes without an article; these sound wrong without it.
_CITY_ARTICLES: Mapping[str, str] = MappingProxyType(
    dict.fromkeys(("Rio de Janeiro", "Cabo de Santo Agostinho", "Guarujá"), "o")
)
_MASCULINE_SPORTS = frozenset(("futebol", "futsal", "vôlei", "basquete", "surfe", "skate", "judô", "atletismo"))
_LONG_TITLE_CHARACTERS = 40
_STATES = (*_STATE_ARTICLES, "Alagoas", "Goiás", "Mato Grosso", "Minas Gerais", "Pernambuco", "Rondônia", "Roraima")
_ENCLITIC = re.compile(r"^(\w+)-se\b")
_PROCLITIC = re.compile(r"^se (\w+)")
_CONTRACTIONS: Mapping[tuple[str, str], str] = MappingProxyType(
    {("de", "o"): "do", ("de", "a"): "da", ("em", "o"): "no", ("em", "a"): "na", ("por", "o"): "pelo"}
    | {("por", "a"): "pela", ("a", "o"): "ao", ("a", "a"): "à"}
)


def contract(preposition: str, article: str, name: str) -> str:
    """A preposition before a name with its article, "" for none: `na Bahia`, `em Sergipe`, `do Acre`."""
    return f"{_CONTRACTIONS[preposition, article] if article else preposition} {name}"


def state_article(state: str) -> str:
    """The article a state is named with: "o", "a" or ""."""
    return _STATE_ARTICLES.get(state, "")


def city_article(city: str) -> str:
    """The article of the few cities that take one, else ""."""
    return _CITY_ARTICLES.get(city, "")


def sport_article(sport: str) -> str:
    """The article of a sport: `o futebol`, `a caminhada`."""
    return "o" if sport.split()[0] in _MASCULINE_SPORTS else "a"


@lru_cache(maxsize=4096)
def spoken_title(title: str) -> str:
    """A title as people say it: a long one without what the classification adds after a comma or for completeness."""
    said = title.removesuffix(" nos serviços gerais")
    return said.split(",", 1)[0] if len(said) > _LONG_TITLE_CHARACTERS else said


def with_article(article: str, name: str) -> str:
    return f"{article} {name}" if article else name


def lower_first(text: str) -> str:
    """For a title or a dish inside a sentence: `Cozinheira` to `cozinheira`; acronyms and names of people stay."""
    first = text.split(" ", 1)[0].split("-", 1)[0].rstrip(",;")
    if len(first) > 1 and first.isupper():
        return text
    return text[:1].lower() + text[1:]


@lru_cache(maxsize=4096)
def proclitic(phrase: str) -> str:
    """A verb phrase as it stands after a subject or "que": `queixa-se de tudo` to `se queixa de tudo`."""
    return _ENCLITIC.sub(r"se \1", phrase)


@lru_cache(maxsize=4096)
def enclitic(phrase: str) -> str:
    """A verb phrase as it begins a sentence: `se queixa de tudo` to `queixa-se de tudo`."""
    return _PROCLITIC.sub(r"\1-se", phrase)


def upper_first(text: str) -> str:
    return text[:1].upper() + text[1:]


def sentences(parts: Iterable[str]) -> str:
    """A paragraph: each part begins with a capital and ends with one mark."""
    return " ".join([f"{part[:1].upper()}{part[1:]}{'' if part[-1] in '.!?' else '.'}" for part in parts if part])
