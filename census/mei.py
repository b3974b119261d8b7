"""Who among the own-account workers is a micro-entrepreneur (MEI): odds, scaled until the registers' figures hold.

A cell's odds are a product of a state's level and factors of sex, age and schooling, times the trades of the base
group: how many MEI its trades have for each own-account worker. The published figures set all factors; what a trade
weighs inside its published group of activity is an estimate (grade C).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from census import codes
from census.errors import FitError

Array = NDArray[np.float64]
Share = TypeVar("Share", float, Array)
_MOST = 0.95  # of the own-account workers of a state's MEI trades
_WIDEST, _STEEPEST = 5.0, 0.2  # bounds of a factor of odds, and of the log of odds a year of age
_PASSES, _CLOSE = 400, 1e-4
# Middle of each age class from 18 on; the register's mean age is matched on these.
CLASS_AGES = np.array([21.5, 27.5, 35.0, 45.0, 55.0, 66.0])
_THIRTIES = codes.AGE_CLASSES.index("30-39") - 1
_DEGREE = len(codes.EDUCATION_LEVELS) - 1
_WOMEN = codes.SEXES.index("F")


@dataclass(frozen=True)
class Registers:
    """What is published of all MEI.

    Attributes:
        of_formal: (states,) MEI over formal workers; NaN where not printed.
        women, thirties, degree: Shares of the MEI.
        mean_age: Years.
        groups: Group of activity -> share of the MEI; groups without a figure share what is left.
    """

    of_formal: Array
    women: float
    thirties: float
    degree: float
    mean_age: float
    groups: dict[str, float]


def fit(own_account: Array, formal: Array, trades: Array, registers: Registers) -> Array:
    """P(MEI | state, COD, sex, schooling, age class) of an own-account worker of 18 and over.

    Args:
        own_account: (states, COD, sexes, levels, age classes from 18 on) expected workers.
        formal: (states,) expected employees with a contract or statute.
        trades: (COD, groups of activity) per cent of all MEI; a base group without any has no MEI.
    """
    workers = own_account.sum(axis=(0, 2, 3, 4))
    density = trades / np.maximum(workers, 1.0)[:, None]  # (COD, groups)
    open_ = (own_account * (density.sum(axis=1) > 0)[:, None, None, None]).sum(axis=(1, 2, 3, 4))
    if not (open_ > 0).all():
        raise FitError("mei_trades: a state has no own-account worker in any trade of a MEI.")
    # Formal workers = employees + MEI (who counts both); solved for the MEI.
    wanted = formal * registers.of_formal / (1 - registers.of_formal)
    printed = ~np.isnan(wanted)
    # A state without a figure has as many MEI for each own-account worker in their trades as the others together.
    wanted = np.where(printed, wanted, open_ * wanted[printed].sum() / open_[printed].sum())
    wanted = np.minimum(wanted, _MOST * open_)
    groups = np.array([registers.groups.get(group, np.nan) for group in codes.MEI_TRADE_GROUPS])
    told = ~np.isnan(groups)
    state, sex, level = np.ones(len(wanted)), np.ones(len(codes.SEXES)), np.ones(len(codes.EDUCATION_LEVELS))
    group, thirties, slope = np.full(len(groups), float(workers.sum()) / 100.0), np.ones(1), 0.0
    chance = np.zeros(own_account.shape)
    for _ in range(_PASSES):
        age = np.exp(slope * (CLASS_AGES - registers.mean_age))
        age[_THIRTIES] *= thirties[0]
        by_cod = density * group
        odds = np.einsum("u,c,s,e,a->ucsea", state, by_cod.sum(axis=1), sex, level, age)
        chance = odds / (1 + odds)
        mei = own_account * chance
        total = mei.sum()
        have_state = mei.sum(axis=(1, 2, 3, 4))
        in_group = (mei.sum(axis=(0, 2, 3, 4)) / np.maximum(by_cod.sum(axis=1), 1e-300)) @ by_cod / total
        by_age = mei.sum(axis=(0, 1, 2, 3)) / total
        shares = (
            (sex, _WOMEN, mei[:, :, _WOMEN].sum() / total, registers.women),
            (level, _DEGREE, mei[:, :, :, _DEGREE].sum() / total, registers.degree),
            (thirties, 0, by_age[_THIRTIES], registers.thirties),
        )
        off = max(
            _far(have_state / wanted, 1.0),
            _far(in_group[told], groups[told]),
            # A factor at its bound has done what it can: too few of the group work in a MEI's trades.
            *(_far(have, want) for factor, at, have, want in shares if 1 / _WIDEST < factor[at] < _WIDEST),
        )
        years = float(by_age @ CLASS_AGES) - registers.mean_age
        if off < _CLOSE and (abs(years) < 0.01 or abs(slope) == _STEEPEST):
            return chance
        state *= _odds(wanted / open_) / _odds(have_state / open_)
        for factor, at, have, want in shares:
            factor[at] = np.clip(factor[at] * _odds(want) / _odds(have), 1 / _WIDEST, _WIDEST)
        slope -= 0.5 * years / float(by_age @ (CLASS_AGES - CLASS_AGES @ by_age) ** 2)
        slope = float(np.clip(slope, -_STEEPEST, _STEEPEST))
        group[told] *= (groups[told] / in_group[told]) ** 0.8
    raise FitError(
        f"The registers' figures of the MEI cannot hold together: {off:.4f} off after {_PASSES} passes.",
        passes=_PASSES,
    )


def _odds(share: Share) -> Share:
    return share / (1 - share)


def _far(have: Array | float, want: Array | float) -> float:
    return float(np.max(np.abs(np.asarray(have) - want)))
