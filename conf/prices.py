"""The figures that a plan of the text stage reckons with: `prices.toml`, and what an overlay puts in their place."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Figure(_Part):
    """A number and where it comes from. A plain number of an overlay stands for itself."""

    value: float = Field(ge=0)
    source: str
    date: str
    assumed: bool = False

    @model_validator(mode="before")
    @classmethod
    def _plain(cls, value: Any) -> Any:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return {"value": value, "source": "your settings", "date": "now"}
        return value


class TokenFigures(_Part):
    """Tokens of a record or request; shares are of what is counted without them."""

    completion_per_record: Figure
    first_call_share: Figure
    reasoning_share_low: Figure
    reasoning_share_high: Figure
    asked_again_share: Figure
    frame: Figure
    user_call_1: Figure
    user_call_2: Figure


class Gpu(_Part):
    """One kind of GPU; `milliseconds_per_token` is the time between two tokens of one answer at that throughput."""

    name: str
    output_tokens_per_second: Figure
    milliseconds_per_token: Figure
    price_per_hour: Figure | None = None


class Prices(_Part):
    """The price table."""

    currency: str = Field(min_length=1)
    tokens: TokenFigures
    gpu: dict[str, Gpu]
