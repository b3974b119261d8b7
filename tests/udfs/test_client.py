"""The client against servers that answer, refuse, stall and vanish; everything on the loopback address."""

from __future__ import annotations

import logging
import pickle
import random
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from _certificate import write_certificate

from census.errors import ConfigError, ModelError, TransientModelError
from udfs.client import ChatClient, ClientSettings, ClientStopped, check_model, is_healthy
from udfs.retries import RequestRejected, Starved
from udfs.transport import open_session

MODEL = "povo-offline-writer"
KEY = "chave-muito-secreta"
NOON = 1_800_000_000.0
HTML = b"<html>502, but with a friendly 200</html>"

StartServer = Callable[..., str]
Stats = Callable[[str], dict[str, Any]]
Body = Callable[..., bytes]


def settings(*endpoints: str, **changes: Any) -> ClientSettings:
    quick = {"backoff_base_seconds": 0.01, "cooldown_seconds": 0.2, "start_unreachable_seconds": 0.2, "in_flight": 4}
    return ClientSettings(endpoints=endpoints, model=MODEL, **{**quick, **changes})


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.sleeps: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds

    def client(self, given: ClientSettings) -> ChatClient:
        return ChatClient(
            given,
            monotonic=lambda: self.now,
            wall=lambda: NOON + self.now,
            sleep=self.sleep,
            rng=random.Random(1),
        )


@contextmanager
def raw_server(*answers: bytes, port: int = 0) -> Iterator[str]:
    """A server that gives each connection the next of these byte strings, then hangs up; the last one for ever."""
    listener = socket.create_server(("127.0.0.1", port))

    def run() -> None:
        left = list(answers)
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(1 << 16)
                connection.sendall(left.pop(0) if len(left) > 1 else left[0])

    threading.Thread(target=run, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def http(status: str, body: bytes, *, length: int | None = None) -> bytes:
    head = (
        f"HTTP/1.1 {status}\r\nContent-Length: {len(body) if length is None else length}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body


def free_port_url() -> str:
    with closing(socket.create_server(("127.0.0.1", 0))) as unused:
        return f"http://127.0.0.1:{unused.getsockname()[1]}/v1"


def test_an_answer_comes_with_its_tokens_and_the_name_of_who_wrote_it(model_server: StartServer, chat_body: Body):
    url = model_server()
    client = ChatClient(settings(url))
    first, second = client.complete(chat_body("Oi"), "a"), client.complete(chat_body("Olá"), "b")
    assert first.content == '{"resumo": "Ana leu: Oi", "itens": ["ler", "cozinhar"]}'
    assert (first.finish_reason, first.tries, first.endpoint, first.model) == ("stop", 1, url, MODEL)
    assert first.prompt_tokens > 60 and first.completion_tokens > 10
    assert (first.cached_tokens, second.cached_tokens > 0) == (0, True)


def test_reasoning_is_dropped_under_both_of_its_names(chat_body: Body):
    body = (
        b'{"model":"gpt-oss","choices":[{"message":{"role":"assistant","content":"{}","reasoning":"hm",'
        b'"reasoning_content":"hm"},"finish_reason":"stop"}],"usage":null}'
    )
    with raw_server(http("200 OK", body)) as url:
        answer = ChatClient(settings(url)).complete(chat_body(), "a")
    assert "reasoning" not in answer.raw and "hm" not in repr(answer)
    assert (answer.content, answer.model, answer.completion_tokens) == ("{}", "gpt-oss", 0)


def test_half_a_surrogate_pair_does_not_reach_the_tables(chat_body: Body):
    body = b'{"choices":[{"message":{"content":"caf\\u00e9 \\ud83d"},"finish_reason":"stop"}]}'
    with raw_server(http("200 OK", body)) as url:
        assert ChatClient(settings(url)).complete(chat_body(), "a").content == "café ?"


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 504])
def test_a_failure_that_may_pass_is_tried_again(model_server: StartServer, chat_body: Body, stats: Stats, status: int):
    url = model_server(f'kind = "status"\nstatus = {status}\ntimes = 2')
    assert ChatClient(settings(url)).complete(chat_body(), "a").tries == 3
    assert stats(url)["requests_by_status"] == {str(status): 2, "200": 1}


def test_a_server_that_always_fails_is_given_up_after_the_tries(
    model_server: StartServer, chat_body: Body, stats: Stats
):
    url = model_server('kind = "status"\nstatus = 503')
    with pytest.raises(TransientModelError, match=r"gave up after 3 tries: .* answered 503"):
        ChatClient(settings(url, max_tries=3)).complete(chat_body(), "a")
    assert stats(url)["chat_requests"] == 3


def test_waits_grow_with_full_jitter_up_to_the_cap(model_server: StartServer, chat_body: Body):
    url, clock = model_server('kind = "status"\nstatus = 500'), Time()
    client = clock.client(settings(url, max_tries=9, backoff_base_seconds=1.0, backoff_cap_seconds=8.0))
    with pytest.raises(TransientModelError):
        client.complete(chat_body(), "a")
    bounds = [1, 2, 4, 8, 8, 8, 8, 8]
    assert len(clock.sleeps) == len(bounds)
    assert all(0 <= slept <= bound for slept, bound in zip(clock.sleeps, bounds, strict=True))
    assert len(set(clock.sleeps)) == len(bounds)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("7", 7.0),
        (formatdate(NOON + 9, usegmt=True), 9.0),
        ("86400", 60.0),
        (formatdate(NOON + 86_400, usegmt=True), 60.0),
    ],
)
def test_a_server_that_says_when_to_come_back_is_obeyed_within_a_minute(
    model_server: StartServer, chat_body: Body, header: str, expected: float
):
    url, clock = model_server(f'kind = "status"\nstatus = 429\ntimes = 1\nretry_after = "{header}"'), Time()
    assert clock.client(settings(url)).complete(chat_body(), "a").tries == 2
    assert sum(clock.sleeps) == pytest.approx(expected, abs=0.01)


def test_being_told_to_wait_ends_with_the_deadline_and_not_with_the_tries(model_server: StartServer, chat_body: Body):
    url, clock = model_server('kind = "status"\nstatus = 429\nretry_after = 1'), Time()
    with pytest.raises(Starved, match=r"no answer within 30 s and (29|30) tries: .* answered 429"):
        clock.client(settings(url, deadline_seconds=30, max_tries=2)).complete(chat_body(), "a")


def test_no_wait_that_a_server_asks_for_takes_more_than_half_the_deadline(model_server: StartServer, chat_body: Body):
    url, clock = model_server('kind = "status"\nstatus = 429\ntimes = 1\nretry_after = 86400'), Time()
    assert clock.client(settings(url, deadline_seconds=5)).complete(chat_body(), "a").tries == 2
    assert sum(clock.sleeps) == pytest.approx(2.5, abs=0.01)


def test_being_kept_away_by_the_refusals_of_others_takes_nothing_from_ones_own_deadline(
    model_server: StartServer, chat_body: Body
):
    url, clock = model_server('kind = "status"\nstatus = 429\ntimes = 3\nretry_after = 15'), Time()
    client = clock.client(settings(url, deadline_seconds=30))
    with pytest.raises(TransientModelError, match="no answer within 30 s and 2 tries"):
        client.complete(chat_body(), "a")
    began = clock.now
    assert client.complete(chat_body(), "b").tries == 2
    assert clock.now - began > 30


@pytest.mark.parametrize("fault", ['kind = "hang"', 'kind = "drip"\nseconds = 30'])
def test_a_try_that_hangs_or_drips_leaves_time_for_another(model_server: StartServer, chat_body: Body, fault: str):
    client = ChatClient(settings(model_server(f"{fault}\ntimes = 1"), deadline_seconds=2.0))
    assert client.complete(chat_body(), "a").tries == 2


def test_a_dropped_connection_is_tried_again_at_once(model_server: StartServer, chat_body: Body):
    url, clock = model_server('kind = "reset"\ntimes = 1'), Time()
    assert clock.client(settings(url)).complete(chat_body(), "a").tries == 2
    assert clock.sleeps == []


def test_a_server_that_always_drops_connections_is_given_up(model_server: StartServer, chat_body: Body):
    url = model_server('kind = "reset"')
    with pytest.raises(TransientModelError, match="closed the connection without an answer"):
        ChatClient(settings(url, max_tries=2)).complete(chat_body(), "a")


@pytest.mark.parametrize("wrong", [http("200 OK", HTML), http("200 OK", b""), http("200 OK", b'{"choices":[]}')])
def test_a_200_that_is_no_chat_completion_is_tried_again(chat_body: Body, wrong: bytes):
    right = http("200 OK", b'{"choices":[{"message":{"content":"{}"},"finish_reason":"stop"}]}')
    with raw_server(wrong, right) as url:
        assert ChatClient(settings(url)).complete(chat_body(), "a").tries == 2


def test_an_answer_cut_in_the_middle_is_no_answer(chat_body: Body):
    right = http("200 OK", b'{"choices":[{"message":{"content":"{}"},"finish_reason":"stop"}]}')
    with raw_server(http("200 OK", b'{"choi', length=500), right) as url:
        assert ChatClient(settings(url)).complete(chat_body(), "a").tries == 2


def test_a_server_that_never_answers_costs_no_more_than_the_deadline(model_server: StartServer, chat_body: Body):
    url = model_server('kind = "latency"\nseconds = 3')
    started = time.monotonic()
    with pytest.raises(TransientModelError, match=r"no answer within 0.5 s"):
        ChatClient(settings(url, deadline_seconds=0.5)).complete(chat_body(), "a")
    assert time.monotonic() - started < 1.5


def test_an_answer_that_only_drips_costs_no_more_than_the_deadline(chat_body: Body):
    listener = socket.create_server(("127.0.0.1", 0))

    def drip() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
            for _ in range(100):  # each byte starts the read timeout anew
                try:
                    connection.sendall(b" ")
                except OSError:
                    return
                time.sleep(0.05)

    threading.Thread(target=drip, daemon=True).start()
    with closing(listener):
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        started = time.monotonic()
        with pytest.raises(TransientModelError, match="still answering when the time was over"):
            ChatClient(settings(url, deadline_seconds=0.6)).complete(chat_body(), "a")
        assert time.monotonic() - started < 2


def test_headers_that_only_drip_cost_no_more_than_the_deadline(chat_body: Body):
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def drip() -> None:
        connection, _ = listener.accept()
        with connection, suppress(OSError):
            connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            while not over.wait(0.05):
                connection.sendall(b"z")

    threading.Thread(target=drip, daemon=True).start()
    with closing(listener):
        client = ChatClient(settings(f"http://127.0.0.1:{listener.getsockname()[1]}/v1", deadline_seconds=0.6))

        def poll() -> None:
            while not over.wait(0.1):
                client.poll()

        threading.Thread(target=poll, daemon=True).start()
        started = time.monotonic()
        with pytest.raises(TransientModelError, match="still answering when the time was over"):
            client.complete(chat_body(), "a")
        over.set()
        assert time.monotonic() - started < 5


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_refused_request_fails_its_row_and_says_why(
    model_server: StartServer, chat_body: Body, stats: Stats, status: int
):
    url = model_server(f'kind = "status"\nstatus = {status}')
    with pytest.raises(RequestRejected, match=rf"refused the request \({status}\): fault: the server was told to fail"):
        ChatClient(settings(url)).complete(chat_body(), "a")
    assert stats(url)["chat_requests"] == 1


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (401, "check the key"),
        (403, "check what the key"),
        (404, "llm.model"),
        (405, "llm.endpoints"),
        (301, "llm.endpoints"),
    ],
)
def test_what_no_retry_can_mend_stops_the_stage_with_advice(
    model_server: StartServer, chat_body: Body, stats: Stats, status: int, advice: str
):
    url = model_server(f'kind = "status"\nstatus = {status}')
    with pytest.raises(ModelError, match=f"{url} answered {status}: .*{advice}") as caught:
        ChatClient(settings(url)).complete(chat_body(), "a")
    assert type(caught.value) is ModelError
    assert stats(url)["chat_requests"] == 1


def test_an_address_where_nobody_listens_is_one_clear_sentence(chat_body: Body):
    url = free_port_url()
    started = time.monotonic()
    with pytest.raises(ModelError) as caught:
        ChatClient(settings(url)).complete(chat_body(), "a")
    assert type(caught.value) is ModelError
    assert str(caught.value) == (
        f"nobody answers at {url} (connection refused): check llm.endpoints and that the server is up"
    )
    assert time.monotonic() - started < 2


def test_a_server_that_comes_back_is_waited_for_and_one_that_does_not_stops_the_stage(chat_body: Body):
    right = http("200 OK", b'{"choices":[{"message":{"content":"{}"},"finish_reason":"stop"}]}')
    clock = Time()
    with raw_server(right) as url:
        client = clock.client(settings(url, unreachable_seconds=20.0, max_tries=2, backoff_base_seconds=1.0))
        client.complete(chat_body(), "a")
    with pytest.raises(ModelError, match="nobody answers"):
        client.complete(chat_body(), "b")
    assert 20 <= clock.now < 22


def test_an_https_address_of_an_http_server_stops_the_stage(model_server: StartServer, chat_body: Body):
    url = model_server().replace("http:", "https:")
    with pytest.raises(ModelError, match=r"no TLS connection .*http or https"):
        ChatClient(settings(url)).complete(chat_body(), "a")


@pytest.mark.parametrize(
    ("shape", "content", "finish_reason"),
    [
        ("truncated", '{"resumo": "Ana leu: Oi", "', "length"),
        ("not_json", "Desculpe, não posso responder nesse formato.", "stop"),
        ("null_content", None, "length"),
        ("missing_key", '{"itens": ["ler", "cozinhar"]}', "stop"),
    ],
)
def test_a_malformed_text_is_an_answer_for_the_validator_to_judge(
    model_server: StartServer, chat_body: Body, shape: str, content: str | None, finish_reason: str
):
    url = model_server(f'kind = "malformed"\nshape = "{shape}"')
    answer = ChatClient(settings(url)).complete(chat_body(), "a")
    assert (answer.content, answer.finish_reason, answer.tries) == (content, finish_reason, 1)


def test_requests_go_to_the_endpoint_that_works(model_server: StartServer, chat_body: Body, stats: Stats):
    failing = model_server('kind = "status"\nstatus = 503')
    working = model_server()
    client = ChatClient(settings(free_port_url(), failing, working, cooldown_seconds=30), rng=random.Random(1))
    for number in range(40):
        assert client.complete(chat_body(str(number)), "a").endpoint == working
    assert stats(failing)["chat_requests"] == 3  # then its circuit breaker is open


def test_an_endpoint_that_dies_and_comes_back_loses_no_request_and_is_asked_again(chat_body: Body):
    right = http("200 OK", b'{"choices":[{"message":{"content":"{}"},"finish_reason":"stop"}]}')
    with raw_server(right) as first, raw_server(right) as second:
        with raw_server(right) as third:
            client = ChatClient(settings(first, second, third, in_flight=6, cooldown_seconds=60), rng=random.Random(1))
            before = [client.complete(chat_body(), "a").endpoint for _ in range(60)]
        gone = [client.complete(chat_body(), "a").endpoint for _ in range(60)]
        client.poll()
        assert set(before) == {first, second, third} and set(gone) == {first, second}
        with raw_server(right, port=int(third.split(":")[2].removesuffix("/v1"))):
            client.poll()  # its health is asked, not a minute waited
            again = [client.complete(chat_body(), "a").endpoint for _ in range(60)]
    assert again[0] == third and again.count(third) > 10


def test_the_model_must_be_listed(model_server: StartServer):
    url = model_server()
    check_model(settings(url))
    with pytest.raises(ModelError, match=f"serves no model 'gpt-oss-120b' but {MODEL}: check llm.model"):
        check_model(ClientSettings((url,), "gpt-oss-120b"))


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (http("401 Unauthorized", b"no"), "answered 401: check the key"),
        (http("200 OK", HTML), "models answered with something that is no list of models"),
        (http("503 Service Unavailable", b"loading"), "answered 503: check llm.endpoints and that the server is up"),
    ],
)
def test_an_endpoint_that_does_not_list_its_models_is_told_at_the_start(answer: bytes, said: str):
    with raw_server(answer) as url, pytest.raises(ModelError, match=said):
        check_model(settings(url))


def test_one_endpoint_that_answers_is_enough_to_start(model_server: StartServer, caplog: pytest.LogCaptureFixture):
    gone, url = free_port_url(), model_server()
    with caplog.at_level(logging.WARNING):
        check_model(settings(gone, url))
    assert gone in caplog.text
    with pytest.raises(ModelError, match=r"nobody answers at .* check llm.endpoints"):
        check_model(settings(gone))


def test_health_is_asked_without_raising(model_server: StartServer):
    assert is_healthy(model_server()) and not is_healthy(free_port_url())


@pytest.mark.parametrize("status", [400, 401, 403, 404, 500])
def test_the_key_is_in_no_message(chat_body: Body, caplog: pytest.LogCaptureFixture, status: int):
    echo = f'{{"error": {{"message": "Incorrect API key provided: {KEY}"}}}}'.encode()
    with raw_server(http(f"{status} No", echo)) as url, caplog.at_level(logging.DEBUG):
        given = settings(url, api_key=KEY, max_tries=2)
        with pytest.raises(ModelError) as caught:
            ChatClient(given).complete(chat_body(), "a")
    told: list[BaseException | None] = [caught.value]
    while told[-1] is not None:
        told.append(told[-1].__cause__)
    assert KEY not in repr(given) + caplog.text + "".join(map(repr, told)) + repr(getattr(caught.value, "values", ""))


def test_the_key_is_sent_and_proxies_of_the_machine_are_not_used(chat_body: Body, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HTTP_PROXY", free_port_url())
    seen: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        connection, _ = listener.accept()
        with connection:
            seen.append(connection.recv(1 << 16))
            connection.sendall(http("400 Bad Request", b"no"))

    threading.Thread(target=run, daemon=True).start()
    with closing(listener), pytest.raises(RequestRejected):
        ChatClient(settings(f"http://127.0.0.1:{listener.getsockname()[1]}/v1", api_key=KEY)).complete(
            chat_body(), "req-7"
        )
    assert f"Authorization: Bearer {KEY}".encode() in seen[0] and b"X-Request-Id: req-7" in seen[0]


@pytest.mark.parametrize(
    ("endpoints", "key"),
    [
        ((), None),
        (("ftp://a/v1",), None),
        (("http://a/api",), None),
        ((f"http://u:{KEY}@a/v1",), None),
        (("http://a/v1",), f"{KEY}\n"),
    ],
)
def test_settings_that_cannot_work_are_refused_without_telling_secrets(endpoints: tuple[str, ...], key: str | None):
    with pytest.raises(ConfigError) as caught:
        ClientSettings(endpoints=endpoints, model=MODEL, api_key=key)
    assert KEY not in str(caught.value)


def test_a_certificate_file_that_cannot_be_used_is_named(tmp_path: Path):
    (tmp_path / "empty.pem").write_text("")
    for name, why in ((tmp_path / "nowhere.pem", "is no file"), (tmp_path / "empty.pem", "holds no certificate")):
        with pytest.raises(ConfigError, match=rf"llm\.ca_bundle names {name}, which {why}"):
            ChatClient(settings("https://127.0.0.1:1/v1", ca_bundle=str(name)))


@contextmanager
def tls_server(folder: Path, answer: bytes) -> Iterator[tuple[str, str]]:
    """A server whose certificate no usual authority vouches for: its address, and its certificate's file."""
    certificate, key = write_certificate(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    listener = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with suppress(OSError), context.wrap_socket(connection, server_side=True) as secure:
                secure.recv(1 << 16)
                secure.sendall(answer)

    threading.Thread(target=run, daemon=True).start()
    try:
        yield f"https://127.0.0.1:{listener.getsockname()[1]}/v1", str(certificate)
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def test_an_authority_of_ones_own_is_trusted_where_it_is_given_and_nowhere_else(tmp_path: Path, chat_body: Body):
    answer = http("200 OK", b'{"choices":[{"message":{"content":"{}"},"finish_reason":"stop"}]}')
    with tls_server(tmp_path, answer) as (url, certificate):
        trusting = settings(url, ca_bundle=certificate)
        assert ChatClient(trusting).complete(chat_body(), "a").content == "{}"
        elsewhere = settings(url.replace("127.0.0.1", "localhost"), ca_bundle=certificate)
        for distrusting in (settings(url), elsewhere):  # without it, and under a name that the certificate lacks
            with pytest.raises(ModelError, match=r"the certificate of .* is not trusted: give its authority with llm"):
                ChatClient(distrusting).complete(chat_body(), "a")


def test_an_authority_of_ones_own_stands_beside_the_usual_ones(tmp_path: Path):
    with (
        tls_server(tmp_path, http("200 OK", b"")) as (url, certificate),
        open_session(hosts=1, sockets=1, ca_bundle=certificate) as session,
    ):
        context = session.get_adapter(url).poolmanager.connection_pool_kw["ssl_context"]
        assert len(context.get_ca_certs()) == 1
        assert session.get(url, timeout=5).status_code == 200
        assert len(context.get_ca_certs()) > 20


def test_stopping_wakes_a_request_that_waits(model_server: StartServer, chat_body: Body):
    url = model_server('kind = "status"\nstatus = 503\nretry_after = 60')
    client = ChatClient(settings(url))
    threading.Timer(0.3, client.stop).start()
    started = time.monotonic()
    with pytest.raises(ClientStopped):
        client.complete(chat_body(), "a")
    assert time.monotonic() - started < 5


def test_many_threads_share_one_pool_of_sockets(model_server: StartServer, chat_body: Body, stats: Stats):
    url = model_server('kind = "latency"\nseconds = 0.05')
    client = ChatClient(settings(url, in_flight=16))
    threads = [
        threading.Thread(target=lambda n=n: [client.complete(chat_body(f"{n} {i}"), "a") for i in range(5)])
        for n in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert stats(url)["distinct_bodies"] == 80 and stats(url)["peak_running"] > 8


def test_settings_travel_to_executors_whole():
    given = settings("http://127.0.0.1:1/v1", api_key=KEY)
    assert pickle.loads(pickle.dumps(given)) == given
