"""The sampler's tables: read from Delta on the driver, once a run; none grows with the persons drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from census import axes, codes, expectation, model, seeds, tables
from census.errors import FitError
from census.network import NodeTable
from census.tables import Table
from conf.settings import Node
from jobs import _model_tables, _name_tables, _storage, _title_tables
from jobs._model_tables import Block
from jobs._name_tables import NameFrames
from udfs import alias, naming, sampling
from udfs.naming import PERIODS, NameTables
from udfs.sampling import INCOME_POINT, PERSON_ID_SHIFT, TITLE, TRADE, StateTables, Variable

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Words:
    """Lists that the codes of names and titles point into."""

    cod: list[str]
    cbo: list[str]
    title: list[str]
    trade: list[str]
    first: list[str]
    second: list[str]
    surname: list[str]
    surname_with_particle: list[str]
    suffix: list[str]


@dataclass(frozen=True)
class SampleTables:
    """Everything a task needs, for all states of a run."""

    states: list[StateTables]
    naming: list[NameTables]
    words: Words
    trait_means: Array
    trait_root: Array


def read(
    spark: SparkSession, data_dir: Path, spec: dict[str, Node], *, ufs: list[str], seed: int, min_age_years: int
) -> SampleTables:
    """Build the tables of the chosen states."""
    stored = _model_tables.read(spark, data_dir, ufs)
    allocated, *small = _storage.frames(
        lambda: _storage.read(spark, data_dir, tables.ALLOCATION, ufs).orderBy("uf", "order"),
        *(partial(_small, spark, data_dir, table) for table in SMALL),
    )
    frames = dict(zip(SMALL, small, strict=True))
    cod = list(stored.values("occupation_cod"))
    of_titles = _title_tables.build(*(frames[table] for table in _OF_TITLES), tuple(cod))
    names = _name_tables.build(NameFrames(*(frames[table] for table in _OF_NAMES)))
    norms, correlations = (frames[table] for table in _OF_TRAITS)
    points, factor = _model_tables.income_points(spark, data_dir)
    vectors = seeds.directions()
    drawn = [node.number for node in spec.values() if node.number is not None]
    streams = [seeds.ORDER, INCOME_POINT, TITLE, TRADE, *drawn]
    states, naming_ = [], []
    for uf in ufs:
        nodes, block = stored.state(uf), stored.block(uf)
        code = codes.STATE_OF[uf].code
        rows = allocated[allocated["uf"] == uf]
        persons = rows["persons"].to_numpy()
        total = int(persons.sum())
        # Adults come first in the numbering; a bound between the two cannot be cut out of it.
        limit = total if min_age_years < 18 else int(persons[rows["age_years"].to_numpy() >= 18].sum())
        numbering = sampling.numbering(
            persons,
            rows["municipality_code"].astype(np.int64).to_numpy(),
            pd.Categorical(rows["sex"], categories=list(codes.SEXES)).codes.astype(np.int32),
            rows["age_years"].to_numpy(dtype=np.int32),
        )
        states.append(
            StateTables(
                uf=uf,
                state_code=code,
                seed=seed,
                bits=max(int(np.ceil(np.log2(total))), 1),
                limit=limit,
                numbering=numbering,
                sobol={v: seeds.sobol_tables(seed, code, v, vectors[v]) for v in streams},
                network=_variables(nodes, block, spec),
                titles=of_titles.laws,
                place_factor=of_titles.factors(uf, numbering.municipality_codes),
                income_points=points,
                income_factor=factor,
            )
        )
        naming_.append(names.of_state(uf, seed, _ever_married(nodes, block)))
    written = zip(names.surnames["particle"], names.surnames["surname"], strict=True)
    words = Words(
        cod=cod,
        cbo=of_titles.cbo,
        title=of_titles.words,
        trade=of_titles.trade_words,
        first=names.first_words,
        second=names.second_words,
        surname=list(names.surnames["surname"]),
        surname_with_particle=[f"{particle} {surname}" if particle else surname for particle, surname in written],
        suffix=names.suffix_words,
    )
    means, root = _traits(norms, correlations)
    return SampleTables(states, naming_, words, means, root)


# Small tables of all of Brazil, in the order in which they are read.
_OF_TITLES = (
    tables.OCCUPATION,
    tables.TITLE_WEIGHT,
    tables.MEI_TRADE,
    tables.REGIONAL_TRADE,
    tables.PLACE_CONDITION,
)
_OF_NAMES = (
    tables.SURNAME,
    tables.FIRST_NAME,
    tables.FIRST_NAME_STATE,
    tables.SECOND_NAME,
    tables.NAME_STRUCTURE,
    tables.NAME_SUFFIX,
    tables.AGE_SEX,
)
_OF_TRAITS = (tables.TRAIT_NORM, tables.TRAIT_CORRELATION)
SMALL = (*_OF_TITLES, *_OF_NAMES, *_OF_TRAITS)


def _small(spark: SparkSession, data_dir: Path, table: Table) -> DataFrame:
    rows = _storage.read(spark, data_dir, table)
    if table is not tables.AGE_SEX:
        return rows
    people = rows.where("source = 'census2022_age'")
    return people.groupBy("uf", "age_years").agg(F.sum("persons").alias("persons"))


def _variables(nodes: Sequence[NodeTable], block: Block, spec: dict[str, Node]) -> tuple[Variable, ...]:
    """The variables of a state in the order of drawing; those of the census block by municipality."""
    everyone = block.persons
    laws: dict[str, tuple[tuple[str, ...], Array]] = {
        "race": (("municipality", "sex", "age_band"), everyone.sum(axis=(4, 5))),
        "education_level": (("municipality", "sex", "age_band", "race"), everyone.sum(axis=5)),
        "zone": (("municipality", "sex", "age_band", "race", "education_level"), everyone),
    }
    found = []
    for node in nodes:
        number = spec[node.name].number
        parents, table = node.parents, node.table
        if node.name in laws:
            parents, counted = laws[node.name]
            # A cell of nobody is never asked for; it gets the state's own law.
            own = axes.widen(node.table, node.parents, parents[1:], counted.shape[1:-1], node.name)
            table = model.normalised(counted, np.broadcast_to(own, counted.shape))
        sizes = tuple(table.shape[:-1])
        law = alias.known(table) if number is None else alias.law(table)
        found.append(Variable(node.name, parents, sizes, number, law))
    return tuple(found)


def _ever_married(nodes: Sequence[NodeTable], block: Block) -> Array:
    """(periods of birth,) share of the women of a state who are or were married, as the network expects."""
    people = block.persons.sum(axis=0)
    table = expectation.expected(nodes, people, ("sex", "age_band", "marital_status"), sampling.WORK)
    women = table[codes.SEXES.index("F")]
    married = 1 - women[:, codes.MARITAL_STATUSES.index("Solteiro")] / np.maximum(women.sum(axis=1), 1e-9)
    births = np.array(PERIODS) + 5
    return np.interp(naming.REFERENCE_YEAR - births, codes.AGE_BAND_STARTS, married)


def _traits(norms: pd.DataFrame, correlations: pd.DataFrame) -> tuple[Array, Array]:
    norms = norms.sort_values("age_group")
    means = np.stack([norms[norms["sex"] == sex][list(codes.TRAITS)].to_numpy(dtype=float) for sex in codes.SEXES])
    matrix = correlations.set_index("trait").loc[list(codes.TRAITS), list(codes.TRAITS)]
    try:
        root = np.linalg.cholesky(matrix.to_numpy(dtype=float))
    except np.linalg.LinAlgError as error:
        raise FitError("trait_correlations: the matrix is not positive definite.") from error
    return naming.trait_means(means), root


def person_id_base(state_code: int) -> int:
    """First person_id of a state."""
    return state_code * PERSON_ID_SHIFT
