"""Lines of batch files: what an id carries, and what is no answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from udfs.batch_lines import (
    AnswerFailed,
    BatchId,
    LineRefused,
    completion_of,
    journal_row,
    parse_line,
    read_id,
    request_line,
)

FIRST = BatchId("0a1b2c3d", "AC", "0" * 32, 1, 1, "a" * 64, None)
SECOND = BatchId("0a1b2c3d", "AC", "0" * 32, 2, 12, "b" * 64, "a" * 64)


def answered(**changes: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": "{}", "reasoning": "secret thoughts"}
    body = {"model": "m-1", "choices": [{"message": message, "finish_reason": "stop"}], "usage": {"prompt_tokens": 7}}
    response = {"status_code": 200, "request_id": "vllm-batch-1", "body": body}
    return {"id": "vllm-1", "custom_id": FIRST.text(), "response": response, "error": None} | changes


@pytest.mark.parametrize("identity", [FIRST, SECOND])
def test_an_id_is_read_back_whole(identity: BatchId):
    assert read_id(identity.text()) == identity


@pytest.mark.parametrize(
    "text",
    [
        None,
        7,
        "request-1",
        FIRST.text()[:-1],
        FIRST.text() + "0",
        FIRST.text().replace("AC", "SE"),
        SECOND.text().replace("-12-", "-13-"),
    ],
)
def test_an_id_that_is_not_whole_or_was_changed_is_refused(text: object):
    with pytest.raises(LineRefused, match="none that an export made"):
        read_id(text)


def test_a_request_line_is_one_line_with_the_body_as_it_is_sent():
    body = {"messages": [{"role": "user", "content": "linha\nção"}], "model": "m"}
    line = request_line(FIRST, json.dumps(body, ensure_ascii=False).encode())
    assert "\n" not in line
    assert json.loads(line) == {
        "custom_id": FIRST.text(),
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": body,
    }


@pytest.mark.parametrize("line", [b'{"id": "cut', b"[1]", b"null", b"\xff"])
def test_a_line_that_is_no_object_is_refused(line: bytes):
    with pytest.raises(LineRefused):
        parse_line(line)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (answered(response=None, error={"message": "boom", "code": 500}), "boom"),
        (
            answered(
                response={"status_code": 400, "request_id": "r", "body": None},
                error={"error": {"message": "too long", "type": "BadRequestError", "param": None, "code": 400}},
            ),
            "400: too long",
        ),
        (answered(response={"status_code": 500, "body": {"message": "engine died"}}), "500: engine died"),
        (answered(response=None), "the response is no chat completion"),
        (answered(response={"status_code": 200, "body": {"choices": []}}), "the response is no chat completion"),
    ],
)
def test_an_error_of_either_shape_is_no_answer(line: dict[str, Any], reason: str):
    with pytest.raises(AnswerFailed) as failed:
        completion_of(line, source="batch:x.jsonl", model="m")
    assert str(failed.value) == reason


def test_an_answer_is_stored_without_reasoning_and_with_the_label_of_its_writer():
    row = journal_row(
        SECOND,
        completion_of(answered(), source="batch:x.jsonl", model="m"),
        model="m",
        prompt_version="v",
        now="2026-11-01T00:00:00.000+00:00",
        run_id="run1",
    )
    assert "secret" not in json.dumps(row)
    assert (row["writer"], row["model"], row["parent_key"], row["attempt"]) == ("m-1", "m", "a" * 64, 12)
    assert (row["prompt_tokens"], row["completion_tokens"], row["latency_ms"]) == (7, 0, None)
