"""The code book is whole."""

from __future__ import annotations

from census import codes


def test_every_activity_but_work_has_a_stage_of_life_for_women_and_men():
    assert set(codes.STAGES_OF_LIFE) == set(codes.ACTIVITIES) - {"ocupado"}
    assert all(woman and man for woman, man in codes.STAGES_OF_LIFE.values())
