"""A source that cannot be taken: one sentence with file, line and field, and no table of it."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession

from census import tables
from census.errors import SourceError
from census.fields import checked
from conf import settings
from conf.settings import Config, SourceOverride
from jobs import _runlog, _sources, _storage, ingest

NAME = "religion_uf"  # a small source; three of its eleven columns are shares that must be numbers
REFERENCE = resources.files("census").joinpath("reference")
Refused = Callable[..., SourceError]


def packaged(name: str) -> bytes:
    return REFERENCE.joinpath(settings.sources()[name].file).read_bytes()


def lines_of(name: str, count: int = 6) -> list[str]:
    """The header and first rows of a packaged text source."""
    return gzip.decompress(packaged(name)).decode().splitlines()[:count]


@pytest.fixture(scope="module")
def heads(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The first rows of every packaged source: as good as whole files for what is checked row by row."""
    folder = tmp_path_factory.mktemp("heads")
    found = {}
    for name, source in settings.sources().items():
        found[name] = folder / source.file
        with resources.as_file(REFERENCE.joinpath(source.file)) as path:
            if path.suffix == ".parquet":
                pq.write_table(pq.read_table(path).slice(0, 5), found[name])
            else:
                opened = gzip.open if path.suffix == ".gz" else open
                with opened(path, "rb") as whole, opened(found[name], "wb") as head:
                    head.writelines(line for line, _ in zip(whole, range(6), strict=False))
    return found


def config_of(folder: Path, sources: dict[str, Path], sha256: dict[str, str]) -> Config:
    """Settings as of a person with files of their own: an overlay with a table for each."""
    overlay = folder / "mine.toml"
    given = [f"[sources.{name}]\npath = '{path}'\n" for name, path in sources.items()]
    digests = [f"sources.{name}.sha256={json.dumps(digest)}" for name, digest in sha256.items()]
    overlay.write_text("".join(given), encoding="utf-8")
    return settings.load(
        (str(overlay),), tuple(digests), {"run.data": str(folder / "data"), "spark.shuffle_partitions": 2}
    )


@pytest.fixture()
def refused(spark: SparkSession, tmp_path: Path, heads: dict[str, Path]) -> Refused:
    """Ingest with a bad file in place of religion by state; gives the error, after a look at what it left."""

    def run(path: Path, sha256: str | None = None) -> SourceError:
        config = config_of(tmp_path, heads | {NAME: path}, {NAME: sha256} if sha256 else {})
        _storage.prepare(config.data_dir)
        with pytest.raises(SourceError) as caught:
            ingest.run(spark, config)
        error = caught.value
        assert (error.exit_status, error.values["file"]) == (1, str(path))
        assert "\n" not in str(error)
        left = {folder.name for folder in (config.data_dir / "tables").iterdir()}
        assert left <= {tables.RUN.name, tables.INGEST_REJECTION.name}
        (row,) = DeltaTable(_storage.path(config.data_dir, tables.RUN)).to_pyarrow_table().to_pylist()
        assert (row["job"], row["status"], row["message"]) == ("ingest", "failed", str(error))
        assert not list(config.data_dir.rglob("*.partial"))
        return error

    return run


@pytest.fixture()
def mine(tmp_path: Path) -> Path:
    return tmp_path / "religion.csv"


def test_a_source_that_is_not_there_is_named(refused, mine):
    assert str(refused(mine)) == f"Source {NAME}: {mine} cannot be read: No such file or directory."


def test_a_source_with_one_byte_changed_is_refused_with_both_digests(refused, tmp_path):
    changed = bytearray(packaged(NAME))
    changed[len(changed) // 2] ^= 1
    mine = tmp_path / settings.sources()[NAME].file
    mine.write_bytes(changed)
    expected, found = settings.sources()[NAME].sha256, hashlib.sha256(changed).hexdigest()
    error = refused(mine, sha256=expected)
    assert str(error).startswith(f"Source {NAME}: {mine} has changed: sha256 is {found}, expected {expected}.")
    assert (error.values["found"], error.values["expected"]) == (found, expected)


@pytest.fixture()
def tampered(tmp_path: Path) -> Path:
    """A copy of the four packages, in which one byte of the packaged file is another."""
    folder = tmp_path / "tampered"
    for package in ("jobs", "udfs", "census", "conf"):
        here = Path(str(resources.files(package)))
        shutil.copytree(here, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    file = folder / "census" / "reference" / settings.sources()[NAME].file
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    return folder


@pytest.mark.long
def test_the_process_refuses_a_packaged_file_with_one_byte_changed_in_one_sentence(tampered, tmp_path):
    data = tmp_path / "data"
    command = [sys.executable, "-m", "jobs.ingest", "--data", str(data), "--quiet"]
    environment = {**os.environ, "PYTHONPATH": str(tampered)}
    ended = subprocess.run(command, cwd=tampered, env=environment, capture_output=True, text=True, timeout=300)
    listed = settings.sources()[NAME]
    found = hashlib.sha256((tampered / "census" / "reference" / listed.file).read_bytes()).hexdigest()
    said = f"povo: Source {NAME}: {listed.file} has changed: sha256 is {found}, expected {listed.sha256}. Restore the"
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith(said) and len(ended.stderr.splitlines()) == 1
    assert [folder.name for folder in (data / "tables").iterdir()] == [tables.RUN.name]
    assert not list(data.rglob("*.partial"))


def test_a_truncated_source_is_refused_with_the_line_where_it_ends(refused, tmp_path):
    mine = tmp_path / "religion.csv.gz"
    mine.write_bytes(packaged(NAME)[:-100])
    error = refused(mine)
    assert error.values["line"] > 1
    assert str(error).startswith(f"{mine} is truncated: it ends in line {error.values['line']}")


def test_a_source_that_is_not_what_its_name_says_is_refused(refused, tmp_path):
    mine = tmp_path / "religion.csv.gz"
    mine.write_text("\n".join(lines_of(NAME)))
    assert str(refused(mine)).startswith(f"{mine} is not a whole gzip file: ")


def test_a_source_without_a_column_is_refused_with_its_name(refused, mine):
    header, *rows = lines_of(NAME)
    column = ingest.LAYOUTS[NAME].header[-1]
    mine.write_text("\n".join([header.replace(column, "gente"), *rows]))
    error = refused(mine)
    assert (error.values["line"], error.values["field"]) == (1, column)
    assert str(error).startswith(f"{mine}, line 1: column {column!r} is missing (found: ")


def test_a_malformed_number_is_refused_with_line_and_field(refused, mine, tmp_path):
    header, *rows = [line.split(",") for line in lines_of(NAME)]
    rows[2][header.index("pct_catolica_2022")] = "40 87%"
    rows[3][header.index("uf")] = "ZZ"
    mine.write_text("\n".join(",".join(cells) for cells in [header, *rows]))
    error = refused(mine)
    assert (error.values["line"], error.values["field"]) == (4, "pct_catolica_2022")
    assert str(error).startswith(f"{mine}, line 4, field pct_catolica_2022: not_a_number ('40 87%'); 2 bad rows in all")
    kept = DeltaTable(_storage.path(tmp_path / "data", tables.INGEST_REJECTION)).to_pyarrow_table().to_pylist()
    places = {(row["file"], row["line"], row["field"], row["reason_code"]) for row in kept}
    assert places == {(str(mine), 4, "pct_catolica_2022", "not_a_number"), (str(mine), 5, "uf", "unknown_code")}


def test_a_row_of_the_wrong_width_is_rejected_with_its_line_wherever_the_cell_is_lost(spark, mine, tmp_path):
    lines = lines_of(NAME)
    lines[2] += ",9"  # the columns that are read are in their places, yet nobody knows which cell is one too many
    lines[3] = lines[3].rpartition(",")[0]
    mine.write_text("\n".join(lines))
    layout, source = ingest.LAYOUTS[NAME], settings.sources()[NAME]
    copied = _sources.copy_all({NAME: source}, {NAME: SourceOverride(path=str(mine))}, {NAME: layout}, tmp_path)[NAME]
    rows = checked(_sources.rows(spark, copied), layout)
    found = ingest.rejected_rows(spark, {NAME: rows}, {NAME: copied}).orderBy("line").collect()
    assert [(row["line"], row["field"], row["reason_code"]) for row in found] == [
        (3, "(row)", "wrong_columns"),
        (4, "(row)", "wrong_columns"),
    ]


def test_a_file_that_is_not_utf8_is_refused_with_its_line(tmp_path, mine):
    header, first, *_ = lines_of(NAME)
    mine.write_bytes(f"{header}\n{first}\nPará,1\n".encode("latin-1"))
    with pytest.raises(SourceError, match="line 3: not UTF-8 text"):
        _sources.copy_all(
            {NAME: settings.sources()[NAME]}, {NAME: SourceOverride(path=str(mine))}, ingest.LAYOUTS, tmp_path
        )


def taken(path: Path, folder: Path, name: str) -> _sources.Copied:
    """A user's file in place of a packaged one, verified and copied."""
    source, override = settings.sources()[name], SourceOverride(path=str(path))
    return _sources.copy_all({name: source}, {name: override}, ingest.LAYOUTS, folder)[name]


SURVEY = "pnadc_2018t2"


def test_a_survey_in_parquet_without_a_column_is_refused_with_file_and_column(heads, tmp_path):
    mine = tmp_path / "survey.parquet"
    pq.write_table(pq.read_table(heads[SURVEY]).drop_columns(["V1028"]), mine)
    with pytest.raises(SourceError) as caught:
        taken(mine, tmp_path, SURVEY)
    assert str(caught.value).startswith(f"{mine}: column 'V1028' is missing (found: ")
    assert caught.value.values == {"file": str(mine), "field": "V1028"}
    assert not list((tmp_path / "sources").iterdir())


@pytest.mark.parametrize("left", [0, 100, -100])
def test_a_truncated_survey_in_parquet_is_refused_with_its_name(heads, tmp_path, left):
    mine = tmp_path / "survey.parquet"
    mine.write_bytes(heads[SURVEY].read_bytes()[:left])
    with pytest.raises(SourceError) as caught:
        taken(mine, tmp_path, SURVEY)
    assert str(caught.value).startswith(f"{mine} is not a whole parquet file: ")
    assert "\n" not in str(caught.value)


def test_a_survey_in_parquet_with_damaged_pages_is_refused_with_its_name(spark, heads, tmp_path):
    mine = tmp_path / "survey.parquet"
    whole = heads[SURVEY].read_bytes()
    footer = 8 + int.from_bytes(whole[-8:-4], "little")
    mine.write_bytes(whole[:4] + b"\xff" * (len(whole) - footer - 4) + whole[-footer:])
    report = _runlog.RunReport("ingest", ("BR",), (), {})
    with pytest.raises(SourceError) as caught:
        ingest._read(spark, {SURVEY: taken(mine, tmp_path, SURVEY)}, report)
    assert str(caught.value) == f"{mine} cannot be read to its end; the run's log says where."


def test_a_copy_in_the_data_folder_that_was_touched_is_made_again(mine, tmp_path):
    mine.write_text("\n".join(lines_of(NAME)))
    copied = taken(mine, tmp_path, NAME)
    good, written = copied.path.read_bytes(), copied.path.stat().st_mtime_ns
    assert taken(mine, tmp_path, NAME) == copied
    assert copied.path.stat().st_mtime_ns == written
    for bad in (good[:-20], good[:20] + bytes([good[20] ^ 1]) + good[21:]):
        copied.path.write_bytes(bad)
        assert taken(mine, tmp_path, NAME) == copied
        assert copied.path.read_bytes() == good


@pytest.mark.parametrize(
    ("source", "bad", "stops"), [("pnadc_2017t1", 1, False), ("pnadc_2017t1", 2, True), (NAME, 1, True)]
)
def test_only_a_survey_may_lose_rows_and_only_a_share_of_its_own(spark, source, bad, stops):
    lost = [(source, "mine.csv", 2 + i, "UF", "99", "unknown_code") for i in range(bad)]
    rejections = spark.createDataFrame(lost, tables.INGEST_REJECTION.schema)
    if stops:
        with pytest.raises(SourceError, match=f"mine.csv, line 2, field UF: unknown_code .*; {bad} bad rows"):
            ingest._check_rejections(rejections, {source: 1000}, 0.001)
    else:
        ingest._check_rejections(rejections, {source: 1000}, 0.001)
