"""Structural zeros in the persons drawn: nobody may break a rule of conf/rules.toml.

Reads   core_persona__attribute, core_occupation__title, core_mei__trade
"""

from __future__ import annotations

import csv
import gzip
import io
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import NamedTuple

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from census import codes, rules, tables
from census.errors import QualityGateError
from census.rules import Rule
from conf import settings
from conf.settings import Config
from jobs import _locks, _storage

NATIONAL = "BR"
TOTAL = "structural-zero violations"
_RULES_OF_A_PASS = 90


class TitleRule(NamedTuple):
    """A structural zero that census/reference/title_requirements.csv or mei_trades.csv tells title by title.

    Attributes:
        sql: Over a row of `with_titles`: true for who breaks it.
    """

    name: str
    what: str
    sql: str
    who: str
    why: str
    source: str


_LEVEL = f"array_position(array({', '.join(repr(level) for level in codes.EDUCATION_LEVELS)}), %s)"
_REVIEWED = "Povo, title_requirements.csv: law or reason of each title"
TITLE_RULES = (
    TitleRule(
        "no_title_below_its_schooling",
        "occupation_title",
        f"{_LEVEL % 'education_level'} < {_LEVEL % 'min_education_level'}",
        "education_level is below what the title asks for",
        "A physician has a degree, a technician the médio.",
        _REVIEWED,
    ),
    TitleRule(
        "no_former_title_below_its_schooling",
        "former_occupation_title",
        f"{_LEVEL % 'education_level'} < former_level",
        "education_level is below what every title of that name asks for",
        "Who once was a reporter or a physician had the schooling for it.",
        _REVIEWED,
    ),
    TitleRule(
        "no_title_outside_its_ages",
        "occupation_title",
        "age_years < min_age_years OR age_years > max_age_years",
        "age_years is under or over what the title allows",
        "A lorry driver is 18 or over, a soldier not 70.",
        _REVIEWED,
    ),
    TitleRule(
        "no_title_outside_its_positions",
        "occupation_title",
        "NOT array_contains(split(positions, ';'), position)",
        "position is none of the title's",
        "A judge holds a statute, a housekeeper a domestic job.",
        _REVIEWED,
    ),
    TitleRule(
        "no_title_of_the_other_sex",
        "occupation_title",
        "only_sex <> sex",
        "sex is not the one that the title names",
        "A title that names a sex is of that sex.",
        _REVIEWED,
    ),
    TitleRule(
        "no_mei_outside_the_list",
        "is_mei = sim",
        "is_mei AND mei_cod IS NULL",
        "occupation_cod holds no trade that a MEI may have",
        "A MEI works in one of the trades of the annex.",
        "Resolução CGSN 140/2018, Anexo XI; base groups: Povo, mei_trades.csv",
    ),
    TitleRule(
        "no_mei_over_the_ceiling",
        "income_brl",
        f"is_mei AND income_brl > {codes.MEI_CEILING_BRL}",
        f"is_mei, and income_brl is over {codes.MEI_CEILING_BRL}",
        "A MEI earns no more than the receipts that the law allows.",
        "LC 123/2006, art. 18-A, § 1º: R$ 81,000 a year",
    ),
    TitleRule(
        "no_former_title_of_children",
        "former_occupation_title",
        "former_occupation_title IS NOT NULL AND activity IS NULL",
        "activity is missing",
        "A child had no job.",
        "Povo, definition of former_occupation_title (core_persona__attribute)",
    ),
)


@dataclass(frozen=True)
class Found:
    """What the persons of some states show.

    Attributes:
        persons: State -> persons checked.
        broken: State -> rule -> persons who break it, where any does.
        examples: Rule -> a person who breaks it.
    """

    persons: dict[str, int]
    broken: dict[str, dict[str, int]]
    examples: dict[str, int]

    def by_rule(self) -> dict[str, int]:
        """Rule -> persons of all states who break it, worst first; rules that hold are left out."""
        total: dict[str, int] = {}
        for counts in self.broken.values():
            for name, persons in counts.items():
                total[name] = total.get(name, 0) + persons
        return dict(sorted(total.items(), key=lambda item: (-item[1], item[0])))


@cache
def packaged() -> tuple[Rule, ...]:
    """The rules of conf/rules.toml."""
    file = settings.sources()["occupation_cod"].file
    packed = resources.files("census").joinpath("reference", file).read_bytes()
    cods = [row["cod"] for row in csv.DictReader(io.StringIO(gzip.decompress(packed).decode("utf-8")))]
    return rules.load(settings.rules(), cods)


def check(spark: SparkSession, config: Config, people: DataFrame) -> Found:
    """Count which of all rules the persons break.

    Args:
        people: Rows of `core_persona__attribute`.
    """
    return count(with_titles(spark, config, people), packaged())


def with_titles(spark: SparkSession, config: Config, people: DataFrame) -> DataFrame:
    """Persons with what their title asks for, their former one (of several of a name, the least), and the MEI's trades.

    Adds `min_education_level` and the other requirements, `former_level` (place in the code book, from 1) and `mei_cod`
    (null where the base group holds no trade of a MEI).
    """
    known = _storage.read(spark, config.data_dir, tables.OCCUPATION)
    asked = known.select(
        "occupation_cbo", "min_education_level", "min_age_years", "max_age_years", "positions", "only_sex"
    ).distinct()
    trades = _storage.read(spark, config.data_dir, tables.MEI_TRADE)
    trades = trades.select("occupation_cod", F.col("occupation_cod").alias("mei_cod")).distinct()
    words = F.explode(F.array("title_feminine", "title_masculine")).alias("former_occupation_title")
    level = F.expr(_LEVEL % "min_education_level").alias("level")
    former = known.select(words, level).groupBy("former_occupation_title").agg(F.min("level").alias("former_level"))
    return (
        people.join(F.broadcast(asked), "occupation_cbo", "left")
        .join(F.broadcast(trades), "occupation_cod", "left")
        .join(F.broadcast(former), "former_occupation_title", "left")
    )


def count(people: DataFrame, checked: tuple[Rule, ...]) -> Found:
    """Count who breaks which rule; examples are looked up only for a rule that is broken.

    Args:
        people: One row a person, as `with_titles` gives them.
    """
    breaks = {rule.name: F.expr(rules.violation_sql(rule)) for rule in checked}
    breaks |= {rule.name: F.expr(rule.sql) for rule in TITLE_RULES}
    persons: dict[str, int] = {}
    broken: dict[str, dict[str, int]] = {}
    # Spark compiles an aggregation of up to 100 columns (spark.sql.codegen.maxFields), and interprets a wider one.
    passes = -(-len(breaks) // _RULES_OF_A_PASS)
    for start in range(passes):
        names = list(breaks)[start::passes]
        # Named by place: the name of a rule is no column name.
        sums = [F.sum(F.when(breaks[name], 1).otherwise(0)).alias(f"r{i}") for i, name in enumerate(names)]
        for row in people.groupBy("uf").agg(F.count("*").alias("persons"), *sums).collect():
            persons[row["uf"]] = row["persons"]
            counts = {name: row[f"r{i}"] for i, name in enumerate(names) if row[f"r{i}"]}
            broken[row["uf"]] = broken.get(row["uf"], {}) | counts
    examples = {}
    for name in dict.fromkeys(name for counts in broken.values() for name in counts):
        examples[name] = people.where(breaks[name]).agg(F.min("person_id")).collect()[0][0]
    return Found(persons, broken, examples)


def metrics(spark: SparkSession, found: Found) -> DataFrame:
    """Rows of `ops_quality__metric` in the family `set`: `rule: <name>` for each rule, and the total of each state."""
    everyone, total = sum(found.persons.values()), found.by_rule()
    rows = [
        (NATIONAL, f"rule: {rule.name}", total.get(rule.name, 0), everyone, rule.source)
        for rule in (*packaged(), *TITLE_RULES)
    ]
    rows.append((NATIONAL, TOTAL, sum(total.values()), everyone, "conf/rules.toml"))
    rows += [
        (uf, TOTAL, sum(found.broken[uf].values()), persons, "conf/rules.toml")
        for uf, persons in sorted(found.persons.items())
    ]
    run_id = _locks.run_id()
    full = [
        (run_id, uf, "set", name, float(value), None, None, 0.0, value == 0, None, source, n)
        for uf, name, value, n, source in rows
    ]
    return spark.createDataFrame(full, tables.METRIC.schema).coalesce(1)


def require(found: Found) -> None:
    """Stop if anyone breaks a rule.

    Raises:
        QualityGateError: Names the worst rules, how many break each, and a person who does.
    """
    total = found.by_rule()
    if not total:
        return
    said = [f"{name} ({persons:,}, for example person_id {found.examples[name]})" for name, persons in total.items()]
    more = f" and {len(said) - 3} more rules" if len(said) > 3 else ""
    raise QualityGateError(
        f"{sum(total.values()):,} violations of structural zeros among {sum(found.persons.values()):,} persons: "
        f"{', '.join(said[:3])}{more}. `povo rules` says why each holds; a table of the model gives what is "
        "impossible: run `povo fit --force` and draw the persons again.",
        rules=total,
    )
