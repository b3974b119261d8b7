"""Whether a text speaks of the person in the other gender.

A text speaks of other people and of things too, so only words that are said of the person count: after the name or a
pronoun, at the start of a sentence, in apposition. Plain letters throughout (no accents, lower case).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from udfs.checks import work
from udfs.checks.phrases import Phrase
from udfs.checks.reasons import Finding, ReasonCode
from udfs.checks.text import NAME, Text, given, is_of_other, plain, word_list, word_set

# Stems of adjectives that are said of people and take -o or -a.
_GENDERED = word_list(
    "aposentad solteir casad viuv divorciad separad cansad apaixonad orgulhos curios timid calad animad nervos vaidos "
    "devot acompanhad sozinh acostumad preocupad arrependid convencid distraid desconfiad atrasad sossegad atent "
    "dedicad organizad desorganizad teimos ansios generos caprichos carinhos discret conhecid respeitad querid "
    "admirad catolic evangelic formad nascid criad empregad desempregad matriculad bem-humorad mal-humorad reservad "
    "introvertid extrovertid comunicativ criativ metodic sincer honest envergonhad satisfeit realizad "
    "estressad ocupad interessad encantad fascinad viciad engajad comprometid preguicos risonh quiet magr robust "
    "sentad"
)
_ADJECTIVE = re.compile(
    rf"(?:^|[.!?;] )(?:sempre |ja |muito |bem |ainda |mais |tao |recem-?\s?)?(?:{'|'.join(_GENDERED)})([oa])\b(?= |,)"
    rf"|, (?:sempre |muito |ja |bem |quase )?(?:aposentad|cansad|apaixonad|orgulhos|curios|calad|animad|nervos"
    rf"|devot|acompanhad|"
    r"sozinh|acostumad|preocupad|arrependid|convencid|viuv|solteir|divorciad|nascid|criad)([oa])(?=,|\.| (?:e|de"
    r"|com|do|da|por|em|ha)\b)"
    rf"|(?:, | e,? )(?:{'|'.join(_GENDERED)})([oa]) como (?:e|so)\b"
)
_ALONE = re.compile(
    r"\b(?<!que )(?:viaja|mora|vive|anda|janta|almoca|caminha|come|cozinha|toca|fica|sai|ri|vai|faz|trabalha"
    r"|conversa|pesca|reza|dorme) "
    r"(?:\w+ )?(?:sozinh|acompanhad|calad|sentad|cansad|animad|satisfeit)([oa])\b"
)
_PREDICATE = re.compile(
    rf"(?:^|[.!?;:,] |\b(?:mas|porque|quando|hoje|ainda) ){NAME} (?:nao |ja |sempre |ainda |so )?"
    r"(?:se sente|se sentiu|sentiu-se|anda|e|ficou|fica|esta|estava|vive|parece|continua|segue|era|foi) "
    r"(?:muito |bem |sempre |mais |tao |um pouco |quase |ainda )?"
    rf"(?:{'|'.join(_GENDERED)})([oa])\b"
)
# Words of the other gender; `bem-humorado` is two words.
_ADJECTIVES_OF_OTHER = {
    "F": frozenset(stem.rpartition("-")[2] + "o" for stem in _GENDERED),
    "M": frozenset(stem.rpartition("-")[2] + "a" for stem in _GENDERED),
}
_OWN = Phrase("mesmo mesma proprio propria", r"el(?<!\wel)(?:e (?:mesmo|proprio)|(a) (?:mesma|propria))\b")
_MEN = "homem|rapaz|senhor|moco|menino|garoto|cavalheiro|cidadao|pai|marido|avo|viuvo|solteirao"
_WOMEN = "mulher|moca|senhora|menina|garota|dona de casa|mae|esposa|viuva|cidada|solteirona"
_DOERS = word_set("trabalhador torcedor leitor sonhador conversador falador jogador vendedor morador servidor sofredor")
_OTHER_NOUNS = {
    "F": frozenset(_MEN.split("|")) | _DOERS,
    "M": (frozenset(_WOMEN.replace(" de casa", "").split("|")) | {word + "a" for word in _DOERS}),
}
_HUMAN_VERBS = (
    "acorda|gosta|diz|promete|trabalha|conta|ri|canta|dorme|reclama|sonha|acredita|prefere|adora|estuda|aprendeu|cozinha|"
    "mora|vive|sabe|acha|quer|pensa|torce|cria|faz|tem|le|ouve|guarda|viaja|caminha|nunca|sempre|ainda|tambem|mesma?o?"
)
_ARTICLE_NOUN = re.compile(r"\be (uma|um) (?:bo[mna] |boa |grande |otim[oa] |excelente )?(\w+)")
_HUMAN_NOUNS = word_set(
    "torcedor leitor colecionador sonhador falador conversador jogador corredor nadador dancarino cozinheiro amigo "
    "vizinho homem rapaz senhor mulher moca senhora menina menino torcedora leitora colecionadora sonhadora faladora "
    "conversadora jogadora corredora nadadora dancarina cozinheira amiga vizinha profissional"
)


@lru_cache(maxsize=8192)
def _sex_patterns(sex: str, title: str) -> tuple[re.Pattern[str], ...]:
    other = _other_gender(title, sex)
    article = "um" if sex == "F" else "uma"
    own = (
        rf"(?:(?:^|[.!?;] )(?:{article} )?|{NAME}(?:,| e|, e) (?:{article} )?|\be {article} |\bcomo (?:bom |boa )?)"
        rf"{re.escape(other)}\b(?! e )"
    )
    return (*((re.compile(own),) if other else ()), *_noun_patterns(sex))


@lru_cache(maxsize=2)
def _noun_patterns(sex: str) -> tuple[re.Pattern[str], ...]:
    nouns, honorific, pronoun = (_MEN, "seu", "ele") if sex == "F" else (_WOMEN, "dona", "ela")
    article = "um" if sex == "F" else "uma"
    patterns = [
        rf"(?:^|[.!?;] )(?:{article} )?(?:{nouns})\b(?= [^.;]{{0,40}}?{NAME}| (?:de|que|calad|curios|dedicad"
        rf"|simples|e |com ))"
        rf"(?! (?:da|do|das|dos) )",
        rf"(?:{NAME}|el[ea]|sempre|hoje|ainda|como)? ?(?:\be|\bera|\bfoi"
        rf"|\bsendo) (?:{article} )?(?:{nouns})\b(?! d[ao]s? )",
        rf"{NAME}(?: [a-z]+){{0,4}}, (?:{article} )?(?:{nouns})\b",
        rf"\b(?:como|virou|tornou-se) {article} (?:{nouns})\b(?! (?:pequen|de))",
        rf", [oa] (?:senhora?|rapaz|moca)(?<!{'senhora' if sex == 'F' else 'senhor'}) (?:sabe|gosta|e |tem|diz"
        rf"|conta)",
        rf"\b{honorific} {NAME}",
    ]
    clause = r"(?:^|[.!?;,] |\be |\bque |\bporque |\bmas |\bembora |\bquando )"
    subject = rf"{clause}{pronoun} (?:{_HUMAN_VERBS}|e [a-z]+d[oa]\b)\b"
    ending = "" if sex == "F" else "a"
    patterns.append(rf"(?:^|[.!?;] )(?:{'|'.join(sorted(_DOERS))}){ending}\b[^.,;]{{0,30}}, {NAME}")
    return tuple(re.compile(p) for p in (*patterns, subject))


@lru_cache(maxsize=8192)
def _other_gender(title: str, sex: str) -> str:
    """The first word of a title in the other gender; empty where the word has one form, or is none of a person."""
    word = plain(title).split(" ")[0] if title else ""
    if sex == "F":
        for ending, other in (
            ("ora", "or"),
            ("eira", "eiro"),
            ("ada", "ado"),
            ("ica", "ico"),
            ("ana", "ano"),
            ("aria", "ario"),
        ):
            if word.endswith(ending):
                return word[: -len(ending)] + other
        return ""
    for ending, other in (
        ("or", "ora"),
        ("eiro", "eira"),
        ("ado", "ada"),
        ("ico", "ica"),
        ("ano", "ana"),
        ("ario", "aria"),
    ):
        if word.endswith(ending):
            return word[: -len(ending)] + other
    return ""


def check(text: Text, person: Mapping[str, Any]) -> Iterator[Finding]:
    """Words that speak of the person in the other gender."""
    of = given(person, "sex")
    if of not in ("F", "M"):
        return
    whole = text.plain
    ending = "a" if of == "F" else "o"
    forms = ((_ADJECTIVE, whole), (_ALONE, whole), (_PREDICATE, text.told_of(person)))
    for pattern, form in forms if not text.vocabulary.isdisjoint(_ADJECTIVES_OF_OTHER[of]) else ():
        for found in pattern.finditer(form):
            if next(group for group in found.groups() if group) != ending:
                yield Finding(ReasonCode.WRONG_SEX, found[0].strip(" .,;"))
                return
    for found in _OWN.finditer(text):
        if (found[1] == "a") != (of == "F"):
            yield Finding(ReasonCode.WRONG_SEX, found[0])
            return
    for found in _ARTICLE_NOUN.finditer(whole) if " e um" in whole else ():
        if not text.is_verb_e(found.start()):
            continue
        is_human = found[2] in _HUMAN_NOUNS or found[2] in work.families()
        if is_human and (found[1] == "uma") != (of == "F") and not is_of_other(whole, found.start()):
            yield Finding(ReasonCode.WRONG_SEX, found[0])
            return
    told = text.told_of(person)
    *patterns, pronoun = _sex_patterns(of, given(person, "occupation_title"))
    nouns = _OTHER_NOUNS[of]
    is_titled = (other := _other_gender(given(person, "occupation_title"), of)) != "" and other in text.vocabulary
    is_honoured = f"{'seu' if of == 'F' else 'dona'} {NAME}" in told
    for one in patterns if is_titled or is_honoured or not text.vocabulary.isdisjoint(nouns) else ():
        for found in one.finditer(told):
            if not is_of_other(told, found.start()):
                yield Finding(ReasonCode.WRONG_SEX, found[0].strip(" .,;"))
                return
    right, wrong = ("ela", "ele") if of == "F" else ("ele", "ela")
    if wrong in text.vocabulary and right not in text.vocabulary and (said := pronoun.search(whole)):
        yield Finding(ReasonCode.WRONG_SEX, said[0].strip(" .,;"))
