"""Commands that look at the population model: `rules`, `ask`, `person`."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from census.errors import ConfigError
from jobs._command import Conf, Data, Json, Seed, Set, Uf, config_of, guard, number, session, switch

if TYPE_CHECKING:
    from census.rules import Rule
    from jobs._rule_check import TitleRule


def rules(as_json: Json = False) -> None:
    """List the structural zeros: what no person can be, when, why, and by which law or definition.

    --json adds the SQL over core_persona__attribute and how many surveyed persons break the rule.

    Example:

      povo rules --json
    """

    def work() -> None:
        from jobs import _rule_check
        from jobs._screen import Screen

        rows = rule_rows(_rule_check.packaged(), _rule_check.TITLE_RULES)
        if as_json:
            typer.echo(json.dumps(rows, ensure_ascii=False, indent=1))
            return
        columns = ["name", "who", "what", "why", "source"]
        Screen(quiet=True).table(
            f"{len(rows)} structural zeros: who cannot be what", columns, [[r[c] for c in columns] for r in rows]
        )

    guard(work)


def rule_rows(found: Sequence[Rule], of_titles: Sequence[TitleRule]) -> list[dict[str, str]]:
    """One row a rule, in words and as SQL; those of titles are over persons with what their title asks for."""
    from census.rules import violation_sql

    return [
        {
            "name": rule.name,
            "who": " and ".join(condition.text() for condition in rule.conditions[1:]) or "anybody",
            "what": rule.conditions[0].text(),
            "why": rule.why,
            "source": rule.source,
            "surveyed": rule.survey,
            "by": rule.by or "table",
            "sql": violation_sql(rule),
        }
        for rule in found
    ] + [
        {
            "name": rule.name,
            "who": rule.who,
            "what": rule.what,
            "why": rule.why,
            "source": rule.source,
            "surveyed": "",
            "by": "sampler",
            "sql": rule.sql,
        }
        for rule in of_titles
    ]


def ask(
    question: Annotated[str | None, typer.Argument(metavar="QUESTION", show_default=False)] = None,
    compare: Annotated[bool, switch("--compare", "Beside it: the sample, the survey and the census.")] = False,
    export: Annotated[bool, switch("--export", "Write the networks of --uf as JSON and XMLBIF.")] = False,
    uf: Uf = None,
    data: Data = None,
    conf: Conf = None,
    set_: Set = None,
    as_json: Json = False,
) -> None:
    """Ask the fitted network; the answer is exact, with its grade, support and assumptions.

    Examples:

      povo ask "P(occupation_group | uf=AC, sex=F, education_level=Superior completo)"

      povo ask "P(race, zone | uf=AC, municipality=Rio Branco, age_years=30..39)" --json

      povo ask "E(income_brl | uf=SE, sex=F)" --compare

      povo ask --export --uf AC    (model/AC.json and model/AC.xmlbif in the data folder)
    """

    def work() -> None:
        if (question is None) != export:
            raise ConfigError('Give a question, for example "P(race | uf=AC)", or --export.')
        from census import questions
        from jobs import _storage

        config = config_of(uf, None, None, False, None, data, conf, set_)
        from jobs import ask as ask_job

        parsed = None if question is None else questions.parse_question(question, ask_job.domains())
        _storage.require_tables(config.data_dir)
        started = time.monotonic()
        with session(config, quiet=True) as (spark, screen):
            ready = time.monotonic() - started
            if parsed is None:
                for path in ask_job.export(spark, config, config.run.ufs):
                    typer.echo(str(path))
                return
            asked = ask_job.run(spark, config, parsed, compare=compare)
        if as_json:
            typer.echo(json.dumps(ask_job.document(asked), ensure_ascii=False, indent=1))
            return
        screen.table(asked.answer.question, *ask_job.columns(asked))
        for line in ask_job.remarks(asked):
            typer.echo(line)
        typer.secho(
            f"Spark {ready:.1f} s, tables {asked.load_seconds:.1f} s, answer {asked.answer_seconds:.2f} s",
            dim=True,
            err=True,
        )

    guard(work)


def person(
    person_id: Annotated[int, typer.Argument(metavar="PERSON_ID", show_default=False, parser=number)],
    seed: Seed = None,
    data: Data = None,
    conf: Conf = None,
    set_: Set = None,
    as_json: Json = False,
) -> None:
    """Make one person again alone, and show how each value was drawn: table, parents, uniform and probability.

    Examples:

      povo person 280000001234

      povo person 280000001234 --json
    """

    def work() -> None:
        from jobs import _storage
        from jobs import person as person_job

        config = config_of(None, None, None, False, seed, data, conf, set_)
        person_job.state_of(person_id)
        _storage.require_tables(config.data_dir)
        with session(config, quiet=True) as (spark, screen):
            remade = person_job.run(spark, config, person_id)
        if as_json:
            typer.echo(json.dumps(person_job.document(remade), ensure_ascii=False, indent=1))
            return
        title = f"person {person_id}: Sobol point {remade.point}, seed {remade.seed}"
        values = [[name, "" if value is None else str(value)] for name, value in remade.values.items()]
        screen.table(title, ["", ""], values)
        screen.table("\nhow it was drawn", *person_job.columns(remade))
        typer.echo(person_job.verdict(remade))

    guard(work)
