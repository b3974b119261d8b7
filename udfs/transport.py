"""HTTP under the model client: sockets, timeouts, and what a failure below HTTP means."""

from __future__ import annotations

import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util.ssl_ import create_urllib3_context

from census.errors import ConfigError, ModelError
from udfs.retries import RULES, Dropped, TryFailed, Unreachable


class Cut:
    """A way to end one exchange from another thread: its connection is shut down, so that the server stops too."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._is_cut = False

    def cut(self) -> None:
        with self._lock:
            self._is_cut = True
            self._shut_down()

    @property
    def is_cut(self) -> bool:
        return self._is_cut

    def takes(self, connection: object) -> None:
        """Note the connection on which the exchange runs."""
        with self._lock:
            self._socket = getattr(connection, "sock", None)
            if self._is_cut:
                self._shut_down()

    def _shut_down(self) -> None:
        if self._socket is not None:
            with suppress(OSError):
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)  # under TLS, and not politely within it


class Deadlines:
    """Ends exchanges whose time is over, from a thread that looks now and then."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._running: dict[Cut, float] = {}

    @contextmanager
    def ending(self, cut: Cut, deadline: float) -> Iterator[None]:
        """The exchange of this block ends by the deadline."""
        with self._lock:
            self._running[cut] = deadline
        try:
            yield
        finally:
            with self._lock:
                del self._running[cut]

    def end_late(self) -> None:
        with self._lock:
            for cut, deadline in self._running.items():
                if deadline <= self._monotonic():
                    cut.cut()


_EXCHANGE = threading.local()


def _telling(connection_class: type) -> type:
    """The connection class of urllib3, telling the cut of its thread on which connection it sends."""

    class Telling(connection_class):  # type: ignore[misc]
        def endheaders(self, *args: object, **kwargs: object) -> None:
            super().endheaders(*args, **kwargs)
            cut = getattr(_EXCHANGE, "cut", None)
            if cut is not None:
                cut.takes(self)

    return Telling


class _Pool(HTTPConnectionPool):
    ConnectionCls = _telling(HTTPConnectionPool.ConnectionCls)


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _telling(HTTPSConnectionPool.ConnectionCls)


def open_session(*, hosts: int, sockets: int, ca_bundle: str) -> requests.Session:
    """A session for many threads: it keeps as many sockets as there are threads, and no retry of its own.

    Args:
        hosts: Servers to keep a pool for.
        sockets: Kept open to each of them; fewer than threads would close and open them all the time.
        ca_bundle: A PEM file of certificate authorities that are trusted beside the usual ones; empty for none.
    """
    session = requests.Session()
    session.trust_env = False  # no proxy and no .netrc of the machine, and 0.2 ms less a request
    adapter = HTTPAdapter(pool_connections=hosts, pool_maxsize=sockets, pool_block=False)
    if ca_bundle:
        # Not session.verify: a file named there takes the place of the usual authorities.
        adapter.init_poolmanager(hosts, sockets, block=False, ssl_context=_trusting(ca_bundle))
    adapter.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


def _trusting(ca_bundle: str) -> ssl.SSLContext:
    if not os.path.isfile(ca_bundle):
        raise ConfigError(f"llm.ca_bundle names {ca_bundle}, which is no file on this machine")
    context = create_urllib3_context()
    try:
        context.load_verify_locations(ca_bundle)
    except ssl.SSLError as error:
        raise ConfigError(f"llm.ca_bundle names {ca_bundle}, which holds no certificate in PEM") from error
    return context


def exchange(
    session: requests.Session,
    request: requests.PreparedRequest,
    url: str,
    timeouts: tuple[float, float],
    *,
    deadline: float,
    monotonic: Callable[[], float],
    cut: Cut | None = None,
) -> tuple[int, Mapping[str, str], bytes]:
    """Send, read to the end, and return status, headers and body.

    Args:
        url: The endpoint as errors name it.
        timeouts: To connect, and to wait for bytes, in seconds.
        deadline: When all must be over, on the clock `monotonic`.
        cut: Ends it before.

    Raises:
        TryFailed: The network failed in a way that may pass.
        ModelError: It will not pass (address, certificate).
    """
    remaining = max(0.05, deadline - monotonic())
    connect, read = (min(timeout, remaining) for timeout in timeouts)
    answered = False
    _EXCHANGE.cut = cut
    try:
        # Redirects are not followed: the key would go along.
        response = session.send(request, stream=True, timeout=(connect, read), proxies={}, allow_redirects=False)
        answered = True
        return response.status_code, response.headers, _read_body(response, url, deadline, monotonic)
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        raise _meaning(error, url, answered) from error
    finally:
        _EXCHANGE.cut = None


def _read_body(response: requests.Response, url: str, deadline: float, monotonic: Callable[[], float]) -> bytes:
    """Read the body piece by piece: the read timeout starts anew with every byte, our deadline does not."""
    read = getattr(response.raw, "read1", response.raw.read)  # urllib3 1.x has no read1: whole pieces there
    parts: list[bytes] = []
    while part := read(1 << 16, decode_content=True):
        parts.append(part)
        if monotonic() > deadline:
            response.close()
            raise TryFailed(f"{url} was still answering when the time was over", RULES["timeout"])
    parts.append(response.raw.read(decode_content=True))  # notes the end, which gives the socket back to the pool
    return b"".join(parts)


def _meaning(error: Exception, url: str, answered: bool) -> Exception:
    """What a failure below HTTP means; `answered` says whether an answer had begun."""
    if _cause(error, ssl.SSLCertVerificationError):
        advice = "give its authority with llm.ca_bundle"
        return ModelError(f"the certificate of {url} is not trusted: {advice}", endpoint=url)
    if isinstance(error, requests.exceptions.SSLError) and not _cause(error, ssl.SSLEOFError):
        return ModelError(f"no TLS connection with {url}: check llm.endpoints (http or https?)", endpoint=url)
    if isinstance(error, ValueError):  # requests' InvalidURL, InvalidHeader and their like
        return ModelError(f"no request can be sent to {url}: check llm.endpoints", endpoint=url)
    if isinstance(error, requests.ConnectTimeout):
        return Unreachable(f"nobody answers at {url} (no connection in time)")
    if _cause(error, urllib3.exceptions.NewConnectionError):
        why = "connection refused" if _cause(error, ConnectionRefusedError) else "no such host or no route to it"
        return Unreachable(f"nobody answers at {url} ({why})")
    if isinstance(error, requests.Timeout | urllib3.exceptions.TimeoutError):
        return TryFailed(f"{url} did not answer in time", RULES["timeout"])
    if answered:
        return TryFailed(f"{url} broke off in the middle of its answer", RULES["broken off"])
    return Dropped(f"{url} closed the connection without an answer")


def _cause(error: BaseException, kind: type[BaseException]) -> BaseException | None:
    """The error of this kind inside the layers that requests and urllib3 wrap around one."""
    seen: list[BaseException] = [error]
    for one in seen:
        if isinstance(one, kind):
            return one
        inner = (getattr(one, "reason", None), one.__cause__, one.__context__, *one.args)
        seen.extend(e for e in inner if isinstance(e, BaseException) and e not in seen)
    return None
