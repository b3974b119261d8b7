"""Second requests for answers that take too long: only with room to spare, and the slower connection is cut."""

from __future__ import annotations

import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from typing import Any

import pytest

from census.errors import TransientModelError
from udfs.client import ChatClient, ClientSettings
from udfs.completion import Completion
from udfs.task_figures import TaskFigures

ANSWER = b'{"choices":[{"message":{"content":"{}"},"finish_reason":"stop"}],"usage":{"completion_tokens":7}}'
StartServer = Callable[..., str]
Stats = Callable[[str], dict[str, Any]]
Body = Callable[..., bytes]


@contextmanager
def server(seen: list[str], *, hangs: int = 0) -> Iterator[str]:
    """Answers one request a connection; the first so many never, and it notes when their client has gone."""
    listener = socket.create_server(("127.0.0.1", 0))
    asked = count(1)

    def serve(connection: socket.socket) -> None:
        with connection:
            data = b""
            while b"\r\n\r\n" not in data:
                data += connection.recv(1 << 16)
            if data.startswith(b"GET"):
                connection.sendall(b"HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
            elif next(asked) <= hangs:
                connection.settimeout(20)
                while connection.recv(1 << 16):
                    pass
                seen.append("cut")
            else:
                seen.append("answered")
                connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(ANSWER))
                connection.sendall(ANSWER)

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def client_of(*urls: str, answers: int = 1000, **changes: Any) -> tuple[ChatClient, TaskFigures]:
    figures = TaskFigures()
    for _ in range(answers):
        figures.answered(300.0, prompt=0, cached=0, completion=0)
    given = {"hedge": True, "in_flight": 16, "deadline_seconds": 20.0, **changes}
    client = ChatClient(ClientSettings(urls, "m", **given), figures=figures, rng=random.Random(1))
    return client, figures


def ask_many(client: ChatClient, bodies: list[bytes], threads: int) -> list[Completion]:
    """All of them, with somebody who polls meanwhile."""
    over = threading.Event()

    def poll() -> None:
        while not over.wait(0.02):
            client.poll()

    threading.Thread(target=poll, daemon=True).start()
    with ThreadPoolExecutor(threads) as pool:
        answers = list(pool.map(lambda body: client.complete(body, "a"), bodies))
    over.set()
    return answers


def test_a_request_that_hangs_is_asked_elsewhere_and_its_connection_is_cut(chat_body: Body):
    slow: list[str] = []
    fast: list[str] = []
    with server(slow, hangs=1) as slow_url, server(fast) as fast_url:
        client, figures = client_of(slow_url, fast_url)
        started = time.monotonic()
        answers = ask_many(client, [chat_body() for _ in range(20)], threads=1)
        wait_until(lambda: "cut" in slow)
    told = figures.snapshot(0.0)
    assert time.monotonic() - started < 15 and len(answers) == 20
    assert told["retries"] == {"hedge": 1} and told["answered"] == 1020
    assert len(fast) + slow.count("answered") == 20


def test_the_slow_tail_falls_for_few_more_requests(model_server: StartServer, stats: Stats, chat_body: Body):
    url = model_server('kind = "latency"\nseconds = 0.02', 'kind = "latency"\nseconds = 3.0\nevery = 130')
    client, _ = client_of(url, answers=0, in_flight=32)
    answers = ask_many(client, [chat_body(str(number)) for number in range(600)], threads=8)
    assert max(answer.latency_ms for answer in answers[200:]) < 2000
    assert 600 < stats(url)["chat_requests"] <= 600 * 1.02 + 1


@pytest.mark.parametrize("why", ["too few answers seen", "no room to spare", "switched off"])
def test_nothing_is_asked_twice_without_need_and_room(chat_body: Body, why: str):
    slow: list[str] = []
    with server(slow, hangs=1) as url:
        client, figures = client_of(
            url,
            answers=50 if why == "too few answers seen" else 1000,
            in_flight=1 if why == "no room to spare" else 16,
            hedge=why != "switched off",
            deadline_seconds=1.0,
        )
        with pytest.raises(TransientModelError, match="no answer within 1 s and 1 tries"):
            ask_many(client, [chat_body()], threads=1)
    assert "hedge" not in figures.snapshot(0.0)["retries"] and "answered" not in slow


def wait_until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    over = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < over, "it did not happen in time"
        time.sleep(0.02)
