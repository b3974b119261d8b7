"""The journal alone: answers stored a second by many threads, for each policy of syncing, and for whole files.

python tests/perf/journal.py --folder /some/disk [--threads 64] [--seconds 5]
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import threading
import time
from pathlib import Path

from _common import show
from pyarrow import fs

from udfs.journal import JournalWriter
from udfs.storage import Folder, open_folder

ANSWER_CHARACTERS = 2_900  # 1,400 tokens of Portuguese in two answers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", required=True, help="on the disk to measure; a folder in it is made and removed")
    parser.add_argument("--threads", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=5.0)
    asked = parser.parse_args()
    rows = []
    for threads in (1, asked.threads):
        for policy, options in (
            ("fsync each", {"fsync_seconds": 0.0}),
            ("fsync 0.1 s", {"fsync_seconds": 0.1}),
            ("fsync 1 s", {"fsync_seconds": 1.0}),
            ("whole files, 2 s", {"roll_seconds": 2.0}),
        ):
            where = Path(tempfile.mkdtemp(dir=asked.folder))
            try:
                folder = open_folder(where)
                if "roll_seconds" in options:
                    folder = Folder(str(where), str(where), fs.LocalFileSystem(), local=where)
                rows.append((policy, threads, *store(folder, threads, asked.seconds, options)))
            finally:
                shutil.rmtree(where)
    show(
        f"Journal, answers of {ANSWER_CHARACTERS:,} characters",
        ("policy", "threads", "answers/s", "CPU ms an answer", "files"),
        rows,
    )


def store(folder: Folder, threads: int, seconds: float, options: dict[str, float]) -> tuple[float, float, int]:
    """Answers a second until all are safe, CPU milliseconds of each, files left."""
    answer = {"request_key": "0" * 64, "status": "ok", "content": "ação " * (ANSWER_CHARACTERS // 5)}
    counts = [0] * threads
    started, cpu = time.perf_counter(), time.process_time()
    over = started + seconds
    with JournalWriter(folder, "perf", 0, **options) as journal:

        def work(number: int) -> None:
            while time.perf_counter() < over:
                journal.append(answer)
                counts[number] += 1

        workers = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    stored = sum(counts)
    took = time.perf_counter() - started
    return stored / took, (time.process_time() - cpu) / stored * 1000, len(folder.files())


if __name__ == "__main__":
    main()
