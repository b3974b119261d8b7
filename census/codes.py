"""The code book: Povo's values in their fixed order, and IBGE's codes for them.

The order of a tuple is the integer code of a value, everywhere. It never changes: a new value is put at the end.
"""

from __future__ import annotations

from typing import NamedTuple


class State(NamedTuple):
    """A federative unit: IBGE code, abbreviation, name, macro-region."""

    code: int
    uf: str
    name: str
    region: str


STATES = (
    State(11, "RO", "Rondônia", "Norte"),
    State(12, "AC", "Acre", "Norte"),
    State(13, "AM", "Amazonas", "Norte"),
    State(14, "RR", "Roraima", "Norte"),
    State(15, "PA", "Pará", "Norte"),
    State(16, "AP", "Amapá", "Norte"),
    State(17, "TO", "Tocantins", "Norte"),
    State(21, "MA", "Maranhão", "Nordeste"),
    State(22, "PI", "Piauí", "Nordeste"),
    State(23, "CE", "Ceará", "Nordeste"),
    State(24, "RN", "Rio Grande do Norte", "Nordeste"),
    State(25, "PB", "Paraíba", "Nordeste"),
    State(26, "PE", "Pernambuco", "Nordeste"),
    State(27, "AL", "Alagoas", "Nordeste"),
    State(28, "SE", "Sergipe", "Nordeste"),
    State(29, "BA", "Bahia", "Nordeste"),
    State(31, "MG", "Minas Gerais", "Sudeste"),
    State(32, "ES", "Espírito Santo", "Sudeste"),
    State(33, "RJ", "Rio de Janeiro", "Sudeste"),
    State(35, "SP", "São Paulo", "Sudeste"),
    State(41, "PR", "Paraná", "Sul"),
    State(42, "SC", "Santa Catarina", "Sul"),
    State(43, "RS", "Rio Grande do Sul", "Sul"),
    State(50, "MS", "Mato Grosso do Sul", "Centro-Oeste"),
    State(51, "MT", "Mato Grosso", "Centro-Oeste"),
    State(52, "GO", "Goiás", "Centro-Oeste"),
    State(53, "DF", "Distrito Federal", "Centro-Oeste"),
)
UFS = tuple(state.uf for state in STATES)
STATE_OF = {state.uf: state for state in STATES}
UF_OF_CODE = {state.code: state.uf for state in STATES}
REGIONS = ("Norte", "Nordeste", "Sudeste", "Sul", "Centro-Oeste")

SEXES = ("F", "M")
RACES = ("branca", "preta", "amarela", "parda", "indígena")
ZONES = ("urbana", "rural")
EDUCATION_LEVELS = (
    "Sem instrução e fundamental incompleto",
    "Fundamental completo e médio incompleto",
    "Médio completo e superior incompleto",
    "Superior completo",
)
MARITAL_STATUSES = ("Solteiro", "Casado", "Separado", "Divorciado", "Viúvo")
UNION = ("não", "sim")
RELIGIONS = ("católica", "evangélica", "sem religião", "espírita", "umbanda e candomblé", "outra")
ACTIVITIES = ("ocupado", "desocupado", "estudante", "aposentado", "cuida do lar", "outro")
# What stands in place of an occupation for who does not work: woman's and man's word.
STAGES_OF_LIFE = {
    "desocupado": ("Desempregada", "Desempregado"),
    "estudante": ("Estudante", "Estudante"),
    "aposentado": ("Aposentada", "Aposentado"),
    "cuida do lar": ("Do lar", "Do lar"),
    "outro": ("Fora do mercado de trabalho", "Fora do mercado de trabalho"),
}
# COD great groups 1 to 9, then 0 (armed forces, police, firefighters); labels of the census publication.
OCCUPATION_GROUPS = (
    "Diretor ou gerente",
    "Profissional das ciências ou intelectual",
    "Técnico ou profissional de nível médio",
    "Trabalhador de apoio administrativo",
    "Trabalhador dos serviços, vendedor do comércio ou mercado",
    "Trabalhador qualificado da agropecuária, florestal, da caça ou da pesca",
    "Trabalhador qualificado, operário ou artesão da construção, das artes mecânicas ou de outro ofício",
    "Operador de instalação ou máquina ou montador",
    "Ocupação elementar",
    "Membro das forças armadas, policial ou bombeiro militar",
)
STATUTORY = "militar ou estatutário"
MEI_CEILING_BRL = 6750  # a month: receipts of R$ 81,000 a year, LC 123/2006, art. 18-A
POSITIONS = (
    "privado com carteira",
    "privado sem carteira",
    "doméstico com carteira",
    "doméstico sem carteira",
    "público com carteira",
    "público sem carteira",
    STATUTORY,
    "empregador",
    "conta própria",
    "familiar auxiliar",
)
MEI = ("não", "sim")
# Groups of activity of which the register of 2022 prints the share of MEI, and what is left of each sector.
# A title of the past is out of use today and was not then; a new one came after the jobs of who is old now.
TITLE_ERAS = ("past", "new")
MEI_TRADE_GROUPS = (
    "cabeleireiros e tratamento de beleza",
    "restaurantes e serviços de alimentação e bebidas",
    "publicidade",
    "catering, bufê e comida preparada",
    "outros serviços",
    "comércio varejista de vestuário e acessórios",
    "manutenção e reparação de veículos",
    "outro comércio",
    "serviços especializados para construção",
    "outra construção",
    "indústria",
    "agropecuária",
)
FACT_KINDS = ("dish", "feast", "music", "craft", "product", "sight", "place")
TRAITS = ("openness", "conscientiousness", "extraversion", "agreeableness", "neuroticism")

# First age of each band; the last is open. Bands of SIDRA 10061 from 20 on; 18-19 apart since few end school there.
AGE_BAND_STARTS = (0, 5, 10, 14, 18, 20, 25, 30, 35, 40, 45, 50, 55, 60, 65, 70, 75, 80)
AGE_BANDS = tuple(
    f"{start}-{end - 1}" if end else f"{start}+"
    for start, end in zip(AGE_BAND_STARTS, (*AGE_BAND_STARTS[1:], 0), strict=True)
)
# Coarser ages, for tables with many other parents: unions of bands.
_AGE_CLASS_STARTS = (0, 18, 25, 30, 40, 50, 60)
AGE_CLASSES = ("0-17", "18-24", "25-29", "30-39", "40-49", "50-59", "60+")
_CAREER_STAGE_STARTS = (0, 18, 25, 40, 55)
CAREER_STAGES = ("0-17", "18-24", "25-39", "40-54", "55+")
FIRST_ADULT_BAND = AGE_BANDS.index("18-19")
MAX_AGE_YEARS = 100

# Upper ends of the income bands, BRL a month of 2018; 954 was the minimum wage. The last band is open.
INCOME_BAND_ENDS = (0, 200, 400, 700, 953, 954, 1200, 1500, 2000, 3000, 5000, 10000)
INCOME_BANDS = tuple(
    f"<= {end}" if i == 0 else f"{INCOME_BAND_ENDS[i - 1]} to {end}" for i, end in enumerate(INCOME_BAND_ENDS)
) + (f"> {INCOME_BAND_ENDS[-1]}",)

# IBGE codes of PNAD Contínua.
PNADC_SEX = {1: "M", 2: "F"}
PNADC_RACE = {1: "branca", 2: "preta", 3: "amarela", 4: "parda", 5: "indígena"}  # 9: not stated
PNADC_ZONE = {1: "urbana", 2: "rural"}
# VD3001 of PNAD Contínua in the four census levels; 0 = under 5 years of age.
PNADC_EDUCATION = {1: 0, 2: 0, 3: 1, 4: 1, 5: 2, 6: 2, 7: 3}
# V4012, position in the main job; 0 = not working.
PNADC_POSITIONS = {
    1: "doméstico",
    2: "militar",
    3: "privado",
    4: "público",
    5: "empregador",
    6: "conta própria",
    7: "familiar auxiliar",
}
# VD4009 of PNAD Contínua, codes 1 to 10, in the order of POSITIONS.
COD_GROUP_OF_DIGIT = {1: 0, 2: 1, 3: 2, 4: 3, 5: 4, 6: 5, 7: 6, 8: 7, 9: 8, 0: 9}


def age_band(age_years: int) -> str:
    """The band of a completed age in years."""
    return AGE_BANDS[max(i for i, start in enumerate(AGE_BAND_STARTS) if start <= age_years)]


def age_class(age_years: int) -> str:
    """The class of a completed age, for positions in the job."""
    return AGE_CLASSES[max(i for i, start in enumerate(_AGE_CLASS_STARTS) if start <= age_years)]


def career_stage(age_years: int) -> str:
    """The stage of working life of a completed age, for occupations within a great group."""
    return CAREER_STAGES[max(i for i, start in enumerate(_CAREER_STAGE_STARTS) if start <= age_years)]
