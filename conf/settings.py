"""Settings: base.toml, overlays and `--set`, validated before anything runs."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable
from difflib import get_close_matches
from importlib import resources
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from conf.prices import Prices

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

UFS = (
    "RO", "AC", "AM", "RR", "PA", "AP", "TO", "MA", "PI", "CE", "RN", "PB", "PE", "AL",
    "SE", "BA", "MG", "ES", "RJ", "SP", "PR", "SC", "RS", "MS", "MT", "GO", "DF",
)  # fmt: skip
STAGES = ("ingest", "condition", "fit", "sample", "write_text", "validate", "publish")


class SettingsError(ValueError):
    """A setting is unknown, of the wrong type or out of range; the message names file (or option), key and reason."""


def _parts(value: Any) -> list[str]:
    """A list of TOML, or a text with commas, as trimmed texts; empty ones are left out."""
    if not isinstance(value, str | list | tuple):
        raise ValueError(f"must be a list or a text with commas, not {value!r}")
    parts = value.split(",") if isinstance(value, str) else value
    return [str(part).strip() for part in parts if str(part).strip()]


def _has_a_port_number(url: str) -> bool:
    try:
        return urlsplit(url).port != 0
    except ValueError:
        return False


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Run(_Section):
    ufs: tuple[str, ...]
    records: int = Field(ge=0)
    total: int = Field(ge=0)
    whole: bool
    seed: int = Field(ge=0, lt=2**31)
    data: str

    @field_validator("ufs", mode="before")
    @classmethod
    def _known_states(cls, value: Any) -> Any:
        names = [name.upper() for name in _parts(value)]
        if names == ["ALL"]:
            return UFS
        unknown = [name for name in names if name not in UFS]
        if unknown:
            raise ValueError(f"unknown state {', '.join(unknown)}; known: {' '.join(sorted(UFS))}, or all")
        if not names:
            raise ValueError("no state given; for example AC,SE or all")
        return tuple(dict.fromkeys(names))

    @model_validator(mode="after")
    def _one_size(self) -> Run:
        if not self.whole and self.records == 0 and self.total == 0:
            raise ValueError("nothing to do: give records (per state), total, or whole")
        return self


class Ingest(_Section):
    max_rejected_share: float = Field(ge=0, le=1)


class Condition(_Section):
    design_upa_share: float = Field(gt=0, le=1)


class Fit(_Section):
    municipal_design_effect: float = Field(ge=1)
    municipal_shrink_persons: float = Field(gt=0)
    ipf_passes: int = Field(ge=1)
    ipf_tolerance: float = Field(gt=0)
    union_floor_age_years: int = Field(ge=10)


class Sample(_Section):
    min_age_years: Literal[0, 18]  # everyone, or adults: nothing between can be cut out of the numbering
    batch_rows: int = Field(ge=1)


class Spark(_Section):
    master: str
    driver_memory: str = Field(pattern=r"^\d+[mgMG]$")
    shuffle_partitions: int = Field(ge=1)
    sample_partitions: int = Field(ge=0)
    packages: str
    log_level: Literal["ERROR", "WARN", "INFO", "DEBUG"]


class Llm(_Section):
    endpoints: tuple[str, ...]
    model: str = Field(min_length=1)
    max_in_flight: int = Field(ge=1, le=100_000)
    tasks: int = Field(ge=0)
    api_key_env: str
    api_key_file: str
    ca_bundle: str
    connect_timeout_seconds: float = Field(gt=0)
    read_timeout_seconds: float = Field(gt=0)
    deadline_seconds: float = Field(gt=0)
    max_tries: int = Field(ge=1)
    retry_budget_share: float = Field(ge=0, le=1)
    content_retries: int = Field(ge=0)
    hedge: bool
    max_rounds: int = Field(ge=1)
    max_tokens_total: int = Field(ge=0)
    temperature: float = Field(ge=0, le=2)
    top_p: float = Field(gt=0, le=1)
    max_completion_tokens: int = Field(ge=16)
    reasoning_effort: Literal["low", "medium", "high"]
    max_cost: float = Field(ge=0)
    price_per_million_prompt_tokens: float = Field(ge=0)
    price_per_million_cached_tokens: float = Field(ge=0)
    price_per_million_completion_tokens: float = Field(ge=0)
    metrics_port: int = Field(ge=0, le=65_535)

    @model_validator(mode="after")
    def _money_has_prices(self) -> Llm:
        if self.max_cost and not (self.price_per_million_prompt_tokens and self.price_per_million_completion_tokens):
            raise ValueError(
                "max_cost needs price_per_million_prompt_tokens and price_per_million_completion_tokens; "
                "without prices, cap max_tokens_total"
            )
        return self

    @field_validator("endpoints", mode="before")
    @classmethod
    def _base_urls(cls, value: Any) -> Any:
        urls = [url.rstrip("/") for url in _parts(value)]
        for url in urls:
            if "@" in url:  # not repeated in the message: what stands before the @ may be a secret
                raise ValueError("an endpoint holds no user or key: give llm.api_key_env or llm.api_key_file")
            if not re.fullmatch(r"https?://[^\s/]+(/\S*)?/v1", url) or not _has_a_port_number(url):
                raise ValueError(f"{url!r} must be an http or https URL that ends in /v1, as http://127.0.0.1:8000/v1")
        return tuple(urls)


class Journal(_Section):
    folder: str
    fsync_seconds: float = Field(ge=0)
    roll_seconds: float = Field(gt=0, le=60)
    roll_bytes: int = Field(ge=1024)

    @field_validator("folder")
    @classmethod
    def _no_secret(cls, value: str) -> str:
        if re.match(r"[^/]*://[^/]*:[^/]*@", value):  # not repeated in the message
            raise ValueError("an address holds no user and password; they are read from the environment")
        return value


class Validate(_Section):
    min_narrative_characters: int = Field(ge=1)
    max_narrative_characters: int = Field(ge=1)
    min_persona_characters: int = Field(ge=1)
    max_persona_characters: int = Field(ge=1)
    # Within the answer's schema (conf/schemas), which the model is given.
    min_list_items: int = Field(ge=3, le=8)
    max_list_items: int = Field(ge=3, le=8)
    max_item_characters: int = Field(ge=2, le=80)
    min_portuguese_probability: float = Field(ge=0, le=1)
    max_english_share: float = Field(ge=0, le=1)
    max_repeats: int = Field(ge=3)
    warn_only: tuple[str, ...]
    near_duplicate_jaccard: float = Field(gt=0, le=1)
    max_bucket_texts: int = Field(ge=2)
    variety_records: int = Field(ge=1)
    min_word_records: int = Field(ge=1)
    min_word_odds: float = Field(ge=1)
    word_prior_records: float = Field(gt=0)
    word_permutations: int = Field(ge=1, le=50)

    @model_validator(mode="after")
    def _least_before_most(self) -> Validate:
        for what in ("narrative_characters", "persona_characters", "list_items"):
            least, most = getattr(self, f"min_{what}"), getattr(self, f"max_{what}")
            if least > most:
                raise ValueError(f"min_{what} = {least} is more than max_{what} = {most}: no answer could be right")
        return self


class Publish(_Section):
    occupation: Literal["title", "group"]
    allow_mixed: bool
    shards_rows: int = Field(ge=1)


class Report(_Section):
    cards: int = Field(ge=0, le=200)


class SourceOverride(_Section):
    """A user's file in place of a packaged one.

    `path` is a CSV or parquet file with the columns of the packaged one. With `layout` (IBGE's own layout file) it is
    fixed-width text: a `.txt` or `.zip`, a folder or pattern of them, or a URI of text that Spark can read.
    """

    path: str
    layout: str | None = None
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")


# Names by which a user may give a source, and the packaged one whose place it takes.
SOURCE_ALIASES = {"pnadc": "pnadc_2018t2"}


class Config(_Section):
    """All settings of one run; frozen."""

    run: Run
    ingest: Ingest
    condition: Condition
    fit: Fit
    sample: Sample
    spark: Spark
    llm: Llm
    journal: Journal
    # `validate` is a method of pydantic's base class, hence the alias.
    validation: Validate = Field(alias="validate")
    publish: Publish
    report: Report
    prices: Prices
    sources: dict[str, SourceOverride] = Field(default_factory=dict)

    @field_validator("sources")
    @classmethod
    def _known_sources(cls, value: dict[str, SourceOverride]) -> dict[str, SourceOverride]:
        known = [*SOURCE_ALIASES, *sources()] if value else []
        for name in value:
            if name not in known:
                raise ValueError(f"there is no source {name!r}; {_hint(name, known)}")
            if SOURCE_ALIASES.get(name) in value:
                raise ValueError(f"{name} takes the place of {SOURCE_ALIASES[name]}: give one of them")
        return {SOURCE_ALIASES.get(name, name): override for name, override in value.items()}

    @property
    def data_dir(self) -> Path:
        """The data folder, absolute."""
        return Path(self.run.data).expanduser().absolute()


class Source(_Section):
    """One packaged source of `sources.toml`."""

    file: str
    institution: str
    survey: str
    table: str
    year: int
    licence: str
    units: str
    rows: int
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class Node(_Section):
    """One node of `network.toml`."""

    number: int | None = Field(default=None, ge=0, le=27)  # none: its parents determine it
    parents: tuple[str, ...]
    smoothing: tuple[str, ...] = ()
    grade: Literal["A", "B", "C"]
    source: str
    raised_by: str = ""  # of grade C: the data that would make it B
    shrink_persons: float | None = Field(default=None, ge=0)  # none: estimated


class Bound(_Section):
    family: str
    name: str
    ratio: float | None = None
    min: float | None = None
    max: float | None = None
    min_records: int = 0


def text(name: str) -> str:
    """A packaged text file of `conf/`, for example `prompts/personas.txt`."""
    return resources.files("conf").joinpath(name).read_text(encoding="utf-8")


def sources() -> dict[str, Source]:
    """The packaged sources by name, in the order of the file."""
    return {name: Source(**entry) for name, entry in tomllib.loads(text("sources.toml")).items()}


def held_out() -> tuple[str, ...]:
    """The sources that no fit may read."""
    return tuple(tomllib.loads(text("quality.toml"))["held_out"]["sources"])


def fitted_sources() -> dict[str, Source]:
    """The sources that `ingest` reads: all but those held out."""
    apart = held_out()
    return {name: source for name, source in sources().items() if name not in apart}


def network() -> dict[str, Node]:
    """The nodes of the network in the order in which they are drawn.

    Raises:
        SettingsError: A parent is drawn after its child, or is no variable.
    """
    nodes = {name: Node(**entry) for name, entry in tomllib.loads(text("network.toml"))["node"].items()}
    known = ["uf", "sex", "age_band"]
    for name, node in nodes.items():
        late = [parent for parent in node.parents if parent not in known]
        if late:
            raise SettingsError(
                f"network.toml: node.{name}: parent {late[0]} is not drawn before it; {', '.join(known)}"
            )
        known.append(name)
    return nodes


def rules() -> dict[str, Any]:
    """The structural zeros of `rules.toml` as they stand there; `census.rules.load` reads them."""
    return tomllib.loads(text("rules.toml"))


def quality_bounds() -> tuple[Bound, ...]:
    """The bounds of the quality gate."""
    return tuple(Bound(**entry) for entry in tomllib.loads(text("quality.toml"))["bound"])


def load(
    overlays: tuple[str, ...] = (), assignments: tuple[str, ...] = (), options: dict[str, Any] | None = None
) -> Config:
    """Read base.toml, then the overlays, then `section.key=value` assignments, then options of the command line.

    Raises:
        SettingsError: An overlay cannot be read, or a key or value is not allowed; names where it was given.
    """
    merged = tomllib.loads(text("base.toml")) | {"prices": tomllib.loads(text("prices.toml"))}
    origins: dict[str, str] = {}
    for overlay in overlays:
        _merge(merged, _read_overlay(overlay), f"{overlay}: ", origins)
    for assignment in assignments:
        _merge(merged, _parse_assignment(assignment), "--set ", origins)
    for key, value in (options or {}).items():
        section, _, name = key.partition(".")
        merged.setdefault(section, {})[name] = value
        origins[key] = ""
    try:
        return Config(**merged)
    except ValidationError as error:
        raise SettingsError("; ".join(_explain(detail, origins) for detail in error.errors())) from error


def _read_overlay(path: str) -> dict[str, Any]:
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"overlay {path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"overlay {path}: not valid TOML: it is not UTF-8 text") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"overlay {path}: not valid TOML: {error}") from error


def _parse_assignment(assignment: str) -> dict[str, Any]:
    key, separator, raw = assignment.partition("=")
    parts = key.strip().split(".")
    if not separator or len(parts) < 2 or not all(parts):
        raise SettingsError(f"--set {assignment}: expected section.key=value, for example --set llm.max_in_flight=64")
    try:
        value: Any = json.loads(raw)
    except json.JSONDecodeError:
        value = raw
    nested: Any = value
    for part in reversed(parts):
        nested = {part: nested}
    return dict(nested)


def _merge(base: dict[str, Any], extra: dict[str, Any], origin: str, origins: dict[str, str], prefix: str = "") -> None:
    for key, value in extra.items():
        path = f"{prefix}{key}"
        origins[path] = origin
        if isinstance(value, dict) and isinstance(base.get(key, {}), dict):
            _merge(base.setdefault(key, {}), value, origin, origins, path + ".")
        else:
            base[key] = value


_FLAGS = {"run.ufs": "--uf"} | {f"run.{name}": f"--{name}" for name in ("records", "total", "whole", "seed", "data")}


def _explain(detail: Any, origins: dict[str, str]) -> str:
    """One sentence for one error of pydantic: where the value was given, its key, what is wrong with it."""
    key = ".".join(map(str, detail["loc"]))
    # The key itself, a key in it (an error of a whole section), or the section around it.
    given = [key, *(known for known in reversed(origins) if known.startswith(key + ".")), key.rpartition(".")[0]]
    where = next((known for known in given if known in origins), None)
    if where in _FLAGS and origins[where] == "":
        return f"{_FLAGS[where]}: {_reason(detail)}"
    return f"{origins[where] if where else 'base.toml: '}{key}: {_reason(detail)}"


def _reason(detail: Any) -> str:
    match detail["type"]:
        case "value_error":
            return str(detail["msg"]).removeprefix("Value error, ")
        case "extra_forbidden":
            return f"unknown key; {_hint('.'.join(detail['loc']), _keys_beside(detail['loc']))}"
        case "missing":
            return "is missing"
        case "model_type" | "dict_type":
            return f"must be a table of keys, not {detail['input']!r}"
    message = re.sub("^(Input|String) should ", "must ", detail["msg"]).partition(", unable to")[0]
    return f"{message}, not {detail['input']!r}"


def _keys_beside(place: tuple[str, ...]) -> list[str]:
    """Dotted keys that may stand where `place` does."""
    section, *rest = place
    if not rest:
        return [field.alias or name for name, field in Config.model_fields.items()]
    if section == "sources":
        return [".".join((*place[:-1], name)) for name in SourceOverride.model_fields]
    found = next(field for name, field in Config.model_fields.items() if section == (field.alias or name))
    return [f"{section}.{name}" for name in found.annotation.model_fields]  # type: ignore[union-attr]


def _hint(word: str, known: Iterable[str]) -> str:
    near = get_close_matches(word, known, n=1, cutoff=0.75)
    return f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"
