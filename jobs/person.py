"""Person: one person of the virtual population made again alone, and how each value was drawn.

Reads   what `sample` reads, and core_persona__attribute
Writes  nothing
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from census import codes, model, seeds, tables
from census.errors import ConfigError
from conf import settings
from conf.settings import Config
from jobs import _drawing, _sample_tables, _states, _storage
from udfs import naming, sampling
from udfs.sampling import StateTables, Trace

_BLOCK = ("race", "education_level", "zone")


@dataclass(frozen=True)
class Step:
    """How one value came: the table, the parents' values in it, the uniform and the chance of what was drawn.

    `uniform` is None where nothing is drawn (the numbering, or what the parents determine), and the first of several
    where a value takes more than one (surnames); `probability` is None too where the value comes from a continuous law
    or from a law of words.
    """

    variable: str
    value: str
    table: str
    given: str
    uniform: float | None
    probability: float | None


@dataclass(frozen=True)
class Remade:
    """A person made again.

    Attributes:
        point: Sobol point t of the state.
        values: The row of core_persona__attribute as it is drawn now.
        stored: The row that the table holds; None if the person is in no sample of this folder.
        differences: Columns in which the two differ.
    """

    person_id: int
    point: int
    seed: int
    values: Mapping[str, object]
    steps: tuple[Step, ...]
    stored: Mapping[str, object] | None
    differences: tuple[str, ...]


def state_of(person_id: int) -> tuple[str, int]:
    """State and person number k of a person_id.

    Raises:
        ConfigError: It is none.
    """
    code, number = divmod(person_id, sampling.PERSON_ID_SHIFT)
    if code not in codes.UF_OF_CODE:
        raise ConfigError(
            f"{person_id} is no person_id: it is the state's IBGE code and a number of ten digits, as in 280000001234."
        )
    return codes.UF_OF_CODE[code], number


def run(spark: SparkSession, config: Config, person_id: int) -> Remade:
    """Make a person again, with the seed of the stored row if there is one.

    Raises:
        ConfigError: The number is beyond the state's population.
    """
    uf, number = state_of(person_id)
    stored = None
    if _storage.exists(config.data_dir, tables.ATTRIBUTE):
        rows = _storage.read(spark, config.data_dir, tables.ATTRIBUTE, [uf]).where(F.col("person_id") == person_id)
        row = rows.first()
        stored = None if row is None else row.asDict()
    seed = config.run.seed if stored is None else int(stored["seed"])
    drawn = _sample_tables.read(spark, config.data_dir, settings.network(), ufs=[uf], seed=seed, min_age_years=0)
    laws = drawn.states[0]
    if number >= laws.limit:
        raise ConfigError(f"{person_id}: {uf} has persons 0 to {laws.limit - 1:,}.", limit=laws.limit)
    points = seeds.points_of(np.array([number]), laws.sobol[seeds.ORDER], bits=laws.bits)
    trace: dict[str, Trace] = {}
    sampling.draw(points, laws, trace=trace)
    words = {name: pa.array(value) for name, value in vars(drawn.words).items()}
    batch = _drawing.draw_state(points, 0, drawn, words)
    frame = spark.createDataFrame(batch.to_pylist(), _drawing.SPARK_SCHEMA)
    values = _drawing.labelled(frame, seed, _states.model_version(config)).first().asDict()
    listed = _storage.read(spark, config.data_dir, tables.NODE).collect()
    known = model.DOMAINS | {row["node"]: tuple(row["values"]) for row in listed}
    steps = _steps(values, number, trace, laws, points, known)
    differences = () if stored is None else tuple(name for name, value in values.items() if stored[name] != value)
    return Remade(person_id, int(points[0]), seed, values, steps, stored, differences)


# Drawn by a mixer of the person number, not by the Sobol point: variable, stream, table, given.
_BY_NUMBER = (
    (
        "former_occupation_title",
        sampling.FORMER_TITLE,
        "core_model__cpd, core_model__title",
        "activity, sex, age_band, education_level, zone, race",
    ),
    ("first_name", naming.FIRST_NAME, "core_name__first_name, core_name__first_name_state", "uf, sex, decade of birth"),
    ("middle_name", naming.IS_COMPOUND, "core_name__second_name", "first_name, sex, period of birth"),
    (
        "last_name",
        naming.SURNAME_COUNT,
        "core_name__surname, core_name__structure, core_name__suffix",
        "uf, sex, period of birth, ever married",
    ),
    *(
        (trait, stream, "core_trait__norm, core_trait__correlation", "sex, age_years, the traits before it")
        for trait, stream in zip(codes.TRAITS, naming.TRAIT, strict=True)
    ),
)
_OF_A_TITLE = "occupation_cod, sex, education_level, position, age_years, municipality, zone"


def _steps(
    values: Mapping[str, object],
    number: int,
    trace: Mapping[str, Trace],
    laws: StateTables,
    points: np.ndarray,
    domains: Mapping[str, tuple[str, ...]],
) -> tuple[Step, ...]:
    place = f"{values['municipality_code']}, {values['sex']}, {values['age_years']} years"
    steps = [Step("municipality, sex, age", place, "core_model__allocation", f"person number {number}", None, None)]
    for name, drawn in trace.items():
        if len(drawn.cells) == 0:
            continue  # a variable of work, of somebody who does not work
        cell = np.unravel_index(int(drawn.cells[0]), drawn.variable.sizes) if drawn.variable.sizes else ()
        given = ", ".join(
            f"{parent}={_word(parent, int(at), laws, domains)}"
            for parent, at in zip(drawn.variable.parents, cell, strict=True)
        )
        value = int(drawn.variable.law.draw(drawn.cells, drawn.uniforms)[0])
        steps.append(
            Step(
                name,
                _word(name, value, laws, domains),
                "core_model__block" if name in _BLOCK else "core_model__cpd",
                given,
                float(drawn.uniforms[0]) if len(drawn.uniforms) else None,
                float(drawn.chances[0]),
            )
        )
    if values["income_brl"] is not None:
        for name, stream, table, given in (
            ("income_brl", sampling.INCOME_POINT, "core_model__income_point", "income_band, occupation_group"),
            ("occupation_cbo", sampling.TITLE, "core_model__title", _OF_A_TITLE),
            *(
                [("occupation_title", sampling.TRADE, "core_mei__trade", "occupation_cod, sex")]
                if values["is_mei"]
                else []
            ),
        ):
            u = float(sampling.uniforms(points, stream, laws)[0])
            steps.append(Step(name, str(values[name]), table, given, u, None))
    for name, stream, table, given in _BY_NUMBER:
        if values[name] not in (None, ""):
            u = float(seeds.mixed(laws.seed, laws.state_code, stream, np.array([number]))[0])
            steps.append(Step(name, str(values[name]), table, given, u, None))
    return tuple(steps)


def _word(variable: str, code: int, laws: StateTables, domains: Mapping[str, tuple[str, ...]]) -> str:
    if variable == "municipality":
        return str(laws.numbering.municipality_codes[code])
    word = domains[variable][code]
    return f"{word} BRL of 2018" if variable == "income_band" else word


def document(person: Remade) -> dict[str, object]:
    """The person for programs."""
    return {
        "person_id": person.person_id,
        "point": person.point,
        "seed": person.seed,
        "values": dict(person.values),
        "steps": [vars(step) for step in person.steps],
        "is_stored": person.stored is not None,
        "differences": list(person.differences),
    }


def columns(person: Remade) -> tuple[list[str], list[list[str]]]:
    """The steps as a table for people."""

    def number(value: float | None, digits: str) -> str:
        return "" if value is None else format(value, digits)

    heads = ["variable", "value", "probability", "uniform", "table", "given"]
    rows = [
        [s.variable, s.value, number(s.probability, ".4f"), number(s.uniform, ".6f"), s.table, s.given]
        for s in person.steps
    ]
    return heads, rows


def verdict(person: Remade) -> str:
    """Whether the stored row is the same, in a sentence."""
    if person.stored is None:
        return "in no sample of this folder: a larger one of the same seed would hold exactly this person"
    if not person.differences:
        return "equal to the stored row in every column"
    if person.differences == ("model_version",):
        return "equal to the stored row but for model_version: code or settings changed since, no value did"
    return f"the stored row differs in {', '.join(person.differences)}: it was drawn from another model"
