"""What a kill costs while texts are written, by the server's own count: a Python worker, an executor, a whole run.

The data folder is as `sample` leaves it, with persons made here. The driver's own death is in test_road.py.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyspark
import pytest
from _bench import stats
from _drawn import Folder, draw
from deltalake import DeltaTable
from pyspark.sql import SparkSession

from census import tables
from conf.settings import Config
from jobs import _journal, _server_process, _storage, write_text
from udfs.journal import JournalWriter, journal_files

BIN = Path(sys.executable).parent
PERSONS = 40
TASKS = 2
IN_FLIGHT = 8
SECONDS = 0.4  # of an answer
HANGS_SECONDS = 600.0


def config_of(data: Path, **options: object) -> Config:
    return Folder(data, PERSONS).config(**options)


@pytest.fixture(scope="module")
def drawn(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder as `sample` leaves it. Nobody changes it."""
    return draw(spark, tmp_path_factory.mktemp("drawn") / "data", PERSONS).data


@pytest.fixture()
def data(drawn: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(drawn, tmp_path / "data"))


def answers(data: Path) -> list[dict[str, Any]]:
    """The answers of a folder's table by request key, without times, latencies, addresses and run ids."""
    rows = DeltaTable(_storage.path(data, tables.RESPONSE)).to_pyarrow_table().to_pylist()
    own = ("latency_ms", "answered_at", "run_id", "endpoint", "tries", "cached_tokens")
    kept = [{name: value for name, value in row.items() if name not in own} for row in rows]
    return sorted(kept, key=lambda row: str(row["request_key"]))


@pytest.fixture(scope="module")
def undisturbed(spark: SparkSession, drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same folder with every text written, nothing killed."""
    data = Path(shutil.copytree(drawn, tmp_path_factory.mktemp("undisturbed") / "data"))
    write_text.run(spark, config_of(data))
    assert len(answers(data)) == 2 * PERSONS
    return data


@contextmanager
def slow_server(folder: Path) -> Iterator[str]:
    """The offline writer with answers that take their time."""
    faults = folder / "slow.toml"
    faults.write_text(f'[[fault]]\nkind = "latency"\nseconds = {SECONDS}\n', encoding="utf-8")
    with _server_process.start(folder / "server.log", faults) as endpoint:
        yield endpoint


def wait_until(ready: Callable[[], bool], seconds: float = HANGS_SECONDS) -> None:
    end = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def below(pid: int) -> dict[int, tuple[int, str]]:
    """The living descendants of a process: parent and command line of each."""
    alive: dict[int, tuple[int, str]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if state != "Z":
            alive[int(folder.name)] = (int(parent), command)

    def descends(one: int) -> bool:
        while one in alive:
            one = alive[one][0]
            if one == pid:
                return True
        return False

    return {one: alive[one] for one in alive if descends(one)}


def askers(pid: int) -> list[int]:
    """The Python workers below a process that carry requests: forked by PySpark's daemon, with threads of their own."""
    found = below(pid)
    forked = [
        one
        for one, (parent, command) in found.items()
        if "pyspark.daemon" in command and "pyspark.daemon" in found.get(parent, (0, ""))[1]
    ]
    return [one for one in forked if len(list(Path(f"/proc/{one}/task").glob("*"))) > IN_FLIGHT // TASKS]


def executors(pid: int) -> list[int]:
    """The executors below a process whose Python workers carry requests: Java processes of their own."""
    backends = [one for one, (_, command) in below(pid).items() if "CoarseGrainedExecutorBackend" in command]
    return [one for one in backends if askers(one)]


@pytest.fixture(scope="module")
def spark_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The installed Spark, seen from a folder of ours: a local cluster leaves its executors' folders in it."""
    home = tmp_path_factory.mktemp("spark_home")
    for part in Path(pyspark.__file__).parent.iterdir():
        (home / part.name).symlink_to(part)
    quick = "spark.executor.extraJavaOptions -XX:+UseSerialGC -XX:TieredStopAtLevel=1\n"
    (home / "conf").mkdir()
    (home / "conf" / "spark-defaults.conf").write_text(quick, encoding="utf-8")
    return home


def write_and_kill(
    data: Path, endpoint: str, master: str, victims: Callable[[int], list[int]], spark_home: Path
) -> int:
    """`povo write_text` on a master; kills one of the victims at half of its requests. Returns the exit status."""
    chosen = [f"spark.master={master}", f"llm.endpoints={endpoint}", f"llm.max_in_flight={IN_FLIGHT}"]
    chosen += [f"llm.tasks={TASKS}", "spark.shuffle_partitions=2"]
    command = [str(BIN / "povo"), "write_text", "--data", str(data), "--uf", "AC", "--records", str(PERSONS), "--quiet"]
    command += [word for one in chosen for word in ("--set", one)]
    environment = os.environ | {"SPARK_HOME": str(spark_home)}
    with (
        (data / "said.txt").open("wb") as said,
        subprocess.Popen(command, stdout=said, stderr=said, env=environment) as driver,
    ):
        try:
            wait_until(lambda: stats(endpoint)["chat_requests"] >= PERSONS or driver.poll() is not None)
            found = victims(driver.pid)
            assert found, (data / "said.txt").read_text(encoding="utf-8")[-2000:]
            os.kill(found[0], signal.SIGKILL)
            return driver.wait(HANGS_SECONDS)
        finally:
            driver.kill()


@pytest.mark.long
@pytest.mark.parametrize(
    ("master", "victims"), [("local[2,4]", askers), ("local-cluster[2,1,1024]", executors)], ids=["worker", "executor"]
)
def test_a_task_that_is_tried_again_asks_only_what_was_in_flight(
    data, undisturbed, spark_home, tmp_path, master, victims
):
    with slow_server(tmp_path) as endpoint:
        status = write_and_kill(data, endpoint, master, victims, spark_home)
        asked = stats(endpoint)
    assert status == 0, (data / "said.txt").read_text(encoding="utf-8")[-2000:]
    assert asked["distinct_bodies"] == 2 * PERSONS
    assert asked["chat_requests"] - asked["distinct_bodies"] <= IN_FLIGHT // TASKS
    assert answers(data) == answers(undisturbed)


@pytest.mark.long
def test_a_run_over_a_complete_journal_asks_nothing_and_makes_the_same_table(
    spark, drawn, undisturbed, tmp_path, served
):
    """The run before was killed when the last answer had come, and nothing of it is in the table yet."""
    data = Path(shutil.copytree(drawn, tmp_path / "data"))
    rows = DeltaTable(_storage.path(undisturbed, tables.RESPONSE)).to_pyarrow_table().to_pylist()
    config = config_of(data, **{"llm.endpoints": [served]})
    with JournalWriter(_journal.folder(config), "killed", 0, fsync_seconds=60) as journal:
        for row in rows:
            journal.append(row | {"answered_at": row["answered_at"].isoformat(), "status": "ok"})
    report = write_text.run(spark, config)
    assert (report.todo, report.rows_out) == (("AC",), 0)
    assert stats(served)["chat_requests"] == 0
    assert answers(data) == answers(undisturbed)
    assert journal_files(data / "journal") == []


@pytest.fixture()
def served(tmp_path: Path) -> Iterator[str]:
    with _server_process.start(tmp_path / "served.log") as endpoint:
        yield endpoint
