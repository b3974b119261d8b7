"""A model server for the tests of this folder: the application of `povo serve`, in a thread, with a tiny writer."""

from __future__ import annotations

import json
import socket
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import _bench
import pytest
from _bench import serving
from fsspec.implementations.memory import MemoryFileSystem
from pyarrow.fs import FSSpecHandler, PyFileSystem

from udfs.storage import Folder


def tiny_writer(messages: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Echo the last message, so that a test can see who was asked what."""
    return {"resumo": f"Ana leu: {messages[-1]['content']}", "itens": ["ler", "cozinhar"]}


@pytest.fixture()
def model_server(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Start servers: `model_server('kind = "reset"', ...)`, one string for each fault, gives the base URL."""
    with ExitStack() as stack:

        def start(*faults: str) -> str:
            path = tmp_path / "faults.toml"
            path.write_text("".join(f"[[fault]]\n{fault}\n" for fault in faults), encoding="utf-8")
            return stack.enter_context(serving(path, tiny_writer))

        yield start


@pytest.fixture()
def stats() -> Callable[[str], dict[str, Any]]:
    """What a server counted."""
    return _bench.stats


@pytest.fixture()
def chat_body() -> Callable[..., bytes]:
    """The encoded body of a small request."""

    def body(text: str = "Oi", **changes: Any) -> bytes:
        messages = [{"role": "system", "content": "Escreva em JSON."}, {"role": "user", "content": text}]
        return json.dumps({"model": "povo-offline-writer", "messages": messages, **changes}).encode()

    return body


@pytest.fixture()
def memory_store() -> Folder:
    """A folder in an object store of this process."""
    return Folder("memory://journal", f"/journal-{uuid.uuid4().hex}", PyFileSystem(FSSpecHandler(MemoryFileSystem())))


@pytest.fixture()
def unused_port() -> Iterator[int]:
    """A port that is ours and on which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]
