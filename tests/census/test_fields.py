"""Reading a source's text: what is taken, and the reason of what is not."""

from __future__ import annotations

import pytest

from census.fields import Field, Layout, checked, rejected, typed

PEOPLE = Layout(
    (
        Field("UF", "uf", codes={"12": "AC", "28": "SE", "99": None}),
        Field("V2009", "age_years", "int", low=0, high=130),
        Field("income", "income_brl", "number", required=False, low=0, empty=("", "NA")),
    )
)


def read(spark, layout, rows, *, corrupt=None):
    names = layout.header
    text = [(*row, number + 2, corrupt if number == 0 else None) for number, row in enumerate(rows)]
    schema = ", ".join(f"`{name}` string" for name in names) + ", line bigint, corrupt string"
    return checked(spark.createDataFrame(text, schema), layout)


def test_good_rows_are_typed_and_keep_their_line(spark):
    rows = read(spark, PEOPLE, [("12", " 027", "1500.5"), ("28", "40.0", "NA")])
    assert [tuple(row) for row in typed(rows, PEOPLE).collect()] == [("AC", 27, 1500.5, 2), ("SE", 40, None, 3)]
    assert rejected(rows).isEmpty()


@pytest.mark.parametrize(
    ("row", "field", "value", "reason"),
    [
        (("13", "20", ""), "UF", "13", "unknown_code"),
        (("", "20", ""), "UF", None, "missing"),
        (("12", "x", ""), "V2009", "x", "not_a_number"),
        (("12", "131", ""), "V2009", "131", "out_of_range"),
        (("12", "20", "-1"), "income", "-1", "out_of_range"),
        (("13", "x", ""), "UF", "13", "unknown_code"),
    ],
)
def test_a_bad_row_names_its_first_bad_field(spark, row, field, value, reason):
    rows = read(spark, PEOPLE, [("12", "20", ""), row])
    assert [tuple(found) for found in rejected(rows).collect()] == [(3, field, value, reason)]
    assert [found["line"] for found in typed(rows, PEOPLE).collect()] == [2]


def test_a_code_known_to_mean_nothing_is_null_and_no_rejection(spark):
    rows = read(spark, PEOPLE, [("99", "20", "")])
    assert typed(rows, PEOPLE).first()["uf"] is None


def test_a_row_of_the_wrong_width_is_rejected_whole(spark):
    rows = read(spark, PEOPLE, [("12", "20", "")], corrupt="12,20,1,2,3")
    assert tuple(rejected(rows).first()) == (2, "(row)", "12,20,1,2,3", "wrong_columns")


def test_long_columns_become_rows_under_their_names(spark):
    ages = Layout((Field("code", "municipality_code"),), long=("idade_0", "idade_1"))
    rows = read(spark, ages, [("1200013", "5", "7"), ("1200054", "8", "-")])
    found = {(r["municipality_code"], r["column"]): r["number"] for r in typed(rows, ages).collect()}
    assert found == {("1200013", "idade_0"): 5.0, ("1200013", "idade_1"): 7.0}
    assert tuple(rejected(rows).first()) == (3, "idade_1", "-", "not_a_number")


def test_wide_columns_are_numbers_side_by_side(spark):
    voters = Layout((Field("uf", "uf"),), wide=("solteiro", "casado"))
    rows = read(spark, voters, [("AC", "1", "2.5"), ("SE", "", "3")])
    assert tuple(typed(rows, voters).drop("line").first()) == ("AC", 1.0, 2.5)
    assert tuple(rejected(rows).first()) == (3, "solteiro", None, "missing")
