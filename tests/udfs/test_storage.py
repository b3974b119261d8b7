"""The door to storage: which addresses it opens, and that a file is there whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pyarrow import fs

from census.errors import ConfigError
from udfs.storage import Folder, open_folder


def test_a_path_is_a_folder_whose_files_grow(tmp_path: Path):
    for address in (tmp_path, str(tmp_path), f"file://{tmp_path}"):
        folder = open_folder(address)
        assert (folder.local, folder.grows) == (tmp_path, True)


@pytest.mark.parametrize("address", ["dbfs:/mnt/j", "dbfs:///mnt/j", "/dbfs/mnt/j"])
def test_a_mounted_store_is_a_path_whose_files_do_not_grow(address: str):
    folder = open_folder(address)
    assert (folder.local, folder.grows) == (Path("/dbfs/mnt/j"), False)
    assert open_folder("/Volumes/main/povo/j").grows is False
    assert open_folder("/dbfsx/j").grows is True


@pytest.mark.parametrize(
    ("address", "system", "path"),
    [
        ("s3://bucket/a/b", fs.S3FileSystem, "bucket/a/b"),
        ("s3a://bucket/a//b/", fs.S3FileSystem, "bucket/a/b"),
        ("s3://bucket?region=sa-east-1&endpoint_override=127.0.0.1:9&scheme=http", fs.S3FileSystem, "bucket"),
        ("gs://bucket/a", fs.GcsFileSystem, "bucket/a"),
        ("abfss://box@account.dfs.core.windows.net/a", fs.AzureFileSystem, "box/a"),
    ],
)
def test_an_object_store_is_opened_by_its_own_client_and_asked_nothing(address: str, system: type, path: str):
    folder = open_folder(address)
    assert isinstance(folder.system, system)
    assert (folder.path, folder.local, folder.grows) == (path, None, False)


@pytest.mark.parametrize(
    "address",
    [
        "s3://AKIA:hidden@bucket/a",
        "s3://AKIA@bucket/a",
        "s3://bucket/a?secret_key=hidden",
        "gs://someone:hidden@bucket/a",
        "abfss://box:hidden@account.dfs.core.windows.net/a",
        "abfss://box@account.dfs.core.windows.net/a?sig=hidden",
        "ftp://someone:hidden@host/a",
    ],
)
def test_an_address_with_a_secret_in_it_is_refused_and_not_repeated(address: str):
    with pytest.raises(ConfigError) as caught:
        open_folder(address)
    assert "hidden" not in str(caught.value) and "AKIA" not in str(caught.value)
    assert "hidden" not in str(caught.value.values)


@pytest.mark.parametrize("address", ["hdfs://name/a", "s3:///a", "abfss://account/a", "gs://"])
def test_an_address_of_another_kind_is_refused_with_those_that_are_known(address: str):
    with pytest.raises(ConfigError, match=r"is no storage address that Povo can use; known: a path, dbfs:/path, s3://"):
        open_folder(address)


@pytest.fixture(params=["disk", "mount", "store"])
def folder(request: pytest.FixtureRequest, tmp_path: Path, memory_store: Folder) -> Folder:
    mount = Folder("mount", str(tmp_path / "m"), fs.LocalFileSystem(), local=tmp_path / "m")
    return {"disk": open_folder(tmp_path / "d"), "mount": mount, "store": memory_store}[request.param]


def test_files_are_put_listed_read_and_removed(folder: Folder):
    assert folder.files() == []
    folder.put("b-1", "São\nJoão".encode())
    folder.put("a-1", b"")
    folder.put("b-1", "São\nJosé".encode())
    assert [(file.name, file.size) for file in folder.files()] == [("a-1", 0), ("b-1", 10)]
    (file,) = folder.files("b-")
    with file.open() as lines:
        assert list(lines) == ["São\n".encode(), "José".encode()]
    assert file.read(5, 4) == b"Jos\xc3"
    folder.remove("b-1")
    folder.remove("b-1")
    assert [file.name for file in folder.files()] == ["a-1"]


def test_a_folder_that_can_be_written_is_left_as_it_was(folder: Folder):
    folder.require_writable("journal.folder")
    assert folder.files() == []


def test_a_folder_that_cannot_be_written_is_told_in_one_sentence(tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ConfigError) as caught:
        open_folder(tmp_path / "file").require_writable("journal.folder")
    assert str(caught.value) == f"journal.folder: files cannot be written in {tmp_path / 'file'}: File exists"


def test_a_store_where_nobody_answers_is_told_in_one_sentence(monkeypatch: pytest.MonkeyPatch, unused_port: int):
    for name, value in (("ACCESS_KEY_ID", "key"), ("SECRET_ACCESS_KEY", "hidden"), ("EC2_METADATA_DISABLED", "true")):
        monkeypatch.setitem(os.environ, f"AWS_{name}", value)
    address = f"s3://bucket/j?endpoint_override=127.0.0.1:{unused_port}&scheme=http&region=x"
    with pytest.raises(ConfigError, match=r"^journal.folder: files cannot be written in s3://bucket/j\?") as caught:
        open_folder(address).require_writable("journal.folder")
    assert "hidden" not in str(caught.value) and "\n" not in str(caught.value)
