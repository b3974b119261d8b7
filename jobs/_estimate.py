"""What a number of requests takes: tokens, GPU hours, money, requests in flight. Arithmetic only; nothing is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from conf.prices import Gpu, TokenFigures

Range = tuple[float, float]  # low and high of what is assumed; both the same where it was measured


@dataclass(frozen=True)
class CallTokens:
    """Mean tokens of one request of a call.

    Attributes:
        prompt: As the server counts them.
        shared: Of them, the part that all prompts of the call begin with.
        completion: Reasoning included.
    """

    prompt: float
    shared: float
    completion: Range


@dataclass(frozen=True)
class Volume:
    """What all missing requests take together, those that are asked again included."""

    requests: float
    prompt_tokens: float
    shared_tokens: float
    completion_tokens: Range


@dataclass(frozen=True)
class GpuEstimate:
    """One kind of GPU.

    Attributes:
        hours: GPU hours.
        cost: None without a price.
        requests_per_second: Of one GPU.
        in_flight: Requests that one GPU needs at a time.
        wall_hours: With as many GPUs as were asked about.
    """

    name: str
    hours: Range
    cost: Range | None
    requests_per_second: float
    in_flight: float
    wall_hours: Range


def assumed_completion(figures: TokenFigures, call: int) -> tuple[float, Range]:
    """Text tokens of an answer to a call, and the same with reasoning."""
    share = figures.first_call_share.value
    text = figures.completion_per_record.value * (share if call == 1 else 1 - share)
    return text, (text * (1 + figures.reasoning_share_low.value), text * (1 + figures.reasoning_share_high.value))


def volume(missing: Mapping[int, float], tokens: Mapping[int, CallTokens], asked_again_share: float) -> Volume:
    """Totals over both calls.

    Args:
        missing: Requests by call.
        asked_again_share: Further attempts for each request.
    """
    factor = 1 + asked_again_share
    low, high = (sum(missing[call] * tokens[call].completion[end] for call in missing) * factor for end in (0, 1))
    return Volume(
        requests=sum(missing.values()) * factor,
        prompt_tokens=sum(missing[call] * tokens[call].prompt for call in missing) * factor,
        shared_tokens=sum(missing[call] * tokens[call].shared for call in missing) * factor,
        completion_tokens=(low, high),
    )


def on_gpu(gpu: Gpu, work: Volume, gpus: int) -> GpuEstimate:
    """The work on one kind of GPU, kept full.

    By Little's law the requests in flight are requests a second times seconds of a request. A request lasts its output
    tokens times the time of one, so both are the same as tokens a second times the seconds of a token.
    """
    rate = gpu.output_tokens_per_second.value
    low, high = (tokens / rate / 3600 for tokens in work.completion_tokens)
    price = gpu.price_per_hour.value if gpu.price_per_hour else None
    mean = sum(work.completion_tokens) / 2 / work.requests if work.requests else 0.0
    return GpuEstimate(
        name=gpu.name,
        hours=(low, high),
        cost=None if price is None else (low * price, high * price),
        requests_per_second=rate / mean if mean else 0.0,
        in_flight=rate * gpu.milliseconds_per_token.value / 1000,
        wall_hours=(low / gpus, high / gpus),
    )
