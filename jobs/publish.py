"""Publish: the quality gate, the public and extended tables, and the export folders.

Reads   core_persona__attribute, core_persona__text, core_place__municipality, core_model__evidence,
        ops_quality__metric, and what jobs/_metrics.py reads where it measures again
Writes  out_personas__persona, out_personas__persona_extended, export/huggingface/, export/data_designer/
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from pyspark.sql import Column, DataFrame, Row, SparkSession
from pyspark.sql import functions as F

from census import codes, tables
from census.errors import QualityGateError
from conf import settings
from conf.settings import Bound, Config
from jobs import _cli, _exports, _metrics, _rule_check, _runlog, _storage
from jobs._runlog import RunReport


def run(spark: SparkSession, config: Config) -> RunReport:
    """Publish the accepted records of `config.run.ufs`.

    Raises:
        QualityGateError: A measured figure is outside its bound, a bound judges no figure, records lack texts, or
            states of different seeds, models or prompts would be mixed.
    """
    writes = (tables.PERSONA, tables.PERSONA_EXTENDED)
    with _runlog.stage(
        spark,
        config,
        "publish",
        writes=writes,
        reads=(tables.TEXT, tables.ATTRIBUTE, tables.PLACE, tables.METRIC, tables.EVIDENCE),
        redo=set(config.run.ufs) - _exports.states(config.data_dir),
        mixed=config.publish.allow_mixed,
    ) as report:
        if not report.todo:
            return report
        # The export holds all chosen states, those that did not change as well.
        ufs = list(config.run.ufs)
        people = _storage.read(spark, config.data_dir, tables.ATTRIBUTE, ufs)
        texts = _storage.read(spark, config.data_dir, tables.TEXT, ufs)
        persons = _check_complete(people, texts)
        report.rows_in = sum(persons.values())
        if not config.publish.allow_mixed:
            _check_alike(people, texts)
        measured = _measured(spark, config, people, persons, report)
        _check_gate(measured)
        _check_bounds(measured, settings.quality_bounds())
        places = _storage.read(spark, config.data_dir, tables.PLACE, ufs)
        public, extended = build(people, texts, places, occupation=config.publish.occupation)
        partitions = config.spark.shuffle_partitions
        todo = list(report.todo)
        for table, frame in ((tables.PERSONA, public), (tables.PERSONA_EXTENDED, extended)):
            chosen = frame.where(F.col("uf").isin(todo)).repartition(partitions, "uf")
            _storage.replace_states(chosen, config.data_dir, table, todo, metadata=report.metadata)
            report.progress(f"{table.name} written")
        report.rows_out = _storage.read(spark, config.data_dir, tables.PERSONA, todo).count()
        _exports.write(spark, config, report)
    return report


def _measured(
    spark: SparkSession, config: Config, people: DataFrame, persons: dict[str, int], report: RunReport
) -> DataFrame:
    """The figures of exactly these persons: `validate`'s, or measured again where it measured other states together."""
    if not _metrics.are_of(_storage.read(spark, config.data_dir, tables.METRIC), persons):
        report.progress("measuring the states together")
        zeros = _rule_check.check(spark, config, people)
        _metrics.store(spark, config, list(persons), zeros, metadata=report.metadata)
    return _storage.read(spark, config.data_dir, tables.METRIC, [*persons, _metrics.NATIONAL])


def build(people: DataFrame, texts: DataFrame, places: DataFrame, *, occupation: str) -> tuple[DataFrame, DataFrame]:
    """The public and the extended layout of every person that has accepted texts.

    Args:
        people: `core_persona__attribute`.
        texts: `core_persona__text`, one row a person.
        places: `core_place__municipality`.
        occupation: "title", or "group" for the reference's great groups.
    """
    known = places.select("municipality_code", "municipality_name", "state_name", "region")
    extended = people.join(texts.drop("uf"), "uuid", "inner").join(F.broadcast(known), "municipality_code", "inner")
    work = F.col("occupation_title" if occupation == "title" else "occupation_group")
    public = extended.select(
        "uuid",
        *tables.PUBLIC_COLUMNS[:8],
        _python_list("skills_and_expertise_list").alias("skills_and_expertise_list"),
        "hobbies_and_interests",
        _python_list("hobbies_and_interests_list").alias("hobbies_and_interests_list"),
        "career_goals_and_ambitions",
        F.when(F.col("sex") == "F", "Feminino").otherwise("Masculino").alias("sex"),
        F.col("age_years").cast("bigint").alias("age"),
        "marital_status",
        "education_level",
        F.coalesce(work, _stage_of_life()).alias("occupation"),
        F.col("municipality_name").alias("municipality"),
        F.col("state_name").alias("state"),
        F.lit("Brasil").alias("country"),
        "uf",
    )
    return public, extended


def _stage_of_life() -> Column:
    word = F.lit(None).cast("string")
    for activity, (woman, man) in codes.STAGES_OF_LIFE.items():
        word = F.when(F.col("activity") == activity, F.when(F.col("sex") == "F", woman).otherwise(man)).otherwise(word)
    return word


def _python_list(column: str) -> Column:
    """An array of strings as Python prints a list, as the reference does."""

    def quoted(item: Column) -> Column:
        safe = F.replace(item, F.lit("\\"), F.lit("\\\\"))
        double = F.concat(F.lit('"'), F.replace(safe, F.lit('"'), F.lit('\\"')), F.lit('"'))
        return F.when(item.contains("'"), double).otherwise(F.concat(F.lit("'"), safe, F.lit("'")))

    return F.concat(F.lit("["), F.array_join(F.transform(column, quoted), ", "), F.lit("]"))


def _check_complete(people: DataFrame, texts: DataFrame) -> dict[str, int]:
    """Records of each state, all of which have texts."""
    asked = {row["uf"]: row["count"] for row in people.groupBy("uf").count().collect()}
    have = {
        row["uf"]: row["count"]
        for row in people.join(texts.select("uuid"), "uuid", "left_semi").groupBy("uf").count().collect()
    }
    short = [f"{uf} {have.get(uf, 0)} of {n}" for uf, n in sorted(asked.items()) if have.get(uf, 0) < n]
    if short or not asked:
        raise QualityGateError(
            f"Records without accepted texts: {', '.join(short) or 'all'}. Run `povo run` for these states first."
        )
    return asked


def _check_alike(people: DataFrame, texts: DataFrame) -> None:
    """Refuse records of different seeds, models or prompts, whatever the settings of the runs say."""
    for frame, names in ((people, ("seed", "model_version")), (texts, ("model", "prompt_version"))):
        for name in names:
            found = {
                str(row[name]): row["ufs"]
                for row in frame.groupBy(name).agg(F.sort_array(F.collect_set("uf")).alias("ufs")).collect()
            }
            if len(found) > 1:
                ways = "; ".join(f"{value} in {', '.join(ufs)}" for value, ufs in sorted(found.items()))
                raise QualityGateError(
                    f"publish refuses: {name} is {ways}, and what was made differently is not published together. "
                    "Let `povo run` make these states again, publish them apart, or set publish.allow_mixed=true."
                )


def _check_gate(metrics: DataFrame) -> None:
    failed = metrics.where("passed = false").orderBy("uf", "family", "name").collect()
    if failed:
        figures = "; ".join(f"{m['uf']} {m['name']}: {_judged(m)}" for m in failed[:5])
        raise QualityGateError(
            f"The quality gate refuses {len(failed)} figure(s): {figures}. Bounds are in conf/quality.toml."
        )


def _check_bounds(metrics: DataFrame, bounds: Sequence[Bound]) -> None:
    """Refuse a bound that judged nothing: of a name that no figure has, or of a ratio where there is no floor."""
    judged = {(m["family"], m["name"]) for m in metrics.where("passed IS NOT NULL").collect()}
    idle = [f"{bound.family} / {bound.name}" for bound in bounds if (bound.family, bound.name) not in judged]
    if idle:
        raise QualityGateError(
            f"No figure was held against {len(idle)} bound(s) of conf/quality.toml: {'; '.join(idle)}. Give each the "
            "family and name of a figure of ops_quality__metric, and `ratio` only where that has a floor; "
            "`povo validate --force` measures anew."
        )


def _judged(metric: Row) -> str:
    """The figure that was held against the bound: the ratio to the floor where the bound is one."""
    by_ratio = any(
        bound.ratio is not None and (bound.family, bound.name) == (metric["family"], metric["name"])
        for bound in settings.quality_bounds()
    )
    found = f"{metric['ratio']:.4g} times its floor" if by_ratio else f"{metric['value']:.4g}"
    return f"{found} (bound {metric['bound']:.4g})"


if __name__ == "__main__":
    sys.exit(_cli.main("publish"))
