"""Whether a text gives the person another marital status, or a family that the record does not have."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from udfs.checks.phrases import Phrase
from udfs.checks.reasons import Finding, ReasonCode
from udfs.checks.text import OTHERS, Text, given, is_followed_by_other, is_of_other, value_of

_STATUS = {"Solteiro": "solteir", "Casado": "casad", "Separado": "separad", "Divorciado": "divorciad", "Viúvo": "viuv"}
_STATUS_SAID = Phrase(
    "solteiro solteira solteirao solteirona casado casada separado separada divorciado divorciada viuvo viuva",
    r"(?:^|[.!?;:] |\b(?:e|esta|hoje|ainda|agora|continua|segue|ficou|vive|feliz|ja|ser|sendo|sempre|enfim"
    r"|por ser|se diz|como) |\brecem[- ]|, (?:ja |hoje |recem[- ])?)"
    r"(solteir|casad|separad|divorciad|viuv)([oa]|(?<=solteir)(?:ao|ona))\b"
    r"(?! (?:por|para|em) (?:\w+ )?(?:tamanho|cor|pilha|montes|lotes))",
)
# What only people of some marital status have lived, and the statuses that it contradicts.
_STATUS_MEANT = (
    (
        Phrase(
            "casou",
            r"\b(?:nunca|jamais) (?:se casou\b(?! de)|casou\b(?! de"
            r"| (?:[oa]s? |uma? )?(?!nem |e |mesmo |mas |ate |sequer |ainda )[a-z-]+ com\b))",
        ),
        frozenset(("Casado", "Separado", "Divorciado", "Viúvo")),
    ),
    (
        Phrase(
            "divorcio divorciou",
            r"\b(?:depois do|desde o|apos o|com o|passou por um) divorcio\b(?! d[aeo]s? )"
            r"|\b(?:seu|o proprio) divorcio\b|\bse divorciou\b|\bdivorciou-se\b",
        ),
        frozenset(("Solteiro",)),
    ),
    (
        Phrase("viuvez enviuvou", r"\b(?:sua|a propria|na|desde a|depois da|apos a) viuvez\b|\benviuvou\b"),
        frozenset(("Solteiro", "Separado", "Divorciado")),
    ),
    (
        Phrase(
            "alianca casamento",
            r"\busa alianca\b"
            r"(?![^.;!?]{0,30}\b(?:que (?:era|foi|veio)|heranca|herdad|d[ao] (?:avo|bisavo|mae|pai|tia)\b))"
            r"|\b(?:seu|cuida do|o proprio) casamento\b(?! d[aeo]s? )",
        ),
        frozenset(("Solteiro",)),
    ),
)
_FORMER_UNION = re.compile(r"\b(?:ja )?(?:foi|era|esteve|tinha sido) $")


def marital_status(text: Text, person: Mapping[str, Any]) -> Iterator[Finding]:
    """A claim of another marital status, in the person's gender. Who is divorced may be called separated."""
    status = given(person, "marital_status")
    for phrase, contradicted in _STATUS_MEANT:
        for found in phrase.finditer(text) if status in contradicted else ():
            if not is_of_other(text.plain, found.start()):
                yield Finding(ReasonCode.WRONG_MARITAL_STATUS, found[0])
                return
    if status not in _STATUS or not _STATUS_SAID.may_be_in(text):
        return
    allowed = {_STATUS[status]}
    if status == "Divorciado" or (status == "Casado" and not person.get("in_union")):
        allowed.add("separad")
    if status in ("Divorciado", "Separado"):
        allowed.add("solteir")
    if status in ("Divorciado", "Separado") and "solteir" in text.plain and "ainda solteir" in text.plain:
        allowed.discard("solteir")
    endings = ("a", "ona") if given(person, "sex") == "F" else ("o", "ao")
    for found in _STATUS_SAID.finditer(text):
        if found[1] in allowed or found[2] not in endings:
            continue
        before = text.plain[max(0, found.start() - 45) : found.start() + 1]
        if OTHERS.search(f"{before.rstrip(' ,.')} ") or _FORMER_UNION.search(text.plain[: found.start(1)][-12:]):
            continue
        yield Finding(ReasonCode.WRONG_MARITAL_STATUS, found[0].strip(" .,;:"))
        return


_CHILDREN = Phrase(
    "filho filha filhos filhas filhinho filhinha filhinhos filhinhas enteado enteada enteados enteadas neto neta "
    "netos netas netinho netinha netinhos netinhas bisneto bisneta bisnetos bisnetas cacula primogenito primogenita "
    "mae pai avo bisavo crianca criancas bebe bebes guri guris guria pequenos pequenas menino menina meninos meninas "
    "herdeiro herdeira herdeiros herdeiras gravida gemeos maternidade paternidade",
    r"\b(?:filh[oa]s?|filhinh[oa]s?|enteados?|enteadas?|netos|netas|neto|netinh[oa]s?|bisnet[oa]s?|cacula"
    r"|primogenit[oa])\b"
    r"|\b(?:e |virou |ser |sendo |como |^|, )(?:mae|pai|avo)(?: |,)(?!social|de santo|de familia|de deus|de todos"
    r"|d[oae] (?:gente|terra|agua|rua))"
    r"|(?:^|[.!?;,] )(?:mae|pai|avo|bisavo) (?:de|dedicad|amoros|coruja|orgulhos|solteir|presente)"
    r"|\b(?:seus?|suas?) (?:(?:dois|duas|tres|quatro|cinco|proprios|proprias|pequen\w+) )?(?:criancas?|bebes?"
    r"|guris?|guria|pequenos|meninos|meninas|menino|menina|herdeir[oa]s?)\b"
    r"|\bcriancas (?:da casa|dele|dela|em casa)\b|\bbebe recem-nascido\b|\b(?:esta|ficou"
    r"|engravidou e esta) gravida\b|\bos gemeos\b"
    r"|\b(?<!se )cri(?:a|ou|ando) (?:sozinh[oa] )?(?:os|as|um|uma|dois|duas|tres|quatro) (?:dois |duas |tres |quatro )?"
    r"(?:menin[oa]s?|criancas?|gemeos)\b(?! d(?:[aeo]s?|el[ae]s?)\b(?! \w+ (?:casament|relacionament))| alhei)"
    r"|\b(?:maternidade|paternidade) (?:mudou|trouxe|ensinou|chegou|veio|transformou)\b"
    r"|\blicenca[- ](?:m|p)aternidade\b",
)
_CHILD_OF = re.compile(
    r" (?:unic[oa] |mais (?:velh|nov)[oa] |cacula )?(?:d[aeo]s?|del[ae]s?|alhei[oa]s?|adotiv[oa]s? da)\b"
)
_CHILD_EXCEPTION = re.compile(
    r"(?:como (?:se fosse[m]? )?(?:um[a]? |os |as |seus |suas )?|pais e |por |quem tem |maes e )$"
)
_DESCENT = ("filh", "cacula", "net", "primogenit")
_CHILD_OF_THE_PERSON = re.compile(r" (?:mais (?:velh|nov)[oa]|cacula|d[aeo] \w+ (?:casament|relacionament))")
_ARTICLE = re.compile(r"\b(?:d[oa]|[oa]s?|seus?|suas?) $")


def children(text: Text, person: Mapping[str, Any]) -> Iterator[Finding]:
    """Children or grandchildren of the person: no record has them. Being somebody's child is no finding."""
    whole = text.plain
    for found in _CHILDREN.finditer(text):
        word = found[0].strip(" ,.;!?")
        if text.is_capital(found.start()) and not text.starts_sentence(found.start()):
            continue  # part of a name: Alencar Filho
        before, after = whole[max(0, found.start() - 6) : found.start()], whole[found.end() : found.end() + 30]
        if word.startswith(_DESCENT) and _CHILD_OF.match(after) and not _CHILD_OF_THE_PERSON.match(after):
            is_child = _ARTICLE.search(before) is not None and after.startswith(" de ")
            if not is_child:  # `filha de costureira` is the person, `o filho da vizinha` somebody else
                continue
        if "ternidade" in word and (is_of_other(whole, found.start()) or is_followed_by_other(whole, found.end())):
            continue
        if _CHILD_EXCEPTION.search(whole[max(0, found.start() - 22) : found.start()]):
            continue
        yield Finding(ReasonCode.INVENTED_CHILDREN, text.around(found.start(), found.end(), 4))
        return


_SPOUSE = Phrase(
    "marido maridos esposo esposa conjuge conjuges mulher companheiro companheira parceiro parceira namorado namorada "
    "noivo noiva amasio amasia quem casou",
    r"\b(?:(?<!ex-)(?<!ex )maridos?|(?<!ex-)(?<!ex )espos[oa]|conjuges?"
    r"|(?:sua|a) mulher (?=com quem|que ama|e os?|do peito|,|\.|dele)|sua mulher"
    r"|(?:o|a|seu|sua|do|da|ao|com o|com a) (?<!ex-)(?:companheir[oa]|parceir[oa])(?! de | do | da (?:trab|igr"
    r"|viag)| ideal| fiel| inseparavel)"
    r"|(?:o|a|seu|sua|do|da|ao|um|uma) (?<!ex-)(?:namorad[oa]|noiv[oa]|amasi[oa])(?! d[ao])"
    r"|(?:com quem (?:se casou|casou|e casad[oa]|vive ha|divide a vida|mora junto))|\bcasou-se com\b)\b",
)
_SPOUSE_SURELY = _SPOUSE.words - {"quem"}
_LATE = re.compile(
    r"falecid|morreu|saudade|finad|em memoria|perdeu|ja se foi|partiu|luto|quando vivo|viuvez|deixou|lembranca|ex-"
)
_OF_OTHERS = re.compile(r" d[aeo]s? (?!quem|sempre|vida|toda|alma)")


def spouse(text: Text, person: Mapping[str, Any]) -> Iterator[Finding]:
    """A spouse or partner of somebody who has none; the late one of a widowed person may be remembered."""
    status = given(person, "marital_status")
    if person.get("in_union") or status == "Casado":
        return
    first = value_of(person, "first_name")
    if _SPOUSE_SURELY.isdisjoint(text.vocabulary) and "com quem" not in text.plain:
        return
    for found in _SPOUSE.finditer(text):
        after = text.plain[found.end() : found.end() + 40]
        if _OF_OTHERS.match(after) and not (
            first and after.startswith((f" de {first}", f" da {first}", f" do {first}"))
        ):
            continue
        near = text.plain[max(0, found.start() - 40) : found.end() + 60]
        if status == "Viúvo" and _LATE.search(near):
            continue
        yield Finding(ReasonCode.INVENTED_SPOUSE, text.around(found.start(), found.end(), 4))
        return
