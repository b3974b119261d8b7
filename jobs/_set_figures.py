"""Names of the figures of the set of texts, as they are measured and as the page finds them, and their row."""

from __future__ import annotations

from jobs._states import NATIONAL

Row = dict[str, object]
# Of a field, named behind a colon: "share of near duplicates: persona".
NEAR = "share of near duplicates"
EXACT = "share of exact duplicates"
PAIRS = "pairs compared"
LARGEST = "texts in the largest bucket"
OVER = "texts past the cap of a bucket"
OPENING = "share of the commonest opening"
OPENINGS = "distinct openings"
TRIPLES = "distinct-3"
WORDS = "type-token ratio"
# Of a group, named at the end: "distinct words of race=preta", "word of race=preta: feira".
DISTINCT_WORDS = "distinct words of "
WORD = "word of "
RACE_WORDS = "words by race: largest |z|"


def row(family: str, name: str, value: float, n: int, source: str) -> Row:
    """A row of `ops_quality__metric` of all states together."""
    return {"uf": NATIONAL, "family": family, "name": name, "value": float(value), "n": n, "source": source}
