"""The faults file of `povo serve`: what a server that really fails does, so that the client is tested against it.

A faults file is TOML. Its table `[bench]` may give `seed` (default 0), `model` (the name the server goes by) and
`answer_bytes` (answers about so long, from one fixed text, at a tenth of the writer's cost). Then one `[[fault]]` each:

    [[fault]]
    kind = "status"
    status = 503
    retry_after = 1
    rate = 0.05

When a fault strikes: `every` (each n-th request; 1 by default), `times` (only the first so many), `by` (`count`: the
n-th to arrive; `body`: one body in n, whenever it arrives); or `rate` (this share of the requests); in any case only
between `from_seconds` and `until_seconds` after the first request. A `rate` is drawn from the seed, the request (its
X-Request-Id, else its body) and how often this request has come: in every run, whatever the order of arrival, the same
requests are struck at their first try, at their second, and so on, but none for ever. At most one of the faults with a
rate strikes a request (`latency` apart), so the rates are exact and add up to 1 at most. Of several faults that strike,
the first in the file is played, and it alone counts for its `times`.

Kinds, with their keys (`?` marks those that may be left out):

    status     status, retry_after? (seconds or any text), retry_after_date? (the date so many seconds ahead),
               page? (`error`: OpenAI's shape; `flat`: the same keys at the top, as older servers; `html`; `empty`;
               `context`: the prompt is too long)
    reset      after_share? (cut after this share of the answer's bytes; 0: before any)
    hang       seconds? (then the connection is closed; without it, the socket stays open until the client goes)
    drip       seconds (the answer comes in small pieces over so long)
    garbage    bytes that are not HTTP
    malformed  shape (see `jobs/_shapes.py`)
    down       from_seconds, until_seconds: nobody listens in between, and open connections are cut
    latency    seconds, law? (`constant`; `uniform`, up to max_seconds; `lognormal`, seconds is the median, with sigma),
               slow_share? and slow_factor? (this share of the answers takes so many times as long)
    slots      slots (requests worked on at once, the others wait), max_queued? (how many may wait; beyond them status?,
               503 by default, with retry_after?); the last entry whose time has come holds
    tokens     per_second? (of all answers together), each_per_second? (of one answer)

So 64 slots, halved after ten seconds, under answers of two seconds, are:

    [[fault]]
    kind = "slots"
    slots = 64

    [[fault]]
    kind = "slots"
    slots = 32
    from_seconds = 10

    [[fault]]
    kind = "latency"
    seconds = 2
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from itertools import pairwise
from pathlib import Path
from typing import Any

from census.errors import ConfigError
from jobs._shapes import SHAPES

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ALL = Path("all")
PACKAGED = resources.files("conf").joinpath("faults_all.toml")
KEYS: Mapping[str, tuple[str, ...]] = {
    "status": ("status", "retry_after", "retry_after_date", "page"),
    "reset": ("after_share",),
    "hang": ("seconds",),
    "drip": ("seconds",),
    "garbage": (),
    "malformed": ("shape",),
    "down": (),
    "latency": ("seconds", "law", "max_seconds", "sigma", "slow_share", "slow_factor"),
    "slots": ("slots", "max_queued", "status", "retry_after"),
    "tokens": ("per_second", "each_per_second"),
}
REQUIRED: Mapping[str, tuple[str, ...]] = {
    "status": ("status",),
    "drip": ("seconds",),
    "malformed": ("shape",),
    "down": ("from_seconds", "until_seconds"),
    "latency": ("seconds",),
    "slots": ("slots",),
}
OF_THE_SERVER = ("slots", "tokens", "down")  # they strike nobody in particular
WINDOW = ("from_seconds", "until_seconds")
STRIKES = ("every", "times", "by", "rate")
BENCH = ("seed", "model", "answer_bytes")
PAGES = ("error", "flat", "html", "empty", "context")
LAWS = ("constant", "uniform", "lognormal")
LAW_KEYS: Mapping[str, tuple[str, ...]] = {"constant": (), "uniform": ("max_seconds",), "lognormal": ("sigma",)}


@dataclass(frozen=True)
class Fault:
    """One entry of a faults file; what its kind does not use stays None."""

    kind: str
    every: int = 1
    times: int | None = None
    by: str = "count"
    rate: float | None = None
    from_seconds: float = 0.0
    until_seconds: float | None = None
    status: int | None = None
    retry_after: str | None = None
    retry_after_date: float | None = None
    page: str = "error"
    after_share: float = 0.0
    seconds: float | None = None
    law: str = "constant"
    max_seconds: float | None = None
    sigma: float | None = None
    slow_share: float = 0.0
    slow_factor: float = 1.0
    slots: int | None = None
    max_queued: int | None = None
    per_second: float | None = None
    each_per_second: float | None = None
    shape: str | None = None

    @property
    def name(self) -> str:
        """The fault as the counters name it: `status 503`, `malformed english`, `reset`."""
        return " ".join(str(part) for part in (self.kind, self.status, self.shape) if part is not None)

    def is_on(self, seconds: float) -> bool:
        """Whether its time has come and is not over, so many seconds after the first request."""
        return self.from_seconds <= seconds and (self.until_seconds is None or seconds < self.until_seconds)


@dataclass(frozen=True)
class Bench:
    """A faults file as a whole."""

    faults: tuple[Fault, ...] = ()
    seed: int = 0
    model: str | None = None
    answer_bytes: int | None = None


def read_faults(path: Path) -> Bench:
    """Read a faults file, or raise `ConfigError` that names the file, the entry and the key.

    `all`, unless there is such a file, is the packaged one with every fault at 5 %.
    """
    try:
        # Not through conf.settings: pydantic would take a third of the server's start.
        source = PACKAGED if path == ALL and not path.exists() else path
        document = tomllib.loads(source.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read as TOML: {error}", path=path) from error
    for key in document:
        if key not in ("fault", "bench"):
            raise ConfigError(
                f"{path}: unknown key {key!r}; only [[fault]] tables and [bench] are known", path=path, key=key
            )
    entries = document.get("fault", [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ConfigError(f"{path}: write [[fault]] with two brackets", path=path, key="fault")
    bench = document.get("bench", {})
    if not isinstance(bench, dict):
        raise ConfigError(f"{path}: write [bench] with one bracket", path=path, key="bench")
    _check_keys(bench, BENCH, f"{path}: bench", "it")
    _check_values(bench, f"{path}: bench")
    faults = tuple(_fault(entry, f"{path}: fault {number}") for number, entry in enumerate(entries, start=1))
    _check_rates(faults, path)
    _check_downs(faults, path)
    return Bench(faults, **bench)


def _fault(entry: Mapping[str, Any], where: str) -> Fault:
    kind = entry.get("kind")
    if not isinstance(kind, str) or kind not in KEYS:
        raise ConfigError(f"{where}: kind is {kind!r}; known are {', '.join(KEYS)}", key="kind")
    strikes = () if kind in OF_THE_SERVER else STRIKES
    _check_keys(entry, ("kind", *KEYS[kind], *strikes, *WINDOW), where, f"a {kind}")
    for key in REQUIRED.get(kind, ()):
        if key not in entry:
            raise ConfigError(f"{where}: a {kind} needs {key}", key=key)
    _check_values(entry, where)
    _check_together(entry, where)
    given = dict(entry)
    if "retry_after" in given:
        given["retry_after"] = str(given["retry_after"])
    return Fault(**given)


def _check_keys(entry: Mapping[str, Any], known: Sequence[str], where: str, what: str) -> None:
    for key in entry:
        if key not in known:
            raise ConfigError(f"{where}: unknown key {key!r}; {what} takes {', '.join(known)}", key=key)


def _check_values(entry: Mapping[str, Any], where: str) -> None:
    for key, value in entry.items():
        if key in CHECKS and not CHECKS[key][0](value):
            raise ConfigError(f"{where}: {key} is {value!r}, but must be {CHECKS[key][1]}", key=key)


def _check_together(entry: Mapping[str, Any], where: str) -> None:
    """What keys ask of each other."""
    if "rate" in entry and ("every" in entry or "by" in entry):
        raise ConfigError(f"{where}: rate stands alone; leave out every and by", key="rate")
    if entry.get("until_seconds", float("inf")) <= entry.get("from_seconds", 0):
        raise ConfigError(f"{where}: until_seconds must be greater than from_seconds", key="until_seconds")
    if entry["kind"] == "tokens" and not {"per_second", "each_per_second"} & set(entry):
        raise ConfigError(f"{where}: a tokens needs per_second or each_per_second", key="per_second")
    if entry["kind"] == "latency":
        needed = LAW_KEYS[entry.get("law", "constant")]
        for key in ("max_seconds", "sigma"):
            if (key in needed) != (key in entry):
                law = entry.get("law", "constant")
                raise ConfigError(f"{where}: the law {law} {'needs' if key in needed else 'takes no'} {key}", key=key)
        if entry.get("max_seconds", float("inf")) < entry["seconds"]:
            raise ConfigError(f"{where}: max_seconds is less than seconds", key="max_seconds")
        if ("slow_share" in entry) != ("slow_factor" in entry):
            raise ConfigError(f"{where}: slow_share and slow_factor go together", key="slow_share")
    if entry["kind"] == "slots" and "max_queued" not in entry and {"status", "retry_after"} & set(entry):
        raise ConfigError(f"{where}: status and retry_after of slots need max_queued", key="max_queued")


def _check_rates(faults: Sequence[Fault], path: Path) -> None:
    """The rates of any one moment add up to 1 at most; they can only grow where a window begins."""
    rated = [fault for fault in faults if fault.rate is not None and fault.kind != "latency"]
    for begin in sorted({fault.from_seconds for fault in rated}):
        total = sum(fault.rate or 0.0 for fault in rated if fault.is_on(begin))
        if total > 1 + 1e-9:
            raise ConfigError(
                f"{path}: the rates of the faults at {begin:g} s add up to {total:g}, but must to 1 at most", key="rate"
            )


def _check_downs(faults: Sequence[Fault], path: Path) -> None:
    """One listener cannot go down twice at a time."""
    downs = sorted((fault for fault in faults if fault.kind == "down"), key=lambda fault: fault.from_seconds)
    for earlier, later in pairwise(downs):
        if earlier.is_on(later.from_seconds):
            raise ConfigError(
                f"{path}: two down overlap at {later.from_seconds:g} s; let one end before the next", key="from_seconds"
            )


def _is_positive(value: object) -> bool:
    return type(value) is int and value >= 1


def _is_number(value: object, least: float = 0.0, most: float = float("inf")) -> bool:
    return type(value) in (int, float) and least <= value <= most and value != float("inf")  # type: ignore[operator]


def _is_seconds(value: object) -> bool:
    return _is_number(value)


def _is_share(value: object) -> bool:
    return _is_number(value, most=1.0)


def _is_more_than_zero(value: object) -> bool:
    return _is_number(value) and value != 0


_COUNT = (_is_positive, "a whole number from 1 on")
_SECONDS = (_is_seconds, "seconds, 0 or more")
_SHARE = (_is_share, "a share from 0 to 1")
_SPEED = (_is_more_than_zero, "a number above 0")
CHECKS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "every": _COUNT,
    "times": _COUNT,
    "by": (lambda v: v in ("count", "body"), "count or body"),
    "rate": _SHARE,
    "from_seconds": _SECONDS,
    "until_seconds": _SECONDS,
    "status": (lambda v: type(v) is int and 300 <= v <= 599, "an HTTP status from 300 to 599"),
    "retry_after": (lambda v: type(v) in (int, float, str), "seconds or a text"),
    "retry_after_date": (lambda v: _is_number(v, most=1e9), "seconds from now, 0 or more"),
    "page": (lambda v: v in PAGES, " or ".join(PAGES)),
    "after_share": _SHARE,
    "seconds": _SECONDS,
    "law": (lambda v: v in LAWS, " or ".join(LAWS)),
    "max_seconds": _SECONDS,
    "sigma": (lambda v: _is_number(v, most=5.0), "a number from 0 to 5"),
    "slow_share": _SHARE,
    "slow_factor": _SPEED,
    "slots": _COUNT,
    "max_queued": (lambda v: type(v) is int and v >= 0, "a whole number, 0 or more"),
    "per_second": _SPEED,
    "each_per_second": _SPEED,
    "shape": (lambda v: isinstance(v, str) and v in SHAPES, " or ".join(SHAPES)),
    "seed": (lambda v: type(v) is int, "a whole number"),
    "model": (lambda v: isinstance(v, str) and bool(v), "a name"),
    "answer_bytes": (lambda v: type(v) is int and 200 <= v <= 1_000_000, "a whole number from 200 to 1,000,000"),
}
