"""Whether a text puts the person in another stage of life: retired, studying, working, looking for work, keeping house.

A claim is a phrase of which stage of life it is; it contradicts some activities of the record. Told of the past, of
plans or of somebody else it is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from udfs.checks.phrases import Phrase
from udfs.checks.reasons import Finding, ReasonCode
from udfs.checks.text import Text, given, is_followed_by_other

_BEFORE = 45  # characters in which it is said of whom and of when a claim is
_FUTURE = re.compile(r"quando|um dia|sonha|quer|pretende|pensa em|antes de|espera|planeja|para|ate|vai|falta")
_FORMERLY = re.compile(r"\b(?:enquanto|quando|antes|por anos|por decadas|outrora|no tempo em que)\b[^.;]{0,40}$")
_NOT_SAID_OF_NOW = re.compile(
    r"(?:nao|nem|sem|colegas?|amig[oa]s?|vizinh[oa]s?|gente|quem|mae|pai|outr[oa]s?|clientes?) (?:\w+ )?$"
)
_STOP = re.compile(r"[.!?;]")


@dataclass(frozen=True)
class _Stage:
    """A stage of life as texts claim it.

    Args:
        contradicts: Activities of the record that it denies.
        of_other_times: What stands before it in its clause where it is told of the past or of plans.
    """

    phrase: Phrase
    contradicts: frozenset[str]
    of_other_times: tuple[re.Pattern[str], ...] = ()


_RETIRED = _Stage(
    Phrase(
        "aposentado aposentada recemaposentado recemaposentada aposentadoria aposentou",
        r"(?:^|[.!?;] |, |\b(?:e|esta|ja|agora|hoje|vive|como|por|bem|e uma?) )(?:recem-?\s?)?aposentad[oa]\b"
        r"|\bgoza (?:d?a) (?:sua )?aposentadoria\b|\bse aposentou\b|\baposentou-se\b"
        r"|\b(?:recebe|saca) (?:a |sua |a sua )aposentadoria\b"
        r"|\bvive d[ae] (?:sua )?aposentadoria\b|\bdesde que se aposentou\b",
    ),
    frozenset(("ocupado", "desocupado", "estudante", "cuida do lar", "outro")),
    (_FUTURE,),
)
_STUDENT = _Stage(
    Phrase(
        "universitario universitaria estudante graduando graduanda vestibulando vestibulanda calouro caloura cursa "
        "cursando faculdade graduacao cursinho universidade",
        r"(?:^|[.!?;] |\be (?:uma? )?)(?:universitari[oa]|estudante|graduand[oa]|vestibuland[oa]|calour[oa])\b"
        r"|, (?:uma? )?estudante (?:de|universitari|que|do|da)\b"
        r"|\b(?:cursa|cursando) (?:o |a |uma )?(?:\w+ ){0,3}?(?:ano|semestre|periodo|faculdade|graduacao|ensino medio"
        r"|curso superior"
        r"|direito|medicina|engenharia|administracao|pedagogia|enfermagem|letras|psicologia)\b"
        r"|\bfrequenta (?:a|uma) (?:faculdade|universidade)\b"
        r"(?! (?:aberta )?(?:da|a|para a) (?:(?:terceira|melhor|maior) idade|maturidade))"
        r"|\b(?:faz|fazendo) (?:faculdade|graduacao|cursinho)\b",
    ),
    frozenset(("ocupado", "desocupado", "aposentado", "cuida do lar", "outro")),
)
_WORKING = _Stage(
    Phrase(
        "trabalha ponto cartao empregado empregada emprego trabalho escritorio plena expediente auge promovido "
        "promovida chefe chefes patrao subordinados caminhao turno jornada atua atuando",
        r"\b(?<!nao )(?<!que )trabalha (?:como (?!se )|em um|em uma|n[oa]s? (?!propri)|de (?:segunda|domingo|carteira"
        r"|vendedor|caixa)|"
        r"todos? (?:os|o) dias?|com carteira|por conta|na area|meio periodo|atualmente|hoje|ha )"
        r"|\bbate (?:o )?(?:ponto|cartao)\b(?! de)|\bem que (?:e empregad[oa]|trabalha)\b|\bbate (?:o )?ponto\b"
        r"|\b(?:chega|volta|sai) (?:\w+ )?(?:do|para o|cedo para o) (?:emprego|trabalho"
        r"|escritorio)\b"
        r"|\bem plena atividade\b|\bcumpre expediente\b|\bauge da carreira\b"
        r"|\b(?:ser|sera|foi) promovid[oa]\b"
        r"|\bpromocao no (?:trabalho|emprego)\b"
        r"|\b(?:seu|no seu) (?:atual )?emprego\b(?! anterior| antigo)|\bseus? (?:chefes?|patrao|subordinados)\b"
        r"|\bdirige (?:o )?caminhao de segunda\b|\bno emprego atual\b|\bcumpre (?:turno|jornada)\b"
        r"|\bsua jornada de trabalho\b"
        r"|\b(?:atua|atuando) como\b",
    ),
    frozenset(("desocupado", "estudante", "aposentado", "cuida do lar", "outro")),
    (_FORMERLY, _FUTURE),
)
_LOOKING = _Stage(
    Phrase(
        "desempregado desempregada emprego trabalho vaga recolocacao colocacao trabalhar parado parada mercado",
        r"\bdesempregad[oa]\b|\b(?:procura|busca|procurando|buscando|em busca de) (?:um |uma |de |por )?(?:emprego"
        r"|trabalho|vaga|"
        r"recolocacao|colocacao)\b(?! voluntari)|\besta (?:sem trabalho|sem emprego|sem trabalhar|parad[oa] ha)\b"
        r"|\bfora do mercado\b"
        r"|\bperdeu o emprego\b",
    ),
    frozenset(("ocupado", "aposentado")),
)
_HOMEMAKER = _Stage(
    Phrase(
        "dona dono lar dedica",
        r"(?:^|[.!?;] |\be (?:uma? )?|, )(?:dona de casa|dono de casa|do lar)\b|\bdedica-se (?:so|apenas"
        r"|exclusivamente) a casa\b",
    ),
    frozenset(("ocupado", "estudante", "desocupado")),
)
_STAGES = (_RETIRED, _STUDENT, _WORKING, _LOOKING, _HOMEMAKER)


def check(text: Text, person: Mapping[str, Any]) -> Iterator[Finding]:
    """The first claim of another stage of life."""
    activity = given(person, "activity")
    for stage in _STAGES:
        if activity not in stage.contradicts:
            continue
        for found in stage.phrase.finditer(text):
            if _is_claim(stage, found, activity):
                yield Finding(ReasonCode.WRONG_STAGE, found[0].strip(" .,;"))
                return


def _is_claim(stage: _Stage, found: re.Match[str], activity: str) -> bool:
    """Whether the words say that it is so now, and of the person."""
    said = found[0]
    before = found.string[max(0, found.start() - _BEFORE) : found.start()].rstrip() + " "
    clause = _STOP.split(before)[-1]
    if "promovid" in said:
        # A plan of whoever still has a career before him; who is retired has none.
        return activity == "aposentado" and not _FORMERLY.search(clause) and not _NOT_SAID_OF_NOW.search(before)
    if any(pattern.search(clause) for pattern in stage.of_other_times):
        return False
    if stage is _RETIRED and is_followed_by_other(found.string, found.end()):
        return False
    if stage is _STUDENT and activity == "ocupado" and "cursa" in said:
        return False  # many work and study
    return not _NOT_SAID_OF_NOW.search(before)
