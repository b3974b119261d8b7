"""Commands around the stage of texts: `plan`, `batch`, `serve`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from census.errors import ConfigError
from jobs._command import (
    Conf,
    Data,
    Json,
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
)


def plan(
    uf: Uf = None,
    records: Records = None,
    total: Total = None,
    whole: Whole = False,
    seed: Seed = None,
    data: Data = None,
    conf: Conf = None,
    set_: Set = None,
    gpus: Annotated[int, option("--gpus", "GPUs that the wall time is for.", "N", "8")] = 8,
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

        config = config_of(uf, records, total, whole, seed, data, conf, set_)
        if gpus <= 0:
            raise ConfigError(f"--gpus must be 1 or more, not {gpus}.")
        _text_inputs.require_adults(config)
        if _plan_folder.is_drawn(config):
            with session(config, quiet=True) as (spark, _):
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

    guard(work)


batch = typer.Typer(no_args_is_help=True, help="Requests out and answers in as JSONL files, instead of HTTP.")


@batch.command(name="export")
def batch_export(
    out: Annotated[Path, option("--out", "File to write.", "FILE")],
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

        config = config_of(uf, records, total, False, seed, data, conf, set_)
        _text_inputs.require_adults(config)
        _storage.require_tables(config.data_dir)
        with session(config, quiet=True) as (spark, _):
            written = batch_job.export(spark, config, out)
        if not written:
            typer.secho("Nothing is missing: no file was written.", err=True)
            return
        calls = ", ".join(f"call {call}: {count:,}" for call, count in sorted(written.items()))
        typer.secho(f"{written.total():,} requests ({calls})", err=True)
        typer.echo(str(out))

    guard(work)


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

        config = config_of(None, None, None, False, None, data, conf, set_)
        _storage.require_tables(config.data_dir)
        with session(config, quiet=True) as (spark, _):
            found = batch_job.take(spark, config, files)
        for line in batch_job.remarks(found):
            typer.secho(line, err=True)

    guard(work)


def serve(
    port: Annotated[int, option("--port", "Port; 0 takes a free one and prints it.", "N", "9100")] = 9100,
    host: Annotated[str, option("--host", "Address to listen on.", "ADDRESS", "127.0.0.1")] = "127.0.0.1",
    faults: Annotated[
        Path | None, option("--faults", "TOML file of faults to play; all: the packaged one.", "FILE")
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

    guard(work)
