"""One state's network as arrays, from core_model__cpd and core_model__allocation: what the sampler draws from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from census import codes, model, tables
from conf import settings
from conf.settings import Config
from jobs import _sample_tables, _storage

# Variables of the allocation, in the order in which it is cut.
GIVEN = ("rural_band", "age_band", "sex")
WORKS = codes.ACTIVITIES.index("ocupado")
# Drawn for everybody, kept for who works.
OF_WORK = ("occupation_group", "occupation_cod", "position", "is_mei", "income_band")


@dataclass(frozen=True)
class Network:
    """Factors of one state: `given` is the joint law of `GIVEN`, `tables[node]` has axes `parents[node]` and values."""

    given: NDArray[np.float64]
    parents: dict[str, tuple[str, ...]]
    tables: dict[str, NDArray[np.float64]]
    sizes: dict[str, int]


def read(spark, conf: Config, uf: str, *, min_age_years: int) -> Network:
    """The network of one state, of everybody or of adults."""
    spec = settings.network()
    cpd = _storage.read(spark, conf.data_dir, tables.CPD).where(f"uf IN ('{uf}', 'BR')").toPandas()
    rows = _storage.read(spark, conf.data_dir, tables.ALLOCATION, [uf]).toPandas()
    rows = rows[rows["age_years"] >= min_age_years]
    cod = tuple(sorted(cpd.loc[cpd["node"] == "occupation_cod", "value"].unique()))
    bands = sorted(set(cpd.loc[cpd["node"] == "zone", "cell"].str.split("|").str[0]), key=int)
    domains = model.DOMAINS | {"occupation_cod": cod, "rural_band": tuple(map(str, range(int(bands[-1]) + 1)))}
    frame = pd.DataFrame(
        {
            "rural_band": rows["rural_band"].astype(str),
            "age_band": [codes.age_band(age) for age in rows["age_years"]],
            "sex": rows["sex"],
            "persons": rows["persons"],
        }
    )
    given = model.dense(frame, {name: domains[name] for name in GIVEN})
    parents = {name: tuple(p for p in node.parents if p != "uf") for name, node in spec.items()}
    laws = {name: _sample_tables._dense(cpd, name, node, uf, domains) for name, node in spec.items()}
    sizes = dict(zip(GIVEN, given.shape, strict=True)) | {name: law.shape[-1] for name, law in laws.items()}
    return Network(given / given.sum(), parents, laws, sizes)
