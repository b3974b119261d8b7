"""Traits in words: what a T score looks like in everyday behaviour, a good side and a less good one in every wording.

`data/trait_words.csv` is the one table: the record block says its wordings, the offline writer knows a band by them,
the export for Data Designer describes with them. It is reviewed by hand; a change of it is a change of the prompt
(`conf/prompts/version.txt`). Which wording a person gets depends on the person's uuid and the trait, on nothing else.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Mapping
from importlib import resources
from types import MappingProxyType

# Upper ends of the five bands of a T score (mean 50, deviation 10); the last band is open.
BAND_ENDS = (35, 45, 55, 65)
_SIDES = ("good", "bad")
_DIGITS = 7  # hexadecimal digits of the digest that choose


def _read() -> Mapping[str, tuple[tuple[str, ...], ...]]:
    text = resources.files("udfs").joinpath("data", "trait_words.csv").read_text(encoding="utf-8")
    sides: dict[str, list[dict[str, list[str]]]] = {}
    for row in csv.DictReader(text.splitlines(), delimiter=";"):
        bands = sides.setdefault(row["trait"], [{side: [] for side in _SIDES} for _ in range(len(BAND_ENDS) + 1)])
        bands[int(row["band"]) - 1][row["side"]].append(row["words"])
    return MappingProxyType({trait: tuple(_both(band) for band in bands) for trait, bands in sides.items()})


def _both(band: Mapping[str, list[str]]) -> tuple[str, ...]:
    """Every good side with every bad one, either first."""
    pairs = [(good, bad) for good in band["good"] for bad in band["bad"]]
    return tuple(f"{first}, mas {second}" for pair in pairs for first, second in (pair, pair[::-1]))


# Trait -> band -> wordings, with `{o}` for the ending of the sex; as many in every band.
WORDS = _read()
WORDINGS = len(next(iter(WORDS.values()))[0])


def band(score: float) -> int:
    """The band of a T score: 0 is far below the average, 4 far above it."""
    return sum(score >= end for end in BAND_ENDS)


def wording(uuid: str, trait: str) -> int:
    """Place of the person's wording within a band, whatever the band."""
    return int(hashlib.sha256(f"{uuid}|{trait}".encode()).hexdigest()[:_DIGITS], 16) % WORDINGS


def wording_sql(trait: str) -> str:
    """`wording` as an SQL expression over the column `uuid`."""
    digest = f"substring(sha2(concat(uuid, '|{trait}'), 256), 1, {_DIGITS})"
    return f"cast(conv({digest}, 16, 10) AS int) % {WORDINGS}"


def template(uuid: str, trait: str, score: float) -> str:
    """What the score looks like in this person, with `{o}` for the ending of the sex."""
    return WORDS[trait][band(score)][wording(uuid, trait)]
