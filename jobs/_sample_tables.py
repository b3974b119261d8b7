"""The sampler's tables: read from Delta on the driver, once a run; none grows with the persons drawn."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyspark.sql import SparkSession

from census import axes, codes, model, names, seeds, tables
from census.errors import FitError
from conf.settings import Node
from jobs import _model_tables, _storage
from jobs._model_tables import ModelTables
from udfs import alias, sampling
from udfs.naming import FIRST_DECADE, LAST_DECADE, PERIODS, NameTables
from udfs.sampling import INCOME_POINT, PERSON_ID_SHIFT, TITLE, StateTables, Variable

Array = NDArray[np.float64]
POPULATION = 203_080_756  # residents, Censo 2022 (SIDRA 9514)
# A title that RAIS counts under 1,000 times still occurs: weight of a title without a count, in jobs.
_UNCOUNTED_JOBS = 200.0


@dataclass(frozen=True)
class Words:
    """Lists that the codes of names and titles point into."""

    cod: list[str]
    cbo: list[str]
    title: list[str]
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
    allocated, occupations, surnames, singles, pairs, structure, suffixes, norms, correlations = _storage.frames(
        lambda: _storage.read(spark, data_dir, tables.ALLOCATION, ufs).orderBy("uf", "order"),
        *(partial(_storage.read, spark, data_dir, table) for table in SMALL),
    )
    occupations = occupations.sort_values(["occupation_cod", "occupation_cbo"])
    surnames = surnames.sort_values("surname", ignore_index=True)
    cod = list(stored.values("occupation_cod"))
    # Slots of titles: two words a row, woman's and man's; their index is 2 * row + sex.
    titles = _titles(occupations, cod)
    points, factor = _model_tables.income_points(spark, data_dir)
    vectors = seeds.directions()
    streams = [seeds.ORDER, INCOME_POINT, TITLE, *(node.number for node in spec.values() if node.number is not None)]
    states, naming = [], []
    shared = _shared_names(singles, pairs, structure, suffixes)
    for uf in ufs:
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
                network=_variables(stored, uf, spec),
                titles=titles,
                income_points=points,
                income_factor=factor,
            )
        )
        naming.append(_names(shared, surnames, uf, seed))
    with_particle = [f"{p} {s}" if p else s for p, s in zip(surnames["particle"], surnames["surname"], strict=True)]
    words = Words(
        cod=cod,
        cbo=list(occupations["occupation_cbo"]),
        title=[
            word
            for pair in zip(occupations["title_feminine"], occupations["title_masculine"], strict=True)
            for word in pair
        ],
        first=shared.first_words,
        second=shared.second_words,
        surname=list(surnames["surname"]),
        surname_with_particle=with_particle,
        suffix=shared.suffix_words,
    )
    means, root = _traits(norms, correlations)
    return SampleTables(states, naming, words, means, root)


# Small tables of all of Brazil, in the order in which they are read.
SMALL = (
    tables.OCCUPATION,
    tables.SURNAME,
    tables.FIRST_NAME,
    tables.SECOND_NAME,
    tables.NAME_STRUCTURE,
    tables.NAME_SUFFIX,
    tables.TRAIT_NORM,
    tables.TRAIT_CORRELATION,
)


def _variables(stored: ModelTables, uf: str, spec: dict[str, Node]) -> tuple[Variable, ...]:
    """The variables of a state in the order of drawing; those of the census block by municipality."""
    block = stored.block(uf)
    everyone = block.persons
    laws: dict[str, tuple[tuple[str, ...], Array]] = {
        "race": (("municipality", "sex", "age_band"), everyone.sum(axis=(4, 5))),
        "education_level": (("municipality", "sex", "age_band", "race"), everyone.sum(axis=5)),
        "zone": (("municipality", "sex", "age_band", "race", "education_level"), everyone),
    }
    found = []
    for node in stored.state(uf):
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


def _titles(occupations: pd.DataFrame, cod: list[str]) -> alias.Alias:
    """Laws of the CBO title given (COD, sex).

    A COD group without any CBO title takes those of the group with the longest common code.
    """
    by_cod = {
        c: np.flatnonzero(occupations["occupation_cod"].to_numpy() == c) for c in set(occupations["occupation_cod"])
    }
    jobs = occupations["jobs"].to_numpy(dtype=float)
    women = occupations["women_share"].to_numpy(dtype=float)
    women = np.where(np.isnan(women), 0.5, women)
    has = [occupations[f"title_{g}"].to_numpy() != "" for g in ("feminine", "masculine")]
    laws, index = [], []
    for code in cod:
        rows = by_cod.get(code)
        if rows is None:
            near = max(by_cod, key=lambda other: (_common(code, other), -abs(int(code) - int(other))))
            rows = by_cod[near]
        for sex, share in enumerate((women, 1 - women)):
            weights = np.where(has[sex][rows], jobs[rows] * share[rows] + _UNCOUNTED_JOBS * 0.5, 0.0)
            laws.append(weights)
            index.append(rows)
    return replace(alias.build_ragged(laws), value=np.concatenate(index).astype(np.int32))


def _common(one: str, other: str) -> int:
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=True)) if a != b), len(one))


@dataclass(frozen=True)
class _SharedNames:
    first: alias.Alias
    first_index: NDArray[np.int64]
    first_words: list[str]
    compound: alias.Alias
    compound_first: NDArray[np.int64]
    compound_second: NDArray[np.int64]
    second_words: list[str]
    structure: pd.DataFrame
    suffixes: pd.DataFrame
    suffix_words: list[str]


def _shared_names(
    singles: pd.DataFrame, pairs: pd.DataFrame, structure: pd.DataFrame, suffixes: pd.DataFrame
) -> _SharedNames:
    suffixes = suffixes.sort_values(["region", "suffix"])
    first_words = sorted(set(singles["first_name"]) | set(pairs["first_name"]))
    place = {word: i for i, word in enumerate(first_words)}
    second_words = sorted(set(pairs["second_name"]))
    second_place = {word: i for i, word in enumerate(second_words)}
    singles = (
        singles.groupby(["sex", "birth_decade", "first_name"], as_index=False)["persons"]
        .sum()
        .sort_values(["sex", "birth_decade", "first_name"])
    )
    pairs = pairs.sort_values(["sex", "birth_period", "first_name", "second_name"])
    national = structure.groupby(["sex", "birth_period"])["compound_share"].mean()
    laws, index = [], []
    for sex in codes.SEXES:
        for decade in range(FIRST_DECADE, LAST_DECADE + 10, 10):
            rows = singles[(singles["sex"] == sex) & (singles["birth_decade"] == decade)]
            period = min(max(decade, PERIODS[0]), PERIODS[-1])
            of_period = pairs[(pairs["sex"] == sex) & (pairs["birth_period"] == period)]
            share = of_period.groupby("first_name")["persons"].sum() / of_period["persons"].sum()
            # Compounds bring their own first names: what is left keeps each name's share of all.
            compound = rows["first_name"].map(share).fillna(0.0).to_numpy() * national[(sex, period)]
            law = rows["persons"].to_numpy() / rows["persons"].sum()
            laws.append(np.maximum(law - compound, law * 0.05))
            index.append(rows["first_name"].map(place).to_numpy())
    pair_laws, pair_first, pair_second = [], [], []
    for sex in codes.SEXES:
        for period in PERIODS:
            rows = pairs[(pairs["sex"] == sex) & (pairs["birth_period"] == period)]
            pair_laws.append(rows["persons"].to_numpy(dtype=float))
            pair_first.append(rows["first_name"].map(place).to_numpy())
            pair_second.append(rows["second_name"].map(second_place).to_numpy())
    return _SharedNames(
        first=alias.build_ragged(laws),
        first_index=np.concatenate(index).astype(np.int64),
        first_words=first_words,
        compound=alias.build_ragged(pair_laws),
        compound_first=np.concatenate(pair_first).astype(np.int64),
        compound_second=np.concatenate(pair_second).astype(np.int64),
        second_words=second_words,
        structure=structure,
        suffixes=suffixes,
        suffix_words=sorted(set(suffixes["suffix"])),
    )


def _names(shared: _SharedNames, surnames: pd.DataFrame, uf: str, seed: int) -> NameTables:
    region = codes.STATE_OF[uf].region
    own = shared.structure[shared.structure["region"] == region].set_index(["sex", "birth_period"]).sort_index()

    def column(name: str) -> Array:
        return np.array([[own.loc[(sex, period), name] for period in PERIODS] for sex in codes.SEXES])

    one, three = column("one_surname_share"), column("three_surnames_share")
    counts = np.stack([one, 1 - one - three, three], axis=-1)
    ratio = np.array([ratios.get(uf, 1.0) for ratios in surnames["uf_ratio"]])
    bearers = surnames["persons"].to_numpy() / POPULATION * ratio
    suffixes = (
        shared.suffixes[shared.suffixes["region"] == region]
        .set_index("suffix")["persons"]
        .reindex(shared.suffix_words)
        .fillna(0.0)
    )
    return NameTables(
        seed=seed,
        state_code=codes.STATE_OF[uf].code,
        first=shared.first,
        first_index=shared.first_index,
        compound=shared.compound,
        compound_first=shared.compound_first,
        compound_second=shared.compound_second,
        compound_share=column("compound_share"),
        suffix_share=column("suffix_share"),
        surname_count=alias.build(counts.reshape(-1, counts.shape[-1])),
        surname=alias.build(names.slot_law(bearers, counts.mean(axis=(0, 1)))[None]),
        particle_share=surnames["particle_share"].to_numpy(dtype=float),
        suffix=alias.build((suffixes / suffixes.sum()).to_numpy()[None]),
    )


def _traits(norms: pd.DataFrame, correlations: pd.DataFrame) -> tuple[Array, Array]:
    norms = norms.sort_values("age_group")
    means = np.stack([norms[norms["sex"] == sex][list(codes.TRAITS)].to_numpy(dtype=float) for sex in codes.SEXES])
    matrix = correlations.set_index("trait").loc[list(codes.TRAITS), list(codes.TRAITS)]
    try:
        root = np.linalg.cholesky(matrix.to_numpy(dtype=float))
    except np.linalg.LinAlgError as error:
        raise FitError("trait_correlations: the matrix is not positive definite.") from error
    return means, root


def person_id_base(state_code: int) -> int:
    """First person_id of a state."""
    return state_code * PERSON_ID_SHIFT
