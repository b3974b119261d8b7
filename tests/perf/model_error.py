"""The model's own error, without sampling: its expected persons against the census and the survey it was raked to.

Then the published figures: those that the fit reads, and those that it does not. Needs `povo fit --uf all`.

python tests/perf/model_error.py --data povo-data
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from _common import config, show
from numpy.typing import NDArray
from pyspark.sql import DataFrame, SparkSession

from census import codes, model, quality, tables
from jobs import _fit_inputs, _judge, _model_tables, _spark, _storage

Array = NDArray[np.float64]
Row = tuple[object, ...]
# Bands of SIDRA 10061 by state: 18-24, 25-29 ... 80+.
_FIRST, _SECOND = codes.AGE_BANDS.index("18-19"), codes.AGE_BANDS.index("20-24")
_GROUPS = ("18-24", *codes.AGE_BANDS[_SECOND + 1 :])
_WORKING_AGE = codes.AGE_BANDS.index("14-17")
_RESIDUALS = ("race", "education", "prior_share")
_SIZES = (0, 5_000, 20_000, 100_000, 500_000, 10**9)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="data folder after `povo fit --uf all`")
    conf = config(parser.parse_args().data)
    data, spark = conf.data_dir, _spark.start(conf)

    def read(table: tables.Table) -> DataFrame:
        return _storage.read(spark, data, table)

    stored = _model_tables.read(spark, data, list(codes.UFS))
    states = [_judge.State(uf, tuple(stored.state(uf)), stored.block(uf).persons.sum(axis=0)) for uf in codes.UFS]
    show("Numbering and census block", ("table", "cells", "figure"), census_rows(spark, data, states))
    show(
        "Municipalities: race and schooling of adults against their own 10061 within its age bands; TVD, by residents",
        ("residents", "municipalities", "race", "schooling", "weight of the state in the target"),
        municipality_rows(read(tables.RESIDUAL).toPandas(), read(tables.PLACE).toPandas()),
    )
    show(
        "Occupied persons by sex in the published COD subgroups (20 rows or more, both sexes), PNADC 2026T1, TVD",
        ("shares within", "mean by workers", "worst state"),
        occupation_rows(read(tables.OCCUPATION_2026).toPandas(), stored, states),
    )
    figures = read(tables.PUBLISHED).toPandas()
    fitted = [
        (name, 100 * ours, 100 * theirs, 100 * (ours - theirs)) for name, ours, theirs in fitted_cuts(figures, states)
    ]
    show("Published figures that the fit is raked to, per cent", ("figure", "model", "published", "off"), fitted)
    judged = _judge.published_cuts(figures, states)
    held = [(name, ours, theirs, ours - theirs) for _, _, name, ours, theirs, _, _ in judged if ours is not None]
    show("Published figures that no fit read, per cent", ("figure", "model", "published", "off"), held)
    for label, rows in (("fitted", fitted), ("held out", held)):
        off = np.abs([row[-1] for row in rows]).astype(float)
        print(f"\n{label}: {len(off)} figures, mean {off.mean():.2f} p.p. off, worst {off.max():.2f}")
    spark.stop()


def census_rows(spark: SparkSession, data: Path, states: Sequence[_judge.State]) -> list[Row]:
    """The allocation against 9514 and 10061, and the block against 10061."""
    counted = _storage.read(spark, data, tables.AGE_SEX).where("source = 'census2022_age'")
    numbered = _storage.read(spark, data, tables.ALLOCATION)
    keys = ["municipality_code", "age_years"]
    joined = (
        numbered.groupBy(keys)
        .agg({"persons": "sum"})
        .toDF(*keys, "have")
        .join(counted.where("sex = 'T'").groupBy(keys).agg({"persons": "sum"}).toDF(*keys, "want"), keys, "full")
        .fillna(0)
    )
    cells, off = joined.selectExpr("count(*)", "sum(CASE WHEN have <> want THEN 1 ELSE 0 END)").first()
    printed = _storage.read(spark, data, tables.EDUCATION_JOINT).where("sex <> 'T'").toPandas()
    census = model.dense(
        printed,
        {
            "uf": codes.UFS,
            "sex": codes.SEXES,
            "age_group": _GROUPS,
            "race": codes.RACES,
            "education_level": codes.EDUCATION_LEVELS,
        },
    )
    block = np.stack([_grouped(state.persons.sum(axis=4)) for state in states])
    adults = numbered.where("age_years >= 18").groupBy("uf", "sex", "age_years").agg({"persons": "sum"})
    rows = adults.toDF("uf", "sex", "age_years", "persons").toPandas()
    rows["age_band"] = rows["age_years"].map(codes.age_band)
    ages = model.dense(rows, {"uf": codes.UFS, "sex": codes.SEXES, "age_band": codes.AGE_BANDS})
    ages = _grouped(ages.transpose(1, 2, 0)).transpose(2, 0, 1)
    by_age = census.sum(axis=(3, 4))
    # What is left when both have the same persons of every state, sex and band.
    scaled = census * np.divide(ages, by_age, out=np.zeros_like(ages), where=by_age > 0)[..., None, None]
    return [
        ("municipality x age, 9514", cells, f"{off} differ from the numbering"),
        ("state x sex x band, 18 and over, 10061", by_age.size, f"TVD {_tvd(ages, by_age):.5f}"),
        ("state x sex x race x band x schooling, 10061", census.size, f"TVD {_tvd(block, census):.5f}"),
        ("the same within state x sex x band", census.size, f"TVD {_tvd(block, scaled):.5f}"),
    ]


def municipality_rows(residuals: pd.DataFrame, places: pd.DataFrame) -> list[Row]:
    """TVD by size of the municipality, and of all of them together, weighted by residents."""
    rows = residuals.merge(places[["municipality_code", "population_persons"]], on="municipality_code")
    size = np.digitize(rows["population_persons"], _SIZES[1:-1])
    chosen = [(f"{_SIZES[i]:,} to {_SIZES[i + 1]:,}", size == i) for i in range(len(_SIZES) - 1)]
    chosen[-1] = (f"{_SIZES[-2]:,} and more", chosen[-1][1])
    found: list[Row] = []
    for label, where in [*chosen, ("all", np.full(len(rows), True))]:
        part = rows[where]
        means = [np.average(part[name], weights=part["population_persons"]) for name in _RESIDUALS]
        found.append((label, len(part), *map(float, means)))
    return found


def occupation_rows(
    survey: pd.DataFrame, stored: _model_tables.ModelTables, states: Sequence[_judge.State]
) -> list[Row]:
    """Shares of the published cells, within state and sex and within the state."""
    subgroups = tuple(sorted(survey["occupation_cod3"].unique()))
    domain = {"uf": codes.UFS, "occupation_cod3": subgroups}
    theirs = np.stack([model.dense(survey, domain, sex) for sex in ("women", "men")], axis=1)
    cod = stored.values("occupation_cod")
    kept = [i for i, code in enumerate(cod) if code[:3] in subgroups]
    member = np.zeros((len(kept), len(subgroups)))
    member[np.arange(len(kept)), [subgroups.index(cod[i][:3]) for i in kept]] = 1.0
    ours = np.stack([state.expected("sex", "occupation_cod")[:, kept] @ member for state in states])
    ours = np.where((theirs.sum(axis=1) > 0)[:, None], ours, 0.0)
    rows: list[Row] = []
    for label, axes in (("state", (1, 2)), ("state and sex", (2,))):
        have, want = (table / table.sum(axis=axes, keepdims=True) for table in (ours, theirs))
        weight = theirs.sum(axis=axes)
        distance = 0.5 * np.abs(have - want).sum(axis=axes)
        worst = distance.reshape(len(states), -1).max(axis=1)
        at = int(worst.argmax())
        pooled = float((distance * weight).sum() / weight.sum())
        rows.append((label, f"{pooled:.5f}", f"{codes.UFS[at]} {worst[at]:.5f}"))
    return rows


def fitted_cuts(figures: pd.DataFrame, states: Sequence[_judge.State]) -> list[tuple[str, float, float]]:
    """(figure, model, published) of the levels of work, positions, unions and zones that the fit reads, as shares."""
    printed = partial(_fit_inputs.published, _fit_inputs.fitted_figures(figures))
    by_uf = {state.uf: state for state in states}
    found = []
    for label, topic, area, dimensions, category in (
        ("work, 35 to 39", "nivel_ocupacao", "Brasil", "idade", "35 a 39"),
        *((f"work, {region}", "nivel_ocupacao", region, "", "total") for region in codes.REGIONS),
        ("rural", "situacao_domicilio", "Brasil", "situação", "rural"),
    ):
        here = [by_uf[uf] for uf in _judge.members(area)]
        share = _judge.ANSWERS[topic](here, dimensions, category, states)
        found.append((label, share, printed(topic, category, area=area)))
    asked = np.sum([state.expected("sex", "age_band", "race", "activity") for state in states], axis=0)[
        :, _WORKING_AGE:
    ]
    works, everyone = asked[..., codes.ACTIVITIES.index("ocupado")], asked.sum(axis=-1)
    indigenous = codes.RACES.index("indígena")
    for sex, name in enumerate(("mulheres", "homens")):
        share = works[sex].sum() / everyone[sex].sum()
        found.append((f"work, {name}", share, printed("nivel_ocupacao", name, dimensions="sexo")))
        share = works[sex, :, indigenous].sum() / everyone[sex, :, indigenous].sum()
        found.append((f"work, {name} indígenas", share, printed("nivel_ocupacao", f"{name} indigena")))
    workers = np.sum([state.expected("position") for state in states], axis=0)
    position = dict(zip(codes.POSITIONS, workers / workers.sum(), strict=True))
    own, employers = position["conta própria"], position["empregador"]
    employees = printed("posicao_ocupacao", "empregado")
    found += [
        ("own account", own, printed("posicao_ocupacao", "conta propria")),
        ("employers", employers, printed("posicao_ocupacao", "empregador")),
        ("employees", 1 - own - employers - position["familiar auxiliar"], employees),
    ]
    for name, category in (
        ("militar ou estatutário", "militar ou estatutario"),
        ("privado com carteira", "setor privado com carteira"),
        ("privado sem carteira", "sem carteira"),
    ):
        # The published share is of the employees.
        found.append((f"{name}, of all who work", position[name], employees * printed("posicao_ocupacao", category)))
    union = np.sum([state.expected("age_band", "in_union") for state in states], axis=0)
    union = union[codes.AGE_BANDS.index("10-13") :].sum(axis=0)
    found.append(("in union", union[1] / union.sum(), printed("estado_conjugal", "viviam em uniao")))
    return [(label, float(share), wanted) for label, share, wanted in found]


def _grouped(table: Array) -> Array:
    """(sex, band, ...) of all bands -> of the groups of 10061, 18 and over."""
    young = table[:, _FIRST : _SECOND + 1].sum(axis=1, keepdims=True)
    return np.concatenate([young, table[:, _SECOND + 1 :]], axis=1)


def _tvd(have: Array, want: Array) -> float:
    return float(quality.tvd(have / have.sum(), want / want.sum()))


if __name__ == "__main__":
    main()
