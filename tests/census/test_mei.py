"""The registers' figures of the MEI hold, and nobody is one outside a trade."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from census import codes, mei
from census.errors import FitError

STATES, GROUPS = len(codes.STATES), len(codes.MEI_TRADE_GROUPS)
DRAW = np.random.default_rng(9)
OWN = DRAW.gamma(2.0, 400.0, size=(STATES, 8, 2, 4, 6))
FORMAL = OWN.sum(axis=(1, 2, 3, 4)) * 1.2
TRADES = DRAW.gamma(1.0, 1.0, size=(8, GROUPS))
TRADES[[2, 5]] = 0.0  # base groups without a trade
TRADES *= 100 / TRADES.sum()
PRINTED = dict(
    zip(codes.MEI_TRADE_GROUPS[:10], [0.09, 0.06, 0.05, 0.05, 0.29, 0.07, 0.04, 0.17, 0.05, 0.05], strict=True)
)
REGISTERS = mei.Registers(
    of_formal=np.where(np.arange(STATES) == 26, np.nan, np.linspace(0.14, 0.26, STATES)),
    women=0.46,
    thirties=0.30,
    degree=0.20,
    mean_age=40.8,
    groups=PRINTED,
)


@pytest.fixture(scope="module")
def chance() -> np.ndarray:
    return mei.fit(OWN, FORMAL, TRADES, REGISTERS)


def test_every_state_has_the_registered_share_of_formal_work(chance):
    found = (OWN * chance).sum(axis=(1, 2, 3, 4))
    printed = ~np.isnan(REGISTERS.of_formal)
    assert (found / (found + FORMAL))[printed] == pytest.approx(REGISTERS.of_formal[printed], abs=2e-4)


def test_a_state_without_a_figure_has_as_many_in_its_trades_as_the_others(chance):
    inside = OWN[:, [0, 1, 3, 4, 6, 7]].sum(axis=(1, 2, 3, 4))
    found = (OWN * chance).sum(axis=(1, 2, 3, 4))
    assert found[26] / inside[26] == pytest.approx(found[:26].sum() / inside[:26].sum(), rel=1e-3)


def test_sex_age_schooling_and_groups_of_activity_are_those_of_the_register(chance):
    found = OWN * chance
    total = found.sum()
    assert found[:, :, 0].sum() / total == pytest.approx(0.46, abs=2e-4)
    assert found[:, :, :, 3].sum() / total == pytest.approx(0.20, abs=2e-4)
    by_age = found.sum(axis=(0, 1, 2, 3)) / total
    assert by_age[2] == pytest.approx(0.30, abs=2e-4)
    assert by_age @ mei.CLASS_AGES == pytest.approx(40.8, abs=0.02)


def test_nobody_is_a_mei_in_a_base_group_without_a_trade(chance):
    assert (chance[:, [2, 5]] == 0).all()
    assert ((chance >= 0) & (chance < 1)).all()


def test_a_figure_that_too_few_workers_could_reach_is_approached_not_forced():
    few = OWN.copy()
    few[:, :, :, 3] *= 0.05
    found = few * mei.fit(few, few.sum(axis=(1, 2, 3, 4)) * 1.2, TRADES, REGISTERS)
    assert found[:, :, :, 3].sum() / found.sum() < 0.20
    assert found[:, :, 0].sum() / found.sum() == pytest.approx(0.46, abs=2e-3)


def test_a_state_without_any_trade_is_named_as_wrong():
    with pytest.raises(FitError, match="no own-account worker in any trade"):
        mei.fit(OWN * (np.arange(STATES) > 0)[:, None, None, None, None], FORMAL, TRADES, replace(REGISTERS))
