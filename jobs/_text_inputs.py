"""What both text stages read: persons with their place, stored answers and rejections, prompts, facts and habits."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from census import codes, tables
from census.errors import ConfigError
from conf import settings
from conf.settings import Config
from jobs import _storage
from udfs.answers import Answer, Rejection, Requests
from udfs.checks import Limits, ReasonCode
from udfs.hints import Fact, Habit, Hints, with_hints
from udfs.parsing import Bounds
from udfs.prompts import PromptSet


def requests_of(config: Config) -> Requests:
    """The requests of this configuration; the settings that change rows, and no others."""
    prompt_set = PromptSet(
        version=settings.text("prompts/version.txt").strip(),
        attributes_system=settings.text("prompts/attributes.txt"),
        personas_system=settings.text("prompts/personas.txt"),
        attributes_schema=settings.text("schemas/attributes.json"),
        personas_schema=settings.text("schemas/personas.json"),
    )
    llm = config.llm
    sampling = {
        "temperature": llm.temperature,
        "top_p": llm.top_p,
        "max_completion_tokens": llm.max_completion_tokens,
        "reasoning_effort": llm.reasoning_effort,
    }
    return Requests(prompt_set, llm.model, sampling)


def bounds_of(config: Config) -> Bounds:
    """Length bounds of the texts and thresholds of their checks.

    Raises:
        ConfigError: `validate.warn_only` names a check that does not exist.
    """
    chosen = config.validation
    if unknown := sorted(set(chosen.warn_only) - {reason.value for reason in ReasonCode}):
        known = ", ".join(reason.value for reason in ReasonCode)
        raise ConfigError(f"validate.warn_only names no check: {', '.join(unknown)}. The checks are {known}.")
    return Bounds(
        min_narrative=chosen.min_narrative_characters,
        max_narrative=chosen.max_narrative_characters,
        min_persona=chosen.min_persona_characters,
        max_persona=chosen.max_persona_characters,
        min_items=chosen.min_list_items,
        max_items=chosen.max_list_items,
        max_item=chosen.max_item_characters,
        limits=Limits(
            min_portuguese_probability=chosen.min_portuguese_probability,
            max_english_share=chosen.max_english_share,
            max_repeats=chosen.max_repeats,
            warn_only=chosen.warn_only,
        ),
    )


def require_adults(config: Config) -> None:
    """Texts are written for persons of 18 and over only.

    Raises:
        ConfigError: The configuration draws children.
    """
    if config.run.whole or config.sample.min_age_years < 18:
        raise ConfigError(
            "Texts are written for persons of 18 and over only: use --until sample, or sample.min_age_years=18."
        )


def hints(spark: SparkSession, config: Config) -> Hints:
    """What texts may draw on; small."""
    rows = _storage.read(spark, config.data_dir, tables.CULTURE).orderBy("uf", "kind", "name").collect()
    facts: dict[str, dict[str, list[Fact]]] = {uf: {} for uf in codes.UFS}
    for row in rows:
        facts[row["uf"]].setdefault(row["kind"], []).append(Fact(row["name"], row["municipality_code"]))
    columns = ("kind", "option", "sex", "min_age_years", "max_age_years", "percent")
    habits = _storage.read(spark, config.data_dir, tables.HABIT).select(*columns).orderBy(*columns).collect()
    return Hints(facts, [Habit(*row) for row in habits])


def records(spark: SparkSession, config: Config, ufs: list[str]) -> DataFrame:
    """One row a person: attributes, place, `answers` and `rejections` as arrays of structs (empty if none)."""
    people = _storage.read(spark, config.data_dir, tables.ATTRIBUTE, ufs)
    places = _storage.read(spark, config.data_dir, tables.PLACE, ufs).select(
        "municipality_code", "municipality_name", "state_name", F.col("region").alias("region_name")
    )
    joined = people.join(F.broadcast(places), "municipality_code", "inner")
    _storage.create(spark, config.data_dir, tables.RESPONSE)
    _storage.create(spark, config.data_dir, tables.REJECTION)
    answers = (
        _storage.read(spark, config.data_dir, tables.RESPONSE, ufs)
        .groupBy("uuid")
        .agg(F.collect_list(F.struct("request_key", "content", "finish_reason", "writer")).alias("answers"))
    )
    rejections = (
        _storage.read(spark, config.data_dir, tables.REJECTION, ufs)
        .groupBy("uuid")
        .agg(
            F.sort_array(F.collect_list(F.struct("call", "attempt", "request_key", "reason_code", "detail"))).alias(
                "rejections"
            )
        )
    )
    return joined.join(answers, "uuid", "left").join(rejections, "uuid", "left")


def people(batch: pa.RecordBatch, known: Hints) -> Iterator[tuple[dict[str, Any], dict[str, Answer], list[Rejection]]]:
    """Persons of a batch of `records` with their stored answers and rejections."""
    for row in batch.to_pylist():
        stored = {
            a["request_key"]: Answer(a["content"], a["finish_reason"], a["writer"]) for a in row.pop("answers") or ()
        }
        refused = [
            Rejection(r["call"], r["attempt"], r["request_key"], r["reason_code"], r["detail"])
            for r in row.pop("rejections") or ()
        ]
        yield with_hints(row, known), stored, refused


def as_json(value: object) -> str:
    """Compact JSON with accents."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
