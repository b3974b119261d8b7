"""What betrays a machine: leftovers of the request, mark-up, refusals, cut sentences, loops, code-book words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from udfs.checks.reasons import Finding, ReasonCode
from udfs.checks.text import Text, word_set

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
_LEFTOVER = re.compile(
    r"\b(?:(?:como|conforme)(?: foi)? (?:solicitad[oa]|requisitad[oa]|instruid[oa])|(?:como foi"
    r"|conforme(?: foi)?) pedido)\b"
    r"|\b(?:de acordo com|segundo|conforme|com base n)[oa]?s? ?(?:[oa]s? )?"
    r"(?:fichas?|registros?|dados(?: fornecidos| da ficha| do registro)?|instruc(?:ao|oes)|informac(?:ao|oes)"
    r" fornecidas?|perfil fornecido|esquema)\b"
    r"|\b(?:dados|informacoes) (?:fornecid|disponibilizad)[oa]s\b"
    r"|\b(?:a|na|da) ficha (?:nao |tambem )?(?:informa|diz|menciona|traz|indica|mostra|da pessoa|fornecid|acima)"
    r"|\b(?:pessoa|individuo|dados?) d[ao] (?:ficha|registro)\b|\bregistro (?:nao |tambem )?(?:informa|diz|indica"
    r"|mostra)"
    r"|\bsegue(?:m)? (?:abaixo|o (?:texto|json|objeto|retrato)|a (?:persona|resposta|lista|descricao))\b"
    r"|\baqui (?:esta|vai|estao) (?:o texto|a (?:persona|resposta|lista|descricao)|os textos|as personas)"
    r"|\b(?:json|prompt|placeholder|lorem ipsum)\b|\bobjeto json\b"
    r"|\bespero que (?:este|esse|o|isso|ajude|goste|atenda)|\batend[ae] ao (?:pedido|solicitado)\b"
    r"|\b\d+ caracteres\b|\bcaracteres\b"
    r"|\bpersona (?:profissional|esportiva|artistica|culinaria|de viagens?|viajante)\b"
    r"|\b(?:texto|retrato|conteudo) (?:solicitad|pedid|acima|abaixo|anterior|gerad)"
    r"|\b(?:obs|observacao|nota)(?: \w+)?: (?:a ficha|o (?:texto|registro)|nao (?:ha|foi|consta|informad))"
    r"|\bnao (?:foi |esta |e )?(?:informad|especificad|fornecid)[oa]s?\b"
    r"|\b(?:nome completo|primeiro nome|momento de vida|estado civil|onde mora|tipo de trabalho|versao do texto)\s?:"
    r"|\[(?:nome|cidade|idade|profissao|estado|inserir)[^\]]*\]|\{\w+\}",
    re.MULTILINE,
)
_LEFTOVER_WORDS = word_set(
    "solicitado solicitada pedido requisitado requisitada instruido instruida instrucao instrucoes ficha fichas "
    "registro registros dados informacao informacoes perfil esquema json prompt placeholder lorem espero atenda "
    "atende caracteres persona personas texto textos retrato conteudo informado informada informados informadas "
    "especificado especificada fornecido fornecida fornecidos fornecidas abaixo resposta"
)
_LABEL_WORDS = frozenset(("nome", "onde", "tipo", "primeiro"))
_OPENER = re.compile(r"\s*(?:claro|certamente|com certeza|com prazer|perfeito|ok)[!,:]")
_REFUSAL = re.compile(
    r"\bmodelo de linguagem\b|\bassistente (?:virtual|de ia|digital)\b"
    r"|\b(?:sou|como|enquanto) (?:uma? )?(?:ia|inteligencia artificial|chatbot|assistente de (?:ia|inteligencia))\b"
    r"|\bnao (?:posso|consigo|poderei|me e possivel|estou autorizad[oa] a)(?: \w+)?"
    r" (?:ajudar|criar|fornecer|escrever|atender|gerar|continuar|descrever|produzir|responder|cumprir|compartilhar)\b"
    r"|\bnao (?:tenho|possuo) (?:acesso|informacoes|dados|permissao)\b"
    r"|\b(?:diretrizes|politicas?) de (?:conteudo|uso|seguranca)\b|\bviola(?:ria)? (?:as|a|minhas) (?:diretriz"
    r"|politica)"
    r"|\b(?:as an ai|i'?m sorry|i can(?:'|no)?t (?:help|assist|do)|i am unable|language model)\b"
    r"|^\s*(?:desculpe|sinto muito|lamento|infelizmente)[^.]{0,40}\bnao (?:posso|consigo|sera possivel)\b"
)
_REFUSAL_WORDS = word_set(
    "modelo assistente ia inteligencia chatbot posso consigo poderei possivel autorizado autorizada tenho possuo "
    "diretrizes politica politicas viola violaria sorry can cant cannot unable language"
)
_CODE_BOOK = re.compile(
    r"\bmedio completo e superior incompleto\b|\bfundamental completo e medio incompleto\b"
    r"|\bsem instrucao(?: e fundamental)?\b|\bnivel de instrucao\b|\bposicao na ocupacao\b"
    r"|\bsituacao d[oe] domicilio\b"
    r"|\bcondicao (?:na|de) (?:ocupacao|atividade)\b|\bfora da forca de trabalho\b|\bforca de trabalho\b"
    r"|\bdesocupad[oa]s?\b(?! d)|\bnao ocupad[oa]\b|\bocupacao elementar\b|\bocupacoes elementares\b"
    r"|\btrabalhador (?:dos servicos, vendedor|de apoio administrativo|qualificado d|qualificado, operario)"
    r"|\bprofissional das ciencias ou intelectual\b|\btecnico ou profissional de nivel medio\b"
    r"|\bprofissional de nivel medio\b|\boperador de instalac|\bmembro das forcas armadas\b"
    r"|\b(?:privado|domestico|publico) (?:com|sem) carteira\b|\bmilitar ou estatutario\b|\bfamiliar auxiliar\b"
    r"|\bcor ou raca\b|\bautodeclarad|\bgrupo (?:ocupacional|de ocupacao)\b|\bfaixa etaria\b"
    r"|\b(?:pnad|pnadc|ibge|cbo|rais|caged|escore|escores|percentil|t-score|big five)\b"
    r"|\b(?:neuroticismo|conscienciosidade|amabilidade|agradabilidade|extroversao|extraversao"
    r"|abertura a experiencia)\b"
    r"|\bsexo (?:feminino|masculino)\b|\bzona (?:urbana)\b"
)
_CODE_BOOK_WORDS = word_set(
    "incompleto instrucao posicao domicilio condicao forca desocupado desocupada desocupados desocupadas ocupado "
    "ocupada elementar elementares apoio servicos qualificado intelectual nivel instalacao armadas carteira "
    "estatutario auxiliar raca autodeclarado autodeclarada grupo etaria pnad pnadc ibge cbo rais caged escore escores "
    "percentil score five neuroticismo conscienciosidade amabilidade agradabilidade extroversao extraversao abertura "
    "sexo urbana"
)
_TAIL = 40  # characters that show how a text ends
_SENTENCE_END = re.compile(r"[.!?][\"'”’»)\]]*$|[\"”»][.!?]?$")
_OPEN_END = re.compile(
    r"(?:\.\.\.|…)[\"'”’»)]*$"
    r"|(?<![\w-])(?:o|a|os|as|de|da|do|das|dos|e|com|para|em|no|na|por|pelo|pela|mas|ou)[.!?]$",
    re.IGNORECASE,
)
_LONGEST_PHRASE = 8
_RUN = re.compile(r"(\w)\1{5,}")
_MARKUP_CHARACTERS = re.compile(r"[*_`#>|\[\]•\n{}<]")


def check(text: Text, *, is_item: bool, max_repeats: int) -> Iterator[Finding]:
    """Findings in one text, or in one list of items put together.

    Args:
        is_item: Items of a list end without a full stop.
        max_repeats: A word may stand so many times in a row, a phrase once less.
    """
    raw, plain = text.raw, text.plain
    if any(word in raw for word in _HARMONY_WORDS) and (found := _HARMONY.search(raw)) is not None:
        yield Finding(ReasonCode.HARMONY_MARKER, found[0])
    if _MARKUP_CHARACTERS.search(raw) is not None or raw.lstrip()[:1] in "-–0123456789":
        if (found := _MARKDOWN.search(raw)) is not None:
            yield Finding(ReasonCode.MARKDOWN, found[0].strip())
        if (found := _FIELD_NAME.search(plain)) is not None:
            yield Finding(ReasonCode.PROMPT_LEFTOVER, found[0])
    is_labelled = ":" in plain and not text.vocabulary.isdisjoint(_LABEL_WORDS)
    if found := _OPENER.match(plain):
        yield Finding(ReasonCode.PROMPT_LEFTOVER, found[0].strip())
    elif is_labelled or "[" in plain or "{" in plain or not text.vocabulary.isdisjoint(_LEFTOVER_WORDS):
        yield from _found(_LEFTOVER, plain, ReasonCode.PROMPT_LEFTOVER)
    if not text.vocabulary.isdisjoint(_REFUSAL_WORDS):
        yield from _found(_REFUSAL, plain, ReasonCode.REFUSAL)
    if not text.vocabulary.isdisjoint(_CODE_BOOK_WORDS):
        yield from _found(_CODE_BOOK, plain, ReasonCode.CODE_BOOK_WORDS)
    if not is_item:
        end = raw.rstrip()[-_TAIL:]
        if not _SENTENCE_END.search(end) or _OPEN_END.search(end):
            yield Finding(ReasonCode.TEXT_CUT, end)
    if repeated := loop(text, max_repeats):
        yield Finding(ReasonCode.LOOP, repeated)


def _found(pattern: re.Pattern[str], plain: str, reason: ReasonCode) -> Iterator[Finding]:
    if (found := pattern.search(plain)) is not None:
        yield Finding(reason, found[0].strip())


@lru_cache(maxsize=65536)
def _is_run(word: str) -> bool:
    return _RUN.search(word) is not None


def loop(text: Text, max_repeats: int) -> str:
    """The words that stand too often in a row, or the sentence said twice; empty if none."""
    for word in text.vocabulary:
        if _is_run(word):
            return word[:20]
    words = text.words
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
