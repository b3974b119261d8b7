"""Write text: ask the language model for what is missing, many requests in flight, every answer stored as it comes.

Reads   core_persona__attribute, core_place__municipality, core_culture__fact, core_culture__habit,
        core_persona__rejection, raw_model__response
Writes  journal/, raw_model__response   (appends only)
"""

from __future__ import annotations

import os
import sys
from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyspark import TaskContext
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F

from census import tables
from census.errors import ConfigError, ModelError, PovoError
from conf.settings import Config
from jobs import (
    _cli,
    _journal,
    _locks,
    _runlog,
    _server_process,
    _spending,
    _states,
    _storage,
    _text_inputs,
    _text_metrics,
)
from jobs._runlog import RunReport
from jobs._text_progress import QUANTILES, FigureFiles, LiveLine, Sums, Watcher, tokens_before
from udfs.answers import Answer, Requests, Walk, Walker
from udfs.client import ChatClient, ClientSettings, check_model
from udfs.hints import Hints
from udfs.journal import JournalWriter, LineCounter, StoredAnswers, journal_files, mark, require_shared
from udfs.parsing import Bounds
from udfs.storage import open_folder
from udfs.task_figures import TaskFigures, figures_name
from udfs.writing import Labels, PendingRecord, TaskLimits, write_partition

_OUTCOME = (
    "uf string, status string, reason string, "
    "calls bigint, prompt_tokens bigint, cached_tokens bigint, completion_tokens bigint"
)
_FATAL = "povo-model-error: "


@dataclass(frozen=True)
class Asking:
    """What a task needs to ask; picklable, without a secret: the key is read on the executor (file or environment)."""

    client: dict[str, Any]
    api_key_env: str
    api_key_file: str
    requests: Requests
    bounds: Bounds
    hints: Hints
    journal: str
    fsync_seconds: float
    roll_seconds: float
    roll_bytes: int
    run_id: str
    limits: TaskLimits
    larger_tasks: int = 0  # tasks numbered below this one may have one request more in flight

    def of_task(self, task: int) -> Asking:
        """The same with the limits of one task."""
        more = int(task < self.larger_tasks)
        return replace(self, limits=replace(self.limits, in_flight=self.limits.in_flight + more))


def run(spark: SparkSession, config: Config) -> RunReport:
    """Ask for every missing answer of `config.run.ufs`; a record that gets none is reported, not raised.

    Raises:
        ModelError: The endpoint cannot be used at all; what came before is stored.
    """
    # A state is done when its texts were accepted, not when they were asked for.
    reads = (tables.ATTRIBUTE, tables.PLACE, tables.CULTURE, tables.HABIT, tables.REJECTION, tables.RESPONSE)
    with _runlog.stage(spark, config, "write_text", writes=(tables.RESPONSE,), reads=reads, until="validate") as report:
        if not report.todo:
            return report
        _text_inputs.require_adults(config)
        _journal.require_writable(config)
        recovered = _journal.merge(spark, config)
        if recovered:
            report.progress(f"{recovered:,} answers of an earlier run recovered from the journal")
        if config.llm.endpoints:
            _ask(spark, config, config.llm.endpoints, report)
        else:
            log = config.data_dir / "runs" / _locks.run_id() / "offline-writer.log"
            report.progress("starting the offline writer")
            with _server_process.start(log) as endpoint:
                _ask(spark, config, (endpoint,), report)
    return report


def _ask(spark: SparkSession, config: Config, endpoints: tuple[str, ...], report: RunReport) -> None:
    llm = config.llm
    require_no_twins(spark.conf.get("spark.speculation", "false") or "false")
    require_retries(spark.sparkContext.master, int(spark.conf.get("spark.task.maxFailures", "4") or 4))
    most_tasks = min(llm.tasks or spark.sparkContext.defaultParallelism, llm.max_in_flight)
    prices = _spending.prices_of(llm)
    allowance = _spending.Allowance(llm.max_tokens_total, llm.max_cost, prices, *_spent(spark, config))
    if allowance.is_spent():
        raise ModelError(f"write_text: {allowance.told(config.prices.currency)}, so nothing more is asked. {_GO_ON}")
    asking = Asking(
        client={
            "endpoints": endpoints,
            "model": llm.model,
            "connect_timeout_seconds": llm.connect_timeout_seconds,
            "read_timeout_seconds": llm.read_timeout_seconds,
            "deadline_seconds": llm.deadline_seconds,
            "max_tries": llm.max_tries,
            "retry_budget_share": llm.retry_budget_share,
            "hedge": llm.hedge,
            "ca_bundle": llm.ca_bundle,
        },
        api_key_env=llm.api_key_env,
        api_key_file=llm.api_key_file,
        requests=_text_inputs.requests_of(config),
        bounds=_text_inputs.bounds_of(config),
        hints=_text_inputs.hints(spark, config),
        journal=str(_journal.folder(config)),
        fsync_seconds=config.journal.fsync_seconds,
        roll_seconds=config.journal.roll_seconds,
        roll_bytes=config.journal.roll_bytes,
        run_id=_locks.run_id(),
        limits=TaskLimits(llm.max_in_flight),
    )
    check_model(_client_settings(asking))
    report.require_row()
    watcher = _watcher(spark, config, report, prices)
    passes: list[list[Row]] = []
    try:
        with _text_metrics.endpoint(llm.metrics_port, lambda: watcher.sums, prices):
            # Shares of a cap are spent unevenly: while some of it is left, what lacks answers is shared out again.
            while not passes or (_count(passes[-1], "capped") and not allowance.is_spent() and _paid(passes[-1])[1]):
                tasks = allowance.tasks(most_tasks)
                in_flight, larger_tasks = allowance.in_flight(tasks, llm.max_in_flight)
                limits = TaskLimits(
                    in_flight=in_flight,
                    content_retries=llm.content_retries,
                    token_cap=allowance.share(tasks) or 0,
                )
                shared = replace(asking, limits=limits, larger_tasks=larger_tasks)
                passes.append(_pass(spark, config, shared, tasks, report, watcher))
                allowance.pay(*_paid(passes[-1]))
    finally:
        _note(report, passes, watcher.sums, prices)
    _judge(report, passes[-1], f"{allowance.told(config.prices.currency)}")


_GO_ON = "The same command goes on from what is stored, with the whole cap again; a higher cap goes on further."
_TOKENS = ("prompt_tokens", "cached_tokens", "completion_tokens")


def _pass(
    spark: SparkSession, config: Config, asking: Asking, tasks: int, report: RunReport, watcher: Watcher
) -> list[Row]:
    """Ask once for everything that lacks an answer, and store it: sums by state and status."""
    mark(asking.journal, asking.run_id)
    records = _text_inputs.records(spark, config, list(report.todo)).repartition(tasks, "uuid")
    with watcher:
        try:
            sums = (
                build(records, asking)
                .groupBy("uf", "status")
                .agg(
                    F.count("*").alias("records"),
                    *(F.sum(name).alias(name) for name in ("calls", *_TOKENS)),
                    F.first("reason", ignorenulls=True).alias("reason"),
                )
                .collect()
            )
        except PySparkException as error:
            raise _model_error(error) from error
    # Not after a failure or a stop: other tasks may still write, and the files go with the merge. The next run merges.
    report.progress("storing the answers")
    _journal.merge(spark, config)
    return list(sums)


def _watcher(spark: SparkSession, config: Config, report: RunReport, prices: _spending.TokenPrices | None) -> Watcher:
    """Who tells how far the tasks are; of records accepted before, nothing is expected."""
    accepted = 0
    if _storage.exists(config.data_dir, tables.TEXT):
        texts = _storage.read(spark, config.data_dir, tables.TEXT, report.todo)
        people = _storage.read(spark, config.data_dir, tables.ATTRIBUTE, report.todo)
        # Texts of another seed's persons stay until these are accepted.
        accepted = texts.join(people, "uuid", "leftsemi").count()
    sizes = _states.records(config)
    expected = 2 * max(sum(sizes[uf] for uf in report.todo) - accepted, 0)
    folder = _journal.folder(config)
    return Watcher(
        FigureFiles(folder, _locks.run_id()),
        LiveLine(accepted=accepted, expected=expected, prices=prices, currency=config.prices.currency),
        report.progress,
        expected=expected,
        count=LineCounter(folder, _locks.run_id()).count,
    )


def _spent(spark: SparkSession, config: Config) -> tuple[_spending.Tokens, int]:
    """Tokens and number of the answers that this command has stored: of its earlier rounds."""
    if not (config.llm.max_tokens_total or config.llm.max_cost):
        return _spending.Tokens(), 0
    return _journal.stored_by_this_run(spark, config)


def _count(sums: list[Row], status: str) -> int:
    return sum(row["records"] for row in sums if row["status"] == status)


def _paid(sums: list[Row]) -> tuple[_spending.Tokens, int]:
    """Tokens and calls of a pass."""
    tokens = _spending.Tokens(*(sum(row[name] or 0 for row in sums) for name in _TOKENS))
    return tokens, sum(row["calls"] or 0 for row in sums)


def _note(report: RunReport, passes: list[list[Row]], sums: Sums | None, prices: _spending.TokenPrices | None) -> None:
    """What the row of the stage says of the asking, also where it failed: then only what the tasks' figures tell."""
    by_state: dict[str, list[Row]] = {}
    for row in (row for found in passes for row in found):
        by_state.setdefault(row["uf"], []).append(row)
    paid = {uf: _paid(rows) for uf, rows in by_state.items()}
    tokens = sum((spent for spent, _ in paid.values()), _spending.Tokens())
    if sums is not None and sums.tokens.total > tokens.total:
        tokens = sums.tokens
    report.rows_in = sum(row["records"] for row in passes[0]) if passes else None
    report.rows_out = sum(calls for _, calls in paid.values()) if passes else None
    report.prompt_tokens, report.completion_tokens = tokens.prompt, tokens.completion
    report.asking = {
        "cached_tokens": tokens.cached,
        "cost": prices.of(tokens) if prices else None,
        "texts": {
            uf: {
                "calls": calls,
                "prompt_tokens": spent.prompt,
                "cached_tokens": spent.cached,
                "completion_tokens": spent.completion,
                "cost": prices.of(spent) if prices else None,
            }
            for uf, (spent, calls) in paid.items()
        },
    }
    if sums is not None:
        report.asking |= {"requests": sums.requests, "retries": dict(sums.retries)}
        report.asking |= {f"latency_p{share:.0%}_ms".replace("%", ""): sums.latency_ms(share) for share in QUANTILES}


def _judge(report: RunReport, last: list[Row], spent: str) -> None:
    """Whether the stage did what it should, by its last pass. The answers are stored: a further run asks for the rest.

    Raises:
        ModelError: A cap or the budget of retries ended the asking, or no record got an answer.
    """
    capped, stopped, failed = (_count(last, status) for status in ("capped", "stopped", "failed"))
    reasons = {row["status"]: row["reason"] for row in last}
    if capped:
        raise ModelError(
            f"write_text: {spent}; {capped + failed:,} of {report.rows_in:,} records still lack answers. {_GO_ON}"
        )
    if stopped:
        raise ModelError(f"write_text: {stopped:,} of {report.rows_in:,} records were not asked: {reasons['stopped']}")
    if failed:
        sentence = f"{failed:,} of {report.rows_in:,} records got no answer; first reason: {reasons['failed']}"
        if failed == report.rows_in:
            raise ModelError(f"write_text: {sentence}")
        report.warning = sentence


def require_no_twins(speculation: str) -> None:
    """Refuse a cluster that runs slow tasks twice.

    Args:
        speculation: `spark.speculation`.

    Raises:
        ConfigError: It is on.
    """
    if speculation.strip().lower() == "true":
        raise ConfigError(
            "spark.speculation must be off while texts are written: a speculative twin pays for every token again."
        )


def require_retries(master: str, tries: int) -> None:
    """Refuse a cluster on which a task is tried once: executors get lost there.

    Args:
        master: Of the session; one machine alone (`local[...]`) says itself how often it tries.
        tries: `spark.task.maxFailures`.

    Raises:
        ConfigError: One lost executor would end the stage.
    """
    if tries < 2 and master.partition("[")[0] != "local":
        raise ConfigError(
            f"spark.task.maxFailures is {tries}: one lost executor would end the stage. Give 2 or more (Spark's "
            "default is 4); a task that is tried again asks only for what is not stored yet."
        )


def build(records: DataFrame, asking: Asking) -> DataFrame:
    """Ask for what each record lacks: one row a record with its outcome; the answers themselves go to the journal."""
    return records.mapInArrow(_asker(asking), _OUTCOME)


def _asker(shared: Asking) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def ask(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        context = TaskContext.get()
        task, attempt = (context.partitionId(), context.attemptNumber()) if context else (0, 0)
        asking = shared.of_task(task)
        # An attempt before this one may have been killed: what it paid for is not asked again.
        folder = open_folder(asking.journal)
        earlier = StoredAnswers(journal_files(folder, asking.run_id, task), _known)
        walker = Walker(asking.requests, asking.bounds)
        labels = Labels(asking.run_id, asking.requests.model, asking.requests.prompts.version)
        figures, limits = TaskFigures(), asking.limits
        if limits.token_cap and attempt:  # an attempt before this one spent of the same share
            spent = tokens_before(folder, asking.run_id, task, attempt)
            limits = replace(limits, token_cap=max(limits.token_cap - spent, 1))
        with JournalWriter(
            folder,
            asking.run_id,
            task,
            attempt,
            fsync_seconds=asking.fsync_seconds,
            roll_seconds=asking.roll_seconds,
            roll_bytes=asking.roll_bytes,
        ) as journal:
            try:
                require_shared(asking.journal, asking.run_id)
                for outcome in write_partition(
                    _pending(batches, asking, walker, earlier),
                    open_client=lambda: ChatClient(_client_settings(asking), figures=figures),
                    journal=journal,
                    labels=labels,
                    limits=limits,
                    figures=figures,
                    figures_file=folder.file(figures_name(asking.run_id, task, attempt)),
                ):
                    yield pa.RecordBatch.from_pylist(
                        [
                            {
                                "uf": outcome.uf,
                                "status": outcome.status,
                                "reason": outcome.reason,
                                "calls": outcome.calls_sent,
                                "prompt_tokens": outcome.prompt_tokens,
                                "cached_tokens": outcome.cached_tokens,
                                "completion_tokens": outcome.completion_tokens,
                            }
                        ],
                        schema=_OUTCOME_ARROW,
                    )
            except PovoError as error:
                # Spark hands over only the text of an exception: the mark tells ours from any other.
                raise RuntimeError(f"{_FATAL}{error}") from error

    return ask


_OUTCOME_ARROW = pa.schema(
    [(name, pa.string()) for name in ("uf", "status", "reason")]
    + [(name, pa.int64()) for name in ("calls", "prompt_tokens", "cached_tokens", "completion_tokens")]
)


def _known(row: Mapping[str, Any]) -> Answer:
    return Answer(row["content"], row["finish_reason"], row["writer"])


def _pending(
    batches: Iterator[pa.RecordBatch], asking: Asking, walker: Walker, earlier: StoredAnswers[Answer]
) -> Iterator[PendingRecord]:
    """Records that lack an answer, with the attempt to make; complete ones are passed over."""
    for batch in batches:
        for person, answers, rejections in _text_inputs.people(batch, asking.hints):
            known = ChainMap(answers, earlier) if earlier else answers  # type: ignore[arg-type]
            walk = Walk(walker, person, known, rejections)
            if walk.ask is not None:
                yield PendingRecord(person["uuid"], person["uf"], walk)


def _client_settings(asking: Asking) -> ClientSettings:
    return ClientSettings(**asking.client, api_key=_key(asking), in_flight=asking.limits.in_flight)


def _key(asking: Asking) -> str | None:
    """The key of the endpoints, if there is one; what is wrong with its file is told without what is in it."""
    if not asking.api_key_file:
        return os.environ.get(asking.api_key_env) or None
    where = f"llm.api_key_file names {asking.api_key_file}"
    try:
        key = Path(asking.api_key_file).read_bytes().decode("ascii").strip()
    except OSError as error:
        raise ConfigError(f"{where}, which cannot be read on this machine: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{where}, which holds no key: no HTTP header carries its characters") from None
    if not key:
        raise ConfigError(f"{where}, which is empty")
    return key


def _model_error(error: PySparkException) -> Exception:
    text = str(error)
    if _FATAL not in text:
        return error
    return ModelError(text.split(_FATAL, 1)[1].splitlines()[0].strip())


if __name__ == "__main__":
    sys.exit(_cli.main("write_text"))
