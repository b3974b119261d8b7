"""Fit: the network's tables for all of Brazil; the numbering and the census blocks of the chosen states.

Reads   core_census__*, core_place__municipality, core_pnadc__*, core_survey__*, core_marital__*, core_religion__*,
        core_published__*, core_mei__*, core_occupation__title, core_model__count, core_model__income_point,
        core_model__design_effect
Writes  core_model__node, core_model__cpd, core_model__title, core_model__evidence, model/network.json (national);
        core_model__allocation, core_model__block, core_model__residual (chosen states)
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from census import allocation, block, codes, counts, design_effects, harmonise, model, network, tables, titles
from census.errors import SchemaError
from census.network import NodeTable
from conf import settings
from conf.settings import Config, Node
from jobs import _cli, _fit_inputs, _national, _rule_check, _runlog, _states, _storage
from jobs._runlog import RunReport

Array = NDArray[np.float64]
_AGES = codes.MAX_AGE_YEARS + 1
_SLICE = int(np.prod(block.CELLS))
_SLICES = len(codes.SEXES) * len(codes.AGE_BANDS)
_RESIDUALS = ("age_sex_persons", "race", "education", "own_joint", "zone", "state_joint", "prior_share")


def run(spark: SparkSession, config: Config) -> RunReport:
    """Fit the national tables if anything they depend on changed; number and rake the states that lack it."""
    writes = (
        tables.NODE,
        tables.CPD,
        tables.TITLE_WEIGHT,
        tables.EVIDENCE,
        tables.ALLOCATION,
        tables.BLOCK,
        tables.RESIDUAL,
    )
    reads = (*_fit_inputs.READS, tables.EDUCATION_MUNICIPALITY)
    with _runlog.stage(spark, config, "fit", writes=writes, reads=reads) as report:
        if not report.todo:
            return report
        inputs = _fit_inputs.read(spark, config.data_dir)
        report.rows_in = _storage.read(spark, config.data_dir, tables.COUNT).count()
        spec = settings.network()
        effects = design_effects.by_family(inputs.design_effects, [*spec, *counts.FURTHER])
        zeros = _rule_check.packaged()
        census = _national.census_block(inputs, spec, effects, zeros)
        ufs = [uf for uf in report.todo if uf != _states.NATIONAL]
        # The states' numbering and blocks are made on the executors while the driver fits the country.
        with ThreadPoolExecutor(1) as pool:
            of_states = pool.submit(_store_states, spark, config, inputs, census, ufs, report) if ufs else None
            rows = 0
            if _states.NATIONAL in report.todo:
                report.progress("fitting the network for Brazil")
                rows = _store_national(
                    spark, config, inputs, _national.build(inputs, census, spec, effects, zeros), spec, report
                )
            report.rows_out = rows + (of_states.result() if of_states else 0)
    return report


def _store_national(
    spark: SparkSession,
    config: Config,
    inputs: _fit_inputs.NationalInputs,
    fitted: _national.Fitted,
    spec: dict[str, Node],
    report: RunReport,
) -> int:
    nodes = fitted.nodes
    domains = _national.domains_of(inputs.cod)
    network.check(nodes, domains)
    listed = [
        (order, node.name, spec[node.name].number, list(node.parents), list(node.values), node.grade, node.source)
        for order, node in enumerate(nodes)
    ]
    frame = spark.createDataFrame(listed, tables.NODE.schema).coalesce(1)
    _storage.replace_all(frame, config.data_dir, tables.NODE, metadata=report.metadata)
    rows = pa.concat_tables([network.rows(node, domains) for node in nodes])
    # The rows of a state follow each other: slices of the whole, no shuffle.
    rows = rows.take(pa.array(np.argsort(pc.dictionary_encode(rows["uf"].combine_chunks()).indices, kind="stable")))
    frame = spark.createDataFrame(rows, tables.CPD.schema)
    _storage.replace_all(frame, config.data_dir, tables.CPD, metadata=report.metadata)
    weights = spark.createDataFrame(_title_weights(inputs, fitted.women_of_cod)).select(
        *[F.col(column.name).cast(column.type) for column in tables.TITLE_WEIGHT.columns]
    )
    _storage.replace_all(weights.coalesce(1), config.data_dir, tables.TITLE_WEIGHT, metadata=report.metadata)
    evidence = spark.createDataFrame(_evidence(nodes, _national.split_grades(inputs)), tables.EVIDENCE.schema).coalesce(
        1
    )
    _storage.replace_all(evidence, config.data_dir, tables.EVIDENCE, metadata=report.metadata)
    text = network.to_json(nodes, domains, model_version=_states.model_version(config))
    _storage.write_text(config.data_dir, "model/network.json", text)
    probabilities = sum(int((node.table > 0).sum()) for node in nodes)
    report.progress(f"{len(nodes)} nodes, {probabilities:,} probabilities")
    return len(rows)


def _title_weights(inputs: _fit_inputs.NationalInputs, women_of_cod: Array) -> pd.DataFrame:
    """Rows of `core_model__title`."""
    known = titles.of_rows(inputs.titles, inputs.cod)
    weights = titles.weights(known, women_of_cod)
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "occupation_cod": np.array(inputs.cod)[known.cod],
                    "occupation_cbo": known.cbo,
                    "sex": sex,
                    "formal": bool(formal),
                    "weight": weights[formal, :, place],
                }
            )
            for formal in (0, 1)
            for place, sex in enumerate(codes.SEXES)
        ],
        ignore_index=True,
    )


def _store_states(
    spark: SparkSession,
    config: Config,
    inputs: _fit_inputs.NationalInputs,
    census: _national.Census,
    ufs: list[str],
    report: RunReport,
) -> int:
    rows = _number(spark, config, women_targets(inputs.education), ufs, report)
    _rake_blocks(spark, config, inputs.places.assign(rural=census.rural), census.states, ufs, report)
    return rows


# --------------------------------------------------------------------------------------------- the numbering
def _number(spark: SparkSession, config: Config, women: Array, ufs: list[str], report: RunReport) -> int:
    people = _storage.read(spark, config.data_dir, tables.AGE_SEX, ufs)
    numbered = people.groupBy("uf").applyInPandas(_numberer(women), tables.ALLOCATION.schema)
    _storage.replace_states(numbered, config.data_dir, tables.ALLOCATION, ufs, metadata=report.metadata)
    stored = _storage.read(spark, config.data_dir, tables.ALLOCATION, ufs)
    persons, rows = stored.agg(F.sum("persons"), F.count("*")).first() or (0, 0)
    report.progress(f"{persons:,} persons of {len(ufs)} states numbered")
    return int(rows)


def _numberer(women: Array) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def number(people: pd.DataFrame) -> pd.DataFrame:
        uf = str(people["uf"].iloc[0])
        return number_state(people, women[codes.UFS.index(uf)], uf)

    return number


def women_targets(education: pd.DataFrame) -> Array:
    """(states, 13): share of women in each adult band of SIDRA 10061 (18-24, 25-29 ... 80+)."""
    by_state, _ = _national.census_education(education)
    adults = by_state.sum(axis=(3, 4))
    return np.asarray(adults[:, 0] / adults.sum(axis=1))


def number_state(people: pd.DataFrame, women: Array, uf: str) -> pd.DataFrame:
    """`core_model__allocation` rows of one state.

    Args:
        people: `core_census__age_sex` of the state, all three sources.
        women: (13,) share of women by adult band.
    """
    rows = people.assign(age_years=people["age_years"].astype(str))
    counted = rows[rows["source"] == "census2022_age"]
    municipalities = tuple(sorted(counted["municipality_code"].unique()))
    ages = tuple(map(str, range(_AGES)))
    persons = model.dense(counted, {"municipality_code": municipalities, "age_years": ages})
    both = {"municipality_code": municipalities, "sex": codes.SEXES, "age_years": ages}
    estimates = model.dense(rows[rows["source"] == "estimates2022_sex_age"], both)[:, :, :81]
    old = rows[(rows["source"] == "census2010_sex_age80") & rows["municipality_code"].isin(municipalities)]
    profile = model.dense(old, both).sum(axis=0)[:, 80:]
    shares = allocation.women_shares(estimates, profile)
    bands = np.maximum(_national.BAND_OF_AGE - model.ADULT - 1, 0)
    bands = np.where(np.arange(_AGES) < 18, -1, bands)
    counts = allocation.whole_women(allocation.raked_women(shares, persons, bands, women), persons.astype(np.int64))
    cells = np.stack([counts, persons.astype(np.int64) - counts], axis=1)
    frame = pd.DataFrame(
        {
            "uf": uf,
            "municipality_code": np.repeat(municipalities, 2 * _AGES),
            "sex": np.tile(np.repeat(codes.SEXES, _AGES), len(municipalities)),
            "age_years": np.tile(np.arange(_AGES, dtype=np.int32), 2 * len(municipalities)),
            "persons": cells.ravel(),
        }
    )
    frame = frame[frame["persons"] > 0]
    minor = frame["age_years"] < 18
    frame = frame.assign(minor=minor).sort_values(["minor", "municipality_code", "sex", "age_years"], kind="stable")
    frame["order"] = np.arange(len(frame), dtype=np.int32)
    return frame[tables.ALLOCATION.column_names]


# --------------------------------------------------------------------------------------- the census blocks
_PERSONS, _OWN, _RURAL = 0, 1, 2  # kinds of margin


def _rake_blocks(
    spark: SparkSession, config: Config, places: pd.DataFrame, states: Array, ufs: list[str], report: RunReport
) -> None:
    rural = places.loc[places["uf"].isin(ufs), ["uf", "municipality_code", "rural"]]
    margins = block_margins(
        _storage.read(spark, config.data_dir, tables.ALLOCATION, ufs),
        _storage.read(spark, config.data_dir, tables.EDUCATION_MUNICIPALITY, ufs),
        spark.createDataFrame(rural),
    )
    raked = margins.groupBy("uf").applyInPandas(_raker(states, config), _RAKED).persist()
    blocks = raked.select(
        "uf",
        "municipality_code",
        F.posexplode(F.sequence(F.lit(0), F.lit(_SLICES - 1))).alias("place", "slice"),
        F.slice("block", F.col("slice") * _SLICE + 1, F.lit(_SLICE)).alias("persons"),
    ).select(
        "uf",
        "municipality_code",
        _word(codes.SEXES, (F.col("slice") / len(codes.AGE_BANDS)).cast("int")).alias("sex"),
        _word(codes.AGE_BANDS, F.col("slice") % len(codes.AGE_BANDS)).alias("age_band"),
        "persons",
    )
    _storage.replace_states(blocks, config.data_dir, tables.BLOCK, ufs, metadata=report.metadata)
    residuals = raked.select("uf", "municipality_code", *_RESIDUALS).coalesce(1)
    _storage.replace_states(residuals, config.data_dir, tables.RESIDUAL, ufs, metadata=report.metadata)
    raked.unpersist()
    report.progress(f"{len(rural):,} municipalities raked")


_RAKED = "uf string, municipality_code string, block array<double>, " + ", ".join(f"{r} double" for r in _RESIDUALS)


def _word(domain: tuple[str, ...], place: Column) -> Column:
    return F.element_at(F.array(*map(F.lit, domain)), place + 1)


def block_margins(allocated: DataFrame, own: DataFrame, rural: DataFrame) -> DataFrame:
    """Every margin of the blocks as rows: uf, municipality_code, kind, place in the margin's array, value."""

    def place(name: str, domain: Sequence[str]) -> Column:
        return F.array_position(F.array(*map(F.lit, domain)), F.col(name)).cast("int") - 1

    people = allocated.withColumn("age_band", harmonise.age_band(F.col("age_years")))
    persons = people.groupBy(
        "uf",
        "municipality_code",
        F.lit(_PERSONS).alias("kind"),
        (place("sex", codes.SEXES) * len(codes.AGE_BANDS) + place("age_band", codes.AGE_BANDS)).alias("place"),
    ).agg(F.sum("persons").cast("double").alias("value"))
    races, levels = len(codes.RACES), len(codes.EDUCATION_LEVELS)
    cell = (place("age_group", codes.AGE_BANDS) - block.ADULT) * races + place("race", codes.RACES)
    own = own.select(
        "uf",
        "municipality_code",
        F.lit(_OWN).alias("kind"),
        (cell * levels + place("education_level", codes.EDUCATION_LEVELS)).alias("place"),
        F.col("persons").alias("value"),
    )
    rural = rural.select(
        "uf", "municipality_code", F.lit(_RURAL).alias("kind"), F.lit(0).alias("place"), F.col("rural").alias("value")
    )
    return persons.unionByName(own).unionByName(rural)


def _raker(states: Array, config: Config) -> Callable[[pd.DataFrame], pd.DataFrame]:
    settings_ = config.fit

    def rake(margins: pd.DataFrame) -> pd.DataFrame:
        uf = str(margins["uf"].iloc[0])
        codes_, municipality = np.unique(margins["municipality_code"].to_numpy(dtype=str), return_inverse=True)
        kind, place, value = (margins[name].to_numpy() for name in ("kind", "place", "value"))

        def array(which: int, *shape: int) -> Array:
            result = np.zeros((len(codes_), int(np.prod(shape))))
            here = kind == which
            result[municipality[here], place[here]] = value[here]
            return result.reshape(len(codes_), *shape)

        if (place < 0).any() or np.isnan(value).any():
            raise SchemaError(f"{uf}: a margin of its municipalities holds a value outside the code book.")
        raked, residual = block.municipal_block(
            array(_PERSONS, len(codes.SEXES), len(codes.AGE_BANDS)),
            states[codes.UFS.index(uf)],
            array(_OWN, len(codes.AGE_BANDS) - block.ADULT, len(codes.RACES), len(codes.EDUCATION_LEVELS)),
            array(_RURAL, 1)[:, 0],
            design_effect=settings_.municipal_design_effect,
            shrink_persons=settings_.municipal_shrink_persons,
            passes=settings_.ipf_passes,
            tolerance=settings_.ipf_tolerance,
        )
        return pd.DataFrame(
            {
                "uf": uf,
                "municipality_code": codes_,
                "block": list(raked.reshape(len(codes_), -1)),
                "age_sex_persons": residual.age_sex,
                "race": residual.race,
                "education": residual.education,
                "own_joint": residual.own_joint,
                "zone": residual.zone,
                "state_joint": residual.state_joint,
                "prior_share": residual.prior_share,
            }
        )

    return rake


def _evidence(nodes: Sequence[NodeTable], splits: Mapping[str, tuple[str, str, str]]) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    earlier = ["uf", "municipality", "sex", "age_band"]
    for node in nodes:
        in_block = {"municipality"} if node.name in model.BLOCK_NODES else set()
        others = [name for name in earlier if name not in node.parents and name not in in_block]
        assumption = (
            f"{node.name} is independent of {', '.join(others)} given {', '.join(node.parents)}" if others else "none"
        )
        cells = int(np.prod(node.table.shape[:-1]))
        rows.append((node.name, ", ".join(node.parents), node.grade, node.source, cells, assumption, None, None))
        earlier.append(node.name)
    for name, (grade, source, assumption) in splits.items():
        rows.append((name, "", grade, source, 0, assumption, None, None))
    return rows


if __name__ == "__main__":
    sys.exit(_cli.main("fit"))
