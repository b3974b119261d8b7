"""Serve: the offline writer as a server on the loopback address, until Ctrl-C.

The laptop run takes the same road as the cluster, with this server at its end; its texts are labelled with the name of
the writer. With faults switched on, it is the test bench of the client: `jobs/_faults.py` says what a faults file may
hold, `jobs/_chat_app.py` what the server counts.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

import uvicorn

from census.errors import PovoError
from jobs._chat_app import ChatApp, app
from jobs._connections import Protocol, Server, listen
from jobs._faults import read_faults
from jobs._shapes import Writer

POLL_SECONDS = 0.25  # how soon a dead parent is noticed


def serve(
    port: int = 0,
    host: str = "127.0.0.1",
    faults: Path | None = None,
    parent_pid: int | None = None,
    writer: Writer | None = None,
) -> None:
    """Serve until Ctrl-C, SIGTERM or the death of the parent; prints the base URL once connections are taken.

    Args:
        port: 0 takes a free one.
        host: Any other address than the loopback one opens the server to the network.
        faults: A faults file; `all` is the packaged one.
        parent_pid: The server ends when this process does.
        writer: Makes the answers; the offline writer by default.
    """
    if writer is None:
        from udfs import offline_writer  # its lexicon is loaded only where it is used

        writer = offline_writer.write
    server = server_of(app(writer, faults=read_faults(faults) if faults else ()))
    listener = listen(host, port)
    if threading.current_thread() is threading.main_thread():
        # uvicorn raises the signal again after its clean end: that must find a handler, or the exit is a crash.
        def end(number: int, frame: FrameType | None) -> None:
            server.should_exit = True

        signal.signal(signal.SIGINT, end)
        signal.signal(signal.SIGTERM, end)
    if parent_pid is not None:
        threading.Thread(target=_end_with, args=(parent_pid, server), daemon=True).start()
    with listener:
        print(f"http://{host}:{listener.getsockname()[1]}/v1", flush=True)
        server.run(sockets=[listener])


def server_of(application: ChatApp) -> Server:
    """A server that can run in any thread, on the sockets given to its `run`; ends when `should_exit` is set."""
    server = Server(
        uvicorn.Config(
            application,
            http=Protocol,
            loop="auto",  # uvloop where there is one
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_level="warning",
            access_log=False,
            proxy_headers=False,
            timeout_keep_alive=75,  # longer than a client's pauses, so that sockets are not closed under it
            timeout_graceful_shutdown=5,
        )
    )
    application.server = server
    return server


def _end_with(parent_pid: int, server: uvicorn.Server) -> None:
    is_child = os.getppid() == parent_pid
    while _is_alive(parent_pid, is_child):
        time.sleep(POLL_SECONDS)
    server.should_exit = True


def _is_alive(pid: int, is_child: bool) -> bool:
    if is_child:  # a killed parent can stay as a zombie, but its children are given to another at once
        return os.getppid() == pid
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def main(argv: Sequence[str] | None = None) -> int:
    """The command line of the server process; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m jobs.serve", description="The offline writer behind HTTP.")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free port")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on")
    parser.add_argument(
        "--faults", type=Path, default=None, help="a TOML file of faults to play; all: the packaged one"
    )
    parser.add_argument("--parent-pid", type=int, default=None, help="end when this process ends")
    options = parser.parse_args(argv)
    try:
        serve(options.port, options.host, options.faults, options.parent_pid)
    except PovoError as error:
        print(error, file=sys.stderr)
        return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main())
