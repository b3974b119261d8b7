"""Fixed-width microdata of IBGE: from the file and its layout to typed persons, and what is not taken."""

from __future__ import annotations

import gzip
import zipfile
from importlib import resources
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import DataFrame, SparkSession

from census import codes, fixed_width, harmonise, tables
from census import counts as survey_counts
from census.errors import SourceError
from census.fields import checked, typed
from census.layouts import LAYOUTS
from conf import settings
from conf.settings import SettingsError, SourceOverride
from jobs import _microdata, _sources, condition, ingest

DATA = Path(__file__).parents[1] / "data"
QUARTER = "pnadc_2018t2"
FULL, EXAMPLE = "input_PNADC_trimestral.txt", "input_PNADC_2017T4.txt"


def published(name: str, folder: Path) -> Path:
    """A file of IBGE's, unpacked."""
    target = folder / name
    target.write_bytes(gzip.decompress((DATA / f"{name}.gz").read_bytes()))
    return target


def packaged(every: int) -> pd.DataFrame:
    """Whole households of the packaged quarter: those of one UPA in so many."""
    with resources.as_file(resources.files("census").joinpath("reference", settings.sources()[QUARTER].file)) as path:
        people = pq.read_table(path).to_pandas()
    upas = people["UPA"].drop_duplicates()
    return people[people["UPA"].isin(upas.iloc[::every])].reset_index(drop=True)


def position_code(people: pd.DataFrame) -> pd.Series:
    """A VD4009 that agrees with V4012: the contract by the parity of the stratum."""
    odd = people["Estrato"] % 2 == 1
    with_contract = {1: "03", 2: "07", 3: "01", 4: "05", 5: "08", 6: "09", 7: "10"}
    without = {**with_contract, 1: "04", 3: "02", 4: "06"}
    return people["V4012"].map(with_contract).where(odd, people["V4012"].map(without)).fillna("")


def quarter_lines(people: pd.DataFrame, layout: fixed_width.Positions) -> list[str]:
    """The records as IBGE writes them: every variable in its place, blanks where a question was not asked."""
    working = people["V4012"] > 0
    asked = people["V2009"] >= 14
    looking = asked & ~working & (people["V2009"] % 10 == 3)
    columns = {
        "Ano": "2018",
        "Trimestre": "2",
        "UF": people["UF"].map("{:02}".format),
        "UPA": people["UPA"].map("{:09}".format),
        "Estrato": people["Estrato"].map("{:07}".format),
        "V1008": people["V1008"].map("{:02}".format),
        "V1014": people["V1014"].map("{:02}".format),
        "V1022": people["V1022"].astype(str),
        "V1028": people["V1028"].map("{:015.8f}".format),
        "V2007": people["V2007"].astype(str),
        "V2009": people["V2009"].map("{:03}".format),
        "V2010": people["V2010"].astype(str),
        "V3002": np.where(people["V2009"] >= 5, np.where(people["V2009"] < 18, "1", "2"), ""),
        "V4010": people["V4010"],
        "V4012": people["V4012"].astype(str).where(working, ""),
        "V403312": people["V403312"].map(lambda value: "" if np.isnan(value) else f"{value:08.0f}"),
        "V4039": people["V4039"].map(lambda value: "" if np.isnan(value) else f"{value:03.0f}"),
        "VD3004": people["VD3001"].astype(str).where(people["VD3001"] > 0, ""),
        "VD4001": np.where(asked, np.where(working | looking, "1", "2"), ""),
        "VD4002": np.where(working, "1", np.where(looking, "2", "")),
        "VD4009": position_code(people),
        "VD4010": np.where(working, "05", ""),
    }
    frame = pd.DataFrame(columns, index=people.index)
    lines = []
    for row in frame.to_dict("records"):
        line = [" "] * layout.record_length
        for name, text in row.items():
            variable = layout.find(name)
            line[variable.start - 1 : variable.end] = text.ljust(variable.length)
        lines.append("".join(line))
    return lines


def take(name: str, override: SourceOverride, folder: Path) -> _microdata.Microdata:
    """One source through ingest's door."""
    listed = settings.sources()[name]
    return _sources.copy_all({name: listed}, {name: override}, LAYOUTS, folder)[name]


def people_of(spark: SparkSession, source: object, name: str = QUARTER) -> DataFrame:
    rows = checked(_sources.rows(spark, source), LAYOUTS[name])
    assert rows.where("rejection IS NOT NULL").isEmpty()
    return harmonise.pnadc_2018t2(typed(rows, LAYOUTS[name]))


def rejections(spark: SparkSession, source: _microdata.Microdata) -> list[tuple[object, ...]]:
    rows = checked(_sources.rows(spark, source), LAYOUTS[QUARTER]).persist()
    found = ingest.rejected_rows(spark, {QUARTER: rows}, {QUARTER: source}).orderBy("file", "line").collect()
    rows.unpersist()
    return [(row["file"], row["line"], row["field"], row["value"], row["reason_code"]) for row in found]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("microdata")


@pytest.fixture(scope="module")
def layout(folder: Path) -> Path:
    return published(FULL, folder)


@pytest.fixture(scope="module")
def lines(layout: Path) -> list[str]:
    """Twelve valid records of the full layout."""
    return quarter_lines(packaged(1000).head(12), _microdata.read_layout(str(layout)))


def at(line: str, layout: Path, name: str, text: str) -> str:
    """The line with other text in a variable."""
    variable = _microdata.read_layout(str(layout)).find(name)
    return line[: variable.start - 1] + text.ljust(variable.length) + line[variable.end :]


# ------------------------------------------------------------------------------------------------- a quarter
@pytest.fixture(scope="module")
def both(spark: SparkSession, folder: Path, layout: Path) -> tuple[DataFrame, DataFrame, pd.DataFrame]:
    """The same few thousand persons by way of IBGE's full layout (in a zip) and of the packaged form."""
    people = packaged(150)
    text = folder / "PNADC_022018.txt"
    text.write_text("\r\n".join(quarter_lines(people, _microdata.read_layout(str(layout)))) + "\r\n")
    with zipfile.ZipFile(folder / "PNADC_022018.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(text, text.name)
    extract = folder / "extract.parquet"
    pq.write_table(pa.Table.from_pandas(people, preserve_index=False), extract)
    override = SourceOverride(path=str(folder / "PNADC_022018.zip"), layout=str(layout))
    whole = people_of(spark, take(QUARTER, override, folder / "data"))
    short = people_of(spark, take(QUARTER, SourceOverride(path=str(extract)), folder / "data"))
    return whole.persist(), short.persist(), people


def test_a_whole_quarter_gives_the_persons_of_the_packaged_extract(both):
    whole, short, people = both
    new = ["position", "sector_code", "is_looking", "is_in_school", "line"]  # each file has lines of its own
    assert whole.count() == len(people) > 3000
    assert whole.schema == short.schema
    assert whole.drop(*new).exceptAll(short.drop(*new)).isEmpty()
    assert short.drop(*new).exceptAll(whole.drop(*new)).isEmpty()


def test_the_questions_that_only_a_whole_quarter_has_fill_the_optional_columns(both):
    whole, short, people = both
    found = {
        row["position"]: row["n"]
        for row in whole.groupBy("position").agg({"*": "count"}).toDF("position", "n").collect()
    }
    expected = position_code(people).replace("", np.nan).value_counts(dropna=False)
    assert found == {None if code != code else codes.POSITIONS[int(code) - 1]: n for code, n in expected.items()}
    counts = "count(position), count(is_looking), count_if(is_looking), count_if(is_looking AND is_working), "
    counts += "count(is_in_school), count_if(sector_code = '05')"
    adults, working = int((people["V2009"] >= 14).sum()), int((people["V4012"] > 0).sum())
    row = whole.selectExpr(*counts.split(", ")).first()
    assert row[0] == working == row[5]
    assert row[1] == adults
    assert 0 < row[2] < adults
    assert row[3] == 0
    assert row[4] == int((people["V2009"] >= 5).sum())
    assert tuple(short.selectExpr(*counts.split(", ")).first()) == (0, 0, 0, 0, 0, 0)


def test_condition_counts_a_whole_quarter_as_it_counts_the_extract(both):
    whole, short, _ = both
    families = survey_counts.survey_families({name: node.parents for name, node in settings.network().items()})
    cod = condition.cod_of(whole)
    built = (condition.build(people, families, cod, design_upa_share=0.25) for people in (whole, short))
    # What the extract does not ask is counted of the whole quarter only.
    asked = "family NOT IN ('contract', 'looking', 'in_school')"
    # Sums of doubles depend on their order in the last digits.
    rounded = ("round(weight_persons, 3) AS weight_persons", "round(weight_squared, 1) AS weight_squared")
    all_counts, short_counts = (
        conditioned.counts.selectExpr("* EXCEPT (weight_persons, weight_squared)", *rounded) for conditioned in built
    )
    assert not all_counts.where(f"NOT {asked}").isEmpty()
    whole_counts = all_counts.where(asked)
    assert whole_counts.count() > 1000
    assert whole_counts.exceptAll(short_counts).isEmpty()
    assert short_counts.exceptAll(whole_counts).isEmpty()


def test_the_persons_meet_the_checks_of_their_table(both):
    whole, _, _ = both
    assert tables.PERSON.conform(whole).where(tables.PERSON.violation()).isEmpty()


def test_pnadc_is_the_name_of_the_quarter_in_an_overlay(tmp_path):
    overlay = tmp_path / "mine.toml"
    overlay.write_text('[sources.pnadc]\npath = "PNADC_012020.zip"\nlayout = "input.txt"\n')
    assert settings.load((str(overlay),)).sources == {
        QUARTER: SourceOverride(path="PNADC_012020.zip", layout="input.txt")
    }
    overlay.write_text(overlay.read_text() + f'[sources.{QUARTER}]\npath = "x.parquet"\n')
    with pytest.raises(SettingsError, match=f"pnadc takes the place of {QUARTER}: give one of them"):
        settings.load((str(overlay),))


# ------------------------------------------------------------------------------------- IBGE's own example files
def read_both(spark: SparkSession, name: str, text: str, layout: str, folder: Path) -> tuple[DataFrame, DataFrame]:
    """Checked rows of an example file of IBGE, and typed rows of the packaged sample that was cut from it."""
    override = SourceOverride(path=str(published(text, folder)), layout=str(published(layout, folder)))
    example = checked(_sources.rows(spark, take(name, override, folder / "data")), LAYOUTS[name])
    listed = _sources.copy_all({name: settings.sources()[name]}, {}, LAYOUTS, folder / "data")[name]
    return example, typed(checked(_sources.rows(spark, listed), LAYOUTS[name]), LAYOUTS[name]).drop("line")


def test_the_example_of_2017_reads_as_the_sample_that_was_cut_from_it(spark, tmp_path):
    name = "pnadc_2017t4"
    example, sample = read_both(spark, name, "PNADC_2017T4_example.txt", EXAMPLE, tmp_path)
    persons = typed(example, LAYOUTS[name]).drop("line")
    assert persons.count() == sample.count() == 1379
    assert persons.exceptAll(sample).isEmpty()


def test_interviews_of_the_pns_that_did_not_take_place_are_passed_over(spark, tmp_path):
    name = "pns_2019"
    example, sample = read_both(spark, name, "PNS_2019_example.txt", "input_PNS_2019.txt", tmp_path)
    assert (example.count(), example.where("rejection IS NOT NULL").count()) == (839, 0)
    persons = typed(example, LAYOUTS[name]).drop("line")
    assert persons.count() == sample.count() == 787
    assert persons.exceptAll(sample).isEmpty()


def test_the_plan_scans_csv_and_projects_and_does_nothing_else(spark, tmp_path, layout, lines):
    text = tmp_path / "PNADC.txt"
    text.write_text("\n".join(lines))
    source = take(QUARTER, SourceOverride(path=str(text), layout=str(layout)), tmp_path / "data")
    text_only = _microdata.rows(spark, source, as_bytes=False)  # as under RAPIDS, which cuts no bytes
    plan = checked(text_only, LAYOUTS[QUARTER])._jdf.queryExecution().executedPlan().toString()
    nodes = {line.strip(" :+-*()0123456789").split(" ")[0].split("[")[0] for line in plan.strip().splitlines()}
    assert nodes == {"Project", "FileScan"}
    assert "FileScan csv" in plan
    assert "_metadata" not in plan
    assert "binary" not in plan
    assert text_only.exceptAll(_microdata.rows(spark, source, as_bytes=True)).isEmpty()


# --------------------------------------------------------------------------------------------------- bad rows
def test_bad_rows_carry_file_line_field_and_reason_in_every_file_of_a_folder(spark, tmp_path, layout, lines):
    first, second = list(lines), list(lines)
    first[2] = at(first[2], layout, "V1028", "000000.00000000")
    first[4] = first[4] + "7"
    second[0] = at(second[0], layout, "UF", "99")
    second[5] = at(second[5], layout, "V2009", "131")
    second[6] = at(second[6], layout, "V4010", "41x0")
    second[8] = second[8][:-1]
    second.insert(3, "")  # Spark passes over a blank line; an editor counts it
    mine = tmp_path / "my files"
    mine.mkdir()
    (mine / "PNADC_012018.txt").write_text("\r\n".join(first) + "\r\n")
    with gzip.open(mine / "PNADC_022018.txt.gz", "wt", newline="") as text:
        text.write("\n".join(second))
    source = take(QUARTER, SourceOverride(path=str(mine), layout=str(layout)), tmp_path / "data")
    one, two = (str(mine / name) for name in ("PNADC_012018.txt", "PNADC_022018.txt.gz"))
    assert rejections(spark, source) == [
        (one, 3, "V1028", "000000.00000000", "out_of_range"),
        (one, 5, "(row)", first[4][:80], "wrong_width"),
        (two, 1, "UF", "99", "unknown_code"),
        (two, 7, "V2009", "131", "out_of_range"),
        (two, 8, "V4010", "41x0", "unknown_code"),
        (two, 10, "(row)", second[9][:80], "wrong_width"),
    ]


def test_lines_are_numbered_through_the_pieces_in_which_a_large_file_is_read(spark, tmp_path, layout, lines):
    many = lines * 40
    for number in (1, 2, 177, 301, len(many)):
        many[number - 1] = at(many[number - 1], layout, "UF", "00")
    text = tmp_path / "PNADC.txt"
    text.write_text("\n".join(many))
    source = take(QUARTER, SourceOverride(path=str(text), layout=str(layout)), tmp_path / "data")
    was = spark.conf.get("spark.sql.files.maxPartitionBytes")
    spark.conf.set("spark.sql.files.maxPartitionBytes", "100k")
    try:
        assert _sources.rows(spark, source).rdd.getNumPartitions() > 10
        assert [found[1] for found in rejections(spark, source)] == [1, 2, 177, 301, len(many)]
    finally:
        spark.conf.set("spark.sql.files.maxPartitionBytes", was)


def test_a_rejected_row_of_a_zip_names_the_zip_and_the_file_in_it(spark, tmp_path, layout, lines):
    packed = tmp_path / "PNADC.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("dados/PNADC_022018.txt", "\n".join([*lines[:3], at(lines[3], layout, "V2007", "3")]))
    source = take(QUARTER, SourceOverride(path=str(packed), layout=str(layout)), tmp_path / "data")
    assert [found[:3] for found in rejections(spark, source)] == [(f"{packed}: dados/PNADC_022018.txt", 4, "V2007")]


# ----------------------------------------------------------------------------------------- files that do not fit
def refused(path: Path | str, layout: Path | str | None, folder: Path, **more: str) -> str:
    with pytest.raises(SourceError) as caught:
        take(QUARTER, SourceOverride(path=str(path), layout=str(layout) if layout else None, **more), folder / "data")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_layout_of_another_file_is_refused_with_both_widths(tmp_path, layout):
    text = published("PNADC_2017T4_example.txt", tmp_path)
    assert refused(text, layout, tmp_path) == (
        f"{text}: its first lines have 464 characters, but {layout} describes lines of 3478 (420 variables): "
        "give the layout of this very file."
    )


def test_a_layout_without_a_variable_that_is_needed_is_refused_with_its_name(tmp_path, lines):
    short = published(FULL, tmp_path)
    kept = [line for line in short.read_bytes().splitlines() if b" VD3004 " not in line]
    short.write_bytes(b"\r\n".join(kept))
    text = tmp_path / "PNADC.txt"
    text.write_text("\n".join(lines))
    assert refused(text, short, tmp_path).startswith(
        f"{short}: variable VD3001 or VD3004 is not in this layout of 419 variables (Ano, Trimestre, UF, "
    )


def test_a_file_that_is_no_layout_is_refused(tmp_path, lines):
    text = tmp_path / "PNADC.txt"
    text.write_text("\n".join(lines))
    assert refused(text, text, tmp_path).startswith(f"{text} is no layout: expected lines such as '@0001 Ano $4.'")
    assert refused(text, tmp_path / "no.txt", tmp_path) == (
        f"The layout {tmp_path / 'no.txt'} cannot be read: No such file or directory."
    )


def test_text_without_a_layout_asks_for_one(tmp_path):
    assert 'add layout = "input_....txt" to [sources.pnadc_2018t2]' in refused("PNADC_022018.zip", None, tmp_path)


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("PNADC_99.txt", "matches no file"),
        ("*.txt", "matches no file"),
        (".", "holds no .txt or .zip file"),
    ],
)
def test_a_path_that_leads_to_no_text_is_told(tmp_path, layout, path, message):
    assert refused(tmp_path / path, layout, tmp_path) == f"Source {QUARTER}: {tmp_path / path} {message}."


def test_a_remote_zip_is_refused_and_a_remote_text_is_left_to_spark(tmp_path, layout):
    assert "s3a://bucket/PNADC.zip is a remote zip, which Spark cannot read: unpack it there" in refused(
        "s3a://bucket/PNADC.zip", layout, tmp_path
    )
    source = take(QUARTER, SourceOverride(path="hdfs:///ibge/PNADC_*.txt", layout=str(layout)), tmp_path / "data")
    assert list(source.files) == ["hdfs:///ibge/PNADC_*.txt"]
    assert "sha256 cannot be checked for the remote" in refused(
        "hdfs:///ibge/PNADC.txt", layout, tmp_path, sha256="0" * 64
    )


def test_a_zip_that_is_cut_short_or_holds_no_text_is_refused(tmp_path, layout, lines):
    packed = tmp_path / "PNADC.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("PNADC.txt", "\n".join(lines))
    packed.write_bytes(packed.read_bytes()[:-50])
    assert refused(packed, layout, tmp_path).startswith(f"{packed} is not a whole zip file: ")
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("leia-me.pdf", "nothing")
    assert refused(packed, layout, tmp_path) == f"{packed} holds no .txt file."


def test_the_same_file_packed_and_unpacked_in_one_folder_is_not_read_twice(tmp_path, layout, lines):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "PNADC.txt").write_text("\n".join(lines))
    with zipfile.ZipFile(mine / "PNADC.zip", "w") as archive:
        archive.write(mine / "PNADC.txt", "PNADC.txt")
    assert refused(mine, layout, tmp_path).endswith("one of them too many.")
