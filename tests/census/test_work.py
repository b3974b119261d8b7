"""Work reaches the published levels and keeps what the survey knows between its cells."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from census import codes, work

RNG = np.random.default_rng(11)
STATES, SEXES, BANDS, LEVELS, ZONES, RACES = 2, 2, 4, 3, 2, 2
GROUP_OF_COD = np.array([0, 0, 0, 1, 1, 1])
COD3 = np.array([0, 0, 1, 2, 3, 3])  # base group -> subgroup of three digits
STAGES = np.array([0, 1, 1, 2])


def make_laws(*shape: int) -> np.ndarray:
    return RNG.dirichlet(np.full(shape[-1], 2.0), size=shape[:-1])


def make_cods() -> np.ndarray:
    """P(COD | state, group, sex, level, zone, stage): a base group lies within its great group."""
    table = make_laws(STATES, 2, SEXES, LEVELS, ZONES, STAGES.max() + 1, len(COD3))
    for group in range(2):
        table[:, group, ..., group != GROUP_OF_COD] = 0.0
    return table / table.sum(axis=-1, keepdims=True)


def make_structure(share: np.ndarray, suppressed: np.ndarray) -> work.Structure:
    return work.Structure(share, suppressed, COD3)


@pytest.fixture()
def survey() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    workers = RNG.gamma(2.0, 50.0, size=(STATES, SEXES, BANDS, LEVELS, ZONES, RACES))
    return make_laws(STATES, SEXES, BANDS, LEVELS, ZONES, RACES, 2), make_cods(), workers


def shares_of(groups: np.ndarray, cods: np.ndarray, workers: np.ndarray) -> np.ndarray:
    """(states, sexes, subgroups) expected shares within a sex."""
    by_group = work.workers_by_group(workers, groups, STAGES)
    have = np.einsum("ugsezt,ugseztc->usc", by_group, cods) @ np.eye(COD3.max() + 1)[COD3]
    return have / have.sum(axis=2, keepdims=True)


def odds(groups: np.ndarray, cods: np.ndarray, a: int, b: int) -> np.ndarray:
    """Base group `a` against `b` in every cell of state, sex, age, schooling, zone and race, great groups included."""
    one, other = (
        groups[..., GROUP_OF_COD[c]] * cods[:, GROUP_OF_COD[c], ..., c][..., STAGES].transpose(0, 1, 4, 2, 3)[..., None]
        for c in (a, b)
    )
    return one / other


def wanted() -> np.ndarray:
    return RNG.dirichlet(np.full(COD3.max() + 1, 3.0), size=(STATES, SEXES))


def test_occupations_reach_the_published_shares_within_each_sex(survey):
    groups, cods, workers = survey
    target = wanted()
    moved = work.raked_occupations(*survey, make_structure(target, np.zeros(STATES)), STAGES, passes=200)
    assert np.abs(shares_of(groups, cods, workers) - target).sum(axis=2).max() / 2 > 0.05
    assert np.abs(shares_of(*moved, workers) - target).sum(axis=2).max() / 2 < 1e-4
    assert all(np.allclose(table.sum(axis=-1), 1.0) for table in moved)


def test_raking_occupations_leaves_the_odds_between_cells_as_the_survey_has_them(survey):
    groups, cods, _ = survey
    structure = make_structure(wanted(), np.zeros(STATES))
    moved_groups, moved_cods = work.raked_occupations(*survey, structure, STAGES, passes=200)
    for a, b in ((0, 2), (1, 3), (4, 5)):
        before, after = odds(groups, cods, a, b), odds(moved_groups, moved_cods, a, b)
        ratio = after / before
        # One factor a state and sex: nothing moves between cells of age, schooling, zone or race.
        assert np.allclose(ratio, ratio[:, :, :1, :1, :1, :1], rtol=1e-8)
        assert not np.allclose(ratio, 1.0) or COD3[a] == COD3[b]


def test_a_base_group_stays_in_its_great_group(survey):
    structure = make_structure(wanted(), np.zeros(STATES))
    moved = work.raked_occupations(*survey, structure, STAGES)[1]
    assert all((moved[:, group, ..., group != GROUP_OF_COD] == 0.0).all() for group in range(2))


def test_suppressed_subgroups_share_what_is_suppressed_as_the_survey_has_them(survey):
    groups, cods, workers = survey
    share = wanted()
    share[0, :, 1:3] = np.nan  # state 0 prints neither subgroup 1 nor 2
    structure = make_structure(share, np.array([0.12, 0.0]))
    moved = work.raked_occupations(*survey, structure, STAGES, passes=300, tolerance=1e-8)
    after = shares_of(*moved, workers)
    sexes = workers.sum(axis=(2, 3, 4, 5))
    sexes = sexes / sexes.sum(axis=1, keepdims=True)
    assert (after[0, :, 1:3].sum(axis=1) * sexes[0]).sum() == pytest.approx(0.12, abs=1e-3)
    # Subgroups 1 and 2, through their only base groups, keep their odds to each other in every cell.
    assert np.allclose(odds(*moved, 2, 3)[0], odds(groups, cods, 2, 3)[0])
    assert not np.allclose(odds(*moved, 2, 3)[1], odds(groups, cods, 2, 3)[1])
    # What is printed keeps its proportions; the other state prints everything.
    assert after[0, :, 0] / after[0, :, 3] == pytest.approx(share[0, :, 0] / share[0, :, 3], rel=1e-3)
    assert np.allclose(after[1], share[1], atol=1e-4)


# ----------------------------------------------------------------------------------------------- who works
PEOPLE = (3, len(codes.ZONES), len(codes.SEXES), len(codes.AGE_BANDS), 2, 2)
FIRST = codes.AGE_BANDS.index("14-17")


def level(selection: tuple[object, ...], share: float) -> work.Level:
    cells = np.zeros(PEOPLE, dtype=bool)
    cells[selection] = True
    cells[:, :, :, :FIRST] = False
    return work.Level(cells, share)


def test_the_published_levels_of_employment_hold_and_the_women_s_share_with_them():
    people = RNG.gamma(2.0, 100.0, size=PEOPLE)
    every = slice(None)
    levels = [level((every, every, 1), 0.63), level((every, every, 0), 0.44)]
    chance = RNG.uniform(0.05, 0.95, size=PEOPLE)
    works = work.working(chance, people, levels)
    for known in levels:
        assert np.average(works[known.cells], weights=people[known.cells]) == pytest.approx(known.share, abs=1e-5)
    women = np.array([0.40, 0.45, 0.50])
    works = work.working(chance, people, [], women)
    workers = (people * works).sum(axis=(1, 3, 4, 5))
    assert workers[:, 0] / workers.sum(axis=1) == pytest.approx(women, abs=1e-5)


def test_a_level_moves_every_cell_by_the_same_odds():
    people = RNG.gamma(2.0, 100.0, size=PEOPLE)
    chance = RNG.uniform(0.05, 0.95, size=PEOPLE)
    works = work.working(chance, people, [level((slice(None),), 0.5)])
    odds = works / (1 - works) / (chance / (1 - chance))
    assert np.allclose(odds[:, :, :, FIRST:], odds[0, 0, 0, FIRST, 0, 0])


def test_nobody_under_14_works():
    people = RNG.gamma(2.0, 100.0, size=PEOPLE)
    works = work.working(np.full(PEOPLE, 0.5), people, [level((slice(None),), 0.6)])
    assert (works[:, :, :, :FIRST] == 0.0).all()
    assert (works[:, :, :, FIRST:] > 0.0).all()


def test_who_does_not_work_looks_studies_is_retired_or_at_home_and_nobody_retires_before_40():
    chances = [RNG.uniform(0.1, 0.9, size=PEOPLE[2:4]) for _ in range(4)]
    law = work.activity(RNG.uniform(size=PEOPLE), *chances)
    assert law.shape == (*PEOPLE, len(codes.ACTIVITIES))
    assert np.allclose(law.sum(axis=-1), 1.0)
    retired = law[..., codes.ACTIVITIES.index("aposentado")]
    from_40 = codes.AGE_BANDS.index("40-44")
    assert (retired[:, :, :, :from_40] == 0.0).all() and (retired[:, :, :, from_40:] > 0.0).all()


def test_the_share_of_an_age_borrows_from_its_neighbours_but_not_from_who_did_not_answer():
    rows = pd.DataFrame(
        {
            "sex": ["F"] * 4 + ["M"] * 4,
            "age_band": ["20-24", "25-29", "30-34", "80+"] * 2,
            "is_looking": [True, None, False, False] * 2,
            "weight_persons": [100.0, 1e9, 100.0, 100.0] * 2,
        }
    )
    share = work.share_by_sex_and_band(rows, "is_looking")
    band = codes.AGE_BANDS.index
    assert share.shape == (2, len(codes.AGE_BANDS))
    assert (share[:, band("20-24")] > share[:, band("25-29")]).all()
    assert (share[:, band("25-29")] > share[:, band("30-34")]).all()
    assert ((share > 0) & (share < 1)).all()
