"""What failures mean, as a table, and the budget of retries."""

from __future__ import annotations

from email.utils import formatdate

import pytest

from udfs.retries import (
    RULES,
    Dropped,
    FailureClass,
    RetryBudget,
    RetryBudgetSpent,
    Rule,
    TryFailed,
    Unreachable,
    error_message,
    retry_after_seconds,
    rule_of_status,
)

NOON = 1_800_000_000.0


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ((500, 502, 504, 520), "transport"),
        ((408, 409, 425), "transport"),
        ((429, 503, 529), "overload"),
        ((400, 413, 422), "refused"),
        ((401, 403, 404, 405, 301, 418), "fatal"),
    ],
)
def test_every_status_has_its_class(statuses: tuple[int, ...], expected: str):
    assert {rule_of_status(status, None).failure_class.value for status in statuses} == {expected}


@pytest.mark.parametrize(
    ("rule", "is_try", "from_budget", "slows"),
    [
        (rule_of_status(429, None), False, False, True),
        (rule_of_status(429, 3.0), False, False, True),
        (rule_of_status(503, 3.0), False, False, True),
        (rule_of_status(503, None), True, True, True),
        (rule_of_status(500, 3.0), True, True, False),
        (RULES["timeout"], True, True, True),
        (RULES["dropped"], True, True, False),
        (RULES["unreachable"], False, False, False),
    ],
)
def test_who_is_told_to_wait_pays_with_time_and_who_sends_twice_out_of_the_budget(
    rule: Rule, is_try: bool, from_budget: bool, slows: bool
):
    assert (rule.is_try, rule.from_budget, rule.slows) == (is_try, from_budget, slows)


def test_the_budget_is_a_floor_and_a_share_of_the_requests():
    budget = RetryBudget(0.1, floor=4)
    for _ in range(100):
        budget.earn()
    for _ in range(20 + 10):
        budget.spend(TryFailed("a answered 500"))
    with pytest.raises(RetryBudgetSpent) as caught:
        budget.spend(Dropped("b closed the connection"))
    assert str(caught.value).startswith(
        "the budget of retries is spent (31 for 100 requests, llm.retry_budget_share is 0.1): "
        "30 x a answered 500; 1 x b closed the connection. Run again"
    )


def test_credit_of_long_ago_is_forgotten():
    budget = RetryBudget(0.1, floor=30)
    for _ in range(1_000_000):
        budget.earn()
    for _ in range(30 + 100):
        budget.spend(TryFailed("a answered 500"))
    with pytest.raises(RetryBudgetSpent):
        budget.spend(TryFailed("a answered 500"))


def test_with_a_share_of_one_every_retry_is_allowed_and_waiting_costs_nothing():
    endless, none = RetryBudget(1.0, floor=0), RetryBudget(0.0, floor=0)
    for _ in range(10_000):
        endless.spend(TryFailed("a answered 500"))
        none.spend(Unreachable("nobody answers at a"))
        none.spend(TryFailed("a answered 429", rule_of_status(429, 1.0)))


def test_classes_are_named_as_reports_name_them():
    assert [one.value for one in FailureClass] == [
        "transport",
        "overload",
        "unreachable",
        "content",
        "refused",
        "fatal",
    ]


@pytest.mark.parametrize(
    ("header", "expected"),
    [(None, None), ("", None), ("soon", None), ("nan", None), ("-5", 0.0), ("inf", 60.0), ("0", 0.0), ("1.5", 1.5),
     (formatdate(NOON - 50, usegmt=True), 0.0), ("Fri, 99 Foo 2026 00:00:00 GMT", None)],
)  # fmt: skip
def test_retry_after_is_read_as_seconds_or_as_a_date(header: str | None, expected: float | None):
    assert retry_after_seconds(header, NOON, 60.0) == expected


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b'{"error":{"message":"too long","code":400}}', "too long"),
        (b'{"message":"too long","object":"error"}', "too long"),
        (b'{"error":"too long"}', "too long"),
        (b"<html>\n  Bad Gateway\n</html>", "<html> Bad Gateway </html>"),
        (b"[1]", "[1]"),
        (b"\xff" * 900, "\ufffd" * 200),
    ],
)
def test_error_bodies_of_every_shape_give_a_short_sentence(raw: bytes, message: str):
    assert error_message(raw) == message
