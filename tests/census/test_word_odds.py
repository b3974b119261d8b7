"""Which words are said more of one group than of the others."""

from __future__ import annotations

import math

import numpy as np
import pytest

from census.word_odds import Counts, Standard, log_odds, noise_floor, signed_root


def counts(said: float, records: float, others_said: float, others: float) -> Counts:
    return Counts(np.array([[said]]), np.array([records]), np.array([[others_said]]), np.array([[others]]))


def test_the_log_odds_ratio_is_that_of_the_formula():
    # 6 of 20 and 2 of 20 with a prior of 10 records that say it as often as both together (8 of 40): 2 more on each
    # side. 8 of 30 and 4 of 30: odds 8/22 and 4/26.
    found = log_odds(counts(6, 20, 2, 20), 10.0)
    assert found.value[0, 0] == pytest.approx(math.log((8 / 22) / (4 / 26)))
    assert found.deviation[0, 0] == pytest.approx(math.sqrt(1 / 8 + 1 / 22 + 1 / 4 + 1 / 26))
    assert found.z[0, 0] == pytest.approx(0.860201 / 0.677386, rel=1e-4)


def test_the_signed_root_is_that_of_the_likelihood_ratio():
    # The same rates: 12 of 60 together, so 6 of 30 expected on each side.
    deviance = 2 * (8 * math.log(8 / 6) + 22 * math.log(22 / 24) + 4 * math.log(4 / 6) + 26 * math.log(26 / 24))
    assert signed_root(counts(6, 20, 2, 20), 10.0)[0, 0] == pytest.approx(math.sqrt(deviance))
    assert signed_root(counts(2, 20, 6, 20), 10.0)[0, 0] == pytest.approx(-math.sqrt(deviance))


@pytest.mark.parametrize("said", [(0, 10, 0, 30), (10, 10, 30, 30), (0, 0, 3, 30)])
def test_a_word_that_nobody_or_everybody_says_tells_nothing(said):
    assert log_odds(counts(*said), 10.0).z[0, 0] == pytest.approx(0.0)
    assert signed_root(counts(*said), 10.0)[0, 0] == pytest.approx(0.0, abs=1e-6)


def test_a_larger_prior_draws_a_word_to_no_difference():
    values = [log_odds(counts(12, 240, 0, 1760), prior).value[0, 0] for prior in (50.0, 200.0, 2000.0)]
    assert values[0] > values[1] > values[2] > 0


def test_the_root_sees_a_silent_side_that_the_variance_of_a_number_near_zero_hides():
    silent = counts(12, 240, 0, 1760)
    assert signed_root(silent, 200.0)[0, 0] > 1.3 * log_odds(silent, 200.0).z[0, 0]


# Two strata: a trade with 8 of group a and 2 of b, and the rest with 10 of a and 40 of b.
PERSONS = Standard(np.array([[8.0, 2.0], [10.0, 40.0]]))


def said_by(*who: tuple[int, int, int]) -> Counts:
    """Counts of one word that is said by so many persons of a stratum and group."""
    rows = [(stratum, group) for stratum, group, persons in who for _ in range(persons)]
    strata, groups = (np.array(column, dtype=np.int64) for column in zip(*rows, strict=True))
    return PERSONS.counts(PERSONS.weights(strata, groups).sum(axis=0, keepdims=True))


def test_a_word_of_a_trade_is_no_word_of_the_group_that_has_the_trade():
    # Everyone of the trade says it and nobody else: without strata 8 of 18 against 2 of 42.
    of_trade = said_by((0, 0, 8), (0, 1, 2))
    assert of_trade.said[0].tolist() == [8.0, 2.0]
    assert log_odds(of_trade, 5.0).value[0] == pytest.approx([0.0, 0.0])
    alone = Standard(PERSONS.persons.sum(axis=0, keepdims=True))
    rows = np.zeros(10, dtype=np.int64), np.array([0] * 8 + [1] * 2)
    plain = alone.counts(alone.weights(*rows).sum(axis=0, keepdims=True))
    assert log_odds(plain, 5.0).value[0, 0] > 1


def test_one_stratum_counts_the_others_as_they_are():
    alone = Standard(np.array([[20.0, 5.0, 15.0]]))
    groups = np.array([0] * 6 + [1] + [2] * 3)
    found = alone.counts(alone.weights(np.zeros(10, dtype=np.int64), groups).sum(axis=0, keepdims=True))
    assert found.said[0].tolist() == [6, 1, 3]
    assert found.others_said[0] == pytest.approx([4, 9, 7])
    assert found.others_records[0] == pytest.approx([20, 35, 25])


def test_a_stratum_of_one_group_alone_tells_nothing_of_it():
    standard = Standard(np.array([[5.0, 0.0], [3.0, 3.0]]))
    assert standard.compared.tolist() == [3.0, 3.0]
    assert standard.weights(np.array([0]), np.array([0])).sum() == 0


def test_a_permutation_keeps_the_persons_of_every_group_and_stratum():
    rng = np.random.default_rng(3)
    strata = np.repeat([0, 1], [10, 50])
    places = np.concatenate([rng.permutation(10), rng.permutation(50)])
    seen = set()
    for shift in (0.0, 0.25, 0.5, 0.75):
        groups = PERSONS.permuted(strata, places, shift)
        counted = np.zeros((2, 2))
        np.add.at(counted, (strata, groups), 1)
        assert counted.tolist() == PERSONS.persons.tolist()
        seen.add(tuple(groups))
    assert len(seen) == 4


def test_the_floor_is_the_mean_of_the_permutations_and_no_less_than_the_least():
    assert noise_floor([2.5, 4.0, 3.1], 2.0) == pytest.approx(3.2)
    assert noise_floor([0.0, 4.5, 0.0], 2.0) == 2.0
