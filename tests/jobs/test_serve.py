"""The offline writer's server, driven with plain `requests` as any OpenAI client would."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import _bench
import pytest
import requests
from _bench import MODEL, stats

from census.errors import ModelError
from jobs import _server_process, serve

RECORD = f"Escreva sobre esta pessoa.\n\n{_bench.RECORD}"
SCHEMA = {
    "type": "object",
    "required": ["cultural_background"],
    "properties": {"cultural_background": {"minLength": 60}},
}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with _server_process.start(tmp_path_factory.mktemp("serve") / "serve.log") as base_url:
        yield base_url


def ask(url: str, text: str = RECORD, **changes: Any) -> requests.Response:
    messages = [{"role": "system", "content": "Você escreve personas."}, {"role": "user", "content": text}]
    return requests.post(f"{url}/chat/completions", json={"model": MODEL, "messages": messages, **changes}, timeout=10)


def json_schema(schema: object) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "r", "strict": True, "schema": schema}}


def test_a_record_written_by_hand_is_answered_as_vllm_does(url: str):
    answer = ask(url, response_format=json_schema(SCHEMA), max_completion_tokens=2400).json()
    choice = answer["choices"][0]
    assert (answer["object"], answer["model"], choice["finish_reason"]) == ("chat.completion", MODEL, "stop")
    assert answer["id"].startswith("chatcmpl-") and choice["message"]["role"] == "assistant"
    text = json.loads(choice["message"]["content"])
    assert {"cultural_background", "skills_and_expertise_list"} <= set(text)
    usage = answer["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert usage["completion_tokens"] == tokens(choice["message"]["content"])
    assert usage["prompt_tokens"] - tokens(RECORD) - tokens("Você escreve personas.") == 60


def tokens(text: str) -> int:
    import bpe_openai

    return len(bpe_openai.get_encoding("o200k_base").encode_ordinary(text))


def test_the_same_request_gets_the_same_text(url: str):
    first, second = ask(url).json(), ask(url).json()
    assert first["choices"][0]["message"] == second["choices"][0]["message"]


def test_a_system_message_seen_before_counts_as_cached(url: str):
    messages = [{"role": "system", "content": "Novo sistema. " * 50}, {"role": "user", "content": RECORD}]
    cached = [ask(url, messages=messages).json()["usage"]["prompt_tokens_details"]["cached_tokens"] for _ in range(2)]
    assert cached == [0, tokens("Novo sistema. " * 50)]


def test_a_text_longer_than_the_budget_is_cut_there(url: str):
    answer = ask(url, max_completion_tokens=20).json()
    whole = ask(url).json()["choices"][0]["message"]["content"]
    assert answer["choices"][0]["finish_reason"] == "length"
    assert answer["usage"]["completion_tokens"] == 20
    assert whole.startswith(answer["choices"][0]["message"]["content"].rstrip("\ufffd"))


@pytest.mark.parametrize(
    ("changes", "status", "param"),
    [
        ({"model": "gpt-oss-120b"}, 404, "model"),
        ({"messages": []}, 400, "messages"),
        ({"messages": [{"role": "user", "content": 3}]}, 400, "messages"),
        ({"messages": [{"role": "user", "content": "muito " * 140_000}]}, 400, "messages"),
        ({"messages": [{"role": "user", "content": "muito " * 200_000}]}, 400, "messages"),
        ({"max_completion_tokens": 0}, 400, "max_completion_tokens"),
        ({"stream": True}, 400, "stream"),
        ({"n": 2}, 400, "n"),
        ({"response_format": {"type": "xml"}}, 400, "response_format"),
        ({"response_format": json_schema({"type": "nonsense"})}, 400, "response_format"),
        ({"response_format": json_schema({"$ref": "http://127.0.0.1:9/x.json"})}, 400, "response_format"),
        ({"response_format": json_schema({"required": ["never_written"]})}, 400, "response_format"),
    ],
)
def test_what_it_cannot_do_is_refused_in_the_shape_of_openai(
    url: str, changes: dict[str, Any], status: int, param: str
):
    response = ask(url, **changes)
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["param"]) == (status, status, param)
    assert error["type"] in {"BadRequestError", "NotFoundError"} and error["message"]


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff\xfe", b"[" * 100_000])
def test_a_body_that_is_no_request_is_refused(url: str, body: bytes):
    response = requests.post(f"{url}/chat/completions", data=body, timeout=5)
    assert response.status_code == 400 and response.json()["error"]["type"] == "BadRequestError"


def test_what_is_not_there_is_said_so(url: str):
    root = url.removesuffix("/v1")
    unknown = requests.get(f"{root}/v1/embeddings", timeout=5)
    wrong = requests.get(f"{url}/chat/completions", timeout=5)
    assert (unknown.status_code, wrong.status_code) == (404, 405)
    assert "/v1/embeddings" in unknown.json()["error"]["message"]
    head = requests.head(f"{url}/models", timeout=5)
    assert (head.status_code, head.content) == (200, b"") and int(head.headers["Content-Length"]) > 100


def test_a_message_may_come_in_parts(url: str):
    half = len(RECORD) // 2
    parts = [{"type": "text", "text": RECORD[:half]}, {"type": "text", "text": RECORD[half:]}]
    system = {"role": "system", "content": "Você escreve personas."}
    in_parts = ask(url, messages=[system, {"role": "user", "content": parts}]).json()
    assert in_parts["choices"][0]["message"] == ask(url).json()["choices"][0]["message"]


def test_models_health_and_metrics_speak_as_vllm_does(url: str):
    root = url.removesuffix("/v1")
    model = requests.get(f"{url}/models", timeout=5).json()["data"][0]
    assert model["id"] == MODEL and model["max_model_len"] > 4096
    health = requests.get(f"{root}/health", timeout=5)
    assert (health.status_code, health.content) == (200, b"")
    ask(url)
    metrics = requests.get(f"{root}/metrics", timeout=5).text
    values = dict(line.rsplit(" ", 1) for line in metrics.splitlines() if not line.startswith("#"))
    counted = stats(url)
    label = f'model_name="{MODEL}"'
    assert float(values[f"povo:chat_requests_total{{{label}}}"]) == counted["chat_requests"]
    assert float(values[f"vllm:generation_tokens_total{{{label}}}"]) == counted["completion_tokens"]
    assert float(values[f'vllm:request_success_total{{{label},finished_reason="stop"}}']) > 0
    assert values[f"vllm:num_requests_running{{{label}}}"] == values[f"vllm:num_requests_waiting{{{label}}}"] == "0"


def test_repeated_bodies_are_counted(url: str):
    before = stats(url)
    for text in ("um", "dois", "um"):
        ask(url, text)
    after = stats(url)
    grown = {
        key: after[key] - before[key]
        for key in ("chat_requests", "distinct_bodies", "repeated_bodies", "answered_again")
    }
    assert grown == {"chat_requests": 3, "distinct_bodies": 2, "repeated_bodies": 1, "answered_again": 1}


def test_answers_come_without_the_40_ms_of_a_delayed_acknowledgement(url: str):
    with requests.Session() as session:
        body = {"model": MODEL, "messages": [{"role": "user", "content": RECORD}]}
        started = time.monotonic()
        for _ in range(20):
            session.post(f"{url}/chat/completions", json=body, timeout=5)
    assert time.monotonic() - started < 20 * 0.040


def test_faults_are_played_to_whoever_asks(tmp_path: Path):
    path = tmp_path / "faults.toml"
    path.write_text(
        '[[fault]]\nkind = "malformed"\nshape = "name_missing"\ntimes = 1\n'
        '[[fault]]\nkind = "status"\nstatus = 503\nretry_after = 2\nevery = 2\n'
        '[[fault]]\nkind = "reset"\nevery = 3\n'
    )
    with _server_process.start(tmp_path / "serve.log", path) as faulty:
        nameless = ask(faulty)
        assert nameless.status_code == 200 and "Josefa" not in nameless.text
        failed = ask(faulty)
        assert (failed.status_code, failed.headers["Retry-After"]) == (503, "2")
        assert failed.json()["error"]["code"] == 503
        with pytest.raises(requests.ConnectionError):
            ask(faulty)
        assert stats(faulty)["chat_requests"] == 3


def test_the_server_ends_with_its_block(tmp_path: Path):
    with _server_process.start(tmp_path / "logs" / "serve.log") as base_url:
        assert ask(base_url).status_code == 200
    assert is_gone(base_url, 0.0)


def test_the_server_ends_when_the_process_that_started_it_is_killed(tmp_path: Path):
    code = (
        "import sys, time; from pathlib import Path; from jobs import _server_process\n"
        "with _server_process.start(Path(sys.argv[1])) as url:\n    print(url, flush=True); time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "log")], stdout=subprocess.PIPE)
    assert process.stdout is not None
    base_url = process.stdout.readline().decode().strip()
    assert ask(base_url).status_code == 200
    process.send_signal(signal.SIGKILL)
    assert is_gone(base_url, 3.0)  # before it is reaped: a zombie is as dead
    process.wait()
    process.stdout.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_cleanly(number: signal.Signals):
    process = subprocess.Popen([sys.executable, "-m", "jobs.serve"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    base_url = process.stdout.readline().decode().strip()
    assert base_url.startswith("http://127.0.0.1:")
    process.send_signal(number)
    assert process.communicate(timeout=10)[1] == b"" and process.returncode == 0


def test_a_port_in_use_is_wrong_usage_and_says_so(url: str, capsys: pytest.CaptureFixture[str]):
    port = url.removesuffix("/v1").rsplit(":", 1)[1]
    assert serve.main(["--port", port]) == 2
    assert f"no server can listen on 127.0.0.1:{port}" in capsys.readouterr().err


def test_a_server_that_cannot_start_is_one_sentence_that_names_its_log(tmp_path: Path):
    log_path = tmp_path / "serve.log"
    with (
        pytest.raises(ModelError, match=r"did not start: see .*serve\.log"),
        _server_process.start(log_path, tmp_path / "no"),
    ):
        pass
    assert "cannot be read as TOML" in log_path.read_text()


def test_serving_needs_neither_spark_nor_pandas():
    code = (
        "import sys, jobs.serve, udfs.offline_writer\n"
        "print([name for name in ('pyspark', 'pandas', 'numpy') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout == b"[]\n"


def is_gone(base_url: str, seconds: float) -> bool:
    over = time.monotonic() + seconds
    while True:
        try:
            requests.get(f"{base_url}/models", timeout=1)
        except requests.ConnectionError:
            return True
        if time.monotonic() > over:
            return False
        time.sleep(0.05)
