"""Names and traits of a person: a pure function of seed, state and number."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from udfs import alias, naming
from udfs.naming import DECADES, PERIODS, HeadAndTail, NameTables

PEOPLE = 120_000
FIRST, SURNAMES = 6, 8


def laws(rows: int, weights: list[float], words: list[int]) -> alias.Alias:
    table = alias.build_ragged([np.array(weights)] * rows)
    return replace(table, value=np.tile(np.array(words, dtype=np.int32), rows))


def make_tables() -> NameTables:
    chance = np.zeros((2, len(PERIODS), FIRST), dtype=np.float32)
    chance[0, :, 0] = 0.5  # of women, the first name 0 goes on
    cells = 2 * DECADES
    return NameTables(
        seed=3,
        state_code=12,
        first=HeadAndTail(
            np.full(cells, 0.75), laws(cells, [2.0, 1.0], [0, 1]), laws(cells, [1, 1, 1, 1], [2, 3, 4, 5])
        ),
        compound_chance=chance,
        second_cell=np.zeros((2, len(PERIODS), FIRST), dtype=np.int32),
        second=laws(1, [1.0, 1.0], [0, 1]),
        second_as_first=np.array([-1, 0]),
        suffix_share=np.full((2, len(PERIODS)), 0.1),
        surname_count=alias.build(np.tile([0.3, 0.5, 0.2], (2 * len(PERIODS) * 2, 1))),
        surname=HeadAndTail(np.array([0.8]), laws(1, [3.0, 1.0], [0, 1]), laws(1, [1.0] * 6, [2, 3, 4, 5, 6, 7])),
        particle_share=np.array([1.0] + [0.0] * 7),
        surname_as_first=np.array([-1, 1] + [-1] * 6),
        suffix=alias.build(np.array([[0.5, 0.5]])),
    )


@pytest.fixture(scope="module")
def people() -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(1)
    return draw.integers(0, 2, PEOPLE).astype(np.int32), draw.integers(0, 101, PEOPLE).astype(np.int32)


@pytest.fixture(scope="module")
def drawn(people) -> naming.Names:
    return naming.draw_names(np.arange(PEOPLE), *people, np.zeros(PEOPLE, dtype=bool), make_tables())


def test_first_names_follow_head_and_tail(drawn):
    share = np.bincount(drawn.first, minlength=FIRST) / PEOPLE
    assert share == pytest.approx([0.5, 0.25, *[0.0625] * 4], abs=0.006)


def test_only_names_that_are_carried_on_have_a_second_and_never_the_same(drawn, people):
    carried = (people[0] == 0) & (drawn.first == 0)
    assert (drawn.second[~carried] == -1).all()
    assert (drawn.second[carried] == 0).mean() == pytest.approx(0.25, abs=0.01)
    assert (drawn.second != 1).all()  # the second word 1 is the first name 0


def test_surnames_are_one_to_three_and_hardly_ever_alike(drawn):
    number = (drawn.surnames >= 0).sum(axis=1)
    assert set(number) <= {1, 2, 3}
    for one, other in ((0, 1), (0, 2), (1, 2)):
        both = (drawn.surnames[:, one] >= 0) & (drawn.surnames[:, other] >= 0)
        assert (drawn.surnames[both, one] != drawn.surnames[both, other]).all()
    assert drawn.with_particle[drawn.surnames == 0].all()
    assert not drawn.with_particle[drawn.surnames > 0].any()


def test_nobody_bears_the_first_name_as_a_surname_but_by_chance_twice_over(drawn):
    again = (drawn.first == 1) & (drawn.surnames == 1).any(axis=1)
    others = (drawn.first == 2) & (drawn.surnames == 1).any(axis=1)
    assert again.sum() / (drawn.first == 1).sum() < 0.4 * others.sum() / (drawn.first == 2).sum()
    assert (drawn.surnames[:, 0] >= 0).all()


def test_a_suffix_is_a_man_s(drawn, people):
    assert (drawn.suffix[people[0] == 0] == -1).all()
    assert (drawn.suffix[people[0] == 1] >= 0).mean() == pytest.approx(0.1, abs=0.006)


def test_names_do_not_hang_on_the_batch(drawn, people):
    at = np.array([7, 55_555, 3])
    alone = naming.draw_names(at, people[0][at], people[1][at], np.zeros(3, dtype=bool), make_tables())
    assert np.array_equal(alone.first, drawn.first[at]) and np.array_equal(alone.surnames, drawn.surnames[at])
    assert np.array_equal(alone.second, drawn.second[at]) and np.array_equal(alone.suffix, drawn.suffix[at])


def test_traits_have_the_means_of_sex_and_age_and_the_correlations_asked_for(people):
    norms = np.zeros((2, 7, 5))
    norms[0, :, 1] = np.linspace(-0.5, 0.5, 7)
    matrix = np.eye(5)
    matrix[0, 3] = matrix[3, 0] = 0.4
    means = naming.trait_means(norms)
    assert means.shape == (2, 101, 5)
    sex, age = people
    scores = naming.draw_traits(
        np.arange(PEOPLE), sex, age, seed=1, state_code=12, means=means, root=np.linalg.cholesky(matrix)
    )
    assert np.isnan(scores[age < 10]).all()
    grown = scores[age >= 10]
    assert grown.min() >= 20 and grown.max() <= 80
    assert grown[:, 2].mean() == pytest.approx(50, abs=0.15) and grown[:, 2].std() == pytest.approx(10, abs=0.15)
    assert np.corrcoef(grown[:, 0], grown[:, 3])[0, 1] == pytest.approx(0.4, abs=0.01)
    old = (sex == 0) & (age > 75)
    assert scores[old, 1].mean() == pytest.approx(55, abs=0.5)
