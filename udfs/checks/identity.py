"""Whether a text contradicts the person: sex, age, marital status; and family that the record does not have.

A text speaks of other people and of things too, so only words that are said of the person count: after the name or a
pronoun, at the start of a sentence, in apposition. Plain letters throughout (no accents, lower case).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from udfs.checks import work
from udfs.checks.reasons import Finding, ReasonCode
from udfs.checks.text import NAME, Text, given, openings, plain

# Stems of adjectives that are said of people and take -o or -a.
_GENDERED = (
    "aposentad solteir casad viuv divorciad separad cansad apaixonad orgulhos curios timid calad animad nervos vaidos devot "
    "acompanhad sozinh acostumad preocupad arrependid convencid distraid desconfiad atrasad sossegad atent dedicad "
    "organizad desorganizad teimos ansios generos caprichos carinhos discret conhecid respeitad querid admirad catolic "
    "evangelic formad nascid criad empregad desempregad matriculad bem-humorad mal-humorad reservad introvertid extrovertid "
    "comunicativ criativ metodic pratic sincer honest envergonhad satisfeit realizad estressad ocupad interessad encantad "
    "fascinad viciad engajad comprometid preguicos risonh quiet magr robust ativ sentad"
).split()
_ADJECTIVE = re.compile(
    rf"(?:^|[.!?;] )(?:sempre |ja |muito |bem |ainda |mais |tao |recem-?\s?)?(?:{'|'.join(_GENDERED)})([oa])\b(?= |,)"
    rf"|, (?:sempre |muito |ja |bem |quase )?(?:aposentad|cansad|apaixonad|orgulhos|curios|calad|animad|nervos|devot|acompanhad|"
    r"sozinh|acostumad|preocupad|arrependid|convencid|viuv|solteir|divorciad|nascid|criad)([oa])(?=,|\.| (?:e|de|com|do|da|por|em|ha)\b)"
)
_ALONE = re.compile(
    r"\b(?<!que )(?:viaja|mora|vive|anda|janta|almoca|caminha|come|cozinha|toca|fica|sai|ri|vai|faz|trabalha|conversa|pesca|reza|dorme) "
    r"(?:\w+ )?(?:sozinh|acompanhad|calad|sentad|cansad|animad|satisfeit)([oa])\b"
)
# Words of the other gender; `bem-humorado` is two words.
_ADJECTIVES_OF_OTHER = {
    "F": frozenset(stem.rpartition("-")[2] + "o" for stem in _GENDERED),
    "M": frozenset(stem.rpartition("-")[2] + "a" for stem in _GENDERED),
}
_OWN = re.compile(r"\bel(?:e (?:mesmo|proprio)|(a) (?:mesma|propria))\b")
_SELF = frozenset(("mesmo", "mesma", "proprio", "propria"))
_MEN = "homem|rapaz|senhor|moco|menino|garoto|cavalheiro|cidadao|pai|marido|avo|viuvo|solteirao"
_WOMEN = "mulher|moca|senhora|menina|garota|dona de casa|mae|esposa|viuva|cidada|solteirona"
_OTHER_NOUNS = {
    "F": frozenset(f"{_MEN}".replace("|", " ").split()),
    "M": frozenset(f"{_WOMEN}".replace("|", " ").split()) - {"de", "casa"},
}
_NOUN_END = r"(?= (?:de|que|e|com|em|calad|curios|dedicad|simples|jovem|madur|trabalhador|discret|serio|seria|solteir|casad|viuv)|,|\.|\b)"
_HUMAN_VERBS = (
    "acorda|gosta|diz|promete|trabalha|conta|ri|canta|dorme|reclama|sonha|acredita|prefere|adora|estuda|aprendeu|cozinha|"
    "mora|vive|sabe|acha|quer|pensa|torce|cria|faz|tem|le|ouve|guarda|viaja|caminha|nunca|sempre|ainda|tambem|mesma?o?"
)
_ARTICLE_NOUN = re.compile(r"\be (uma|um) (?:bo[mna] |boa |grande |otim[oa] |excelente )?(\w+)")
_HUMAN_NOUNS = frozenset(
    "torcedor leitor colecionador sonhador falador conversador jogador corredor nadador dancarino cozinheiro amigo vizinho "
    "homem rapaz senhor mulher moca senhora menina menino torcedora leitora colecionadora sonhadora faladora conversadora "
    "jogadora corredora nadadora dancarina cozinheira amiga vizinha profissional".split()
)


@lru_cache(maxsize=8192)
def _sex_patterns(sex: str, title: str) -> tuple[re.Pattern[str], ...]:
    other = _other_gender(title, sex)
    article = "um" if sex == "F" else "uma"
    own = (
        rf"(?:(?:^|[.!?;] )(?:{article} )?|{NAME}(?: [a-z]+){{0,4}},? (?:e )?(?:{article} )?|\be {article} |\bcomo )"
        rf"{re.escape(other)}\b(?! e )"
    )
    return (*((re.compile(own),) if other else ()), *_noun_patterns(sex))


@lru_cache(maxsize=2)
def _noun_patterns(sex: str) -> tuple[re.Pattern[str], ...]:
    nouns, honorific, pronoun = (_MEN, "seu", "ele") if sex == "F" else (_WOMEN, "dona", "ela")
    article = "um" if sex == "F" else "uma"
    patterns = [
        rf"(?:^|[.!?;] )(?:{article} )?(?:{nouns})\b(?= [^.;]{{0,40}}?{NAME}| (?:de|que|calad|curios|dedicad|simples|e |com ))"
        rf"(?! (?:da|do|das|dos) )",
        rf"(?:{NAME}|el[ea]|sempre|hoje|ainda|como)? ?(?:\be|\bera|\bfoi|\bsendo) (?:{article} )?(?:{nouns})\b(?! d[ao]s? )",
        rf"{NAME}(?: [a-z]+){{0,4}}, (?:{article} )?(?:{nouns})\b",
        rf"\b(?:como|virou|tornou-se) {article} (?:{nouns})\b(?! (?:pequen|de))",
        rf", [oa] (?:senhora?|rapaz|moca)(?<!{'senhora' if sex == 'F' else 'senhor'}) (?:sabe|gosta|e |tem|diz|conta)",
        rf"\b{honorific} {NAME}\b",
    ]
    subject = rf"(?:^|[.!?;,] |\be |\bque |\bporque |\bmas |\bembora |\bquando ){pronoun} (?:{_HUMAN_VERBS}|e [a-z]+d[oa]\b)\b"
    return tuple(re.compile(p) for p in (*patterns, subject))


def _other_gender(title: str, sex: str) -> str:
    """The first word of a title in the other gender; empty where the word has one form, or is none of a person."""
    word = plain(title).split(" ")[0] if title else ""
    if sex == "F":
        for ending, other in (("ora", "or"), ("eira", "eiro"), ("ada", "ado"), ("ica", "ico"), ("ana", "ano"), ("aria", "ario")):
            if word.endswith(ending):
                return word[: -len(ending)] + other
        return ""
    for ending, other in (("or", "ora"), ("eiro", "eira"), ("ado", "ada"), ("ico", "ica"), ("ano", "ana"), ("ario", "aria")):
        if word.endswith(ending):
            return word[: -len(ending)] + other
    return ""


def sex(text: Text, person: Mapping[str, Any]) -> Iterator[Finding]:
    """Words that speak of the person in the other gender."""
    of = given(person, "sex")
    if of not in ("F", "M"):
        return
    whole = text.plain
    ending = "a" if of == "F" else "o"
    for pattern in (_ADJECTIVE, _ALONE) if not text.vocabulary.isdisjoint(_ADJECTIVES_OF_OTHER[of]) else ():
        for found in pattern.finditer(whole):
            if next(group for group in found.groups() if group) != ending:
                yield Finding(ReasonCode.WRONG_SEX, found[0].strip(" .,;"))
                return
    for found in _OWN.finditer(whole) if not text.vocabulary.isdisjoint(_SELF) else ():
        if (found[1] == "a") != (of == "F"):
            yield Finding(ReasonCode.WRONG_SEX, found[0])
            return
    for found in _ARTICLE_NOUN.finditer(whole) if " e um" in whole else ():
        is_human = found[2] in _HUMAN_NOUNS or found[2] in work.families()
        if is_human and (found[1] == "uma") != (of == "F") and not _is_of_other(whole, found.start()):
            yield Finding(ReasonCode.WRONG_SEX, found[0])
            return
    told = text.told_of(person)
    *patterns, pronoun = _sex_patterns(of, given(person, "occupation_title"))
    nouns = _OTHER_NOUNS[of]
    is_titled = (other := _other_gender(given(person, "occupation_title"), of)) != "" and other in text.vocabulary
    is_honoured = f"{'seu' if of == 'F' else 'dona'} {NAME}" in told
    for one in patterns if is_titled or is_honoured or not text.vocabulary.isdisjoint(nouns) else ():
        for found in one.finditer(told):
            if not _is_of_other(told, found.start()):
                yield Finding(ReasonCode.WRONG_SEX, found[0].strip(" .,;"))
                return
    right, wrong = ("ela", "ele") if of == "F" else ("ele", "ela")
    if wrong in text.vocabulary and right not in text.vocabulary and (found := pronoun.search(whole)):
        yield Finding(ReasonCode.WRONG_SEX, found[0].strip(" .,;"))


_OTHERS = re.compile(
    r"\b(?:marido|esposa|esposo|mulher|companheir[oa]|vizinh[oa]s?|amig[oa]s?|colegas?|pai|mae|pais|avos?|irma[o]?s?|prim[oa]s?|ti[oa]s?|"
    r"filh[oa]s?|alun[oa]s?|client[eas]+|pacientes?|patro[aes]+|patrao|chefe|professor[a]?|padre|pastor[a]?|medic[oa]|juiz|"
    r"alguem|ninguem|cada um|todo mundo|quem) (?:[a-z]+ ){0,4}$"
)


def _is_of_other(whole: str, start: int) -> bool:
    """Whether somebody else is named just before, in the same clause."""
    return _OTHERS.search(re.split(r"[.!?;]", whole[max(0, start - 50) : start + 1])[-1]) is not None


_UNITS = (
    "zero um dois tres quatro cinco seis sete oito nove dez onze doze treze quatorze quinze dezesseis dezessete dezoito "
    "dezenove"
).split()
_TENS = "vinte trinta quarenta cinquenta sessenta setenta oitenta noventa".split()
_NUMBERS = {word: number for number, word in enumerate(_UNITS)} | {"catorze": 14, "cem": 100}
_DECADES = {word: 20 + 10 * place for place, word in enumerate(_TENS)} | {"cincoenta": 50}
_SPELT = rf"(?:(?:{'|'.join(_DECADES)})(?: e (?:uma?|{'|'.join(_UNITS[1:10])}))?|{'|'.join(_UNITS[10:])}|catorze|cem)"
_YEARS = rf"(\d{{1,3}}|{_SPELT})"
_AGE_CLAIMS = (
    re.compile(rf"\baos {_YEARS}(?: anos)?\b(?! (?:minutos|segundos|reais|metros))"),
    re.compile(
        rf"\b(?:tem|com|completou|completar|completa|fez|fara|beirando os|de|seus|dos seus) {_YEARS} anos(?: de idade| de vida|(?! de)\b)"
        r"(?! (?:no|na|em|como|dedicad|trabalh|casad|atras|depois|antes|seguid|mais|a fio))"
    ),
    re.compile(rf"(?:, |\(){_YEARS} anos(?=,|\)|\.)"),
)
_AROUND = re.compile(
    rf"\b(?:(passou d|casa d|quase |beira(?:ndo)? |perto d|na altura d)[oa]?s? ?|aos )?({'|'.join(_DECADES)})(?: anos)?"
    r"( e (?:poucos|tantos|alguns)| e muitos)?\b"
)
_BAND_WORDS = {
    "trint": (30, 39),
    "quarent": (40, 49),
    "cinquent": (50, 59),
    "sessent": (60, 69),
    "setent": (70, 79),
    "oitent": (80, 89),
}
_BAND = re.compile(rf"\b({'|'.join(_BAND_WORDS)})(?:ao|ona|oes)\b")
_DECADE_WORDS = {"quinquagenari": 50, "sexagenari": 60, "septuagenari": 70, "octogenari": 80, "nonagenari": 90, "centenari": 100}
_DECADE = re.compile(rf"\b({'|'.join(_DECADE_WORDS)})[oa]\b(?! (?:da|do|de))")
_LIFE_WORDS = (
    (re.compile(r"\b(?:e (?:um |uma )?|, (?:um |uma )?)(?:adolescente)\b"), 0, 19),
    (re.compile(r"\b(?:(?:e|ainda) (?:um |uma |muito )?|^(?:um|uma) )jovem\b"), 0, 42),
    (re.compile(r"\b(?:e (?:um |uma )?|, (?:um |uma ))(?:idos[oa]|anci[ao]o?)\b"), 57, 130),
)
_LIFE = frozenset("adolescente jovem idoso idosa anciao ancia".split())
_DECADE_OPENINGS = openings("quinquagenario sexagenario septuagenario octogenario nonagenario centenario")
_BAND_OPENINGS = frozenset(stem[:4] for stem in _BAND_WORDS)
_PAST_NEAR = re.compile(
    r"\b(?:(?!lava\b|grava\b|trava\b|seu|meu|museu)\w{2,}(?:ou|eu|iu|ava|avam|aram|eram|iram)"
    r"|(?:quer|faz|diz|viv|sa|dev|pod|sab|vend|corr|dorm|sent|part|ped)iam?|foi|era|tinha|fez|veio|desde|quando|antes|depois"
    r"|ate|quis|pos|teve)\b"
)
_PLANS = re.compile(r"\b(?:quer|sonha|pretende|planeja|espera|vai|ate)\b")
_NOT_AGE = re.compile(r"\b(?:mais|menos|cerca|uns|alem|ate|antes d|depois d|desde|quando (?:chegar|tiver|fizer)|chegar|la pel|quer|sonha|espera|ha|faz|mais de)[oa]?s? ?$")


def _number(words: str) -> int:
    if words.isdigit():
        return int(words)
    if words in _NUMBERS:
        return _NUMBERS[words]
    tens, _, unit = words.partition(" e ")
    return _DECADES.get(tens, 0) + (_NUMBERS.get("um" if unit == "uma" else unit, 0) if unit else 0)


def age(text: Text, person: Mapping[str, Any]) -> Iterator[Finding]:
    """A claim of another age: in figures, in words, as a decade. Ages of the past and of plans are left alone."""
    true_age = int(person.get("age_years") or 0)
    if not true_age:
        return
    whole = text.plain
    if "anos" in text.vocabulary or "aos" in text.vocabulary:
        for pattern in _AGE_CLAIMS:
            for found in pattern.finditer(whole):
                claimed = _number(found[1])
                if claimed == true_age or not 5 < claimed < 115:
                    continue
                before = whole[max(0, found.start() - 30) : found.start()]
                clause = re.split(r"[.!?;]", whole[found.end() : found.end() + 45])[0]
                other = re.split(r"[.!?;]", before)[-1]
                if found[0].startswith("aos") and not found[0].endswith("anos") and not _is_age_bare(whole, found):
                    continue
                if _NOT_AGE.search(before) or _OTHERS.search(f"{other.rstrip()} "):
                    continue
                after = clause if found[0].startswith("aos") else ""
                if claimed < true_age and (_PAST_NEAR.search(after) or _PAST_NEAR.search(other)):
                    continue
                if claimed > true_age and _PLANS.search(after + other):
                    continue
                yield Finding(ReasonCode.WRONG_AGE, found[0].strip(" ,("))
                return
    for found in _AROUND.finditer(whole) if not text.vocabulary.isdisjoint(_DECADES) else ():
        lead, decade, tail = found[1] or "", _DECADES[found[2]], found[3] or ""
        if not lead and not tail:
            continue
        low, high = (decade - 4, decade) if lead.startswith(("quase", "beira", "perto")) else (decade, decade + 9)
        if lead.startswith("passou"):
            high = decade + 14
        if lead.startswith("na altura"):
            low, high = decade - 3, decade + 3
        if "poucos" in tail or "alguns" in tail:
            high = decade + 5
        if not low <= true_age <= high and not re.search(r"\b(?:ha|faz|mais de|anos de) $", whole[: found.start()][-10:]):
            if tail or re.search(r"\b(?:ja|esta|n[ao]|tem|com|aos) $", whole[: found.start()][-8:]) or lead.startswith(("passou", "casa")):
                yield Finding(ReasonCode.WRONG_AGE, found[0])
                return
    for found in _BAND.finditer(whole) if not text.openings.isdisjoint(_BAND_OPENINGS) else ():
        low, high = _BAND_WORDS[found[1]]
        if not low - 1 <= true_age <= high + 1:
            yield Finding(ReasonCode.WRONG_AGE, found[0])
            return
    for found in _DECADE.finditer(whole) if not text.openings.isdisjoint(_DECADE_OPENINGS) else ():
        if not _DECADE_WORDS[found[1]] <= true_age <= _DECADE_WORDS[found[1]] + 9:
            yield Finding(ReasonCode.WRONG_AGE, found[0])
            return
    for pattern, low, high in _LIFE_WORDS:
        if not low <= true_age <= high and not text.vocabulary.isdisjoint(_LIFE) and (said := pattern.search(whole)):
            yield Finding(ReasonCode.WRONG_AGE, said[0].strip(" ,"))
            return


def _is_age_bare(whole: str, found: re.Match[str]) -> bool:
    """`aos 47` without `anos` is an age only before a comma or a stop."""
    return not found[1].isdigit() or whole[found.end() : found.end() + 1] in (",", ".", ";")


_STATUS = {"Solteiro": "solteir", "Casado": "casad", "Separado": "separad", "Divorciado": "divorciad", "Viúvo": "viuv"}
_STATUS_WORDS = frozenset(
    "solteiro solteira solteirao solteirona casado casada separado separada divorciado divorciada viuvo viuva".split()
)
_STATUS_SAID = re.compile(
    r"(?:^|[.!?;:] |\b(?:e|esta|hoje|ainda|agora|continua|segue|ficou|vive|feliz|ja|recem-?|ser|sendo|sempre|enfim|por ser|se diz|como)\s?"
    r"|, (?:ja |hoje |recem-?\s?)?)(solteir|casad|separad|divorciad|viuv)([oa])(?:na|ona|ao)?\b"
    r"(?! (?:por|para|em) (?:\w+ )?(?:tamanho|cor|pilha|montes|lotes))"
)
_MARRIED_TO = re.compile(r"\b(?:casou-se|se casou|e casad[oa]|casad[oa]) (?:com|ha)\b")
_FORMER_UNION = re.compile(r"\b(?:ja )?(?:foi|era|esteve|tinha sido) $")


def marital_status(text: Text, person: Mapping[str, Any]) -> Iterator[Finding]:
    """A claim of another marital status, in the person's gender. Who is divorced may be called separated."""
    status = given(person, "marital_status")
    if status not in _STATUS or text.vocabulary.isdisjoint(_STATUS_WORDS):
        return
    allowed = {_STATUS[status]}
    if status == "Divorciado" or (status == "Casado" and not person.get("in_union")):
        allowed.add("separad")
    if status in ("Divorciado", "Separado"):
        allowed.add("solteir")
    if status in ("Divorciado", "Separado") and "solteir" in text.plain and "ainda solteir" in text.plain:
        allowed.discard("solteir")
    ending = "a" if given(person, "sex") == "F" else "o"
    for found in _STATUS_SAID.finditer(text.plain):
        if found[1] in allowed or found[2] != ending:
            continue
        before = text.plain[max(0, found.start() - 45) : found.start() + 1]
        if _OTHERS.search(f"{before.rstrip(' ,.')} ") or _FORMER_UNION.search(text.plain[: found.start(1)][-12:]):
            continue
        yield Finding(ReasonCode.WRONG_MARITAL_STATUS, found[0].strip(" .,;:"))
        return


_CHILDREN = re.compile(
    r"\b(?:filh[oa]s?|filhinh[oa]s?|enteados?|enteadas?|netos|netas|neto|netinh[oa]s?|bisnet[oa]s?|cacula|primogenit[oa])\b"
    r"|\b(?:e |virou |ser |sendo |como |^|, )(?:mae|pai|avo)(?: |,)(?!de santo|de familia|de deus|de todos|d[oae] (?:gente|terra|agua|rua))"
    r"|(?:^|[.!?;,] )(?:mae|pai|avo|bisavo) (?:de|dedicad|amoros|coruja|orgulhos|solteir|presente)"
    r"|\b(?:seus?|suas?) (?:(?:dois|duas|tres|quatro|cinco|proprios|proprias|pequen\w+) )?(?:criancas?|bebes?|guris?|guria|pequenos|meninos|meninas|menino|menina|herdeir\w+)\b"
    r"|\bcriancas (?:da casa|dele|dela|em casa)\b|\bbebe recem-nascido\b|\b(?:esta |ficou )?gravida\b|\bos gemeos\b"
)
_CHILDREN_WORDS = frozenset(
    "filho filha filhos filhas filhinho filhinha filhinhos filhinhas enteado enteada enteados enteadas neto neta netos netas "
    "netinho netinha netinhos netinhas bisneto bisneta bisnetos bisnetas cacula primogenito primogenita mae pai avo bisavo "
    "crianca criancas bebe bebes guri guris guria pequenos pequenas menino menina meninos meninas herdeiro herdeira herdeiros "
    "gravida gemeos".split()
)
_CHILD_OF = re.compile(r" (?:unic[oa] |mais (?:velh|nov)[oa] |cacula )?(?:d[aeo]s?|del[ae]s?|alhei[oa]s?|adotiv[oa]s? da)\b")
_CHILD_EXCEPTION = re.compile(r"(?:como (?:se fosse[m]? )?(?:um[a]? |os |as |seus |suas )?|pais e |por |quem tem |maes e )$")
_GRANDCHILD_OF = re.compile(r" de (?:imigr|escrav|ital|japon|alem|agric|pescad|lavrad|vaqueir|costureir|indi)")


def children(text: Text, person: Mapping[str, Any]) -> Iterator[Finding]:
    """Children or grandchildren of the person: no record has them. Being somebody's child is no finding."""
    if text.vocabulary.isdisjoint(_CHILDREN_WORDS):
        return
    whole = text.plain
    for found in _CHILDREN.finditer(whole):
        word = found[0].strip(" ,.;!?")
        if text.is_capital(found.start()) and not text.starts_sentence(found.start()):
            continue  # part of a name: Alencar Filho
        after = whole[found.end() : found.end() + 30]
        is_own_descent = word.startswith(("filh", "cacula", "net", "primogenit")) and (
            _CHILD_OF.match(after) or _GRANDCHILD_OF.match(after)
        )
        if is_own_descent and not re.match(r" (?:mais (?:velh|nov)[oa]|cacula|d[aeo] \w+ (?:casament|relacionament))", after):
            if not re.search(r"\b(?:d[oa]|[oa]s?|seus?|suas?) $", whole[max(0, found.start() - 6) : found.start()]) or not after.startswith(" de "):
                continue
        if _CHILD_EXCEPTION.search(whole[max(0, found.start() - 22) : found.start()]):
            continue
        yield Finding(ReasonCode.INVENTED_CHILDREN, text.around(found.start(), found.end(), 4))
        return


_SPOUSE = re.compile(
    r"\b(?:(?<!ex-)(?<!ex )maridos?|(?<!ex-)(?<!ex )espos[oa]|conjuges?"
    r"|(?:sua|a) mulher (?=com quem|que ama|e os?|do peito|,|\.|dele)|sua mulher"
    r"|(?:o|a|seu|sua|do|da|ao|com o|com a) (?<!ex-)(?:companheir[oa]|parceir[oa])(?! de | do | da (?:trab|igr|viag)| ideal| fiel| inseparavel)"
    r"|(?:o|a|seu|sua|do|da|ao|um|uma) (?<!ex-)(?:namorad[oa]|noiv[oa]|amasi[oa])(?! d[ao])"
    r"|(?:com quem (?:se casou|casou|e casad[oa]|vive ha|divide a vida|mora junto))|\bcasou-se com\b)\b"
)
_SPOUSE_WORDS = openings("marido esposo conjuge mulher companheiro parceiro namorado noivo amasio casou casou-se quem")
_LATE = re.compile(r"falecid|morreu|saudade|finad|em memoria|perdeu|ja se foi|partiu|luto|quando vivo|viuvez|deixou|lembranca|ex-")
_OF_OTHERS = re.compile(r" d[aeo]s? (?!quem|sempre|vida|toda|alma)")


def spouse(text: Text, person: Mapping[str, Any]) -> Iterator[Finding]:
    """A spouse or partner of somebody who has none; the late one of a widowed person may be remembered."""
    status = given(person, "marital_status")
    if person.get("in_union") or status == "Casado" or text.openings.isdisjoint(_SPOUSE_WORDS):
        return
    for found in _SPOUSE.finditer(text.plain):
        if _OF_OTHERS.match(text.plain[found.end() : found.end() + 12]):
            continue
        near = text.plain[max(0, found.start() - 40) : found.end() + 60]
        if status == "Viúvo" and _LATE.search(near):
            continue
        yield Finding(ReasonCode.INVENTED_SPOUSE, text.around(found.start(), found.end(), 4))
        return
