"""The figures of tasks, summed: what ended counts on, what it had in flight does not."""

from __future__ import annotations

import json
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import requests

from census.errors import ConfigError
from jobs import _text_metrics
from jobs._spending import TokenPrices
from jobs._text_progress import FigureFiles, LiveLine, Sums, Watcher, sums_of, tokens_before
from udfs.journal import LineCounter
from udfs.storage import open_folder
from udfs.task_figures import TaskFigures, figures_name, write_figures

RUN = "20261101T000000-abcd"
PRICES = TokenPrices(prompt=1.0, cached=0.5, completion=10.0)


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def figures(answers: int = 0, *, latency_ms: float = 2000.0, in_flight: int = 0, waiting: int = 0) -> TaskFigures:
    made = TaskFigures()
    for _ in range(answers):
        made.asked()
        made.answered(latency_ms, prompt=1000, cached=600, completion=500)
    made.flow(in_flight=in_flight, limit=64)
    made.waiting(waiting)
    return made


def write(folder: Path, task: int, attempt: int, made: TaskFigures, now: float = 1.0) -> None:
    write_figures(open_folder(folder).file(figures_name(RUN, task, attempt)), made, now)


def test_tasks_are_summed(tmp_path):
    first, second = figures(3, in_flight=40, waiting=5), figures(5, latency_ms=9000, in_flight=20)
    first.retried("overload")
    second.retried("overload")
    second.retried("content")
    write(tmp_path, 0, 0, first)
    write(tmp_path, 1, 0, second)
    sums = FigureFiles(str(tmp_path), RUN).sums()
    assert sums is not None
    assert (sums.asked, sums.answered, sums.in_flight, sums.limit, sums.waiting) == (8, 8, 60, 128, 5)
    assert sums.retries == Counter(overload=2, content=1)
    assert (sums.tokens.prompt, sums.tokens.cached, sums.tokens.completion) == (8000, 4800, 4000)
    assert sums.requests == 8 + 2  # a further attempt is a call of its own
    assert (sums.latency_ms(0.3) or 0) < 2500 < 9000 <= (sums.latency_ms(0.5) or 0)


def test_there_are_no_sums_without_files_and_those_of_other_runs_do_not_count(tmp_path):
    write_figures(open_folder(tmp_path).file(figures_name("20261101T000000-ffff", 0, 0)), figures(3), 1.0)
    (tmp_path / "answers-20261101T000000_abcd-0-0-x.jsonl").write_text("{}\n")
    assert FigureFiles(str(tmp_path), RUN).sums() is None
    assert FigureFiles(str(tmp_path / "nowhere"), RUN).sums() is None


def test_an_attempt_that_was_followed_by_another_keeps_its_counts_only(tmp_path):
    write(tmp_path, 0, 0, figures(3, in_flight=40, waiting=7))
    write(tmp_path, 0, 1, figures(1, in_flight=10))
    sums = FigureFiles(str(tmp_path), RUN).sums()
    assert sums is not None
    assert (sums.answered, sums.in_flight, sums.limit, sums.waiting) == (4, 10, 64, 0)
    assert tokens_before(open_folder(tmp_path), RUN, 0, 1) == 3 * 1500
    assert tokens_before(open_folder(tmp_path), RUN, 0, 0) == tokens_before(open_folder(tmp_path), RUN, 1, 3) == 0


def test_a_file_that_does_not_change_is_of_a_task_that_has_ended(tmp_path):
    clock = Clock()
    files = FigureFiles(str(tmp_path), RUN, clock)
    write(tmp_path, 0, 0, figures(3, in_flight=40), now=1.0)
    write(tmp_path, 1, 0, figures(2, in_flight=30), now=9999.0)  # the clock of another machine
    assert [files.sums().in_flight, files.sums().answered] == [70, 5]
    clock.now += 6
    write(tmp_path, 1, 0, figures(4, in_flight=20), now=10_005.0)
    assert [files.sums().in_flight, files.sums().answered] == [20, 7]


def test_a_torn_or_foreign_file_is_passed_over(tmp_path):
    write(tmp_path, 0, 0, figures(3))
    (tmp_path / "figures-20261101T000000_abcd-1-0.json").write_text('{"asked": 3')
    (tmp_path / "figures-20261101T000000_abcd-2-0.json").write_text("[]")
    sums = FigureFiles(str(tmp_path), RUN).sums()
    assert sums is not None and sums.answered == 3


def test_a_file_with_few_figures_is_no_error():
    assert sums_of({}) == Sums()
    assert sums_of({"asked": 2, "retries": None, "latency_ms": None}).asked == 2


def test_the_line_tells_rates_latency_retries_cost_and_what_is_left():
    clock = Clock()
    line = LiveLine(accepted=7, expected=1000, prices=PRICES, currency="USD", monotonic=clock)
    made = figures(100, in_flight=62, waiting=3)
    assert line.text(sums_of(made.snapshot(1.0))).endswith("; answers")
    clock.now += 10
    for _ in range(100):
        made.asked()
        made.answered(3000, prompt=1000, cached=600, completion=500)
    made.retried("overload")
    said = line.text(sums_of(made.snapshot(2.0)))
    assert said == (
        "7 records accepted; 62 of 64 in flight (97%), 3 waiting; 5.0 records/s, 5,000 tokens/s; "
        "60% of the prompts cached; p50/p95/p99 2.0/3.4/3.4 s; retries overload 1; USD 1.14; 80 s left; answers"
    )


def test_without_figures_the_lines_of_the_journal_are_counted(tmp_path):
    told: list[tuple[Any, ...]] = []
    heard = threading.Event()

    def tell(*said: Any) -> None:
        told.append(said)
        heard.set()

    lines = LineCounter(tmp_path, RUN)
    (tmp_path / "answers-20261101T000000_abcd-0-0-x.jsonl").write_text("{}\n{}\n{}")
    line = LiveLine(accepted=0, expected=4, prices=None, currency="USD")
    with Watcher(FigureFiles(str(tmp_path), RUN), line, tell, expected=4, count=lines.count, seconds=0.01) as watcher:
        assert heard.wait(10)
    assert told[0] == ("asking the model", 2, 4)
    assert watcher.sums is None


def test_passes_take_the_same_names_and_are_told_together(tmp_path):
    line = LiveLine(accepted=0, expected=10, prices=None, currency="USD")
    watcher = Watcher(FigureFiles(str(tmp_path), RUN), line, lambda *_: None, expected=10, count=lambda: 0)
    for answers in (3, 4):
        with watcher:
            assert not list(tmp_path.glob("figures-*"))
            write(tmp_path, 0, 0, figures(answers, in_flight=2))
    assert watcher.sums is not None
    assert (watcher.sums.answered, watcher.sums.in_flight) == (7, 2)


def test_prometheus_reads_the_same_sums_on_the_loopback_address():
    made = figures(3, in_flight=2)
    made.retried("transport")
    sums = sums_of(made.snapshot(1.0))
    with _text_metrics.endpoint(free_port(), lambda: sums, PRICES) as url:
        assert url is not None and url.startswith("http://127.0.0.1:")
        got = requests.get(url, timeout=10)
        assert requests.get(url.replace("/metrics", "/"), timeout=10).status_code == 404
    assert got.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    values = dict(line.rsplit(" ", 1) for line in got.text.splitlines() if not line.startswith("#"))
    assert values["povo_text_answers_total"] == values["povo_text_calls_total"] == "3"
    assert values["povo_text_requests_total"] == "4"
    assert values['povo_text_retries_total{class="transport"}'] == "1"
    assert values['povo_text_tokens_total{kind="prompt"}'] == "3000"
    assert float(values["povo_text_cost_total"]) == pytest.approx(PRICES.of(sums.tokens))
    assert values['povo_text_latency_seconds_bucket{le="+Inf"}'] == values["povo_text_latency_seconds_count"] == "3"
    with pytest.raises(requests.ConnectionError):
        requests.get(url, timeout=10)


def test_large_counts_are_told_to_the_unit():
    sums = sums_of({"asked": 123_456_789, "answered": 123_456_789})
    assert "povo_text_answers_total 123456789\n" in _text_metrics.exposition(sums, None)


def test_a_port_that_is_taken_is_told_and_no_port_serves_nothing():
    with _text_metrics.endpoint(0, lambda: None, None) as url:
        assert url is None
    port = free_port()
    with (
        _text_metrics.endpoint(port, lambda: None, None),
        pytest.raises(ConfigError, match=f"llm.metrics_port: nothing can listen on 127.0.0.1:{port}"),
        _text_metrics.endpoint(port, lambda: None, None),
    ):
        pass


def free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_the_file_is_what_the_tasks_write(tmp_path):
    write(tmp_path, 0, 0, figures(2))
    (path,) = tmp_path.glob("*.json")
    assert sums_of(json.loads(path.read_text())).answered == 2
