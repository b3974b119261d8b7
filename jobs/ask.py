"""Ask: exact answers of the fitted network, beside the sample and the sources; the network as files.

Reads   core_model__node, core_model__cpd, core_model__block, core_model__allocation, core_model__income_point,
        core_pnadc__group_trend, core_place__municipality; to compare: core_persona__attribute, core_pnadc__person,
        core_census__education
Writes  model/<uf>.json and model/<uf>.xmlbif (export)
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from census import codes, comparison, income, inference, model, network_files, questions, tables
from census.comparison import Counted
from census.errors import ConfigError
from census.inference import NOT_WORKING, Answer, IncomeMeans, StateModel, StateNetwork
from census.questions import Question
from conf import settings
from conf.settings import Config
from jobs import _model_tables, _states, _storage

Array = NDArray[np.float64]
_SURVEY = "pnadc_2018t2"
_CENSUS = "census2022_education_uf"
# Variables as the sample and the survey have them; others are not in those tables.
_IN_SAMPLE = (
    "sex", "age_band", "race", "education_level", "zone", "marital_status", "in_union", "religion", "activity",
    "occupation_group", "occupation_cod", "position", "is_mei",
)  # fmt: skip
_IN_SURVEY = (
    "sex", "age_band", "race", "education_level", "zone", "activity", "occupation_group", "occupation_cod",
    "income_band",
)  # fmt: skip
_IN_CENSUS = ("sex", "age_band", "race", "education_level")
_JOB = ("occupation_group", "occupation_cod", "position", "is_mei", "income_band")
_ADULTS = (18, codes.MAX_AGE_YEARS)


@dataclass(frozen=True)
class Asked:
    """An answer, what counted people say, and what it took.

    Attributes:
        load_seconds: Reading and preparing the tables.
        answer_seconds: The exact answer alone.
    """

    answer: Answer
    compared: tuple[Counted, ...]
    load_seconds: float
    answer_seconds: float


def domains() -> dict[str, tuple[str, ...]]:
    """The variables of the network and their values, as far as they are known before any table is read."""
    return {name: model.DOMAINS.get(name, ()) for name in ("sex", "age_band", *settings.network())}


def run(spark: SparkSession, config: Config, question: Question, *, compare: bool) -> Asked:
    """Answer a question from the tables of the data folder.

    Raises:
        ConfigError: The place or a value does not exist, or nobody meets the conditions.
    """
    started = time.monotonic()
    place = None
    if question.municipality:
        names = _storage.read(spark, config.data_dir, tables.PLACE).select(
            "uf", "municipality_code", "municipality_name"
        )
        place = questions.find_municipality(question, [tuple(row) for row in names.collect()])
        question = replace(question, uf=place[0])
    ufs = _states_of(spark, config.data_dir, question)
    sampled = ""
    if compare and _youngest(spark, config.data_dir, ufs) >= _ADULTS[0]:
        if question.ages is None and "age_band" not in question.evidence:
            question, sampled = replace(question, ages=_ADULTS), "of persons of 18 and over, as the sample is"
        elif question.ages is not None and question.ages[0] < _ADULTS[0]:
            sampled = "the sample is of persons of 18 and over: the model's answer is of all who were asked about"
    states = read(spark, config.data_dir, ufs, municipality=place[1:] if place else None)
    question = questions.resolve(question, inference.domains(states[0].model.nodes))
    income = _income(spark, config.data_dir) if question.kind == "E" else None
    loaded = time.monotonic()
    answer = inference.answer(question, states, income=income)
    answered = time.monotonic()
    answer = with_splits(spark, config.data_dir, answer)
    if sampled:
        answer = replace(answer, notes=(sampled, *answer.notes))
    compared: tuple[Counted, ...] = ()
    if compare:
        compared = _compared(spark, config, question, ufs, place[1] if place else "")
    return Asked(answer, compared, loaded - started, answered - loaded)


def export(spark: SparkSession, config: Config, ufs: Sequence[str]) -> list[Path]:
    """Write the network of each state as `model/<uf>.json` and `model/<uf>.xmlbif`."""
    written = []
    version = _states.model_version(config)
    for state in read(spark, config.data_dir, ufs):
        uf, nodes = state.model.uf, state.model.nodes
        inference.bayesian_network(nodes)  # what does not pass pgmpy's check is not written
        for suffix, text in (
            ("json", network_files.to_json(nodes, uf=uf, model_version=version)),
            ("xmlbif", network_files.to_xmlbif(nodes, name=f"povo {uf}")),
        ):
            written.append(_storage.write_text(config.data_dir, f"model/{uf}.{suffix}", text))
    return written


def read(
    spark: SparkSession, data_dir: Path, ufs: Sequence[str], *, municipality: tuple[str, str] | None = None
) -> list[StateNetwork]:
    """The networks of some states, or that of one municipality (code, name) of a single state."""
    stored = _model_tables.read(spark, data_dir, ufs)
    people = _storage.read(spark, data_dir, tables.ALLOCATION, ufs)
    if municipality is not None:
        people = people.where(F.col("municipality_code") == municipality[0])
    counts = people.groupBy("uf", "sex", "age_years").agg(F.sum("persons").alias("persons")).toPandas()
    national = tuple(row.node for row in stored.nodes.itertuples() if "uf" not in row.parents)
    found = []
    for uf in ufs:
        ages = _ages(counts[counts["uf"] == uf])
        nodes = inference.with_roots(stored.state(uf), ages)
        name = ""
        if municipality is not None:
            block = stored.block(uf)
            name = municipality[1]
            nodes = inference.with_block(nodes, block.persons[block.municipalities.index(municipality[0])], name=name)
        found.append(StateNetwork(StateModel(uf, float(ages.sum()), nodes, ages, national, name)))
    return found


def _states_of(spark: SparkSession, data_dir: Path, question: Question) -> list[str]:
    """The states of the place asked whose persons are numbered in this folder, in the order of the code book."""
    there = {row["uf"] for row in _storage.read(spark, data_dir, tables.ALLOCATION).select("uf").distinct().collect()}
    wanted = [s.uf for s in codes.STATES if question.uf in ("", s.uf) and question.region in ("", s.region)]
    found = [uf for uf in wanted if uf in there]
    if not found:
        raise ConfigError(
            f"{data_dir} has no fitted network of {question.uf or question.region}: `povo fit --uf {wanted[0]}` makes "
            f"it; there are {', '.join(sorted(there))}."
        )
    return found


def with_splits(spark: SparkSession, data_dir: Path, answer: Answer) -> Answer:
    """The answer with what of its variables rests on weaker sources than the rest: `position (carteira, estatuto)`."""
    asked = {support.variable for support in answer.support}
    rows = _storage.read(spark, data_dir, tables.EVIDENCE).where("node LIKE '% (%'").collect()
    splits = sorted((row for row in rows if row["node"].partition(" (")[0] in asked), key=lambda row: row["node"])
    notes = [f"{row['node']}: grade {row['grade']}, {row['source']}: {row['assumption']}" for row in splits]
    grade = max([answer.grade, *(row["grade"] for row in splits)])
    return replace(answer, grade=grade, notes=(*notes, *answer.notes))


def _ages(counts: pd.DataFrame) -> Array:
    ages = np.zeros((len(codes.SEXES), codes.MAX_AGE_YEARS + 1))
    sex = pd.Categorical(counts["sex"], categories=list(codes.SEXES)).codes
    ages[sex, np.minimum(counts["age_years"].to_numpy(), codes.MAX_AGE_YEARS)] = counts["persons"].to_numpy()
    return ages


def _income(spark: SparkSession, data_dir: Path) -> IncomeMeans:
    points, factor = _model_tables.income_points(spark, data_dir)
    return IncomeMeans(income.band_means(points), factor)


# ------------------------------------------------------------------------------------------------ comparison
def _youngest(spark: SparkSession, data_dir: Path, ufs: Sequence[str]) -> int:
    """Age of the youngest person drawn, 0 if there is none."""
    if not _storage.exists(data_dir, tables.ATTRIBUTE):
        return 0
    return int(_storage.read(spark, data_dir, tables.ATTRIBUTE, ufs).agg(F.min("age_years")).first()[0] or 0)


def _compared(
    spark: SparkSession, config: Config, question: Question, ufs: Sequence[str], municipality: str
) -> tuple[Counted, ...]:
    targets = tuple(name for name in question.targets if name not in questions.PLACES)
    named = (*targets, *question.evidence)
    found: list[Counted | None] = []
    if _storage.exists(config.data_dir, tables.ATTRIBUTE) and _covers(named, _IN_SAMPLE):
        people = _storage.read(spark, config.data_dir, tables.ATTRIBUTE, ufs)
        if municipality:
            people = people.where(F.col("municipality_code") == municipality)
        found.append(_counted(_of_sample(people), question, "sample", design_effect=1.0, note=""))
    if not municipality and _covers(named, _IN_SURVEY):
        people = _storage.read(spark, config.data_dir, tables.PERSON, ufs).where(F.col("source") == _SURVEY)
        note = "2018; income in BRL of 2018" if question.kind == "E" or "income_band" in named else "2018"
        effect = _model_tables.margin_effect(spark, config.data_dir, "activity")
        found.append(_counted(_of_survey(people), question, _SURVEY, design_effect=effect, note=note))
    if not municipality and question.kind == "P" and targets and _covers(named, _IN_CENSUS):
        people = _storage.read(spark, config.data_dir, tables.EDUCATION_JOINT, ufs).where(F.col("source") == _CENSUS)
        found.append(_census(people.toPandas(), question))
    return tuple(counted for counted in found if counted is not None)


def _covers(named: Sequence[str], known: Sequence[str]) -> bool:
    return all(name in known or name == questions.INCOME for name in named)


def _of_sample(people: DataFrame) -> DataFrame:
    """Persons with every variable as text; weight 1."""
    text = {name: F.when(F.col(name), "sim").when(~F.col(name), "não") for name in ("in_union", "is_mei")}
    return people.withColumns({**text, "age_band": _age_band(), "weight_persons": F.lit(1.0)})


def _of_survey(people: DataFrame) -> DataFrame:
    ends = codes.INCOME_BAND_ENDS
    band = F.coalesce(
        *[F.when(F.col("income_brl") <= end, codes.INCOME_BANDS[i]) for i, end in enumerate(ends)],
        F.when(F.col("income_brl") > ends[-1], codes.INCOME_BANDS[-1]),
    )
    # The survey's file says who works; of the others it does not say what they do.
    return people.withColumns(
        {"activity": F.when(F.col("is_working"), inference.WORKS).otherwise("(outras)"), "income_band": band}
    )


def _age_band() -> Column:
    starts = codes.AGE_BAND_STARTS
    return F.coalesce(
        *[F.when(F.col("age_years") >= starts[i], codes.AGE_BANDS[i]) for i in reversed(range(len(starts)))]
    )


def _counted(people: DataFrame, question: Question, source: str, *, design_effect: float, note: str) -> Counted | None:
    """Shares or mean among counted people; those who do not have an asked variable are left out, as in the answer."""
    for name, value in question.evidence.items():
        people = people.where(F.col(name) == value)
    for name in question.evidence:
        if name in inference.FIRST_AGE:
            people = people.where(F.col("age_years") >= inference.FIRST_AGE[name])
    if question.ages is not None:
        people = people.where(F.col("age_years").between(*question.ages))
    weight = F.col("weight_persons")
    sums = (F.sum(weight).alias("weight_persons"), F.sum(weight * weight).alias("weight_squared"))
    count = F.count("*").alias("rows")
    if question.kind == "E":
        income = F.col(questions.INCOME)
        row = (
            people.where(income.isNotNull())
            .agg(
                *sums,
                F.count("*").alias("rows"),
                F.sum(weight * income).alias("s"),
                F.sum(weight * income**2).alias("s2"),
            )
            .first()
        )
        if not row["rows"]:
            return None
        mean = row["s"] / row["weight_persons"]
        return comparison.mean_of_people(
            mean=mean,
            deviation=float(np.sqrt(max(row["s2"] / row["weight_persons"] - mean**2, 0.0))),
            rows=row["rows"],
            effective_persons=row["weight_persons"] ** 2 / row["weight_squared"] / design_effect,
            source=source,
            note=note,
        )
    if "activity" in question.targets:
        people = people.withColumns(
            {n: F.coalesce(F.col(n), F.lit(NOT_WORKING)) for n in question.targets if n in _JOB}
        )
    if "region" in question.targets and "region" not in people.columns:
        region = F.create_map(*[F.lit(text) for state in codes.STATES for text in (state.uf, state.region)])
        people = people.withColumn("region", region[F.col("uf")])
    for name in question.targets:
        people = people.where(F.col(name).isNotNull())
        if name in inference.FIRST_AGE:
            people = people.where(F.col("age_years") >= inference.FIRST_AGE[name])
    groups = people.groupBy(*question.targets).agg(*sums, count).toPandas()
    if groups.empty:
        return None
    return comparison.of_people(groups, question.targets, source=source, design_effect=design_effect, note=note)


def _census(rows: pd.DataFrame, question: Question) -> Counted | None:
    """SIDRA 10061 by state: adults; None where the ages asked are not its own groups."""
    known = rows.rename(columns={"age_group": "age_band"})
    known = known.assign(region=known["uf"].map({state.uf: state.region for state in codes.STATES}))
    if question.ages not in (None, _ADULTS) or "age_band" in question.targets:
        return None
    if question.ages is None and "age_band" not in question.evidence:
        return None  # everyone was asked about, the table has adults
    for name, value in question.evidence.items():
        known = known[known[name] == value]
    if known.empty:
        return None
    return comparison.of_census(known, question.targets, source=_CENSUS)


def columns(asked: Asked) -> tuple[list[str], list[list[str]]]:
    """The answer as a table for people: one row a combination of values, the model and what is compared beside it."""
    answer = asked.answer
    heads = [*answer.variables, "model", *(f"{c.source} (95 %)" for c in asked.compared)]
    if answer.mean is not None:
        cells = [f"{answer.mean:,.0f}", *(_interval(c.mean, "{:,.0f}") for c in asked.compared)]
        return ["", *heads[len(answer.variables) :]], [["BRL a month", *cells]]
    law = dict(answer.rows)
    seen = dict.fromkeys([*law, *(key for c in asked.compared for key in c.shares)])
    rows = []
    for key in sorted(seen, key=lambda k: -law.get(k, 0.0)) if len(seen) > _IN_ORDER else seen:
        cells = [_interval(c.shares.get(key), "{:.4f}") for c in asked.compared]
        rows.append([*key, f"{law.get(key, 0.0):.4f}", *cells])
    return heads, rows


_IN_ORDER = 30  # so many rows keep the order of the code book; more are sorted by probability


def _interval(share: comparison.Share | None, number: str) -> str:
    if share is None:
        return "-"
    said = number.format(share.value)
    return said if share.low == share.high else f"{said} ({number.format(share.low)} to {number.format(share.high)})"


def remarks(asked: Asked) -> list[str]:
    """What belongs under the table: how well it is known, for whom, and what it rests on."""
    answer = asked.answer
    level = {"mun": "municipality", "uf": "state", "reg": "region", "br": "Brazil"}[answer.level]
    said = [f"level: {level}; grade {answer.grade}"]
    for s in answer.support:
        known = "" if s.effective_persons is None else f"; {s.effective_persons:,.0f} effective persons a cell"
        prior = "" if s.prior_share is None else f"; {s.prior_share:.0%} of the law from Brazil"
        said.append(f"{s.variable}: grade {s.grade}, {s.source}{known}{prior}")
    said += [f"about: {answer.covered:.1%} of those asked ({answer.evidence:.2%} of the place)"]
    said += [f"note: {note}" for note in answer.notes]
    said += [f"assumes: {text}" for text in answer.assumptions]
    for c in asked.compared:
        n_eff = "" if c.effective_persons == c.persons else f", {c.effective_persons:,.0f} effective"
        said.append(f"{c.source}: {c.persons:,} persons{n_eff}{'; ' + c.note if c.note else ''}")
    return said


def document(asked: Asked) -> Mapping[str, object]:
    """The answer for programs."""
    answer = asked.answer
    return {
        "question": answer.question,
        "variables": list(answer.variables),
        "rows": [{"values": list(values), "probability": p} for values, p in answer.rows],
        "mean": answer.mean,
        "level": answer.level,
        "grade": answer.grade,
        "effective_persons": answer.effective_persons,
        "prior_share": answer.prior_share,
        "covered": answer.covered,
        "evidence": answer.evidence,
        "support": [vars(s) for s in answer.support],
        "assumptions": list(answer.assumptions),
        "notes": list(answer.notes),
        "compared": [
            {
                "source": c.source,
                "persons": c.persons,
                "effective_persons": c.effective_persons,
                "mean": vars(c.mean) if c.mean else None,
                "rows": [{"values": list(key), **vars(share)} for key, share in c.shares.items()],
                "note": c.note,
            }
            for c in asked.compared
        ],
        "load_seconds": round(asked.load_seconds, 3),
        "answer_seconds": round(asked.answer_seconds, 3),
    }
