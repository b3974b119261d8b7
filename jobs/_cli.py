"""The command line: `povo run`, one command a stage; the others are in `_commands_*.py`.

Also what `spark-submit jobs/<stage>.py` calls.
"""

from __future__ import annotations

import shlex
import shutil
import sys
import time
from collections.abc import Mapping
from importlib.metadata import version as package_version
from typing import Annotated

import typer

from census.errors import ConfigError
from conf import settings
from conf.settings import STAGES, Config
from jobs import _commands_model, _commands_tables, _commands_texts
from jobs._command import (
    Conf,
    Data,
    Force,
    Quiet,
    Records,
    Seed,
    Set,
    Total,
    Uf,
    Whole,
    config_of,
    guard,
    option,
    session,
    switch,
)

app = typer.Typer(
    name="povo",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    help="A synthetic population of Brazil: persons that follow IBGE's statistics jointly, with texts in Portuguese."
    "\n\nStart with `povo run`; `povo status` says what is done.",
)


def _say_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"povo {package_version('povo')}")
        raise typer.Exit


@app.callback()
def povo(
    version: Annotated[
        bool, typer.Option("--version", help="Say the version.", metavar="", is_eager=True, callback=_say_version)
    ] = False,
) -> None:
    pass


@app.command()
def run(
    uf: Uf = None,
    records: Records = None,
    total: Total = None,
    whole: Whole = False,
    seed: Seed = None,
    data: Data = None,
    conf: Conf = None,
    set_: Set = None,
    first: Annotated[str, option("--from", f"First stage: {', '.join(STAGES)}.", "STAGE", STAGES[0])] = STAGES[0],
    last: Annotated[str | None, option("--until", "Last stage.", "STAGE", STAGES[-1])] = None,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Do the whole road, from IBGE's files to published persona tables and a report.

    What is done already is not done again: after a stop, the same command goes on.

    Examples:

      povo run    (Acre and Sergipe, 1,000 records each)

      povo run --uf PE --records 5000 --seed 7

      povo run --uf all --total 100000 --until sample

      povo run --set llm.endpoints=http://host/v1 --set llm.model=gpt-oss-120b
    """

    def work() -> None:
        config = config_of(uf, records, total, whole, seed, data, conf, set_)
        end = _last_stage(config, first, last)
        from jobs import _pipeline, _runlog

        _runlog.forced = set(STAGES) if force else set()
        started = time.monotonic()
        with session(config, quiet) as (spark, screen):
            _pipeline.run_and_report(spark, config, first=first, last=end, done=screen.stage_over)
        if not quiet:
            _summary(config, end, time.monotonic() - started, screen.times)

    guard(work)


def _last_stage(config: Config, first: str, last: str | None) -> str:
    """The stage to end with, once --from and --until make sense together and with the settings."""
    for name, stage in (("--from", first), ("--until", last)):
        if stage is not None and stage not in STAGES:
            raise ConfigError(f"{name} {stage}: no such stage; the stages are {', '.join(STAGES)}.")
    end = last or ("sample" if config.run.whole else STAGES[-1])
    if STAGES.index(end) < STAGES.index(first):
        raise ConfigError(
            f"--until {end} comes before --from {first}."
            if last
            else f"--whole ends after {end}, which comes before --from {first}."
        )
    if STAGES.index(end) > STAGES.index("sample"):
        from jobs import _text_inputs

        _text_inputs.require_adults(config)
    return end


def _summary(config: Config, end: str, seconds: float, times: Mapping[str, float]) -> None:
    from jobs import _states
    from jobs._screen import console

    sizes = _states.records(config)
    made = (
        ", ".join(f"{uf} {n:,}" if n else f"{uf} everyone" for uf, n in sizes.items())
        if len(sizes) <= 6
        else f"{len(sizes)} states"
    )
    where = config.data_dir
    published = end == STAGES[-1]
    table = "out_personas__persona" if published else "core_persona__attribute"
    what = "state, sex, count(*) AS records" if published else "uf, sex, count(*) AS persons"
    keys = "state, sex" if published else "uf, sex"
    drawn = STAGES.index(end) >= STAGES.index("sample")
    records = f" Records: {made}; seed {config.run.seed}." if drawn else ""
    console.print(f"\n[bold]Done in {seconds:.0f} s.[/bold]{records}")
    if times:
        console.print(f"  took     {', '.join(f'{stage} {spent:.0f} s' for stage, spent in times.items())}")
    console.print(f"  tables   {where / 'tables'}")
    if published:
        console.print(f"  export   {where / 'export' / 'huggingface'}")
    if drawn:
        console.print(f"  report   {where / 'report' / 'index.html'}")
    if not config.llm.endpoints and STAGES.index(end) > STAGES.index("sample"):
        console.print(
            "  [yellow]The texts were written by povo-offline-writer, a grammar, not by a language model.[/yellow]"
        )
    # To be pasted as they stand: the command as it was found, and the folder if it is not the usual one.
    povo = "povo" if shutil.which("povo") else shlex.quote(sys.argv[0])
    folder = "" if config.run.data == settings.load().run.data else f" --data {shlex.quote(config.run.data)}"
    tries = [("status", "what is done, by state and stage")]
    if drawn:
        query = f"SELECT {what} FROM {table} GROUP BY {keys} ORDER BY {keys}"
        question = f"P(occupation_group | uf={config.run.ufs[0]}, sex=F)"
        tries = [(f'sql "{query}"', ""), (f'ask "{question}"', "the fitted model, exactly"), *tries]
    console.print("\nTry next:")
    for words, meaning in tries:
        comment = f"   # {meaning}" if meaning else ""
        console.print(f"  {povo} {words}{folder}{comment}", soft_wrap=True, highlight=False, markup=False)


def _stage_command(stage: str, help_text: str) -> None:
    def command(
        uf: Uf = None,
        records: Records = None,
        total: Total = None,
        whole: Whole = False,
        seed: Seed = None,
        data: Data = None,
        conf: Conf = None,
        set_: Set = None,
        force: Force = False,
        quiet: Quiet = False,
    ) -> None:
        def work() -> None:
            from jobs import _pipeline, _runlog

            config = config_of(uf, records, total, whole, seed, data, conf, set_)
            if STAGES.index(stage) > STAGES.index("sample"):
                from jobs import _text_inputs

                _text_inputs.require_adults(config)
            _runlog.forced = {stage} if force else set()
            with session(config, quiet) as (spark, screen):
                screen.stage_over(_pipeline.step(stage)(spark, config))

        guard(work)

    command.__doc__ = f"{help_text}\n\nExample:\n\n  povo {stage} --uf AC,SE --data povo-data"
    app.command(name=stage)(command)


def _fit_command(help_text: str) -> None:
    @app.command(name="fit")
    def fit(
        uf: Uf = None,
        records: Records = None,
        total: Total = None,
        whole: Whole = False,
        seed: Seed = None,
        data: Data = None,
        conf: Conf = None,
        set_: Set = None,
        evidence: Annotated[bool, switch("--evidence", "Then score the estimators on persons held out.")] = False,
        force: Force = False,
        quiet: Quiet = False,
    ) -> None:
        def work() -> None:
            from jobs import _evidence, _pipeline, _runlog

            config = config_of(uf, records, total, whole, seed, data, conf, set_)
            _runlog.forced = {"fit"} if force else set()
            with session(config, quiet) as (spark, screen):
                screen.stage_over(_pipeline.step("fit")(spark, config))
                if evidence:
                    _evidence.run(spark, config, say=lambda text: screen.hear("evidence", text, None, None))

        guard(work)

    fit.__doc__ = f"{help_text}\n\nExamples:\n\n  povo fit --uf AC,SE --data povo-data\n\n  povo fit --evidence"


for _name, _text in {
    "ingest": "Read the packaged IBGE sources (or your own) into typed tables.",
    "condition": "Count the survey families for states, regions and Brazil.",
    "fit": "Fit the network for Brazil and number every person of the chosen states.",
    "sample": "Draw persons of the virtual population.",
    "write_text": "Ask the language model for the texts that are missing.",
    "validate": "Check the answers; accept or reject each with a reason.",
    "publish": "Pass the quality gate and write the public tables and exports.",
}.items():
    _fit_command(_text) if _name == "fit" else _stage_command(_name, _text)


for _command in (
    _commands_tables.report,
    _commands_tables.status,
    _commands_texts.plan,
    _commands_tables.sql,
    _commands_model.rules,
    _commands_model.ask,
    _commands_model.person,
):
    app.command()(_command)
app.add_typer(_commands_texts.batch, name="batch")
app.command()(_commands_texts.serve)


def main(job: str) -> int:
    """Run one stage with the options of the process: what a stage file calls under `spark-submit`."""
    try:
        app([job, *sys.argv[1:]], prog_name="povo", standalone_mode=True)
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0
