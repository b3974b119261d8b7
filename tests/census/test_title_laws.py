"""Titles inside a base group: as common as their jobs, as sexed as the group, open to whom the law allows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from census import codes, titles

LEVELS = codes.EDUCATION_LEVELS


def row(cbo: str, cod: str, jobs: float, women: float | None, **given: object) -> dict[str, object]:
    asked = {"min_education_level": LEVELS[0], "min_age_years": None, "max_age_years": None, "positions": None}
    return {
        "occupation_cbo": cbo,
        "occupation_cod": cod,
        "title_feminine": f"F{cbo}",
        "title_masculine": f"M{cbo}",
        "jobs": jobs,
        "women_share": women,
        "only_sex": None,
        "weight_factor": 1.0,
        "era": None,
        **asked,
        **given,
    }


ROWS = pd.DataFrame(
    [
        row("223505", "2221", 90_000.0, 0.85, min_education_level=LEVELS[3]),
        row("322205", "3221", 500_000.0, 0.88, min_education_level=LEVELS[2], min_age_years=18),
        row("322235", "3221", 0.0, None),
        row(
            "322299", "3221", 10_000.0, 0.10, positions="conta própria;empregador", max_age_years=50, weight_factor=0.5
        ),
        row("516215", "5162", 300.0, 1.0, only_sex="F", title_masculine=""),
        row("516299", "5162", 300.0, 0.5),
    ]
)
COD = ("2221", "3221", "3222", "5162")


@pytest.fixture(scope="module")
def known() -> titles.Titles:
    return titles.of_rows(ROWS, COD)


def test_a_base_group_without_a_title_takes_those_of_the_code_beside_it(known):
    assert known.cbo[known.cod == COD.index("3222")].tolist() == ["322205", "322235", "322299"]


def test_a_title_of_former_times_weighs_as_if_it_were_in_use_and_a_new_one_nothing():
    rows = ROWS.assign(era=[None, "new", None, "past", None, None])
    factor = titles.past_factor(titles.of_rows(rows, ("2221", "3221", "5162")))
    assert factor.tolist() == [1.0, 0.0, 1.0, 2.0, 1.0, 1.0]


def test_titles_are_as_common_as_their_jobs_and_less_unequal_where_rais_does_not_see(known):
    other, formal = titles.weights(known, np.array([0.8, 0.7, 0.5, 0.9])).sum(axis=-1)
    of = known.cod == COD.index("3221")
    jobs = np.array([500_200.0, 200.0, 10_200.0 * 0.5])
    assert formal[of] == pytest.approx(jobs / jobs.sum(), rel=0.05)
    tempered = np.sqrt([500_200.0, 200.0, 10_200.0]) * [1, 1, 0.5]
    assert other[of] == pytest.approx(tempered / tempered.sum(), rel=0.05)


def test_the_sexes_of_a_base_group_are_kept_and_the_titles_share_them_out(known):
    women = np.array([0.8, 0.7, 0.5, 0.9])
    weights = titles.weights(known, women)
    for law in weights:
        by_sex = np.stack([np.bincount(known.cod, column, len(COD)) for column in law.T], axis=1)
        assert by_sex[:, 0] == pytest.approx(women)
    of = np.flatnonzero(known.cod == COD.index("3221"))
    share = weights[1, of, 0] / weights[1, of].sum(axis=1)
    assert share[0] > share[1] > share[2]
    only = np.flatnonzero(known.cbo == "516215")
    assert (weights[:, only, 1] == 0).all()


def test_schooling_age_and_position_open_a_title(known):
    starts = titles.age_ends(known)
    assert starts.tolist() == [0, 18, 51]
    open_ = titles.allowed(known, starts)
    place = {cbo: i for i, cbo in enumerate(known.cbo)}
    own, formal = codes.POSITIONS.index("conta própria"), codes.POSITIONS.index("privado com carteira")
    assert open_[place["223505"], :, formal, 1].tolist() == [False, False, False, True]
    assert open_[place["322205"], 2, formal].tolist() == [False, True, True]
    assert open_[place["322299"], 0, own].tolist() == [True, True, False]
    assert not open_[place["322299"], :, formal].any()


def test_places_multiply_crops_count_once_and_biomes_by_their_mean():
    regional = pd.DataFrame(
        [
            ("632120", "uf", "AC", 5.0),
            ("632120", "zone", "rural", 2.0),
            ("631105", "coast", "litoral", 4.0),
            ("622005", "crop", "Arroz (em casca)", 3.0),
            ("622005", "crop", "bovinos_2021", 6.0),
            ("622005", "biome", "Pampa", 3.0),
        ],
        columns=["occupation_cbo", "kind", "value", "factor"],
    )
    conditions = pd.DataFrame(
        [
            ("1200013", "coast", "litoral", 1.0),
            ("1200013", "crop", "Arroz (em casca)", 1.0),
            ("1200013", "crop", "bovinos_2021", 1.0),
            ("1200401", "biome", "Pampa", 0.5),
            ("1200401", "biome", "Mata Atlântica", 0.5),
        ],
        columns=["municipality_code", "kind", "value", "share"],
    )
    factor = titles.place_factors(regional, conditions, np.array([1200013, 1200401]), "AC")
    assert titles.favoured(regional) == ["622005", "631105", "632120"]
    urban, rural = codes.ZONES.index("urbana"), codes.ZONES.index("rural")
    assert factor[0, urban].tolist() == [6.0, 4.0, 5.0]
    assert factor[0, rural].tolist() == [6.0, 4.0, titles.HIGHEST_FACTOR]
    assert factor[1, urban].tolist() == [2.0, 1.0, 5.0]
