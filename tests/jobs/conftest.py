"""A test bench for the tests of this folder: the server of `povo serve` in a thread, with a faults file."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from jobs._chat_app import app
from jobs._connections import listen
from jobs._faults import read_faults
from jobs.serve import server_of
from udfs import offline_writer


@contextmanager
def running(path: Path) -> Iterator[str]:
    server = server_of(app(offline_writer.write, faults=read_faults(path)))
    listener = listen("127.0.0.1", 0)
    port = listener.getsockname()[1]

    def run() -> None:
        with listener:
            server.run(sockets=[listener])

    threading.Thread(target=run, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.should_exit = True  # not waited for: the next test has a server of its own


@pytest.fixture()
def bench(tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """Start servers: `bench('[[fault]]...')` gives the base URL."""
    with ExitStack() as stack:

        def start(text: str) -> str:
            path = tmp_path / "faults.toml"
            path.write_text(text, encoding="utf-8")
            return stack.enter_context(running(path))

        yield start
