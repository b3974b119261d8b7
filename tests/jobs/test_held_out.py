"""Held-out tables: read only by who judges the model, typed and complete, and never by the road."""

from __future__ import annotations

import ast
import gzip
from importlib import resources
from pathlib import Path

import pytest

from census import harmonise, tables
from census.errors import SourceError
from census.fields import Layout, checked, doubts, typed
from census.layouts import LAYOUTS, _about
from conf import settings
from conf.settings import SourceOverride
from jobs import _held_out, _judge, _sources, _states

ROOT = Path(__file__).parents[2]
# What the road from the sources to the persons is made of.
STAGES = ("ingest", "condition", "fit", "sample")
HELPERS = ("_fit_inputs", "_national", "_model_tables", "_sample_tables", "_drawing", "_microdata", "_rule_check")
ROAD = [
    *ROOT.glob("census/*.py"),
    *ROOT.glob("udfs/*.py"),
    *(ROOT / f"jobs/{name}.py" for name in (*STAGES, *HELPERS)),
]


def rows_of(spark, name, folder, override=None):
    """Typed rows of a source, by ingest's own functions."""
    given = {name: override} if override else {}
    copied = _sources.copy_all({name: settings.sources()[name]}, given, LAYOUTS, folder)[name]
    rows = checked(_sources.rows(spark, copied), LAYOUTS[name])
    assert rows.where("rejection IS NOT NULL").isEmpty()
    return typed(rows, LAYOUTS[name])


@pytest.fixture(scope="module")
def places(spark, tmp_path_factory):
    return rows_of(spark, "municipalities", tmp_path_factory.mktemp("places"))


# ------------------------------------------------------------------------------------------------ held out
def test_the_sources_held_out_are_packaged_and_ingest_gets_all_others():
    apart = settings.held_out()
    assert set(apart) == {source for sources in _held_out.SOURCES.values() for source in sources}
    assert set(settings.fitted_sources()) == set(settings.sources()) - set(apart)


def test_no_part_of_the_road_opens_a_held_out_table():
    for file in ROAD:
        tree = ast.parse(file.read_text(encoding="utf-8"))
        named = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        named |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        named |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
        written = {
            node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
        found = {name for name in named if name == "_held_out" or name.startswith("HELD_OUT")}
        assert file.name == "tables.py" or not found, file
        if file.name not in ("tables.py", "layouts.py"):
            assert not written & {*settings.held_out(), *(table.name for table in _held_out.SOURCES)}, file


def test_a_held_out_source_leaves_the_fingerprints_of_the_road_alone(tmp_path):
    mine = tmp_path / "mine.csv"
    mine.write_text("anything")
    given = [f"sources.{name}.path={mine}" for name in settings.held_out()]
    assert _states.fingerprints(settings.load((), tuple(given))) == _states.fingerprints(settings.load())


def test_the_incomes_that_judge_the_model_are_those_of_all_ages():
    (ages,) = [field for field in LAYOUTS["census2022_income"].fields if field.into == "age_group"]
    assert ages.codes["Total"] == _judge.ALL_AGES


def test_income_has_a_row_for_every_cell_with_somebody(spark, tmp_path, places):
    frame = harmonise.income_municipality(rows_of(spark, "census2022_income", tmp_path), places)
    assert frame.where(tables.HELD_OUT_INCOME.violation()).isEmpty()
    assert frame.count() == 97878 + 95559 + 87898 + 23353 + 96333 + 23402
    found = frame.where("municipality_code = '1100015' AND age_group = '10-13'").collect()
    assert {row["race"]: row["mean_income_brl"] for row in found} == {
        "all": 721.93,
        "branca": 650.0,
        "parda": 750.0,
        "indígena": 300.0,
    }


def test_sectors_of_a_municipality_are_seven_and_sum_to_nearly_all(spark, tmp_path, places):
    frame = harmonise.sectors(rows_of(spark, "atlas2010_sector", tmp_path), places)
    assert frame.count() == 7 * 5565
    row = frame.where("municipality_code = '1100015'").selectExpr("sum(percent)", "count(DISTINCT sector)").first()
    assert (round(row[0], 2), row[1]) == (94.78, 7)


def test_heads_of_2015_have_no_invented_height_and_unknown_schooling_is_null(spark, tmp_path):
    source = settings.sources()["pnad_2015_heads"]
    packed = resources.files("census").joinpath("reference", source.file).read_bytes()
    assert b"Altura" not in gzip.decompress(packed)
    frame = harmonise.heads(rows_of(spark, "pnad_2015_heads", tmp_path))
    row = frame.selectExpr("count(*)", "count_if(study_years IS NULL)", "max(study_years)", "avg(income_brl)").first()
    assert (row[0], row[1], row[2], round(row[3], 2)) == (76840, 191, 15, 2000.38)


@pytest.mark.parametrize(
    ("source", "persons", "working"), [("pnad_covid_2020", 3491, 1369), ("pnad_covid_2020_rondonia", 2500, 1060)]
)
def test_the_samples_of_2020_give_who_works(spark, tmp_path, source, persons, working):
    frame = harmonise.covid(rows_of(spark, source, tmp_path), source)
    assert frame.where(tables.HELD_OUT_COVID.violation()).isEmpty()
    row = frame.selectExpr("count(*)", "count_if(is_working)", "count_if(is_working AND age_years < 14)").first()
    assert tuple(row) == (persons, working, 0)


# -------------------------------------------------------------------------------------------- core tables
def test_the_trend_names_its_categories_and_its_parts_sum_to_the_whole(spark, tmp_path):
    frame = harmonise.trend(rows_of(spark, "pnadc_trend", tmp_path))
    assert frame.where(tables.TREND.violation()).isEmpty()
    assert frame.count() == frame.select(*tables.TREND.key).distinct().count()
    working = frame.where("year = 2021 AND quarter = 4 AND measure = 'working'")
    summed = working.groupBy("dimension").agg({"persons": "sum"}).toDF("dimension", "persons")
    sums = {row["dimension"]: row["persons"] for row in summed.collect()}
    assert set(sums) == {"total", "sex", "age", "education", "zone", "metropolitan"}
    assert all(value == pytest.approx(95_747_460, rel=1e-6) for value in sums.values())
    by_sex = {r["category"]: r["persons"] for r in working.where("dimension = 'sex'").collect()}
    assert by_sex["M"] > by_sex["F"]


def test_municipal_schooling_keeps_every_person_of_a_stated_race(spark, tmp_path, places):
    rows = rows_of(spark, "census2022_education_municipality", tmp_path)
    frame = harmonise.education_municipality(rows, places)
    row = frame.selectExpr("sum(persons)", "count(*)", "count(DISTINCT municipality_code)").first()
    assert tuple(row) == (154_278_987.0, 790_693, 5570)
    assert frame.where(tables.EDUCATION_MUNICIPALITY.violation()).isEmpty()


# ------------------------------------------------------------------------------------------- changed tables
def test_a_table_in_thousands_or_without_a_state_is_not_the_one_expected():
    layout = Layout((), totals=(_about("households", "sum(households)", 72_456_368),))
    assert doubts(layout, [72_460_000]) == []
    (doubt,) = doubts(layout, [72_456.368])
    assert doubt == "households: 72,456, expected 72,094,086 to 72,818,650"
    assert doubts(layout, [None]) != []


def test_a_held_out_table_in_another_unit_is_refused_in_one_sentence(spark, tmp_path):
    name = "atlas2010_sector"
    text = gzip.decompress(
        resources.files("census").joinpath("reference", settings.sources()[name].file).read_bytes()
    ).decode()
    header, *lines = text.splitlines()
    shares = [
        ",".join([code, *(f"{float(value) / 100:.4f}" for value in values)])
        for code, *values in (line.split(",") for line in lines)
    ]
    mine = tmp_path / "atlas.csv"
    mine.write_text("\n".join([header, *shares]))
    config = settings.load((), (f"sources.{name}.path={mine}",), {"run.data": str(tmp_path / "data")})
    with pytest.raises(SourceError, match=r"atlas\.csv is not the table .* in another unit: per cent"):
        _held_out._good(spark, config, name)
    assert SourceOverride(path=str(mine)) == config.sources[name]
