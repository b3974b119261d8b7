"""The server of `povo serve`, one process on one core: answers a second, and its own CPU time for each.

python tests/perf/serve.py [--connections 8] [--requests 6000] [--faults FILE]

The CPU time is the server's own (`cpu_seconds` of `/_stats`), whatever else runs on the machine; 0.667 ms an answer are
1,500 answers a second and core. The client is one process of raw sockets that keep their connection. Without a file,
the offline writer and the fixed one are measured; a file with `slots` also gives the share of capacity that was used,
from the first of these requests to the last answer (`due_slot_seconds` over slots x seconds).
"""

from __future__ import annotations

import argparse
import json
import socket
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any, Literal
from urllib.request import urlopen

from _common import PERSON, show

from conf import settings
from jobs import _server_process, _text_inputs
from udfs import offline_writer, prompts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--requests", type=int, default=6000)
    parser.add_argument("--faults", type=Path, help="another faults file than none")
    asked = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        fixed = Path(folder) / "fixed.toml"
        fixed.write_text("[bench]\nanswer_bytes = 2400\n")
        writers = [("file", asked.faults)] if asked.faults else [("offline", None), ("fixed", fixed)]
        for writer, faults in writers:
            for name, bodies in (("2 KB, no schema", plain_bodies), ("call 1", call1_bodies), ("call 2", call2_bodies)):
                with _server_process.start(Path(folder) / "serve.log", faults) as url:
                    rows.append((writer, name, *measure(url, bodies(asked.requests), asked.connections)))
    show(
        "Server of `povo serve`",
        (
            *("writer", "prompts", "bytes of prompt", "bytes of answer", "answers/s", "server CPU ms an answer"),
            *("answers/s and core", "share of capacity"),
        ),
        rows,
    )


def measure(url: str, bodies: Sequence[bytes], connections: int) -> tuple[object, ...]:
    """Send all bodies and read the server's own figures."""
    port = int(url.removesuffix("/v1").rsplit(":", 1)[1])
    requests = [
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
        for body in bodies
    ]
    warm = min(200, len(requests) // 10)
    send_all(port, requests[:warm], min(warm, connections))  # the lexicon is read, the schema compiled
    before = stats(port)
    started = time.perf_counter()
    received = send_all(port, requests[warm:], connections)
    seconds = time.perf_counter() - started
    after = stats(port)
    answers = after["answered"] - before["answered"]
    cpu = (after["cpu_seconds"] - before["cpu_seconds"]) / answers
    messages = json.loads(bodies[0])["messages"]
    prompt = sum(len(message["content"].encode()) for message in messages)
    share: object = "-"
    if after["slots"] is not None:
        share = (after["due_slot_seconds"] - before["due_slot_seconds"]) / (after["slots"] * seconds)
    return prompt, received // answers, answers / seconds, 1000 * cpu, 1 / cpu, share


def send_all(port: int, requests: Sequence[bytes], connections: int) -> int:
    """Send over a few connections that are kept; gives the bytes of all bodies received."""
    places, sizes = count(), [0] * connections

    def work(mine: int) -> None:
        with closing(socket.create_connection(("127.0.0.1", port))) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while (place := next(places)) < len(requests):
                connection.sendall(requests[place])
                sizes[mine] += read_answer(connection)

    threads = [threading.Thread(target=work, args=(mine,)) for mine in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(sizes)


def read_answer(connection: socket.socket) -> int:
    """Read one answer; gives the bytes of its body."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(1 << 16)
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
    missing = length - len(body)
    while missing > 0:
        missing -= len(connection.recv(1 << 16))
    return length


def stats(port: int) -> dict[str, Any]:
    with urlopen(f"http://127.0.0.1:{port}/_stats", timeout=10) as answer:
        return dict(json.load(answer))


def plain_bodies(number: int) -> list[bytes]:
    """A system message and a record of 2 KB together, each a little different."""
    block = prompts.record_block(PERSON, 0).rsplit("\n", 1)[0]
    system = settings.text("prompts/personas.txt").encode()[: 2000 - len(block.encode())].decode("utf-8", "ignore")
    return [
        json.dumps(
            {
                "model": offline_writer.MODEL,
                "messages": [
                    {"role": "system", "content": system},
                    {"role": "user", "content": f"{block}\nVersão do texto: {attempt}"},
                ],
            },
            ensure_ascii=False,
        ).encode()
        for attempt in range(number)
    ]


def call1_bodies(number: int) -> list[bytes]:
    """The first request of the pipeline, in many attempts."""
    return pipeline_bodies(1, number)


def call2_bodies(number: int) -> list[bytes]:
    """The second, which quotes an answer to the first."""
    return pipeline_bodies(2, number)


def pipeline_bodies(call: Literal[1, 2], number: int) -> list[bytes]:
    asked = _text_inputs.requests_of(settings.load())
    packaged = asked.prompts
    schema = json.loads(packaged.attributes_schema if call == 1 else packaged.personas_schema)
    first = offline_writer.write(prompts.render(packaged, 1, PERSON, 0))
    return [
        prompts.request_body(
            prompts.render(packaged, call, PERSON, attempt, first), schema, model=asked.model, sampling=asked.sampling
        )
        for attempt in range(number)
    ]


if __name__ == "__main__":
    main()
