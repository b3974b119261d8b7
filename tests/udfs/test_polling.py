"""Queues and health as servers tell them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests

from udfs.endpoints import Endpoints
from udfs.polling import Poller, read_queue
from udfs.retries import Unreachable

VLLM = """# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="gpt-oss-120b"} 30.0
vllm:num_requests_running{engine="1",model_name="gpt-oss-120b"} 34.0
vllm:num_requests_running{engine="0",model_name="other"} 5.0
# TYPE vllm:num_requests_waiting gauge
vllm:num_requests_waiting{engine="0",model_name="gpt-oss-120b"} 7.0
vllm:num_requests_waiting{engine="1",model_name="gpt-oss-120b"} 1e+01
vllm:num_requests_waiting_by_reason{reason="capacity",model_name="gpt-oss-120b"} 99.0
vllm:num_requests_waiting{engine="0",model_name="other"} 70.0
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (VLLM, (64, 17)),
        ("llamacpp:requests_processing 4\nllamacpp:requests_deferred 9\n", (4, 9)),
        ("sglang:num_running_reqs{model_name=\"x\"} 3\nsglang:num_queue_reqs{model_name=\"x\"} 0\n", (3, 0)),
        ("vllm:num_requests_running 3\n", None),
        ("<html>Not found</html>", None),
        ("", None),
    ],
)  # fmt: skip
def test_the_queue_is_read_over_all_engines_of_the_model(text: str, expected: tuple[int, int] | None):
    assert read_queue(text, "gpt-oss-120b") == expected


@contextmanager
def pages(**given: tuple[int, str]) -> Iterator[tuple[str, list[str]]]:
    """A server of these pages, and the list of what was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            status, text = given.get(self.path.rpartition("/")[2], (404, ""))
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1", asked
    finally:
        server.shutdown()
        server.server_close()


def poller(url: str, most: int = 200) -> tuple[Endpoints, Poller]:
    endpoints = Endpoints((url,), lambda: 0.0, 5.0, most=most)
    return endpoints, Poller(endpoints, requests.Session(), "gpt-oss-120b", {})


def test_a_queue_at_the_server_lowers_the_limit_and_ends_the_doubling():
    with pages(metrics=(200, VLLM)) as (url, _):
        endpoints, one = poller(url)
        held = [endpoints.lease() for _ in range(32)]
        for lease in held:
            lease.__enter__()
        one.poll()
    assert not endpoints.is_ramping and endpoints.in_flight_and_limit == (32, int(32 * 64 / 81 * 1.03))


def test_a_server_that_tells_no_queue_is_soon_not_asked_any_more():
    with pages() as (url, asked):
        _, one = poller(url)
        for _ in range(10):
            one.poll()
    assert asked == ["/metrics"] * 3


@pytest.mark.parametrize(
    ("given", "asked_for"),
    [({"health": (200, "")}, ["/health"]), ({"models": (200, "{}")}, ["/health", "/v1/models"])],
)
def test_an_endpoint_that_is_well_again_gets_a_trial(given: dict[str, tuple[int, str]], asked_for: list[str]):
    with pages(**given) as (url, asked):
        endpoints, one = poller(url)
        with pytest.raises(Unreachable), endpoints.lease():
            raise Unreachable("nobody there")
        one.poll()
        assert asked == asked_for
        with endpoints.lease() as trial:
            assert trial.is_trial


def test_an_endpoint_that_is_not_well_gets_none():
    with pages(health=(503, "")) as (url, _):
        endpoints, one = poller(url)
        with pytest.raises(Unreachable), endpoints.lease():
            raise Unreachable("nobody there")
        one.poll()
        with endpoints.lease() as turn:
            assert not turn.is_trial
