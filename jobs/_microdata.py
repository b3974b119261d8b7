"""Microdata as IBGE publishes them: fixed-width text and its layout file, read by Spark line by line.

A line is a CSV row of one column, cut with `substring`: a plan that runs on a GPU, unlike `spark.read.text`.
"""

from __future__ import annotations

import glob
import gzip
import hashlib
import shutil
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO
from urllib.parse import unquote, urlsplit

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from census import fixed_width
from census.errors import SourceError
from census.fields import Layout
from census.fixed_width import Positions, Variable
from conf.settings import SourceOverride

_FIRST_LINES = 20
_CHUNK_BYTES = 1024 * 1024
_SEPARATOR = "\x01"  # never in IBGE's text: a line is one column
_TEXT, _ZIP = (".txt", ".txt.gz"), ".zip"


@dataclass(frozen=True)
class Microdata:
    """Fixed-width text of a user, ready to be read.

    Attributes:
        name: Source whose place it takes.
        file: Path as it was given.
        files: What Spark reads -> what a person calls it.
        sha256: Of the file, or of the digests of all; the path itself where the text is remote.
        positions: The whole layout.
        variables: The ones that are read.
        size: Bytes; 0 if unknown.
    """

    name: str
    file: str
    files: Mapping[str, str]
    sha256: str
    positions: Positions
    variables: tuple[Variable, ...]
    size: int


def is_fixed_width(path: str) -> bool:
    """Whether a path can only be fixed-width text: that kind of file, a folder, a pattern or a URI."""
    ending = path.lower().endswith((*_TEXT, _ZIP))
    return ending or is_remote(path) or any(sign in path for sign in "*?[") or Path(path).expanduser().is_dir()


def is_remote(path: str) -> bool:
    """Whether a path is a URI, such as hdfs:// or s3a://, that only Spark can open."""
    return "://" in path


def prepare(name: str, override: SourceOverride, layout: Layout, folder: Path) -> Microdata:
    """Read the layout, find the text (a zip is unpacked into `folder`) and check that one describes the other.

    Raises:
        SourceError: There is no layout or no text, they do not fit, or a variable of `layout` is missing.
    """
    if not override.layout:
        raise SourceError(
            f"Source {name}: {override.path} is read as fixed-width text, which needs IBGE's layout file: "
            f'add layout = "input_....txt" to [sources.{name}].',
            file=override.path,
        )
    positions = read_layout(override.layout)
    fitted = _fit(layout, positions, name)
    names = [field.name for field in fitted.fields] + ([fitted.only[0]] if fitted.only else [])
    variables = positions.require(names, f"source {name}")
    if is_remote(override.path):
        return _remote(name, override, positions, variables)
    found = _find(name, override)
    digests = [_digest(file) for file in found]
    digest = digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()
    if override.sha256 and override.sha256 != digest:
        raise SourceError(
            f"Source {name}: {override.path} has changed: sha256 is {digest}, expected {override.sha256}.",
            file=override.path,
            found=digest,
            expected=override.sha256,
        )
    files: dict[str, str] = {}
    for file, file_digest in zip(found, digests, strict=True):
        unpacked = _unpack(file, folder / f"{name}-{file_digest[:12]}") if _is_zip(file) else {file: str(file)}
        for text, called in unpacked.items():
            _check_width(text, called, positions)
            files[str(text.absolute())] = called
    twice = [called for path, called in files.items() if sum(Path(path).name == Path(p).name for p in files) > 1]
    if twice:
        raise SourceError(
            f"Source {name}: {override.path} holds {' and '.join(twice[:2])}: one of them too many.", file=override.path
        )
    size = sum(Path(path).stat().st_size for path in files)
    return Microdata(name, override.path, files, digest, positions, variables, size)


def read_layout(path: str) -> Positions:
    """Read IBGE's layout file.

    Raises:
        SourceError: It cannot be read, or is no layout.
    """
    try:
        content = Path(path).expanduser().read_bytes()
    except OSError as error:
        raise SourceError(f"The layout {path} cannot be read: {error.strerror}.", file=path) from error
    return fixed_width.parse(fixed_width.decoded(content), path)


def rows(spark: SparkSession, source: Microdata, *, as_bytes: bool | None = None) -> DataFrame:
    """The variables as text columns, with `misfit` (a line of the wrong width), `line`, `file` and `block`.

    `line` is the row's place within its task; `numbered` makes a line number of it.

    Args:
        as_bytes: Cut bytes instead of text: on a processor, where `substring` of a text walks to its place, that takes
            less than half the time. A GPU cuts text only; hence the default: text where RAPIDS is at work.
    """
    lines = spark.read.csv(list(source.files), schema="value string", sep=_SEPARATOR, quote="", escape="", header=False)
    if is_remote(source.file):
        widths = [len(row["value"]) for row in lines.head(_FIRST_LINES)]
        _check_widths(widths, source.file, source.positions)
    if as_bytes is None:
        as_bytes = "SQLPlugin" not in spark.conf.get("spark.plugins", "")
    if as_bytes:
        lines = lines.selectExpr("value", fixed_width.BYTES)
    return lines.selectExpr(
        *(variable.cut(as_bytes=as_bytes) for variable in source.variables),
        f"CASE WHEN length(value) != {source.positions.record_length} THEN value END AS misfit",
        "input_file_name() AS file",
        "input_file_block_start() AS block",
        "monotonically_increasing_id() AS line",
    )


def numbered(rejected: DataFrame, checked: DataFrame, source: Microdata) -> DataFrame:
    """Rejected rows with their true `line` and the name of their `file`.

    Rows of a block follow each other, so a line number is the rows of the blocks before, and the place within its own.
    Spark passes over blank lines; those of local files are counted here, in files with rejected rows only.

    Args:
        rejected: Some rows of `checked`.
        checked: Every row of the source, with `file`, `block` and `line` as `rows` gave them.
        source: Where the rows come from.
    """
    per_block = checked.groupBy("file", "block").agg(F.count("*").alias("rows"), F.min("line").alias("first"))
    bad = {row["file"] for row in rejected.select("file").distinct().collect()}
    before: dict[str, int] = {}
    starts = []
    for row in sorted(per_block.collect(), key=lambda row: (row["file"], row["block"])):
        done = before.get(row["file"], 0)
        before[row["file"]] = done + row["rows"]
        if row["file"] in bad:
            starts.append((row["file"], row["block"], done - row["first"] + 1))
    files = [(uri, *_called(uri, source)) for uri in sorted(bad)]
    spark = checked.sparkSession
    return (
        rejected.join(
            F.broadcast(spark.createDataFrame(starts, "file string, block bigint, offset bigint")),
            ["file", "block"],
            "inner",
        )
        .join(
            F.broadcast(spark.createDataFrame(files, "file string, called string, blanks array<bigint>")),
            "file",
            "inner",
        )
        .withColumn("number", F.col("line") + F.col("offset"))
        .selectExpr(
            "called AS file",
            "number + size(filter(blanks, rows -> rows < number)) AS line",
            "field",
            "value",
            "reason_code",
        )
    )


def _called(uri: str, source: Microdata) -> tuple[str, list[int]]:
    """Name of a file that Spark read, and for each blank line in it the number of other lines before."""
    if urlsplit(uri).scheme != "file":
        return uri, []
    path = unquote(urlsplit(uri).path)
    blanks, others = [], 0
    with _opened(Path(path)) as text:
        for line in text:
            if line.strip():
                others += 1
            else:
                blanks.append(others)
    return source.files.get(path, path), blanks


def _fit(layout: Layout, positions: Positions, name: str) -> Layout:
    missing = layout.missing(positions.names)
    if missing:
        positions.require([missing[0]], f"source {name}")
    return layout.fitted(positions.names)


def _remote(name: str, override: SourceOverride, positions: Positions, variables: tuple[Variable, ...]) -> Microdata:
    if override.path.lower().endswith(_ZIP):
        raise SourceError(
            f"Source {name}: {override.path} is a remote zip, which Spark cannot read: unpack it there and give the "
            "text, or give a local copy.",
            file=override.path,
        )
    if override.sha256:
        raise SourceError(
            f"Source {name}: sha256 cannot be checked for the remote {override.path}: leave it out.", file=override.path
        )
    return Microdata(name, override.path, {override.path: override.path}, override.path, positions, variables, 0)


def _find(name: str, override: SourceOverride) -> list[Path]:
    """The local files that a path, folder or pattern stands for; the layout may lie among them."""
    path = Path(override.path).expanduser()
    layout = Path(override.layout or "").expanduser().resolve()
    if path.is_file():
        return [path]
    if path.is_dir():
        inside = sorted(file for file in path.iterdir() if file.name.lower().endswith((*_TEXT, _ZIP)))
    else:
        inside = sorted(Path(file) for file in glob.glob(str(path)))
    found = [file for file in inside if file.is_file() and file.resolve() != layout]
    if not found:
        what = "holds no .txt or .zip file" if path.is_dir() else "matches no file"
        raise SourceError(f"Source {name}: {override.path} {what}.", file=override.path)
    return found


def _is_zip(file: Path) -> bool:
    return file.name.lower().endswith(_ZIP)


def _digest(file: Path) -> str:
    digest = hashlib.sha256()
    try:
        with file.open("rb") as content:
            for chunk in iter(lambda: content.read(_CHUNK_BYTES), b""):
                digest.update(chunk)
    except OSError as error:
        raise SourceError(f"{file} cannot be read: {error.strerror}.", file=str(file)) from error
    return digest.hexdigest()


def _unpack(file: Path, folder: Path) -> dict[Path, str]:
    """The text files of a zip, unpacked piece by piece; one that is there already is left alone."""
    try:
        with zipfile.ZipFile(file) as archive:
            members = [m for m in archive.infolist() if m.filename.lower().endswith(".txt") and not m.is_dir()]
            if not members:
                raise SourceError(f"{file} holds no .txt file.", file=str(file))
            found = {}
            folder.mkdir(parents=True, exist_ok=True)
            for member in members:
                target = folder / Path(member.filename).name
                if not (target.exists() and target.stat().st_size == member.file_size):
                    partial = target.with_name(target.name + ".partial")
                    with archive.open(member) as packed, partial.open("wb") as text:
                        shutil.copyfileobj(packed, text, _CHUNK_BYTES)
                    partial.replace(target)
                found[target] = f"{file}: {member.filename}"
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise SourceError(f"{file} is not a whole zip file: {error}.", file=str(file)) from error
    return found


def _opened(file: Path) -> IO[bytes]:
    return gzip.open(file, "rb") if file.name.endswith(".gz") else file.open("rb")  # type: ignore[return-value]


def _check_width(file: Path, called: str, positions: Positions) -> None:
    """Stop where no line at the head of a file has the width of the layout: then it is another file's layout."""
    try:
        with _opened(file) as text:
            widths = [_width(line) for line in islice(_filled(text), _FIRST_LINES)]
    except (OSError, EOFError, zlib.error) as error:
        raise SourceError(f"{called} cannot be read: {error}.", file=called) from error
    _check_widths(widths, called, positions)


def _check_widths(widths: Sequence[int], called: str, positions: Positions) -> None:
    if not widths:
        raise SourceError(f"{called} is empty.", file=called)
    if positions.record_length not in widths:
        raise SourceError(
            f"{called}: its first lines have {widths[0]} characters, but {positions.file} describes lines of "
            f"{positions.record_length} ({len(positions.variables)} variables): give the layout of this very file.",
            file=called,
            found=widths[0],
            expected=positions.record_length,
        )


def _filled(text: IO[bytes]) -> Iterator[bytes]:
    return (line for line in text if line.strip())


def _width(line: bytes) -> int:
    return len(line.rstrip(b"\r\n").decode("utf-8", errors="replace"))
