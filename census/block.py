"""The census block of a municipality: persons by sex, age band, race, schooling and zone, raked to every margin of it.

Axes everywhere: municipalities, then sex, age band, race, education level, zone, in the order of the code book.
The margins disagree a little, so there is an order of authority: the municipality's ages (SIDRA 9514, in whole persons)
> the state's joint (10061) > the municipality's own race and schooling (10061, shares within its ages, shrunk)
> its rural share (9922, households).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from census import codes
from census.estimation import moved_on_odds, normalised, rake, ratio

Array = NDArray[np.float64]
ADULT = codes.FIRST_ADULT_BAND
CELLS = (len(codes.RACES), len(codes.EDUCATION_LEVELS), len(codes.ZONES))
_YOUNG_ADULTS = slice(ADULT, codes.AGE_BANDS.index("45-49"))  # the ages of most children's parents
# Sampling fraction of the census's long form by residents of the municipality (the five classes of the Censo 2010).
_FRACTION_ENDS = (2_500, 8_000, 20_000, 500_000)
_FRACTIONS = (0.50, 0.33, 0.20, 0.10, 0.05)


@dataclass(frozen=True)
class Residual:
    """How far a municipality's block ends from its margins: total variation distances, 0 to 1; `age_sex` in persons.

    Attributes:
        age_sex: (M,) largest difference of a sex x age band, in persons.
        race, education: (M,) adults, against the municipality's own 10061, as published.
        own_joint: (M,) race x schooling within age band, against the shrunk target.
        zone: (M,) absolute difference of the rural share.
        state_joint: Of the whole state against its own joint (one number).
        prior_share: (M,) weight of the state's law in the target of race and schooling.
    """

    age_sex: Array
    race: Array
    education: Array
    own_joint: Array
    zone: Array
    state_joint: float
    prior_share: Array


def sampling_fraction(residents: Array) -> Array:
    """Share of dwellings that got the census's long form, by residents of the municipality."""
    return np.asarray(_FRACTIONS)[np.searchsorted(_FRACTION_ENDS, residents, side="right")]


def own_targets(
    by_age: Array, own: Array, joint: Array, residents: Array, *, design_effect: float, shrink_persons: float
) -> tuple[Array, Array]:
    """Race x schooling of the adults of each municipality, within each age band, shrunk to the state.

    The municipal table is a sample: an age band of a small place has a handful of persons in it. Its age bands are
    shrunk to the state's law of the band, first raked to the place's own race x schooling of all adults (itself
    shrunk to the state), so that a place keeps its mix and a cell that the sample missed stays possible.

    Args:
        by_age: (M, adult bands) residents.
        own: (M, adult bands, races, levels) SIDRA 10061 as published.
        joint: (adult bands, races, levels) persons of the state.
        residents: (M,) of all ages.
        design_effect: Of a sample of dwellings.
        shrink_persons: k; a cell of n effective persons weighs n / (n + k).

    Returns:
        (M, adult bands, races, levels) persons, sums to `by_age`, and over municipalities to the state's shares; and
        (M,) weight of the prior.
    """
    bands = by_age.shape[1]
    flat_joint = joint.reshape(bands, -1)
    law = normalised(flat_joint)
    flat = own.reshape(len(own), bands, -1)
    n = sampling_fraction(residents)[:, None] * by_age / design_effect
    all_adults = n.sum(axis=1, keepdims=True)
    expected = normalised((by_age[..., None] * law).sum(axis=1))
    seen = normalised(flat.sum(axis=1), expected)
    mix = (all_adults * seen + shrink_persons * expected) / (all_adults + shrink_persons)
    prior = by_age[..., None] * law
    for _ in range(20):
        prior *= ratio(mix * by_age.sum(axis=1, keepdims=True), prior.sum(axis=1))[:, None, :]
        prior *= ratio(by_age, prior.sum(axis=2))[..., None]
    prior_law = normalised(prior, np.broadcast_to(law, prior.shape))
    weight = n / (n + shrink_persons)
    target = by_age[..., None] * (weight[..., None] * normalised(flat, prior_law) + (1 - weight)[..., None] * prior_law)
    state = law * by_age.sum(axis=0)[:, None]
    for _ in range(20):
        target *= ratio(state, target.sum(axis=0))
        target *= ratio(by_age, target.sum(axis=2))[..., None]
    share = ((1 - weight) * by_age).sum(axis=1) / np.maximum(by_age.sum(axis=1), 1.0)
    return target.reshape(own.shape), share


def rural_shares(households: Array, residents: Array, wanted: float) -> Array:
    """Rural share of persons by municipality: the share of households, moved on the odds to the published share.

    Args:
        households: (M, 2) urban and rural, all of Brazil.
        residents: (M,).
        wanted: Published share of rural persons in all.
    """
    share = households[:, 1] / np.maximum(households.sum(axis=1), 1.0)
    odds = share / np.maximum(1 - share, 1e-12)
    return moved_on_odds(odds, residents, wanted * float(residents.sum()), reach=2.0)


def state_block(joint: Array, zone: Array, rural_persons: float) -> Array:
    """Persons of a state by sex, age band, race, level, zone: its joint, split by zone, raked to its rural persons.

    Args:
        joint: (sexes, bands, races, levels) persons.
        zone: The same axes and zones: P(zone | ...) of the survey.
        rural_persons: Rural residents of the state.
    """
    total = joint.sum()
    return rake(
        joint[..., None] * zone,
        [((4,), np.array([total - rural_persons, rural_persons])), ((0, 1, 2, 3), joint)],
        passes=200,
    )


def municipal_block(
    persons: Array,
    state: Array,
    own: Array,
    rural: Array,
    *,
    design_effect: float,
    shrink_persons: float,
    passes: int,
    tolerance: float,
) -> tuple[Array, Residual]:
    """Rake the block of every municipality of a state.

    Args:
        persons: (M, sexes, bands) whole persons, the authority.
        state: (sexes, bands, races, levels, zones) persons of the state.
        own: (M, adult bands, races, levels) municipal 10061.
        rural: (M,) rural share of persons.
        passes: At most so many rounds over all margins.
        tolerance: Stop when no round moves more than this share of the persons.

    Returns:
        (M, sexes, bands, races, levels, zones) persons whose sums over race, level and zone are `persons` exactly.
    """
    residents = persons.sum(axis=(1, 2))
    # The state's joint has the ages and sexes of its municipalities.
    by_age_sex = persons.sum(axis=0)
    state = state * ratio(by_age_sex, state.sum(axis=(2, 3, 4)))[:, :, None, None, None]
    by_age = persons.sum(axis=1)
    target, prior_share = own_targets(
        by_age[:, ADULT:],
        own,
        state[:, ADULT:].sum(axis=(0, 4)),
        residents,
        design_effect=design_effect,
        shrink_persons=shrink_persons,
    )
    block = persons[..., None, None, None] * normalised(state.reshape(*state.shape[:2], -1)).reshape(state.shape)
    # Children have no table of their own place: their races lean as those of the adults who may be their parents.
    young = target[:, : _YOUNG_ADULTS.stop - ADULT].sum(axis=(1, 3))
    lean = normalised(young) / np.maximum(normalised(young.sum(axis=0)), 1e-12)
    block[:, :, :ADULT] *= np.where(young.sum(axis=1, keepdims=True) > 0, lean, 1.0)[:, None, None, :, None, None]
    zones = residents[:, None] * np.stack([1 - rural, rural], axis=1)
    zones *= ratio(state.sum(axis=(0, 1, 2, 3)), zones.sum(axis=0))
    for _ in range(passes):
        block *= ratio(zones, block.sum(axis=(1, 2, 3, 4)))[:, None, None, None, None, :]
        block[:, :, ADULT:] *= ratio(target, block[:, :, ADULT:].sum(axis=(1, 5)))[:, None, :, :, :, None]
        block *= ratio(state, block.sum(axis=0))
        scale = ratio(persons, block.sum(axis=(3, 4, 5)))
        moved = np.abs(scale - 1) @ np.ones(scale.shape[-1])
        block *= scale[..., None, None, None]
        if float((moved * persons.sum(axis=2)).sum()) < tolerance * residents.sum() * scale.shape[-1]:
            break
    return block, _residual(block, persons, state, own, target, rural, prior_share)


def _residual(
    block: Array, persons: Array, state: Array, own: Array, target: Array, rural: Array, prior_share: Array
) -> Residual:
    adults = block[:, :, ADULT:].sum(axis=(1, 5))
    # As the order of authority says, the municipal table speaks of shares within an age band, not of ages.
    published = adults.sum(axis=(2, 3))[..., None, None] * normalised(
        own.reshape(*own.shape[:2], -1), np.zeros(1)
    ).reshape(own.shape)
    known = own.sum(axis=(2, 3), keepdims=True) > 0
    ours = np.where(known, adults, 0.0)
    people = np.maximum(ours.sum(axis=(1, 2, 3)), 1.0)
    total = persons.sum(axis=(1, 2))
    return Residual(
        age_sex=np.abs(block.sum(axis=(3, 4, 5)) - persons).max(axis=(1, 2)),
        race=np.abs(ours.sum(axis=(1, 3)) - published.sum(axis=(1, 3))).sum(axis=1) / 2 / people,
        education=np.abs(ours.sum(axis=(1, 2)) - published.sum(axis=(1, 2))).sum(axis=1) / 2 / people,
        own_joint=np.abs(adults - target).sum(axis=(1, 2, 3)) / 2 / np.maximum(adults.sum(axis=(1, 2, 3)), 1.0),
        zone=np.abs(block[..., 1].sum(axis=(1, 2, 3, 4)) / np.maximum(total, 1.0) - rural),
        state_joint=float(np.abs(block.sum(axis=0) - state).sum() / 2 / state.sum()),
        prior_share=prior_share,
    )
