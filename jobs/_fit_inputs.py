"""What `fit` reads: small harmonised tables as pandas frames and arrays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from census import codes, held_out, tables
from census.errors import FitError
from census.tables import Table
from jobs import _storage


@dataclass(frozen=True)
class NationalInputs:
    """Frames of the national half; none grows with the persons that are drawn."""

    places: pd.DataFrame
    ages: pd.DataFrame
    education: pd.DataFrame
    counts: pd.DataFrame
    surveys: pd.DataFrame
    candidates: pd.DataFrame
    voters: pd.DataFrame
    religion: pd.DataFrame
    published: pd.DataFrame
    work_2010: pd.DataFrame
    mei: pd.DataFrame
    mei_trades: pd.DataFrame
    mei_profile: pd.DataFrame
    titles: pd.DataFrame
    occupations: pd.DataFrame
    occupied: pd.DataFrame
    income_points: pd.DataFrame
    design_effects: pd.DataFrame
    cod: tuple[str, ...]
    group_of_cod: NDArray[np.int64]


READS = (
    tables.COUNT,
    tables.AGE_SEX,
    tables.PLACE,
    tables.EDUCATION_JOINT,
    tables.SMALL_SURVEY,
    tables.MARITAL_SEED,
    tables.MARITAL_VOTER,
    tables.RELIGION,
    tables.PUBLISHED,
    tables.WORK_2010,
    tables.MEI_SHARE,
    tables.MEI_TRADE,
    tables.MEI_PROFILE,
    tables.OCCUPATION,
    tables.OCCUPATION_2026,
    tables.OCCUPIED_2026,
    tables.INCOME_POINT,
    tables.DESIGN_EFFECT,
)
_COUNTED = ("family", "level", "uf", "cell_index", "value_index", "weight_persons", "weight_squared", "rows")


def read(spark: SparkSession, data_dir: Path) -> NationalInputs:
    """Read the inputs of the national half (all of Brazil)."""

    def table(declared: Table) -> Callable[[], DataFrame]:
        return partial(_storage.read, spark, data_dir, declared)

    def ages() -> DataFrame:
        people = table(tables.AGE_SEX)().where("source = 'census2022_age'")
        return people.groupBy("uf", "age_years").agg(F.sum("persons").alias("persons"))

    def base_groups() -> DataFrame:
        return table(tables.COUNT)().where("family = 'occupation_cod' AND level = 'br'").select("value").distinct()

    single: dict[str, Callable[[], DataFrame]] = {
        "counts": lambda: table(tables.COUNT)().where("level = 'uf'").select(*_COUNTED),
        "cod": base_groups,
        "ages": ages,
        "places": table(tables.PLACE),
        "education": table(tables.EDUCATION_JOINT),
        "surveys": table(tables.SMALL_SURVEY),
        "candidates": table(tables.MARITAL_SEED),
        "voters": table(tables.MARITAL_VOTER),
        "religion": table(tables.RELIGION),
        "published": table(tables.PUBLISHED),
        "work_2010": table(tables.WORK_2010),
        "mei": table(tables.MEI_SHARE),
        "mei_trades": table(tables.MEI_TRADE),
        "mei_profile": table(tables.MEI_PROFILE),
        "titles": table(tables.OCCUPATION),
        "occupations": table(tables.OCCUPATION_2026),
        "occupied": table(tables.OCCUPIED_2026),
        "income_points": table(tables.INCOME_POINT),
        "design_effects": table(tables.DESIGN_EFFECT),
    }
    found = dict(zip(single, _storage.frames(*single.values()), strict=True))
    cod = tuple(sorted(found.pop("cod")["value"]))
    return NationalInputs(
        **found | {"published": fitted_figures(found["published"])},
        cod=cod,
        group_of_cod=np.array([codes.COD_GROUP_OF_DIGIT[int(code[0])] for code in cod]),
    )


def fitted_figures(figures: pd.DataFrame) -> pd.DataFrame:
    """Rows of `core_published__margin` without those that are held out."""
    names = zip(*(figures[name] for name in ("topic", "year", "area", "dimensions", "category")), strict=True)
    return figures[[not held_out.is_held_out(*name) for name in names]]


def published(
    frame: pd.DataFrame,
    topic: str,
    category: str,
    *,
    year: int = 2022,
    area: str = "Brasil",
    dimensions: str | None = None,
) -> float:
    """One printed percentage as a share.

    Raises:
        FitError: The figure is not there once: it was not printed, or is held out.
    """
    rows = frame[
        (frame["topic"] == topic)
        & (frame["category"] == category)
        & (frame["year"] == year)
        & (frame["area"] == area)
        & (frame["unit"] == "%")
    ]
    if dimensions is not None:
        rows = rows[rows["dimensions"] == dimensions]
    if len(rows) != 1:
        raise FitError(
            f"published_margins: expected one figure for {topic} / {category} / {area} / {year}, found {len(rows)}. "
            "A figure that census/held_out.py holds out judges the model: fit without it."
        )
    return float(rows["value"].iloc[0]) / 100.0
