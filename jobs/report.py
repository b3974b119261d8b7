"""Report: one self-contained page and the same figures as JSON.

Reads   core_persona__*, raw_model__response, core_model__*, core_place__municipality, ops_*, and what jobs/_metrics.py
        reads
Writes  report/index.html, report/metrics.json
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from importlib import resources

import pandas as pd
from jinja2 import DictLoader, Environment, StrictUndefined
from pyspark.sql import SparkSession, Window
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from census import codes, tables
from census.errors import SchemaError
from census.quality import Comparison
from conf import settings
from conf.settings import STAGES, Config
from jobs import _check_metrics, _cli, _locks, _metrics, _set_section, _storage
from jobs._metrics import NATIONAL, Fit
from jobs._page import words
from jobs._runlog import RunReport
from jobs._set_figures import RACE_WORDS
from udfs.checks.reasons import ReasonCode

Row = dict[str, object]

OFFLINE_WRITER = "povo-offline-writer"
_SHOWN_VALUES = 10
_BAND_HEIGHT, _PYRAMID_WIDTH = 17, 168.0  # SVG units; the width is that of the longest bar of a side
_IN_ORDER = {
    "age_band": codes.AGE_BANDS,
    "education_level": codes.EDUCATION_LEVELS,
    "marital_status": codes.MARITAL_STATUSES,
    _metrics.INCOME: _metrics.INCOME_CLASSES,
}


@dataclass(frozen=True)
class Findings:
    """What the page is made of; every list is small, whatever the number of persons.

    Attributes:
        states: One row a state: `uf`, `persons`, `seed`, `model_version`, `texts`, `writers`, `run_id`.
        fits: Tables beside their targets, of the whole sample.
        metrics: Rows of `ops_quality__metric`.
        evidence: Rows of `core_model__evidence`.
        held_out: Rows of `core_model__held_out`; none before `povo fit --evidence`.
        judgement: Rows of `core_model__judgement`; likewise.
        rejections: `uf`, `reason_code`, `answers` (rejected for that reason).
        answers: Answers of the language model that are stored.
        runs: Rows of `ops_pipeline__run`, oldest first.
        persons: Persons of the cards, with their texts if there are any.
        names: Variable -> code -> name, of municipalities and occupations.
    """

    states: list[Row]
    fits: list[Fit]
    metrics: list[Row]
    evidence: list[Row]
    held_out: list[Row]
    judgement: list[Row]
    rejections: list[Row]
    answers: int
    runs: list[Row]
    persons: list[Row]
    names: dict[str, dict[str, str]]


def run(spark: SparkSession, config: Config, ufs: Sequence[str] | None = None) -> RunReport:
    """Write the page of these states, or of every state that the data folder holds.

    Raises:
        SchemaError: There are no persons yet, or none of one of `ufs`.
    """
    started = time.monotonic()
    findings = _gather(spark, config, ufs)
    rows = [{name: _finite(value) for name, value in row.items()} for row in findings.metrics]
    text = json.dumps(rows, ensure_ascii=False, indent=1, allow_nan=False)
    _storage.write_text(config.data_dir, "report/metrics.json", text + "\n")
    _storage.write_text(config.data_dir, "report/index.html", build(findings))
    shown = tuple(str(state["uf"]) for state in findings.states)
    return RunReport("report", shown, (), {}, rows_out=len(rows), seconds=time.monotonic() - started)


def build(findings: Findings) -> str:
    """The page as HTML: nothing is loaded from anywhere, every value is escaped."""
    folder = resources.files("jobs._page")
    names = ("report.html.j2", "parts.html.j2", "set.html.j2", "page.css", "page.js")
    files = {name: folder.joinpath(name).read_text(encoding="utf-8") for name in names}
    page = Environment(
        loader=DictLoader(files), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    page.filters |= {"number": words.number, "percent": words.percent, "duration": words.duration}
    # Tables of the same columns stand together, each target below the other.
    first = [fit.columns for fit in findings.fits]
    findings = replace(findings, fits=sorted(findings.fits, key=lambda fit: first.index(fit.columns)))
    comparisons = {fit.name: fit.comparisons() for fit in findings.fits}
    writers = sorted({writer for state in findings.states for writer in _strings(state["writers"])})
    judged = [metric for metric in findings.metrics if metric["passed"] is not None]
    return page.get_template("report.html.j2").render(
        words=words,
        states=[state | {"name": codes.STATE_OF[str(state["uf"])].name} for state in findings.states],
        persons=sum(int(str(state["persons"])) for state in findings.states),
        texts=sum(int(str(state["texts"])) for state in findings.states),
        writers=writers,
        is_offline=OFFLINE_WRITER in writers,
        tiles=_tiles(findings.states),
        fits=[(fit, _against(fit), comparisons[fit.name]) for fit in findings.fits],
        judged=judged,
        failed=[metric for metric in judged if not metric["passed"]],
        sections=[_section(str(state["uf"]), findings, comparisons) for state in findings.states],
        figures={(m["family"], m["name"], m["uf"]): m for m in findings.metrics},
        evidence=findings.evidence,
        rivals=_rivals(findings.held_out),
        calibration=[row for row in findings.held_out if row["kind"] == "calibration"],
        judgement=findings.judgement,
        equity=[m for m in findings.metrics if m["family"] == "fairness" and m["ratio"] is None],
        worst_groups=_worst_groups(findings.metrics),
        set=_set_section.section(findings.metrics),
        misfits=misfits(findings.judgement),
        nodes=settings.network(),
        checks=planted_errors(findings.metrics),
        rejections=_reasons(findings.rejections),
        answers=findings.answers,
        stages=stages(findings.runs),
        cards=[_card(person, findings.names["municipality_code"]) for person in findings.persons],
        sources=list(settings.sources().values()),
    )


def pyramid(cells: pd.DataFrame) -> Row:
    """Geometry of an age pyramid from `sex`, `age_band`, `have`, `want` of one state, women on the left.

    Bars are shares of all persons; `outline` holds the two SVG paths of the target's steps.
    """
    shares = cells.assign(have=cells["have"] / cells["have"].sum(), want=cells["want"] / cells["want"].sum())
    table = {(str(r.sex), str(r.age_band)): (float(r.have), float(r.want)) for r in shares.itertuples()}
    bands = [band for band in codes.AGE_BANDS if any((sex, band) in table for sex in codes.SEXES)]
    widest = max(max(pair) for pair in table.values())
    rows, outline = [], {sex: "" for sex in codes.SEXES}
    for place, band in enumerate(reversed(bands)):
        top = place * _BAND_HEIGHT
        row: Row = {"label": words.value_name("age_band", band), "top": top}
        for sex in codes.SEXES:
            have, want = table.get((sex, band), (0.0, 0.0))
            row[sex] = {"width": round(have / widest * _PYRAMID_WIDTH, 1), "have": have, "want": want}
            # A step of the outline: out to the target's width, then down along the band.
            reach = round(want / widest * _PYRAMID_WIDTH, 1)
            x = -reach if sex == "F" else reach
            outline[sex] += f"{'L' if outline[sex] else 'M'}{x} {top}L{x} {top + _BAND_HEIGHT}"
        rows.append(row)
    step = next(s for s in (0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0) if widest / s <= 5)
    marks = [
        {"x": round(i * step / widest * _PYRAMID_WIDTH, 1), "share": i * step} for i in range(int(widest / step) + 1)
    ]
    return {"rows": rows, "outline": outline, "marks": marks, "height": len(bands) * _BAND_HEIGHT}


def bars(fit: Fit, uf: str, names: Mapping[str, Mapping[str, str]]) -> list[Row]:
    """One pair of bars a value: shares of the sample and of the target, widths in per cent of the longest.

    Of many values without an order the largest are shown, the others as one.
    """
    column = fit.columns[0]
    part = fit.cells[fit.cells["uf"] == uf].copy()
    part[["have", "want"]] /= part[["have", "want"]].sum()
    order = _IN_ORDER.get(column)
    if order is not None:
        part = part.sort_values(column, key=lambda values: values.map(order.index))
    else:
        part = part.sort_values(["want", column], ascending=[False, True])
    rows = [(words.value_name(column, str(v)), float(h), float(w)) for v, h, w in part[[column, "have", "want"]].values]
    if column in names:
        rows = [(names[column].get(str(v), str(v)), h, w) for v, (_, h, w) in zip(part[column], rows, strict=True)]
    rest = rows[_SHOWN_VALUES:]
    if order is None and len(rest) > 1:
        name = words.MANY.get(column, "valores")
        rows = [*rows[:_SHOWN_VALUES], (f"mais {len(rest)} {name}", sum(r[1] for r in rest), sum(r[2] for r in rest))]
    longest = max((max(have, want) for _, have, want in rows), default=1.0) or 1.0
    return [
        {"label": label, "have": have, "want": want, "wide": 100 * have / longest, "target": 100 * want / longest}
        for label, have, want in rows
    ]


def misfits(judgement: Sequence[Row], most: int = 10) -> list[Row]:
    """The figures in per cent that the model misses most, in percentage points, with their `error`."""
    told = [row for row in judgement if row["unit"] == "%" and row["model"] is not None]
    rows = [row | {"error": float(str(row["model"])) - float(str(row["published"]))} for row in told]
    return sorted(rows, key=lambda row: -abs(row["error"]))[:most]


def _worst_groups(metrics: Sequence[Row], most: int = 10) -> list[Row]:
    """The laws within a group of 30 persons or more that lie farthest over their noise."""
    of_persons = [m for m in metrics if m["family"] == "fairness" and m["name"] != RACE_WORDS]
    laws = [m for m in of_persons if m["ratio"] is not None and int(str(m["n"])) >= 30]
    return sorted(laws, key=lambda m: -float(str(m["ratio"])))[:most]


def stages(runs: Sequence[Row]) -> list[Row]:
    """Each stage's latest run in the order of the road: status, seconds (all its rounds together), rows, start."""
    found = []
    for job in STAGES:
        rows = [row for row in runs if row["job"] == job]
        rows = [row for row in rows if row["run_id"] == rows[-1]["run_id"]]
        if not rows:
            continue
        known = [float(str(row["seconds"])) for row in rows if row["seconds"] is not None]
        found.append(
            {
                "job": job,
                "status": rows[-1]["status"],
                "run_id": rows[-1]["run_id"],
                "started_at": rows[0]["started_at"],
                "seconds": sum(known) if known else None,
                "rounds": len(rows),
                "rows_out": rows[-1]["rows_out"],
                "message": rows[-1].get("message"),
            }
        )
    return found


def _gather(spark: SparkSession, config: Config, asked: Sequence[str] | None) -> Findings:
    data_dir = config.data_dir
    people = _storage.read(spark, data_dir, tables.ATTRIBUTE, asked)
    counted = people.groupBy("uf").agg(
        F.count("*").alias("persons"), F.max("seed").alias("seed"), F.max("model_version").alias("model_version")
    )
    states = {row["uf"]: row.asDict() | {"texts": 0, "writers": []} for row in counted.orderBy("uf").collect()}
    absent = [uf for uf in asked or () if uf not in states]
    if absent:
        raise SchemaError(f"{data_dir} holds no persons of {', '.join(absent)}: `povo run` makes them.")
    if _storage.exists(data_dir, tables.TEXT):
        texts = _storage.read(spark, data_dir, tables.TEXT, states)
        written = texts.groupBy("uf").agg(
            F.count("*").alias("texts"),
            F.array_distinct(
                F.flatten(F.array(F.collect_set("attributes_writer"), F.collect_set("personas_writer")))
            ).alias("writers"),
        )
        for row in written.collect():
            states[row["uf"]] |= row.asDict()
    runs = sorted(_rows(spark, config, tables.RUN), key=_began)
    for uf, state in states.items():
        state["run_id"] = _last(runs, "sample", uf).get("run_id")
    ufs = list(states)
    measured = _metrics.fits(spark, config, ufs)
    evidence = _rows(spark, config, tables.EVIDENCE)
    order = {name: place for place, name in enumerate(settings.network())}
    places = _storage.read(spark, data_dir, tables.PLACE, ufs).select("municipality_code", "municipality_name")
    trades = _storage.read(spark, data_dir, tables.OCCUPATION).select("occupation_cod", "cod_title").distinct()
    answers = tables.RESPONSE
    return Findings(
        states=list(states.values()),
        fits=measured,
        metrics=_stored(spark, config, states, runs) or _metrics.figures(spark, config, ufs, _locks.run_id(), measured),
        evidence=sorted(evidence, key=lambda row: order.get(str(row["node"]), len(order))),
        held_out=_rows(spark, config, tables.HELD_OUT),
        judgement=sorted(_rows(spark, config, tables.JUDGEMENT), key=lambda row: (row["source"], row["figure"])),
        rejections=_rejections(spark, config, ufs),
        answers=_storage.read(spark, data_dir, answers, ufs).count() if _storage.exists(data_dir, answers) else 0,
        runs=runs,
        persons=_chosen(spark, config, ufs),
        names={frame.columns[0]: {row[0]: row[1] for row in frame.collect()} for frame in (places, trades)},
    )


def _rows(spark: SparkSession, config: Config, table: tables.Table) -> list[Row]:
    if not _storage.exists(config.data_dir, table):
        return []
    return [row.asDict() for row in _storage.read(spark, config.data_dir, table).collect()]


def _rivals(held_out: Sequence[Row]) -> list[Row]:
    """One row a family: `family`, `nats` of the network's own estimator, and `behind`: rival -> nats behind it."""
    families: dict[str, list[Row]] = {}
    for row in held_out:
        if row["kind"] == "estimator":
            families.setdefault(row["family"], []).append(row)
    return [
        {
            "family": family,
            "nats": next(row["nats"] for row in rows if row["name"] == "ours"),
            "behind": {row["name"]: row["value"] for row in rows},
        }
        for family, rows in families.items()
    ]


def _stored(spark: SparkSession, config: Config, states: Mapping[str, Row], runs: Sequence[Row]) -> list[Row]:
    """The figures that `validate` stored, if they are of exactly these persons; none otherwise."""
    for uf in states:
        sampled, validated = (_last(runs, job, uf) for job in ("sample", "validate"))
        if not sampled or not validated or _began(sampled) > _began(validated):
            return []
    if not _storage.exists(config.data_dir, tables.METRIC):
        return []
    stored = _storage.read(spark, config.data_dir, tables.METRIC)
    if not _metrics.are_of(stored, {uf: int(str(state["persons"])) for uf, state in states.items()}):
        return []
    rows = [row.asDict() for row in stored.where(F.col("uf").isin([*states, NATIONAL])).collect()]
    return sorted(rows, key=lambda row: (str(row["uf"]), str(row["family"]), str(row["name"])))


def _last(runs: Sequence[Row], job: str, uf: str) -> Row:
    """The latest finished row of a stage that did this state; empty if none."""
    done = [row for row in runs if row["job"] == job and row["status"] == "done" and uf in _strings(row["ufs"])]
    return done[-1] if done else {}


def _began(run: Row) -> datetime:
    began = run["started_at"]
    assert isinstance(began, datetime)
    return began


def _rejections(spark: SparkSession, config: Config, ufs: list[str]) -> list[Row]:
    if not _storage.exists(config.data_dir, tables.REJECTION):
        return []
    rejected = _storage.read(spark, config.data_dir, tables.REJECTION, ufs).groupBy("uf", "reason_code")
    return [row.asDict() for row in rejected.agg(F.countDistinct("request_key").alias("answers")).collect()]


def _chosen(spark: SparkSession, config: Config, ufs: list[str]) -> list[Row]:
    """As many persons as there are cards, the states in turn, by a hash of the uuid; those with texts first."""
    people = _storage.read(spark, config.data_dir, tables.ATTRIBUTE, ufs)
    if _storage.exists(config.data_dir, tables.TEXT):
        texts = _storage.read(spark, config.data_dir, tables.TEXT, ufs).drop("uf")
    else:
        schema = [field for field in tables.TEXT.schema if field.name != "uf"]
        texts = spark.createDataFrame([], StructType(schema))
    wanted = math.ceil(config.report.cards / max(len(ufs), 1))
    turn = Window.partitionBy("uf").orderBy("has_no_text", F.xxhash64("uuid"))
    joined = people.join(texts, "uuid", "left").withColumn("has_no_text", F.col("persona").isNull())
    ranked = joined.withColumn("turn", F.row_number().over(turn)).where(F.col("turn") <= wanted)
    chosen = ranked.orderBy("turn", F.xxhash64("uuid")).limit(config.report.cards)
    return [row.asDict() for row in chosen.collect()]


def _section(uf: str, findings: Findings, comparisons: dict[str, dict[str, Comparison]]) -> Row:
    """A state's pyramid and charts."""
    drawn: Row = {"uf": uf, "name": codes.STATE_OF[uf].name, "pyramid": None}
    charts = []
    for fit in findings.fits:
        found = comparisons[fit.name].get(uf)
        if found is None:
            continue
        if fit.columns == ("sex", "age_band"):
            part = fit.cells[fit.cells["uf"] == uf]
            drawn["pyramid"] = pyramid(part) | {"found": found, "target": words.TARGETS.get(fit.source, fit.source)}
        elif len(fit.columns) == 1:
            charts.append((fit, _against(fit), found, bars(fit, uf, findings.names)))
    return drawn | {"charts": charts}


def _against(fit: Fit) -> str:
    return words.TARGETS.get(fit.source, fit.source)


def _tiles(states: Sequence[Row]) -> list[Row]:
    held = {str(state["uf"]): state["persons"] for state in states}
    return [
        {"uf": uf, "name": codes.STATE_OF[uf].name, "column": column + 1, "row": row + 1, "persons": held.get(uf)}
        for uf, (column, row) in words.TILES.items()
    ]


def planted_errors(metrics: Sequence[Row]) -> list[Row]:
    """How every check fares with planted errors; nothing before any was tried.

    Returns:
        Rows of `code`, `reason`, `is_warning`, `halves` (planted, found and recall, first of the half seen while
        tuning), `alarms`, `twins` and `precision`; None where a check has no planted errors.
    """
    figures = {str(m["name"]): m for m in metrics if m["family"] == "text"}
    if not any(name in figures for name in _check_metrics.RECALL.values()):
        return []
    rows: list[Row] = []
    for reason in ReasonCode:
        halves = [_half(figures.get(f"{_check_metrics.RECALL[half]}: {reason.value}")) for half in ("tuning", "unseen")]
        alarms = _half(figures.get(f"{_check_metrics.ALARMS}: {reason.value}"))
        rows.append(
            {
                "code": reason.value,
                "reason": words.REASONS[reason.value],
                "is_warning": reason.severity == "warn",
                "halves": halves,
                "alarms": alarms and alarms["found"],
                "twins": alarms and alarms["planted"],
                "precision": figures.get(f"{_check_metrics.PRECISION}: {reason.value}", {}).get("value"),
            }
        )
    return rows


def _half(metric: Row | None) -> Row | None:
    if metric is None:
        return None
    n, share = int(str(metric["n"])), float(str(metric["value"]))
    return {"planted": n, "found": round(n * share), "recall": share}


def _reasons(rejections: Sequence[Row]) -> list[Row]:
    """Reasons with their answers in all and by state, the commonest first."""
    totals: dict[str, dict[str, int]] = {}
    for row in rejections:
        totals.setdefault(str(row["reason_code"]), {})[str(row["uf"])] = int(str(row["answers"]))
    found: list[Row] = [
        {
            "code": code,
            "reason": words.REASONS.get(code, code),
            "answers": sum(by.values()),
            "by_state": sorted(by.items()),
        }
        for code, by in totals.items()
    ]
    return sorted(found, key=lambda row: (-int(str(row["answers"])), str(row["code"])))


def _card(person: Row, municipalities: dict[str, str]) -> Row:
    uf, age, sex = str(person["uf"]), int(str(person["age_years"])), str(person["sex"])
    names = (person["first_name"], person["middle_name"], person["last_name"])
    title, activity = person["occupation_title"], person["activity"]
    code = str(person["municipality_code"])
    return person | {
        "full_name": " ".join(str(name) for name in names if name),
        "place": f"{municipalities.get(code, code)}, {codes.STATE_OF[uf].name}",
        "range": words.age_range(age),
        "work": words.occupation(
            None if title is None else str(title), None if activity is None else str(activity), sex
        ),
        "group": person["occupation_group"] or "Não trabalha",
        "texts": [(label, person[name]) for name, label in words.TEXTS.items() if person.get(name)],
    }


def _strings(values: object) -> list[str]:
    return [str(value) for value in values] if isinstance(values, (list, tuple, set)) else []


def _finite(value: object) -> object:
    """JSON has no infinity: a ratio to a floor of zero is null."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


if __name__ == "__main__":
    sys.exit(_cli.main("report"))
