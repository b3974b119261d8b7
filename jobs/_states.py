"""How many records each state gets, and which digest tells whether its work is done already."""

from __future__ import annotations

import csv
import glob
import gzip
import hashlib
import io
import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path

from census.errors import ConfigError
from conf import settings
from conf.settings import STAGES, Config

NATIONAL = "BR"
_TEXT_CODE = (
    "udfs/prompts.py",
    "udfs/request_frames.py",
    "udfs/parsing.py",
    "udfs/checks",
    "udfs/checks/data",
    "udfs/answers.py",
    "udfs/hints.py",
    "udfs/traits.py",
    "udfs/data",
    "conf/prompts",
    "conf/schemas",
)
# Code that a stage's rows depend on, beside census/ and its own job file.
_CODE = {
    "ingest": ("jobs/_sources.py", "jobs/_microdata.py"),
    "condition": ("udfs/family_sums.py",),
    "fit": ("jobs/_fit_inputs.py", "jobs/_national.py", "conf/rules.toml"),
    "sample": (
        "jobs/_drawing.py",
        "jobs/_sample_tables.py",
        "jobs/_model_tables.py",
        "jobs/_name_tables.py",
        "jobs/_title_tables.py",
        "udfs/sampling.py",
        "udfs/alias.py",
        "udfs/naming.py",
        "udfs/titles.py",
    ),
    "write_text": ("jobs/_text_inputs.py", *_TEXT_CODE),
    "validate": (
        "jobs/_text_inputs.py",
        "jobs/_metrics.py",
        "jobs/_check_metrics.py",
        "jobs/_fairness.py",
        "jobs/_set_checks.py",
        "jobs/_set_figures.py",
        "jobs/_near_duplicates.py",
        "jobs/_word_metrics.py",
        "census/duplicates.py",
        "census/expectation.py",
        "census/quality.py",
        "census/word_odds.py",
        "udfs/alike.py",
        "udfs/masking.py",
        "udfs/minhash.py",
        "udfs/tally.py",
        "udfs/text_variety.py",
        "udfs/word_counts.py",
        "jobs/_rule_check.py",
        "conf/rules.toml",
        "conf/quality.toml",
        *_TEXT_CODE,
    ),
    "publish": ("jobs/_exports.py", "jobs/_card.py"),
}
_WHOLE_BYTES = 64 * 1024 * 1024  # a user's file up to this size counts with its content
# In census/, but no row depends on them, or those of the stages only that name them above.
_NO_ROWS = (
    "duplicates.py",
    "word_odds.py",
    "expectation.py",
    "quality.py",
    "dictionary.py",
    "questions.py",
    "inference.py",
    "network_files.py",
    "comparison.py",
    "assumptions.py",
    "held_out_fit.py",
    "structure.py",
)
_SETTINGS = {
    "ingest": ("ingest",),
    "condition": ("condition",),
    "fit": ("fit",),
    "sample": ("sample.min_age_years", "run.seed", "run.whole"),
    "write_text": ("llm.model", "llm.temperature", "llm.top_p", "llm.max_completion_tokens", "llm.reasoning_effort"),
    "validate": ("validation",),
    "publish": ("publish.occupation",),
}


@cache
def population() -> dict[str, int]:
    """Residents of each state, Censo 2022."""
    packed = resources.files("census").joinpath("reference", settings.sources()["municipalities"].file).read_bytes()
    people: dict[str, int] = dict.fromkeys(settings.UFS, 0)
    for row in csv.DictReader(io.StringIO(gzip.decompress(packed).decode("utf-8"))):
        people[row["sigla_uf"]] += int(row["pop_censo_2022"])
    return people


def sainte_lague(total: int, weights: Mapping[str, int]) -> dict[str, int]:
    """Split `total` by the divisors 1, 3, 5...: no state ever loses a record when the total grows."""
    everyone = sum(weights.values())
    # Seats that are certain: the quotient's lower bound; the rest are given one by one.
    seats = {uf: max(0, int(total * weight / everyone) - len(weights)) for uf, weight in weights.items()}
    while sum(seats.values()) < total:
        best = max(weights, key=lambda uf: (weights[uf] / (2 * seats[uf] + 1), uf))
        seats[best] += 1
    return seats


def smallest_total(weights: Mapping[str, int]) -> int:
    """The least total that gives every state a record."""
    low, high = len(weights), 2 * len(weights) * max(weights.values()) // min(weights.values()) + len(weights)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if min(sainte_lague(middle, weights).values()) else (middle + 1, high)
    return low


def records(config: Config) -> dict[str, int]:
    """Records asked for in each chosen state; 0 = everyone (`--whole`)."""
    if config.run.whole:
        return dict.fromkeys(config.run.ufs, 0)
    if config.run.total:
        people = population()
        weights = {uf: people[uf] for uf in config.run.ufs}
        seats = sainte_lague(config.run.total, weights)
        empty = [uf for uf, n in seats.items() if n == 0]
        if empty:
            raise ConfigError(
                f"--total {config.run.total} leaves {', '.join(empty)} without a record: "
                f"{smallest_total(weights)} is the least for these states."
            )
        return seats
    return dict.fromkeys(config.run.ufs, config.run.records)


def fingerprints(config: Config) -> dict[str, dict[str, str]]:
    """Digest of everything that shapes the rows of a stage, by stage and state (BR for the national stages).

    A digest contains that of the stage before it, so a change runs down the road.
    """
    sizes = records(config)
    road: dict[str, dict[str, str]] = {}
    national = digest(
        ["sources", {name: source.sha256 for name, source in settings.fitted_sources().items()}, _overrides(config)]
    )
    for stage in STAGES[:3]:
        national = digest([stage, national, _code(stage), _chosen(config, stage)])
        road[stage] = {NATIONAL: national}
    road["fit"] |= {uf: digest([national, uf]) for uf in config.run.ufs}
    before = {uf: road["fit"][uf] for uf in config.run.ufs}
    for stage in STAGES[3:]:
        size = sizes if stage == "sample" else {}
        before = {
            uf: digest([stage, before[uf], _code(stage), _chosen(config, stage), size.get(uf)]) for uf in config.run.ufs
        }
        road[stage] = before
    return road


def model_version(config: Config) -> str:
    """Digest of reference data, network, fit settings and sampler: 12 hex digits."""
    return digest([fingerprints(config)["fit"][NATIONAL], _code("sample")])[:12]


def settings_of(config: Config, stage: str) -> dict[str, object]:
    """The settings that shape the rows of a stage (and of those before it)."""
    chosen: dict[str, object] = {}
    for name in STAGES[: STAGES.index(stage) + 1]:
        chosen |= _chosen(config, name)
    return chosen


def _chosen(config: Config, stage: str) -> dict[str, object]:
    dumped = config.model_dump(mode="json")
    chosen: dict[str, object] = {}
    for key in _SETTINGS[stage]:
        section, _, name = key.partition(".")
        chosen[key] = dumped[section][name] if name else dumped[section]
    return chosen


def _overrides(config: Config) -> dict[str, list[object]]:
    """What a user's own files look like now: digests of small ones, sizes and times of large ones."""
    return {
        name: [_looks(path) for path in (override.path, override.layout) if path]
        for name, override in config.sources.items()
        if name not in settings.held_out()
    }


def _looks(path: str) -> object:
    if "://" in path:
        return path
    file = Path(path).expanduser()
    found = sorted(file.iterdir()) if file.is_dir() else [Path(name) for name in sorted(glob.glob(str(file)))]
    return [
        (item.name, hashlib.sha256(item.read_bytes()).hexdigest())
        if item.stat().st_size <= _WHOLE_BYTES
        else (item.name, item.stat().st_size, item.stat().st_mtime_ns)
        for item in ([file] if file.is_file() else found)
        if item.is_file()
    ] or "missing"


@cache
def _code(stage: str) -> str:
    digest = hashlib.sha256()
    for part in ("census", "census/tables", "conf/network.toml", f"jobs/{stage}.py", *_CODE[stage]):
        package, _, rest = part.partition("/")
        root = resources.files(package)
        for item in [root.joinpath(rest)] if rest else [root]:
            listed = [file for file in item.iterdir() if file.name not in _NO_ROWS] if item.is_dir() else [item]
            for file in sorted(listed, key=lambda f: f.name):
                if file.is_file() and file.name.endswith((".py", ".toml", ".txt", ".json", ".jsonl", ".csv")):
                    digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def digest(parts: object) -> str:
    """SHA-256 of anything that JSON can write, in hex."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, ensure_ascii=False, default=str).encode()).hexdigest()
