"""Report: one self-contained page and the same figures as JSON.

Reads   ops_*, core_model__*, core_persona__*, out_personas__persona_extended
Writes  report/index.html, report/metrics.json
"""

from __future__ import annotations

import json
import sys
from importlib import resources

from jinja2 import Environment
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from census import codes, harmonise, tables
from conf.settings import Config
from jobs import _cli, _storage
from jobs._runlog import RunReport

_WIDEST = 170.0  # of a pyramid's bar, in SVG units


def run(spark: SparkSession, config: Config) -> RunReport:
    """Write the page of everything the data folder holds."""
    people = _storage.read(spark, config.data_dir, tables.ATTRIBUTE)
    ufs = sorted(row["uf"] for row in people.select("uf").distinct().collect())
    metrics = _metrics(spark, config)
    _storage.write_text(
        config.data_dir, "report/metrics.json", json.dumps(metrics, ensure_ascii=False, indent=1) + "\n"
    )
    states = _states(spark, config, ufs)
    page = build(
        states=states,
        pyramids=[_pyramid(spark, config, uf) for uf in ufs],
        metrics=metrics,
        marginals=_marginals(spark, config, ufs),
        evidence=[row.asDict() for row in _storage.read(spark, config.data_dir, tables.EVIDENCE).collect()],
        runs=[
            row.asDict() for row in _storage.read(spark, config.data_dir, tables.RUN).orderBy("started_at").collect()
        ],
        cards=_cards(spark, config),
        model_version=", ".join(sorted({str(s["model_version"]) for s in states})),
    )
    _storage.write_text(config.data_dir, "report/index.html", page)
    return RunReport("report", tuple(ufs), (), {})


def build(*, metrics: list[dict[str, object]], states: list[dict[str, object]], **parts: object) -> str:
    """The page as HTML; every value is escaped."""
    template = resources.files("jobs").joinpath("_page/report.html.j2").read_text(encoding="utf-8")
    return (
        Environment(autoescape=True)
        .from_string(template)
        .render(
            states=states,
            offline=any("povo-offline-writer" in str(s["writer"]) for s in states),
            fit=[m for m in metrics if m["family"] in ("marginal", "pair", "triple")],
            texts=[m for m in metrics if m["family"] in ("text", "set") and m["value"] is not None],
            **parts,
        )
    )


def _metrics(spark: SparkSession, config: Config) -> list[dict[str, object]]:
    if not _storage.exists(config.data_dir, tables.METRIC):
        return []
    return [
        row.asDict()
        for row in _storage.read(spark, config.data_dir, tables.METRIC).orderBy("uf", "family", "name").collect()
    ]


def _states(spark: SparkSession, config: Config, ufs: list[str]) -> list[dict[str, object]]:
    people = _storage.read(spark, config.data_dir, tables.ATTRIBUTE, ufs)
    found = {
        row["uf"]: row.asDict() | {"name": codes.STATE_OF[row["uf"]].name, "texts": 0, "writer": ""}
        for row in people.groupBy("uf")
        .agg(F.count("*").alias("persons"), F.max("seed").alias("seed"), F.max("model_version").alias("model_version"))
        .collect()
    }
    if _storage.exists(config.data_dir, tables.TEXT):
        for row in (
            _storage.read(spark, config.data_dir, tables.TEXT, ufs)
            .groupBy("uf")
            .agg(F.count("*").alias("texts"), F.max("writer").alias("writer"))
            .collect()
        ):
            found[row["uf"]] |= row.asDict()
    return [found[uf] for uf in ufs]


def _pyramid(spark: SparkSession, config: Config, uf: str) -> dict[str, object]:
    def shares(table: tables.Table, weight: str) -> dict[tuple[str, str], float]:
        rows = _storage.read(spark, config.data_dir, table, [uf]).where("age_years >= 18")
        banded = (
            rows.groupBy("sex", harmonise.age_band(F.col("age_years")).alias("band"))
            .agg(F.expr(f"sum({weight})").alias("n"))
            .collect()
        )
        total = sum(row["n"] for row in banded)
        return {(row["sex"], row["band"]): row["n"] / total for row in banded}

    have, census = shares(tables.ATTRIBUTE, "1"), shares(tables.ALLOCATION, "persons")
    scale = _WIDEST / max([*have.values(), *census.values()])
    bands = [b for b in codes.AGE_BANDS if ("F", b) in census or ("M", b) in census]
    bars = [
        {
            "band": band,
            "y": 16 * (len(bands) - 1 - place),
            "f": have.get(("F", band), 0.0) * scale,
            "m": have.get(("M", band), 0.0) * scale,
            "cf": census.get(("F", band), 0.0) * scale,
            "cm": census.get(("M", band), 0.0) * scale,
        }
        for place, band in enumerate(bands)
    ]
    return {"name": codes.STATE_OF[uf].name, "bars": bars, "height": 16 * len(bands)}


def _marginals(spark: SparkSession, config: Config, ufs: list[str]) -> list[dict[str, object]]:
    """Race and schooling beside SIDRA 10061, value by value."""
    people = _storage.read(spark, config.data_dir, tables.ATTRIBUTE, ufs).where("age_years >= 18")
    joint = _storage.read(spark, config.data_dir, tables.EDUCATION_JOINT, ufs).where(
        "source = 'census2022_education_uf'"
    )
    found: list[dict[str, object]] = []
    for column, title in (("race", "Cor ou raça"), ("education_level", "Instrução"), ("sex", "Sexo")):
        have = people.groupBy("uf", column).count().toPandas().rename(columns={"count": "have"})
        want = joint.groupBy("uf", column).agg(F.sum("persons").alias("want")).toPandas()
        for uf in ufs:
            part = (
                want[want["uf"] == uf].merge(have[have["uf"] == uf], on=["uf", column], how="left").fillna({"have": 0})
            )
            rows = [
                {
                    "label": row[column],
                    "have": 100 * row["have"] / part["have"].sum(),
                    "want": 100 * row["want"] / part["want"].sum(),
                }
                for _, row in part.iterrows()
            ]
            found.append({"title": f"{title}, {codes.STATE_OF[uf].name}: amostra e Censo 2022", "rows": rows})
    return found


def _cards(spark: SparkSession, config: Config) -> list[dict[str, object]]:
    if not _storage.exists(config.data_dir, tables.PERSONA_EXTENDED):
        return []
    rows = (
        _storage.read(spark, config.data_dir, tables.PERSONA_EXTENDED)
        .orderBy("uuid")
        .limit(config.report.cards)
        .collect()
    )
    cards = []
    for row in rows:
        card = row.asDict()
        names = (card["first_name"], card["middle_name"], card["last_name"])
        card["full_name"] = " ".join(name for name in names if name)
        card["occupation"] = card["occupation_title"] or card["activity"]
        card["texts"] = [(name, card[name]) for name in tables.TEXT_FIELDS]
        cards.append(card)
    return cards


if __name__ == "__main__":
    sys.exit(_cli.main("report"))
