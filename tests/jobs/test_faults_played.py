"""Each fault as a client meets it, through plain `requests` or a raw socket; what the server counted is the judge."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from email.utils import parsedate_to_datetime
from typing import Any

import jsonschema_rs
import pytest
import requests
from _bench import MODEL, RECORD, stats

from conf.settings import text
from udfs.parsing import ReasonCode, check_call, fold, parse_answer

PERSON = {"first_name": "Josefa", "municipality_name": "Estância"}
VALIDATOR = jsonschema_rs.validator_for(json.loads(text("schemas/attributes.json")))

Bench = Callable[[str], str]


def ask(url: str, text: str = RECORD, timeout: float = 5.0, headers: dict[str, str] | None = None):
    body = {"model": MODEL, "messages": [{"role": "user", "content": text}]}
    return requests.post(f"{url}/chat/completions", json=body, timeout=timeout, headers=headers)


def counted(url: str, key: str, expected: object, seconds: float = 3.0) -> object:
    """A figure of the server as soon as it is the expected one: it learns a little later that a client has gone."""
    over, found = time.monotonic() + seconds, None
    while found != expected and time.monotonic() < over:
        try:
            found = stats(url)[key]
        except requests.ConnectionError:  # it is down
            time.sleep(0.1)
        time.sleep(0.02)
    return found


def fault(kind: str, **keys: object) -> str:
    return "".join(
        ["[[fault]]\n", *(f"{key} = {json.dumps(value)}\n" for key, value in {"kind": kind, **keys}.items())]
    )


@pytest.mark.parametrize("status", [429, 500, 503])
@pytest.mark.parametrize("retry_after", [None, 2, 0.5, 86400, "soon"])
def test_a_status_comes_with_retry_after_or_without(bench: Bench, status: int, retry_after: object):
    keys = {} if retry_after is None else {"retry_after": retry_after}
    url = bench(fault("status", status=status, times=1, **keys))
    refused = ask(url)
    assert (refused.status_code, refused.json()["error"]["code"]) == (status, status)
    assert refused.headers.get("Retry-After") == (None if retry_after is None else str(retry_after))
    assert ask(url).status_code == 200
    assert stats(url)["faults_played"] == {f"status {status}": 1}
    assert stats(url)["requests_by_status"] == {str(status): 1, "200": 1}


def test_retry_after_can_be_a_date(bench: Bench):
    url = bench(fault("status", status=429, retry_after_date=60))
    date = parsedate_to_datetime(ask(url).headers["Retry-After"])
    assert 50 < date.timestamp() - time.time() < 65


def test_a_failure_can_have_the_pages_of_servers_and_gateways(bench: Bench):
    pages = [fault("status", status=502, page=page, times=1) for page in ("html", "empty", "flat")]
    url = bench("".join([*pages, fault("status", status=400, page="context")]))
    html, empty, flat, context = (ask(url) for _ in range(4))
    assert "<h1>502</h1>" in html.text and html.headers["Content-Type"] == "text/html"
    assert (empty.status_code, empty.content) == (502, b"")
    assert (flat.json()["code"], flat.json()["object"]) == (502, "error")
    assert context.status_code == 400 and "maximum context length" in context.json()["error"]["message"]


def test_a_reset_comes_before_any_byte_or_in_the_middle_of_the_answer(bench: Bench):
    url = bench(fault("reset", times=1) + fault("reset", after_share=0.5, times=1))
    with pytest.raises(requests.ConnectionError) as before:
        ask(url)
    assert isinstance(_root(before.value), ConnectionResetError)
    with raw(url) as connection:
        data = b""
        with pytest.raises(ConnectionResetError):
            while part := connection.recv(4096):
                data += part
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    assert head.startswith(b"HTTP/1.1 200") and len(body) == length // 2
    found = stats(url)
    assert (found["answers_written"], found["answered"], found["requests_by_status"]) == (1, 0, {"499": 2})


def test_a_hang_keeps_the_socket_open_and_takes_no_slot(bench: Bench):
    url = bench(fault("slots", slots=1) + fault("hang", times=1))
    with raw(url) as connection:
        connection.settimeout(0.3)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        assert ask(url).status_code == 200
        assert (stats(url)["in_flight"], stats(url)["running"]) == (1, 0)
    assert counted(url, "abandoned", 1) == 1 and stats(url)["in_flight"] == 0


def test_a_hang_can_end_with_a_closed_connection(bench: Bench):
    url = bench(fault("hang", seconds=0.2))
    with raw(url) as connection:
        assert connection.recv(1) == b""
    assert counted(url, "requests_by_status", {"499": 1}) == {"499": 1} and stats(url)["abandoned"] == 0


def test_a_drip_comes_in_small_pieces_and_whole(bench: Bench):
    url = bench(fault("drip", seconds=0.5))
    started, pieces = time.monotonic(), []
    with raw(url) as connection:
        data = b""
        while b"\r\n\r\n" not in data or len(data.partition(b"\r\n\r\n")[2]) < _length(data):
            pieces.append(connection.recv(65536))
            data += pieces[-1]
    assert time.monotonic() - started >= 0.45 and len(pieces) > 10
    assert json.loads(data.partition(b"\r\n\r\n")[2])["choices"][0]["finish_reason"] == "stop"
    assert counted(url, "answered", 1) == 1 and stats(url)["faults_played"] == {"drip": 1}


def test_a_client_that_leaves_a_drip_has_been_written_to_all_the_same(bench: Bench):
    url = bench(fault("drip", seconds=30))
    with raw(url) as connection:
        connection.recv(10)
    assert counted(url, "abandoned", 1) == 1
    assert (stats(url)["answers_written"], stats(url)["answered"]) == (1, 0)


def test_garbage_is_no_http(bench: Bench):
    url = bench(fault("garbage", times=2))
    with raw(url) as connection:
        data = connection.recv(65536)
    assert data and not data.startswith(b"HTTP/")
    with pytest.raises(requests.RequestException):
        ask(url)
    assert ask(url).status_code == 200 and stats(url)["faults_played"] == {"garbage": 2}


@pytest.mark.parametrize(
    ("shape", "finish_reason", "reason", "repairs"),
    [
        ("truncated", "length", ReasonCode.ANSWER_TRUNCATED, ()),
        ("cut_late", "length", ReasonCode.ANSWER_TRUNCATED, ()),
        ("null_content", "length", ReasonCode.ANSWER_TRUNCATED, ()),
        ("null_stop", "stop", ReasonCode.ANSWER_EMPTY, ()),
        ("empty_content", "stop", ReasonCode.ANSWER_EMPTY, ()),
        ("not_json", "stop", ReasonCode.NOT_JSON, ()),
        ("missing_key", "stop", ReasonCode.SCHEMA, ()),
        ("extra_key", "stop", ReasonCode.SCHEMA, ()),
        ("wrong_type", "stop", ReasonCode.SCHEMA, ()),
        ("fenced", "stop", None, ("fence",)),
        ("prose", "stop", None, ("prose",)),
        ("harmony", "stop", None, ("harmony",)),
        ("analysis", "stop", None, ("harmony",)),
        ("doubled", "stop", None, ("doubled",)),
        ("reasoning", "stop", None, ()),
    ],
)
def test_an_answer_comes_in_every_shape_that_models_are_known_for(
    bench: Bench, shape: str, finish_reason: str, reason: ReasonCode | None, repairs: tuple[str, ...]
):
    url = bench(fault("malformed", shape=shape))
    choice = ask(url).json()["choices"][0]
    assert choice["finish_reason"] == finish_reason
    parsed = parse_answer(choice["message"]["content"], finish_reason, VALIDATOR)
    assert (parsed.reason, parsed.repairs) == (reason, repairs)
    assert stats(url)["faults_played"] == {f"malformed {shape}": 1}
    assert bool(choice["message"]["reasoning"]) == (shape == "reasoning")


@pytest.mark.parametrize(("shape", "words"), [("english", " the "), ("spanish", " una ")])
def test_an_answer_in_another_language_keeps_the_schema_and_is_refused_for_its_language(
    bench: Bench, shape: str, words: str
):
    answer = content(bench(fault("malformed", shape=shape)))
    assert VALIDATOR.is_valid(answer)
    assert ReasonCode.NOT_PORTUGUESE in {problem.reason for problem in check_call(1, answer, PERSON)}
    texts = [text for text in answer.values() if isinstance(text, str)]
    assert all(words in text for text in texts) and not any(" não " in text or " uma " in text for text in texts)


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ("wrong_city", "Josefa mora em Curitiba."),
        ("wrong_sex", "Josefa é homem."),
        ("wrong_age", "Josefa tem 74 anos."),
        ("wrong_occupation", "A profissão de Josefa: Astrônomo."),
    ],
)
def test_an_answer_is_about_another_than_the_record_says(bench: Bench, shape: str, said: str):
    url = bench(fault("malformed", shape=shape, times=1))
    wrong, right = content(url), content(url)
    assert VALIDATOR.is_valid(wrong) and said in wrong["cultural_background"]
    assert said not in json.dumps(right, ensure_ascii=False)
    city = fold("Estância") in fold(wrong["cultural_background"])
    assert city == (shape != "wrong_city")


def test_what_is_around_the_answer_can_be_spoilt_too(bench: Bench):
    shapes = ("empty_body", "html_body", "noise_body", "half_body", "no_choices")
    for shape in shapes:
        answer = ask(bench(fault("malformed", shape=shape)))
        assert answer.status_code == 200
        if shape == "no_choices":
            assert answer.json()["choices"] == []
        else:
            with pytest.raises(requests.JSONDecodeError):
                answer.json()
        assert (answer.content == b"") == (shape == "empty_body")
        assert (b"<html>" in answer.content) == (shape == "html_body")
        if shape == "noise_body":
            with pytest.raises(UnicodeDecodeError):
                answer.content.decode()


def test_nobody_listens_while_the_endpoint_is_down_and_it_comes_back_on_its_port(bench: Bench):
    url = bench(fault("down", from_seconds=1.5, until_seconds=3.0) + fault("latency", seconds=5, times=1, every=2))
    started = time.monotonic()
    assert ask(url).status_code == 200
    with pytest.raises(requests.ConnectionError):  # in flight when the listener goes
        ask(url)
    assert time.monotonic() - started < 5
    with pytest.raises(requests.ConnectionError) as refused:
        ask(url)
    assert isinstance(_root(refused.value), ConnectionRefusedError)
    over = time.monotonic() + 10
    while time.monotonic() < over:
        try:
            assert ask(url).status_code == 200
            break
        except requests.ConnectionError:
            time.sleep(0.05)
    assert time.monotonic() - started >= 3.0
    found = stats(url)
    assert found["requests_by_status"] == {"200": 2, "499": 1}
    assert (found["faults_played"], found["abandoned"]) == ({"down": 1, "down in flight": 1}, 0)


def test_rated_faults_strike_the_same_requests_at_any_server_in_any_order(bench: Bench):
    file = "[bench]\nseed = 5\nanswer_bytes = 200\n" + fault("status", status=503, rate=0.3)

    def struck(order: Iterator[int]) -> tuple[set[int], set[int]]:
        url = bench(file)
        first = {number for number in order if ask(url, f"pessoa {number}").status_code == 503}
        return first, {number for number in first if ask(url, f"pessoa {number}").status_code == 503}

    first, again = struck(iter(range(60)))
    assert (first, again) == struck(reversed(range(60)))
    assert 8 < len(first) < 30 and again < first


def test_a_request_id_names_a_request_for_the_rates(bench: Bench):
    url = bench(fault("status", status=503, rate=0.5))
    by_id = [ask(url, headers={"X-Request-Id": f"r{number}"}).status_code for number in range(20)]
    url = bench(fault("status", status=503, rate=0.5))
    shuffled = {number: ask(url, headers={"X-Request-Id": f"r{number}"}).status_code for number in reversed(range(20))}
    assert by_id == [shuffled[number] for number in range(20)] and set(by_id) == {200, 503}


def test_all_faults_of_the_packaged_file_can_be_played_at_once(bench: Bench):
    file = text("faults_all.toml")
    for usual, quick in (("\nseconds = 0.2", "\nseconds = 0.02"), ("from_seconds = 5", "from_seconds = 1.5")):
        assert usual in file
        file = file.replace(usual, quick)
    url = bench(file.replace("until_seconds = 7", "until_seconds = 2"))
    outcomes: list[str] = []

    def work(mine: int) -> None:
        for number in range(40):
            while True:
                try:
                    outcomes.append(str(ask(url, f"{RECORD}\n{mine} {number}", timeout=0.5).status_code))
                except requests.RequestException as error:
                    outcomes.append(type(error).__name__)
                    if isinstance(_root(error), ConnectionRefusedError):
                        time.sleep(0.05)  # until it is back
                        continue
                break

    threads = [threading.Thread(target=work, args=(mine,)) for mine in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counted(url, "in_flight", 0) == 0
    found = stats(url)
    assert len(outcomes) >= 320
    assert len(found["faults_played"]) > 20 and {"200", "429", "503", "ConnectionError"} <= set(outcomes)
    assert sum(found["requests_by_status"].values()) == found["chat_requests"]
    # Who got no status is explained to the unit: cut by a fault, or gone away (from a hang, from a drip, or too early).
    played, left = found["faults_played"], found["requests_by_status"]["499"]
    assert left == sum(played.get(name, 0) for name in ("reset", "garbage", "down in flight")) + found["abandoned"]
    assert found["answered"] <= found["answers_written"] == found["distinct_answers"] + found["answered_again"]


def content(url: str) -> dict[str, Any]:
    return dict(json.loads(ask(url).json()["choices"][0]["message"]["content"]))


def raw(url: str) -> socket.socket:
    """A connection on which one request was sent."""
    body = json.dumps({"model": MODEL, "messages": [{"role": "user", "content": RECORD}]}).encode()
    connection = socket.create_connection(("127.0.0.1", int(url.removesuffix("/v1").rsplit(":", 1)[1])), timeout=5)
    connection.sendall(
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    )
    return connection


def _length(data: bytes) -> int:
    return int(data.lower().split(b"content-length: ")[1].split(b"\r\n")[0])


def _root(error: BaseException) -> BaseException:
    """The operating system's error under those that requests and urllib3 wrap around it."""
    seen = [error]
    for one in seen:
        if isinstance(one, OSError) and type(one) in (ConnectionResetError, ConnectionRefusedError):
            return one
        inner = (getattr(one, "reason", None), one.__cause__, one.__context__, *one.args)
        seen.extend(e for e in inner if isinstance(e, BaseException) and e not in seen)
    return error
