"""The report page's Portuguese: names of variables, values, tables, stages, reasons, and numbers as read in Brazil."""

from __future__ import annotations

import re

from census import codes
from conf import settings
from jobs import _metrics

VARIABLES = {
    "activity (desocupado, estudante)": "atividade (desocupado, estudante)",
    "activity (aposentado, cuida do lar)": "atividade (aposentado, cuida do lar)",
    "position (carteira, estatuto)": "posição na ocupação (carteira, estatuto)",
    "position (carteira, por UF)": "posição na ocupação (carteira, por UF)",
    "uf": "estado",
    "region": "região",
    "municipality": "município",
    "municipality_code": "município",
    "age_class": "classe de idade",
    "career_stage": "fase da vida de trabalho",
    "pay_class": "faixa salarial da ocupação",
    "earning_class": "classe de rendimento",
    "income_class": "rendimento, em salários mínimos",
    "sex": "sexo",
    "age_band": "idade",
    "race": "cor ou raça",
    "education_level": "escolaridade",
    "zone": "situação do domicílio",
    "marital_status": "estado civil",
    "in_union": "vida em união",
    "religion": "religião",
    "activity": "atividade",
    "occupation_group": "grupo de ocupação",
    "occupation_cod": "ocupação",
    "position": "posição na ocupação",
    "may_be_mei": "possibilidade de ser MEI",
    "is_mei": "MEI",
    "income_band": "renda",
}
# Rivals of the model's estimator, the nearest kin first.
ESTIMATORS = {
    "rake, then shrink": "margens, depois encolher",
    "national": "tabela do Brasil",
    "saturated by state": "saturada por estado",
    "BDeu(10)": "BDeu (10)",
    "MLE": "máxima verossimilhança",
    "independence": "independência",
}
# What the values past the first few are, together.
MANY = {"municipality_code": "municípios", "occupation_cod": "ocupações"}
_MASCULINE = {"uf", "municipality", "municipality_code", "sex", "marital_status", "occupation_group"}
TEXTS = {
    "professional_persona": "Persona profissional",
    "sports_persona": "Persona esportiva",
    "arts_persona": "Persona artística",
    "travel_persona": "Persona viajante",
    "culinary_persona": "Persona culinária",
    "persona": "Persona",
    "cultural_background": "Origem cultural",
    "skills_and_expertise": "Competências",
    "hobbies_and_interests": "Passatempos e interesses",
    "career_goals_and_ambitions": "Metas e ambições",
}
# Mean characters in the reference set, as its card and samples show: personas, the short one, narratives.
REFERENCE_CHARACTERS = {name: 300 if name.endswith("_persona") else 180 if name == "persona" else 750 for name in TEXTS}
MENTIONS = {
    "share of records that name the person": ("Nome da pessoa", 1.00),
    "share of records that name the municipality": ("Município", 1.00),
    "share of records that name the state": ("Estado", 0.82),
    "share of records that name the occupation": ("Ocupação, de quem trabalha", 0.87),
    "share of records that name the age": ("Idade", 0.65),
}
VARIETY = {
    "share of distinct persona texts": "Personas curtas distintas",
    "share of distinct persona texts without the person's name": "Personas curtas distintas, sem contar o nome",
    "share of the ten texts that are distinct": "Textos distintos entre os dez de cada pessoa",
    "share of distinct full names": "Nomes completos distintos",
    "occupation titles in use": "Títulos de ocupação em uso",
}
STAGES = {
    "ingest": "leitura e conferência das fontes",
    "condition": "contagens condicionais das pesquisas",
    "fit": "ajuste da rede e numeração da população",
    "sample": "sorteio das pessoas",
    "write_text": "escrita dos textos",
    "validate": "conferência dos textos e medidas",
    "publish": "publicação",
}
STATUSES = {"done": "concluída", "running": "em andamento ou interrompida", "failed": "falhou"}
REASONS = {
    "answer_empty": "resposta vazia",
    "answer_truncated": "resposta cortada antes do fim",
    "not_json": "não é JSON válido",
    "schema": "fora do esquema pedido",
    "too_short": "texto curto demais",
    "too_long": "texto longo demais",
    "name_missing": "falta o nome da pessoa",
    "municipality_missing": "falta o município",
    "list_invalid": "lista inválida",
    "repeated_text": "o mesmo texto em dois campos",
    "not_portuguese": "texto em outra língua",
    "english_words": "inglês no meio do texto",
    "portuguese_of_portugal": "português de Portugal",
    "wrong_sex": "outro sexo que o da ficha",
    "wrong_age": "outra idade que a da ficha",
    "wrong_marital_status": "outro estado civil que o da ficha",
    "wrong_municipality": "outro município que o da ficha",
    "wrong_state": "outro estado que o da ficha",
    "wrong_occupation": "outra ocupação que a da ficha",
    "wrong_stage": "outra fase da vida que a da ficha",
    "invented_children": "filhos que a ficha não tem",
    "invented_spouse": "cônjuge que a ficha não tem",
    "document_number": "número de documento",
    "postal_code": "CEP",
    "phone_number": "telefone",
    "electronic_address": "e-mail ou endereço na internet",
    "street_number": "número de rua",
    "race_named": "cor ou raça dita no texto",
    "slur": "palavra que ofende",
    "stereotype": "estereótipo",
    "cliche": "lugar-comum",
    "prompt_leftover": "resto do pedido",
    "code_book_words": "palavras de formulário",
    "markdown": "marcas de formatação",
    "harmony_marker": "marcas do protocolo do modelo",
    "refusal": "recusa do modelo",
    "text_cut": "texto cortado",
    "loop": "texto que se repete",
}
# What the page calls each target of `_metrics`.
TARGETS = {
    _metrics.CENSUS_AGE: "Censo 2022, SIDRA 9514",
    _metrics.CENSUS_JOINT: "Censo 2022, SIDRA 10061 (amostra, preliminar)",
    _metrics.MODEL: "o esperado pelo próprio modelo",
    _metrics.HOUSEHOLDS: "Censo 2022, SIDRA 9922: domicílios, não pessoas",
    _metrics.SHARES: "proporções por estado, 10 anos ou mais",
    _metrics.SURVEY: "PNAD Contínua, 1º trimestre de 2026, ocupados",
}
_AGES = ((17, "até 17 anos"), (29, "18 a 29 anos"), (44, "30 a 44 anos"), (59, "45 a 59 anos"))
_VALUES = {"F": "mulheres", "M": "homens", "resto": "todas as outras", "True": "sim", "False": "não"}
# Column and row of each state in the tile grid: neighbours stay neighbours as far as a grid allows.
TILES = {
    uf: (column, row)
    for row, line in enumerate(
        (
            ". RR . AP . .",
            ". AM PA MA CE RN",
            "AC RO TO PI PE PB",
            ". MT GO BA SE AL",
            ". MS DF MG ES .",
            ". PR SP RJ . .",
            ". SC . . . .",
            ". RS . . . .",
        )
    )
    for column, uf in enumerate(line.split())
    if uf != "."
}


def number(value: float | None, digits: int = 0) -> str:
    """A number with comma and points, as in 1.234,5; an en dash where there is none."""
    if value is None or value != value:
        return "–"
    return f"{value:,.{digits}f}".translate(str.maketrans(",.", ".,"))


def percent(share: float | None, digits: int = 1) -> str:
    """A share of 1 in per cent."""
    return "–" if share is None else f"{number(100 * share, digits)}\u00a0%"


def duration(seconds: float | None) -> str:
    """Seconds, or minutes and seconds from two minutes on."""
    if seconds is None:
        return "–"
    if seconds < 120:
        return f"{number(seconds, 1)}\u00a0s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{number(minutes)}\u00a0min {rest:02d}\u00a0s"


def table_name(name: str) -> str:
    """The name of a fit without its state: "uf x race v. households" is "cor ou raça"."""
    columns = name.partition(" v. ")[0].split(" x ")[1:]
    return " × ".join(VARIABLES.get(column, column) for column in columns)


def equity_name(name: str) -> str:
    """The Portuguese of a figure of the family `fairness`, as `jobs/_fairness.py` names it."""
    if name.startswith("odds of "):
        outcome, _, groups = name.removeprefix("odds of ").partition(", ")
        column, _, pair = groups.partition("=")
        return f"{VARIABLES.get(column, column)}: {pair.replace(' to ', ' e ')}, associação com {_pairs(outcome)}"
    if name.startswith("presence of "):
        return _pairs(name.removeprefix("presence of "))
    outcome, _, group = name.partition(" of ")
    return f"{VARIABLES.get(outcome, outcome)}, {_pairs(group)}"


def _pairs(text: str) -> str:
    """`sex=F, race=preta` is "mulheres, preta"."""
    values = (part.partition("=") for part in text.split(", "))
    return ", ".join(value_name(column, value) for column, _, value in values)


def value_name(column: str, value: str) -> str:
    """A value as people read it."""
    if column == "age_band":
        start, dash, end = value.partition("-")
        return f"{start} a {end}" if dash else f"{value.removesuffix('+')} ou mais"
    if column == "marital_status":
        return {"Viúvo": "viúvo(a)"}.get(value, f"{value.lower()}(a)")
    return _VALUES.get(value, value[:1].lower() + value[1:])


def age_range(age_years: int) -> str:
    """The coarse range by which cards are filtered."""
    return next((name for top, name in _AGES if age_years <= top), "60 anos ou mais")


# What would raise a split of a variable, in the terms of conf/network.toml's `raised_by`.
RAISED_BY = {
    "activity (desocupado, estudante)": "a whole quarter of PNAD Contínua (sources.pnadc): VD4001, VD4002, V3002",
    "activity (aposentado, cuida do lar)": "the whole PNS 2019, and a quarter of PNAD Contínua with V4078A",
    "position (carteira, estatuto)": "a whole quarter of PNAD Contínua (sources.pnadc): VD4009",
    "position (carteira, por UF)": "a whole quarter of PNAD Contínua (sources.pnadc): VD4009",
}
_SPLITS = {
    "among who does not work it depends on sex and age alone, in all states alike": (
        "Entre quem não trabalha, depende só de sexo e idade, igual em todos os estados."
    ),
    "it depends on great group and schooling, but for its level": (
        "Depende do grande grupo e da instrução; o nível é o publicado."
    ),
    "the odds of the states are to each other as the source has them": (
        "As chances dos estados guardam entre si as proporções da fonte."
    ),
}


def assumption(sentence: str) -> str | None:
    """The Portuguese of `core_model__evidence.assumption`; as it came where it is worded otherwise, None for none."""
    found = re.fullmatch(r"(\w+) is independent of (.+) given (.+)", sentence)
    if found is None:
        return None if sentence == "none" else _SPLITS.get(sentence, sentence)
    (node,), others, given = ([_with_article(name) for name in part.split(", ")] for part in found.groups())
    known = ("Dada" if all(name.startswith("a ") for name in given) else "Dado") + ("s" if len(given) > 1 else "")
    return f"{known} {listed(given)}, {node} não depende {listed([f'd{name}' for name in others], 'nem')}."


def _with_article(variable: str) -> str:
    name = VARIABLES.get(variable, variable)
    if variable == "is_mei":
        return f"a condição de {name}"
    return f"{'o' if variable in _MASCULINE else 'a'} {name}"


def listed(items: list[str], last: str = "e") -> str:
    """a, b e c."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} {last} {items[-1]}"


def sources_in(text: str) -> list[str]:
    """The packaged sources whose names occur in `text`, as people cite them."""
    known = settings.sources()
    used = [known[name] for name in re.findall(r"\w+", text) if name in known]
    return list(dict.fromkeys(f"{s.institution}: {s.survey}, {s.table}" for s in used))


def occupation(title: str | None, activity: str | None, sex: str) -> str:
    """The title of who works, or the stage of life, in the person's gender."""
    if title:
        return title
    return codes.STAGES_OF_LIFE[activity][0 if sex == "F" else 1] if activity in codes.STAGES_OF_LIFE else "Criança"


def state_name(uf: str) -> str:
    return "Brasil (estados desta base)" if uf == _metrics.NATIONAL else codes.STATE_OF[uf].name
