"""The sockets of `povo serve`: uvicorn's server and protocol, with what a fault must be able to do to them."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from census.errors import ConfigError

BACKLOG = 2048  # connections that may wait: a task opens hundreds at once
REOPEN_SECONDS = 10.0  # how long a port that was given up is asked for again
LINGER_ZERO = struct.pack("ii", 1, 0)


class Protocol(HttpToolsProtocol):
    """uvicorn's own; the application finds it in the scope as `connection` and learns when the client has gone."""

    is_lost = False
    is_reset = False  # by us, not by the client
    is_stuck = False  # in a fault that may go on for ever: the server does not wait for it
    working: asyncio.Task[Any] | None = None  # cancelled when the client goes

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["connection"] = self  # type: ignore[typeddict-unknown-key]

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.is_lost = True
        if self.working is not None:
            self.working.cancel()

    def reset(self) -> None:
        """End the connection with a TCP reset; what is not sent yet is dropped."""
        self.is_reset = True
        found = self.transport.get_extra_info("socket")
        if found is not None and not self.transport.is_closing():
            found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_ZERO)
        self.transport.abort()

    async def cut(self) -> None:
        """Reset the connection, and wait until uvicorn knows: it drops what is sent to a lost one."""
        self.working = None  # the client has not gone, we have
        self.reset()
        await self._until_lost()

    async def close(self) -> None:
        """Send what is written, close, and wait until uvicorn knows."""
        self.working = None
        self.transport.close()
        await self._until_lost()

    async def _until_lost(self) -> None:
        while not self.is_lost:
            await asyncio.sleep(0.001)


class Server(uvicorn.Server):
    """uvicorn's own, on one listener, which it can close for a while and open again on the same port."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for connection in list(self.server_state.connections):
            if isinstance(connection, Protocol) and connection.is_stuck:
                connection.reset()
        await super().shutdown(sockets)

    async def go_down(self) -> None:
        """Stop to listen, and cut every connection."""
        self._address = self.servers[0].sockets[0].getsockname()
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            if isinstance(connection, Protocol):
                connection.reset()

    async def come_back(self) -> None:
        """Listen again."""
        loop = asyncio.get_running_loop()
        over = loop.time() + REOPEN_SECONDS
        while True:
            try:
                listener = listen(*self._address[:2])
                break
            except ConfigError:
                if loop.time() > over:
                    raise
                await asyncio.sleep(0.05)
        self.servers = [await loop.create_server(self._protocol, sock=listener, backlog=BACKLOG)]

    def _protocol(self) -> Protocol:
        return Protocol(self.config, self.server_state, self.lifespan.state)


def listen(host: str, port: int) -> socket.socket:
    """A socket that takes connections already, so that nobody who knows its port comes too early."""
    # With the protocol named, asyncio switches Nagle's algorithm off; without, every answer waits 40 ms for an ACK.
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except (OSError, OverflowError) as error:
        listener.close()
        raise ConfigError(f"no server can listen on {host}:{port} ({error}): choose another --port") from error
    return listener
