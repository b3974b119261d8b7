"""Ingest: packaged sources (or a user's own) into typed tables of one code book.

Reads   sources of conf/sources.toml, copied to <data>/sources/
Writes  raw_ingest__rejection, core_*   (whole tables: all of Brazil, whatever --uf says)
"""

from __future__ import annotations

import itertools
import logging
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import reduce

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from census import harmonise, names, tables
from census.errors import SourceError
from census.fields import checked, rejected, typed
from census.layouts import LAYOUTS
from census.tables import Table
from conf import settings
from conf.settings import Config
from jobs import _cli, _microdata, _runlog, _sources, _storage
from jobs._microdata import Microdata
from jobs._runlog import RunReport
from jobs._sources import Copied

log = logging.getLogger(__name__)

# One bad row of an aggregate table would bend a margin unseen: only the surveys may lose rows.
SURVEYS = ("pnadc_2018t2", "pnadc_2017t1", "pnadc_2017t2", "pnadc_2017t4", "pns_2019")
_AT_ONCE = 4  # sources read, or tables written, at the same time


def run(spark: SparkSession, config: Config) -> RunReport:
    """Verify, copy and read every source; write the core tables."""
    with _runlog.stage(
        spark, config, "ingest", writes=(tables.PLACE, tables.PERSON, tables.CULTURE, tables.HABIT)
    ) as report:
        if report.todo:
            _ingest(spark, config, report)
    return report


def _ingest(spark: SparkSession, config: Config, report: RunReport) -> None:
    given = {name: mine for name, mine in config.sources.items() if name not in settings.held_out()}
    copied = _sources.copy_all(settings.fitted_sources(), given, LAYOUTS, config.data_dir)
    report.progress(f"{len(copied)} sources verified")
    rows: dict[str, DataFrame] = {}
    try:
        rows, read, bad, doubts = _read(spark, copied, report)
        report.rows_in = sum(read.values())
        metadata = report.metadata | {"sources": {name: source.sha256 for name, source in copied.items()}}
        rejections = rejected_rows(spark, {name: rows[name] for name in sorted(bad)}, copied)
        _storage.replace_all(rejections.coalesce(2), config.data_dir, tables.INGEST_REJECTION, metadata=metadata)
        if bad:
            stored = _storage.read(spark, config.data_dir, tables.INGEST_REJECTION)
            _check_rejections(stored, read, config.ingest.max_rejected_share)
        if doubts:
            raise SourceError(doubts[0])
        report.rows_out = _write(build(rows), config, metadata, report)
    except PySparkException as error:
        raise SourceError(f"A source could not be read: {str(error).splitlines()[0]}") from error
    finally:
        for frame in rows.values():
            frame.unpersist()


def _read(
    spark: SparkSession, copied: Mapping[str, Copied | Microdata], report: RunReport
) -> tuple[dict[str, DataFrame], dict[str, int], set[str], list[str]]:
    """The checked rows of every source, their number, the names of the sources that hold bad ones, and what is wrong
    with the totals of whole tables.

    The rows are kept: a source is read once, for its rejections and for its tables.
    """
    rows: dict[str, int] = {}
    bad: set[str] = set()
    wrong: list[str] = []
    done = itertools.count(1)

    def one(name: str) -> tuple[str, DataFrame]:
        file = copied[name].file
        frame = checked(_sources.rows(spark, copied[name]), LAYOUTS[name]).persist()
        totals = [total.sql for total in LAYOUTS[name].totals]
        try:
            count, rejections, *found = frame.selectExpr("count(*)", "count(rejection)", *totals).first()
        except (PySparkException, Py4JJavaError) as error:
            raise SourceError(f"{file} cannot be read to its end; the run's log says where.", file=file) from error
        if rejections:
            bad.add(name)
        wrong.extend(_sources.doubtful(copied[name].file, LAYOUTS[name], found))
        rows[name] = count
        log.info("ingest: %s: %d rows, %d rejected", file, count, rejections)
        report.progress("sources read", next(done), len(copied))
        return name, frame

    # A file is one task: the large ones first, the many small ones beside them.
    by_size = sorted(copied, key=lambda name: -copied[name].size)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return dict(pool.map(one, by_size)), rows, bad, sorted(wrong)


def rejected_rows(
    spark: SparkSession, rows: Mapping[str, DataFrame], copied: Mapping[str, Copied | Microdata]
) -> DataFrame:
    """`raw_ingest__rejection` rows of the named sources' `checked` rows."""

    def one(frame: DataFrame, source: Copied | Microdata) -> DataFrame:
        if isinstance(source, Microdata):
            return _microdata.numbered(rejected(frame), frame, source)
        return rejected(frame).withColumn("file", F.lit(source.file))

    none = spark.createDataFrame([], tables.INGEST_REJECTION.schema)
    found = [one(frame, copied[name]).withColumn("source", F.lit(name)) for name, frame in rows.items()]
    return reduce(DataFrame.unionByName, found, none)


def build(rows: Mapping[str, DataFrame]) -> dict[Table, DataFrame]:
    """Harmonise the good rows of every source; `rows` are source name -> `checked` rows."""
    good = {name: typed(frame, LAYOUTS[name]) for name, frame in rows.items()}
    places = (
        good["municipalities"]
        .join(good["census2022_zone"].drop("line"), "municipality_code", "inner")
        .select(
            "uf",
            "municipality_code",
            "municipality_name",
            "state_name",
            "region",
            F.col("population_persons").cast("bigint"),
            F.col("households_urban").cast("bigint"),
            F.col("households_rural").cast("bigint"),
            F.col("is_capital").cast("boolean"),
        )
    )
    lexicon = names.accent_lexicon(good["name_accents"], good["accented_given_names"], good["spellings"])
    factors = ["trait", *tables.TRAIT_CORRELATION.column_names[1:]]
    return {
        tables.PLACE: places,
        tables.AGE_SEX: reduce(
            DataFrame.unionByName,
            [
                harmonise.ages(good[name], name, places)
                for name in ("census2022_age", "estimates2022_sex_age", "census2010_sex_age80")
            ],
        ),
        tables.EDUCATION_JOINT: harmonise.education_uf(good["census2022_education_uf"]).unionByName(
            harmonise.education_young(good["census2022_education_municipality"], places)
        ),
        tables.EDUCATION_MUNICIPALITY: harmonise.education_municipality(
            good["census2022_education_municipality"], places
        ),
        tables.WORK_2010: harmonise.with_state(good["atlas2010_work"], places).select(*tables.WORK_2010.column_names),
        tables.TREND: harmonise.trend(good["pnadc_trend"]),
        tables.OCCUPATION_2026: good["pnadc_2026t1_occupation"].select(*tables.OCCUPATION_2026.column_names),
        tables.OCCUPIED_2026: good["pnadc_2026t1_state"].select(*tables.OCCUPIED_2026.column_names),
        tables.PERSON: harmonise.pnadc_2018t2(good["pnadc_2018t2"]).unionByName(
            harmonise.pnadc_2017t1(good["pnadc_2017t1"])
        ),
        tables.SMALL_SURVEY: reduce(
            DataFrame.unionByName,
            [harmonise.small_survey(good[name], name) for name in ("pnadc_2017t2", "pnadc_2017t4", "pns_2019")],
        ),
        tables.MARITAL_SEED: good["marital_candidates"]
        .where("race IS NOT NULL")
        .select(*tables.MARITAL_SEED.column_names),
        tables.MARITAL_VOTER: harmonise.voters(good["marital_voters"]),
        tables.RELIGION: harmonise.religion(good["religion_uf"], good["religion_published"]),
        tables.PUBLISHED: good["published_margins"]
        .na.fill("", ["dimensions", "category"])
        .select(*tables.PUBLISHED.column_names),
        tables.GROUP_TREND: good["pnadc_group_trend"].select(*tables.GROUP_TREND.column_names),
        tables.MEI_SHARE: good["mei_uf"].select("uf", (F.col("percent") / 100).alias("share")),
        tables.MEI_TRADE: harmonise.mei_trades(good["mei_trades"], good["occupation_titles"], good["rais_2025"]),
        tables.MEI_PROFILE: good["mei_profile"].select("indicator", "value"),
        tables.OCCUPATION: harmonise.occupations(
            good["occupation_cod"],
            good["occupation_cbo_to_cod"],
            good["title_additions"],
            good["occupation_titles"],
            good["rais_2025"],
            good["title_requirements"],
        ),
        tables.REGIONAL_TRADE: good["regional_trades"].select(*tables.REGIONAL_TRADE.column_names),
        tables.PLACE_CONDITION: harmonise.place_conditions(
            good["biome_coast"], good["crops_municipality"], good["farming_municipality"], places
        ),
        tables.FIRST_NAME: names.first_names(good["names_by_decade"], good["names_by_sex"], lexicon),
        tables.FIRST_NAME_STATE: names.by_state(good["names_uf"], lexicon),
        tables.SECOND_NAME: names.second_names(good["name_compounds"], lexicon),
        tables.NAME_STRUCTURE: good["name_structure"].select(
            "region",
            "sex",
            F.col("birth_period").cast("int"),
            "people",
            "compound_share",
            "one_surname_share",
            "three_surnames_share",
            "suffix_share",
        ),
        tables.NAME_SUFFIX: good["name_suffixes"]
        .where("sex = 'M'")
        .select(
            "region",
            harmonise.lookup({k: v for k, v in names.SUFFIXES.items() if v}, F.col("suffix")).alias("suffix"),
            "persons",
        )
        .where("suffix IS NOT NULL")
        .groupBy("region", "suffix")
        .agg(F.sum("persons").alias("persons")),
        tables.SURNAME: names.surnames(
            good["surnames"],
            good["surnames_uf"],
            good["surname_particles"],
            good["names_by_sex"],
            good["spellings"],
            good["surname_slips"],
        ),
        tables.TRAIT_NORM: harmonise.trait_norms(good["trait_norms"]),
        tables.TRAIT_CORRELATION: good["trait_correlations"].select(F.col("factor"), *"OCEAN").toDF(*factors),
        tables.CULTURE: harmonise.culture(
            good["dishes"], good["feasts_and_arts"], good["sights"], good["regional_products"], good["tourism"]
        ),
        tables.HABIT: good["habits"].select(*tables.HABIT.column_names),
    }


def _check_rejections(rejections: DataFrame, rows: Mapping[str, int], max_share: float) -> None:
    """Stop when a source lost more rows than it may; `rows` are read by source."""
    worst = rejections.groupBy("source").agg(
        F.count("*").alias("rows"),
        F.min_by(F.struct("file", "line", "field", "value", "reason_code"), "line").alias("first"),
    )
    for row in worst.collect():
        allowed = max_share * rows[row["source"]] if row["source"] in SURVEYS else 0
        if row["rows"] > allowed:
            first = row["first"]
            raise SourceError(
                f"{first['file']}, line {first['line']}, field {first['field']}: "
                f"{first['reason_code']} ({first['value']!r}); "
                f"{row['rows']} bad rows in all, {int(allowed)} allowed. All are in {tables.INGEST_REJECTION.name}.",
                file=first["file"],
                line=first["line"],
                field=first["field"],
            )


def _write(frames: Mapping[Table, DataFrame], config: Config, metadata: Mapping[str, object], report: RunReport) -> int:
    done = itertools.count(1)

    def one(item: tuple[Table, DataFrame]) -> None:
        table, frame = item
        columns = frame.select(*[F.col(c.name).cast(c.type).alias(c.name) for c in table.columns])
        # A source is read by one task, and the tables are written beside each other: to shuffle one would only cost.
        _storage.replace_all(columns.coalesce(1), config.data_dir, table, metadata=metadata)
        report.progress("tables written", next(done), len(frames))

    # The small tables are bound by commits, not by work: several at a time.
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(one, frames.items()))
    return len(frames)


if __name__ == "__main__":
    sys.exit(_cli.main("ingest"))
