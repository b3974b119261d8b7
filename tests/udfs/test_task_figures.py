"""Figures of a task, as another process reads them."""

from __future__ import annotations

import json
import threading
from itertools import pairwise
from pathlib import Path

from udfs.storage import open_folder
from udfs.task_figures import LATENCY_BOUNDS_MS, TaskFigures, figures_name, write_figures


def filled() -> TaskFigures:
    figures = TaskFigures()
    for latency_ms in (1.0, 900.0, 950.0, 2000.0, 10_000_000.0):
        figures.asked()
        figures.answered(latency_ms, prompt=10, cached=4, completion=3)
    figures.asked()
    figures.retried("transport")
    figures.retried("transport")
    figures.retried("content")
    figures.flow(in_flight=1, limit=48)
    figures.waiting(7)
    return figures


def test_the_file_has_these_fields_and_percentiles_can_be_merged(tmp_path: Path):
    path = tmp_path / figures_name("20261127T0900-ab", 3, 1)
    write_figures(open_folder(tmp_path).file(path.name), filled(), 1_800_000_000.5)
    assert path.name == "figures-20261127T0900_ab-3-1.json" and list(tmp_path.iterdir()) == [path]
    assert json.loads(path.read_text(encoding="utf-8")) == {
        "asked": 6,
        "answered": 5,
        "in_flight": 1,
        "waiting": 7,
        "limit": 48,
        "retries": {"transport": 2, "content": 1},
        "prompt_tokens": 50,
        "cached_tokens": 20,
        "completion_tokens": 15,
        "latency_ms": [[1.0, 1], [1024.0, 2], [2048.0, 1], [2097152.0, 1]],
        "updated_at": 1_800_000_000.5,
    }


def test_a_quantile_is_the_upper_bound_of_its_class():
    figures = filled()
    assert figures.latency_quantile_ms(0.5, least=5) == 1024.0
    assert figures.latency_quantile_ms(0.8, least=5) == 2048.0
    assert figures.latency_quantile_ms(0.5, least=6) is None
    assert all(later / earlier < 1.25 for earlier, later in pairwise(LATENCY_BOUNDS_MS))


def test_a_file_that_cannot_be_written_stops_nothing(tmp_path: Path):
    (tmp_path / "journal").write_text("in the way")
    write_figures(open_folder(tmp_path / "journal").file(figures_name("run", 0, 0)), filled(), 0.0)
    assert (tmp_path / "journal").read_text() == "in the way"


def test_a_reader_never_sees_half_a_file_and_threads_lose_no_count(tmp_path: Path):
    figures, path = TaskFigures(), tmp_path / figures_name("run", 0, 0)
    file = open_folder(tmp_path).file(path.name)

    def count() -> None:
        for _ in range(2000):
            figures.asked()

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    seen = []
    while any(thread.is_alive() for thread in threads):
        write_figures(file, figures, 0.0)
        seen.append(json.loads(path.read_text(encoding="utf-8"))["asked"])
    write_figures(file, figures, 0.0)
    assert seen == sorted(seen) and json.loads(path.read_text(encoding="utf-8"))["asked"] == 8000
