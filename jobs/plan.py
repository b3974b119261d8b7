"""Plan: what the text stage will ask and cost, before anything is asked.

Reads   core_persona__attribute, core_place__municipality, core_culture__fact, core_culture__habit,
        core_persona__rejection, raw_model__response   (all of them only where they are there)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from pyspark.sql import SparkSession

from conf.prices import Figure
from conf.settings import Config
from jobs import _estimate, _plan_folder, _spending, _states, _text_inputs
from jobs._estimate import CallTokens, GpuEstimate, Range, Volume
from jobs._plan_folder import CALLS, MEASURED, WALKED, Answered, Drawn, count_tokens
from udfs import prompts
from udfs.answers import Requests


@dataclass(frozen=True)
class Plan:
    """The figures of a plan, and in `assumptions` where each came from."""

    records: Mapping[str, int]
    calls: int
    missing: Mapping[int, int]
    counted: str
    tokens: Mapping[int, CallTokens]
    work: Volume
    gpus: int
    gpu: tuple[GpuEstimate, ...]
    token_cost: Range | None
    currency: str
    max_in_flight: int
    assumptions: tuple[str, ...]


def run(spark: SparkSession | None, config: Config, gpus: int) -> Plan:
    """Plan the texts of `config.run.ufs`.

    Args:
        spark: None where the data folder holds no persons: then everything is missing, and prompts have stated sizes.
        gpus: How many GPUs the wall time is for.
    """
    requests = _text_inputs.requests_of(config)
    drawn = _plan_folder.drawn(spark, config, requests) if spark else None
    answered = _plan_folder.answered(spark, config, requests) if spark else {}
    return build(config, requests, drawn, answered, gpus)


def build(config: Config, requests: Requests, drawn: Drawn | None, answered: Mapping[int, Answered], gpus: int) -> Plan:
    """The plan from what the folder says; `drawn` is None where it holds no persons."""
    sizes = _states.records(config)
    missing, counted = _missing(sizes, drawn)
    tokens, said = _tokens(config, requests, drawn, answered)
    share, again = _asked_again(config, answered)
    work = _estimate.volume(missing, tokens, share)
    prices = _spending.prices_of(config.llm)
    table = config.prices
    estimates = tuple(_estimate.on_gpu(gpu, work, gpus) for gpu in table.gpu.values())
    for gpu in table.gpu.values():
        said.append(_told(f"{gpu.name}: output tokens a second", gpu.output_tokens_per_second))
        said.append(_told(f"{gpu.name}: milliseconds a token", gpu.milliseconds_per_token))
        if gpu.price_per_hour:
            said.append(_told(f"{gpu.name}: {table.currency} an hour", gpu.price_per_hour))
        else:
            said.append(f"{gpu.name}: no price is known; prices.gpu gives one")
    said.append(again)
    said.append("GPU hours are of GPUs kept full by as many requests in flight as are named; prefill is in the rates")
    if config.llm.model == "povo-offline-writer":
        said.append("llm.model is povo-offline-writer, which costs nothing: the figures are for a model on these GPUs")
    return Plan(
        records=sizes,
        calls=2 * sum(sizes.values()),
        missing=missing,
        counted=counted,
        tokens=tokens,
        work=work,
        gpus=gpus,
        gpu=estimates,
        token_cost=None if prices is None else _priced(prices, work),
        currency=table.currency,
        max_in_flight=config.llm.max_in_flight,
        assumptions=tuple(said),
    )


def _missing(sizes: Mapping[str, int], drawn: Drawn | None) -> tuple[dict[int, int], str]:
    if drawn is None or not any(drawn.there.values()):
        return {call: sum(sizes.values()) for call in CALLS}, "all: none of these records is drawn yet"
    missing: dict[int, int] = dict.fromkeys(CALLS, 0)
    for uf, size in sizes.items():
        there = min(drawn.there.get(uf, 0), size)
        for call in CALLS:
            missing[call] += size - there + round(there * drawn.lacking.get((uf, call), 1.0))
    if drawn.is_exact and all(drawn.there.get(uf, 0) == size for uf, size in sizes.items()):
        return missing, "exactly, from the stored answers of every record"
    return (
        missing,
        f"estimated: up to {WALKED:,} records a state were looked at, and those not drawn yet lack everything",
    )


def _tokens(
    config: Config, requests: Requests, drawn: Drawn | None, answered: Mapping[int, Answered]
) -> tuple[dict[int, CallTokens], list[str]]:
    figures = config.prices.tokens
    said: list[str] = []
    if drawn is None:
        user = {1: figures.user_call_1.value, 2: figures.user_call_2.value}
        said.append(
            "prompts: instructions and schema counted exactly; no person is drawn, so the record has a stated size "
            "(`povo run --until sample` makes the persons whose prompts can be counted)"
        )
        said += [_told(f"tokens of the record in call {call}", f) for call, f in _record_figures(config)]
    else:
        user = {1: drawn.prompt_1, 2: drawn.prompt_2}
        said.append(f"prompts: rendered for {drawn.specimens:,} drawn records and counted exactly (o200k_base)")
    said.append(_told("tokens of the frame around a prompt", figures.frame))
    tokens: dict[int, CallTokens] = {}
    for call in CALLS:
        text, completion = _estimate.assumed_completion(figures, call)
        if call in answered and answered[call].answers >= MEASURED:
            mean = answered[call].completion_tokens
            completion = (mean, mean)
            said.append(
                f"completion of call {call}: {mean:,.0f} tokens, measured on {answered[call].answers:,} answers"
            )
        else:
            said.append(_told("completion tokens of a record", figures.completion_per_record))
            said.append(_told("share of them in call 1", figures.first_call_share))
            said.append(_told("reasoning on top, at least", figures.reasoning_share_low))
            said.append(_told("reasoning on top, at most", figures.reasoning_share_high))
        if call == 1:
            quote = text if completion[0] != completion[1] else completion[0]
        system = count_tokens(prompts.system_message(requests.prompts, call))
        shared = float(system)
        if call in answered and answered[call].answers >= MEASURED and answered[call].cached_tokens:
            shared = answered[call].cached_tokens
            said.append(f"prefix cache in call {call}: {shared:,.0f} tokens a prompt, measured on the same answers")
        else:
            said.append(
                f"prefix cache in call {call}: every prompt begins with the same {system:,} tokens (instructions and "
                "schema, counted exactly); a server that keeps prefixes works on them once"
            )
        tokens[call] = CallTokens(figures.frame.value + system + user[call], shared, completion)
    if drawn is None or drawn.quoting < 1:
        part = quote * (1 - (drawn.quoting if drawn else 0.0))
        before = tokens[2]
        tokens[2] = CallTokens(before.prompt + part, before.shared, before.completion)
        said.append(f"call 2 quotes the answer to call 1: {quote:,.0f} tokens where none is stored yet")
    return tokens, list(dict.fromkeys(said))


def _record_figures(config: Config) -> list[tuple[int, Figure]]:
    return [(1, config.prices.tokens.user_call_1), (2, config.prices.tokens.user_call_2)]


def _asked_again(config: Config, answered: Mapping[int, Answered]) -> tuple[float, str]:
    answers, records = (sum(getattr(a, name) for a in answered.values()) for name in ("answers", "records"))
    if answers >= MEASURED:
        share = answers / records - 1
        return share, f"further attempts: {share:.1%} of the requests, measured on {answers:,} answers"
    figure = config.prices.tokens.asked_again_share
    return figure.value, _told("further attempts, share of the requests", figure)


def _told(what: str, figure: Figure) -> str:
    mark = "assumed; " if figure.assumed else ""
    return f"{what}: {figure.value:,g} ({mark}{figure.source}, {figure.date})"


def _priced(prices: _spending.TokenPrices, work: Volume) -> Range:
    low, high = (
        prices.cost(work.prompt_tokens, work.shared_tokens, completion) for completion in work.completion_tokens
    )
    return low, high


# ----------------------------------------------------------------------------------------------- for people
def columns(plan: Plan) -> tuple[list[str], list[list[str]]]:
    """The totals, one line each."""
    work = plan.work
    share = work.shared_tokens / work.prompt_tokens if work.prompt_tokens else 0.0
    rows = [
        ["records", f"{sum(plan.records.values()):,} in {len(plan.records)} states"],
        ["calls", f"{plan.calls:,}: two a record"],
        ["requests missing", f"{sum(plan.missing.values()):,} ({_both(plan.missing)}); counted {plan.counted}"],
        ["requests with further attempts", f"{work.requests:,.0f}"],
        ["prompt tokens", f"{work.prompt_tokens:,.0f}; {share:.0%} are a shared prefix"],
        ["tokens of a prompt", _both({call: round(t.prompt) for call, t in plan.tokens.items()})],
        ["of them a shared prefix", _both({call: round(t.shared) for call, t in plan.tokens.items()})],
        ["completion tokens", _from_to(work.completion_tokens, "{:,.0f}")],
    ]
    if plan.token_cost is not None:
        rows.append(["price by token", f"{plan.currency} {_from_to(plan.token_cost, '{:,.2f}')}"])
    return ["", ""], rows


def gpu_columns(plan: Plan) -> tuple[list[str], list[list[str]]]:
    """One line a kind of GPU."""
    heads = ["GPU", "GPU hours", f"cost, {plan.currency}", "requests/s a GPU", "in flight a GPU"]
    heads += [f"hours with {plan.gpus}", f"in flight with {plan.gpus}"]
    return heads, [
        [
            g.name,
            _from_to(g.hours, "{:,.1f}"),
            "unknown" if g.cost is None else _from_to(g.cost, "{:,.2f}"),
            f"{g.requests_per_second:.1f}",
            f"{g.in_flight:,.0f}",
            _from_to(g.wall_hours, "{:,.1f}"),
            f"{g.in_flight * plan.gpus:,.0f}",
        ]
        for g in plan.gpu
    ]


def remarks(plan: Plan) -> list[str]:
    """What the settings lack for that, and what the figures rest on."""
    said = []
    least = min(g.in_flight for g in plan.gpu) * plan.gpus
    if plan.max_in_flight < least:
        said.append(
            f"llm.max_in_flight is {plan.max_in_flight:,}: {plan.gpus} GPUs stay partly idle with fewer than "
            f"{least:,.0f} requests in flight."
        )
    return [*said, *(f"rests on: {text}" for text in plan.assumptions)]


def document(plan: Plan) -> dict[str, Any]:
    """The plan for programs."""
    work = plan.work
    return {
        "records": {"total": sum(plan.records.values()), "by_state": dict(plan.records)},
        "calls": plan.calls,
        "requests": {
            "missing": sum(plan.missing.values()),
            "missing_call_1": plan.missing[1],
            "missing_call_2": plan.missing[2],
            "counted": plan.counted,
            "with_further_attempts": round(work.requests),
        },
        "prompt_tokens": round(work.prompt_tokens),
        "shared_prefix_tokens": round(work.shared_tokens),
        "completion_tokens": _ends(work.completion_tokens, 0),
        "by_call": {
            str(call): {"prompt": round(t.prompt, 1), "shared": t.shared, "completion": _ends(t.completion, 1)}
            for call, t in plan.tokens.items()
        },
        "price_by_token": None if plan.token_cost is None else _ends(plan.token_cost, 2),
        "currency": plan.currency,
        "gpus": plan.gpus,
        "gpu": [
            {
                **asdict(g),
                "hours": _ends(g.hours, 2),
                "cost": None if g.cost is None else _ends(g.cost, 2),
                "wall_hours": _ends(g.wall_hours, 2),
                "requests_per_second": round(g.requests_per_second, 2),
                "in_flight": round(g.in_flight),
            }
            for g in plan.gpu
        ],
        "max_in_flight": plan.max_in_flight,
        "assumptions": list(plan.assumptions),
    }


def _both(of_calls: Mapping[int, float]) -> str:
    return ", ".join(f"call {call}: {number:,}" for call, number in of_calls.items())


def _from_to(ends: Range, number: str) -> str:
    low, high = (number.format(end) for end in ends)
    return low if low == high else f"{low} to {high}"


def _ends(ends: Range, digits: int) -> dict[str, float]:
    low, high = (round(end, digits) if digits else round(end) for end in ends)
    return {"low": low, "high": high}
