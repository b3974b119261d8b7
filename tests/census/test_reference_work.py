"""The reviewed files of work: every title and trade is told once, and nothing in them is out of the code books."""

from __future__ import annotations

import csv
import gzip
import io
from collections import Counter, defaultdict
from importlib import resources

import numpy as np
import pandas as pd
import pytest

from census import codes, rules, titles
from conf import settings


def rows(name: str) -> list[dict[str, str]]:
    packed = resources.files("census").joinpath("reference", name).read_bytes()
    text = (gzip.decompress(packed) if name.endswith(".gz") else packed).decode("utf-8")
    return list(csv.DictReader(io.StringIO(text)))


TITLES = {row["cbo"]: row for row in rows("occupation_titles.csv")}
CODS = {row["cod"] for row in rows("occupation_cod.csv.gz")}
TRADES = rows("mei_trades.csv")


def test_every_title_has_its_requirements_once():
    asked = rows("title_requirements.csv")
    assert Counter(row["cbo"] for row in asked) == Counter(TITLES.keys())
    for row in asked:
        assert row["min_education"] in codes.EDUCATION_LEVELS, row
        assert set(filter(None, row["positions"].split(";"))) <= set(codes.POSITIONS), row
        assert row["sexes"] in ("", *codes.SEXES), row
        assert int(row["min_age_years"] or 0) < int(row["max_age_years"] or 200), row
        assert row["reason"].strip(), row


def test_a_title_that_names_a_sex_has_a_word_for_it():
    for row in rows("title_requirements.csv"):
        word = {"F": "feminine", "M": "masculine", "": ""}[row["sexes"]]
        assert not word or TITLES[row["cbo"]][word], row


def test_the_annex_s_466_trades_are_all_there_and_each_is_shared_out_once():
    shares: dict[tuple[str, str], float] = defaultdict(float)
    for row in TRADES:
        shares[row["cnae_subclass"], row["mei_title"]] += float(row["share"])
        assert row["cod"] in CODS and not row["cod"].startswith("0"), row
        assert row["group"] in codes.MEI_TRADE_GROUPS, row
        assert row["masculine"] and row["feminine"] and row["reason"], row
        assert "(a)" not in row["masculine"] + row["feminine"], row
    assert len(shares) == 466
    assert list(shares.values()) == pytest.approx([1.0] * 466, abs=1e-6)


def test_weights_of_trades_add_up_to_the_published_shares_of_2022():
    weight: dict[str, float] = defaultdict(float)
    for row in TRADES:
        weight[row["group"]] += float(row["weight"]) * float(row["share"])
    printed = {
        "cabeleireiros e tratamento de beleza": 9.0,
        "comércio varejista de vestuário e acessórios": 6.8,
        "restaurantes e serviços de alimentação e bebidas": 6.0,
        "serviços especializados para construção": 4.6,
        "publicidade": 4.2,
        "catering, bufê e comida preparada": 3.4,
        "manutenção e reparação de veículos": 3.1,
    }
    for group, share in printed.items():
        assert weight[group] == pytest.approx(share, abs=0.02), group
    assert sum(weight.values()) == pytest.approx(100.0, abs=0.01)


def test_places_favour_titles_that_exist_within_the_bounds():
    known = {"uf": set(codes.UFS), "region": set(codes.REGIONS), "zone": set(codes.ZONES)}
    known |= {"coast": {"litoral", "interior"}}
    seen: Counter[tuple[str, str, str]] = Counter()
    for row in rows("regional_trades.csv.gz"):
        assert row["cbo"] in TITLES and 0.02 <= float(row["factor"]) <= 10, row
        assert row["value"] in known.get(row["kind"], {row["value"]}), row
        seen[row["cbo"], row["kind"], row["value"]] += 1
    assert max(seen.values()) == 1


def test_what_is_added_to_a_base_group_exists():
    for row in rows("title_additions.csv"):
        assert row["cod"] in CODS and row["cbo"] in TITLES, row


def base_groups() -> dict[str, set[str]]:
    """Base group -> its titles, as `core_occupation__title` has them."""
    crosswalk = rows("occupation_cbo_to_cod.csv.gz")
    found: dict[str, set[str]] = defaultdict(set)
    for row in [*crosswalk, *rows("title_additions.csv")]:
        found[row["cod"]].add(row["cbo"])
    own = {row["cod"] for row in crosswalk}
    for row in crosswalk:
        for cod in set(filter(None, row["cod_alternativos"].split("|"))) - own:
            found[cod].add(row["cbo"])
    return {cod: chosen & TITLES.keys() for cod, chosen in found.items() if cod in CODS}


def test_every_worker_whom_the_rules_allow_has_a_title_of_the_base_group():
    asked = {row["cbo"]: row for row in rows("title_requirements.csv")}
    cods = tuple(row["cod"] for row in rows("occupation_cod.csv.gz"))
    frame = pd.DataFrame(
        {
            "occupation_cbo": cbo,
            "occupation_cod": cod,
            "title_feminine": TITLES[cbo]["feminine"],
            "title_masculine": TITLES[cbo]["masculine"],
            "jobs": 1.0,
            "women_share": np.nan,
            "min_education_level": asked[cbo]["min_education"],
            "min_age_years": float(asked[cbo]["min_age_years"] or "nan"),
            "max_age_years": float(asked[cbo]["max_age_years"] or "nan"),
            "positions": asked[cbo]["positions"],
            "only_sex": asked[cbo]["sexes"] or None,
            "weight_factor": float(asked[cbo]["weight_factor"]),
            "era": asked[cbo]["era"],
        }
        for cod, chosen in base_groups().items()
        for cbo in chosen
    )
    known = titles.of_rows(frame, cods)
    starts = titles.age_ends(known)
    open_ = np.zeros((len(cods), len(codes.SEXES), *titles.allowed(known, starts).shape[1:]), dtype=bool)
    for sex in range(len(codes.SEXES)):
        word = known.sexes[:, sex][:, None, None, None]
        np.logical_or.at(open_[:, sex], known.cod, titles.allowed(known, starts) & word)
    cell = np.indices(open_.shape).reshape(open_.ndim, -1)
    # The first age of the class at which anybody works: a class may begin before 14.
    last = np.append(starts[1:] - 1, codes.MAX_AGE_YEARS)
    age_years = np.where(last[cell[4]] >= 14, np.maximum(starts[cell[4]], 14), starts[cell[4]])
    columns = dict(zip(("occupation_cod", "sex", "education_level", "position"), cell[:4], strict=True))
    columns["age_years"] = age_years.astype(float)
    forbidden = age_years < 14
    for rule in rules.load(settings.rules(), cods):
        if set(rule.variables) <= columns.keys():
            forbidden |= rules.violations(rule, columns, {"occupation_cod": cods})
    # Nobody serves in the forces at 70: the groups are closed by rules of the position.
    closed = ~open_.ravel() & ~forbidden & ~np.isin(cell[0], [i for i, cod in enumerate(cods) if cod.startswith("0")])
    assert {cods[i] for i in cell[0][closed]} == set()


def test_titles_of_other_times_are_rare_today_or_new():
    eras = [row for row in rows("title_requirements.csv") if row["era"]]
    assert {row["era"] for row in eras} == set(codes.TITLE_ERAS)
    assert all(float(row["weight_factor"]) < 1 for row in eras if row["era"] == "past")
