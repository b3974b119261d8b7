"""Held-out sources: the only place that opens them, for whoever judges the model.

No stage of the road comes here; `conf/quality.toml` lists the sources.
"""

from __future__ import annotations

from pyspark.sql import DataFrame, SparkSession

from census import harmonise, tables
from census.errors import SourceError
from census.fields import checked, rejected, typed
from census.layouts import LAYOUTS
from census.tables import Table
from conf import settings
from conf.settings import Config
from jobs import _sources, _storage

# Table -> the sources it is made of.
SOURCES: dict[Table, tuple[str, ...]] = {
    tables.HELD_OUT_INCOME: ("census2022_income",),
    tables.HELD_OUT_SECTOR: ("atlas2010_sector",),
    tables.HELD_OUT_COLOUR: ("pnadc_2026t1_colour",),
    tables.HELD_OUT_HEAD: ("pnad_2015_heads",),
    tables.HELD_OUT_COVID: ("pnad_covid_2020", "pnad_covid_2020_rondonia"),
    tables.HELD_OUT_VOTER: ("marital_voters_sc",),
}
NAMES = {table.name.rpartition("__")[2]: table for table in SOURCES}


def read(spark: SparkSession, config: Config, name: str) -> DataFrame:
    """The rows of `core_heldout__<name>`, read anew from its sources and stored beside the other tables.

    Args:
        name: income, sector, occupation_colour, head_2015, covid_2020 or voter_sc.

    Raises:
        SourceError: A source is missing, changed, malformed, or not the table that is expected.
    """
    table = NAMES[name]
    good = {source: _good(spark, config, source) for source in SOURCES[table]}
    frame = _build(table, good, _storage.read(spark, config.data_dir, tables.PLACE))
    columns = frame.select(*[frame[c.name].cast(c.type).alias(c.name) for c in table.columns])
    shuffled = columns.repartition(config.spark.shuffle_partitions, "uf") if table.partition_by else columns.coalesce(1)
    _storage.replace_all(shuffled, config.data_dir, table, metadata={"job": "held_out", "sources": list(good)})
    return _storage.read(spark, config.data_dir, table)


def _good(spark: SparkSession, config: Config, name: str) -> DataFrame:
    layout = LAYOUTS[name]
    given = {name: config.sources[name]} if name in config.sources else {}
    copied = _sources.copy_all({name: settings.sources()[name]}, given, LAYOUTS, config.data_dir)[name]
    rows = checked(_sources.rows(spark, copied), layout)
    _, *found = rows.selectExpr("count(*)", *[total.sql for total in layout.totals]).first()
    bad = rejected(rows).first()
    if bad is not None:
        raise SourceError(
            f"{copied.file}, line {bad['line']}, field {bad['field']}: {bad['reason_code']} ({bad['value']!r}).",
            file=copied.file,
            line=bad["line"],
            field=bad["field"],
        )
    for doubt in _sources.doubtful(copied.file, layout, found):
        raise SourceError(doubt, file=copied.file)
    return typed(rows, layout)


def _build(table: Table, good: dict[str, DataFrame], places: DataFrame) -> DataFrame:
    first = next(iter(good.values()))
    if table is tables.HELD_OUT_INCOME:
        return harmonise.income_municipality(first, places)
    if table is tables.HELD_OUT_SECTOR:
        return harmonise.sectors(first, places)
    if table is tables.HELD_OUT_HEAD:
        return harmonise.heads(first)
    if table is tables.HELD_OUT_COVID:
        parts = [harmonise.covid(rows, source) for source, rows in good.items()]
        return parts[0].unionByName(parts[1])
    if table is tables.HELD_OUT_VOTER:
        return harmonise.voters_sc(first)
    return first.select(*table.column_names)
