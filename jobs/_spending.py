"""Tokens and money: what answers cost, and what one command may still pay for.

A cap is of one command (one run id) with all its rounds and passes: the same command given again has the whole cap
again. What was spent is what the stored answers of the run say of themselves, so a kill forgets nothing that counts.
"""

from __future__ import annotations

from dataclasses import dataclass

from conf.settings import Llm

MILLION = 1_000_000


@dataclass(frozen=True)
class Tokens:
    """Tokens of answers, as the server counted them; `cached` is a part of `prompt`."""

    prompt: int = 0
    cached: int = 0
    completion: int = 0

    @property
    def total(self) -> int:
        return self.prompt + self.completion

    def __add__(self, other: Tokens) -> Tokens:
        return Tokens(self.prompt + other.prompt, self.cached + other.cached, self.completion + other.completion)


@dataclass(frozen=True)
class TokenPrices:
    """Prices of a million tokens, in the currency of the price table."""

    prompt: float
    cached: float
    completion: float

    def cost(self, prompt: float, cached: float, completion: float) -> float:
        """Price of so many tokens; `cached` of the prompt tokens came from the prefix cache."""
        return ((prompt - cached) * self.prompt + cached * self.cached + completion * self.completion) / MILLION

    def of(self, tokens: Tokens) -> float:
        return self.cost(tokens.prompt, tokens.cached, tokens.completion)


def prices_of(llm: Llm) -> TokenPrices | None:
    """The prices of the settings; None when they are not known."""
    if not (llm.price_per_million_prompt_tokens and llm.price_per_million_completion_tokens):
        return None
    return TokenPrices(
        llm.price_per_million_prompt_tokens,
        # An unknown discount is none.
        llm.price_per_million_cached_tokens or llm.price_per_million_prompt_tokens,
        llm.price_per_million_completion_tokens,
    )
