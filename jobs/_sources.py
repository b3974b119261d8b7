"""Sources: verified, then copied to `<data>/sources/`, where Spark reads them."""

from __future__ import annotations

import csv
import gzip
import hashlib
import logging
import shutil
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from census.errors import SourceError
from census.fields import Layout, doubts
from conf.settings import Source, SourceOverride
from jobs import _microdata
from jobs._microdata import Microdata

log = logging.getLogger(__name__)
_HEADER_BYTES = 65536


@dataclass(frozen=True)
class Copied:
    """A source that lies in the data folder: `sha256` of the bytes as they came, `file` as a person knows it."""

    name: str
    file: str
    path: Path
    sha256: str

    @property
    def size(self) -> int:
        """Bytes, packed."""
        return self.path.stat().st_size


def copy_all(
    sources: Mapping[str, Source],
    overrides: Mapping[str, SourceOverride],
    layouts: Mapping[str, Layout],
    data_dir: Path,
) -> dict[str, Copied | Microdata]:
    """Verify every source and copy it to `<data>/sources/`; a copy that is there already is kept if it is the same.

    Fixed-width text of a user is read where it lies, unless it comes in a zip.

    Raises:
        SourceError: A digest differs, a file is missing, truncated, or lacks a column; names file, line and field.
    """
    folder = data_dir / "sources"
    folder.mkdir(parents=True, exist_ok=True)
    unknown = set(overrides) - set(sources)
    if unknown:
        raise SourceError(f"Unknown source {sorted(unknown)[0]!r} in the settings; known: {', '.join(sources)}.")
    return {name: _copy(name, source, overrides.get(name), layouts[name], folder) for name, source in sources.items()}


def _copy(
    name: str, source: Source, override: SourceOverride | None, layout: Layout, folder: Path
) -> Copied | Microdata:
    if override is not None and (override.layout or _microdata.is_fixed_width(override.path)):
        return _microdata.prepare(name, override, layout, folder)
    if override is None:
        content = resources.files("census").joinpath("reference", source.file).read_bytes()
        file, expected = source.file, source.sha256
    else:
        file, expected = override.path, override.sha256 or ""
        try:
            content = Path(override.path).expanduser().read_bytes()
        except OSError as error:
            raise SourceError(f"Source {name}: {file} cannot be read: {error.strerror}.", file=file) from error
    digest = hashlib.sha256(content).hexdigest()
    if expected and digest != expected:
        raise SourceError(
            f"Source {name}: {file} has changed: sha256 is {digest}, expected {expected}. "
            "Restore the file, or give your own with [sources.<name>] in an overlay.",
            file=file,
            found=digest,
            expected=expected,
        )
    suffix = ".parquet" if file.endswith(".parquet") else ".csv.gz"
    target = folder / f"{name}-{digest[:12]}{suffix}"
    if suffix == ".parquet":
        _require_columns(_parquet_columns(content, file), layout, file)
    else:
        packed = file.endswith(".gz")
        # A packaged file is whole, its digest says so; a user's own is read to its end.
        text = _unzip(content, file, whole=override is not None) if packed else content
        _check_header(text if override is None else _utf8(text, file), layout, file)
        # gzip keeps a file in one piece, so that row order gives the line number.
        content = content if packed else gzip.compress(content, mtime=0)
    # A name proves nothing: a copy may have been cut or touched since.
    if not target.exists() or target.read_bytes() != content:
        partial = target.with_suffix(".partial")
        partial.write_bytes(content)
        shutil.move(partial, target)
    return Copied(name, file, target, digest)


def _unzip(content: bytes, file: str, *, whole: bool) -> bytes:
    unpacker = zlib.decompressobj(wbits=31)
    try:
        text = unpacker.decompress(content, 0 if whole else _HEADER_BYTES)
    except zlib.error as error:
        raise SourceError(f"{file} is not a whole gzip file: {error}.", file=file) from error
    if whole and not unpacker.eof:
        line = text.count(b"\n") + 1
        raise SourceError(
            f"{file} is truncated: it ends in line {line}, in the middle of its gzip stream.", file=file, line=line
        )
    return text


def _utf8(text: bytes, file: str) -> bytes:
    """The same bytes, known to be UTF-8 to their end: Spark would put a mark in the place of a bad one, in silence."""
    try:
        text.decode("utf-8")
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        raise SourceError(f"{file}, line {line}: not UTF-8 text (save it as UTF-8).", file=file, line=line) from error
    return text


def _check_header(text: bytes, layout: Layout, file: str) -> None:
    first = text.split(b"\n", 1)[0].decode("utf-8-sig")
    _require_columns(next(csv.reader([first]), []), layout, file, line=1)


def _parquet_columns(content: bytes, file: str) -> list[str]:
    try:
        return list(pq.read_schema(pa.BufferReader(content)).names)
    except (pa.ArrowException, OSError) as error:
        raise SourceError(f"{file} is not a whole parquet file: {str(error).splitlines()[0]}", file=file) from error


def _require_columns(found: Sequence[str], layout: Layout, file: str, **place: int) -> None:
    """Check a file's columns; `place` may give the `line` where they are named."""
    missing = layout.missing(found)
    if missing:
        where = f"{file}, line {place['line']}" if place else file
        raise SourceError(
            f"{where}: column {missing[0]!r} is missing (found: {', '.join(found[:8])}...).",
            file=file,
            field=missing[0],
            **place,
        )


def doubtful(file: str, layout: Layout, found: Sequence[float | None]) -> list[str]:
    """One sentence for each total of a table that is not what it must be."""
    return [
        f"{file} is not the table that is expected, or is in another unit: {doubt}." for doubt in doubts(layout, found)
    ]


def rows(spark: SparkSession, copied: Copied | Microdata) -> DataFrame:
    """The rows of a source as text columns, with `line` and, for text files, `corrupt` (fixed-width: `misfit`).

    Raises:
        SourceError: The file cannot be read as what it says it is.
    """
    if isinstance(copied, Microdata):
        return _microdata.rows(spark, copied)
    if copied.path.suffix == ".parquet":
        try:
            table = spark.read.parquet(str(copied.path))
        except PySparkException as error:
            raise SourceError(f"{copied.file} is not a whole parquet file.", file=copied.file) from error
        columns = [F.col(f"`{c}`").cast("string").alias(c) for c in table.columns]
        return table.select(*columns, (F.col("_metadata.row_index") + 1).alias("line"))
    with gzip.open(copied.path, "rt", encoding="utf-8-sig") as file:
        header = next(csv.reader([file.readline().rstrip("\n")]))
    schema = ", ".join(f"`{name}` string" for name in header) + ", corrupt string"
    # Without its columns that nobody reads, a row of the wrong width would look like a good one.
    text = spark.read.option("columnPruning", "false").csv(
        str(copied.path),
        schema=schema,
        header=True,
        columnNameOfCorruptRecord="corrupt",
        mode="PERMISSIVE",
        escape='"',
        multiLine=False,
    )
    # One gzip file is one partition: this id is the row's place in the file, behind the header line.
    return text.withColumn("line", F.monotonically_increasing_id() + 2)
