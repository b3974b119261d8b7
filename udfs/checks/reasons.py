"""The registry of what can be wrong with an answer: a code, how grave it is, a reason in Portuguese and in English."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Literal

Severity = Literal["reject", "warn"]


class ReasonCode(str, Enum):
    """Why an answer is not accepted; `message` is the sentence for asking again."""

    ANSWER_EMPTY = "answer_empty"
    ANSWER_TRUNCATED = "answer_truncated"
    NOT_JSON = "not_json"
    SCHEMA = "schema"
    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    NAME_MISSING = "name_missing"
    MUNICIPALITY_MISSING = "municipality_missing"
    LIST_INVALID = "list_invalid"
    REPEATED_TEXT = "repeated_text"
    NOT_PORTUGUESE = "not_portuguese"
    ENGLISH_WORDS = "english_words"
    PORTUGUESE_OF_PORTUGAL = "portuguese_of_portugal"
    WRONG_SEX = "wrong_sex"
    WRONG_AGE = "wrong_age"
    WRONG_MARITAL_STATUS = "wrong_marital_status"
    WRONG_MUNICIPALITY = "wrong_municipality"
    WRONG_STATE = "wrong_state"
    WRONG_OCCUPATION = "wrong_occupation"
    WRONG_STAGE = "wrong_stage"
    INVENTED_CHILDREN = "invented_children"
    INVENTED_SPOUSE = "invented_spouse"
    DOCUMENT_NUMBER = "document_number"
    POSTAL_CODE = "postal_code"
    PHONE_NUMBER = "phone_number"
    ELECTRONIC_ADDRESS = "electronic_address"
    STREET_NUMBER = "street_number"
    RACE_NAMED = "race_named"
    SLUR = "slur"
    STEREOTYPE = "stereotype"
    CLICHE = "cliche"
    PROMPT_LEFTOVER = "prompt_leftover"
    CODE_BOOK_WORDS = "code_book_words"
    MARKDOWN = "markdown"
    HARMONY_MARKER = "harmony_marker"
    REFUSAL = "refusal"
    TEXT_CUT = "text_cut"
    LOOP = "loop"

    @property
    def severity(self) -> Severity:
        return _REASONS[self].severity

    @property
    def message(self) -> str:
        return _REASONS[self].portuguese

    @property
    def english(self) -> str:
        return _REASONS[self].english


@dataclass(frozen=True)
class _Reason:
    portuguese: str
    english: str
    severity: Severity = "reject"


_REASONS = {
    ReasonCode.ANSWER_EMPTY: _Reason(
        "A resposta veio vazia: responda com o objeto JSON pedido.",
        "The answer is empty.",
    ),
    ReasonCode.ANSWER_TRUNCATED: _Reason(
        "A resposta foi cortada antes do fim: pense menos e escreva textos mais curtos.",
        "The answer was cut at the token limit.",
    ),
    ReasonCode.NOT_JSON: _Reason(
        "A resposta não é um objeto JSON válido: responda só com o objeto, sem nada antes ou depois.",
        "The answer is not a JSON object.",
    ),
    ReasonCode.SCHEMA: _Reason(
        "O objeto não segue o esquema: use exatamente os campos e os tipos pedidos.",
        "The object does not follow the schema.",
    ),
    ReasonCode.TOO_SHORT: _Reason("Há texto curto demais: escreva mais.", "A text is too short."),
    ReasonCode.TOO_LONG: _Reason("Há texto longo demais: escreva menos.", "A text is too long."),
    ReasonCode.NAME_MISSING: _Reason(
        "Falta o nome da pessoa em um texto que precisa dele.",
        "A text that needs the person's name lacks it.",
    ),
    ReasonCode.MUNICIPALITY_MISSING: _Reason(
        "Nenhum texto diz o nome da cidade da pessoa.",
        "No text says the municipality.",
    ),
    ReasonCode.LIST_INVALID: _Reason(
        "Uma das listas não serve: use alguns itens curtos, sem repetir nenhum.",
        "A list is no list, or its items are too few, too many, too long or repeated.",
    ),
    ReasonCode.REPEATED_TEXT: _Reason(
        "Dois campos trazem o mesmo texto: escreva um diferente para cada campo.",
        "Two fields hold the same text.",
    ),
    ReasonCode.NOT_PORTUGUESE: _Reason(
        "Há texto que não está em português: escreva tudo em português do Brasil.",
        "A text is not in Portuguese.",
    ),
    ReasonCode.ENGLISH_WORDS: _Reason(
        "Há inglês no meio do texto: escreva tudo em português do Brasil.",
        "A Portuguese text has English mixed in.",
    ),
    ReasonCode.PORTUGUESE_OF_PORTUGAL: _Reason(
        "Há palavras ou construções de Portugal: escreva como se fala no Brasil.",
        "A text has words or constructions of European Portuguese.",
    ),
    ReasonCode.WRONG_SEX: _Reason(
        "O texto trata a pessoa pelo outro gênero: siga a linha Pessoa da ficha.",
        "A text speaks of the person in the other gender.",
    ),
    ReasonCode.WRONG_AGE: _Reason(
        "O texto dá à pessoa outra idade: siga a ficha.",
        "A text gives the person another age.",
    ),
    ReasonCode.WRONG_MARITAL_STATUS: _Reason(
        "O texto dá à pessoa outro estado civil: siga a ficha.",
        "A text gives the person another marital status.",
    ),
    ReasonCode.WRONG_MUNICIPALITY: _Reason(
        "O texto põe a pessoa em outra cidade: ela mora na cidade da ficha.",
        "A text makes the person live in another municipality.",
    ),
    ReasonCode.WRONG_STATE: _Reason(
        "O texto põe a cidade em outro estado: siga a ficha.",
        "A text puts the person or the municipality in another state.",
    ),
    ReasonCode.WRONG_OCCUPATION: _Reason(
        "O texto dá à pessoa outra profissão: siga a ficha.",
        "A text gives the person another occupation.",
    ),
    ReasonCode.WRONG_STAGE: _Reason(
        "O texto contradiz o momento de vida da ficha (trabalha, estuda, procura trabalho, cuida da casa, "
        "aposentou-se).",
        "A text contradicts the person's stage of life.",
    ),
    ReasonCode.INVENTED_CHILDREN: _Reason(
        "O texto inventa filhos ou netos: não os mencione.",
        "A text invents children or grandchildren.",
    ),
    ReasonCode.INVENTED_SPOUSE: _Reason(
        "O texto inventa marido, esposa, companheiro ou namoro que a ficha não diz.",
        "A text invents a spouse or partner.",
    ),
    ReasonCode.DOCUMENT_NUMBER: _Reason(
        "Há número de documento no texto: tire-o.",
        "A text has a number that looks like a CPF or CNPJ.",
    ),
    ReasonCode.POSTAL_CODE: _Reason("Há um CEP no texto: tire-o.", "A text has a postal code."),
    ReasonCode.PHONE_NUMBER: _Reason("Há número de telefone no texto: tire-o.", "A text has a phone number."),
    ReasonCode.ELECTRONIC_ADDRESS: _Reason(
        "Há endereço eletrônico no texto: tire-o.",
        "A text has an e-mail or web address.",
    ),
    ReasonCode.STREET_NUMBER: _Reason(
        "Há endereço com número no texto: tire-o.",
        "A text has a street address with a number.",
    ),
    ReasonCode.RACE_NAMED: _Reason(
        "O texto nomeia ou sugere cor, raça, etnia ou ascendência: não fale disso.",
        "A text names or hints at race, colour, ethnicity or descent.",
    ),
    ReasonCode.SLUR: _Reason("Há palavra ofensiva no texto: tire-a.", "A text has a slur."),
    ReasonCode.STEREOTYPE: _Reason(
        "Há estereótipo no texto: mostre a pessoa pelo que ela faz.",
        "A text has a stereotype.",
    ),
    ReasonCode.CLICHE: _Reason(
        "Há clichê sobre gente pobre ou sofrida no texto: mostre a pessoa pelo que ela faz.",
        "A text has a cliché of the humble or the fighter.",
        severity="warn",
    ),
    ReasonCode.PROMPT_LEFTOVER: _Reason(
        "O texto fala do pedido ou da ficha: escreva só o retrato da pessoa.",
        "A text speaks of the request or the record.",
    ),
    ReasonCode.CODE_BOOK_WORDS: _Reason(
        "Há palavras de questionário no texto: diga isso como as pessoas dizem.",
        "A text has words of a code book.",
    ),
    ReasonCode.MARKDOWN: _Reason(
        "Há marcas de formatação no texto: escreva em prosa corrida.",
        "A text has Markdown or other mark-up.",
    ),
    ReasonCode.HARMONY_MARKER: _Reason(
        "Há marcas internas do modelo no texto: escreva só a resposta final.",
        "A text has markers of the model's chat format.",
    ),
    ReasonCode.REFUSAL: _Reason(
        "O texto recusa o pedido ou fala do modelo: a pessoa não existe, escreva o retrato.",
        "A text refuses or speaks of the model.",
    ),
    ReasonCode.TEXT_CUT: _Reason(
        "Há texto que acaba no meio da frase: termine todas as frases.",
        "A text ends in the middle of a sentence.",
    ),
    ReasonCode.LOOP: _Reason(
        "Há texto que repete as mesmas palavras: escreva sem repetição.",
        "A text repeats itself.",
    ),
}


@dataclass(frozen=True)
class Finding:
    """What a check found in one text: the reason, and the words that show it."""

    reason: ReasonCode
    evidence: str = ""


@dataclass(frozen=True)
class Problem:
    """What is wrong with an answer: call 1 or 2, the reason, and the field and figures in `detail`."""

    call: int
    reason: ReasonCode
    detail: str = ""

    @property
    def message(self) -> str:
        """The sentence for asking again, in Portuguese."""
        return f"{self.reason.message} ({self.detail})" if self.detail else self.reason.message
