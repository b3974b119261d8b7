"""Which faults strike which request, and how long an answer takes."""

from __future__ import annotations

import statistics

import pytest

from jobs._fault_plan import FaultPlan
from jobs._faults import Fault

REQUESTS = range(20_000)


def names(plan: FaultPlan, request: int, **when: float) -> list[str]:
    return [fault.name for fault in plan.hits(1, request, request=request, **when)]  # type: ignore[arg-type]


def test_faults_come_by_number_and_end_when_told():
    plan = FaultPlan((Fault("reset", every=3, times=2), Fault("latency", seconds=1.0, every=2)))
    assert [[fault.kind for fault in plan.hits(number, 0)] for number in range(1, 10)] == [
        [], ["latency"], ["reset"], ["latency"], [], ["reset", "latency"], [], ["latency"], [],
    ]  # fmt: skip


def test_faults_by_body_hit_the_same_bodies_in_any_order():
    plan = FaultPlan((Fault("malformed", shape="not_json", every=5, by="body"),))
    hit = {digest for digest in range(100) if plan.hits(1, digest)}
    assert hit == {digest for digest in reversed(range(100)) if plan.hits(7, digest)} and len(hit) == 20


def test_a_rate_strikes_its_share_of_the_requests_and_never_two_at_once():
    faults = (Fault("reset", rate=0.05), Fault("status", status=503, rate=0.1), Fault("hang", rate=0.2))
    struck = [names(FaultPlan(faults), request) for request in REQUESTS]
    assert max(map(len, struck)) == 1
    shares = [struck.count([fault.name]) / len(REQUESTS) for fault in faults]
    assert shares == pytest.approx([0.05, 0.1, 0.2], abs=0.01)


def test_a_rate_strikes_the_same_requests_whatever_their_order_and_others_under_another_seed():
    def struck(plan: FaultPlan, requests) -> set[int]:
        return {request for request in requests if names(plan, request)}

    faults = (Fault("reset", rate=0.05),)
    first = struck(FaultPlan(faults, seed=1), REQUESTS)
    assert first == struck(FaultPlan(faults, seed=1), reversed(REQUESTS))
    assert len(first & struck(FaultPlan(faults, seed=2), REQUESTS)) < 0.2 * len(first)


def test_a_request_that_is_struck_at_its_first_try_is_not_struck_for_ever():
    plan = FaultPlan((Fault("reset", rate=0.5),))
    tries = [[bool(names(plan, request, tries=number)) for number in range(30)] for request in range(50)]
    assert all(True in request and False in request for request in tries)
    always = FaultPlan((Fault("reset", rate=1.0),))
    assert all(names(always, request, tries=request) for request in range(50))


def test_a_rate_with_times_ends():
    plan = FaultPlan((Fault("reset", rate=1.0, times=2),))
    assert [len(names(plan, request)) for request in range(4)] == [1, 1, 0, 0]


def test_a_fault_strikes_in_its_window_only():
    plan = FaultPlan((Fault("reset", from_seconds=2.0, until_seconds=3.0),))
    assert [names(plan, 1, seconds=at) for at in (0.0, 1.99, 2.0, 2.99, 3.0)] == [[], [], ["reset"], ["reset"], []]


def test_the_last_slots_whose_time_has_come_hold():
    plan = FaultPlan((Fault("slots", slots=64), Fault("slots", slots=32, from_seconds=10.0, until_seconds=20.0)))
    assert [plan.slots_at(at).slots for at in (0.0, 9.9, 10.0, 19.9, 20.0)] == [64, 64, 32, 32, 64]  # type: ignore[union-attr]
    assert FaultPlan().slots_at(0.0) is None


def test_latency_follows_its_law_and_the_same_request_takes_as_long_again():
    def drawn(**law: object) -> list[float]:
        fault = Fault("latency", **law)  # type: ignore[arg-type]
        plan = FaultPlan((Fault("reset", rate=0.1), fault))
        seconds = [plan.seconds_of(fault, request, 0) for request in REQUESTS]
        assert seconds == [plan.seconds_of(fault, request, 0) for request in REQUESTS]
        return sorted(seconds)

    assert set(drawn(seconds=2.0)) == {2.0}
    uniform = drawn(seconds=1.0, law="uniform", max_seconds=3.0)
    assert uniform[0] >= 1.0 and uniform[-1] < 3.0 and statistics.mean(uniform) == pytest.approx(2.0, abs=0.02)
    lognormal = drawn(seconds=2.0, law="lognormal", sigma=0.5)
    assert statistics.median(lognormal) == pytest.approx(2.0, rel=0.02)
    assert lognormal[int(0.95 * len(lognormal))] == pytest.approx(2.0 * 2.276, rel=0.05)  # exp(1.645 / 2)
    slow = drawn(seconds=0.1, slow_share=0.01, slow_factor=20.0)
    assert set(slow) == {0.1, 2.0} and slow.count(2.0) == pytest.approx(0.01 * len(slow), rel=0.25)
