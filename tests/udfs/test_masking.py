"""Texts without names, places and numbers."""

from __future__ import annotations

import pytest

from udfs import masking

ANA = {
    "first_name": "Ana",
    "middle_name": "Lúcia",
    "last_name": "dos Santos Rocha",
    "municipality_name": "Rio Branco",
    "state_name": "Acre",
}
BIA = {
    "first_name": "Beatriz",
    "middle_name": "",
    "last_name": "Sá",
    "municipality_name": "Nossa Senhora do Socorro",
    "state_name": "Sergipe",
}


def of(text: str, person: dict[str, str]) -> str:
    return masking.masked(text, masking.hidden(person))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Ana Lúcia dos Santos Rocha, 31 anos, mora em Rio Branco.", "# 0 anos mora em #"),
        ("Dona Ana gosta de banana; ana, não Anabela.", "dona # gosta de banana # não anabela"),
        ("A família Rocha e os Santos do Acre", "a família # e os # do #"),
        ("Às 7h30, com 2 netos e 3 gatos", "às 7h30 com 0 netos e 0 gatos"),
        ("O rio é branco.", "o rio é branco"),
        ("", ""),
    ],
)
def test_the_record_s_own_names_and_places_and_all_numbers_are_signs(text, said):
    assert of(text, ANA) == said


@pytest.mark.parametrize(
    ("name", "place"),
    [("Campos", "São José dos Campos"), ("Santana", "Feira de Santana"), ("Maria", "Santa Maria")],
)
@pytest.mark.parametrize("column", ["first_name", "middle_name", "last_name"])
def test_a_place_that_holds_a_name_of_the_person_is_one_sign(column, name, place):
    person = {**BIA, column: name, "municipality_name": place}
    assert of(f"{name} mora em {place}.", person) == "# mora em #"


def test_the_same_name_or_place_twice_in_a_row_is_two_signs():
    paulista = {**BIA, "first_name": "Maria", "municipality_name": "São Paulo", "state_name": "São Paulo"}
    assert of("Vive em São Paulo, São Paulo.", paulista) == "vive em # #"
    assert of("Maria, Maria, Maria!", paulista) == "# # #"


def test_a_text_about_another_person_in_another_town_is_the_same_text():
    text = "{} tem {} anos e vive em {}. {} gosta de café."
    one = text.format("Ana Lúcia dos Santos Rocha", 31, "Rio Branco", "Ana")
    other = text.format("Beatriz Sá", 64, "Nossa Senhora do Socorro", "Beatriz")
    assert of(one, ANA) == of(other, BIA) == "# tem 0 anos e vive em # # gosta de café"


def test_case_and_punctuation_are_no_difference_but_accents_are():
    assert of("Café, pão!", ANA) == of("café  PÃO", ANA) != of("cafe pao", ANA)
