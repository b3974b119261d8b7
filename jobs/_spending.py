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


MIN_CALLS_OF_A_TASK = 8  # a share of fewer is not worth a task


class Allowance:
    """What one command may still pay for.

    Tasks count tokens only, so money becomes the tokens that it buys at the dearest price: a pass spends less than is
    left, never more but for what is in flight when a share runs out, and a further pass spends of the rest.

    Args:
        max_tokens: 0: no cap.
        max_cost: 0: no cap.
        spent: What the stored answers of this command took so far.
        answers: How many these are.
    """

    def __init__(
        self, max_tokens: int, max_cost: float, prices: TokenPrices | None, spent: Tokens, answers: int
    ) -> None:
        self._max_tokens, self._max_cost, self._prices = max_tokens, max_cost, prices
        self.spent, self.answers = spent, answers

    @property
    def is_capped(self) -> bool:
        return bool(self._max_tokens or self._max_cost)

    @property
    def cost(self) -> float | None:
        """Of what was spent; None without prices."""
        return self._prices.of(self.spent) if self._prices else None

    def left(self) -> int | None:
        """Tokens that may still be paid for, 0 at least; None without a cap."""
        found = []
        if self._max_tokens:
            found.append(self._max_tokens - self.spent.total)
        if self._max_cost and self._prices:
            dearest = max(self._prices.prompt, self._prices.cached, self._prices.completion)
            found.append(int((self._max_cost - self._prices.of(self.spent)) * MILLION / dearest))
        return max(min(found), 0) if found else None

    def tasks(self, most: int) -> int:
        """Into how many tasks a pass is cut: fewer when little is left."""
        left = self.left()
        if left is None:
            return most
        return min(most, max(1, left // (MIN_CALLS_OF_A_TASK * self._tokens_of_a_call())))

    def in_flight(self, tasks: int, most: int) -> tuple[int, int]:
        """Requests that each of so many tasks may have in flight, and how many of the tasks may have one more.

        Over all tasks `most`, if there are no more tasks than that; and in each no more than its share pays for.
        """
        share, (each, further) = self.share(tasks), divmod(most, tasks)
        paid = most if share is None else max(share // self._tokens_of_a_call(), 1)
        return (max(each, 1), further if each else 0) if paid > each else (paid, 0)

    def share(self, tasks: int) -> int | None:
        """Tokens that each of so many tasks may pay for."""
        left = self.left()
        return None if left is None else left // tasks

    def pay(self, tokens: Tokens, answers: int) -> None:
        """Take what a pass spent."""
        self.spent, self.answers = self.spent + tokens, self.answers + answers

    def is_spent(self) -> bool:
        """Whether what is left is less than one more call takes."""
        left = self.left()
        return left is not None and left < self._tokens_of_a_call()

    def told(self, currency: str) -> str:
        """The cap and what was spent of it, for a sentence."""
        caps = [f"{self._max_tokens:,} tokens (llm.max_tokens_total)"] if self._max_tokens else []
        caps += [f"{currency} {self._max_cost:,.2f} (llm.max_cost)"] if self._max_cost else []
        cost = "" if self.cost is None else f" ({currency} {self.cost:,.2f})"
        return (
            f"the cap of {' and '.join(caps)} is spent: {self.spent.total:,} tokens{cost} for {self.answers:,} answers"
        )

    def _tokens_of_a_call(self) -> int:
        return max(self.spent.total // self.answers, 1) if self.answers else 1
