"""Metric rows of equity and of what no fit read."""

from __future__ import annotations

import pandas as pd
import pytest

from census import codes
from jobs import _fairness
from jobs._page import words


def make_cells(columns: tuple[str, str], rows: list[tuple[str, str, float, float]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=[*columns, "have", "want"]).assign(uf="AC")


DEGREE, LESS = codes.EDUCATION_LEVELS[-1], codes.EDUCATION_LEVELS[0]
SCHOOLING = make_cells(
    ("race", "education_level"),
    [("branca", DEGREE, 40, 30), ("branca", LESS, 60, 70), ("preta", DEGREE, 10, 15), ("preta", LESS, 90, 85)],
)


def rows_of(tables: dict[tuple[str, ...], pd.DataFrame]) -> dict[str, dict[str, object]]:
    sources = dict.fromkeys(tables, "the census")
    rows = _fairness.equity_rows(tables, sources, {"education_level": "A", "race": "A", "position": "B"})
    return {str(row["name"]): row for row in rows}


def test_an_association_stronger_than_the_target_is_over_1_and_names_its_groups():
    found = rows_of({("race", "education_level"): SCHOOLING})
    row = found[f"odds of education_level={DEGREE}, race=branca to preta"]
    assert row["value"] == pytest.approx((40 * 90 / (60 * 10)) / (30 * 85 / (70 * 15)))
    assert (row["family"], row["uf"], row["grade"], row["n"]) == ("fairness", "BR", "A", 200)
    assert row["source"] == "the census"
    assert words.equity_name(str(row["name"])) == "cor ou raça: branca e preta, associação com superior completo"


def test_the_law_within_each_group_has_a_row_with_its_noise():
    found = rows_of({("race", "education_level"): SCHOOLING})
    row = found["education_level of race=branca"]
    assert row["value"] == pytest.approx(0.1)
    assert row["ratio"] == pytest.approx(row["value"] / row["floor"])
    assert words.equity_name(str(row["name"])) == "escolaridade, branca"


def test_the_presence_of_a_group_is_its_share_beside_the_target():
    people = make_cells(("sex", "race"), [("F", "preta", 30, 20), ("M", "preta", 20, 20), ("M", "parda", 50, 60)])
    row = rows_of({("sex", "race"): people})["presence of sex=F, race=preta"]
    assert row["value"] == pytest.approx(1.5)
    assert words.equity_name(str(row["name"])) == "mulheres, preta"


def test_a_table_that_was_not_measured_gives_no_rows():
    assert rows_of({}) == {}


def test_held_out_figures_become_one_row_a_source_and_unit():
    judgement = pd.DataFrame(
        [
            ("published_margins", 50.0, 47.0, "%"),
            ("published_margins", 10.0, 11.0, "%"),
            ("published_margins", None, 5.0, "%"),
            ("census2022_income", 900.0, 1000.0, "BRL"),
            ("pnadc_2026t1_colour", 0.04, 0.0, "TVD"),
        ],
        columns=["source", "model", "published", "unit"],
    )
    found = {row["name"]: (row["value"], row["n"]) for row in _fairness.held_out_rows(judgement)}
    assert found == {
        "mean distance in % points, published_margins": (pytest.approx(2.0), 2),
        "relative distance of mean incomes, census2022_income": (pytest.approx(0.1), 1),
        "mean TVD, pnadc_2026t1_colour": (pytest.approx(0.04), 1),
    }
