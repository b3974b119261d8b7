"""The layout of each source: its columns, their codes and ranges, and what they become."""

from __future__ import annotations

from collections.abc import Mapping

from census import codes
from census.fields import Field, Layout, Total


def _same(values: tuple[str, ...]) -> dict[str, str | None]:
    return {value: value for value in values}


def _text(mapping: Mapping[int, str]) -> dict[str, str | None]:
    return {str(code): value for code, value in mapping.items()}


_UF_CODE = _text(codes.UF_OF_CODE)
_REGIONS = _same(codes.REGIONS)
_SEX = _text(codes.PNADC_SEX)
_RACE: dict[str, str | None] = {**_text(codes.PNADC_RACE), "9": None}
_ZONE = _text(codes.PNADC_ZONE)
_AGES_0_100 = tuple(f"idade_{age}" for age in range(101))
_EDUCATION = {str(code): codes.EDUCATION_LEVELS[level] for code, level in codes.PNADC_EDUCATION.items()}
FARMING = (
    "valor_lavoura_permanente_2021_mil_reais",
    "bovinos_2021",
    "suinos_2021",
    "galinaceos_2021",
    "valor_origem_animal_2016_mil_reais",
    "valor_aquicultura_2016_mil_reais",
)
# What supports a cultural fact.
_ORIGINS = {"registro": "register", "lista": "list", "geral": "general"}
_ARTS = {
    "festa": "feast",
    "celebração": "feast",
    "música": "music",
    "dança": "music",
    "artesanato": "craft",
    "saber": "craft",
}
_RACE_LOWER: dict[str, str | None] = {
    "branca": "branca",
    "preta": "preta",
    "amarela": "amarela",
    "parda": "parda",
    "indigena": "indígena",
    "nao_informada": None,
}
_RACE_TITLE: dict[str, str | None] = {race.capitalize(): race for race in codes.RACES}
_EDUCATION_SLUG: dict[str, str | None] = dict(
    zip(
        ("ate_fund_incompleto", "fund_completo", "medio_completo", "superior_completo"),
        codes.EDUCATION_LEVELS,
        strict=True,
    )
)
_MARITAL_SLUG: dict[str, str | None] = {
    "solteiro": "Solteiro",
    "casado": "Casado",
    "separado_judicialmente": "Separado",
    "divorciado": "Divorciado",
    "viuvo": "Viúvo",
}
_POSITION_VD4009: dict[str, str | None] = {f"{i + 1}.0": position for i, position in enumerate(codes.POSITIONS)}
_GROUP_VD4011: dict[str, str | None] = {f"{i + 1}.0": group for i, group in enumerate(codes.OCCUPATION_GROUPS)} | {
    "11.0": None
}
_YES_NO: dict[str, str | None] = {"1": "true", "2": "false"}
_YES_NO_FLOAT: dict[str, str | None] = {"1.0": "true", "2.0": "false"}


def _two_digits(last: int) -> dict[str, str | None]:
    """Codes '01' to `last`, written with or without the zero."""
    return {written: f"{code:02}" for code in range(1, last + 1) for written in (str(code), f"{code:02}")}


# VD4009, in the order of POSITIONS.
_POSITION_CODE: dict[str, str | None] = {
    written: codes.POSITIONS[int(code) - 1] for written, code in _two_digits(10).items() if code is not None
}


def _float_keys(mapping: Mapping[str, str | None]) -> dict[str, str | None]:
    """The same codes, written '1' or '1.0'."""
    return {written: value for code, value in mapping.items() for written in (code, f"{code}.0")}


# C007 of PNAD COVID19 in the words of V4012; 9 is outside of the labour market.
_COVID_POSITION: dict[str, str | None] = {
    "1": "doméstico",
    "2": "militar",
    "3": "militar",
    "4": "privado",
    "5": "público",
    "6": "empregador",
    "7": "conta própria",
    "8": "familiar auxiliar",
    "9": None,
}
_COVID_CONTRACT: dict[str, str | None] = {"1": "com carteira", "2": "estatutário", "3": "sem carteira"}


def age_group_10061(printed: str) -> str:
    """'18 a 24 anos' -> '18-24'; '80 anos ou mais' -> '80+'."""
    words = printed.split()
    return f"{words[0]}+" if words[1] == "anos" else f"{words[0]}-{words[2]}"


_AGE_GROUPS_UF = {
    printed: age_group_10061(printed)
    for printed in ("18 a 24 anos", *(f"{a} a {a + 4} anos" for a in range(25, 80, 5)), "80 anos ou mais")
}
_AGE_GROUPS_MUNICIPALITY: dict[str, str | None] = {
    printed: age_group_10061(printed)
    for printed in (
        "18 a 19 anos",
        "20 a 24 anos",
        *(f"{a} a {a + 4} anos" for a in range(25, 80, 5)),
        "80 anos ou mais",
    )
}
_AGE_GROUPS_INCOME: dict[str, str | None] = {
    **_AGE_GROUPS_MUNICIPALITY,
    "Total": "all",
    "18 a 24 anos": "18-24",
    **{f"{first} a {last} anos": f"{first}-{last}" for first, last in ((10, 13), (14, 17), (25, 64))},
    **{f"{first} anos ou mais": f"{first}+" for first in (14, 25, 65)},
}
PERIODS: dict[str, str | None] = {
    "ate_1949": "1940",
    "1950_1959": "1950",
    "1960_1969": "1960",
    "1970_1979": "1970",
    "1980_1989": "1980",
    "1990_ou_mais": "1990",
}

_ALL_NUMBERS = "aggregate(numbers, 0D, (sum, number) -> sum + number)"
_MUNICIPALITIES = Total("municipalities", "size(collect_set(municipality_code))", 5570, 5570)


def _about(says: str, sql: str, expected: float, tolerance: float = 0.005) -> Total:
    """A total that a revision may move a little, and another unit would move a lot."""
    return Total(says, sql, expected * (1 - tolerance), expected * (1 + tolerance))


_MEASURES: dict[str, str | None] = {
    "populacao": "population",
    "pea": "labour_force",
    "ocupado": "working",
    "ocupacao": "working",  # the same, where the dimension is the total
    "desemprego": "looking",
    "empregadoCC": "employee_with_contract",
    "empregadoSC": "employee_without_contract_or_family",
    "cpropria": "own_account",
    "cpropriaC": "own_account_contributing",
    "cpropriaNc": "own_account_not_contributing",
    "empregador": "employer",
    "militar": "military_or_statutory",
    **dict.fromkeys(("desa", "desalento", "formal", "homeoffice", "informal", "informalidade", "nemnem")),
}
_COVID = Layout(
    (
        Field(
            "UF",
            "uf",
            codes={written: uf for code, uf in codes.UF_OF_CODE.items() for written in (f"{code}.0", str(code))},
        ),
        Field("V1022", "zone", codes=_float_keys(_ZONE)),
        Field("V1032", "weight_persons", "number", required=False, low=1e-9, empty=("", "NA")),
        Field("A002", "age_years", "int", low=0, high=130),
        Field("A003", "sex", codes=_float_keys(_SEX)),
        Field("A004", "race", codes=_float_keys(_RACE)),
        Field("A005", "education_level", codes=_float_keys({**_EDUCATION, "8": codes.EDUCATION_LEVELS[3]})),
        Field("C001", "has_worked", codes=_float_keys(_YES_NO), required=False, empty=("", "NA")),
        Field("C002", "is_away", codes=_float_keys(_YES_NO), required=False, empty=("", "NA")),
        Field("C007", "survey_position", codes=_float_keys(_COVID_POSITION), required=False, empty=("", "NA")),
        Field("C007B", "contract", codes=_float_keys(_COVID_CONTRACT), required=False, empty=("", "NA")),
        Field("C015", "is_looking", codes=_float_keys(_YES_NO), required=False, empty=("", "NA")),
        Field("C01012", "income_brl", "number", required=False, low=0, empty=("", "NA")),
    )
)

LAYOUTS: dict[str, Layout] = {
    "municipalities": Layout(
        (
            Field("codigo_ibge", "municipality_code"),
            Field("nome", "municipality_name"),
            Field("sigla_uf", "uf", codes=_same(codes.UFS)),
            Field("nome_uf", "state_name"),
            Field("regiao", "region", codes=_REGIONS),
            Field("pop_censo_2022", "population_persons", "int", low=1),
            Field("capital", "is_capital", codes={"0": "false", "1": "true"}),
        )
    ),
    "census2022_age": Layout(
        (Field("cod_municipio", "municipality_code"),),
        long=_AGES_0_100,
        totals=(_MUNICIPALITIES, _about("persons", f"sum({_ALL_NUMBERS})", 203_080_756)),
    ),
    "estimates2022_sex_age": Layout(
        (Field("cod_municipio", "municipality_code"), Field("sexo", "sex", codes=_same(codes.SEXES))),
        long=_AGES_0_100[:81],
        totals=(_MUNICIPALITIES, _about("persons", f"sum({_ALL_NUMBERS})", 210_862_983)),
    ),
    "census2010_sex_age80": Layout(
        (Field("cod_municipio", "municipality_code"), Field("sexo", "sex", codes=_same(codes.SEXES))),
        long=_AGES_0_100[80:],
        totals=(_about("persons of 80 and over", f"sum({_ALL_NUMBERS})", 2_935_584),),
    ),
    "census2022_education_uf": Layout(
        (
            Field("sigla_uf", "uf", codes=_same(codes.UFS)),
            Field("sexo", "sex", codes={"Homens": "M", "Mulheres": "F"}),
            Field("cor_raca", "race", codes=_RACE_TITLE),
            Field("grupo_idade", "age_group", codes=_AGE_GROUPS_UF),
            Field("nivel_instrucao", "education_level", codes=_same(codes.EDUCATION_LEVELS)),
            Field("pessoas", "persons", "number", low=0),
        ),
        totals=(
            Total("cells", "size(collect_set(struct(uf, sex, race, age_group, education_level)))", 14040, 14040),
            _about("persons of 18 and over", "sum(persons)", 154_279_101),
        ),
    ),
    "census2022_education_municipality": Layout(
        (
            Field("cod_municipio", "municipality_code"),
            Field("cor_raca", "race", codes={**_RACE_TITLE, "Total": None}),
            Field("grupo_idade", "age_group", codes=_AGE_GROUPS_MUNICIPALITY),
        ),
        long=(
            "sem_instrucao_fund_incompleto",
            "fund_completo_medio_incompleto",
            "medio_completo_sup_incompleto",
            "superior_completo",
        ),
        totals=(
            _MUNICIPALITIES,
            _about("persons of 18 and over", f"sum(CASE WHEN race IS NOT NULL THEN {_ALL_NUMBERS} END)", 154_278_987),
            _about(
                "persons in the rows of all races", f"sum(CASE WHEN race IS NULL THEN {_ALL_NUMBERS} END)", 154_309_573
            ),
        ),
    ),
    "census2022_zone": Layout(
        (
            Field("cod_municipio", "municipality_code"),
            Field("domicilios_urbana", "households_urban", "int", low=0),
            Field("domicilios_rural", "households_rural", "int", low=0),
        ),
        totals=(
            _MUNICIPALITIES,
            _about("households", "sum(CAST(households_urban + households_rural AS BIGINT))", 72_456_368),
        ),
    ),
    "pnadc_2018t2": Layout(
        (
            Field("UF", "uf", codes=_UF_CODE),
            Field("UPA", "upa", "int", low=1),
            Field("Estrato", "stratum", "int", low=1),
            Field("V1008", "dwelling", "int", low=0),
            Field("V1014", "panel", "int", low=0),
            Field("V1022", "zone", codes=_ZONE),
            Field("V1028", "weight_persons", "number", low=1e-9),
            Field("V2007", "sex", codes=_SEX),
            Field("V2009", "age_years", "int", low=0, high=130),
            Field("V2010", "race", codes=_RACE),
            # The packaged extract has 0 where IBGE's file is blank: under 5 years of age, without work.
            Field("VD3001", "education_level", codes={**_EDUCATION, "0": None}, required=False, also=("VD3004",)),
            Field("V4010", "occupation_cod", required=False, pattern="[0-9]{4}"),
            Field("V4012", "survey_position", codes={**_text(codes.PNADC_POSITIONS), "0": None}, required=False),
            Field("V403312", "income_brl", "number", required=False, low=0),
            Field("V4039", "hours", "number", required=False, low=0, high=168),
        ),
        # A whole quarter of IBGE has these; the packaged extract does not.
        extra=(
            Field("VD4009", "position", codes=_POSITION_CODE, required=False),
            Field("VD4010", "sector_code", codes=_two_digits(12), required=False),
            Field("VD4001", "in_labour_force", codes=_YES_NO, required=False),
            Field("VD4002", "condition", codes={"1": "working", "2": "looking"}, required=False),
            Field("V3002", "is_in_school", codes=_YES_NO, required=False),
        ),
    ),
    "pnadc_2017t1": Layout(
        (
            Field("UF", "uf", codes=_UF_CODE),
            Field("V2007", "sex", codes=_SEX),
            Field("V2009", "age_years", "int", low=0, high=130),
            Field("V2010", "race", codes=_RACE),
            Field("VD3002", "study_years", "int", required=False, low=0, high=16, empty=("", "NA")),
            Field("VD4020", "income_brl", "number", required=False, low=0, empty=("", "NA")),
            Field("V1022", "zone", codes=_ZONE),
            Field("V1028", "weight_persons", "number", low=1e-9),
        )
    ),
    "pnadc_2017t2": Layout(
        (
            Field("sexo", "sex", codes={"feminino": "F", "masculino": "M"}),
            Field("idade", "age_years", "int", low=0, high=130),
            Field("freq_esc", "is_in_school", codes=_YES_NO_FLOAT, required=False),
            Field(
                "nivel_instrucao",
                "education_level",
                codes={
                    "sem_instrucao": codes.EDUCATION_LEVELS[0],
                    "fundamental_inc": codes.EDUCATION_LEVELS[0],
                    "fundamental": codes.EDUCATION_LEVELS[1],
                    "medio_inc": codes.EDUCATION_LEVELS[1],
                    "medio": codes.EDUCATION_LEVELS[2],
                    "superior_inc": codes.EDUCATION_LEVELS[2],
                    "superior": codes.EDUCATION_LEVELS[3],
                },
                required=False,
            ),
            Field("ocup_cond", "condition", codes={"1.0": "working", "2.0": "looking"}, required=False),
            Field("ocup_grupo", "occupation_group", codes=_GROUP_VD4011, required=False),
            Field("ocup_pos2", "position", codes=_POSITION_VD4009, required=False),
        )
    ),
    "pnadc_2017t4": Layout(
        (
            Field("V2007", "sex", codes=_SEX),
            Field("V2009", "age_years", "int", low=0, high=130),
            Field("V3002", "is_in_school", codes=_YES_NO, required=False),
            Field("VD4002", "condition", codes={"1": "working", "2": "looking"}, required=False),
            Field("V4078A", "reason_not_working", codes={str(i): str(i) for i in range(1, 7)}, required=False),
            Field("V1028", "weight_persons", "number", low=1e-9),
        )
    ),
    "pns_2019": Layout(
        (
            Field("C006", "sex", codes={"1": "M", "2": "F"}),
            Field("C008", "age_years", "int", low=0, high=130),
            Field("VDE001", "in_labour_force", codes=_YES_NO, required=False),
            Field("F001011", "has_pension", codes=_YES_NO, required=False),
            Field(
                "C011",
                "marital_status",
                codes={"1": "Casado", "2": "Divorciado", "3": "Viúvo", "4": "Solteiro"},
                required=False,
            ),
            Field("V00281", "weight_persons", "number", required=False, low=1e-9, empty=("", ".")),
        ),
        only=("V0015", "01"),  # interviews that took place
    ),
    "published_margins": Layout(
        (
            Field("tema", "topic"),
            Field("ano", "year", "int", low=1990, high=2030),
            Field("universo", "universe"),
            Field("geografia", "area"),
            Field("dimensoes", "dimensions", required=False),
            Field("categoria", "category", required=False),
            Field("valor", "value", "number"),
            Field("unidade", "unit"),
        )
    ),
    "pnadc_2026t1_occupation": Layout(
        (
            Field("uf", "uf", codes=_same(codes.UFS)),
            Field("cod3", "occupation_cod3", pattern="[0-9]{3}"),
            Field("male_workers", "men", "number", low=0),
            Field("female_workers", "women", "number", low=0),
            Field("total_workers", "persons", "number", low=1),
            Field("sample_size", "rows", "int", low=1),
            Field("weight_sq_sum", "weight_squared", "number", low=1e-9),
        ),
        totals=(
            Total("states", "size(collect_set(uf))", 27, 27),
            _about("occupied persons", "sum(persons)", 98_377_300, 0.1),
            _about("occupied persons by sex", "sum(men + women)", 98_377_300, 0.1),
        ),
    ),
    "pnadc_2026t1_state": Layout(
        (
            Field("uf", "uf", codes=_same(codes.UFS)),
            Field("ocupados", "persons", "number", low=1),
            Field("suprimido", "suppressed_persons", "number", low=0),
        ),
        totals=(
            Total("states", "size(collect_set(uf))", 27, 27),
            _about("occupied persons", "sum(persons)", 101_960_879, 0.1),
        ),
    ),
    "atlas2010_work": Layout(
        (
            Field("codmun7", "municipality_code"),
            Field("cpr", "own_account_percent", "number", low=0, high=100),
            Field("emp", "employer_percent", "number", low=0, high=100),
            Field("trabcc", "with_contract_percent", "number", low=0, high=100),
            Field("trabsc", "without_contract_percent", "number", low=0, high=100),
            Field("trabpub", "public_percent", "number", low=0, high=100),
            Field("pesourb", "urban_persons", "number", low=0),
            Field("pesorur", "rural_persons", "number", low=0),
        ),
        totals=(
            Total("municipalities", "size(collect_set(municipality_code))", 5565, 5565),
            _about("persons", "sum(urban_persons + rural_persons)", 190_755_799),
        ),
    ),
    "pnadc_trend": Layout(
        (
            Field("Ano", "year", "int", low=2012, high=2030),
            Field("Trimestre", "quarter", "int", low=1, high=4),
            Field("medida", "measure", codes=_MEASURES),
            Field(
                "dim",
                "dimension",
                codes={
                    "total": "total",
                    "educ": "education",
                    "etaria": "age",
                    "genero": "sex",
                    "urbana": "urbana",
                    "rural": "rural",
                    "metro": "metropolitan",
                    "nmetro": "not_metropolitan",
                },
            ),
            Field("cat", "code", "int", required=False, low=1, high=7),
            Field("valor", "persons", "number", low=0),
        ),
        totals=(
            _about(
                "persons in the last quarter of 2021",
                "sum(persons) FILTER (WHERE measure = 'population' AND dimension = 'total' AND year = 2021 AND quarter = 4)",
                213_188_320,
            ),
        ),
    ),
    "census2022_income": Layout(
        (
            Field("cod_municipio", "municipality_code"),
            Field("grupo_idade", "age_group", codes=_AGE_GROUPS_INCOME),
            Field("total", "total", "number", required=False, low=0),
            *(
                Field(race.replace("í", "i"), race.replace("í", "i"), "number", required=False, low=0)
                for race in codes.RACES
            ),
        ),
        totals=(
            _MUNICIPALITIES,
            _about(
                "mean of the municipalities, BRL a month", "avg(total) FILTER (WHERE age_group = 'all')", 2008.6, 0.05
            ),
        ),
    ),
    "atlas2010_sector": Layout(
        (Field("codmun7", "municipality_code"),),
        long=("p_agro", "p_com", "p_constr", "p_extr", "p_serv", "p_siup", "p_transf"),
        totals=(_about("per cent of a municipality in the seven sectors", f"avg({_ALL_NUMBERS})", 96.0, 0.04),),
    ),
    "pnadc_2026t1_colour": Layout(
        (
            Field("cod3", "occupation_cod3", pattern="[0-9]{3}"),
            Field("male_workers", "men", "number", low=0),
            Field("female_workers", "women", "number", low=0),
            Field("white_workers", "white", "number", low=0),
            Field("black_workers", "black", "number", low=0),
            Field("total_workers", "persons", "number", low=1),
            Field("sample_size", "rows", "int", low=1),
            Field("weight_sq_sum", "weight_squared", "number", low=1e-9),
        ),
        totals=(_about("occupied persons", "sum(persons)", 101_946_230, 0.1),),
    ),
    "pnad_2015_heads": Layout(
        (
            Field("UF", "uf", codes=_UF_CODE),
            Field("Sexo", "sex", codes={"0": "M", "1": "F"}),
            Field("Idade", "age_years", "int", low=0, high=130),
            Field(
                "Cor",
                "race",
                codes={"0": "indígena", "2": "branca", "4": "preta", "6": "amarela", "8": "parda", "9": None},
            ),
            Field("Anos de Estudo", "schooling_code", "int", low=1, high=17),
            Field("Renda", "income_brl", "number", low=0),
        ),
        totals=(_about("mean income, BRL a month", "avg(income_brl)", 2000.38, 0.05),),
    ),
    "pnad_covid_2020": _COVID,
    "pnad_covid_2020_rondonia": _COVID,
    "marital_voters_sc": Layout(
        (
            Field("sexo", "sex", codes={**_same(codes.SEXES), "N": None}),
            Field("faixa", "age_group"),
            Field("instr", "schooling"),
            Field("ec", "marital_status", codes={**_MARITAL_SLUG, "nao_informado": None}),
            Field("n", "persons", "number", low=0),
        ),
        totals=(_about("voters", "sum(persons)", 5_489_658),),
    ),
    "pnadc_group_trend": Layout(
        (
            Field(
                "grande_grupo",
                "occupation_group",
                codes={
                    "DIRETORES E GERENTES": codes.OCCUPATION_GROUPS[0],
                    "PROFISSIONAIS DAS CIÊNCIAS E INTELECTUAIS": codes.OCCUPATION_GROUPS[1],
                    "TÉCNICOS E PROFISSIONAIS DE NÍVEL MÉDIO": codes.OCCUPATION_GROUPS[2],
                    "TRABALHADORES DE APOIO ADMINISTRATIVO": codes.OCCUPATION_GROUPS[3],
                    "TRABALHADORES DOS SERVIÇOS, VENDEDORES DOS COMÉRCIOS E MERCADOS": codes.OCCUPATION_GROUPS[4],
                    "TRABALHADORES QUALIFICADOS DA AGROPECUÁRIA, FLORESTAIS, DA CAÇA E DA PESCA": codes.OCCUPATION_GROUPS[
                        5
                    ],
                    "TRABALHADORES QUALIFICADOS, OPERÁRIOS E ARTESÃOS DA CONSTRUÇÃO, DAS ARTES MECÂNICAS E OUTROS OFÍCIOS": codes.OCCUPATION_GROUPS[
                        6
                    ],
                    "OPERADORES DE INSTALAÇÕES E MÁQUINAS E MONTADORES": codes.OCCUPATION_GROUPS[7],
                    "OCUPAÇÕES ELEMENTARES": codes.OCCUPATION_GROUPS[8],
                    "MEMBROS DAS FORÇAS ARMADAS, POLICIAIS E BOMBEIROS MILITARES": codes.OCCUPATION_GROUPS[9],
                },
            ),
            Field("ano", "year", "int", low=2010, high=2030),
            Field("ocupados_media", "persons", "number", low=0),
            Field("avg_income", "mean_income_brl", "number", low=0),
        )
    ),
    "marital_candidates": Layout(
        (
            Field("sexo", "sex", codes=_same(codes.SEXES)),
            Field("idade5", "age_group"),
            Field("raca", "race", codes=_RACE_LOWER),
            Field("instr4", "education_level", codes=_EDUCATION_SLUG),
            Field("ec", "marital_status", codes=_MARITAL_SLUG),
            Field("n", "persons", "number", low=0),
        )
    ),
    "marital_voters": Layout(
        (Field("uf", "uf", codes={**_same(codes.UFS), "ZZ": None}),),
        wide=("solteiro", "casado", "separado_judicialmente", "divorciado", "viuvo"),
    ),
    "religion_uf": Layout(
        (Field("uf", "uf", codes=_same(codes.UFS)),),
        wide=("pct_sem_religiao_10mais_2022", "pct_catolica_2022", "pct_evangelica_estimada"),
    ),
    "religion_published": Layout(
        (Field("recorte", "area"), Field("categoria", "category"), Field("valor", "value", "number", low=0, high=100))
    ),
    "trait_norms": Layout(
        (
            Field("populacao", "population"),
            Field("sexo", "sex", codes={"F": "F", "M": "M", "T": "T"}),
            Field("faixa_idade", "age_group"),
        ),
        wide=tuple(f"{factor}_{what}" for factor in "OCEAN" for what in ("media", "dp")),
    ),
    "trait_correlations": Layout(
        (Field("fator", "factor", codes=dict(zip("OCEAN", codes.TRAITS, strict=True))),), wide=tuple("OCEAN")
    ),
    "occupation_cod": Layout(
        (Field("cod", "occupation_cod"), Field("titulo", "cod_title"), Field("grande_grupo", "digit"))
    ),
    "occupation_cbo_to_cod": Layout(
        (
            Field("cbo", "occupation_cbo"),
            Field("cod", "occupation_cod"),
            Field("cod_alternativos", "alternatives", required=False),
        )
    ),
    "occupation_titles": Layout(
        (
            Field("cbo", "occupation_cbo"),
            Field("masculine", "title_masculine", required=False),
            Field("feminine", "title_feminine", required=False),
        )
    ),
    "rais_2025": Layout(
        (
            Field("cbo", "occupation_cbo"),
            Field("vinculos", "jobs", "number", low=0),
            Field("pct_mulheres", "women_percent", "number", required=False, low=0, high=100),
        )
    ),
    "mei_uf": Layout(
        (
            Field("uf", "uf", codes=_same(codes.UFS)),
            Field("pct_mei_no_total_ocupado", "percent", "number", low=0, high=100),
        )
    ),
    "title_requirements": Layout(
        (
            Field("cbo", "occupation_cbo"),
            Field("min_education", "min_education_level", codes=_same(codes.EDUCATION_LEVELS)),
            Field("min_age_years", "min_age_years", "int", required=False, low=14, high=60),
            Field("max_age_years", "max_age_years", "int", required=False, low=18, high=120),
            Field("positions", "positions", required=False),
            Field("sexes", "only_sex", required=False, codes=_same(codes.SEXES)),
            Field("weight_factor", "weight_factor", "number", low=0, high=1),
            Field("era", "era", required=False, codes=_same(codes.TITLE_ERAS)),
        )
    ),
    "title_additions": Layout((Field("cod", "occupation_cod"), Field("cbo", "occupation_cbo"))),
    "regional_trades": Layout(
        (
            Field("cbo", "occupation_cbo"),
            Field("kind", "kind", codes=_same(("uf", "region", "biome", "coast", "crop", "zone"))),
            Field("value", "value"),
            Field("factor", "factor", "number", low=0.02, high=10),
        )
    ),
    "mei_trades": Layout(
        (
            Field("cnae_subclass", "cnae_subclass"),
            Field("mei_title", "register_title"),
            Field("masculine", "title_masculine"),
            Field("feminine", "title_feminine"),
            Field("cod", "occupation_cod"),
            Field("share", "share", "number", low=0, high=1),
            Field("group", "trade_group", codes=_same(codes.MEI_TRADE_GROUPS)),
            Field("weight", "percent", "number", low=0, high=100),
        )
    ),
    "mei_profile": Layout((Field("indicador", "indicator"), Field("valor", "value", "number", low=0, high=100))),
    "biome_coast": Layout(
        (
            Field("codigo_ibge", "municipality_code"),
            Field("biomas", "biomes", required=False),
            Field("km_ao_mar", "sea_km", "number", low=0, high=5000),
        )
    ),
    "crops_municipality": Layout(
        (
            Field("codigo_ibge", "municipality_code"),
            *(Field(f"produto_{place}", f"crop_{place}", required=False) for place in (1, 2, 3)),
        )
    ),
    "farming_municipality": Layout(
        (
            Field("codigo_ibge", "municipality_code"),
            *(Field(name, name, "number", required=False, low=0) for name in FARMING),
        )
    ),
    "names_by_decade": Layout(
        (Field("nome", "name"),),
        long=("nasc_antes_1930", *(f"nasc_{d}_{d + 9}" for d in range(1930, 2000, 10)), "nasc_2000_2010"),
    ),
    "names_by_sex": Layout(
        (
            Field("nome", "name"),
            Field("freq_feminino", "women", "number", low=0),
            Field("freq_masculino", "men", "number", low=0),
        )
    ),
    "names_uf": Layout(
        (
            Field("uf_nascimento", "uf", codes=_same(codes.UFS)),
            Field("sexo", "sex", codes=_same(codes.SEXES)),
            Field("nome", "name"),
            Field("n", "bearers", "number", low=0),
            Field("n_pessoas", "people", "number", low=1),
        )
    ),
    "surnames": Layout((Field("sobrenome", "name"), Field("frequencia", "persons", "number", low=1))),
    "surnames_uf": Layout(
        (
            Field("uf_nascimento", "uf", codes=_same(codes.UFS)),
            Field("sobrenome", "name"),
            Field("n_portadores", "bearers", "number", low=0),
            Field("n_ultimo", "last_bearers", "number", low=0),
            Field("n_pessoas_uf", "people", "number", low=1),
            Field("quota_br_censo2022", "share_brazil", "number", required=False, low=0),
        )
    ),
    "name_compounds": Layout(
        (
            Field("sexo", "sex", codes=_same(codes.SEXES)),
            Field("nascimento", "birth_period", codes=PERIODS),
            Field("prenome_composto", "compound"),
            Field("n", "persons", "number", low=0),
        )
    ),
    "name_structure": Layout(
        (
            Field("regiao", "region", codes=_REGIONS),
            Field("sexo", "sex", codes=_same(codes.SEXES)),
            Field("periodo", "birth_period", codes=PERIODS),
            Field("n", "people", "number", low=0),
            Field("p_prenome_composto", "compound_share", "number", low=0, high=1),
            Field("p_1_sobrenome", "one_surname_share", "number", low=0, high=1),
            Field("p_3_ou_mais", "three_surnames_share", "number", low=0, high=1),
            Field("p_agnome", "suffix_share", "number", low=0, high=1),
        )
    ),
    "name_suffixes": Layout(
        (
            Field("regiao", "region", codes=_REGIONS),
            Field("sexo", "sex", codes=_same(codes.SEXES)),
            Field("ag", "suffix"),
            Field("n", "persons", "number", low=0),
        )
    ),
    "surname_particles": Layout(
        (Field("sobrenome", "name"), Field("forma_com_acento_mais_comum", "form")),
        wide=("de", "da", "do", "dos", "das"),
    ),
    "name_accents": Layout(
        (Field("nome", "name"), Field("forma_com_acento_mais_comum", "form"), Field("p_forma", "share", "number"))
    ),
    "accented_given_names": Layout((Field("label", "label"),)),
    "spellings": Layout((Field("kind", "kind", codes=_same(("given", "surname"))), Field("form", "form"))),
    "surname_slips": Layout((Field("form", "name"), Field("reason", "reason"))),
    "dishes": Layout(
        (
            Field("uf", "uf", codes=_same(codes.UFS)),
            Field("dish", "name"),
            Field("origin", "origin", codes=_ORIGINS),
        )
    ),
    "feasts_and_arts": Layout(
        (
            Field("uf", "uf", codes=_same(codes.UFS)),
            Field("name", "name"),
            Field("kind", "kind", codes=_ARTS),
            Field("municipality_code", "municipality_code", required=False),
            Field("origin", "origin", codes=_ORIGINS),
        )
    ),
    "sights": Layout(
        (
            Field("uf", "uf", codes=_same(codes.UFS)),
            Field("municipality_code", "municipality_code", required=False),
            Field("place", "name"),
        )
    ),
    "regional_products": Layout(
        (
            Field("uf", "uf", codes=_same(codes.UFS)),
            Field("municipality_code", "municipality_code", required=False),
            Field("product", "name"),
            Field("kind", "product_kind"),
        )
    ),
    "habits": Layout(
        (
            Field("kind", "kind", codes=_same(("sport", "trip"))),
            Field("option", "option"),
            Field("sex", "sex", codes=_same(codes.SEXES)),
            Field("min_age_years", "min_age_years", "int", low=0, high=130),
            Field("max_age_years", "max_age_years", "int", low=0, high=130),
            Field("percent", "percent", "number", low=0, high=100),
        )
    ),
    "tourism": Layout(
        (
            Field("codigo_ibge", "municipality_code"),
            Field("uf", "uf", codes=_same(codes.UFS)),
            Field("municipio", "municipality_name"),
            Field("categoria", "category"),
        )
    ),
}
