"""Shares of counted people and how sure they are."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from census import comparison


@pytest.mark.parametrize(("k", "n"), [(0, 20), (7, 20), (20, 20), (310, 1000)])
def test_the_interval_is_wilson_s(k, n):
    ours = comparison.wilson(k / n, n)
    theirs = binomtest(k, n).proportion_ci(0.95, method="wilson")
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-6)


def test_weights_count_as_weights_and_widen_the_interval():
    groups = pd.DataFrame(
        {
            "race": ["parda", "preta"],
            "weight_persons": [300.0, 100.0],
            "weight_squared": [2500.0, 1500.0],
            "rows": [50, 30],
        }
    )
    found = comparison.of_people(groups, ["race"], source="survey", design_effect=2.0)
    assert found.persons == 80
    assert found.effective_persons == pytest.approx(400**2 / 4000 / 2)
    assert found.shares[("parda",)].value == pytest.approx(0.75)
    assert found.shares[("parda",)] == comparison.wilson(0.75, 20.0)


def test_a_census_has_no_interval():
    rows = pd.DataFrame({"sex": ["F", "F", "M"], "race": ["parda", "preta", "parda"], "persons": [30.0, 10.0, 60.0]})
    found = comparison.of_census(rows, ["sex"], source="10061")
    assert found.shares == {("F",): comparison.Share(0.4, 0.4, 0.4), ("M",): comparison.Share(0.6, 0.6, 0.6)}
    assert found.persons == 100


def test_a_mean_has_the_interval_of_its_effective_persons():
    found = comparison.mean_of_people(mean=100.0, deviation=50.0, rows=400, effective_persons=100.0, source="survey")
    assert found.mean is not None
    assert (found.mean.low, found.mean.high) == pytest.approx((100 - 9.8, 100 + 9.8), abs=0.01)
    alone = comparison.mean_of_people(mean=1.0, deviation=0.0, rows=1, effective_persons=1.0, source="survey")
    assert alone.mean is not None and alone.mean.high == np.inf
