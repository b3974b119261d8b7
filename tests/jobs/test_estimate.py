"""The arithmetic of a plan."""

from __future__ import annotations

import pytest

from conf import settings
from jobs import _estimate, _spending
from jobs._estimate import CallTokens

PRICES = settings.load().prices
TOKENS = {1: CallTokens(1400, 1000, (1000, 1000)), 2: CallTokens(2200, 800, (400, 400))}


def test_both_calls_of_a_record_have_the_stated_text_and_reasoning_on_top():
    calls = [_estimate.assumed_completion(PRICES.tokens, call) for call in (1, 2)]
    assert sum(text for text, _ in calls) == pytest.approx(1400)
    assert sum(low for _, (low, _) in calls) == pytest.approx(1400 * 1.10)
    assert sum(high for _, (_, high) in calls) == pytest.approx(1400 * 1.25)


def test_further_attempts_take_their_share_of_everything():
    once, again = (_estimate.volume({1: 10, 2: 20}, TOKENS, share) for share in (0.0, 0.5))
    assert (once.requests, once.prompt_tokens, once.shared_tokens) == (30, 58_000, 26_000)
    assert once.completion_tokens == (18_000, 18_000)
    assert (again.requests, again.prompt_tokens, again.completion_tokens) == (45, 87_000, (27_000, 27_000))


def test_a_million_records_take_the_gpu_hours_of_the_throughput_anchors():
    plain = _estimate.volume({1: 1_000_000, 2: 1_000_000}, TOKENS, 0.0)
    hours = {name: _estimate.on_gpu(gpu, plain, 8).hours[0] for name, gpu in PRICES.gpu.items()}
    assert {name: round(value) for name, value in hours.items()} == {
        "h100_sxm": 97,
        "b200": 33,
        "gb200": 19,
        "gb300": 26,
    }


def test_requests_in_flight_follow_littles_law():
    work = _estimate.volume({1: 1000, 2: 1000}, TOKENS, 0.0)
    h100 = _estimate.on_gpu(PRICES.gpu["h100_sxm"], work, 4)
    seconds_of_a_request = 700 * 0.0865
    assert h100.in_flight == pytest.approx(h100.requests_per_second * seconds_of_a_request)
    assert round(h100.in_flight) == 346
    assert h100.wall_hours == pytest.approx([hours / 4 for hours in h100.hours])


def test_nothing_missing_takes_nothing():
    nothing = _estimate.on_gpu(PRICES.gpu["b200"], _estimate.volume({1: 0, 2: 0}, TOKENS, 0.1), 8)
    assert (nothing.hours, nothing.cost, nothing.requests_per_second) == ((0, 0), (0, 0), 0)


def test_cached_tokens_have_their_own_price():
    prices = _spending.TokenPrices(prompt=2.0, cached=0.5, completion=10.0)
    assert prices.cost(1_000_000, 400_000, 100_000) == pytest.approx(0.6 * 2 + 0.4 * 0.5 + 0.1 * 10)
