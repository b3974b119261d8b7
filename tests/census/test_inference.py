"""The answers are exact: an own contraction of the same tables, without pgmpy, gives them too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest

from census import codes, inference
from census.errors import ConfigError, FitError
from census.inference import NOT_WORKING, IncomeMeans, StateModel, StateNetwork
from census.questions import parse_question

AGES = np.random.default_rng(3).integers(1, 200, (2, codes.MAX_AGE_YEARS + 1)).astype(float)


def state(nodes, uf: str = "AC", persons: float = 1000.0) -> StateNetwork:
    return StateNetwork(StateModel(uf, persons, tuple(nodes), AGES, national=("religion",)))


def ask(text: str, *states: StateNetwork, income: IncomeMeans | None = None) -> inference.Answer:
    return inference.answer(parse_question(text, inference.domains(states[0].model.nodes)), states, income=income)


def law(answer: inference.Answer) -> dict[tuple[str, ...], float]:
    return dict(answer.rows)


def contracted(nodes, wanted: Sequence[str], masks: Mapping[str, np.ndarray], years: np.ndarray | None = None):
    """P(wanted, masks, ages) of who works, straight from the tables of the nodes: no gates, no pgmpy."""
    letter = {node.name: i for i, node in enumerate(nodes)}
    operands: list[object] = []
    for node in nodes:
        operands += [node.table, [*(letter[p] for p in node.parents), letter[node.name]]]
    for name, mask in masks.items():
        operands += [mask, [letter[name]]]
    if years is not None:
        bands = np.array([codes.age_band(age) for age in range(AGES.shape[1])])
        share = [[row[(bands == b) & years].sum() / row[bands == b].sum() for b in codes.AGE_BANDS] for row in AGES]
        operands += [np.array(share), [letter["sex"], letter["age_band"]]]
    return np.einsum(*operands, [letter[name] for name in wanted], optimize=True)


def only(node_values: Sequence[str], *kept: str) -> np.ndarray:
    return np.array([float(value in kept) for value in node_values])


def test_a_distribution_of_work_is_that_of_the_tables(nodes):
    found = ask("P(occupation_group | uf=AC, sex=F, education_level=Superior completo)", state(nodes))
    masks = {
        "sex": only(codes.SEXES, "F"),
        "education_level": only(codes.EDUCATION_LEVELS, "Superior completo"),
        "activity": only(codes.ACTIVITIES, "ocupado"),
    }
    expected = contracted(nodes, ["occupation_group"], masks, np.arange(101) >= 14)
    assert np.allclose([p for _, p in found.rows], expected / expected.sum(), atol=1e-12)
    everyone = contracted(nodes, [], {k: v for k, v in masks.items() if k != "activity"})
    assert found.covered == pytest.approx(expected.sum() / everyone)
    assert found.evidence == pytest.approx(everyone)


@pytest.mark.parametrize(
    ("wanted", "given"),
    [
        (("race",), {"income_band": "200 to 400", "zone": "rural"}),
        (("occupation_cod", "position"), {"race": "preta"}),
        (("income_band", "sex"), {"education_level": codes.EDUCATION_LEVELS[0], "position": "empregador"}),
        (("religion",), {"occupation_cod": "5112"}),
        (("age_band",), {"occupation_group": "Diretor ou gerente", "income_band": "<= 0", "position": "conta própria"}),
    ],
)
def test_questions_up_and_down_the_arrows_are_exact(nodes, wanted, given):
    condition = ", ".join(f"{name}={value}" for name, value in given.items())
    found = ask(f"P({', '.join(wanted)} | uf=AC, {condition})", state(nodes))
    values = {node.name: node.values for node in nodes}
    masks = {name: only(values[name], value) for name, value in given.items()}
    masks["activity"] = only(codes.ACTIVITIES, "ocupado")
    youngest = 14  # activity
    expected = contracted(nodes, wanted, masks, np.arange(101) >= youngest)
    expected = expected / expected.sum()
    for row, probability in found.rows:
        place = tuple(values[name].index(value) for name, value in zip(wanted, row, strict=True))
        assert probability == pytest.approx(expected[place], abs=1e-12)
    assert sum(p for _, p in found.rows) == pytest.approx(1.0)
    assert found.rows[0][0] != (NOT_WORKING,)


def test_who_does_not_work_appears_beside_the_activity(nodes):
    found = law(ask("P(activity, occupation_group | uf=AC)", state(nodes)))
    assert {row[0] for row in found if row[1] == NOT_WORKING} == set(codes.ACTIVITIES) - {"ocupado"}
    assert all(row[1] != NOT_WORKING for row in found if row[0] == "ocupado")
    works = contracted(
        nodes, ["occupation_group"], {"activity": only(codes.ACTIVITIES, "ocupado")}, np.arange(101) >= 14
    )
    old_enough = contracted(nodes, [], {}, np.arange(101) >= 14)
    for group, expected in zip(codes.OCCUPATION_GROUPS, works / old_enough, strict=True):
        assert found[("ocupado", group)] == pytest.approx(expected)


def test_single_years_enter_by_the_count_of_the_census(nodes):
    found = ask("P(race, sex | uf=AC, age_years=33..41)", state(nodes))
    expected = contracted(nodes, ["race", "sex"], {}, (np.arange(101) >= 33) & (np.arange(101) <= 41))
    assert np.allclose([p for _, p in found.rows], (expected / expected.sum()).ravel())
    assert "cut the band 30-34 and 40-44" in " ".join(found.notes)


def test_years_that_are_a_band_are_that_band(nodes):
    by_years = ask("P(race | uf=AC, age_years=30..34)", state(nodes))
    by_band = ask("P(race | uf=AC, age_band=30-34)", state(nodes))
    assert law(by_years) == pytest.approx(law(by_band))
    assert by_years.notes == by_band.notes == ()


def test_a_variable_is_answered_for_those_who_have_it(nodes):
    found = ask("P(religion | uf=AC)", state(nodes))
    expected = contracted(nodes, ["religion"], {}, np.arange(101) >= 10)
    assert [p for _, p in found.rows] == pytest.approx(list(expected / expected.sum()))
    assert found.covered == pytest.approx(expected.sum())
    assert found.notes == ("religion is of persons of 10 and over",)


def test_brazil_is_the_sum_of_states_by_their_residents(nodes, other_nodes):
    states = [state(nodes, "AC", 100.0), state(other_nodes, "SE", 300.0)]
    found = ask("P(race | sex=F)", *states)
    joint = [contracted(n, ["race"], {"sex": only(codes.SEXES, "F")}) for n in (nodes, other_nodes)]
    expected = 100 * joint[0] + 300 * joint[1]
    assert [p for _, p in found.rows] == pytest.approx(list(expected / expected.sum()))
    assert found.evidence == pytest.approx(expected.sum() / 400)
    assert found.level == "br"
    assert "only AC, SE" in found.notes[1]


def test_the_state_and_the_region_can_be_asked(nodes, other_nodes):
    states = [state(nodes, "AC", 100.0), state(other_nodes, "SE", 300.0), state(nodes, "RO", 50.0)]
    by_state = law(ask("P(uf, sex | zone=rural)", *states))
    rural = {
        uf: weight * contracted(n, ["sex"], {"zone": only(codes.ZONES, "rural")})
        for uf, weight, n in (("AC", 100, nodes), ("SE", 300, other_nodes), ("RO", 50, nodes))
    }
    total = sum(r.sum() for r in rural.values())
    assert by_state == pytest.approx(
        {(uf, sex): rural[uf][i] / total for uf in rural for i, sex in enumerate(codes.SEXES)}
    )
    by_region = law(ask("P(sex, region | zone=rural)", *states))
    assert by_region[("F", "Norte")] == pytest.approx(by_state[("AC", "F")] + by_state[("RO", "F")])


def test_mean_income_is_that_of_bands_and_groups(nodes):
    income = IncomeMeans(np.arange(13) * 300.0, np.linspace(1.0, 1.9, 10))
    found = ask("E(income_brl | uf=AC, sex=M)", state(nodes), income=income)
    masks = {"sex": only(codes.SEXES, "M"), "activity": only(codes.ACTIVITIES, "ocupado")}
    joint = contracted(nodes, ["income_band", "occupation_group"], masks, np.arange(101) >= 14)
    assert found.mean == pytest.approx((joint * income.means[:, None] * income.factor).sum() / joint.sum())
    assert [s.variable for s in found.support] == ["income_band", "occupation_group"]


def test_the_support_is_the_mean_over_the_cells_used(nodes):
    found = ask("P(occupation_group | uf=AC, sex=F)", state(nodes))
    node = next(n for n in nodes if n.name == "occupation_group")
    masks = {"sex": only(codes.SEXES, "F"), "activity": only(codes.ACTIVITIES, "ocupado")}
    weights = contracted(nodes, node.parents, masks, np.arange(101) >= 14)
    assert found.effective_persons == pytest.approx((weights * node.effective_persons).sum() / weights.sum())
    assert found.prior_share == pytest.approx((weights * node.prior_share).sum() / weights.sum())


def test_the_grade_is_the_worst_of_all_that_the_answer_needs(nodes):
    grades = {q: ask(f"P({q} | uf=AC)", state(nodes)).grade for q in ("race", "position", "religion")}
    assert grades == {"race": "A", "position": "B", "religion": "C"}
    assert ask("P(race | uf=AC, religion=espírita)", state(nodes)).grade == "C"


def test_the_answer_names_the_independences_it_rests_on(nodes):
    said = ask("P(religion | uf=AC, education_level=Superior completo)", state(nodes)).assumptions
    assert said == (
        "religion is independent of education_level given sex, race",
        "religion: the same in all states given their parents",
    )


def test_a_municipality_has_its_own_block_and_the_state_s_work(nodes):
    persons = np.random.default_rng(5).integers(0, 9, (2, 18, 5, 4, 2)).astype(float)
    own = inference.with_block(nodes, persons, name="Xapuri")
    town = StateNetwork(StateModel("AC", persons.sum(), own, AGES, municipality="Xapuri"))
    found = ask("P(race, zone | municipality=Xapuri, uf=AC, sex=M)", town)
    expected = persons[1].sum(axis=(0, 2))
    assert [p for _, p in found.rows] == pytest.approx(list((expected / expected.sum()).ravel()))
    assert found.level == "mun"
    work = ask("P(position | municipality=Xapuri, uf=AC)", town)
    expected = contracted(own, ["position"], {"activity": only(codes.ACTIVITIES, "ocupado")}, np.arange(101) >= 14)
    assert [p for _, p in work.rows] == pytest.approx(list(expected / expected.sum()))
    assert "no difference between municipalities" in work.assumptions[-1]


@pytest.mark.parametrize(
    ("question", "reason"),
    [
        ("P(religion | uf=AC, age_years=4)", "religion is of persons of 10 and over"),
        ("P(position | uf=AC, activity=estudante, income_band=<= 0)", "nobody"),
        ("E(income_brl | uf=AC, activity=estudante)", "nobody who meets these conditions works"),
    ],
)
def test_conditions_that_nobody_meets_are_told(nodes, question, reason):
    with pytest.raises(ConfigError, match=reason):
        ask(question, state(nodes), income=IncomeMeans(np.ones(13)))


def test_the_whole_network_is_checked_by_pgmpy(nodes):
    model = inference.bayesian_network(nodes)
    assert set(model.nodes()) == {node.name for node in nodes}
    assert "activity" in model.get_parents("occupation_group")
    assert "activity" not in model.get_parents("position")


def test_a_table_that_is_off_one_is_refused_with_its_name(nodes):
    broken = [replace(n, table=n.table * 1.01) if n.name == "zone" else n for n in nodes]
    with pytest.raises(FitError, match="zone: a cell of its table is off 1"):
        inference.bayesian_network(broken)
    with pytest.raises(FitError, match="race: its table has shape"):
        inference.bayesian_network([replace(n, table=n.table[:1]) if n.name == "race" else n for n in nodes])


def test_sex_and_age_come_from_the_numbering_where_the_network_has_none(nodes):
    drawn = [node for node in nodes if node.name not in ("sex", "age_band")]
    rooted = inference.with_roots(drawn, AGES)
    assert [node.name for node in rooted] == [node.name for node in nodes]
    found = law(ask("P(sex, age_band | uf=AC)", state(rooted)))
    assert found[("M", "80+")] == pytest.approx(AGES[1, 80:].sum() / AGES.sum())
    assert inference.with_roots(nodes, AGES) == nodes
