"""The network of Brazil is fitted whole on a small survey, and an edge of network.toml may be taken out."""

from __future__ import annotations

import gzip
import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from importlib import resources

import numpy as np
import pandas as pd
import pytest

from census import codes, counts, expectation, model, network, rules
from census.errors import FitError
from census.network import NodeTable
from conf import settings
from conf.settings import Node
from jobs import _fit_inputs, _national, _rule_check
from jobs._fit_inputs import NationalInputs
from jobs._page import words
from udfs.sampling import WORK

# Two base groups of each great group, in code order.
COD = (
    ("0110", "0411", "1211", "1420", "2341", "2411", "3311", "3411", "4110", "4222")
    + ("5142", "5223", "6111", "6210", "7112", "7231", "8322", "8331", "9111", "9112")
)  # fmt: skip
GROUP_OF_COD = np.array([codes.COD_GROUP_OF_DIGIT[int(cod[0])] for cod in COD])
DOMAINS = model.DOMAINS | {"occupation_cod": COD}
PERSONS = 8000
DRAW = np.random.default_rng(20)


def make_survey() -> pd.DataFrame:
    """Surveyed persons as codes: schooling rises with age, pay with schooling and occupation."""
    band = DRAW.integers(0, model.BANDS, PERSONS)
    highest = np.select([band < 2, band < 3, band < 5], [0, 1, 2], 3)  # what a child may have finished
    people = pd.DataFrame(
        {
            "uf": DRAW.integers(0, model.STATES, PERSONS),
            "sex": DRAW.integers(0, 2, PERSONS),
            "age_band": band,
            "race": DRAW.choice(5, PERSONS, p=[0.43, 0.1, 0.01, 0.45, 0.01]),
            "education_level": np.minimum(DRAW.integers(0, 4, PERSONS), highest),
            "zone": DRAW.choice(2, PERSONS, p=[0.8, 0.2]),
            "occupation_cod": DRAW.integers(0, len(COD), PERSONS),
            "survey_position": DRAW.choice(7, PERSONS, p=[0.06, 0.02, 0.45, 0.1, 0.05, 0.28, 0.04]),
            "is_partnered": DRAW.integers(0, 2, PERSONS),
            "weight_persons": DRAW.gamma(3.0, 100.0, PERSONS),
        }
    )
    people["is_working"] = (DRAW.random(PERSONS) < 0.35 + 0.1 * people["sex"] + 0.05 * people["education_level"]) * 1
    people["occupation_group"] = GROUP_OF_COD[people["occupation_cod"]]
    for name, classes in model.COARSER_AGES.items():
        people[name] = np.array(classes)[band]
    pay = people["occupation_cod"] / 4 + people["education_level"] + DRAW.normal(3, 1, PERSONS)
    people["income_band"] = np.where(people["survey_position"] == 6, 0, np.clip(pay, 1, 12)).astype(int)
    return people


def make_counts(people: pd.DataFrame, spec: Mapping[str, Node]) -> pd.DataFrame:
    """`core_model__count` of the states: what `condition` counts in Spark, with the network's parents."""
    works = (people["is_working"] == 1) & (people["age_band"] >= 3)
    young = people["age_band"] < codes.FIRST_ADULT_BAND
    universes = {"zone": people["zone"] >= 0, "activity": people["age_band"] >= 3, "race_young": young}
    universes |= {"education_young": young & (people["age_band"] > 0), "partnered": ~young}
    parts = []
    for name, family in counts.survey_families({node: entry.parents for node, entry in spec.items()}).items():
        if not {family.child, *family.parents} <= set(people.columns):
            continue  # asked by whole quarters only
        rows = people[universes.get(name, works)]
        cell = np.zeros(len(rows), dtype=np.int64)
        for parent in family.parents:
            cell = cell * len(DOMAINS[parent]) + rows[parent].to_numpy()
        listed = pd.DataFrame(
            {
                "family": name,
                "level": "uf",
                "uf": np.array(codes.UFS)[rows["uf"]],
                "cell_index": cell,
                "value_index": rows[family.child].to_numpy(),
                "weight_persons": rows["weight_persons"].to_numpy(),
                "weight_squared": rows["weight_persons"].to_numpy() ** 2,
                "rows": 1,
            }
        )
        parts.append(listed.groupby(["family", "level", "uf", "cell_index", "value_index"], as_index=False).sum())
    return pd.concat(parts, ignore_index=True)


def table_of(value: str = "persons", *, mean: float = 1000.0, **axes: tuple[object, ...]) -> pd.DataFrame:
    """A long table with a random figure for every combination."""
    frame = pd.MultiIndex.from_product(axes.values(), names=list(axes)).to_frame(index=False)
    return frame.assign(**{value: DRAW.gamma(2.0, mean / 2.0, len(frame))})


def make_small_surveys() -> pd.DataFrame:
    """Answers of the small samples: who looks for work, studies, has a pension, keeps house; and ten positions."""
    n = 3000
    asked = {"is_looking": 0.15, "is_in_school": 0.3, "has_pension": 0.3, "cares_for_home": 0.5, "is_working": 0.5}
    frame = pd.DataFrame({name: DRAW.random(n) < share for name, share in asked.items()}, dtype=object)
    for name in ("sex", "age_band", "education_level", "occupation_group", "position"):
        frame[name] = np.array(DOMAINS[name], dtype=object)[DRAW.integers(0, len(DOMAINS[name]), n)]
    frame["source"] = np.array(["pnadc_2017t2", "pns_2019", "pnadc_2017t4"])[DRAW.integers(0, 3, n)]
    return frame.assign(weight_persons=DRAW.gamma(2.0, 100.0, n))


def make_religion() -> pd.DataFrame:
    states = [("católica", 55.0), ("evangélica", 28.0), ("sem religião", 10.0), ("resto", 7.0)]
    rows = [(uf, name, value, "religion_uf") for uf in codes.UFS for name, value in states]
    brazil = {"espirita": 1.8, "umbanda_candomble": 1.0, "outras": 4.0, "tradicoes_indigenas": 0.1}
    rows += [("Brasil", name, value, "religion_published") for name, value in brazil.items()]
    races = {"branca": 38.0, "preta": 12.0, "amarela": 0.4, "parda": 49.1, "indigena": 0.5}
    rows += [("evangelica Brasil", name, value, "religion_published") for name, value in races.items()]
    rows.append(("sem_religiao Brasil", "homens", 56.2, "religion_published"))
    return pd.DataFrame(rows, columns=["area", "category", "value", "source"])


def make_published() -> pd.DataFrame:
    """The figures that IBGE printed, without those that are held out."""
    packed = resources.files("census").joinpath("reference", "published_margins.csv.gz").read_bytes()
    rows = pd.read_csv(io.BytesIO(gzip.decompress(packed)), keep_default_na=False)
    names = {"tema": "topic", "ano": "year", "geografia": "area", "dimensoes": "dimensions", "categoria": "category"}
    return _fit_inputs.fitted_figures(rows.rename(columns=names | {"valor": "value", "unidade": "unit"}))


def packaged(name: str) -> pd.DataFrame:
    return pd.read_csv(io.BytesIO(resources.files("census").joinpath("reference", name).read_bytes()))


def make_work_2010() -> pd.DataFrame:
    """A place a state, contracts half as many again outside the Norte."""
    with_contract = [30.0 if state.region == "Norte" else 45.0 for state in codes.STATES]
    return pd.DataFrame(
        {
            "uf": codes.UFS,
            "with_contract_percent": with_contract,
            "without_contract_percent": 20.0,
            "urban_persons": 1000.0,
            "rural_persons": 0.0,
        }
    )


def make_trades() -> pd.DataFrame:
    """A trade of every group of activity in each base group where the register has one."""
    open_ = [cod for cod in COD if cod[0] in "45789"]
    return table_of("percent", mean=1.0, occupation_cod=tuple(open_), trade_group=codes.MEI_TRADE_GROUPS)


@cache
def sources() -> NationalInputs:
    """All that does not hang on the network; `counts` are still to be filled in."""
    ages = table_of(uf=codes.UFS, age_years=tuple(range(codes.MAX_AGE_YEARS + 1)))
    groups = ("18-24", *codes.AGE_BANDS[model.ADULT + 2 :])
    schooling = {"race": codes.RACES, "education_level": codes.EDUCATION_LEVELS}
    by_state = table_of(uf=codes.UFS, sex=codes.SEXES, age_group=groups, **schooling)
    by_place = table_of(uf=codes.UFS, sex=("T",), age_group=("18-19", "20-24"), **schooling)
    residents = ages.groupby("uf")["persons"].sum().reindex(list(codes.UFS)).to_numpy()
    occupations = table_of("women", uf=codes.UFS, occupation_cod3=tuple(sorted({cod[:3] for cod in COD})))
    occupations["men"] = DRAW.gamma(2.0, 600.0, len(occupations))
    bands = ("18-24", *(f"{a}-{a + 4}" for a in range(25, 75, 5)), "75+")
    points = [(b, p, 100.0 * i + p) for i, b in enumerate(codes.INCOME_BANDS) for p in range(21)]
    return NationalInputs(
        places=pd.DataFrame(
            {"uf": codes.UFS, "population_persons": residents, "households_urban": 80, "households_rural": 20}
        ),
        ages=ages,
        education=pd.concat(
            [
                by_state.assign(source="census2022_education_uf"),
                by_place.assign(source="census2022_education_municipality"),
            ]
        ),
        counts=pd.DataFrame(),
        surveys=make_small_surveys(),
        candidates=table_of(sex=codes.SEXES, age_group=bands, **schooling, marital_status=codes.MARITAL_STATUSES),
        voters=table_of(uf=codes.UFS, marital_status=codes.MARITAL_STATUSES),
        religion=make_religion(),
        published=make_published(),
        work_2010=make_work_2010(),
        mei=pd.DataFrame({"uf": codes.UFS, "share": 0.03}),
        mei_trades=make_trades(),
        mei_profile=packaged("mei_profile.csv").rename(columns={"indicador": "indicator", "valor": "value"}),
        titles=pd.DataFrame(),
        occupations=occupations,
        occupied=pd.DataFrame({"uf": codes.UFS, "persons": 30_000.0, "suppressed_persons": 0.0}),
        income_points=pd.DataFrame(points, columns=["income_band", "point", "income_brl"]).assign(
            income_brl=lambda rows: rows["income_brl"].where(rows["income_band"] != codes.INCOME_BANDS[0], 0.0)
        ),
        design_effects=pd.DataFrame(),
        cod=COD,
        group_of_cod=GROUP_OF_COD,
    )


def without(spec: Mapping[str, Node], node: str, parent: str) -> dict[str, Node]:
    """The network with an edge taken out."""
    left = tuple(p for p in spec[node].parents if p != parent)
    assert len(left) < len(spec[node].parents)
    return dict(spec) | {node: spec[node].model_copy(update={"parents": left})}


def fit(spec: Mapping[str, Node], people: pd.DataFrame) -> tuple[_national.Census, list[NodeTable]]:
    inputs, zeros = replace(sources(), counts=make_counts(people, spec)), _rule_check.packaged()
    effects = dict.fromkeys([*spec, *counts.FURTHER], 1.75)
    census = _national.census_block(inputs, spec, effects, zeros)
    return census, _national.build(inputs, census, spec, effects, zeros).nodes


@pytest.fixture(scope="module")
def people() -> pd.DataFrame:
    return make_survey()


@pytest.fixture(scope="module")
def fitted(people: pd.DataFrame) -> tuple[_national.Census, list[NodeTable]]:
    return fit(settings.network(), people)


def state_of(nodes: list[NodeTable], uf: str) -> list[NodeTable]:
    """The network of one state."""
    place = codes.UFS.index(uf)
    return [
        NodeTable(
            node.name,
            tuple(p for p in node.parents if p != "uf"),
            node.values,
            node.table.take(place, axis=node.parents.index("uf")) if "uf" in node.parents else node.table,
            node.grade,
            node.source,
        )
        for node in nodes
    ]


def test_every_node_of_the_network_has_its_table(fitted):
    _, nodes = fitted
    assert [node.name for node in nodes] == list(settings.network())
    network.check(nodes, DOMAINS)


def test_no_table_gives_a_chance_to_what_a_rule_forbids(fitted):
    for node in fitted[1]:
        mask = rules.allowed(_rule_check.packaged(), node.name, node.parents, DOMAINS)
        can_occur = mask.any(axis=-1, keepdims=True)
        assert (node.table[np.broadcast_to(can_occur & ~mask, node.table.shape)] == 0.0).all(), node.name


def test_the_states_have_the_ages_of_the_census_and_the_rural_share_that_is_printed(fitted):
    census, _ = fitted
    assert np.allclose(census.states.sum(axis=5), census.people, rtol=1e-4, atol=1e-3)
    wanted = _fit_inputs.published(make_published(), "situacao_domicilio", "rural")
    assert census.states[..., 1].sum() / census.states.sum() == pytest.approx(wanted, abs=1e-4)


@pytest.mark.parametrize(("sex", "category"), enumerate(("mulheres", "homens")))
def test_as_many_women_and_men_work_as_the_census_says(fitted, sex, category):
    census, nodes = fitted
    workers, grown = 0.0, 0.0
    for place, uf in enumerate(codes.UFS):
        persons = census.states[place].copy()
        persons[:, : codes.AGE_BANDS.index("14-17")] = 0.0
        activity = expectation.expected(state_of(nodes, uf), persons, ("sex", "activity"), WORK)[sex]
        workers, grown = workers + activity[0], grown + activity.sum()
    wanted = _fit_inputs.published(make_published(), "nivel_ocupacao", category, dimensions="sexo")
    assert workers / grown == pytest.approx(wanted, abs=2e-3)


def positions_of(fitted: tuple[_national.Census, list[NodeTable]], ufs: Sequence[str]) -> dict[str, float]:
    """Workers of these states by position."""
    census, nodes = fitted
    found = sum(
        expectation.expected(state_of(nodes, uf), census.states[codes.UFS.index(uf)], ("position",), WORK) for uf in ufs
    )
    return dict(zip(codes.POSITIONS, found, strict=True))


def contract_odds(workers: Mapping[str, float]) -> float:
    """Employees with a contract to one without."""
    kinds = ("privado", "doméstico", "público")
    with_contract, without = (sum(workers[f"{kind} {word} carteira"] for kind in kinds) for word in ("com", "sem"))
    return with_contract / without


def test_the_workers_have_the_positions_that_the_census_prints(fitted):
    workers = positions_of(fitted, codes.UFS)
    share = {position: persons / sum(workers.values()) for position, persons in workers.items()}

    def printed(category: str, dimensions: str = "posicao") -> float:
        return _fit_inputs.published(make_published(), "posicao_ocupacao", category, dimensions=dimensions)

    employees, own, employers = printed("empregado"), printed("conta propria"), printed("empregador")
    # A tenth of the workers made here are soldiers: more than serve by statute in all.
    wanted = {
        "conta própria": own,
        "empregador": employers,
        "familiar auxiliar": 1 - employees - own - employers,
        "privado sem carteira": employees * printed("sem carteira", "categoria"),
    }
    assert {position: share[position] for position in wanted} == pytest.approx(wanted, abs=3e-3)


def test_contracts_are_as_much_rarer_in_a_state_as_the_census_of_2010_says(fitted):
    odds = {uf: contract_odds(positions_of(fitted, [uf])) for uf in ("AC", "SP")}
    assert odds["SP"] / odds["AC"] == pytest.approx(45 / 30, rel=0.02)


def test_a_whole_quarter_tells_the_contracts_of_its_own_states(people):
    draw = np.random.default_rng(5)
    position = draw.integers(0, len(codes.POSITIONS), len(people))
    hired = position < 6  # with a contract where even
    common = np.where(people["uf"] == codes.UFS.index("SP"), 0.9, 0.4)
    position[hired] = position[hired] // 2 * 2 + (draw.random(hired.sum()) > common[hired])
    told = people.assign(position=position)
    fitted = fit(settings.network(), told)
    found, wanted = {}, {}
    for uf in ("AC", "SP"):
        found[uf] = contract_odds(positions_of(fitted, [uf]))
        here = told[(told["uf"] == codes.UFS.index(uf)) & (told["is_working"] == 1) & (told["age_band"] >= 3)]
        asked = here.groupby("position")["weight_persons"].sum().reindex(range(len(codes.POSITIONS)), fill_value=0.0)
        wanted[uf] = contract_odds(dict(zip(codes.POSITIONS, asked, strict=True)))
    # 60 persons a state: smoothed to the country.
    assert 3.0 < found["SP"] / found["AC"] < wanted["SP"] / wanted["AC"]


def test_the_page_says_each_split_and_its_assumption_in_portuguese(people):
    inputs = replace(sources(), counts=make_counts(people, settings.network()))
    for name, (_, _, assumption) in _national.split_grades(inputs).items():
        assert name in words.VARIABLES and name in words.RAISED_BY
        assert words.assumption(assumption) not in (None, assumption)


def test_a_base_group_lies_within_its_great_group(fitted):
    (node,) = (node for node in fitted[1] if node.name == "occupation_cod")
    table = np.moveaxis(node.table, node.parents.index("occupation_group"), 0)
    assert all((table[group][..., group != GROUP_OF_COD] == 0.0).all() for group in range(10))


def test_the_unpaid_earn_nothing_and_all_others_something(fitted):
    by_name = {node.name: node for node in fitted[1]}
    income, classes = by_name["income_band"].table, by_name["earning_class"]
    assert (income[:, 0, 0] == 1.0).all() and (income[:, 1:, 0] == 0.0).all()
    unpaid = codes.POSITIONS.index("familiar auxiliar")
    by_position = np.moveaxis(classes.table, classes.parents.index("position"), 0)
    assert (by_position[unpaid][..., 0] == 1.0).all()
    assert (np.delete(by_position, unpaid, axis=0)[..., 0] == 0.0).all()


# Every kind of node, a parent of each sort; `uf` makes a law of Brazil.
EDGES = [
    ("zone", "race"),
    ("marital_status", "education_level"),
    ("in_union", "sex"),
    ("religion", "race"),
    ("activity", "zone"),
    ("occupation_group", "race"),
    ("occupation_group", "uf"),
    ("occupation_cod", "career_stage"),
    ("position", "uf"),
    ("earning_class", "race"),
]


@pytest.mark.parametrize(("node", "parent"), EDGES)
def test_an_edge_may_be_taken_out_and_the_network_still_fits(people, node, parent):
    spec = without(settings.network(), node, parent)
    nodes = fit(spec, people)[1]
    network.check(nodes, DOMAINS)
    assert parent not in next(n for n in nodes if n.name == node).parents


def test_parents_may_stand_in_another_order(people, fitted):
    spec = dict(settings.network())
    turned = ("marital_status", "activity", "occupation_group", "occupation_cod", "position")
    spec |= {node: spec[node].model_copy(update={"parents": spec[node].parents[::-1]}) for node in turned}
    nodes = fit(spec, people)[1]
    network.check(nodes, DOMAINS)
    for before, after in zip(fitted[1], nodes, strict=True):
        axes = [after.parents.index(parent) for parent in before.parents]
        assert np.allclose(after.table.transpose(*axes, len(axes)), before.table, atol=1e-9), before.name


@pytest.mark.parametrize(
    ("node", "parent", "said"),
    [
        ("occupation_cod", "occupation_group", "node.occupation_cod needs the parent occupation_group"),
        ("position", "occupation_cod", "node.position needs the parent occupation_cod"),
        ("earning_class", "pay_class", "node.earning_class needs the parents pay_class and position"),
        ("is_mei", "uf", "node.is_mei must have the parents uf, occupation_cod, may_be_mei"),
        ("education_level", "race", "node.education_level must have the parents uf, sex, age_band, race"),
    ],
)
def test_an_edge_that_a_node_cannot_do_without_is_asked_for(people, node, parent, said):
    with pytest.raises(FitError, match=said):
        fit(without(settings.network(), node, parent), people)
