"""Caps on tokens and money: what is left, how it is shared out, and when it is spent."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from conf import settings
from jobs import _cli
from jobs._spending import Allowance, TokenPrices, Tokens, prices_of

PRICES = TokenPrices(prompt=1.0, cached=0.5, completion=10.0)
CALL = Tokens(prompt=800, cached=400, completion=200)


def calls(number: int) -> tuple[Tokens, int]:
    return Tokens(*(number * part for part in (CALL.prompt, CALL.cached, CALL.completion))), number


def allowance(*, tokens: int = 0, cost: float = 0.0, spent: int = 0) -> Allowance:
    return Allowance(tokens, cost, PRICES, *calls(spent))


def test_without_a_cap_nothing_is_ever_spent():
    free = allowance(spent=1_000_000)
    assert (free.is_capped, free.left(), free.share(4), free.is_spent()) == (False, None, None, False)
    assert (free.tasks(16), free.in_flight(16, 512)) == (16, (32, 0))


def test_a_cap_is_shared_out_and_never_more_than_it():
    capped = allowance(tokens=100_003)
    assert capped.share(4) == 25_000
    capped.pay(*calls(40))
    assert (capped.left(), capped.share(4)) == (60_003, 15_000)


def test_money_becomes_the_tokens_it_buys_at_the_dearest_price():
    capped = allowance(cost=1.0)
    assert capped.left() == 100_000
    capped.pay(*calls(100))
    assert capped.cost == pytest.approx(0.1 * (0.4 * 1 + 0.4 * 0.5 + 0.2 * 10))
    assert capped.left() == pytest.approx((1.0 - 0.26) * 100_000)


def test_of_two_caps_the_one_that_leaves_less_counts():
    assert allowance(tokens=50_000, cost=1.0).left() == 50_000
    assert allowance(tokens=500_000, cost=1.0).left() == 100_000


def test_a_cap_is_spent_when_no_further_call_fits_into_it():
    assert not allowance(tokens=11_000, spent=10).is_spent()
    assert allowance(tokens=10_999, spent=10).is_spent()
    over = allowance(tokens=5_000, spent=10)
    assert over.is_spent() and over.left() == 0


def test_a_small_rest_is_left_to_few_tasks_and_few_requests_in_flight():
    rest = allowance(tokens=30_000, spent=10)
    assert (rest.tasks(16), rest.share(2), rest.in_flight(2, 512)) == (2, 10_000, (10, 0))
    assert allowance(tokens=11_000, spent=10).tasks(16) == 1


@pytest.mark.parametrize(("tasks", "most"), [(1, 1), (4, 10), (5, 32), (7, 512), (32, 32), (3, 1000)])
def test_all_tasks_together_have_as_many_requests_in_flight_as_there_may_be(tasks: int, most: int):
    each, larger = allowance().in_flight(tasks, most)
    assert tasks * each + larger == most and larger < tasks


@pytest.mark.parametrize(("cap", "answered"), [(1_000_000, 930), (500_000, 500)])
def test_passes_of_uneven_tasks_spend_the_cap_to_the_last_call_and_no_more(cap: int, answered: int):
    """Tasks that run out of records leave their share; every pass shares out what is left."""
    capped = allowance(tokens=cap)
    lacking, passes = [900, 10, 10, 10], 0
    while sum(lacking) and not capped.is_spent():
        tasks = capped.tasks(4)
        done = [min(n, capped.share(tasks) // 1_000) for n in lacking[:tasks]] + [0] * (4 - tasks)
        lacking = [n - d for n, d in zip(lacking, done, strict=True)]
        capped.pay(*calls(sum(done)))
        passes += 1
    assert passes < 20
    assert capped.answers == answered


def test_what_was_spent_is_told_with_the_cap():
    said = allowance(tokens=10_000, cost=2.5, spent=10).told("USD")
    assert said == (
        "the cap of 10,000 tokens (llm.max_tokens_total) and USD 2.50 (llm.max_cost) is spent: "
        "10,000 tokens (USD 0.03) for 10 answers"
    )


def test_an_unknown_price_of_cached_tokens_is_that_of_others():
    priced = {"llm.price_per_million_prompt_tokens": 2.0, "llm.price_per_million_completion_tokens": 3.0}
    assert prices_of(settings.load(options=priced).llm) == TokenPrices(2.0, 2.0, 3.0)
    assert prices_of(settings.load().llm) is None


def test_a_cap_in_money_without_prices_is_refused_before_anything_starts(tmp_path):
    words = ["write_text", "--data", str(tmp_path / "data"), "--set", "llm.max_cost=5"]
    ended = CliRunner().invoke(_cli.app, words)
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert "max_cost needs price_per_million_prompt_tokens" in ended.stderr
    assert not (tmp_path / "data").exists()
