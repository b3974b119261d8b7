"""How names are spelt."""

from __future__ import annotations

import csv
import gzip
from importlib import resources

import pytest

from census import names


@pytest.fixture(scope="module")
def lexicon(spark):
    candidates = spark.createDataFrame(
        [
            ("LUCIA", "Lucia", 0.81),
            ("CLAUDIA", "Claudia", 0.85),
            ("ANTONIA", "Antonia", 0.9),
            ("JOSE", "José", 0.51),
            ("ROSA", "Rosa", 0.99),
            ("ANGELA", "Angela", 0.7),
        ],
        "name string, form string, share double",
    )
    labels = ["Lucía", "Lúcia", "Clàudia", "Cláudia", "Antónia", "Antonía", "Rósa", "Angéla"]
    reviewed = spark.createDataFrame(
        [("given", "Graças"), ("given", "Ângela"), ("surname", "Araújo")], "kind string, form string"
    )
    found = names.accent_lexicon(candidates, spark.createDataFrame([(x,) for x in labels], "label string"), reviewed)
    return {row["name"]: row["accented"] for row in found.collect()}


@pytest.mark.parametrize(
    ("name", "spelling"),
    [("LUCIA", "Lúcia"), ("CLAUDIA", "Cláudia"), ("ANTONIA", "Antônia"), ("JOSE", "José"), ("ROSA", "Rosa")],
)
def test_first_names_are_spelt_as_in_brazil(lexicon, name, spelling):
    assert lexicon[name] == spelling


def test_a_reviewed_spelling_comes_before_all_others(lexicon):
    assert lexicon["ANGELA"] == "Ângela"
    assert lexicon["GRACAS"] == "Graças"
    assert "ARAUJO" not in lexicon


def test_a_surname_without_a_known_spelling_gets_its_tilde_and_cedilla(spark):
    words = ["CANTAO", "ASSUNPCAO", "FALCAO", "BULHAO", "NAGAO", "LIAO", "SOUZA"]
    rows = spark.createDataFrame([(word,) for word in words], "name string")
    found = [row[0] for row in rows.select(names._with_tilde(rows["name"])).collect()]
    assert found == ["Cantão", "Assunpcão", "Falcão", "Bulhão", "Nagao", "Liao", "Souza"]


def test_a_name_without_a_known_spelling_gets_the_stress_of_its_ending(spark):
    bare = {"LAVINIA": "Lavínia", "ILIDIA": "Ilídia", "ELIZIARIO": "Eliziário", "AMANCIO": "Amâncio", "TONIO": "Tônio"}
    bare |= {"CLODIA": "Clódia", "FLAUDIO": "Fláudio", "LEIDIA": "Leidia", "ENIA": "Enia", "VILENIA": "Vilênia"}
    bare |= {word: word.capitalize() for word in ("MARIA", "LUZIA", "SOFIA", "ESTEFANIA", "GARCIA", "DARIO", "ABADIA")}
    rows = spark.createDataFrame([(word,) for word in bare], "name string")
    found = {row[0]: row[1] for row in rows.select("name", names.by_rule(rows["name"])).collect()}
    assert found == bare


@pytest.fixture(scope="module")
def slips() -> list[dict[str, str]]:
    text = resources.files("census").joinpath("reference", "surname_slips.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


@pytest.fixture(scope="module")
def bearers() -> dict[str, int]:
    with resources.files("census").joinpath("reference", "surnames.csv.gz").open("rb") as file:
        lines = gzip.decompress(file.read()).decode("utf-8").splitlines()
    return {row["sobrenome"]: int(row["frequencia"]) for row in csv.DictReader(lines)}


def test_a_slip_is_far_rarer_than_the_name_that_was_meant(slips, bearers):
    for row in slips:
        meant = row["surname"]
        assert row["reason"] and row["form"] in bearers, row
        assert not meant or bearers[meant] >= 200 * bearers[row["form"]], row
        assert not meant or abs(len(meant) - len(row["form"])) <= 1, row
    assert len({row["form"] for row in slips}) == len(slips)


def test_slips_are_none_of_the_200_commonest_surnames_nor_names_of_their_own(slips, bearers):
    forms = {row["form"] for row in slips}
    assert {"PEREIEA", "CARREIA", "CAVALHO", "SULVA", "NAO", "SABE"} <= forms
    assert not forms & set(sorted(bearers, key=lambda name: -bearers[name])[:200])
    own = "SOUSA CORREA CORREIA PEDREIRA RIBEIRA COTA TOSTA ACOSTA GOMEZ RODRIGUEZ VIDEIRA SUARES CARO SALEM LIM SA"
    assert not forms & set(own.split())


def test_surnames_leave_slips_out_and_everybody_else_as_counted(spark):
    counted = [("SILVA", 34e6), ("SULVA", 52e3), ("PEDREIRA", 18e3)]
    ratios = "uf string, name string, bearers double, last_bearers double, people double, share_brazil double"
    particles = "name string, form string, de double, da double, do double, dos double, das double"
    rows = names.surnames(
        spark.createDataFrame(counted, "name string, persons double"),
        spark.createDataFrame([("AC", "SILVA", 1764.0, 1075.0, 6370.0, 0.167)], ratios),
        spark.createDataFrame([("SILVA", "Silva", 0.0, 0.75, 0.0, 0.0, 0.0)], particles),
        spark.createDataFrame([], "name string, women double, men double"),
        spark.createDataFrame([], "kind string, form string"),
        spark.createDataFrame([("SULVA", "tecla vizinha")], "name string, reason string"),
    )
    assert {row["surname"]: row["persons"] for row in rows.collect()} == {"Silva": 34e6, "Pedreira": 18e3}


def test_a_name_that_a_sex_hardly_ever_bears_is_left_to_the_other(spark):
    by_decade = spark.createDataFrame(
        [("LUCAS", "nasc_1990_1999", 400_000.0), ("DARCI", "nasc_1930_1939", 20_000.0)],
        "name string, column string, number double",
    )
    by_sex = spark.createDataFrame(
        [("LUCAS", 10_492.0, 1_116_818.0), ("DARCI", 20_941.0, 42_379.0)], "name string, women double, men double"
    )
    lexicon = spark.createDataFrame([("LUCAS", "Lucas")], "name string, accented string")
    rows = names.first_names(by_decade, by_sex, lexicon).collect()
    assert {(row["first_name"], row["sex"]) for row in rows} == {("Lucas", "M"), ("Darci", "F"), ("Darci", "M")}
