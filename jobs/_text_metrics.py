"""The figures of the asking as Prometheus text on the loopback address, while texts are written."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from census.errors import ConfigError
from jobs._spending import TokenPrices
from jobs._text_progress import Sums

HOST = "127.0.0.1"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def exposition(sums: Sums, prices: TokenPrices | None) -> str:
    """The sums in Prometheus' text format."""
    lines: list[str] = []

    def family(name: str, kind: str, help_text: str, *samples: tuple[str, float]) -> None:
        lines.append(f"# HELP povo_text_{name} {help_text}")
        lines.append(f"# TYPE povo_text_{name} {kind}")
        lines.extend(f"povo_text_{name}{labels} {_number(value)}" for labels, value in samples)

    family("calls_total", "counter", "Calls begun.", ("", sums.asked))
    family("answers_total", "counter", "Calls that have their answer.", ("", sums.answered))
    family("requests_total", "counter", "Requests sent, as the servers count them.", ("", sums.requests))
    family("in_flight", "gauge", "Requests in flight now.", ("", sums.in_flight))
    family("limit", "gauge", "Requests that may be in flight now.", ("", sums.limit))
    family("waiting", "gauge", "Records that were read and are not begun.", ("", sums.waiting))
    retries = [(f'{{class="{kind}"}}', count) for kind, count in sorted(sums.retries.items())]
    family("retries_total", "counter", "Further requests by the class of the failure before.", *retries)
    kinds = (("prompt", sums.tokens.prompt), ("cached", sums.tokens.cached), ("completion", sums.tokens.completion))
    tokens = [(f'{{kind="{kind}"}}', count) for kind, count in kinds]
    family("tokens_total", "counter", "Tokens of answers; cached ones are prompt tokens too.", *tokens)
    if prices:
        family("cost_total", "counter", "In the currency of the price table.", ("", prices.of(sums.tokens)))
    buckets, seen = [], 0
    for bound, count in sorted(sums.latency.items()):
        seen += count
        buckets.append((f'_bucket{{le="{bound / 1000:g}"}}', float(seen)))
    whole: list[tuple[str, float]] = [('_bucket{le="+Inf"}', seen), ("_count", seen)]
    family("latency_seconds", "histogram", "From sending to the last byte.", *buckets, *whole)
    return "\n".join(lines) + "\n"


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)


@contextmanager
def endpoint(port: int, sums: Callable[[], Sums | None], prices: TokenPrices | None) -> Iterator[str | None]:
    """Serve `/metrics` on the loopback address while the block runs; yields its URL, None if `port` is 0.

    Raises:
        ConfigError: The port is taken.
    """
    if not port:
        yield None
        return
    with _open(port, sums, prices) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://{HOST}:{port}/metrics"
        finally:
            server.shutdown()


def _open(port: int, sums: Callable[[], Sums | None], prices: TokenPrices | None) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path != "/metrics":
                self.send_error(404)
                return
            body = exposition(sums() or Sums(), prices).encode()
            self.send_response(200)
            self.send_header("Content-Type", CONTENT_TYPE)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Scrapes are no news."""

    try:
        return ThreadingHTTPServer((HOST, port), Handler)
    except OSError as error:
        raise ConfigError(f"llm.metrics_port: nothing can listen on {HOST}:{port} ({error.strerror}).") from error
