"""Folders of small files, on a disk or in an object store, by one door: what executors write and read themselves.

The door is `pyarrow.fs`. Povo has pyarrow anyway, whose wheels bring the clients of S3, Azure and Google; a Python
worker opens them without the JVM, which is where Hadoop's file systems live (and those need jars of their cluster);
fsspec would need one more package for each store. Credentials come from where each store's own tools look for them
(environment, profile, role of the machine), so none is ever in an address, a setting or a log.
"""

from __future__ import annotations

import io
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, BinaryIO, cast
from urllib.parse import parse_qsl, urlsplit

import pyarrow as pa
from pyarrow import fs

from census.errors import ConfigError

ADDRESSES = (
    "a path, dbfs:/path, s3://bucket/path, abfss://<container>@<account>.dfs.core.windows.net/path or gs://bucket/path"
)
# Object stores that are mounted: a file there is durable when it is closed, and cannot grow afterwards.
MOUNTS = ("/dbfs", "/Volumes")
_S3_OPTIONS = {"region", "endpoint_override", "scheme"}
_RETRY_SECONDS = 30


@dataclass(frozen=True)
class Folder:
    """One folder; only files right in it are seen.

    Attributes:
        address: For messages; holds no secret.
        path: Of the folder inside `system`.
        local: The same folder on a disk or mount; None in an object store.
        grows: Whether a file can be appended to, and an appended line be made durable.
    """

    address: str
    path: str
    system: fs.FileSystem = field(repr=False)
    local: Path | None = None
    grows: bool = False

    def files(self, prefix: str = "") -> list[StoredFile]:
        """The files whose names begin so, by name; none if there is no such folder."""
        with _plain_errors():
            found = self.system.get_file_info(fs.FileSelector(self.path, allow_not_found=True))
        kept = [one for one in found if one.is_file and one.base_name.startswith(prefix)]
        return sorted((StoredFile(self, one.base_name, one.size) for one in kept), key=lambda one: one.name)

    def file(self, name: str) -> StoredFile:
        """One file, whether it is there or not."""
        return StoredFile(self, name, -1)

    def put(self, name: str, data: bytes) -> None:
        """Store a file whole and for good, or not at all.

        Raises:
            OSError: The storage refused it.
        """
        if self.local is None:
            with _plain_errors(), self.system.open_output_stream(f"{self.path}/{name}") as stream:
                stream.write(data)
            return
        self.local.mkdir(parents=True, exist_ok=True)
        partial = self.local / f"{name}.partial"
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(self.local / name)
        sync_names(self.local)

    def remove(self, name: str) -> None:
        """Remove a file; one that is gone already is no error."""
        with _plain_errors(), suppress(FileNotFoundError):
            self.system.delete_file(f"{self.path}/{name}")

    def require_writable(self, setting: str) -> None:
        """Write a file and remove it.

        Args:
            setting: What the message tells people to change.

        Raises:
            ConfigError: Files cannot be written there.
        """
        name = f"probe-{secrets.token_hex(6)}"
        try:
            self.put(name, b"povo")
            self.remove(name)
        except OSError as error:
            raise ConfigError(
                f"{setting}: files cannot be written in {self.address}: {reason(error)}", address=self.address
            ) from error


@dataclass(frozen=True)
class StoredFile:
    """A file of a folder and its size in bytes when it was listed."""

    folder: Folder
    name: str
    size: int

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Read it from the start, line by line if wanted."""
        with _plain_errors(), self.folder.system.open_input_stream(f"{self.folder.path}/{self.name}") as stream:
            yield cast(BinaryIO, io.BufferedReader(stream, 1 << 20))

    def read(self, start: int, length: int) -> bytes:
        """Some bytes of it."""
        with _plain_errors(), self.folder.system.open_input_file(f"{self.folder.path}/{self.name}") as file:
            file.seek(start)
            return bytes(file.read(length))


def open_folder(address: str | os.PathLike[str]) -> Folder:
    """Open a folder by its address; asks nothing of the storage yet.

    Raises:
        ConfigError: The address is none that is known. One with a user and password is not repeated in the message.
    """
    text = os.fspath(address)
    if text.startswith("dbfs:"):
        text = "/dbfs/" + text.removeprefix("dbfs:").lstrip("/")
    if "://" not in text:
        return _on_disk(Path(text))
    parts = urlsplit(text)
    scheme = {"s3a": "s3", "abfs": "abfss", "gcs": "gs"}.get(parts.scheme, parts.scheme)
    user = parts.netloc.rpartition("@")[0]
    if ":" in user or (user and scheme != "abfss"):
        raise ConfigError(
            "a storage address holds no user, key or password: credentials are read from the environment."
        )
    path = "/".join(part for part in parts.path.split("/") if part)
    if scheme == "file" and not parts.netloc:
        return _on_disk(Path(parts.path))
    host = parts.hostname or ""
    if scheme == "s3" and host:
        return Folder(text, _inside(parts.netloc, path), _s3(parts.query))
    if scheme == "abfss" and user and "." in host and not parts.query:
        account, _, suffix = host.partition(".")
        azure = fs.AzureFileSystem(
            account, dfs_storage_authority=f".{suffix}", blob_storage_authority=f".{suffix.replace('dfs.', 'blob.', 1)}"
        )
        return Folder(text, _inside(user, path), azure)
    if scheme == "gs" and host and not parts.query:
        store = fs.GcsFileSystem(retry_time_limit=timedelta(seconds=_RETRY_SECONDS))
        return Folder(text, _inside(host, path), store)
    raise ConfigError(f"{parts.scheme}:// is no storage address that Povo can use; known: {ADDRESSES}.")


def reason(error: OSError) -> str:
    """Why a storage refused, in one line."""
    return error.strerror or str(error).partition("\n")[0]


def sync_names(folder: Path) -> None:
    """Make the names of new files outlive a power cut as well."""
    names = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(names)
    finally:
        os.close(names)


def _on_disk(path: Path) -> Folder:
    mounted = any(path.is_relative_to(mount) for mount in MOUNTS)
    return Folder(str(path), str(path), fs.LocalFileSystem(), local=path, grows=not mounted)


def _inside(bucket: str, path: str) -> str:
    return f"{bucket}/{path}" if path else bucket


def _s3(query: str) -> fs.FileSystem:
    options: dict[str, Any] = dict(parse_qsl(query))
    if options.keys() - _S3_OPTIONS:
        raise ConfigError(f"an s3:// address may say {', '.join(sorted(_S3_OPTIONS))} after its '?', nothing else.")
    options["retry_strategy"] = fs.AwsStandardS3RetryStrategy(max_attempts=3)
    options["request_timeout"] = _RETRY_SECONDS
    try:
        return fs.S3FileSystem(**options, allow_delayed_open=True)  # a small object in one request instead of three
    except TypeError:  # an older pyarrow
        return fs.S3FileSystem(**options)


@contextmanager
def _plain_errors() -> Iterator[None]:
    """pyarrow says some failures of a storage by errors of its own."""
    try:
        yield
    except pa.ArrowException as error:
        if isinstance(error, OSError):
            raise
        raise OSError(str(error)) from error
