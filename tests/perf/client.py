"""The client of `udfs/client.py` in one task, against a bare loop of threads over `requests`, on `povo serve --faults`.

python tests/perf/client.py [capacity settle halved dead memory] [--seconds 60]

capacity: 512 slots, answers of 2 s; share of the slots that was used from the first request to the last answer, and
          CPU time of the process for each request: prompts, HTTP, parsing, checks and journal in ours, HTTP alone in
          the bare loop, which has as many threads as the server has slots
settle:   64 slots, answers of 0.2 s, 512 threads; the limit, and the share of the slots after the first quarter
halved:   the same, 32 slots from the middle on
dead:     one of three endpoints is down for 5 s; what that costs over the same run without it
memory:   resident memory of a task with 1,024 requests in flight

Each run is a process of its own with a server of its own. All counts are the server's.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import requests
from _common import PERSON, show
from requests.adapters import HTTPAdapter

from conf import settings
from jobs import _server_process, _text_inputs
from udfs.answers import Walk, Walker
from udfs.client import ChatClient, ClientSettings
from udfs.journal import JournalWriter, journal_files, read_journal
from udfs.storage import open_folder
from udfs.task_figures import TaskFigures
from udfs.writing import Labels, PendingRecord, TaskLimits, write_partition

FIGURES_SECONDS = 0.5


@dataclass
class Told:
    """What a run's process tells of itself."""

    seconds: float
    cpu_seconds: float
    limits: list[int]
    in_flight: list[int]
    rss_before_mib: float
    rss_peak_mib: float
    statuses: dict[str, int]


@dataclass
class Seen:
    """A run: what its process tells and what its servers counted."""

    told: Told
    servers: list[dict[str, Any]]

    def sum(self, name: str) -> float:
        return sum(server[name] or 0 for server in self.servers)

    @property
    def share(self) -> float:
        return self.sum("busy_slot_seconds") / self.sum("offered_slot_seconds")

    @property
    def cpu_ms(self) -> float:
        return 1000 * self.told.cpu_seconds / self.sum("chat_requests")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    known = {"capacity": capacity, "settle": settle, "halved": halved, "dead": dead, "memory": memory}
    parser.add_argument("which", nargs="*", help="all by default", choices=[*known, []])
    parser.add_argument("--seconds", type=float, default=60.0, help="of each run, about")
    asked = parser.parse_args()
    for name in asked.which or known:
        known[name](asked.seconds)


def capacity(seconds: float) -> None:
    faults = 'kind = "latency"\nseconds = 2.0', 'kind = "slots"\nslots = 512'
    calls = round(seconds / 2) * 512
    rows = []
    for name, threads in (("bare", 512), ("ours", 512)):
        seen = run(name, [faults], threads=threads, calls=calls)
        rows.append((name, calls, seen.servers[0]["seconds"], seen.share, seen.cpu_ms, seen.told.statuses))
    show(
        "512 slots, 2 s",
        ("client", "requests", "s", "share of the slots", "CPU ms a request", "records by status"),
        rows,
    )


def settle(seconds: float) -> None:
    seen = run("ours", [slots_64()], threads=512, calls=round(seconds / 0.2) * 64)
    bare = run("bare", [slots_64()], threads=64, calls=round(seconds / 0.2) * 64)
    later = seen.told.limits[len(seen.told.limits) // 4 :]
    show(
        "64 slots, 0.2 s, 512 threads",
        ("limit: mean", "least", "most", "share of the slots", "bare loop of 64", "records by status"),
        [(sum(later) / len(later), min(later), max(later), seen.share, bare.share, seen.told.statuses)],
    )


def halved(seconds: float) -> None:
    half = f'kind = "slots"\nslots = 32\nfrom_seconds = {seconds / 2}'
    seen = run("ours", [(*slots_64(), half)], threads=512, calls=round(0.75 * seconds / 0.2) * 64)
    limits = seen.told.limits
    later = limits[len(limits) * 5 // 8 :]
    show(
        "64 slots, 32 from the middle on",
        ("limit before", "after: mean", "least", "most", "share of the slots", "records by status", "most waiting"),
        [
            (
                limits[len(limits) * 3 // 8],
                sum(later) / len(later),
                min(later),
                max(later),
                seen.share,
                seen.told.statuses,
                max(server["peak_waiting"] for server in seen.servers),
            )
        ],
    )


def dead(seconds: float) -> None:
    well = ('kind = "latency"\nseconds = 0.5', 'kind = "slots"\nslots = 100')
    down = f'kind = "down"\nfrom_seconds = {seconds / 3}\nuntil_seconds = {seconds / 3 + 5}'
    rows = []
    for name, first in (("all well", well), ("one down for 5 s", (*well, down))):
        seen = run("ours", [first, well, well], threads=192, calls=round(seconds / 0.5) * 192)
        told = [server["chat_requests"] for server in seen.servers]
        rows.append((name, seen.told.seconds, told, sum(s["answered_again"] for s in seen.servers), seen.told.statuses))
    show(
        f"Three endpoints; time lost {rows[1][1] / rows[0][1] - 1:.1%}",
        ("run", "s", "requests by endpoint", "answered twice", "records by status"),
        rows,
    )


def memory(seconds: float) -> None:
    seen = run("ours", [('kind = "latency"\nseconds = 5.0',)], threads=1024, calls=4 * 1024)
    told = seen.told
    show(
        "1,024 in flight",
        ("MiB before", "MiB at most", "difference", "most in flight at the server", "CPU ms a request"),
        [
            (
                told.rss_before_mib,
                told.rss_peak_mib,
                told.rss_peak_mib - told.rss_before_mib,
                seen.servers[0]["peak_running"],
                seen.cpu_ms,
            )
        ],
    )


def slots_64() -> tuple[str, ...]:
    return 'kind = "latency"\nseconds = 0.2', 'kind = "slots"\nslots = 64'


def run(client: str, servers: Sequence[Sequence[str]], *, threads: int, calls: int) -> Seen:
    """Start the servers and a process with the client, and read what both counted."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder, urls = Path(name), []
        for number, faults in enumerate(servers):
            path = folder / f"faults{number}.toml"
            text = "[bench]\nanswer_bytes = 3000\n" + "".join(f"[[fault]]\n{fault}\n" for fault in faults)
            path.write_text(text, encoding="utf-8")
            urls.append(stack.enter_context(_server_process.start(folder / "serve.log", path)))
        command = [sys.executable, __file__, "--child", client, str(folder), str(threads), str(calls), *urls]
        told = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
        counted = []
        for url in urls:
            with urlopen(url.removesuffix("/v1") + "/_stats", timeout=10) as answer:
                counted.append(json.load(answer))
    return Seen(Told(**json.loads(told)), counted)


def child(client: str, folder: Path, threads: int, calls: int, urls: tuple[str, ...]) -> None:
    """One task, in this process."""
    before_mib = rss_mib()
    limits: list[int] = []
    in_flight: list[int] = []
    statuses: dict[str, int] = {}
    asked = _text_inputs.requests_of(settings.load())
    bodies = [asked.render(person(number), 1, 1, None, ())[1] for number in range(calls)] if client == "bare" else []
    cpu, started = time.process_time(), time.perf_counter()
    if client == "bare":
        bare(urls[0], threads, bodies)
    else:
        for status in ours(folder, threads, calls // 2, urls, limits, in_flight):
            statuses[status] = statuses.get(status, 0) + 1
    seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if client == "ours":
        stored = [row["request_key"] for path in journal_files(folder / "journal") for row in read_journal(path)]
        statuses |= {"answers stored": len(stored), "stored twice": len(stored) - len(set(stored))}
    told = Told(seconds, cpu_seconds, limits, in_flight, before_mib, peak_mib, statuses)
    print(json.dumps(vars(told)))


def bare(url: str, threads: int, bodies: Sequence[bytes]) -> None:
    """As many threads as slots, one Session, nothing else."""
    session = requests.Session()
    session.trust_env = False
    session.mount("http://", HTTPAdapter(pool_maxsize=threads))
    left = iter(bodies)
    lock = threading.Lock()

    def work() -> None:
        while True:
            with lock:
                body = next(left, None)
            if body is None:
                return
            answer = session.post(f"{url}/chat/completions", data=body, headers={"Content-Type": "application/json"})
            assert answer.status_code == 200, answer.text

    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


def ours(
    folder: Path, threads: int, records: int, urls: tuple[str, ...], limits: list[int], in_flight: list[int]
) -> Iterator[str]:
    """The task of `write_text` without Spark; yields the status of each record."""
    requests_of_run = _text_inputs.requests_of(settings.load())
    walker = Walker(requests_of_run, _text_inputs.bounds_of(settings.load()))
    figures = TaskFigures()
    given = ClientSettings(urls, requests_of_run.model, in_flight=threads)
    over = threading.Event()

    def watch() -> None:
        while not over.wait(FIGURES_SECONDS):
            told = figures.snapshot(0.0)
            limits.append(told["limit"])
            in_flight.append(told["in_flight"])

    threading.Thread(target=watch, daemon=True).start()
    with JournalWriter(folder / "journal", "run", 0) as journal:
        for outcome in write_partition(
            (PendingRecord(p["uuid"], "SE", Walk(walker, p, {}, [])) for p in map(person, range(records))),
            open_client=lambda: ChatClient(given, figures=figures),
            journal=journal,
            labels=Labels("run", requests_of_run.model, requests_of_run.prompts.version),
            limits=TaskLimits(threads),
            figures=figures,
            figures_file=open_folder(folder).file("figures.json"),
        ):
            yield outcome.status
    over.set()


def person(number: int) -> dict[str, Any]:
    return {**PERSON, "uuid": hashlib.md5(str(number).encode()).hexdigest(), "uf": "SE"}


def rss_mib() -> float:
    with open("/proc/self/statm", encoding="ascii") as pages:
        return int(pages.read().split()[1]) * resource.getpagesize() / 2**20


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5]), tuple(sys.argv[6:]))
    else:
        main()
