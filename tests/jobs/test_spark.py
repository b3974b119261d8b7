"""How Spark is started: the proxy that its JVM is told of, and the jars it takes."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from census.errors import ConfigError
from conf import settings
from jobs import _spark

PACKAGES = settings.load().spark.packages


@pytest.mark.parametrize(
    ("environment", "options"),
    [
        ({}, []),
        ({"NO_PROXY": "localhost"}, []),
        (
            {"HTTPS_PROXY": "http://proxy.example:3128"},
            [
                "-Dhttps.proxyHost=proxy.example",
                "-Dhttps.proxyPort=3128",
                "-Dhttp.nonProxyHosts=localhost|127.*|[::1]",
            ],
        ),
        (
            {
                "http_proxy": "proxy.example",
                "no_proxy": "10.0.0.0/8, .in.example,*.b.example,192.168.7.9:80,fe80::/10",
            },
            [
                "-Dhttp.proxyHost=proxy.example",
                "-Dhttp.proxyPort=80",
                "-Dhttp.nonProxyHosts=localhost|127.*|[::1]|10.*|in.example|*.in.example|b.example|*.b.example"
                "|192.168.7.9",
            ],
        ),
        (
            {"https_proxy": "https://lower:1", "HTTPS_PROXY": "https://upper:2", "NO_PROXY": "*"},
            ["-Dhttps.proxyHost=lower", "-Dhttps.proxyPort=1", "-Dhttp.nonProxyHosts=localhost|127.*|[::1]|*"],
        ),
        (
            {"HTTPS_PROXY": "http://me:secret@proxy.example"},
            ["-Dhttps.proxyHost=proxy.example", "-Dhttps.proxyPort=80", "-Dhttp.nonProxyHosts=localhost|127.*|[::1]"],
        ),
    ],
)
def test_the_proxy_of_the_environment_is_told_to_the_jvm(environment, options):
    assert _spark.proxy_options(environment) == options


@pytest.mark.parametrize("url", ["http://me:secret@", "http://me:secret@host:port", "http://secret name"])
def test_a_proxy_that_is_no_url_is_refused_and_not_repeated(url):
    with pytest.raises(ConfigError, match=r"^HTTPS_PROXY is no URL of a proxy") as caught:
        _spark.proxy_options({"HTTPS_PROXY": url})
    assert "secret" not in str(caught.value)


def test_jars_of_other_coordinates_are_not_taken(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    (tmp_path / "share" / "povo" / "jars").mkdir(parents=True)
    (tmp_path / "share" / "povo" / "jars" / "older.jar").touch()
    folder = _spark.jars_dir(PACKAGES)
    folder.mkdir()
    (folder / "delta.jar").touch()
    assert _spark._delta(PACKAGES) == {"spark.jars": str(folder / "delta.jar")}
    assert _spark._delta("io.delta:other:1") == {"spark.jars.packages": "io.delta:other:1"}


@contextmanager
def proxy_that_refuses() -> Iterator[tuple[str, list[str]]]:
    """A proxy on the loopback address that lets nobody out; its URL, and the hosts that were asked for."""
    asked: list[str] = []

    class Refusing(BaseHTTPRequestHandler):
        def do_CONNECT(self) -> None:
            asked.append(self.path)
            self.send_error(403)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()


def test_set_up_asks_the_proxy_for_the_jars_and_says_in_one_sentence_that_it_got_none(tmp_path):
    program = "import sys; sys.prefix = sys.argv[1]; from jobs import _jars; sys.exit(_jars.main())"
    with proxy_that_refuses() as (url, asked):
        names = {name: "" for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "no_proxy", "NO_PROXY")}
        # Another home: the jars that this machine may keep already are not found.
        told = names | {"HTTPS_PROXY": url, "JAVA_TOOL_OPTIONS": f"-Duser.home={tmp_path}"}
        command = [sys.executable, "-c", program, str(tmp_path)]
        ended = subprocess.run(command, env=os.environ | told, capture_output=True, text=True, timeout=200)
    log = tmp_path / "share" / "povo" / "jars.log"
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("set-up: Spark did not start: ") and len(ended.stderr.splitlines()) == 1
    assert PACKAGES in ended.stderr and str(log) in ended.stderr
    assert asked and all(host.endswith(":443") for host in asked)
    assert "delta-spark" in log.read_text()
    assert not (tmp_path / "share" / "povo" / "jars").exists()
