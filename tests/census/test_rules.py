"""Structural zeros: every rule is read, masks its table, finds who breaks it, and few surveyed persons do."""

import csv
import gzip
import io
import sqlite3
from collections.abc import Iterator
from functools import cache
from importlib import resources

import numpy as np
import pandas as pd
import pytest

from census import codes, rules
from census.errors import ConfigError
from census.model import DOMAINS
from conf import settings

LEVELS = codes.EDUCATION_LEVELS


@cache
def cods() -> tuple[str, ...]:
    packed = resources.files("census").joinpath("reference", "occupation_cod.csv.gz").read_bytes()
    return tuple(row["cod"] for row in csv.DictReader(io.StringIO(gzip.decompress(packed).decode("utf-8"))))


@cache
def packaged() -> tuple[rules.Rule, ...]:
    return rules.load(settings.rules(), cods())


def domains() -> dict[str, tuple[str, ...]]:
    return DOMAINS | {"occupation_cod": cods()}


def one(**entry) -> tuple[rules.Rule, ...]:
    """A single rule; why and source are filled in."""
    return rules.load({"rule": {"it": {"why": "Because.", "source": "Law"} | entry}}, cods())


def test_every_packaged_rule_says_why_and_by_which_source():
    found = packaged()
    assert len([rule for rule in found if not rule.by]) >= 60
    assert all(rule.why.endswith(".") and rule.source for rule in found)
    # Two rules that forbid the same would count one thing twice.
    assert len({frozenset(rule.conditions) for rule in found}) == len(found)


def test_a_mask_forbids_the_value_where_the_rule_holds_and_nowhere_else():
    rule = one(variable="education_level", values=[LEVELS[3]], when={"age_years": "< 18"})
    mask = rules.allowed(rule, "education_level", ["sex", "age_band"], DOMAINS)
    assert mask.shape == (2, len(codes.AGE_BANDS), 4)
    assert not mask[:, : codes.FIRST_ADULT_BAND, 3].any()
    assert mask[:, codes.FIRST_ADULT_BAND :].all()
    assert mask[..., :3].all()


def test_conditions_of_one_rule_must_all_hold():
    rule = one(variable="is_mei", values=["sim"], when={"age_years": "< 18", "position": ["conta própria"]})
    mask = rules.allowed(rule, "is_mei", ["age_band", "position"], DOMAINS)
    own = codes.POSITIONS.index("conta própria")
    assert not mask[: codes.FIRST_ADULT_BAND, own, 1].any()
    assert mask.sum() == mask.size - codes.FIRST_ADULT_BAND


def test_not_values_forbids_all_the_others():
    rule = one(variable="occupation_cod", not_values=["0*"], when={"occupation_group": codes.OCCUPATION_GROUPS[9]})
    mask = rules.allowed(rule, "occupation_cod", ["occupation_group"], domains())
    assert {cod for cod, kept in zip(cods(), mask[9], strict=True) if kept} == {c for c in cods() if c[0] == "0"}
    assert mask[:9].all()


def test_a_rule_is_enforced_from_whichever_side_is_drawn_last():
    rule = one(variable="occupation_cod", values=["2211"], when={"education_level": {"not": [LEVELS[3]]}})
    backwards = rules.allowed(rule, "education_level", ["occupation_cod"], domains())
    assert list(backwards[cods().index("2211")]) == [False, False, False, True]
    assert backwards.sum() == backwards.size - 3


def test_an_income_rule_masks_the_bands_that_lie_inside_it():
    rule = one(variable="income_brl", values=["> 0"], when={"position": ["familiar auxiliar"]})
    mask = rules.allowed(rule, "income_band", ["position"], DOMAINS)
    assert list(mask[codes.POSITIONS.index("familiar auxiliar")]) == [True] + [False] * (len(codes.INCOME_BANDS) - 1)
    assert mask[codes.POSITIONS.index("conta própria")].all()


def test_a_rule_without_its_variables_in_the_table_masks_nothing():
    rule = one(variable="occupation_cod", values=["8331"], when={"age_years": "< 20"})
    assert rules.allowed(rule, "occupation_cod", ["sex"], domains()).all()
    assert rules.enforced_by(rule, {"occupation_cod": ["sex"]}, domains()) == {"it": ()}
    assert rules.enforced_by(rule, {"occupation_cod": ["age_band"]}, domains()) == {"it": ("occupation_cod",)}


def test_a_class_of_ages_that_a_rule_cuts_in_two_does_not_enforce_it():
    rule = one(variable="occupation_cod", values=["8331"], when={"age_years": "< 20"})
    coarse = domains() | {"age_class": ("14-17", "18-24", "25+")}
    assert rules.enforced_by(rule, {"occupation_cod": ["age_class"]}, coarse) == {"it": ()}
    mask = rules.allowed(rule, "occupation_cod", ["age_class"], coarse)[:, cods().index("8331")]
    assert list(mask) == [False, True, True]


def test_every_packaged_rule_is_enforced_by_a_table_or_says_what_guarantees_it():
    network = {name: node.parents for name, node in settings.network().items()}
    enforced = rules.enforced_by(packaged(), network, domains())
    assert [name for name, by in enforced.items() if not by] == []
    # A rule that a mask gives needs no other guarantee.
    said = {rule.name: rule.by for rule in packaged() if rule.by}
    assert {name: enforced[name] for name in said} == {name: (by,) for name, by in said.items()}
    assert set(said.values()) <= {"sampler", *network}


def test_the_masks_leave_a_value_in_every_cell_that_can_occur():
    empty = {}
    for node, entry in settings.network().items():
        if set(entry.parents) <= set(domains()):
            mask = rules.allowed(packaged(), node, entry.parents, domains())
            empty[node] = np.argwhere(~mask.any(axis=-1))
    position = settings.network()["position"].parents
    cells = empty.pop("position")
    # Nobody under 18 is a judge or serves in the forces: these rules leave no position, and other rules no such person.
    held = {cods()[cod] for cod in cells[:, position.index("occupation_cod")]}
    assert held <= {cod for cod in cods() if cod.startswith("0")} | {"2612"}
    assert {codes.AGE_CLASSES[age] for age in cells[:, position.index("age_class")]} <= {"0-17"}
    assert {node: len(cells) for node, cells in empty.items() if len(cells)} == {}


def test_who_may_be_a_mei_settles_who_is_one():
    rule = one(variable="is_mei", values=["sim"], when={"age_years": "< 18"})
    assert rules.enforced_by(rule, {"may_be_mei": ["position", "age_band"]}, domains()) == {"it": ("may_be_mei",)}
    mask = rules.allowed(rule, "may_be_mei", ["position", "age_band"], domains())
    assert not mask[:, : codes.FIRST_ADULT_BAND, 1].any() and mask[:, codes.FIRST_ADULT_BAND :].all()
    rule = one(variable="is_mei", values=["sim"], when={"occupation_cod": ["2211"]})
    mask = rules.allowed(rule, "is_mei", ["occupation_cod", "may_be_mei"], domains())
    assert list(mask[cods().index("2211")].ravel()) == [True, False, True, False]


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"variable": "educaton_level", "values": [LEVELS[3]]}, "did you mean 'education_level'"),
        ({"variable": "position", "values": ["conta propria"]}, "did you mean 'conta própria'"),
        ({"variable": "is_mei", "values": ["sim"], "when": {"age_years": "< 16"}}, "cuts the band 14-17 in two"),
        ({"variable": "is_mei", "values": ["sim"], "when": {"age_years": "under 18"}}, "no comparison"),
        ({"variable": "is_mei", "values": ["sim"], "wen": {}}, "unknown key; did you mean 'when'"),
        ({"variable": "is_mei", "values": ["sim"], "not_values": ["não"]}, "either values or not_values"),
        ({"variable": "is_mei", "values": ["sim"], "why": ""}, "why: is missing"),
        ({"variable": "occupation_cod", "values": ["9999"]}, "has no value '9999'"),
        ({"variable": "occupation_cod", "values": ["any"], "when": {"age_years": "< 14"}}, "say by = 'sampler'"),
    ],
)
def test_a_wrong_rule_is_refused_with_its_name_and_what_to_write_instead(entry, said):
    with pytest.raises(ConfigError, match="rule it") as caught:
        one(**entry)
    assert said in str(caught.value)


PEOPLE = [
    # age, level, position, cod, in_union, is_mei, income, religion
    (17, LEVELS[3], None, None, False, None, None, "católica"),
    (30, LEVELS[3], "privado com carteira", "2211", True, False, 9000.0, None),
    (30, LEVELS[2], "conta própria", "2211", True, True, 0.0, "outra"),
    (13, LEVELS[0], "familiar auxiliar", "9211", True, None, 10.0, "católica"),
    (4, None, None, None, False, None, None, None),
]
COLUMNS = ("age_years", "education_level", "position", "occupation_cod", "in_union", "is_mei", "income_brl", "religion")


@pytest.mark.parametrize(
    ("entry", "broken"),
    [
        ({"variable": "education_level", "values": [LEVELS[3]], "when": {"age_years": "< 18"}}, [0]),
        ({"variable": "occupation_cod", "values": ["22*"], "when": {"education_level": {"not": [LEVELS[3]]}}}, [2]),
        ({"variable": "in_union", "values": ["sim"], "when": {"age_years": "< 14"}}, [3]),
        ({"variable": "is_mei", "values": ["não"], "when": {"position": ["privado com carteira"]}}, [1]),
        ({"variable": "income_brl", "values": ["<= 0"], "when": {"position": {"not": ["familiar auxiliar"]}}}, [2]),
        ({"variable": "religion", "values": ["null"], "when": {"age_years": ">= 10"}, "by": "sampler"}, [1]),
        ({"variable": "education_level", "values": ["null"], "when": {"age_years": "< 5"}, "by": "sampler"}, [4]),
        ({"variable": "occupation_cod", "values": ["any"], "when": {"age_years": "< 14"}, "by": "sampler"}, [3]),
    ],
)
def test_sql_and_arrays_find_the_same_persons(entry, broken):
    (rule,) = one(**entry)
    with sqlite3.connect(":memory:") as base:
        base.execute(f"CREATE TABLE people (row, {', '.join(COLUMNS)})")
        base.executemany(f"INSERT INTO people VALUES ({', '.join('?' * 9)})", [(i, *p) for i, p in enumerate(PEOPLE)])
        query = f"SELECT row FROM people WHERE {rules.violation_sql(rule)} ORDER BY row"
        assert [row for (row,) in base.execute(query)] == broken
    frame = pd.DataFrame(PEOPLE, columns=list(COLUMNS)).replace({True: "sim", False: "não"})
    assert list(np.flatnonzero(rules.violations(rule, coded(frame), {"occupation_cod": cods()}))) == broken


def coded(frame: pd.DataFrame) -> dict[str, np.ndarray]:
    """Columns of labels as codes, -1 = null; numbers stay numbers."""
    known = rules.VALUES | {"occupation_cod": cods()}
    return {
        name: pd.Categorical(frame[name], categories=list(known[name])).codes
        if name in known
        else frame[name].to_numpy(dtype=float)
        for name in frame.columns
    }


# ------------------------------------------------------------------------------------------ surveyed persons
def read(name: str) -> pd.DataFrame:
    with resources.as_file(resources.files("census").joinpath("reference", name)) as path:
        return pd.read_parquet(path) if name.endswith(".parquet") else pd.read_csv(path)


@cache
def surveys() -> dict[str, tuple[list[dict[str, np.ndarray]], np.ndarray]]:
    """Survey -> (readings of its persons, weights).

    2018T2 knows seven positions. A reading gives each the first, second ... of the positions that it may be; who breaks
    a rule in every reading breaks it for sure.
    """
    rows = read("pnadc_2018t2.parquet")
    works = rows["V4012"] > 0
    cod = rows["V4010"].astype(str).str.strip().where(works)
    level = rows["VD3001"].map(codes.PNADC_EDUCATION)
    people = coded(
        pd.DataFrame(
            {
                "age_years": rows["V2009"].astype(float),
                "sex": rows["V2007"].map(codes.PNADC_SEX),
                "education_level": level.map(dict(enumerate(LEVELS))),
                "occupation_group": cod.where(cod != "0000").str[0].dropna().astype(int)
                .map(codes.COD_GROUP_OF_DIGIT).map(dict(enumerate(codes.OCCUPATION_GROUPS))).reindex(rows.index),
                "occupation_cod": cod,
                # Not asked of the unpaid; none or payment in kind alone of others.
                "income_brl": rows["V403312"].astype(float).fillna(0.0).where(works),
            }
        )
    )  # fmt: skip
    may_be = {
        1: ("doméstico com carteira", "doméstico sem carteira"),
        2: ("militar ou estatutário",),
        3: ("privado com carteira", "privado sem carteira"),
        4: ("público com carteira", "público sem carteira", "militar ou estatutário"),
        5: ("empregador",),
        6: ("conta própria",),
        7: ("familiar auxiliar",),
    }
    readings = [
        people | coded(pd.DataFrame({"position": rows["V4012"].map({k: v[i % len(v)] for k, v in may_be.items()})}))
        for i in range(3)
    ]
    sample = read("pnadc_2017t2_sample.csv.gz")
    positions = pd.DataFrame(
        {
            "age_years": sample["idade"].astype(float),
            "position": sample["ocup_pos2"].map(dict(enumerate(codes.POSITIONS, start=1))),
        }
    )
    health = read("pns_2019_sample.csv.gz")
    retired = pd.DataFrame(
        {"age_years": health["C008"].astype(float), "activity": health["F001011"].map({1: "aposentado"})}
    )
    return {
        "PNADC 2018T2": (readings, rows["V1028"].to_numpy(dtype=float)),
        "PNADC 2017T2 sample": ([coded(positions)], np.ones(len(sample))),
        "PNS 2019 sample": ([coded(retired)], health["V00281"].to_numpy(dtype=float)),
    }


def counted(rule: rules.Rule) -> Iterator[tuple[str, int, int, float]]:
    """Survey, persons who break the rule, persons on the rarer side of it, weighted share of the former."""
    for survey, (readings, weights) in surveys().items():
        if rule.by == rules.SAMPLER or not set(rule.variables) <= set(readings[0]):
            continue
        broken = np.all([rules.violations(rule, people, {"occupation_cod": cods()}) for people in readings], axis=0)
        # A reading's positions are an even mix: a side is whoever is there in some reading.
        sides = [
            np.any([rules.violations(rules.Rule("", (c,), "", ""), p, {"occupation_cod": cods()}) for p in readings], 0)
            for c in rule.conditions
            if c.variable != "income_brl"  # what they earn is the question: they are counted by what they do
        ]
        rare = min(sides, key=lambda side: weights[side].sum())
        if rare.any():
            yield survey, int(broken.sum()), int(rare.sum()), float(weights[broken].sum() / weights[rare].sum())


def said(rule: rules.Rule) -> str:
    return "; ".join(f"{s}: {n:,} of {m:,} ({100 * share:.2f} %)" for s, n, m, share in counted(rule))


def test_few_surveyed_persons_break_a_rule_and_the_file_says_how_many():
    assert {rule.name: rule.survey for rule in packaged()} == {rule.name: said(rule) for rule in packaged()}
    shares = {rule.name: max((share for *_, share in counted(rule)), default=0.0) for rule in packaged()}
    assert {name: share for name, share in shares.items() if share > 0.02} == {}
