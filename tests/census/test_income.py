"""The earning index orders the pay of workers, whatever the network lets it know of them."""

from __future__ import annotations

import numpy as np
import pytest

from census import codes, income
from census.errors import FitError
from census.model import EARNING_CLASSES, PAY_CLASSES

COD = 40
UNPAID = len(codes.PNADC_POSITIONS) - 1
SIZES = {"occupation_cod": COD, "survey_position": UNPAID + 1, "sex": 2, "education_level": 4, "race": 5}
GROUP_OF_COD = np.arange(COD) % 4
# Log of what an occupation pays: rising with its code, so its rank is its code.
PAY = 6.0 + np.arange(COD) / COD * 2.0


def make_workers(sizes: dict[str, int], *, entries: int = 40_000, noise: float = 0.3) -> income.Workers:
    draw = np.random.default_rng(9)
    cells = {name: draw.integers(0, size, entries) for name, size in sizes.items()}
    cells["survey_position"] = draw.integers(0, UNPAID, entries)  # the unpaid have no income to fit
    log_income = PAY[cells["occupation_cod"]] + 0.25 * cells["education_level"] + draw.normal(0, noise, entries)
    log_income += 0.2 * cells["sex"] if "sex" in cells else 0.0
    return income.Workers(cells, log_income, draw.gamma(2.0, 100.0, entries), np.ones(entries))


@pytest.fixture(scope="module")
def fitted() -> income.Earnings:
    return income.fit(make_workers(SIZES), GROUP_OF_COD, SIZES)


def test_pay_classes_rise_with_what_an_occupation_pays(fitted):
    assert (np.diff(fitted.pay_class) >= 0).all()
    assert set(fitted.pay_class) == set(range(len(PAY_CLASSES)))


def test_earning_classes_rise_with_occupation_and_schooling(fitted):
    paid = fitted.earning_class[:, :UNPAID]
    assert paid.shape == (len(PAY_CLASSES), UNPAID, 2, 4, 5)
    assert (np.diff(paid, axis=0) >= 0).mean() > 0.99
    assert (np.diff(paid, axis=3) >= 0).mean() > 0.99
    assert (paid[-1, :, :, -1] - paid[0, :, :, 0]).min() > len(EARNING_CLASSES) / 2
    assert (paid[:, :, 1] - paid[:, :, 0]).mean() > 0


def test_only_unpaid_family_workers_are_in_the_unpaid_class(fitted):
    assert (fitted.earning_class[:, UNPAID] == 0).all()
    assert fitted.earning_class[:, :UNPAID].min() >= 1
    assert fitted.earning_class.max() == len(EARNING_CLASSES) - 1


def test_the_index_explains_what_is_not_noise(fitted):
    workers = make_workers(SIZES)
    spread = np.average(
        (workers.log_income - np.average(workers.log_income, weights=workers.weights)) ** 2, weights=workers.weights
    )
    assert fitted.score_variance == pytest.approx(1 - 0.3**2 / spread, abs=0.03)


@pytest.mark.parametrize("missing", ["occupation_cod", "survey_position"])
def test_an_index_without_occupation_or_position_is_refused(missing):
    sizes = {name: size for name, size in SIZES.items() if name != missing}
    with pytest.raises(FitError, match=r"node\.earning_class needs the parents pay_class and position"):
        income.fit(make_workers(SIZES), GROUP_OF_COD, sizes)


@pytest.mark.parametrize("parents", [("sex",), ("education_level", "race"), ()])
def test_any_other_parent_may_be_left_out(parents):
    sizes = {name: SIZES[name] for name in ("occupation_cod", "survey_position", *parents)}
    workers = make_workers(SIZES | {"sex": 2})
    found = income.fit(workers, GROUP_OF_COD, sizes)
    assert found.earning_class.shape == (len(PAY_CLASSES), *list(sizes.values())[1:])
    assert (found.earning_class[:, UNPAID] == 0).all()


def test_parents_in_another_order_give_the_same_classes_turned(fitted):
    turned = dict(reversed(SIZES.items()))
    found = income.fit(make_workers(SIZES), GROUP_OF_COD, turned)
    assert (found.pay_class == fitted.pay_class).all()
    assert (found.earning_class.transpose() == fitted.earning_class).mean() > 0.999


def test_an_occupation_of_few_workers_is_paid_like_its_great_group():
    workers = make_workers(SIZES)
    rare = np.flatnonzero(workers.cells["occupation_cod"] == 0)
    keep = np.ones(len(workers.log_income), dtype=bool)
    keep[rare[1:]] = False
    lucky = workers.log_income.copy()
    lucky[rare[0]] = 14.0
    few = income.Workers(
        {name: codes_[keep] for name, codes_ in workers.cells.items()},
        lucky[keep],
        workers.weights[keep],
        workers.persons[keep],
    )
    found = income.fit(few, GROUP_OF_COD, SIZES)
    assert found.pay_class[0] < len(PAY_CLASSES) - 1


def test_the_mean_of_a_band_is_that_of_its_quantiles():
    assert list(income.band_means(np.array([[0.0, 0.0, 0.0], [100.0, 200.0, 400.0]]))) == [0.0, 225.0]
