"""How fast fixed-width microdata are read: 1 M lines of 464 characters, 12 fields, beside DuckDB in the same run.

    python tests/perf/fixed_width.py [--lines N] [--repeats N] [--duckdb PATH_OF_PYTHON]

By hand, never by pytest. The lines are those of IBGE's example of PNADC 2017T4, over and over. Both engines read the
same file with the same threads, cut the same 12 variables, cast them, and aggregate every one: no work can be skipped.
On a machine that does other things beside, the seconds of processor are the figure to compare.
DuckDB is no dependency of Povo: `python -m venv duck && duck/bin/pip install duckdb`, then `--duckdb duck/bin/python`
(or have it in this environment).
"""

from __future__ import annotations

import argparse
import gzip
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from census import fixed_width
from census.fields import Field, Layout, checked
from census.fixed_width import Positions, Variable
from conf import settings
from conf.settings import SourceOverride
from jobs import _microdata, _spark

DATA = Path(__file__).parents[1] / "data"
NUMBERS = ("UPA", "Estrato", "V1028", "V2009", "V403312", "V4039")
CODES = ("UF", "V1022", "V2007", "V2010", "V4010", "V4012")
THREADS = 2
SEPARATOR = "\x01"

# What Povo's ingest adds to cutting and casting: code books, ranges, the reason of a row that is not taken.
VERDICTS = Layout(
    (
        Field("UF", "uf", codes={str(code): str(code) for code in range(11, 54)}),
        Field("V1022", "zone", codes={"1": "urbana", "2": "rural"}),
        Field("V2007", "sex", codes={"1": "M", "2": "F"}),
        Field("V2010", "race", codes={str(code): str(code) for code in (1, 2, 3, 4, 5, 9)}),
        Field("V4010", "occupation_cod", required=False, pattern="[0-9]{4}"),
        Field("V4012", "survey_position", codes={str(code): str(code) for code in range(1, 8)}, required=False),
        Field("UPA", "upa", "int", low=1),
        Field("Estrato", "stratum", "int", low=1),
        Field("V1028", "weight_persons", "number", low=1e-9),
        Field("V2009", "age_years", "int", low=0, high=130),
        Field("V403312", "income_brl", "number", required=False, low=0),
        Field("V4039", "hours", "number", required=False, low=0, high=168),
    )
)
DUCKDB = """
import json, sys, time
import duckdb
path, query, repeats, threads = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
engine = duckdb.connect(config={"threads": int(threads)})
engine.execute("SET enable_progress_bar = false")
seconds, processor = [], []
for _ in range(repeats):
    started, used = time.perf_counter(), time.process_time()
    row = engine.execute(query).fetchall()[0]
    seconds.append(time.perf_counter() - started)
    processor.append(time.process_time() - used)
row = [float(value) for value in row]
print(json.dumps({"seconds": seconds, "processor": processor, "row": row, "version": duckdb.__version__}))
"""


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--lines", type=int, default=1_000_000)
    options.add_argument("--repeats", type=int, default=3)
    options.add_argument("--duckdb", default=sys.executable, help="a Python that has duckdb")
    chosen = options.parse_args()
    layout = gzip.decompress((DATA / "input_PNADC_2017T4.txt.gz").read_bytes())
    positions = fixed_width.parse(fixed_width.decoded(layout), "input_PNADC_2017T4.txt")
    variables = positions.require((*NUMBERS, *CODES), "this measurement")
    with tempfile.TemporaryDirectory() as folder:
        text, program = Path(folder) / "PNADC.txt", Path(folder) / "input.txt"
        program.write_bytes(layout)
        write(text, chosen.lines)
        print(f"{chosen.lines:,} lines of {positions.record_length} characters, {text.stat().st_size / 1e6:,.0f} MB")
        # Spark, DuckDB, Spark: what the machine does beside falls on both.
        duck = duckdb_seconds(chosen.duckdb, text, variables, chosen.repeats)
        spark_rows, seconds = spark_seconds(folder, text, program, positions, variables, chosen.repeats)
        again = duckdb_seconds(chosen.duckdb, text, variables, chosen.repeats)
        # A sum of doubles depends on its order, in the last digits.
        if not all(map(partial(math.isclose, rel_tol=1e-9), duck["row"], spark_rows)):
            raise SystemExit(f"The engines disagree: DuckDB {duck['row']}, Spark {spark_rows}")
        best, least = (min([*duck[what], *again[what]]) for what in ("seconds", "processor"))
        print(f"DuckDB {duck['version']}: {best:.2f} s, {least:.2f} s of processor (best of {2 * chosen.repeats})")
        for name, runs in seconds.items():
            fastest, used = (min(values) for values in zip(*runs, strict=True))
            print(
                f"Spark, {name}: {fastest:.2f} s, {chosen.lines / fastest / 1e6:.2f} M lines/s, {fastest / best:.1f} x "
                f"DuckDB's time; {used:.2f} s of processor, {used / least:.1f} x"
            )


def write(text: Path, lines: int) -> None:
    """IBGE's example lines, over and over."""
    example = gzip.decompress((DATA / "PNADC_2017T4_example.txt.gz").read_bytes()).splitlines(keepends=True)
    whole, rest = divmod(lines, len(example))
    block = b"".join(example)
    with text.open("wb") as file:
        for _ in range(whole):
            file.write(block)
        file.write(b"".join(example[:rest]))


def aggregates(cast: Callable[[str, str], str]) -> list[str]:
    """One figure of each variable, in SQL that both engines know."""
    numbers = [f"sum({cast(f'trim({name})', 'DOUBLE')})" for name in NUMBERS]
    return ["count(*)", *numbers, *[f"sum({cast(f'trim({name})', 'INT')})" for name in CODES]]


def duckdb_seconds(python: str, text: Path, variables: Sequence[Variable], repeats: int) -> dict[str, list[float]]:
    cuts = ", ".join(f"substring(value, {v.start}, {v.length}) AS {v.name}" for v in variables)
    figures = ", ".join(aggregates(lambda value, kind: f"try_cast(nullif({value}, '') AS {kind})"))
    lines = (
        f"read_csv('{text}', columns = {{'value': 'VARCHAR'}}, header = false, delim = '{SEPARATOR}', quote = '', "
        "escape = '', auto_detect = false)"
    )
    query = f"SELECT {figures} FROM (SELECT {cuts} FROM {lines})"
    command = [python, "-c", DUCKDB, str(text), query, str(repeats), str(THREADS)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise SystemExit(f"DuckDB did not run with {python} (how to get it: --help):\n{ran.stderr[-500:]}")
    return json.loads(ran.stdout)  # type: ignore[no-any-return]


def spark_seconds(
    folder: str, text: Path, program: Path, positions: Positions, variables: Sequence[Variable], repeats: int
) -> tuple[list[float], dict[str, list[tuple[float, float]]]]:
    config = settings.load(options={"run.data": f"{folder}/data", "spark.master": f"local[{THREADS}]"})
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    spark = _spark.start(config)
    override = SourceOverride(path=str(text), layout=str(program))
    source = _microdata.prepare("measured", override, VERDICTS, Path(folder))
    figures = aggregates(lambda value, kind: f"try_cast(nullif({value}, '') AS {kind})")
    names = ("uf", "zone", "sex", "race", "occupation_cod", "survey_position")
    numbers = ("upa", "stratum", "weight_persons", "age_years", "income_brl", "hours")
    verdicts = ["count(rejection)", *[f"count({n})" for n in names], *[f"sum(CAST({n} AS DOUBLE))" for n in numbers]]
    runs = {
        "cut and cast, text (the plan for GPUs)": lambda: (
            _microdata.rows(spark, source, as_bytes=False).selectExpr(*figures, "count(misfit)").first()
        ),
        "cut and cast": lambda: _microdata.rows(spark, source).selectExpr(*figures, "count(misfit)").first(),
        "with code books, ranges and verdicts": lambda: (
            checked(_microdata.rows(spark, source), VERDICTS).selectExpr(*verdicts).first()
        ),
    }
    jvm = spark.sparkContext._jvm.java.lang.ProcessHandle.current()
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
    rows = {}
    for _ in range(repeats):
        for name, run in runs.items():
            started, used = time.perf_counter(), jvm.info().totalCpuDuration().get().toMillis()
            rows[name] = run()
            spent = (jvm.info().totalCpuDuration().get().toMillis() - used) / 1000
            seconds[name].append((time.perf_counter() - started, spent))
    spark.stop()
    return [float(value) for value in rows["cut and cast"][:-1]], seconds


if __name__ == "__main__":
    main()
