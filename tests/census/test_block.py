"""The census block of a municipality keeps its ages whole and comes as near its other margins as they agree."""

from __future__ import annotations

import numpy as np
import pytest

from census import block, codes
from census.block import ADULT

SHAPE = (len(codes.SEXES), len(codes.AGE_BANDS), *block.CELLS)
DEGREE = 3
FIT = {"design_effect": 1.5, "passes": 400, "tolerance": 1e-9}


def make_truth(places: int, *, seed: int = 5, mean: float = 4.0) -> np.ndarray:
    """Persons of some municipalities by sex, age band, race, level and zone; children and the young hold no degree."""
    draw = np.random.default_rng(seed)
    leaning = draw.gamma(2.0, mean / 2.0, size=SHAPE) * draw.gamma(3.0, 1 / 3.0, size=(places, 1, 1, *block.CELLS))
    leaning[:, :, : ADULT + 1, :, DEGREE] = 0.0
    leaning[:, :, :2, :, 1:] = 0.0
    return draw.poisson(leaning).astype(float)


def margins(truth: np.ndarray) -> dict[str, np.ndarray]:
    """What the census publishes of them."""
    return {
        "persons": truth.sum(axis=(3, 4, 5)),
        "state": truth.sum(axis=0),
        "own": truth[:, :, ADULT:].sum(axis=(1, 5)),
        "rural": truth[..., 1].sum(axis=(1, 2, 3, 4)) / truth.sum(axis=(1, 2, 3, 4, 5)),
    }


@pytest.fixture(scope="module")
def truth() -> np.ndarray:
    return make_truth(5)


def disagreeing(truth: np.ndarray) -> dict[str, np.ndarray]:
    """The same margins as a sample would give them: no two of them fit together."""
    given = margins(truth)
    draw = np.random.default_rng(2)
    given["own"] = draw.poisson(given["own"]).astype(float)
    given["rural"] = np.clip(given["rural"] * draw.uniform(0.7, 1.3, len(truth)), 0, 1)
    given["state"] = given["state"] * draw.uniform(0.8, 1.25, size=SHAPE)
    return given


def test_every_margin_holds_where_the_margins_agree(truth):
    raked, residual = block.municipal_block(**margins(truth), shrink_persons=1e-6, **FIT)
    assert np.allclose(raked.sum(axis=0), truth.sum(axis=0), atol=1e-2)
    assert residual.state_joint < 1e-5
    assert residual.own_joint.max() < 1e-4
    assert residual.race.max() < 1e-4
    assert residual.education.max() < 1e-4
    assert residual.zone.max() < 1e-5


def test_ages_and_sexes_are_exact_whatever_the_other_margins_say(truth):
    given = disagreeing(truth)
    raked, residual = block.municipal_block(**given, shrink_persons=100.0, **(FIT | {"passes": 3}))
    assert np.allclose(raked.sum(axis=(3, 4, 5)), given["persons"], rtol=1e-12)
    assert residual.age_sex.max() < 1e-9
    assert residual.race.max() > 1e-3  # so they did disagree


def test_what_the_state_holds_impossible_stays_impossible(truth):
    given = disagreeing(truth)
    given["own"][:, 0, :, DEGREE] = 7.0  # a slip of the municipal table: degrees at 18 and 19
    raked, _ = block.municipal_block(**given, shrink_persons=1.0, **FIT)
    assert (raked[:, given["state"] == 0.0] == 0.0).all()
    assert raked[:, :, : ADULT + 1, :, DEGREE].sum() == 0.0


def test_a_municipality_without_rural_households_has_nobody_rural(truth):
    given = margins(truth)
    given["rural"][2] = 0.0
    raked, _ = block.municipal_block(**given, shrink_persons=100.0, **FIT)
    assert raked[2, ..., 1].sum() == 0.0
    assert raked[2].sum() == pytest.approx(given["persons"][2].sum())
    assert (np.delete(raked, 2, axis=0)[..., 1].sum(axis=(1, 2, 3, 4)) > 0).all()


def test_small_places_are_shrunk_more():
    sizes = np.array([0.2, 1.0, 5.0, 25.0])
    truth = make_truth(1) * sizes[:, None, None, None, None, None]
    residual = block.municipal_block(**margins(truth), shrink_persons=100.0, **FIT)[1]
    assert (np.diff(residual.prior_share) < 0).all()
    assert residual.prior_share[0] > 0.5


def test_a_small_place_that_differs_moves_less_towards_its_own_table_than_a_large_one():
    law = np.array([[[0.5, 0.5]]])  # one age band, one race, two levels
    by_age = np.array([[400.0], [40_000.0], [400_000.0]])
    own = by_age[..., None, None] * np.array([0.9, 0.1])
    target, prior_share = block.own_targets(
        by_age, own, law * 440_400, np.array([600.0, 60_000.0, 600_000.0]), design_effect=1.5, shrink_persons=100.0
    )
    share = target[:, 0, 0, 0] / by_age[:, 0]
    assert np.allclose(target.sum(axis=(2, 3)), by_age)
    assert share[0] < share[1] and prior_share[0] > prior_share[1] > prior_share[2]
    # Over all places the state's law holds: it comes before the places' own tables.
    assert target[:, 0, 0, 0].sum() == pytest.approx(220_200, rel=1e-3)


def test_an_age_band_of_nobody_is_left_empty(truth):
    emptied = truth.copy()
    emptied[1, :, -1] = 0.0
    raked, residual = block.municipal_block(**margins(emptied), shrink_persons=100.0, **FIT)
    assert raked[1, :, -1].sum() == 0.0
    assert np.isfinite(raked).all() and np.isfinite(residual.own_joint).all()


def test_rural_shares_reach_the_published_one_and_places_without_fields_stay_urban():
    households = np.array([[90.0, 10.0], [50.0, 50.0], [80.0, 0.0], [0.0, 20.0]])
    residents = np.array([400.0, 300.0, 200.0, 100.0])
    moved = block.rural_shares(households, residents, 0.30)
    assert moved @ residents == pytest.approx(300.0)
    assert moved[2] == 0.0
    assert moved[3] == pytest.approx(1.0)
    assert moved[0] / (1 - moved[0]) / (moved[1] / (1 - moved[1])) == pytest.approx((1 / 9) / 1)  # odds move together


def test_the_state_s_joint_is_split_by_zone_and_reaches_its_rural_persons(truth):
    joint = truth.sum(axis=(0, 5))
    zone = np.random.default_rng(4).dirichlet([4.0, 1.0], size=joint.shape)
    split = block.state_block(joint, zone, 0.35 * joint.sum())
    assert np.allclose(split.sum(axis=4), joint, atol=1e-3)
    assert split[..., 1].sum() == pytest.approx(0.35 * joint.sum(), rel=1e-6)


def test_the_census_asks_a_larger_share_of_small_places():
    assert list(block.sampling_fraction(np.array([900.0, 2_500.0, 8_000.0, 20_000.0, 500_000.0]))) == [
        0.50,
        0.33,
        0.20,
        0.10,
        0.05,
    ]
