"""What betrays a machine: leftovers of the request, mark-up, refusals, cut sentences, loops, code-book words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from udfs.checks.phrases import Phrase, Phrases
from udfs.checks.reasons import Finding, ReasonCode
from udfs.checks.text import Text, is_own, word_set

_HARMONY = re.compile(
    r"<\|[^|>]{0,40}\|?>|\bassistant\s?(?:final|analysis|commentary)|^\s*(?:analysis|commentary|final)(?:\s*:"
    r"|(?=[A-Z]))"
    r"|</?think(?:ing)?>|\[/?(?:INST|inst)\]|</?s>"
)
_HARMONY_WORDS = ("<", "[", "assistant", "analysis", "commentary", "final")
_MARKDOWN = re.compile(
    r"\*\*|(?<!\w)__\w|`|^\s{0,3}#{1,6}\s|^\s*[-*•–]\s+\S|\n\s*\d{1,2}[.)]\s|^\s*\d{1,2}[.)]\s[^\n]*\n|\]\(|^\s*>\s"
    r"|(?<![\w*])\*[^\s*][^*\n]*\*(?!\w)|(?<!\w)_[^\s_][^_\n]*_(?!\w)|</?[a-z]+\s?/?>|^\s*\|.*\||•",
    re.MULTILINE,
)
_FIELD_NAME = re.compile(r"\b[a-z]+(?:_[a-z]+)+\b")
_LEFTOVER = Phrases(
    (
        "solicitado solicitada requisitado requisitada instruido instruida",
        r"\b(?:como|conforme)(?: foi)? (?:solicitad[oa]|requisitad[oa]|instruid[oa])\b",
    ),
    ("pedido", r"\b(?:como foi|conforme(?: foi)?) pedido\b"),
    (
        "ficha fichas registro registros dados instrucao instrucoes informacao informacoes perfil esquema",
        r"\b(?:(?:de acordo com|segundo|conforme|com base em)(?: [oa]s?)?|com base n[oa]s?) (?:fichas?|registros?"
        r"|dados(?: fornecidos| da ficha| do registro)?|instruc(?:ao|oes)|informac(?:ao|oes) fornecidas?"
        r"|perfil fornecido|esquema)\b",
    ),
    ("dados informacoes", r"\b(?:dados|informacoes) (?:fornecid|disponibilizad)[oa]s\b"),
    (
        "ficha",
        r"\b(?:a|na|da) ficha (?:nao |tambem )?(?:informa|diz|menciona|traz|indica|mostra|da pessoa|fornecid|acima)",
    ),
    ("ficha registro", r"\b(?:pessoa|individuo|dados?) d[ao] (?:ficha|registro)\b"),
    ("registro", r"\bregistro (?:nao |tambem )?(?:informa|diz|indica|mostra)"),
    (
        "segue seguem",
        r"\bsegue(?:m)? (?:abaixo|o (?:texto|json|objeto|retrato)|a (?:persona|resposta|lista|descricao))\b",
    ),
    (
        "aqui",
        r"\baqui (?:esta|vai|estao) (?:o texto|a (?:persona|resposta|lista|descricao)|os textos|as personas)",
    ),
    ("json prompt placeholder lorem", r"\b(?:(?:objeto )?json|prompt|placeholder|lorem ipsum)\b"),
    ("espero", r"\bespero que (?:este|esse|o|isso|ajude|goste|atenda)"),
    ("atende atenda", r"\batend[ae] ao (?:pedido|solicitado)\b"),
    ("caracteres", r"\b(?:\d+ )?caracteres\b"),
    ("persona", r"\bpersona (?:profissional|esportiva|artistica|culinaria|de viagens?|viajante)\b"),
    ("texto retrato conteudo", r"\b(?:texto|retrato|conteudo) (?:solicitad|pedid|acima|abaixo|anterior|gerad)"),
    (
        "obs observacao nota",
        r"\b(?:obs|observacao|nota)(?: \w+)?: (?:a ficha|o (?:texto|registro)|nao (?:ha|foi|consta|informad))",
    ),
    (
        "informado informada informados informadas especificado especificada especificados especificadas fornecido "
        "fornecida fornecidos fornecidas",
        r"\bnao (?:foi |esta |e )?(?:informad|especificad|fornecid)[oa]s?\b",
    ),
)
_LABEL = Phrase(
    "completo primeiro momento civil onde tipo versao",
    r"\b(?:nome completo|primeiro nome|momento de vida|estado civil|onde mora|tipo de trabalho|versao do texto)\s?:",
)
_PLACEHOLDER = re.compile(r"\[(?:nome|cidade|idade|profissao|estado|inserir)[^\]]*\]|\{\w+\}")
_OPENER = re.compile(r"\s*(?:claro|certamente|com certeza|com prazer|perfeito|ok)[!,:]")
_REFUSAL = Phrases(
    ("modelo", r"\bmodelo de linguagem\b"),
    ("assistente", r"\bassistente (?:virtual|de ia|digital)\b"),
    (
        "ia inteligencia chatbot assistente",
        r"\b(?:sou|como|enquanto) (?:uma? )?(?:ia|inteligencia artificial|chatbot"
        r"|assistente de (?:ia|inteligencia))\b",
    ),
    (
        "posso consigo poderei possivel autorizado autorizada",
        r"\bnao (?:posso|consigo|poderei|me e possivel|estou autorizad[oa] a)(?: \w+)?"
        r" (?:ajudar|criar|fornecer|escrever|atender|gerar|continuar|descrever|produzir|responder|cumprir"
        r"|compartilhar)\b",
    ),
    ("tenho possuo", r"\bnao (?:tenho|possuo) (?:acesso|informacoes|dados|permissao)\b"),
    ("diretrizes politica politicas", r"\b(?:diretrizes|politicas?) de (?:conteudo|uso|seguranca)\b"),
    ("viola violaria", r"\bviola(?:ria)? (?:as|a|minhas) (?:diretriz|politica)"),
    (
        "an sorry can cant cannot unable language",
        r"\b(?:as an ai|i'?m sorry|i can(?:'|no)?t (?:help|assist|do)|i am unable|language model)\b",
    ),
    (
        "posso consigo possivel",
        r"^\s*(?:desculpe|sinto muito|lamento|infelizmente)[^.]{0,40}\bnao (?:posso|consigo|sera possivel)\b",
    ),
)
_CODE_BOOK = Phrases(
    ("incompleto", r"\bmedio completo e superior incompleto\b|\bfundamental completo e medio incompleto\b"),
    ("instrucao", r"\bsem instrucao(?: e fundamental)?\b|\bnivel de instrucao\b"),
    ("posicao", r"\bposicao na ocupacao\b"),
    ("situacao", r"\bsituacao d[oe] domicilio\b"),
    ("condicao", r"\bcondicao (?:na|de) (?:ocupacao|atividade)\b"),
    ("forca", r"\b(?:fora da )?forca de trabalho\b"),
    (
        "desocupado desocupada desocupados desocupadas ocupado ocupada",
        r"\bdesocupad[oa]s?\b(?! d)|\bnao ocupad[oa]\b",
    ),
    ("elementar elementares", r"\bocupacao elementar\b|\bocupacoes elementares\b"),
    (
        "servicos apoio qualificado",
        r"\btrabalhador (?:dos servicos, vendedor|de apoio administrativo|qualificado d|qualificado, operario)",
    ),
    (
        "intelectual nivel",
        r"\bprofissional das ciencias ou intelectual\b|\b(?:tecnico ou )?profissional de nivel medio\b",
    ),
    ("operador", r"\boperador de instalac"),
    ("armadas", r"\bmembro das forcas armadas\b"),
    ("carteira", r"\b(?:privado|domestico|publico) (?:com|sem) carteira\b"),
    ("estatutario auxiliar", r"\bmilitar ou estatutario\b|\bfamiliar auxiliar\b"),
    ("raca", r"\bcor ou raca\b"),
    (
        "autodeclara autodeclaram autodeclarou autodeclarado autodeclarada autodeclarados autodeclaradas",
        r"\bautodeclar(?:a|am|ou|ad[oa]s?)\b",
    ),
    ("grupo", r"\bgrupo (?:ocupacional|de ocupacao)\b"),
    ("etaria", r"\bfaixa etaria\b"),
    (
        "pnad pnadc ibge cbo rais caged escore escores percentil score five",
        r"\b(?:pnad|pnadc|ibge|cbo|rais|caged|escore|escores|percentil|t-score|big five)\b",
    ),
    (
        "neuroticismo conscienciosidade amabilidade agradabilidade extroversao extraversao abertura",
        r"\b(?:neuroticismo|conscienciosidade|amabilidade|agradabilidade|extroversao|extraversao"
        r"|abertura a experiencia)\b",
    ),
    ("sexo", r"\bsexo (?:feminino|masculino)\b"),
    ("zona", r"\bzona (?:urbana)\b"),
)
_OPEN_WORDS = word_set("o a os as de da do das dos e com para em no na por pelo pela mas ou")
_TAIL = 40  # characters that show how a text ends
_SENTENCE_END = re.compile(r"[.!?][\"'”’»)\]]*$|[\"”»][.!?]?$")
_OPEN_END = re.compile(
    rf"(?:\.\.\.|…)[\"'”’»)]*$|(?<![\w-])(?<!não )(?<!nunca )(?:{'|'.join(sorted(_OPEN_WORDS))})[.!?]$", re.IGNORECASE
)
_LONGEST_PHRASE = 8
_RUN = re.compile(r"(\w)\1{5,}")
_MARKUP_CHARACTERS = re.compile(r"[*_`#>|\[\]•\n{}<]")


def check(text: Text, person: Mapping[str, Any], *, is_item: bool, max_repeats: int) -> Iterator[Finding]:
    """Findings in one text, or in one list of items put together.

    Args:
        person: What it is called may be said, though a code book has the words.
        is_item: Items of a list end without a full stop.
        max_repeats: A word may stand so many times in a row, a phrase once less.
    """
    raw, plain = text.raw, text.plain
    if any(map(raw.__contains__, _HARMONY_WORDS)) and (found := _HARMONY.search(raw)) is not None:
        yield Finding(ReasonCode.HARMONY_MARKER, found[0])
    if _MARKUP_CHARACTERS.search(raw) is not None or raw.lstrip()[:1] in "-–0123456789":
        if (found := _MARKDOWN.search(raw)) is not None:
            yield Finding(ReasonCode.MARKDOWN, found[0].strip())
        if (found := _FIELD_NAME.search(plain)) is not None:
            yield Finding(ReasonCode.PROMPT_LEFTOVER, found[0])
    if found := _OPENER.match(plain) or _leftover(text):
        yield Finding(ReasonCode.PROMPT_LEFTOVER, found[0].strip())
    if found := _REFUSAL.search(text):
        yield Finding(ReasonCode.REFUSAL, found[0].strip())
    if (found := _CODE_BOOK.search(text)) and not is_own(found[0].strip(), person):
        yield Finding(ReasonCode.CODE_BOOK_WORDS, found[0].strip())
    if not is_item and _is_cut(text):
        yield Finding(ReasonCode.TEXT_CUT, raw.rstrip()[-_TAIL:])
    if repeated := loop(text, max_repeats):
        yield Finding(ReasonCode.LOOP, repeated)


def _leftover(text: Text) -> re.Match[str] | None:
    found = [_LEFTOVER.search(text)]
    if ":" in text.plain:
        found.append(_LABEL.search(text))
    if "[" in text.plain or "{" in text.plain:
        found.append(_PLACEHOLDER.search(text.plain))
    return min(filter(None, found), key=re.Match.start, default=None)


def _is_cut(text: Text) -> bool:
    end = text.raw.rstrip()[-_TAIL:]
    if not _SENTENCE_END.search(end):
        return True
    may_be_open = ".." in end or "…" in end or not text.words or text.words[-1] in _OPEN_WORDS
    return may_be_open and _OPEN_END.search(end) is not None


@lru_cache(maxsize=65536)
def _is_run(word: str) -> bool:
    return _RUN.search(word) is not None


def loop(text: Text, max_repeats: int) -> str:
    """The words that stand too often in a row, or the sentence said twice; empty if none."""
    words = text.words
    if any(map(_is_run, text.vocabulary)):
        return next(filter(_is_run, words))[:20]
    triples = set(zip(words, words[1:], words[2:], strict=False))
    # Whatever is said so often in a row says three words of it again.
    for period in range(1, _LONGEST_PHRASE + 1) if len(triples) < len(words) - 2 else ():
        needed = max_repeats if period == 1 else period * (max_repeats - 1)
        run = 0
        for place, (here, there) in enumerate(zip(words, words[period:], strict=False)):
            run = run + 1 if here == there else 0
            if run >= needed:
                return " ".join(words[place : place + period])
    said = set()
    for sentence in text.plain.rstrip(".").split(". "):
        if sentence in said and sentence.count(" ") >= 2:
            return sentence[:60]
        said.add(sentence)
    return ""
