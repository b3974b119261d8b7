"""Whether a text is in Portuguese, in that of Brazil, and free of English in between."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from py3langid.langid import MODEL_FILE, LanguageIdentifier

from udfs.checks.phrases import Phrases
from udfs.checks.reasons import Finding, ReasonCode
from udfs.checks.text import Text, is_own, word_set

LANGUAGES = ("pt", "es", "en", "fr", "it", "gl")
# Fewer words say too little: names of dishes and places look like any language of the south.
_FEWEST_WORDS = 6
# Common English words that are no words of Portuguese.
ENGLISH = word_set(
    "the and of is are was were be been being with because but which she he his her him they them their there this "
    "that these those always never really about who whom from at on an has have had having it its by or into very "
    "more most known when where while what how why also everyone everything hard work works team love loves needs "
    "need own good life people every day you your we our not can could would should will just only like likes than "
    "then after before between through both each other another many much lot well even still often always without "
    "within around during inspired city school cook years old enjoys dreams lives living dedicated to"
)
# What Portugal says and Brazil does not; ambiguous words (fato, propina, sumo, gelado) are left out or need company.
_PORTUGAL_WORDS = word_set(
    "utente utentes autocarro autocarros telemovel telemoveis comboio comboios rapariga raparigas ecra ecras "
    "paragem golo golos equipa equipas desporto desportos planear planeia planeio planeava "
    "autarquia talho relvado canalizador canalizadora sanita portagem portagens sandes chavena chavenas agrafador "
    "rebucado rebucados carrinha carrinhas camiao camioes gajo gajos gajas bue facto factos registo contacto "
    "contactos rececao connosco actividade actividades projecto projectos direccao accao accoes optimo optima actual "
    "actualmente directora director arquitecto arquitecta electricidade exacto objectivo objectivos colectivo "
    "reformado reformada peugas biberao miudagem alcunha esferografica"
)
_PORTUGAL = Phrases(
    (
        "esta estao estava estavam anda andam andava fica ficam",
        r"\b(?:esta|estao|estava|estavam|anda|andam|andava|fica|ficam)"
        r"(?: sempre| agora| muitas vezes| ainda)? a (?!par\b|ser\b)(?!lugar|mulher|qualquer|colher|altar|mar\b"
        r"|ar\b|bar\b|lar\b)\w+[aei]r(?:-(?:se|lhe|o|a))?\b(?! livre)",
    ),
    (
        "passa passam passava gasta",
        r"\b(?:passa|passam|passava|gasta) (?:as|os|a|o)s? (?:noites?|tardes?|manhas?|dias?|horas?|tempo"
        r"|vida)s? a \w+r\b",
    ),
    (
        "ouvir ver ler desenhar escrever contar cantar conversar rir olhar trabalhar",
        r"\be a (?:ouvir|ver|ler|desenhar|escrever|contar|cantar|conversar|rir|olhar|trabalhar)\b",
    ),
)
# Without `a` before an infinitive none of these is said.
_A_INFINITIVE = re.compile(r" a \w+r\b")
_PORTUGAL_THINGS = Phrases(
    ("almoco", r"\bpequeno[- ]almoco\b"),
    ("banho treino", r"\bcasas? de banho\b|\bfato de (?:treino|banho)\b"),
    ("redes", r"\bguarda-redes\b"),
    ("gelado gelados", r"\b(?:um|uns|os?|de|comer) gelados?\b(?! e\b)"),
    ("empregado empregada empregados empregadas", r"\bempregad[oa]s? de mesa\b"),
    ("sumo", r"\bsumo de\b"),
    ("facto", r"\bde facto\b"),
    ("bilhete", r"\bbilhete de identidade\b"),
    ("autocaravana autocaravanas", r"\bautocaravanas?\b"),
    ("disposto disposta", r"\bmal dispost[oa]\b"),
    ("coxinho", r"\ba pe coxinho\b"),
)
_EQUIPA_VERB = re.compile(r"\b(?:se|que|quem|ele|ela) equipa\b")
# Where Brazil writes ô and ê, Portugal writes ó and é.
_PORTUGAL_ACCENTS = re.compile(
    r"\b(?:económ|académ|género|fenómen|prémio|matrimóni|patrimóni|cerimóni|quilómetr|autónom|bebés?\b|ténis\b|gémeo|"
    r"sinónim|anónim|crónic|eletrónic|electrónic|harmónic|cómod[oa]|bónus|tónic|irónic|polémic|cénic|higiénic|"
    r"oxigénio|milénio|convénio)"
)
_ACCENT_OF_PORTUGAL = re.compile(r"[óé][mn]\w|bebé")  # in all of them


@lru_cache(maxsize=1)
def _identifier() -> LanguageIdentifier:
    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(list(LANGUAGES))
    return identifier


def portuguese_share(raw: str) -> float:
    """Probability of Portuguese, Galician counted in its favour: the classifier cannot tell short texts of the
    two."""
    ranked = dict(_identifier().rank(raw))
    return float(ranked["pt"] + ranked["gl"])


# Words of every other Portuguese sentence that neither Spanish nor Galician writes so.
_OWN_WORDS = word_set(
    "não em um uma com do da dos das na nas ao às é são também já até sem seu quem há pelo pela num numa mais ele ela"
)
# Beside these, words that show Portuguese in a text half English.
_SHARED_WORDS = word_set("e o os de que se só mais todo todos toda cada")
# With so many of them the classifier, which costs most of the time, need not be asked.
_PLAINLY_OWN, _PLAINLY_OWN_SHARE = 3, 0.05
# Letters that words of Portuguese seldom have.
_FOREIGN = re.compile(r"[kwyñ]|ing\b|cion|th|ll|oo|ee|sh|ous\b|ies\b|ie\b")
_FEWEST_ENGLISH = 3
_FEWEST_IBERIAN = 2


def check(
    text: Text, person: Mapping[str, Any], *, is_item: bool, min_portuguese: float, max_english_share: float
) -> Iterator[Finding]:
    """Findings in one text.

    Args:
        person: What it is called, and its town, may be said.
        is_item: Items of a list have few of the words by which languages are told apart: only those that look foreign
            are asked about, and on stronger evidence.
        min_portuguese: Least probability of Portuguese among `LANGUAGES`.
        max_english_share: Most English function words among the words.
    """
    words = text.words
    english = [] if text.vocabulary.isdisjoint(ENGLISH) else [word for word in words if word in ENGLISH]
    lower = text.raw.lower()
    written = lower.split()
    own = sum(map(_OWN_WORDS.__contains__, written))
    if (
        len(set(english)) >= _FEWEST_ENGLISH
        and len(english) > max_english_share * len(words)
        and own + sum(map(_SHARED_WORDS.__contains__, written)) >= _FEWEST_IBERIAN
    ):
        yield Finding(ReasonCode.ENGLISH_WORDS, " ".join(dict.fromkeys(english))[:60])
    elif len(words) < _FEWEST_WORDS:
        if 2 * len(english) > len(words):
            yield Finding(ReasonCode.NOT_PORTUGUESE, text.raw[:60])
    elif is_item:
        if _FOREIGN.search(text.plain) and portuguese_share(text.raw) < min_portuguese / 5:
            yield Finding(ReasonCode.NOT_PORTUGUESE, text.raw[:60])
    elif (own < _PLAINLY_OWN or own < _PLAINLY_OWN_SHARE * len(words)) and portuguese_share(text.raw) < min_portuguese:
        yield Finding(ReasonCode.NOT_PORTUGUESE, text.raw[:60])
    if found := _of_portugal(text, lower, person):
        yield Finding(ReasonCode.PORTUGUESE_OF_PORTUGAL, found)


def _of_portugal(text: Text, lower: str, person: Mapping[str, Any]) -> str:
    words = text.vocabulary & _PORTUGAL_WORDS
    words = frozenset(word for word in words if not is_own(word, person))
    if words and words <= {"equipa", "equipas"} and _EQUIPA_VERB.search(text.plain):
        words = frozenset()
    if words:
        return ", ".join(sorted(words))
    found = _PORTUGAL_THINGS.search(text) or (_PORTUGAL.search(text) if _A_INFINITIVE.search(text.plain) else None)
    if not found and _ACCENT_OF_PORTUGAL.search(lower):
        found = _PORTUGAL_ACCENTS.search(lower)
    return found[0] if found else ""
