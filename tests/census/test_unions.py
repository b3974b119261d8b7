"""Marriage, union and religion: the shape of one source at the level of another, and what the law rules out."""

from __future__ import annotations

import numpy as np
import pytest

from census import codes, unions
from census.model import ADULT, BANDS, LEVELS, RACES, SEXES, STATES, Weighted

STATUSES = len(codes.MARITAL_STATUSES)
MARRIED = codes.MARITAL_STATUSES.index("Casado")
DRAW = np.random.default_rng(8)
PEOPLE = DRAW.gamma(2.0, 500.0, size=(STATES, SEXES, BANDS, RACES, LEVELS))
CANDIDATES = DRAW.gamma(2.0, 50.0, size=(SEXES, 12, RACES, LEVELS, STATUSES))
PUBLISHED = np.array([0.55, 0.36, 0.02, 0.03, 0.04])


def make_marital(voters: np.ndarray | None = None) -> np.ndarray:
    alike = np.broadcast_to(PUBLISHED, (STATES, STATUSES))
    return unions.marital(CANDIDATES, alike if voters is None else voters, PEOPLE, 0.40, PUBLISHED)


def shares(table: np.ndarray, people: np.ndarray) -> np.ndarray:
    adults = people[..., ADULT:, :, :]
    axes = tuple(range(adults.ndim))
    return np.asarray((adults[..., None] * table[..., ADULT:, :, :, :]).sum(axis=axes) / adults.sum())


def test_adults_are_married_to_the_level_given_and_the_formerly_married_keep_their_ratios():
    found = shares(make_marital(), PEOPLE)
    assert found[MARRIED] == pytest.approx(0.40, abs=1e-4)
    assert found[2:] / found[MARRIED] == pytest.approx(PUBLISHED[2:] / PUBLISHED[MARRIED], rel=1e-3)


def test_children_are_single():
    table = make_marital()
    assert (table[:, :, :ADULT, ..., 0] == 1.0).all()
    assert np.allclose(table.sum(axis=-1), 1.0)


def test_a_state_whose_voters_marry_more_has_more_married_persons():
    voters = np.tile(PUBLISHED * 1e6, (STATES, 1))
    voters[3, MARRIED] *= 2.0
    table = make_marital(voters)
    married = [shares(table[s], PEOPLE[s])[MARRIED] for s in range(STATES)]
    assert int(np.argmax(married)) == 3
    # By half of the difference of their log odds.
    odds = table[3, 0, -1, 0, 0, MARRIED] / table[3, 0, -1, 0, 0, 0]
    others = table[4, 0, -1, 0, 0, MARRIED] / table[4, 0, -1, 0, 0, 0]
    assert odds / others == pytest.approx(np.sqrt(2.0))


def make_union(share: float = 0.5) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """P(in union | sex, band, status), the share of the legally married, and residents."""
    persons = DRAW.gamma(5.0, 1000.0, size=(SEXES, BANDS))
    married = np.linspace(0.0, 0.5, BANDS) * np.ones((SEXES, 1))
    married[:, :ADULT] = 0.0
    counts = DRAW.gamma(5.0, 100.0, size=(STATES, SEXES, BANDS, 2))
    return unions.union(Weighted(counts, counts), married, persons, share, design_effect=1.5), married, persons


def test_the_married_live_in_union_and_children_do_not():
    table, *_ = make_union()
    assert (table[:, ADULT:, MARRIED, 1] == 1.0).all()
    assert (table[:, :ADULT, :, 1] == 0.0).all()
    assert np.allclose(table.sum(axis=-1), 1.0) and table.min() >= 0.0


def test_persons_in_union_are_the_published_share_of_those_of_10_and_over():
    table, married, persons = make_union(0.5)
    together = married + (1 - married) * table[:, :, 0, 1]
    ten = codes.AGE_BANDS.index("10-13")
    assert (together * persons)[:, ADULT:].sum() == pytest.approx(0.5 * persons[:, ten:].sum(), rel=1e-6)


def make_religion() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    people = DRAW.gamma(50.0, 200.0, size=(STATES, SEXES, RACES)) * [0.43, 0.10, 0.01, 0.45, 0.01]
    by_state = DRAW.dirichlet([55.0, 28.0, 10.0, 7.0], size=STATES)[:, :3]
    rest = np.tile([0.3, 0.2, 0.5], (STATES, 1))
    return unions.religion(by_state, rest, np.array([38.0, 12.0, 0.4, 49.1, 0.5]), 0.56, people), by_state, people


def test_every_state_has_its_own_religions_exactly():
    table, by_state, people = make_religion()
    found = np.einsum("usr,usrx->ux", people, table) / people.sum(axis=(1, 2))[:, None]
    assert found[:, :3] == pytest.approx(by_state, abs=1e-5)
    assert found[:, 3:] == pytest.approx((1 - by_state.sum(axis=1))[:, None] * np.array([0.3, 0.2, 0.5]), abs=1e-5)
    assert np.allclose(table.sum(axis=-1), 1.0)


def test_men_have_no_religion_more_often():
    table, _, people = make_religion()
    without = (people[..., None] * table)[..., codes.RELIGIONS.index("sem religião")].sum(axis=(0, 2))
    assert without[1] / without.sum() == pytest.approx(0.56, abs=0.01)
