"""How alike two texts are, and the chance that a search by bands of a MinHash signature sees it."""

from __future__ import annotations

from collections.abc import Set as AbstractSet


def jaccard(a: AbstractSet[str], b: AbstractSet[str]) -> float:
    """Shingles that two texts share, of all that either has; 1 for two empty sets."""
    shared = len(a & b)
    whole = len(a) + len(b) - shared
    return shared / whole if whole else 1.0


def found_chance(alike: float, *, bands: int, rows: int) -> float:
    """Chance that two texts agree in at least one band, whose rows each agree with the chance `alike`.

    Args:
        alike: Jaccard index of their shingles.
        bands: Bands of the signature.
        rows: Permutations a band.

    Source: A. Broder, "On the resemblance and containment of documents" (1997), for the agreement of one row.
    """
    return 1.0 - (1.0 - alike**rows) ** bands
