"""The model against what no fit read: published cross cuts, colours by occupation, mean incomes.

Reads   core_model__node, core_model__cpd, core_model__block, core_model__income_point, core_pnadc__group_trend,
        core_published__margin, core_place__municipality, and the held-out sources through jobs/_held_out.py
Writes  core_model__judgement, core_heldout__income, core_heldout__occupation_colour   (whole tables)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from census import codes, expectation, held_out, income, model, quality, tables
from census.errors import SchemaError
from census.network import NodeTable
from conf.settings import Config
from jobs import _held_out, _model_tables, _storage
from udfs.sampling import WORK

Array = NDArray[np.float64]
READS = (
    tables.NODE,
    tables.CPD,
    tables.BLOCK,
    tables.INCOME_POINT,
    tables.GROUP_TREND,
    tables.PUBLISHED,
    tables.PLACE,
)
ALL_AGES = "all"
_FORMAL = ("privado com carteira", "doméstico com carteira", "público com carteira", "militar ou estatutário")
_FIRST_WORK_BAND = codes.AGE_BANDS.index("14-17")


@dataclass(frozen=True)
class State:
    """The network of one state and its census block (sexes, bands, races, levels, zones)."""

    uf: str
    nodes: Sequence[NodeTable]
    persons: Array

    def expected(self, *wanted: str) -> Array:
        """Persons by the wanted variables."""
        return expectation.expected(self.nodes, self.persons, wanted, WORK)


Row = tuple[str, str, str, float | None, float, str, str]


def judge(spark: SparkSession, config: Config, *, metadata: Mapping[str, object]) -> None:
    """Judge the model of every state whose blocks are stored, whichever are asked for; national figures need all 27."""
    fitted = _storage.read(spark, config.data_dir, tables.BLOCK).select("uf").distinct()
    ufs = sorted(row["uf"] for row in fitted.collect())
    stored = _model_tables.read(spark, config.data_dir, ufs)
    states = [State(uf, stored.state(uf), stored.block(uf).persons.sum(axis=0)) for uf in ufs]
    figures = _storage.read(spark, config.data_dir, tables.PUBLISHED).toPandas()
    rows = published_cuts(figures, states)
    if len(states) == len(codes.UFS):
        rows += colours(_held_out.read(spark, config, "occupation_colour").toPandas(), states)
    points, factor = _model_tables.income_points(spark, config.data_dir)
    incomes = _held_out.read(spark, config, "income").where(F.col("uf").isin(ufs)).toPandas()
    rows += mean_incomes(incomes, states, income.band_means(points), factor, stored)
    frame = spark.createDataFrame(rows, tables.JUDGEMENT.schema).coalesce(1)
    _storage.replace_all(frame, config.data_dir, tables.JUDGEMENT, metadata=metadata)


def published_cuts(figures: pd.DataFrame, states: Sequence[State]) -> list[Row]:
    """Held-out figures of core_published__margin that the model has an answer to, in per cent."""
    by_uf = {state.uf: state for state in states}
    rows: list[Row] = []
    for figure in figures[figures["unit"] == "%"].itertuples():
        key = (figure.topic, figure.area, figure.dimensions, figure.category)
        if not held_out.is_held_out(figure.topic, figure.year, *key[1:]) or held_out.is_told(*key):
            continue
        answer = ANSWERS.get(figure.topic)
        asked = members(figure.area)
        name = " / ".join(str(part) for part in key if part)
        if answer is None or not all(uf in by_uf for uf in asked):
            why = "not modelled" if answer is None else "needs the census blocks of more states"
            rows.append(("published_margins", figure.area, name, None, float(figure.value), "%", why))
            continue
        share = answer([by_uf[uf] for uf in asked], figure.dimensions, figure.category, states)
        if share is None:
            rows.append(("published_margins", figure.area, name, None, float(figure.value), "%", "not modelled"))
        else:
            rows.append(("published_margins", figure.area, name, 100 * share, float(figure.value), "%", ""))
    return rows


def members(area: str) -> list[str]:
    """The states of a published area: Brasil, a region or a state."""
    if area == "Brasil":
        return list(codes.UFS)
    return [state.uf for state in codes.STATES if area in (state.uf, state.region)]


def _employment(states: Sequence[State], dimensions: str, category: str, _: Sequence[State]) -> float | None:
    axes = np.sum([state.expected("age_band", "activity") for state in states], axis=0)
    axes[:_FIRST_WORK_BAND] = 0
    if dimensions == "idade":
        first = int(category.split(" ")[0])
        starts = np.array(codes.AGE_BAND_STARTS)
        last = 200 if "mais" in category else int(category.rpartition(" ")[2])
        axes[(starts < first) | (starts > last)] = 0
    elif dimensions:  # by sex every figure sets a level of the fit: none is held out
        return None
    return float(axes[..., codes.ACTIVITIES.index("ocupado")].sum() / axes.sum())


def _zone(states: Sequence[State], _dimensions: str, category: str, _: Sequence[State]) -> float | None:
    zones = np.sum([state.expected("zone") for state in states], axis=0)
    return float(zones[codes.ZONES.index(category)] / zones.sum()) if category in codes.ZONES else None


def _mei(states: Sequence[State], _dimensions: str, category: str, every: Sequence[State]) -> float | None:
    yes = codes.MEI.index("sim")
    if category == "MEI / ocupados formais":
        mei = sum(float(state.expected("is_mei")[yes]) for state in states)
        positions = np.sum([state.expected("position") for state in states], axis=0)
        formal = sum(float(positions[codes.POSITIONS.index(p)]) for p in _FORMAL)
        return mei / (mei + formal)
    if category == "participação no total de MEI" and len(every) == len(codes.UFS):
        total = sum(float(state.expected("is_mei")[yes]) for state in every)
        return sum(float(state.expected("is_mei")[yes]) for state in states) / total
    return None


_Answer = Callable[[Sequence[State], str, str, Sequence[State]], float | None]
# Topic -> (states asked about, dimensions, category, all states) -> share; None where the model has no answer.
ANSWERS: dict[str, _Answer] = {"nivel_ocupacao": _employment, "situacao_domicilio": _zone, "mei": _mei}


def colours(published: pd.DataFrame, states: Sequence[State]) -> list[Row]:
    """TVD of the occupations (COD of 3 digits) of white, and of black persons, from PNADC 2026T1."""
    by_race = np.sum([state.expected("race", "occupation_cod") for state in states], axis=0)
    cod = next(node for node in states[0].nodes if node.name == "occupation_cod").values
    subgroups = tuple(sorted({code[:3] for code in cod} | set(published["occupation_cod3"])))
    place = np.array([subgroups.index(code[:3]) for code in cod])
    rows: list[Row] = []
    for column, races in (("white", ("branca",)), ("black", ("preta", "parda"))):
        ours = np.bincount(place, by_race[[codes.RACES.index(r) for r in races]].sum(axis=0), len(subgroups))
        theirs = model.dense(published, {"occupation_cod3": subgroups}, column)
        distance = quality.tvd(ours / ours.sum(), theirs / theirs.sum())
        note = "TVD of 0 would be perfect; 8 years lie between the survey of the races and this one"
        rows.append(
            ("pnadc_2026t1_colour", "Brasil", f"occupation_cod3 of {column} workers", distance, 0.0, "TVD", note)
        )
    return rows


def mean_incomes(
    published: pd.DataFrame,
    states: Sequence[State],
    band_means: Array,
    factor: Array,
    stored: _model_tables.ModelTables,
) -> list[Row]:
    """Mean income by state, and by race within it, from SIDRA 10291 (all jobs); the model's is of the main job.

    The published means of the municipalities are put together by the model's own workers of each place.
    """
    note = "10291 counts all jobs, the model the main one"
    rows: list[Row] = []
    for state in states:
        places = stored.block(state.uf)
        chance = state.expected("sex", "age_band", "race", "education_level", "zone", "activity")
        works = np.divide(
            chance[..., codes.ACTIVITIES.index("ocupado")],
            state.persons,
            out=np.zeros_like(state.persons),
            where=state.persons > 0,
        )
        workers = (places.persons * works).sum(axis=(1, 2, 4, 5))  # (municipalities, races)
        paid = state.expected("race", "occupation_group", "income_band")
        sums = np.einsum("rgb,b,g->r", paid, band_means, factor)
        count = (paid * (band_means > 0)).sum(axis=(1, 2))
        here = published[(published["uf"] == state.uf) & (published["age_group"] == ALL_AGES)]
        if here.empty:
            raise SchemaError(
                f"census2022_income has no row of age group {ALL_AGES!r} in {state.uf}: give a file of SIDRA 10291 "
                "that holds the total of all ages, or leave sources.census2022_income out for the packaged one."
            )
        table = here.pivot(index="municipality_code", columns="race", values="mean_income_brl")
        table = table.reindex(places.municipalities)
        for name, ours, weights in (
            ("all", sums.sum() / count.sum(), workers.sum(axis=1)),
            *((race, sums[i] / count[i], workers[:, i]) for i, race in enumerate(codes.RACES)),
        ):
            if name not in table:
                continue
            means = table[name].to_numpy(dtype=float)
            known = ~np.isnan(means)
            if known.any() and weights[known].sum() > 0:
                theirs = float((means[known] * weights[known]).sum() / weights[known].sum())
                rows.append(("census2022_income", state.uf, f"mean income, {name}", float(ours), theirs, "BRL", note))
    return rows
