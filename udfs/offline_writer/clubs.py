"""The football club a person supports: far clubs as often as near ones, and a good many persons none at all.

`data/clubs.csv` is by state. Its shares come from the Datafolha polls by region (November 2024, Placar; for the South,
the North and the Centre-West filled up with January 2018); inside a region clubs lean to their home state by our
estimate, and local clubs take what the polls call others. What a state's shares lack to 100 supports no club.
"""

from __future__ import annotations

from udfs.offline_writer.choice import Dice
from udfs.offline_writer.lexicon import read_rows

_TENTHS = 1000  # per mille of a state's people


def _clubs() -> dict[str, list[tuple[int, str, str]]]:
    """State -> (share in tenths of a per cent, article, club)."""
    shares: dict[str, list[tuple[int, str, str]]] = {}
    for row in read_rows("clubs.csv"):
        shares.setdefault(row["state"], []).append((round(float(row["percent"]) * 10), row["article"], row["club"]))
    return shares


_CLUBS = _clubs()


def club_of(state: str, dice: Dice) -> tuple[str, str] | None:
    """Article and name of a club, drawn for a state; None for those who support none."""
    drawn = dice.below(_TENTHS)
    for share, article, club in _CLUBS.get(state, ()):
        if drawn < share:
            return article, club
        drawn -= share
    return None
