"""Questions are read as written; what does not exist is refused with what is near."""

from __future__ import annotations

import pytest

from census import codes
from census.errors import ConfigError
from census.questions import find_municipality, parse_question, resolve

DOMAINS = {
    "sex": codes.SEXES,
    "age_band": codes.AGE_BANDS,
    "race": codes.RACES,
    "education_level": codes.EDUCATION_LEVELS,
    "in_union": codes.UNION,
    "activity": codes.ACTIVITIES,
    "occupation_group": codes.OCCUPATION_GROUPS,
    "occupation_cod": (),
    "income_band": codes.INCOME_BANDS,
}
PLACES = [("AC", "1200401", "Rio Branco"), ("PA", "1500800", "Bom Jesus"), ("PB", "2502201", "Bom Jesus")]


def test_a_question_has_variables_and_conditions():
    asked = parse_question("P(occupation_group, race | uf=AC, sex=F, education_level=Superior completo)", DOMAINS)
    assert (asked.kind, asked.targets, asked.uf) == ("P", ("occupation_group", "race"), "AC")
    assert asked.evidence == {"sex": "F", "education_level": "Superior completo"}


def test_a_comma_inside_a_value_ends_nothing():
    group = codes.OCCUPATION_GROUPS[4]
    assert "," in group
    asked = parse_question(f"P(race | occupation_group={group}, sex=M)", DOMAINS)
    assert asked.evidence == {"occupation_group": group, "sex": "M"}


@pytest.mark.parametrize("band", ["<= 0", "200 to 400", "> 10000"])
def test_bands_of_income_keep_their_signs(band):
    assert parse_question(f"P(race | income_band={band}, sex=F)", DOMAINS).evidence["income_band"] == band


@pytest.mark.parametrize(
    ("written", "meant"),
    [("superior COMPLETO", "Superior completo"), ("'Superior completo'", "Superior completo")],
)
def test_case_accents_and_quotes_do_not_matter(written, meant):
    assert parse_question(f"P(sex | education_level={written})", DOMAINS).evidence == {"education_level": meant}
    assert parse_question("P(sex | race=INDIGENA, uf=ac)", DOMAINS).evidence == {"race": "indígena"}
    assert parse_question("P(sex | in_union=true)", DOMAINS).evidence == {"in_union": "sim"}


@pytest.mark.parametrize(
    ("written", "ages"),
    [("33", (33, 33)), ("30..39", (30, 39)), ("18..", (18, 100)), ("..17", (0, 17)), ("100", (100, 100))],
)
def test_ages_are_years_ranges_or_open(written, ages):
    assert parse_question(f"P(sex | age_years={written})", DOMAINS).ages == ages


def test_the_mean_of_income_is_asked_with_e():
    asked = parse_question(" E( income_brl | uf=SE ) ", DOMAINS)
    assert (asked.kind, asked.targets, asked.uf, asked.evidence) == ("E", ("income_brl",), "SE", {})


def test_brazil_is_asked_without_conditions():
    assert parse_question("P(race)", DOMAINS).variables == ("race",)
    assert parse_question("P(uf | sex=F)", DOMAINS).variables == ("sex",)


@pytest.mark.parametrize(
    ("question", "reason"),
    [
        ("P(race | education_level=superior)", "education_level=superior: no such value; did you mean Superior comp"),
        ("P(race | education_level=médio)", "did you mean Médio completo e superior incompleto"),
        ("P(race | uf=AX)", "uf=AX: no such value; none of the 27 values is near."),
        ("P(race | sex=X)", "sex=X: no such value; known: F, M."),
        ("P(ocupation_group)", "'ocupation_group' before the bar: no such variable; did you mean occupation_group"),
        ("P(race | sexo=F)", "'sexo' after the bar: no such variable; did you mean sex?"),
        ("P(race | sex=F, sex=M)", "sex is named twice."),
        ("P(race | race=preta)", "race is named twice."),
        ("P(race | uf=AC, region=Norte)", "region and uf"),
        ("P(race | age_band=30-34, age_years=31)", "age_band and age_years"),
        ("P(race | age_years=old)", "age_years=old: write a year"),
        ("P(race | age_years=..)", "age_years=..: write a year"),
        ("P(race | age_years=50..40)", "the ages go from 0 to 100"),
        ("P(race | sex)", "'sex': a condition is written name=value"),
        ("P(income_brl | uf=AC)", "income_brl has no distribution in the network: ask income_band."),
        ("E(race | uf=AC)", "the mean is known of income_brl only"),
        ("P()", "'nothing' before the bar: no such variable"),
        ("race | uf=AC", "is no question"),
        ("Q(race)", "is no question"),
        ("P(race | uf=AC", "is no question"),
    ],
)
def test_what_cannot_be_asked_is_told_in_one_sentence(question, reason):
    with pytest.raises(ConfigError) as told:
        parse_question(question, DOMAINS)
    assert reason in str(told.value)


def test_a_value_that_only_the_tables_know_is_checked_when_they_are_read():
    asked = parse_question("P(race | occupation_cod=2341)", DOMAINS)
    known = DOMAINS | {"occupation_cod": ("2341", "2342")}
    assert resolve(asked, known).evidence == {"occupation_cod": "2341"}
    with pytest.raises(ConfigError, match="occupation_cod=2349: no such value; did you mean 234"):
        resolve(parse_question("P(race | occupation_cod=2349)", DOMAINS), known)


def test_a_municipality_is_found_by_code_or_by_name_and_state():
    by_name = parse_question("P(race | municipality=rio branco)", DOMAINS)
    assert find_municipality(by_name, PLACES) == PLACES[0]
    by_code = parse_question("P(race | municipality=2502201)", DOMAINS)
    assert find_municipality(by_code, PLACES) == PLACES[2]
    with_state = parse_question("P(race | municipality=Bom Jesus, uf=PA)", DOMAINS)
    assert find_municipality(with_state, PLACES) == PLACES[1]


@pytest.mark.parametrize(
    ("condition", "reason"),
    [
        ("municipality=Bom Jesus", "there is one in PA, PB; add uf=."),
        ("municipality=Rio Branko", "did you mean Rio Branco?"),
        ("municipality=Rio Branco, uf=PA", "there is none in PA; known: Bom Jesus."),
    ],
)
def test_a_municipality_that_is_not_one_is_refused(condition, reason):
    with pytest.raises(ConfigError) as told:
        find_municipality(parse_question(f"P(race | {condition})", DOMAINS), PLACES)
    assert reason in str(told.value)
