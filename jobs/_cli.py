"""The command line: `povo run`, one command a stage, `status`, `report`, `serve`.

Also what `spark-submit jobs/<stage>.py` calls.
"""

from __future__ import annotations

import json
import logging
import os
import shlex
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from importlib.metadata import version as package_version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from census.errors import ConfigError, PovoError
from conf import settings
from conf.settings import STAGES, Config, SettingsError

if TYPE_CHECKING:
    from pyspark.sql import Row, SparkSession

    from census.rules import Rule
    from jobs._rule_check import TitleRule
    from jobs._screen import Screen

log = logging.getLogger(__name__)
# Until a run has its log file, nothing but our own sentences reaches the screen.
logging.getLogger().addHandler(logging.NullHandler())
app = typer.Typer(
    name="povo",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    help="A synthetic population of Brazil: persons that follow IBGE's statistics jointly, with texts in Portuguese."
    "\n\nStart with `povo run`; `povo status` says what is done.",
)


def _number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a whole number.") from None


def _option(flag: str, help_text: str, takes: str, default: str = "") -> Any:
    """An option with a value; a number where it takes N. `default` is shown only: settings fill it in."""
    parser = _number if takes == "N" else None
    return typer.Option(flag, help=help_text, metavar=takes, show_default=default or False, parser=parser)


def _switch(flag: str, help_text: str) -> Any:
    return typer.Option(flag, help=help_text, metavar="", show_default=False)


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


Uf = Annotated[str | None, _option("--uf", "States with commas between, or all.", "AC,SE", "AC,SE")]
Records = Annotated[int | None, _option("--records", "Accepted records per state.", "N", "1000")]
Total = Annotated[int | None, _option("--total", "Records over all chosen states, split by population.", "N")]
Whole = Annotated[bool, _switch("--whole", "Everyone of the census; stops after sample.")]
Seed = Annotated[int | None, _option("--seed", "Another seed draws other persons.", "N", "1")]
Data = Annotated[str | None, _option("--data", "Folder of tables, report and export.", "DIR", "./povo-data")]
Conf = Annotated[list[str] | None, _option("--conf", "Settings in TOML; may be repeated, later wins.", "FILE")]
Set = Annotated[list[str] | None, _option("--set", "One setting; may be repeated.", "SECTION.KEY=VALUE")]
Force = Annotated[bool, _switch("--force", "Do the work again even if nothing changed.")]
Quiet = Annotated[bool, _switch("--quiet", "Say nothing but errors.")]
Json = Annotated[bool, _switch("--json", "Print JSON to stdout.")]


def _config(
    uf: str | None,
    records: int | None,
    total: int | None,
    whole: bool,
    seed: int | None,
    data: str | None,
    conf: list[str] | None,
    sets: list[str] | None,
) -> Config:
    sizes = [
        name
        for name, given in (("--records", records is not None), ("--total", total is not None), ("--whole", whole))
        if given
    ]
    if len(sizes) > 1:
        raise ConfigError(f"{' and '.join(sizes)} say different things: give one of them.")
    for name, number in (("--records", records), ("--total", total)):
        if number is not None and number <= 0:
            raise ConfigError(f"{name} must be 1 or more, not {number}.")
    options: dict[str, Any] = {}
    if uf is not None:
        options["run.ufs"] = uf
    if records is not None:
        options |= {"run.records": records, "run.total": 0, "run.whole": False}
    if total is not None:
        options |= {"run.records": 0, "run.total": total, "run.whole": False}
    if whole:
        options |= {"run.whole": True, "sample.min_age_years": 0}
    if seed is not None:
        options["run.seed"] = seed
    if data is not None:
        options["run.data"] = data
    try:
        config = settings.load(tuple(conf or ()), tuple(sets or ()), options)
    except SettingsError as error:
        raise ConfigError(str(error)) from error
    if config.run.total:
        from jobs import _states

        _states.records(config)  # a total that leaves a state empty is a wrong setting
    return config


@contextmanager
def _session(config: Config, quiet: bool) -> Iterator[tuple[SparkSession, Screen]]:
    """A Spark session with the run's log and a screen; everything Spark prints goes to files of the run.

    A session that runs in this process already is joined, and left running.
    """
    from pyspark.sql import SparkSession

    from jobs import _locks, _runlog, _screen, _spark, _storage

    data_dir = config.data_dir
    _storage.prepare(data_dir)
    folder = data_dir / "runs" / _locks.run_id()
    folder.mkdir(parents=True, exist_ok=True)
    log_file = folder / "log.jsonl"
    _log_to(log_file)
    screen = _screen.Screen(quiet=quiet)
    _runlog.listener = screen.hear
    with screen:
        screen.hear("start", "starting Spark", None, None)
        joined = SparkSession.getActiveSession() is not None
        with console_to(folder / "jvm.log"):
            spark = _spark.start(config, log_file=log_file)
        try:
            yield spark, screen
        except Exception as error:
            reason = _spark.interrupt_behind(error)
            if reason is error:
                raise
            raise reason from error
        finally:
            if not joined:
                with console_to(folder / "jvm.log"):
                    spark.stop()


@contextmanager
def console_to(path: Path) -> Iterator[None]:
    """Send what child processes print to a file: they inherit our stdout and stderr at their start.

    Of our own prints only the screen's live line, which has a door of its own, still reaches the terminal.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    kept = os.dup(1), os.dup(2)
    with path.open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept[0], 1)
        os.dup2(kept[1], 2)
        os.close(kept[0])
        os.close(kept[1])


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, timezone.utc).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def _log_to(path: Path) -> None:
    from pyspark.logger import PySparkLogger

    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(_JsonLines())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    logging.captureWarnings(True)
    for noisy in ("py4j", "pgmpy"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    # PySpark prints every query that fails on stderr, with its traceback, by loggers of its own.
    for name in ("SQLQueryContextLogger", "DataFrameQueryContextLogger"):
        PySparkLogger.getLogger(name).handlers = [handler]


def _guard(work: Callable[[], int | None]) -> None:
    """Run a command: one sentence and an exit status for every failure, the traceback in the log only."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        status = work() or 0
    except PovoError as error:
        log.error("%s", error, exc_info=True)
        typer.secho(f"povo: {error}", fg="red", err=True)
        status = error.exit_status
    except KeyboardInterrupt:
        typer.secho(
            "povo: stopped. Everything finished so far is kept; the same command goes on from there.",
            fg="yellow",
            err=True,
        )
        status = 1
    except typer.Exit:
        raise
    except Exception as error:
        log.exception("unexpected")
        where = next((h.baseFilename for h in logging.getLogger().handlers if isinstance(h, logging.FileHandler)), None)
        hint = f" Details are in {where}." if where else ""
        typer.secho(
            f"povo: unexpected {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}{hint}",
            fg="red",
            err=True,
        )
        status = 1
    raise typer.Exit(status)


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
    first: Annotated[str, _option("--from", f"First stage: {', '.join(STAGES)}.", "STAGE", STAGES[0])] = STAGES[0],
    last: Annotated[str | None, _option("--until", "Last stage.", "STAGE", STAGES[-1])] = None,
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
        config = _config(uf, records, total, whole, seed, data, conf, set_)
        end = _last_stage(config, first, last)
        from jobs import _pipeline, _runlog

        _runlog.forced = set(STAGES) if force else set()
        started = time.monotonic()
        with _session(config, quiet) as (spark, screen):
            _pipeline.run_and_report(spark, config, first=first, last=end, done=screen.stage_over)
        if not quiet:
            _summary(config, end, time.monotonic() - started, screen.times)

    _guard(work)


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

            config = _config(uf, records, total, whole, seed, data, conf, set_)
            if STAGES.index(stage) > STAGES.index("sample"):
                from jobs import _text_inputs

                _text_inputs.require_adults(config)
            _runlog.forced = {stage} if force else set()
            with _session(config, quiet) as (spark, screen):
                screen.stage_over(_pipeline.step(stage)(spark, config))

        _guard(work)

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
        evidence: Annotated[bool, _switch("--evidence", "Then score the estimators on persons held out.")] = False,
        force: Force = False,
        quiet: Quiet = False,
    ) -> None:
        def work() -> None:
            from jobs import _evidence, _pipeline, _runlog

            config = _config(uf, records, total, whole, seed, data, conf, set_)
            _runlog.forced = {"fit"} if force else set()
            with _session(config, quiet) as (spark, screen):
                screen.stage_over(_pipeline.step("fit")(spark, config))
                if evidence:
                    _evidence.run(spark, config, say=lambda text: screen.hear("evidence", text, None, None))

        _guard(work)

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


@app.command()
def report(
    uf: Annotated[str | None, _option("--uf", "Only these states of the folder.", "AC,SE", "all it holds")] = None,
    data: Data = None,
    conf: Conf = None,
    set_: Set = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write the report page and metrics.json of a data folder.

    Examples:

      povo report

      povo report --uf AC --json    (of Acre alone)
    """

    def work() -> None:
        from jobs import _storage
        from jobs import report as report_job

        config = _config(uf, None, None, False, None, data, conf, set_)
        _storage.require_tables(config.data_dir)
        asked = None if uf is None or config.run.ufs == settings.UFS else config.run.ufs
        with _session(config, quiet or as_json) as (spark, _):
            report_job.run(spark, config, asked)
        page = config.data_dir / "report" / "index.html"
        if as_json:
            typer.echo((page.parent / "metrics.json").read_text(encoding="utf-8"))
        elif not quiet:
            typer.echo(str(page))

    _guard(work)


@app.command()
def status(
    uf: Uf = None,
    records: Records = None,
    total: Total = None,
    seed: Seed = None,
    data: Data = None,
    conf: Conf = None,
    set_: Set = None,
    as_json: Json = False,
) -> None:
    """Say per state and stage what is done, with which seed and size, and what the options given here would redo.

    Examples:

      povo status

      povo status --uf AC --seed 7    (would Acre be done again with seed 7?)

      povo status --uf all --json
    """

    def work() -> None:
        from jobs import _history, _storage

        config = _config(uf, records, total, False, seed, data, conf, set_)
        _storage.require_tables(config.data_dir)
        with _session(config, quiet=True) as (spark, screen):
            history = _history.read(spark, config.data_dir)
        rows = status_rows(config, history)
        if as_json:
            typer.echo(json.dumps(rows, ensure_ascii=False, indent=1))
            return
        columns = list(rows[0])
        shown = [["" if row[c] is None else str(row[c]) for c in columns] for row in rows]
        screen.table(f"{config.data_dir}\nBR: done once for all of Brazil", columns, shown)

    _guard(work)


def status_rows(config: Config, history: Sequence[Row]) -> list[dict[str, object]]:
    """One row a stage and state, by their last run: the states asked for, and those that others left in the folder."""
    from jobs import _history, _states

    digests = _states.fingerprints(config)
    killed = _history.left_open(history, config.data_dir)
    latest = {(row["job"], uf): row for row in history for uf in row["ufs"]}
    everywhere = sorted({uf for _, uf in latest} | {*config.run.ufs, _states.NATIONAL})
    rows: list[dict[str, object]] = []
    for stage in STAGES:
        for state in everywhere:
            last, wanted = latest.get((stage, state)), digests[stage].get(state)
            if last is None and wanted is None:
                continue
            if last is None:
                word = "never run"
            elif (stage, state) in killed:
                word = "stopped midway"
            elif last["status"] != "done":
                word = last["status"]
            else:
                is_current = wanted in (None, last["fingerprints"][state])
                word = "done" if is_current else "done with other settings or code"
            rows.append(
                {
                    "stage": stage,
                    "uf": state,
                    "status": word,
                    "seed": last["seed"] if last and state != _states.NATIONAL else None,
                    "records": (last["records"] or {}).get(state) if last else None,
                    "started": f"{last['started_at']:%Y-%m-%d %H:%M}" if last else None,
                    "run_id": last["run_id"] if last else None,
                }
            )
    return rows


@app.command()
def plan(
    uf: Uf = None,
    records: Records = None,
    total: Total = None,
    whole: Whole = False,
    seed: Seed = None,
    data: Data = None,
    conf: Conf = None,
    set_: Set = None,
    gpus: Annotated[int, _option("--gpus", "GPUs that the wall time is for.", "N", "8")] = 8,
    as_json: Json = False,
) -> None:
    """Say what the texts will take before a run: requests, tokens, GPU hours, cost, requests in flight.

    Prices and rates are those of conf/prices.toml, each with its source; an overlay changes them ([prices.gpu...]).

    Examples:

      povo plan --uf all --total 1000000

      povo plan --uf AC --json    (what is still missing in ./povo-data)

      povo plan --gpus 16 --set prices.gpu.b200.price_per_hour=3.9
    """

    def work() -> None:
        from jobs import _plan_folder, _text_inputs
        from jobs import plan as plan_job
        from jobs._screen import Screen

        config = _config(uf, records, total, whole, seed, data, conf, set_)
        if gpus <= 0:
            raise ConfigError(f"--gpus must be 1 or more, not {gpus}.")
        _text_inputs.require_adults(config)
        if _plan_folder.is_drawn(config):
            with _session(config, quiet=True) as (spark, _):
                made = plan_job.run(spark, config, gpus)
        else:
            made = plan_job.run(None, config, gpus)
        if as_json:
            typer.echo(json.dumps(plan_job.document(made), ensure_ascii=False, indent=1))
            return
        screen = Screen(quiet=True)
        screen.table("", *plan_job.columns(made))
        screen.table("", *plan_job.gpu_columns(made))
        for line in plan_job.remarks(made):
            typer.echo(line)

    _guard(work)


@app.command()
def sql(
    query: Annotated[str, typer.Argument(metavar="QUERY", show_default=False)],
    data: Data = None,
    conf: Conf = None,
    set_: Set = None,
    as_json: Json = False,
) -> None:
    """Run one Spark SQL query that reads the tables of a data folder, by their names.

    Examples:

      povo sql "SELECT uf, sex, count(*) AS persons FROM core_persona__attribute GROUP BY uf, sex"

      povo sql "SHOW VIEWS"    (every table there is)
    """

    def work() -> None:
        from census import tables
        from jobs import _storage

        config = _config(None, None, None, False, None, data, conf, set_)
        _storage.require_tables(config.data_dir)
        with _session(config, quiet=True) as (spark, screen):
            for table in tables.ALL:
                if _storage.exists(config.data_dir, table):
                    _storage.read(spark, config.data_dir, table).createOrReplaceTempView(table.name)
            rows, columns = _storage.query(spark, query)
        if as_json:
            for row in rows:
                typer.echo(json.dumps(dict(zip(columns, row, strict=True)), ensure_ascii=False, default=str))
        else:
            screen.table("", columns, [["" if v is None else str(v) for v in row] for row in rows])

    _guard(work)


@app.command()
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

    _guard(work)


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


@app.command()
def ask(
    question: Annotated[str | None, typer.Argument(metavar="QUESTION", show_default=False)] = None,
    compare: Annotated[bool, _switch("--compare", "Beside it: the sample, the survey and the census.")] = False,
    export: Annotated[bool, _switch("--export", "Write the networks of --uf as JSON and XMLBIF.")] = False,
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

        config = _config(uf, None, None, False, None, data, conf, set_)
        from jobs import ask as ask_job

        parsed = None if question is None else questions.parse_question(question, ask_job.domains())
        _storage.require_tables(config.data_dir)
        started = time.monotonic()
        with _session(config, quiet=True) as (spark, screen):
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

    _guard(work)


@app.command()
def person(
    person_id: Annotated[int, typer.Argument(metavar="PERSON_ID", show_default=False, parser=_number)],
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

        config = _config(None, None, None, False, seed, data, conf, set_)
        person_job.state_of(person_id)
        _storage.require_tables(config.data_dir)
        with _session(config, quiet=True) as (spark, screen):
            remade = person_job.run(spark, config, person_id)
        if as_json:
            typer.echo(json.dumps(person_job.document(remade), ensure_ascii=False, indent=1))
            return
        title = f"person {person_id}: Sobol point {remade.point}, seed {remade.seed}"
        values = [[name, "" if value is None else str(value)] for name, value in remade.values.items()]
        screen.table(title, ["", ""], values)
        screen.table("\nhow it was drawn", *person_job.columns(remade))
        typer.echo(person_job.verdict(remade))

    _guard(work)


batch = typer.Typer(no_args_is_help=True, help="Requests out and answers in as JSONL files, instead of HTTP.")
app.add_typer(batch, name="batch")


@batch.command(name="export")
def batch_export(
    out: Annotated[Path, _option("--out", "File to write.", "FILE")],
    uf: Uf = None,
    records: Records = None,
    total: Total = None,
    seed: Seed = None,
    data: Data = None,
    conf: Conf = None,
    set_: Set = None,
) -> None:
    """Write the missing requests of drawn persons as JSONL for `vllm run-batch`.

    First call 1 of every record; once its answers are imported, the next export holds call 2, then what was rejected.

    Example:

      povo batch export --uf AC --set llm.model=gpt-oss-120b --out call1.jsonl

      vllm run-batch -i call1.jsonl -o answers1.jsonl --model openai/gpt-oss-120b --served-model-name gpt-oss-120b

      povo batch import answers1.jsonl
    """

    def work() -> None:
        from jobs import _storage, _text_inputs
        from jobs import batch as batch_job

        config = _config(uf, records, total, False, seed, data, conf, set_)
        _text_inputs.require_adults(config)
        _storage.require_tables(config.data_dir)
        with _session(config, quiet=True) as (spark, _):
            written = batch_job.export(spark, config, out)
        if not written:
            typer.secho("Nothing is missing: no file was written.", err=True)
            return
        calls = ", ".join(f"call {call}: {count:,}" for call, count in sorted(written.items()))
        typer.secho(f"{written.total():,} requests ({calls})", err=True)
        typer.echo(str(out))

    _guard(work)


@batch.command(name="import")
def batch_import(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", show_default=False)],
    data: Data = None,
    conf: Conf = None,
    set_: Set = None,
) -> None:
    """Store the answers of JSONL files that `vllm run-batch` wrote, each once, in whatever order they come.

    Example:

      povo batch import answers1.jsonl

      povo validate --uf AC --set llm.model=gpt-oss-120b    (says what lacks texts, once call 2 is answered as well)
    """

    def work() -> None:
        from jobs import _storage
        from jobs import batch as batch_job

        config = _config(None, None, None, False, None, data, conf, set_)
        _storage.require_tables(config.data_dir)
        with _session(config, quiet=True) as (spark, _):
            found = batch_job.take(spark, config, files)
        for line in batch_job.remarks(found):
            typer.secho(line, err=True)

    _guard(work)


@app.command()
def serve(
    port: Annotated[int, _option("--port", "Port; 0 takes a free one and prints it.", "N", "9100")] = 9100,
    host: Annotated[str, _option("--host", "Address to listen on.", "ADDRESS", "127.0.0.1")] = "127.0.0.1",
    faults: Annotated[
        Path | None, _option("--faults", "TOML file of faults to play; all: the packaged one.", "FILE")
    ] = None,
) -> None:
    """Serve the offline writer as an OpenAI-compatible endpoint in the foreground, until Ctrl-C.

    Example:

      povo serve --port 9100

      povo run --set llm.endpoints=http://127.0.0.1:9100/v1    (in another terminal)

    With --faults, it is the test bench of a client:

      slots, queue, latency and token speed; an endpoint that goes and comes back;

      429, 503, 500, reset, hang, drip, garbage, malformed, cut, empty, foreign

      and wrong answers, by rate, by number or at a time.

      `--faults all` plays the packaged conf/faults_all.toml, twelve classes at

      5 % each: a file to copy from. jobs/_faults.py says what each key means.

    /_stats and /metrics say what the server counted.
    """

    def work() -> int | None:
        from jobs import serve as server

        server.serve(port=port, host=host, faults=faults)
        return 0

    _guard(work)


def main(job: str) -> int:
    """Run one stage with the options of the process: what a stage file calls under `spark-submit`."""
    try:
        app([job, *sys.argv[1:]], prog_name="povo", standalone_mode=True)
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0
