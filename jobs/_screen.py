"""What a person sees while stages run, on stderr: one live line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import os
import sys
import time
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from jobs._runlog import RunReport

console = Console(stderr=True, highlight=False, soft_wrap=True)
_STDERR = 2


class Screen:
    """Shows progress and keeps the times of the stages."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._live = console.is_terminal and not quiet
        self._console = console
        self._terminal: TextIO | None = None
        self._progress: Progress | None = None
        self._task: TaskID | None = None
        self._stage = ""
        self._began: dict[str, float] = {}
        self.times: dict[str, float] = {}  # stage -> seconds of all its rounds, in the order of the road
        self._last_line = 0.0

    def __enter__(self) -> Screen:
        if self._live:
            # A door of its own: while the JVM starts and ends, stderr itself leads to a file.
            self._terminal = os.fdopen(os.dup(_STDERR), "w", encoding=sys.stderr.encoding, errors="replace")
            self._console = Console(file=self._terminal, highlight=False, soft_wrap=True)
            self._progress = Progress(
                SpinnerColumn(),
                TextColumn("[bold]{task.fields[stage]:<11}"),
                BarColumn(bar_width=24),
                TextColumn("{task.description}"),
                TimeElapsedColumn(),
                console=self._console,
                transient=True,
            )
            self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None
        if self._terminal is not None:
            self._console = console
            self._terminal.close()

    def hear(self, stage: str, text: str, done: int | None, total: int | None) -> None:
        """Progress of a stage; `done` of `total` where it can be counted."""
        self._began.setdefault(stage, time.monotonic())
        if self._quiet:
            return
        if done is not None and total:
            seconds = max(time.monotonic() - self._began[stage], 0.1)
            rate = done / seconds
            text = f"{text}: {done:,} of {total:,}" + (f" ({rate:,.0f}/s)" if rate >= 1 else "")
        if self._progress is None:
            # A counter in a log file is told every ten seconds, not every second.
            if done is None or time.monotonic() - self._last_line > 10:
                self._last_line = time.monotonic()
                self._console.print(f"  {stage:<11} {text}")
            return
        if self._task is None or stage != self._stage:
            if self._task is not None:
                self._progress.remove_task(self._task)
            self._task, self._stage = self._progress.add_task(text, total=None, stage=stage), stage
        self._progress.update(self._task, description=text, completed=done or 0, total=total)

    def stage_over(self, report: RunReport) -> None:
        """One line that stays: what the stage made and how long it took."""
        if report.todo:
            self.times[report.job] = self.times.get(report.job, 0.0) + report.seconds
        if self._quiet:
            return
        if self._progress is not None and self._task is not None:
            self._progress.remove_task(self._task)
            self._task = None
        if not report.todo:
            self._console.print(f"[dim]✓ {report.job:<11} unchanged[/dim]")
            return
        rows = f"{report.rows_out:>9,} {_UNITS.get(report.job, 'rows')}" if report.rows_out is not None else ""
        self._console.print(f"[green]✓[/green] {report.job:<11} {report.seconds:6.1f} s  {rows}")
        if report.warning:
            self._console.print(f"  [yellow]{report.warning}[/yellow]")
        self._began.pop(report.job, None)

    def table(self, title: str, columns: list[str], rows: list[list[str]]) -> None:
        """A small table."""
        shown = Table(title=title, title_justify="left", header_style="bold", box=None, pad_edge=False)
        for column in columns:
            shown.add_column(column, overflow="fold")
        for row in rows:
            shown.add_row(*row)
        out = Console(highlight=False)
        if not out.is_terminal:
            out.width = 200  # a pipe has no edge at which to break a line
        out.print(shown)


_UNITS = {
    "ingest": "tables",
    "condition": "counts",
    "fit": "table rows",
    "sample": "persons",
    "write_text": "answers asked",
    "validate": "records accepted",
    "publish": "personas",
    "report": "figures",
}
