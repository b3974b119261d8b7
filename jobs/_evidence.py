"""Evidence: how well the network's tables foresee persons that they have not seen, and which edges the data show.

Reads   core_pnadc__person, core_model__design_effect, core_model__evidence, and what jobs/_judge.py reads
Writes  core_model__held_out, core_model__edge (national), what jobs/_judge.py writes, and the residuals of
        core_model__evidence (`povo fit --evidence`, some minutes)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from census import assumptions, codes, held_out_fit, model, structure, tables
from census.errors import FitError
from census.held_out_fit import CodedFamily, Persons
from conf import settings
from conf.settings import Config, Node
from jobs import _judge, _runlog, _storage
from jobs._runlog import RunReport

Integers = NDArray[np.int64]
_SOURCE = "pnadc_2018t2"
# Within the log-linear tables: a cell holds a person or two of a UPA, so that neighbours hardly meet in it.
CELL_DESIGN_EFFECT = 1.1
_GRID = (25.0, 100.0, 400.0, 1600.0)
_BOOTSTRAPS = 20
# Node -> what the survey has of it, and the persons asked.
_SURVEYED = {
    "activity": ("is_working", "of_working_age"),
    "education_level": ("education_level", "is_adult"),
    "occupation_group": ("occupation_group", "has_occupation"),
    "occupation_cod": ("occupation_cod", "has_occupation"),
    "position": ("survey_position", "has_occupation"),
}
_CODED = ("uf", "sex", "race", "zone", "education_level", "age_band", "occupation_group", "survey_position")
# Tables of the calibration: child, parents kept, digits of the value kept (0 = all).
_CALIBRATED = (
    ("is_working", ("uf", "sex", "race", "age_band", "education_level"), 0),
    ("occupation_group", ("uf", "sex"), 0),
    ("occupation_cod", ("sex", "education_level"), 3),
)
# Coarse variables of the structure search, in the order of the network; the first tier is given.
_TIERS = {
    "of_working_age": (("region", "sex", "age"), ("race",), ("education_level",), ("zone",), ("is_working",)),
    "has_occupation": (
        ("region", "sex", "age"),
        ("race",),
        ("education_level",),
        ("zone",),
        ("occupation_group",),
        ("survey_position",),
        ("income",),
    ),
}
_COARSE = {
    "uf": "region",
    "age_band": "age",
    "age_class": "age",
    "career_stage": "age",
    "activity": "is_working",
    "occupation_cod": "occupation_group",
    "position": "survey_position",
    "earning_class": "income",
    "income_band": "income",
    "pay_class": "occupation_group",
}
_INCOME_CLASSES = (0, 954, 1500, 3000)  # up to each end: below a minimum wage, a wage, twice ...


def run(spark: SparkSession, config: Config, *, say: Callable[[str], None]) -> None:
    """Score the estimators of every surveyed node, drop each parent once, calibrate, and search for edges."""
    reads = (tables.PERSON, tables.DESIGN_EFFECT, tables.EVIDENCE, *_judge.READS)
    with _runlog.aside(spark, config, "evidence", beside="fit", reads=reads) as report:
        _score(spark, config, report, say)


def _score(spark: SparkSession, config: Config, report: RunReport, say: Callable[[str], None]) -> None:
    people = _storage.read(spark, config.data_dir, tables.PERSON)
    persons = read(people)
    spec = settings.network()
    found = families(spec)
    say(f"{len(persons.weights):,} persons, {len(found)} families")
    rows = [_design_rows(_storage.read(spark, config.data_dir, tables.DESIGN_EFFECT))]
    for node, family in found.items():
        say(f"held-out fit of {node}")
        rows += [_estimator_rows(persons, node, family), _parent_rows(persons, node, family)]
        rows.append(residual_rows(persons, spec, node, family))
    for child, kept, digits in _CALIBRATED:
        say(f"calibration of {child}")
        rows.append(_calibration_row(persons, found, child, kept, digits))
    say("searching for edges")
    metadata = report.metadata
    scores = pd.concat([part for part in rows if len(part)], ignore_index=True)
    report.rows_in, report.rows_out = len(persons.weights), len(scores)
    _replace(spark, config, scores, tables.HELD_OUT, metadata)
    known = [row.asDict() for row in _storage.read(spark, config.data_dir, tables.EVIDENCE).collect()]
    told = with_residuals(known, scores)
    frame = spark.createDataFrame(
        [tuple(row[name] for name in tables.EVIDENCE.column_names) for row in told], tables.EVIDENCE.schema
    )
    _storage.replace_all(frame.coalesce(1), config.data_dir, tables.EVIDENCE, metadata=metadata)
    _replace(spark, config, edges(persons, spec, seed=config.run.seed), tables.EDGE, metadata)
    say("judging by what no fit read")
    _judge.judge(spark, config, metadata=metadata)


def read(people: DataFrame) -> Persons:
    """The persons of the main survey as small integers; only these columns leave Spark."""

    def code(name: str) -> Column:
        values = F.array(*map(F.lit, model.DOMAINS[name]))
        return (F.coalesce(F.array_position(values, F.col(name)), F.lit(0)) - 1).cast("short").alias(name)

    found = (
        people.where(F.col("source") == _SOURCE)
        .select(
            *[code(name) for name in _CODED],
            "age_years",
            F.coalesce(F.col("is_working").cast("short"), F.lit(-1)).alias("is_working"),
            F.coalesce(F.col("occupation_cod").cast("short"), F.lit(-1)).alias("occupation_cod"),
            F.coalesce(F.col("income_brl"), F.lit(-1.0)).alias("income_brl"),
            "upa",
            "stratum",
            "weight_persons",
        )
        .toArrow()
    )
    frame = {name: found.column(name).to_numpy() for name in found.column_names}
    columns: dict[str, Integers] = {
        name: frame[name].astype(np.int64) for name in (*_CODED, "is_working", "occupation_cod")
    }
    age, income = frame["age_years"], frame["income_brl"]
    for name, classes in model.COARSER_AGES.items():
        columns[name] = np.array(classes)[columns["age_band"]]
    columns["age"] = columns["age_class"]
    columns["region"] = np.array([codes.REGIONS.index(state.region) for state in codes.STATES])[columns["uf"]]
    columns["income_band"] = np.where(income < 0, -1, np.searchsorted(codes.INCOME_BAND_ENDS, income))
    columns["income"] = np.where(income < 0, -1, np.searchsorted(_INCOME_CLASSES, income))
    columns["of_working_age"] = (age >= codes.AGE_BAND_STARTS[codes.AGE_BANDS.index("14-17")]).astype(np.int64)
    columns["is_adult"] = (age >= codes.AGE_BAND_STARTS[codes.FIRST_ADULT_BAND]).astype(np.int64)
    columns["has_occupation"] = ((columns["is_working"] == 1) & (columns["occupation_group"] >= 0)).astype(np.int64)
    sizes = {name: len(model.DOMAINS[name]) for name in (*_CODED, "is_working", "income_band")}
    sizes |= {name: len(model.DOMAINS[name]) for name in model.COARSER_AGES} | {"occupation_cod": 10_000}
    return Persons(
        columns,
        sizes,
        frame["weight_persons"].astype(float),
        frame["upa"].astype(np.int64),
        frame["stratum"].astype(np.int64),
    )


def families(spec: Mapping[str, Node]) -> dict[str, CodedFamily]:
    """The nodes that the survey asks about, with the network's own parents, the strongest first.

    Raises:
        FitError: A parent of such a node is not in the survey.
    """
    known = {*_CODED, *model.COARSER_AGES, "is_working", "occupation_cod"}
    result = {}
    for node, (child, universe) in _SURVEYED.items():
        if node not in spec:
            continue
        own = model.in_order([p for p in spec[node].parents if p != "uf"], spec[node].smoothing)
        named = [_SURVEYED[p][0] if p in _SURVEYED else p for p in own]
        for parent in named:
            if parent not in known:
                raise FitError(
                    f"network.toml: {parent}, a parent of {node}, is not in {_SOURCE}: `povo fit --evidence` cannot "
                    f"score it. It knows {', '.join(sorted(known))}.",
                    node=node,
                    parent=parent,
                )
        # The great group says which COD there are: a table of its own each.
        within = "occupation_group" if "occupation_cod" in (child, *named) else ""
        parents = tuple(p for p in named if p not in (within, "is_working"))
        result[node] = CodedFamily(child, parents, within, universe)
    return result


def edges(persons: Persons, spec: Mapping[str, Node], *, seed: int) -> pd.DataFrame:
    """`core_model__edge` rows: the persons of working age, then those with an occupation for what only these have."""
    parts = []
    for universe, tiers in _TIERS.items():
        names = [name for tier in tiers for name in tier]
        chosen = persons.columns[universe] == 1
        for name in names:
            chosen &= persons.columns[name] >= 0
        columns = {name: np.unique(persons.columns[name][chosen], return_inverse=True)[1] for name in names}
        declared = {
            (_COARSE.get(parent, parent), _COARSE.get(node, node))
            for node, entry in spec.items()
            for parent in entry.parents
        }
        declared = {(p, c) for p, c in declared if p in names and c in names and p != c}
        found = structure.edge_support(
            columns,
            persons.weights[chosen],
            tiers,
            declared,
            design_effect=CELL_DESIGN_EFFECT,
            bootstraps=_BOOTSTRAPS,
            seed=seed,
        )
        parts.append(found.assign(universe=universe))
    return pd.concat(parts, ignore_index=True)


def _estimator_rows(persons: Persons, node: str, family: CodedFamily) -> pd.DataFrame:
    found = held_out_fit.compare(persons, {node: family}, design_effect=CELL_DESIGN_EFFECT, grid=_GRID)
    return found.rename(columns={"estimator": "name", "behind": "value", "behind_error": "error"}).assign(
        kind="estimator"
    )


def _parent_rows(persons: Persons, node: str, family: CodedFamily) -> pd.DataFrame:
    found = held_out_fit.without_parent(persons, family, design_effect=CELL_DESIGN_EFFECT)
    return found.rename(columns={"parent": "name", "lost": "value", "lost_error": "error"}).assign(
        family=node, kind="parent", note=f"of {', '.join(('uf', *family.all_parents))}"
    )


def residual_rows(persons: Persons, spec: Mapping[str, Node], node: str, family: CodedFamily) -> pd.DataFrame:
    """The independences that the node asserts of the survey's variables: information left, and its floor."""
    listed = [_SURVEYED[name][0] if name in _SURVEYED else name for name in spec]
    earlier = ("sex", "age_band", *listed[: listed.index(family.child)])
    found = []
    for omitted in dict.fromkeys(earlier):
        if omitted not in (*_CODED[1:], "occupation_cod") or omitted in family.all_parents:
            continue
        left = assumptions.left_out(persons, family, omitted, design_effect=CELL_DESIGN_EFFECT)
        if left is not None:
            found.append(
                {"name": omitted, "value": left.bits, "error": left.floor, "rows": int(left.effective_persons)}
            )
    given = ", ".join(family.all_parents)
    return pd.DataFrame(found, columns=["name", "value", "error", "rows"]).assign(
        family=node, kind="residual", note=f"given {given}; bits, not nats; rows are effective persons"
    )


def with_residuals(evidence: Sequence[Mapping[str, object]], scores: pd.DataFrame) -> list[dict[str, object]]:
    """Rows of `core_model__evidence` with what the residuals among `scores` say of each node; null where none does."""
    found = scores[scores["kind"] == "residual"]
    rows = []
    for row in evidence:
        own = found[found["family"] == row["node"]].set_index("name")
        bits = own["value"].astype(float).to_dict() or None
        rows.append({**row, "residual_bits": bits, "noise_bits": own["error"].astype(float).to_dict() or None})
    return rows


def _calibration_row(
    persons: Persons, found: Mapping[str, CodedFamily], child: str, kept: tuple[str, ...], digits: int
) -> pd.DataFrame:
    family = next(family for family in found.values() if family.child == child)
    names = ("uf", *family.parents)
    keep = [names.index(name) for name in kept if name in names]
    divisor = 10 ** (4 - digits)
    result = held_out_fit.calibration(
        held_out_fit.parts(persons, family),
        held_out_fit.ours(CELL_DESIGN_EFFECT),
        keep=keep,
        design_effect=CELL_DESIGN_EFFECT,
        value_groups=(lambda values: values // divisor) if digits else None,
        repeats=_BOOTSTRAPS,
    )
    label = f"{child} ({digits} digits)" if digits else child
    return pd.DataFrame(
        [
            {
                "family": " x ".join([*(names[axis] for axis in keep), label]),
                "kind": "calibration",
                "name": "inside 95 %",
                "value": result.inside,
                "rows": result.entries,
                "note": f"design effect of the other half {result.design_effect:.2f}; the model's own part of the "
                f"variance {result.model_share:.2f}",
            }
        ]
    )


def _design_rows(effects: DataFrame) -> pd.DataFrame:
    found = effects.toPandas()
    words = {"uf": "margin of a state", "br": "national parent cell"}
    return pd.DataFrame(
        {
            "family": found["family"],
            "kind": "design_effect",
            "name": found["level"].map(words),
            "value": found["design_effect"],
            "rows": found["cells"],
            "note": "linearised over UPAs within strata, all values together",
        }
    )


def _replace(
    spark: SparkSession, config: Config, rows: pd.DataFrame, table: tables.Table, metadata: Mapping[str, object]
) -> None:
    plain = rows.astype(object).where(rows.notna(), None)
    kinds = {"bigint": int, "int": int, "double": float, "boolean": bool, "string": str}
    values = []
    for _, row in plain.iterrows():
        found = [(row.get(column.name), kinds[column.type.simpleString()]) for column in table.columns]
        values.append(tuple(None if value is None else kind(value) for value, kind in found))
    frame = spark.createDataFrame(values, table.schema).coalesce(1)
    _storage.replace_all(frame, config.data_dir, table, metadata=metadata)
