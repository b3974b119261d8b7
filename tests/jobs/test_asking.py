"""What the stage of texts refuses before it asks, how it judges what came, and that no secret is left behind."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from _bench import MODEL, stats
from _people import make_person
from deltalake import DeltaTable
from pyspark.sql import Row

from census import tables
from census.errors import ConfigError, ModelError
from conf import settings
from jobs import _states, _text_inputs, write_text
from jobs._runlog import RunReport
from udfs.client import ClientSettings

KEY = "chave-muito-secreta"


@pytest.mark.parametrize("speculation", ["true", "TRUE", " true "])
def test_a_cluster_that_runs_slow_tasks_twice_is_refused(speculation: str):
    with pytest.raises(ConfigError, match=r"^spark\.speculation must be off .* pays for every token again\.$"):
        write_text.require_no_twins(speculation)
    write_text.require_no_twins("false")


@pytest.mark.parametrize(
    ("conf", "said"),
    [
        ({"spark.speculation": "true"}, r"^spark\.speculation must be off"),
        ({"spark.task.maxFailures": "1"}, r"^spark\.task\.maxFailures is 1"),
    ],
)
def test_the_stage_looks_at_the_cluster_before_it_asks(conf: dict[str, str], said: str):
    cluster: Any = SimpleNamespace(conf=conf, sparkContext=SimpleNamespace(master="yarn"))
    report = RunReport("write_text", ("AC",), (), {})
    with pytest.raises(ConfigError, match=said):
        write_text._ask(cluster, settings.load(), ("http://127.0.0.1:1/v1",), report)


def test_asking_twice_for_slow_answers_is_off_unless_it_is_switched_on():
    assert settings.load().llm.hedge is False
    assert ClientSettings(("http://a/v1",), MODEL).hedge is False


def test_where_a_key_lies_changes_no_row():
    lying = [settings.load(), settings.load(options={"llm.api_key_env": "OTHER", "llm.api_key_file": "/run/key"})]
    assert _states.fingerprints(lying[0]) == _states.fingerprints(lying[1])


def test_what_is_asked_is_strict_short_of_thinking_and_bounded():
    requests = _text_inputs.requests_of(settings.load(options={"llm.model": "gpt-oss-120b"}))
    _, body = requests.render(make_person(), 1, 1, None, ())
    sent = json.loads(body)
    assert len(sent.pop("messages")) == 2 and isinstance(sent.pop("seed"), int)
    form = sent.pop("response_format")
    assert (form["type"], form["json_schema"]["strict"]) == ("json_schema", True)
    assert form["json_schema"]["schema"] == requests.schemas[0]
    assert sent == {
        "model": "gpt-oss-120b",
        "temperature": 1.0,
        "top_p": 1.0,
        "max_completion_tokens": 2400,
        "reasoning_effort": "low",
    }


def test_the_smoke_of_a_model_uses_settings_and_columns_that_exist():
    recipe = (Path(__file__).parents[2] / "Makefile").read_text(encoding="utf-8").replace("\\\n", " ")
    (run,) = [line for line in recipe.splitlines() if "--data povo-smoke" in line and "povo run" in line]
    assert "POVO_ENDPOINT must be a base URL" in recipe and "--records 5 --until validate" in run
    given = dict(re.findall(r'--set "?([\w.]+)=([^" ]+)', run))
    assert given.keys() == {"llm.endpoints", "llm.model", "llm.max_rounds"}
    settings.load(options=given | {"llm.endpoints": "http://127.0.0.1:1/v1", "llm.model": "gpt-oss-120b"})
    (query,) = re.findall(r'povo sql --data povo-smoke "(.+?)"', recipe)
    by_name = {table.name: table for table in tables.ALL}
    named = {alias: by_name[name] for name, alias in re.findall(r"(\w+__\w+) (\w)\b", query)}
    columns = re.findall(r"\b([atr])\.(\w+)", query)
    assert named.keys() == {"a", "t", "r"} and len(columns) >= 6
    assert [(a, name) for a, name in columns if name not in named[a].column_names] == []


def judged(*rows: tuple[str, int, str | None]) -> RunReport:
    report = RunReport("write_text", ("AC",), (), {}, rows_in=sum(records for _, records, _ in rows))
    write_text._judge(report, [Row(status=s, records=n, reason=why) for s, n, why in rows], "the cap of 9 is spent")
    return report


def test_records_without_an_answer_are_a_warning_as_long_as_others_have_one():
    assert judged(("complete", 7, None), ("unusable", 2, "not right")).warning is None
    assert judged(("complete", 7, None), ("failed", 3, "a answered 500")).warning == (
        "3 of 10 records got no answer; first reason: a answered 500"
    )


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([("failed", 3, "a answered 500")], "write_text: 3 of 3 records got no answer; first reason: a answered 500"),
        (
            [("complete", 1, None), ("stopped", 8, "the budget of retries is spent (31 for 40 requests)")],
            "write_text: 8 of 9 records were not asked: the budget of retries is spent (31 for 40 requests)",
        ),
        (
            [("complete", 1, None), ("capped", 5, "the cap"), ("failed", 1, "a answered 500")],
            f"write_text: the cap of 9 is spent; 6 of 7 records still lack answers. {write_text._GO_ON}",
        ),
    ],
)
def test_a_stage_that_a_cap_a_budget_or_the_server_ended_has_failed_and_says_why(
    rows: list[tuple[str, int, str | None]], said: str
):
    with pytest.raises(ModelError) as ended:
        judged(*rows)
    assert str(ended.value) == said


@pytest.mark.long
def test_a_model_that_is_not_served_is_told_before_anything_is_asked(spark, make_folder, writer_url):
    before = stats(writer_url)["chat_requests"]
    with pytest.raises(ModelError, match=f"serves no model 'gpt-oss-120b' but {MODEL}: check llm.model"):
        write_text.run(spark, make_folder(2).config(llm__endpoints=[writer_url], llm__model="gpt-oss-120b"))
    assert stats(writer_url)["chat_requests"] == before


@contextmanager
def telling_server(seen: list[str]) -> Iterator[str]:
    """A server that lists the model, refuses every request, and quotes the key that it got, as some do."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self, status: int, said: object) -> None:
            body = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            self._answer(*((200, {"data": [{"id": MODEL}]}) if self.path == "/v1/models" else (404, {})))

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            seen.append(self.headers["Authorization"])
            self._answer(400, {"error": {"message": f"Incorrect API key provided: {seen[-1]}"}})

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.long
def test_a_key_is_sent_and_left_in_no_message_log_table_or_file(make_folder):
    folder, seen = make_folder(3), []
    command = [str(Path(sys.executable).with_name("povo")), "write_text", "--data", str(folder.data), "--uf", "AC"]
    environment = os.environ | {"POVO_API_KEY": KEY}
    with telling_server(seen) as url:
        command += ["--records", "3", "--set", f"llm.endpoints={url}"]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment)
    assert ended.returncode == 1 and "Incorrect API key provided: Bearer ***" in ended.stderr
    assert len(seen) == 3 and set(seen) == {f"Bearer {KEY}"}
    written = [path.parent for path in folder.data.glob("tables/*/_delta_log")]
    told = [repr(DeltaTable(path).to_pyarrow_table().to_pylist()) for path in written]
    files = [path.read_bytes() for path in folder.data.rglob("*") if path.is_file()]
    assert len(written) > 5 and any("Incorrect API key" in one for one in told)
    assert any(b"Incorrect API key" in one for one in files)  # the log
    assert KEY not in ended.stdout + ended.stderr + "".join(told)
    assert not any(KEY.encode() in one for one in files)
