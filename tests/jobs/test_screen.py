"""What a person sees while Spark starts: the live line goes on, and the JVM's noise goes to a file."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import subprocess, sys, time, warnings
from pathlib import Path
from jobs import _command, _screen

noise, log = map(Path, sys.argv[1:])
_command.log_to(log)
with _screen.Screen(quiet=False) as screen:
    screen.hear("start", "starting Spark", None, None)
    with _command.console_to(noise):
        subprocess.run(["sh", "-c", "echo out; echo err >&2"])
        time.sleep(1.2)
warnings.warn("an old habit")
"""


def seen_on_a_terminal(command: list[str]) -> str:
    """What a command writes to a terminal of 100 columns that is its stderr."""
    ours, theirs = pty.openpty()
    environment = os.environ | {"TERM": "xterm-256color", "COLUMNS": "100"}
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=theirs, env=environment) as process:
        os.close(theirs)
        seen = b""
        try:
            while read := os.read(ours, 65536):
                seen += read
        except OSError:  # how a terminal says that nobody writes to it any more
            pass
        os.close(ours)
        assert process.wait(30) == 0, seen
    return seen.decode()


def test_the_live_line_moves_while_the_jvm_starts_and_neither_its_noise_nor_a_warning_is_seen(tmp_path: Path):
    noise, log = tmp_path / "jvm.log", tmp_path / "log.jsonl"
    seen = seen_on_a_terminal([sys.executable, "-c", PROGRAM, str(noise), str(log)])
    assert noise.read_text() == "out\nerr\n"
    assert seen.count("starting Spark") >= 5 and "0:00:01" in seen
    assert "err\r\n" not in seen and "an old habit" not in seen
    (line,) = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    assert (line["level"], line["logger"]) == ("WARNING", "py.warnings") and "an old habit" in line["message"]
