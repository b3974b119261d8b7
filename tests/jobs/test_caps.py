"""A cap on tokens over a whole command, judged by the counters of the server."""

from __future__ import annotations

import pytest
from _bench import stats

from census import tables
from census.errors import ModelError
from jobs import write_text

PERSONS, IN_FLIGHT, CAP = 12, 4, 20_000
LARGEST_CALL = 3_500  # tokens


@pytest.mark.long
def test_a_command_stops_at_its_cap_says_what_it_spent_and_goes_on_without_asking_twice(spark, make_folder, writer_url):
    folder = make_folder(PERSONS)
    asked = {"llm__endpoints": [writer_url], "llm__tasks": 2, "llm__max_in_flight": IN_FLIGHT}
    prices = {f"llm__price_per_million_{kind}_tokens": price for kind, price in (("prompt", 1.0), ("completion", 2.0))}
    capped = folder.config(**asked, **prices, llm__max_tokens_total=CAP)
    before = stats(writer_url)

    with pytest.raises(ModelError) as ended:
        write_text.run(spark, capped)
    after = stats(writer_url)
    prompt, completion = (after[name] - before[name] for name in ("prompt_tokens", "completion_tokens"))
    calls = after["chat_requests"] - before["chat_requests"]
    assert CAP - LARGEST_CALL < prompt + completion <= CAP + IN_FLIGHT * LARGEST_CALL
    cost = (prompt + 2 * completion) / 1e6
    said = str(ended.value)
    assert said.startswith(
        f"write_text: the cap of {CAP:,} tokens (llm.max_tokens_total) is spent: {prompt + completion:,} tokens "
        f"(USD {cost:,.2f}) for {calls} answers; "
    )
    assert f" of {PERSONS} records still lack answers. The same command goes on from what is stored" in said

    answers = folder.stored(tables.RESPONSE)
    assert len(answers) == calls
    (row,) = [row for row in folder.stored(tables.RUN) if row["job"] == "write_text"]
    assert (row["status"], row["message"]) == ("failed", said)
    assert (row["prompt_tokens"], row["completion_tokens"], row["requests"]) == (prompt, completion, calls)
    assert row["cached_tokens"] == sum(answer["cached_tokens"] for answer in answers)
    assert row["cost"] == pytest.approx(cost)
    assert dict(row["texts"])["AC"]["calls"] == calls
    assert 0 < row["latency_p50_ms"] <= row["latency_p95_ms"] <= row["latency_p99_ms"]

    # A further round of the same command has nothing left; one without the cap goes on.
    with pytest.raises(ModelError, match=r"is spent: .* so nothing more is asked"):
        write_text.run(spark, capped)
    assert stats(writer_url)["chat_requests"] == after["chat_requests"]
    report = write_text.run(spark, folder.config(**asked))
    assert report.warning is None
    assert stats(writer_url)["chat_requests"] - before["chat_requests"] == 2 * PERSONS
    assert stats(writer_url)["answered_again"] == 0
    assert len(folder.stored(tables.RESPONSE)) == 2 * PERSONS


@pytest.mark.long
def test_a_cap_in_money_is_the_most_that_a_command_pays_and_what_is_in_flight(spark, make_folder, writer_url):
    folder, most = make_folder(PERSONS), 0.03
    asked = {"llm__endpoints": [writer_url], "llm__tasks": 2, "llm__max_in_flight": IN_FLIGHT}
    prices = {f"llm__price_per_million_{kind}_tokens": price for kind, price in (("prompt", 1.0), ("completion", 2.0))}
    before = stats(writer_url)
    with pytest.raises(ModelError, match=r"^write_text: the cap of USD 0\.03 \(llm\.max_cost\) is spent: "):
        write_text.run(spark, folder.config(**asked, **prices, llm__max_cost=most))
    after = stats(writer_url)
    prompt, completion = (after[name] - before[name] for name in ("prompt_tokens", "completion_tokens"))
    largest = 2 * LARGEST_CALL / 1e6
    assert most - largest < (prompt + 2 * completion) / 1e6 <= most + IN_FLIGHT * largest
    (row,) = [row for row in folder.stored(tables.RUN) if row["job"] == "write_text"]
    assert row["cost"] == pytest.approx((prompt + 2 * completion) / 1e6)
    assert len(folder.stored(tables.RESPONSE)) == after["chat_requests"] - before["chat_requests"]
