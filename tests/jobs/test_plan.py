"""What `povo plan` says before a run, and that the server counts the same."""

from __future__ import annotations

import json

import pytest
from _people import ANSWER, STAGES, make_person
from _texts import PROMPTS
from typer.testing import CliRunner

from census import tables
from conf import settings
from jobs import _cli, _text_inputs, plan, write_text
from jobs._plan_folder import Answered, count_tokens
from udfs import prompts

RUNNER = CliRunner()


def planned(*words: str) -> dict[str, object]:
    result = RUNNER.invoke(_cli.app, ["plan", *words, "--json"])
    assert result.exit_code == 0, result.stderr
    document: dict[str, object] = json.loads(result.stdout)
    return document


def test_a_million_records_are_planned_without_a_data_folder(tmp_path):
    data = tmp_path / "data"
    made = planned("--uf", "all", "--total", "1000000", "--data", str(data))
    assert made["records"]["total"] == 1_000_000 and len(made["records"]["by_state"]) == 27
    assert (made["calls"], made["requests"]["missing"]) == (2_000_000, 2_000_000)
    assert made["requests"]["counted"].startswith("all")
    assert 0 < made["shared_prefix_tokens"] < made["prompt_tokens"]
    assert made["completion_tokens"]["low"] == pytest.approx(1.4e9 * 1.1 * 1.1, rel=1e-6)
    assert any("no person is drawn" in text for text in made["assumptions"])
    assert not data.exists()


def test_the_shared_prefix_is_what_two_rendered_prompts_have_in_common(tmp_path):
    made = planned("--uf", "AC,SE", "--records", "10", "--data", str(tmp_path / "data"))
    for call, first in ((1, None), (2, ANSWER)):
        one, other = (
            prompts.render(PROMPTS, call, make_person(**STAGES[stage]), 1, first) for stage in ("student", "retired")
        )
        shared = [message["content"] for message, same in zip(one, other, strict=True) if message == same]
        assert len(shared) == 1 and made["by_call"][str(call)]["shared"] == count_tokens(shared[0])
        told = f"prefix cache in call {call}: every prompt begins with the same {count_tokens(shared[0]):,} tokens"
        assert any(text.startswith(told) for text in made["assumptions"])
    of_both = (
        sum(made["by_call"][call]["shared"] for call in "12"),
        sum(made["by_call"][call]["prompt"] for call in "12"),
    )
    assert made["shared_prefix_tokens"] / made["prompt_tokens"] == pytest.approx(of_both[0] / of_both[1], rel=1e-3)
    assert 0.5 < of_both[0] / of_both[1] < 0.7


def test_people_get_tables_on_stdout_and_every_assumption_with_its_source(tmp_path):
    result = RUNNER.invoke(_cli.app, ["plan", "--records", "50", "--gpus", "3", "--data", str(tmp_path / "data")])
    assert (result.exit_code, result.stderr) == (0, "")
    assert "hours with 3" in result.stdout and "H100 SXM" in result.stdout
    assert "GPUStack performance lab" in result.stdout and "GB300: no price is known" in result.stdout
    assert "llm.max_in_flight is 32" in result.stdout


def test_an_overlay_puts_its_own_price_and_rate_in_the_place_of_a_figure(tmp_path):
    overlay = tmp_path / "mine.toml"
    overlay.write_text("[prices.gpu.b200]\nprice_per_hour = 2\noutput_tokens_per_second = 1000\n")
    made = planned("--data", str(tmp_path / "data"), "--conf", str(overlay))
    (b200,) = [gpu for gpu in made["gpu"] if gpu["name"] == "B200"]
    assert b200["cost"]["low"] == pytest.approx(2 * b200["hours"]["low"], abs=0.02)
    assert b200["hours"]["low"] == pytest.approx(made["completion_tokens"]["low"] / 3.6e6, abs=0.01)
    assert "B200: USD an hour: 2 (your settings, now)" in made["assumptions"]


def test_prices_of_tokens_give_a_price_without_gpus(tmp_path):
    sets = [f"llm.price_per_million_{kind}_tokens={price}" for kind, price in (("prompt", 1), ("completion", 2))]
    words = [word for text in sets for word in ("--set", text)]
    made = planned("--data", str(tmp_path / "data"), *words)
    wanted = (made["prompt_tokens"] + 2 * made["completion_tokens"]["high"]) / 1e6
    assert made["price_by_token"]["high"] == pytest.approx(wanted, abs=0.01)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--gpus", "0"], "--gpus must be 1 or more, not 0."),
        (["--whole"], "Texts are written for persons of 18 and over only"),
        (["--set", "prices.gpu.b200.price_per_hour=-1"], "prices.gpu.b200.price_per_hour"),
        (["--set", "prices.gpu.b200.prise=1"], "prices.gpu.b200.prise: unknown key"),
    ],
)
def test_a_plan_that_cannot_be_made_is_refused(tmp_path, words, said):
    result = RUNNER.invoke(_cli.app, ["plan", "--data", str(tmp_path / "data"), *words])
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr


@pytest.mark.long
def test_prompt_tokens_are_those_that_the_server_counts(spark, make_folder, writer_url):
    folder = make_folder(3)
    before = plan.run(spark, folder.config(), 1)
    assert before.missing == {1: 3, 2: 3} and before.counted.startswith("exactly")

    write_text.run(spark, folder.config(llm__endpoints=[writer_url]))
    answers = folder.stored(tables.RESPONSE)
    served = {call: [row["prompt_tokens"] for row in answers if row["call"] == call] for call in (1, 2)}
    assert before.tokens[1].prompt == pytest.approx(sum(served[1]) / 3, abs=1e-6)

    after = plan.run(spark, folder.config(), 1)
    assert after.missing == {1: 0, 2: 0}
    assert after.tokens[2].prompt == pytest.approx(sum(served[2]) / 3, abs=1e-6)
    cached = {row["call"]: row["cached_tokens"] for row in answers if row["cached_tokens"]}
    assert cached == {call: after.tokens[call].shared for call in (1, 2)}
    assert after.work.prompt_tokens == 0

    # Two more records are asked for: only they lack answers, and another seed or model lacks everything.
    assert plan.run(spark, folder.config(run__records=5), 1).missing == {1: 2, 2: 2}
    assert plan.run(spark, folder.config(run__seed=2), 1).missing == {1: 3, 2: 3}
    assert plan.run(spark, folder.config(llm__model="gpt-oss-120b"), 1).missing == {1: 3, 2: 3}


def test_tokens_are_measured_once_there_are_enough_answers():
    config = settings.load(options={"run.ufs": "AC", "run.records": 10})
    requests = _text_inputs.requests_of(config)
    few = {1: Answered(99, 99, 500.0, 0.0), 2: Answered(99, 99, 250.0, 0.0)}
    many = {1: Answered(110, 100, 500.0, 0.0), 2: Answered(100, 100, 250.0, 0.0)}
    assert plan.build(config, requests, None, few, 1).tokens[1].completion != (500, 500)
    made = plan.build(config, requests, None, many, 1)
    assert (made.tokens[1].completion, made.tokens[2].completion) == ((500, 500), (250, 250))
    assert made.work.requests == pytest.approx(20 * 210 / 200)
    assert any("measured on 110 answers" in text for text in made.assumptions)
