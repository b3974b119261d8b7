"""What a data folder says of the texts still to be asked for: counts, sizes of prompts, tokens of answers so far."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import bpe_openai  # type: ignore[import-untyped]
import pyarrow as pa
from pyspark.sql import SparkSession, Window
from pyspark.sql import functions as F

from census import tables
from conf.settings import Config
from jobs import _states, _storage, _text_inputs
from udfs import prompts
from udfs.answers import Call, Requests, Walk, Walker
from udfs.hints import Hints
from udfs.parsing import Bounds

CALLS: tuple[Call, Call] = (1, 2)
SPECIMENS = 300  # records whose prompts are rendered, over all states
WALKED = 1000  # records of a state whose stored answers are looked at; a larger state is estimated from them
MEASURED = 100  # answers to a call from which its tokens are measured
_MEASURES = "uf string, lacks_1 int, lacks_2 int, prompt_1 bigint, prompt_2 bigint, is_quoting boolean"
_MEASURES_ARROW = pa.schema(
    [
        ("uf", pa.string()),
        ("lacks_1", pa.int32()),
        ("lacks_2", pa.int32()),
        ("prompt_1", pa.int64()),
        ("prompt_2", pa.int64()),
        ("is_quoting", pa.bool_()),
    ]
)


@dataclass(frozen=True)
class Drawn:
    """What the data folder says.

    Attributes:
        there: State -> persons of just this seed and model that are drawn already.
        lacking: State and call -> share of its persons there without an accepted answer.
        is_exact: Every person there was looked at.
        specimens: Prompts that were rendered.
        prompt_1, prompt_2: Mean tokens of the user's part; of call 2 with the answer to call 1 if `quoting` is not 0.
        quoting: Share of the prompts of call 2 that quote a stored answer.
    """

    there: Mapping[str, int]
    lacking: Mapping[tuple[str, int], float]
    is_exact: bool
    specimens: int
    prompt_1: float
    prompt_2: float
    quoting: float


@dataclass(frozen=True)
class Answered:
    """Stored answers to one call under the model and prompts of the settings."""

    answers: int
    records: int
    completion_tokens: float
    cached_tokens: float


def is_drawn(config: Config) -> bool:
    """Whether the data folder holds persons, so that a plan needs Spark.

    Raises:
        ConfigError: The folder is not one of ours.
    """
    return _storage.has_tables(config.data_dir) and _storage.exists(config.data_dir, tables.ATTRIBUTE)


def drawn(spark: SparkSession, config: Config, requests: Requests) -> Drawn | None:
    """None where there is no person of the chosen states, of whatever seed."""
    ufs = list(config.run.ufs)
    people = _storage.read(spark, config.data_dir, tables.ATTRIBUTE, ufs).withColumn(
        "is_asked_for",
        (F.col("seed") == config.run.seed)
        & (F.col("model_version") == _states.model_version(config))
        & (F.col("age_years") >= 18),
    )
    counts = people.groupBy("uf").agg(F.sum(F.col("is_asked_for").cast("long")).alias("there")).collect()
    if not counts:
        return None
    there = {row["uf"]: row["there"] for row in counts}
    has_answers = _storage.exists(config.data_dir, tables.RESPONSE)
    most = WALKED if has_answers and any(there.values()) else max(SPECIMENS // len(counts), 1)
    place = F.row_number().over(Window.partitionBy("uf").orderBy(F.desc("is_asked_for"), "uuid"))
    chosen = people.withColumn("place", place).where(F.col("place") <= most).select("uuid", "is_asked_for")
    records = _text_inputs.records(spark, config, ufs).join(F.broadcast(chosen), "uuid", "inner")
    hints = _text_inputs.hints(spark, config)
    measured = records.mapInArrow(_measurer(requests, _text_inputs.bounds_of(config), hints), _MEASURES)
    sums = (
        measured.groupBy("uf")
        .agg(
            F.count("*").alias("walked"),
            *(F.sum(name).alias(name) for name in ("lacks_1", "lacks_2", "prompt_1", "prompt_2")),
            F.sum(F.col("is_quoting").cast("long")).alias("quoting"),
        )
        .collect()
    )
    walked = sum(row["walked"] for row in sums)
    if not walked:
        return None
    lacking = {(row["uf"], call): row[f"lacks_{call}"] / row["walked"] for row in sums for call in CALLS}
    return Drawn(
        there=there,
        lacking=lacking,
        is_exact=all(row["walked"] == there[row["uf"]] for row in sums),
        specimens=walked,
        prompt_1=sum(row["prompt_1"] for row in sums) / walked,
        prompt_2=sum(row["prompt_2"] for row in sums) / walked,
        quoting=sum(row["quoting"] for row in sums) / walked,
    )


def _measurer(
    requests: Requests, bounds: Bounds, hints: Hints
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def measure(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        walker = Walker(requests, bounds)
        for batch in batches:
            rows = []
            for person, answers, refused in _text_inputs.people(batch, hints):
                walk = Walk(walker, person, answers, refused)
                ask = walk.ask
                lacks = () if ask is None else CALLS[ask.call - 1 :]
                users = {call: _user(requests, call, person, walk.verdict.attributes or {}) for call in CALLS}
                if ask is not None:
                    users[ask.call] = json.loads(ask.body)["messages"][1]["content"]
                rows.append(
                    {
                        "uf": person["uf"],
                        "lacks_1": int(1 in lacks),
                        "lacks_2": int(2 in lacks),
                        "prompt_1": count_tokens(users[1]),
                        "prompt_2": count_tokens(users[2]),
                        "is_quoting": ask is None or ask.call == 2,
                    }
                )
            yield pa.RecordBatch.from_pylist(rows, schema=_MEASURES_ARROW)

    return measure


def _user(requests: Requests, call: Call, person: Mapping[str, Any], first: Mapping[str, Any]) -> str:
    """The part of a first attempt's prompt that is this person's alone."""
    return prompts.render(requests.prompts, call, person, 1, first, ())[1]["content"]


def count_tokens(text: str) -> int:
    """Tokens of a text, as gpt-oss counts them."""
    return len(bpe_openai.get_encoding("o200k_base").encode_ordinary(text))


def answered(spark: SparkSession, config: Config, requests: Requests) -> dict[int, Answered]:
    """What answers took so far, by call: those of this model under these prompts."""
    if not _storage.exists(config.data_dir, tables.RESPONSE):
        return {}
    stored = _storage.read(spark, config.data_dir, tables.RESPONSE).where(
        (F.col("model") == requests.model) & (F.col("prompt_version") == requests.prompts.version)
    )
    rows = (
        stored.groupBy("call")
        .agg(
            F.count("*").alias("answers"),
            F.countDistinct("uuid").alias("records"),
            *(F.avg(name).alias(name) for name in ("completion_tokens", "cached_tokens")),
        )
        .collect()
    )
    return {
        row["call"]: Answered(
            row["answers"],
            row["records"],
            row["completion_tokens"] or 0.0,
            row["cached_tokens"] or 0.0,
        )
        for row in rows
    }
