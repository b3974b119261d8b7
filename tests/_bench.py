"""The server of `povo serve` as tests have it: in a thread, asked with plain `requests`, judged by its own counters."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from jobs._chat_app import app
from jobs._connections import listen
from jobs._faults import read_faults
from jobs._shapes import Writer
from jobs.serve import server_of
from udfs import offline_writer

MODEL = "povo-offline-writer"
RECORD = """Nome completo: Josefa Maria dos Santos
Primeiro nome: Josefa
Pessoa: mulher
Idade: 47 anos
Cidade: Estância
Estado: Sergipe
Região: Nordeste
Onde mora: na cidade
Momento de vida: trabalha
Profissão: Cozinheira
Versão do texto: 0"""


@contextmanager
def serving(faults: Path | None = None, writer: Writer = offline_writer.write) -> Iterator[str]:
    """A server with the faults of a file if one is given; its base URL."""
    server = server_of(app(writer, faults=read_faults(faults) if faults else ()))
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


def stats(url: str) -> dict[str, Any]:
    """What a server counted."""
    return dict(requests.get(url.removesuffix("/v1") + "/_stats", timeout=10).json())
