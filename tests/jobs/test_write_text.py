"""One task of `write_text` without Spark: batches of persons in, outcomes out, answers in the journal."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import requests
from _bench import serving
from pyspark import cloudpickle

from census.errors import ConfigError
from conf import settings
from jobs import _text_inputs, write_text
from jobs.write_text import Asking
from udfs.answers import Answer, Walker
from udfs.hints import Hints, with_hints
from udfs.journal import journal_files, mark, read_journal
from udfs.task_figures import figures_name
from udfs.writing import TaskLimits

HINTS = Hints({"AC": {}})
PERSON = {
    "uf": "AC",
    "municipality_code": "1200401",
    "sex": "F",
    "age_years": 47,
    "zone": "urbana",
    "education_level": "Médio completo e superior incompleto",
    "marital_status": "Solteiro",
    "in_union": True,
    "activity": "cuida do lar",
    "first_name": "Josefa",
    "middle_name": "",
    "last_name": "Lima",
    "municipality_name": "Rio Branco",
    "state_name": "Acre",
    "region_name": "Norte",
}


def rows(persons: int) -> list[dict[str, Any]]:
    return [{**PERSON, "uuid": f"{number:x}".rjust(32, "a")} for number in range(persons)]


def batches(persons: int) -> Iterator[pa.RecordBatch]:
    empty = {"answers": [], "rejections": []}
    yield pa.RecordBatch.from_pylist([{**row, **empty} for row in rows(persons)])


@pytest.fixture()
def asking(tmp_path: Path) -> Iterator[Callable[..., Asking]]:
    with ExitStack() as stack:

        def make(faults: str = "", **limits: int) -> Asking:
            config = settings.load()
            path = tmp_path / "faults.toml"
            path.write_text(faults, encoding="utf-8")
            mark(tmp_path / "journal", "run1")  # as the driver does
            return Asking(
                client={
                    "endpoints": (stack.enter_context(serving(path)),),
                    "model": config.llm.model,
                },
                api_key_env="POVO_NO_SUCH_KEY",
                api_key_file="",
                requests=_text_inputs.requests_of(config),
                bounds=_text_inputs.bounds_of(config),
                hints=HINTS,
                journal=str(tmp_path / "journal"),
                fsync_seconds=0.0,
                roll_seconds=2.0,
                roll_bytes=1 << 20,
                run_id="run1",
                limits=TaskLimits(4, **limits),
            )

        yield make


def ask(asking: Asking, given: Iterator[pa.RecordBatch]) -> list[dict[str, Any]]:
    mark(asking.journal, asking.run_id)
    return [row for batch in write_text._asker(asking)(given) for row in batch.to_pylist()]


def stored(asking: Asking) -> list[dict[str, Any]]:
    return [row for path in journal_files(Path(asking.journal)) for row in read_journal(path)]


def test_answers_that_are_not_right_are_asked_again_as_the_walk_of_the_next_round_expects(
    asking: Callable[..., Asking],
):
    task = asking('[[fault]]\nkind = "malformed"\nshape = "not_json"\nevery = 4\ntimes = 6\n', content_retries=8)
    outcomes = ask(task, batches(12))
    kept = stored(task)
    assert {row["status"] for row in outcomes} == {"complete"}
    assert sum(row["calls"] for row in outcomes) == len(kept) > 24
    assert sum(row["completion_tokens"] for row in outcomes) == sum(row["completion_tokens"] for row in kept)
    answers: dict[str, dict[str, Answer]] = {}
    for row in kept:
        answer = Answer(row["content"], row["finish_reason"], row["writer"])
        answers.setdefault(row["uuid"], {})[row["request_key"]] = answer
    walker = Walker(task.requests, task.bounds)
    for row in rows(12):
        person = with_hints(row, HINTS)
        verdict = walker.walk(person, answers[row["uuid"]], [])
        assert verdict.missing is None and len(verdict.rejections) == len(answers[row["uuid"]]) - 2


def test_figures_of_the_task_lie_beside_the_journal(asking: Callable[..., Asking]):
    task = asking()
    ask(task, batches(6))
    told = json.loads((Path(task.journal) / figures_name("run1", 0, 0)).read_text(encoding="utf-8"))
    url = task.client["endpoints"][0].removesuffix("/v1")
    counted = requests.get(f"{url}/_stats", timeout=5).json()
    assert told["asked"] == told["answered"] == counted["chat_requests"] == 12
    assert told["completion_tokens"] == counted["completion_tokens"]


def test_a_cap_leaves_records_unasked_and_is_no_error(asking: Callable[..., Asking]):
    outcomes = ask(asking(token_cap=1), batches(30))
    by_status = {status: sum(row["status"] == status for row in outcomes) for status in ("complete", "capped")}
    assert by_status["capped"] >= 26 and sum(by_status.values()) == 30


def test_what_no_retry_mends_ends_the_task_with_one_sentence(asking: Callable[..., Asking]):
    task = asking('[[fault]]\nkind = "status"\nstatus = 401\n')
    with pytest.raises(RuntimeError, match=r"povo-model-error: .* answered 401: check the key"):
        ask(task, batches(6))


def test_the_task_travels_whole_and_without_a_secret(asking: Callable[..., Asking], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("POVO_TEST_KEY", "chave-muito-secreta")
    task = replace(asking(), api_key_env="POVO_TEST_KEY")
    mark(task.journal, task.run_id)
    travelled = cloudpickle.loads(cloudpickle.dumps(write_text._asker(task)))
    assert sum(batch.num_rows for batch in travelled(batches(2))) == 2
    assert "chave-muito-secreta" not in repr(task) and "chave-muito-secreta" not in repr(
        write_text._client_settings(task)
    )
    assert write_text._client_settings(task).api_key == "chave-muito-secreta"


def test_tasks_with_lower_numbers_have_what_does_not_divide(asking: Callable[..., Asking]):
    shared = replace(asking(), limits=TaskLimits(6, token_cap=9), larger_tasks=2)
    assert [shared.of_task(task).limits.in_flight for task in range(5)] == [7, 7, 6, 6, 6]
    assert write_text._client_settings(shared.of_task(0)).in_flight == 7
    assert shared.of_task(0).limits.token_cap == 9


def test_a_key_in_a_file_goes_before_the_variable(
    asking: Callable[..., Asking], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setenv("POVO_TEST_KEY", "outra")
    (tmp_path / "key").write_text("chave-muito-secreta\n")
    task = replace(asking(), api_key_env="POVO_TEST_KEY", api_key_file=str(tmp_path / "key"))
    assert write_text._client_settings(task).api_key == "chave-muito-secreta"
    assert write_text._client_settings(replace(task, api_key_file="")).api_key == "outra"
    assert "chave-muito-secreta" not in repr(task)


@pytest.mark.parametrize(
    ("content", "why"),
    [(None, "cannot be read on this machine: No such file"), (b" \n", "is empty"), (b"\xff", "no key")],
)
def test_a_file_without_a_key_is_named_before_anything_is_asked(
    asking: Callable[..., Asking], tmp_path: Path, content: bytes | None, why: str
):
    if content is not None:
        (tmp_path / "key").write_bytes(content)
    task = replace(asking(), api_key_file=str(tmp_path / "key"))
    with pytest.raises(ConfigError, match=f"llm.api_key_file names {tmp_path / 'key'}, which .*{why}") as caught:
        write_text._client_settings(task)
    assert caught.value.__cause__ is None
