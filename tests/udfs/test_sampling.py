"""Persons are a pure function of model, seed, state and point: the network's laws, the census's numbers, any batch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from census import codes, expectation, seeds
from census.network import NodeTable
from udfs import alias, sampling
from udfs.sampling import StateTables, Trace, Variable
from udfs.titles import COHORTS, TitleLaws

PLACES, BANDS = 3, len(codes.AGE_BANDS)
BLOCK = (3, 2, 2)  # races, levels, zones: fewer than in life
SIZES = {"municipality": PLACES, "sex": 2, "age_band": BANDS, "race": 3, "education_level": 2, "zone": 2}
SIZES |= {"marital_status": 3, "in_union": 2, "religion": 3, "activity": len(codes.ACTIVITIES)}
SIZES |= {"occupation_group": 3, "occupation_cod": 9, "pay_class": 2, "position": 4}
SIZES |= {"is_mei": 2, "earning_class": 3, "income_band": 3}
# Variable -> (number of its stream, parents), in the order of drawing.
NETWORK: dict[str, tuple[int | None, tuple[str, ...]]] = {
    "race": (1, ("municipality", "sex", "age_band")),
    "education_level": (2, ("municipality", "sex", "age_band", "race")),
    "zone": (3, ("municipality", "sex", "age_band", "race", "education_level")),
    "marital_status": (4, ("sex", "race")),
    "in_union": (5, ("marital_status",)),
    "religion": (6, ("sex", "race")),
    "activity": (7, ("zone", "sex", "education_level")),
    "occupation_group": (8, ("sex", "education_level", "age_band")),
    "occupation_cod": (9, ("occupation_group", "sex")),
    "pay_class": (None, ("occupation_cod",)),
    "position": (10, ("occupation_cod", "education_level")),
    "is_mei": (11, ("position",)),
    "earning_class": (None, ("pay_class", "position")),
    "income_band": (12, ("earning_class",)),
}
WORK = [name for name in NETWORK if name in sampling.WORK]


def make_table(name: str, parents: tuple[str, ...], draw: np.random.Generator) -> np.ndarray:
    table = draw.dirichlet(np.ones(SIZES[name]), size=tuple(SIZES[p] for p in parents))
    if NETWORK[name][0] is None:
        return np.eye(SIZES[name])[table.argmax(axis=-1)]
    if name == "occupation_cod":  # three base groups a great group
        table = np.where((np.arange(9) // 3 == np.arange(3)[:, None])[:, None], table, 0.0)
    if name == "religion":
        table[0, 0, 1] = 0.0
    return np.asarray(table / table.sum(axis=-1, keepdims=True))


_DRAW = np.random.default_rng(12)
TABLES = {name: make_table(name, parents, _DRAW) for name, (_, parents) in NETWORK.items()}
# Three municipalities, both sexes, single years of age: adults first, as the allocation stands.
_CELLS = [
    (place, sex, age)
    for ages in (range(18, 101), range(18))
    for place in range(PLACES)
    for sex in (0, 1)
    for age in ages
]
_PERSONS = _DRAW.poisson(60.0, len(_CELLS)).astype(np.int64) + 1
ADULTS = int(_PERSONS[[age >= 18 for *_, age in _CELLS]].sum())
EVERYONE = int(_PERSONS.sum())


def make_variable(name: str) -> Variable:
    number, parents = NETWORK[name]
    law = alias.known(TABLES[name]) if number is None else alias.law(TABLES[name])
    return Variable(name, parents, tuple(SIZES[p] for p in parents), number, law)


def make_titles() -> TitleLaws:
    """One to four titles of each base group and sex; a title is called by its cell, so that it tells both."""
    weights = [np.arange(1.0, 2.0 + cell % 4) for cell in range(18)]
    value = np.repeat(np.arange(18, dtype=np.int32), [len(law) for law in weights])
    laws = replace(alias.build_ragged(weights), value=value)
    cells = np.arange(18, dtype=np.int32)
    return TitleLaws(
        cell_law=np.repeat(cells, len(codes.EDUCATION_LEVELS) * len(codes.POSITIONS)),
        age_class=np.zeros(codes.MAX_AGE_YEARS + 1, dtype=np.int32),
        laws=laws,
        weight=np.concatenate([law / law.sum() for law in weights]),
        slot_column=np.zeros(len(value), dtype=np.int32),
        tilted=np.zeros(18, dtype=bool),
        former_law=np.repeat(cells, COHORTS * len(codes.EDUCATION_LEVELS)),
        trades=laws,
        trade_law=cells,
    )


def make_state(*, limit: int = EVERYONE, seed: int = 7) -> StateTables:
    """A state of some 36,000 persons with a network of every variable that the sampler draws."""
    code, vectors = 28, seeds.directions()
    place, sex, age = np.array(_CELLS).T
    streams = [seeds.ORDER, sampling.INCOME_POINT, sampling.TITLE, sampling.TRADE, 20]
    streams += [number for number, _ in NETWORK.values() if number is not None]
    return StateTables(
        uf="SE",
        state_code=code,
        seed=seed,
        bits=int(np.ceil(np.log2(EVERYONE))),
        limit=limit,
        numbering=sampling.numbering(_PERSONS, 2_800_000 + place, sex.astype(np.int32), age.astype(np.int32)),
        sobol={v: seeds.sobol_tables(seed, code, v, vectors[v]) for v in streams},
        network=tuple(map(make_variable, NETWORK)),
        titles=make_titles(),
        place_factor=np.ones((PLACES * len(codes.ZONES), 1), dtype=np.float32),
        income_points=np.array([np.zeros(5), [200, 300, 400, 500, 600], [954, 954, 954, 1500, 3000]], dtype=float),
        income_factor=np.array([1.0, 1.1, 1.2]),
    )


@pytest.fixture(scope="module")
def state() -> StateTables:
    return make_state()


@pytest.fixture(scope="module")
def traced(state: StateTables) -> tuple[dict[str, np.ndarray], dict[str, Trace]]:
    """Everyone of the state, and how each variable was drawn."""
    trace: dict[str, Trace] = {}
    return sampling.draw(np.arange(1 << state.bits), state, trace=trace), trace


@pytest.fixture(scope="module")
def people(traced: tuple[dict[str, np.ndarray], dict[str, Trace]]) -> dict[str, np.ndarray]:
    return traced[0]


def same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    return set(one) == set(other) and all(np.array_equal(one[n], other[n], equal_nan=n == "income_brl") for n in one)


# ---------------------------------------------------------------------------------------------- numbering
def test_the_row_of_every_person_number_is_that_of_the_running_totals():
    persons = np.random.default_rng(1).integers(1, 700, 400)
    persons[50:150] = 1  # many rows within one entry of the guide
    numbered = sampling.numbering(persons, np.arange(400), *np.zeros((2, 400), dtype=np.int32))
    numbers = np.arange(persons.sum())
    assert np.array_equal(numbered.rows(numbers), np.searchsorted(np.cumsum(persons), numbers, side="right"))
    shuffled = np.random.default_rng(2).permutation(numbers)
    assert np.array_equal(numbered.rows(shuffled), np.repeat(np.arange(400), persons)[shuffled])


def test_municipalities_sexes_and_ages_are_those_of_the_census_to_the_person(people):
    have = np.stack([people["municipality"] - 2_800_000, people["sex"], people["age_years"]])
    cells, persons = np.unique(have, axis=1, return_counts=True)
    assert dict(zip(map(tuple, cells.T.tolist()), persons, strict=True)) == dict(zip(_CELLS, _PERSONS, strict=True))


def test_everyone_has_a_number_of_their_own(people):
    assert np.array_equal(np.sort(people["number"]), np.arange(EVERYONE))


# ------------------------------------------------------------------------------------------------- the laws
@pytest.mark.parametrize("name", NETWORK)
def test_every_cell_of_every_table_is_followed_within_noise(traced, name):
    trace = traced[1][name]
    flat = TABLES[name].reshape(-1, SIZES[name])
    values = np.zeros(flat.shape)
    drawn = drawn_values(trace, flat)
    np.add.at(values, (trace.cells, drawn), 1)
    n = values.sum(axis=1, keepdims=True)
    # Five standard deviations, and one person: of some ten thousand cells none is farther off by chance.
    assert (np.abs(values - n * flat) <= 5 * np.sqrt(n * flat * (1 - flat)) + 1).all()
    assert (values[flat == 0] == 0).all()


def drawn_values(trace: Trace, flat: np.ndarray) -> np.ndarray:
    return trace.variable.law.draw(trace.cells, trace.uniforms)


@pytest.mark.parametrize("name", NETWORK)
def test_the_trace_says_the_chance_of_what_was_drawn(traced, name):
    trace = traced[1][name]
    flat = TABLES[name].reshape(-1, SIZES[name])
    assert np.allclose(trace.chances, flat[trace.cells, drawn_values(trace, flat)], atol=1e-5)


def test_every_variable_is_drawn_in_the_cell_of_the_person_s_own_values(people, traced):
    works = np.flatnonzero(values_of(traced, "activity") == 0)
    band = np.array([codes.AGE_BANDS.index(codes.age_band(age)) for age in range(101)])[people["age_years"]]
    known = {"sex": people["sex"], "age_band": band, "municipality": people["municipality"] - 2_800_000}
    for name, (_, parents) in NETWORK.items():
        of_work = name in sampling.WORK
        cells = np.zeros(len(works) if of_work else EVERYONE, dtype=np.int64)
        for parent in parents:
            value = known[parent][works] if of_work and parent not in sampling.WORK else known[parent]
            cells = cells * SIZES[parent] + value
        assert np.array_equal(traced[1][name].cells, cells), name
        known[name] = values_of(traced, name)
        if name in people:
            shown = people[name][works] if of_work else people[name]
            assert np.array_equal(shown[shown >= 0], known[name][shown >= 0]), name


def values_of(traced: tuple[dict[str, np.ndarray], dict[str, Trace]], name: str) -> np.ndarray:
    """Values as drawn, before those outside a universe are hidden."""
    return drawn_values(traced[1][name], TABLES[name])


def test_tables_of_a_big_draw_are_what_the_network_expects(people, traced):
    """What `expectation` sums out exactly is what persons show."""
    persons = np.zeros((PLACES, 2, BANDS))
    for (place, sex, age), count in zip(_CELLS, _PERSONS, strict=True):
        persons[place, sex, codes.AGE_BANDS.index(codes.age_band(age))] += count
    race, level, zone = (TABLES[name] for name in ("race", "education_level", "zone"))
    joint = np.einsum("psa,psar,psare,psarez->sarez", persons, race, level, zone)
    nodes = [
        NodeTable(name, parents, tuple(map(str, range(SIZES[name]))), TABLES[name], "C", "random")
        for name, (_, parents) in NETWORK.items()
        if name not in expectation.BLOCK
    ]
    everyone = {name: values_of(traced, name) for name in ("race", "religion", "activity", "zone")}
    works = everyone["activity"] == 0
    everyone |= {"sex": people["sex"]}
    for wanted in (("sex", "religion"), ("race", "activity"), ("zone", "occupation_group"), ("race", "income_band")):
        expected = expectation.expected(nodes, joint, wanted, sampling.WORK)
        have = np.zeros(expected.shape)
        of_work = any(name in sampling.WORK for name in wanted)
        columns = [
            values_of(traced, name) if name in sampling.WORK else everyone[name][works if of_work else slice(None)]
            for name in wanted
        ]
        np.add.at(have, tuple(columns), 1)
        assert (np.abs(have - expected) <= 5 * np.sqrt(expected) + 1).all(), wanted


# ------------------------------------------------------------------------------ the same persons, always
@pytest.mark.parametrize("batch", [1000, 4096, 7777])
def test_persons_are_the_same_however_the_points_are_cut(state, people, batch):
    points = np.arange(1 << state.bits)
    parts = [sampling.draw(points[i : i + batch], state) for i in range(0, len(points), batch)]
    assert same(people, {name: np.concatenate([part[name] for part in parts]) for name in people})


def test_a_person_drawn_alone_is_the_same_person(state, people):
    points = seeds.points_of(np.array([5, 17_000]), state.sobol[seeds.ORDER], bits=state.bits)
    alone = sampling.draw(points, state)
    at = [int(np.flatnonzero(people["number"] == number)[0]) for number in (5, 17_000)]
    assert same(alone, {name: column[at] for name, column in people.items()})


@pytest.mark.parametrize(("small", "large"), [(100, 1000), (1000, 20_000), (20_000, 0)])
def test_a_smaller_sample_is_the_beginning_of_a_larger_one(state, small, large):
    few, many = (
        sampling.draw(np.arange(sampling.points_needed(persons, state, chunk=1 << 12)), state)
        for persons in (small, large)
    )
    assert len(few["number"]) == small
    assert len(many["number"]) == (large or EVERYONE)
    assert same(few, {name: column[:small] for name, column in many.items()})


def test_adults_are_inside_everyone(people):
    grown = sampling.draw(np.arange(1 << make_state().bits), make_state(limit=ADULTS))
    adult = people["age_years"] >= 18
    assert len(grown["number"]) == ADULTS
    assert same(grown, {name: column[adult] for name, column in people.items()})


def test_a_new_variable_leaves_the_draws_of_the_others_as_they_were(state, people):
    law = alias.law(np.array([[0.2, 0.8], [0.6, 0.4]]))
    mood = Variable("mood", ("sex",), (2,), 20, law)
    for network in ((mood, *state.network), (*state.network, mood)):
        assert same(people, sampling.draw(np.arange(1 << state.bits), replace(state, network=network)))


def test_another_table_of_one_variable_moves_nobody_in_variables_that_do_not_hang_on_it(state, people):
    position = replace(state.network[10], law=alias.law(TABLES["position"][..., ::-1]))
    assert position.name == "position"
    network = (*state.network[:10], position, *state.network[11:])
    moved = sampling.draw(np.arange(1 << state.bits), replace(state, network=network))
    changed = {n for n in people if not np.array_equal(people[n], moved[n], equal_nan=n == "income_brl")}
    assert changed == {"position", "is_mei", "trade", "income_brl"}


def test_another_seed_gives_other_persons(people):
    other = sampling.draw(np.arange(1 << make_state().bits), make_state(seed=8))
    assert (other["religion"] != people["religion"]).mean() > 0.3


# ------------------------------------------------------------------------------- who has what, and income
def test_a_variable_is_hidden_outside_its_universe(people):
    age = people["age_years"]
    for name, start in (("education_level", 5), ("religion", 10), ("activity", 14)):
        assert np.array_equal(people[name] >= 0, age >= start), name


def test_work_is_of_who_works_and_a_past_of_who_looks_or_is_retired(people, traced):
    activity = values_of(traced, "activity")
    works = activity == codes.ACTIVITIES.index("ocupado")
    for name in ("occupation_group", "occupation_cod", "title", "position", "is_mei"):
        assert np.array_equal(people[name] >= 0, works), name
    assert np.array_equal(np.isfinite(people["income_brl"]), works)
    had = np.isin(activity, [codes.ACTIVITIES.index(name) for name in ("desocupado", "aposentado")])
    asked = people["age_years"] >= 14
    assert np.array_equal(people["former_title"] >= 0, had & asked) and (had & ~asked).any()
    assert (people["occupation_cod"][works] // 3 == people["occupation_group"][works]).all()


def test_a_title_is_of_the_person_s_occupation_and_sex(people):
    works = people["title"] >= 0
    assert np.array_equal(people["title"][works], people["occupation_cod"][works] * 2 + people["sex"][works])
    had = people["former_title"] >= 0
    assert np.array_equal(people["former_title"][had] % 2, people["sex"][had])


def test_a_trade_is_of_every_mei_and_of_nobody_else(people):
    assert np.array_equal(people["trade"] >= 0, people["is_mei"] == 1)
    mei = people["trade"] >= 0
    assert np.array_equal(people["trade"][mei], people["occupation_cod"][mei] * 2 + people["sex"][mei])


def test_the_old_once_did_what_people_under_65_do_today(state):
    # Whoever is over 64 and works is in group 2, whoever is younger never is.
    old = np.arange(BANDS) > codes.AGE_BANDS.index("60-64")
    law = alias.law(np.broadcast_to(np.where(old[:, None], [0, 0, 1], [0.5, 0.5, 0]), (2, 2, BANDS, 3)))
    network = tuple(replace(v, law=law) if v.name == "occupation_group" else v for v in state.network)
    found = sampling.draw(np.arange(1 << state.bits), replace(state, network=network))
    works, had = found["activity"] == 0, (found["former_title"] >= 0) & (found["age_years"] > 64)
    assert (found["occupation_group"][works & (found["age_years"] > 64)] == 2).all()
    assert had.any() and set(found["former_title"][had] // 2 // 3) == {0, 1}


def test_a_schooling_that_closes_a_base_group_has_another_occupation_of_the_past(state):
    # Group 0 of three base groups is closed to everyone: its law is none.
    closed = state.titles.former_law.copy()
    closed[: 3 * 2 * COHORTS * len(codes.EDUCATION_LEVELS)] = -1
    shut = replace(state, titles=replace(state.titles, former_law=closed))
    found, before = (sampling.draw(np.arange(1 << state.bits), each) for each in (shut, state))
    had = before["former_title"] >= 0
    group, was = found["former_title"] // 2 // 3, before["former_title"] // 2 // 3
    assert (was[had] == 0).sum() > 100
    # Who drew an open group keeps the occupation; eight closed draws in a row leave few without one.
    assert np.array_equal(found["former_title"][had & (was > 0)], before["former_title"][had & (was > 0)])
    assert set(group[had & (was == 0) & (found["former_title"] >= 0)]) == {1, 2}
    assert (found["former_title"][had] < 0).mean() < 0.03


def test_a_mei_earns_no_more_than_the_law_lets_a_mei_receive(state):
    points = state.income_points * [[1.0], [1.0], [10.0]]
    found = sampling.draw(np.arange(1 << state.bits), replace(state, income_points=points))
    is_mei, income, ceiling = found["is_mei"] == 1, found["income_brl"], codes.MEI_CEILING_BRL
    assert (income[~is_mei & np.isfinite(income)] > ceiling).any()
    assert income[is_mei].max() <= ceiling
    assert 0.7 * ceiling <= np.sort(income[is_mei])[-100] and len(np.unique(income[is_mei][income[is_mei] > 6000])) > 20


def test_income_lies_in_its_band_moved_by_its_group_and_keeps_the_mass_on_the_minimum_wage(state, people, traced):
    band, group = values_of(traced, "income_band"), values_of(traced, "occupation_group")
    income = people["income_brl"][values_of(traced, "activity") == 0]
    low, high = state.income_points[band, 0], state.income_points[band, -1]
    factor = state.income_factor[group]
    assert (income >= np.round(low * factor)).all() and (income <= np.round(high * factor)).all()
    assert (income[band == 0] == 0).all()
    on_wage = income[(band == 2) & (group == 0)] == 954
    assert on_wage.mean() == pytest.approx(0.5, abs=0.03)  # two of four steps are flat


def test_classes_of_income_are_what_the_network_expects(state, people, traced):
    ends = (0.0, 400.0, 1000.0)
    law = expectation.income_law(state.income_points, state.income_factor, ends)
    band, group = values_of(traced, "income_band"), values_of(traced, "occupation_group")
    income = people["income_brl"][values_of(traced, "activity") == 0]
    have = np.zeros(law.shape)
    np.add.at(have, (group, band, np.searchsorted(ends, income, side="left")), 1)
    n = have.sum(axis=-1, keepdims=True)
    assert (np.abs(have - n * law) <= 5 * np.sqrt(n * law * (1 - law)) + 1 + 0.01 * n).all()
