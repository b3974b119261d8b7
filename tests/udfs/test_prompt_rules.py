"""The page that gives the reason for every rule of the prompts: it quotes them as they are, and leaves none out."""

from __future__ import annotations

import re
from importlib import resources

import bpe_openai
import pytest
from _texts import PROMPTS

from udfs import prompts
from udfs.checks.reasons import ReasonCode

PAGE = resources.files("conf").joinpath("prompts/README.md").read_text(encoding="utf-8")
SYSTEMS = {1: PROMPTS.attributes_system, 2: PROMPTS.personas_system}


def rules() -> list[tuple[list[int], list[str], list[str]]]:
    """Each row of the table: the calls, what is quoted of their prompts, the reason codes."""
    found = []
    for line in PAGE.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if re.fullmatch(r"[12](, [12])*", cells[0]):
            calls, said, _, codes = cells
            found.append(([int(call) for call in calls.split(", ")], re.findall("«(.+?)»", said), codes.split()))
    return found


def test_every_rule_that_the_page_names_stands_in_the_prompt() -> None:
    quoted = [(call, quote) for calls, quotes, _ in rules() for call in calls for quote in quotes]
    assert len(quoted) > 50 and all(quotes for _, quotes, _ in rules())
    assert [(call, quote) for call, quote in quoted if quote not in SYSTEMS[call]] == []


@pytest.mark.parametrize("call", [1, 2])
def test_every_rule_of_a_prompt_is_on_the_page(call: int) -> None:
    said = [line for line in SYSTEMS[call].splitlines() if line and line != "Como escrever:"]
    quotes = [quote for calls, found, _ in rules() if call in calls for quote in found]
    assert [line for line in said if not any(quote in line for quote in quotes)] == []


def test_every_reason_code_of_the_page_exists_and_none_is_left_out() -> None:
    known = {code.value for code in ReasonCode}
    named = [code.strip("`") for _, _, codes in rules() for code in codes if code != "—"]
    assert set(named) <= known
    assert known - set(named) == {ReasonCode.ANSWER_TRUNCATED.value}
    assert f"`{ReasonCode.ANSWER_TRUNCATED.value}` has no rule of its own" in PAGE


def test_the_page_counts_the_fixed_part_of_a_prompt_as_it_is() -> None:
    encoding = bpe_openai.get_encoding("o200k_base")
    first, second = (len(encoding.encode_ordinary(prompts.system_message(PROMPTS, call))) for call in (1, 2))
    assert f"{first:,} tokens in call 1 and {second:,} in call 2" in PAGE
