"""What the tests of this folder start from: a data folder as `sample` leaves it, a server to ask."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from _bench import serving
from _drawn import Folder, draw
from pyspark.sql import SparkSession


@pytest.fixture()
def make_folder(spark: SparkSession, tmp_path: Path) -> Callable[[int], Folder]:
    """Make the folder that `sample` would leave, with so many persons."""
    return lambda persons: draw(spark, tmp_path / "data", persons)


@pytest.fixture(scope="module")
def writer_url() -> Iterator[str]:
    with serving() as url:
        yield url


@pytest.fixture()
def bench(tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """Start servers: `bench('[[fault]]...')` gives the base URL."""
    with ExitStack() as stack:

        def start(text: str) -> str:
            path = tmp_path / "faults.toml"
            path.write_text(text, encoding="utf-8")
            return stack.enter_context(serving(path))

        yield start
