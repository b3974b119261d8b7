"""IBGE's layout files: where each variable stands, and what is no layout."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from census import fixed_width
from census.errors import SourceError
from census.fixed_width import Variable

DATA = Path(__file__).parents[1] / "data"
SAS = """/* PROGRAMA DE LEITURA: @0001 nada $1. */
data pnadc;
infile "PNADC.txt" lrecl=20 missover;
input
@0001 Ano   $4.   /* Ano de referência */
@00005\tV1028\t\t8.2\t/* Peso */
@13 UF $2. ;
run;"""


def published(name: str) -> fixed_width.Positions:
    return fixed_width.parse(fixed_width.decoded(gzip.decompress((DATA / f"{name}.gz").read_bytes())), name)


def test_a_sas_program_gives_start_length_decimals_and_kind_of_each_variable():
    layout = fixed_width.parse(SAS, "input.txt")
    assert layout.variables == (
        Variable("Ano", 1, 4, is_text=True),
        Variable("V1028", 5, 8, decimals=2),
        Variable("UF", 13, 2, is_text=True),
    )
    assert layout.record_length == 14


@pytest.mark.parametrize(
    ("name", "variables", "characters"),
    [
        ("input_PNADC_trimestral.txt", 420, 3478),
        ("input_PNADC_2017T4.txt", 217, 464),
        ("input_PNS_2019.txt", 682, 1087),
        ("positions_census2010_persons.csv", 244, 540),
        ("positions_census2010_households.csv", 76, 172),
    ],
)
def test_the_layouts_of_ibge_cover_their_lines_without_a_gap(name, variables, characters):
    layout = published(name)
    assert (len(layout.variables), layout.record_length) == (variables, characters)
    ends = [0, *(variable.end for variable in layout.variables)]
    assert [variable.start for variable in layout.variables] == [end + 1 for end in ends[:-1]]


def test_the_weight_of_the_census_has_its_decimals_implied():
    weight = published("positions_census2010_persons.csv").find("V0010")
    assert weight == Variable("V0010", 29, 16, decimals=13)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Ano;UF\n2018;12\n", r"x.txt is no layout: expected lines such as '@0001 Ano \$4.' \(SAS\) or a table"),
        ("input\n@0001 Ano $4.\n@0005 UF\n", r"x.txt, line 3: expected '@position name length.', found '@0005 UF'."),
        (
            "input\n@0001 Ano $4.\n\n@0005 ano $2.\n",
            r"x.txt, line 4: variable ano stands in line 2 already.",
        ),
        ("@0000 Ano $4.\n", r"x.txt, line 1: Ano cannot stand at 0 with length 4.0."),
        ("int_pos;var_name;length;fin_pos\n1;V0001;2;2\n", r"x.txt, line 1: column 'decimal_places' is missing."),
        (
            "int_pos;var_name;length;decimal_places;fin_pos\n1;V0001;2;;4\n",
            r"x.txt, line 2: V0001 has 2 characters, but stands from 1 to 4.",
        ),
        (
            "int_pos;var_name;length;decimal_places;fin_pos\none;V0001;2;;4\n",
            r"x.txt, line 2: the position of V0001 is not in whole numbers.",
        ),
    ],
)
def test_what_is_no_layout_is_told_in_one_sentence(text, message):
    with pytest.raises(SourceError, match=message) as caught:
        fixed_width.parse(text, "x.txt")
    assert "\n" not in str(caught.value)


def test_a_variable_that_is_needed_and_missing_is_named_with_the_layout():
    with pytest.raises(SourceError, match=r"input.txt: variable V2009 is not in this layout of 3 variables \(Ano, V1"):
        fixed_width.parse(SAS, "input.txt").require(["UF", "V2009"], "source pnadc")


@pytest.mark.parametrize("as_bytes", [False, True])
def test_a_point_is_put_where_the_layout_implies_it_and_nowhere_else(spark, as_bytes):
    layout = fixed_width.parse(SAS, "input.txt")
    written = ["2018  123456AC", "2018  123.45AC", "2018        SE", "2018     1 2SE"]
    lines = spark.createDataFrame([(line,) for line in written], "value string")
    lines = lines.selectExpr("value", fixed_width.BYTES)
    cut = lines.selectExpr(*(variable.cut(as_bytes=as_bytes) for variable in layout.variables)).collect()
    assert [row["V1028"].strip() for row in cut] == ["1234.56", "123.45", "", "1.2"]
    assert [row["UF"] for row in cut] == ["AC", "AC", "SE", "SE"]


def test_bytes_stand_where_the_characters_do_whatever_else_is_in_the_line(spark):
    layout = fixed_width.parse("input\n@1 name $6.\n@7 UF $2.\n", "input.txt")
    lines = spark.createDataFrame([("Acarí 12",), ("ã\ufffd€\U0001f600 x28",)], "value string")
    uf = layout.require(["UF"], "this test")[0]
    assert (
        [row["UF"] for row in lines.selectExpr(fixed_width.BYTES).selectExpr(uf.cut(as_bytes=True)).collect()]
        == [row["UF"] for row in lines.selectExpr(uf.cut()).collect()]
        == ["12", "28"]
    )
