"""How alike texts are, and what a search by bands sees of them."""

from __future__ import annotations

import pytest

from census import duplicates


@pytest.mark.parametrize(
    ("a", "b", "alike"),
    [("abc", "abc", 1.0), ("abcd", "cdef", 2 / 6), ("ab", "cd", 0.0), ("", "", 1.0), ("", "a", 0.0)],
)
def test_the_index_is_what_is_shared_of_what_either_has(a, b, alike):
    assert duplicates.jaccard(set(a), set(b)) == pytest.approx(alike)


def test_a_pair_is_seen_where_one_band_agrees_whole():
    # Two bands of one row miss a pair that agrees in half of the rows a quarter of the times.
    assert duplicates.found_chance(0.5, bands=2, rows=1) == pytest.approx(0.75)
    assert duplicates.found_chance(1.0, bands=16, rows=8) == 1.0
    assert duplicates.found_chance(0.0, bands=16, rows=8) == 0.0


def test_the_bands_in_use_see_what_is_alike_and_pass_over_what_is_not():
    seen = {alike: duplicates.found_chance(alike, bands=16, rows=8) for alike in (0.4, 0.6, 0.8, 0.95)}
    assert seen[0.95] > 0.9999 and seen[0.8] == pytest.approx(0.947, abs=5e-4)
    assert seen[0.6] == pytest.approx(0.237, abs=5e-4) and seen[0.4] < 0.011
