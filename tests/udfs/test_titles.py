"""A worker's title is drawn from the law of the cell, tilted by the place, and stays one the worker may have."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from census import codes
from jobs import _title_tables
from udfs import titles

LEVELS = codes.EDUCATION_LEVELS
COD = ("2611", "4131", "6221")
WORKERS = 60_000


def title(cbo: str, cod: str, jobs: float, **given: object) -> dict[str, object]:
    return {
        "occupation_cbo": cbo,
        "occupation_cod": cod,
        "title_feminine": f"F{cbo}",
        "title_masculine": f"M{cbo}",
        "jobs": jobs,
        "women_share": None,
        "min_education_level": LEVELS[0],
        "min_age_years": None,
        "max_age_years": None,
        "positions": None,
        "only_sex": None,
        "weight_factor": 1.0,
        "era": None,
        **given,
    }


ROWS = pd.DataFrame(
    [
        title("241005", "2611", 50_000, min_education_level=LEVELS[3], min_age_years=22),
        title("241099", "2611", 5_000),
        title("631105", "6221", 1_000),
        title("631205", "6221", 3_000),
        title("631210", "6221", 100, positions="conta própria"),
        title("412105", "4131", 1_000, weight_factor=0.05, era="past"),
        title("412110", "4131", 1_000),
        title("412199", "4131", 1_000, era="new"),
    ]
).astype({"jobs": float, "women_share": float})
REGIONAL = pd.DataFrame(
    [("631105", "coast", "litoral", 9.0), ("631205", "coast", "litoral", 0.1)],
    columns=["occupation_cbo", "kind", "value", "factor"],
)
CONDITIONS = pd.DataFrame(
    [("1200013", "coast", "litoral", 1.0), ("1200401", "coast", "interior", 1.0)],
    columns=["municipality_code", "kind", "value", "share"],
)
TRADES = pd.DataFrame(
    [("0000001", "Pescador(a)", "Pescadora", "Pescador", "6221", "agropecuária", 1.0, 0.2)],
    columns=["cnae_subclass", "register_title", "title_feminine", "title_masculine", "occupation_cod", "trade_group",
             "percent", "women_share"],
)  # fmt: skip


@pytest.fixture(scope="module")
def built() -> _title_tables.TitleTables:
    return built_of(ROWS)


def built_of(rows: pd.DataFrame) -> _title_tables.TitleTables:
    weights = pd.DataFrame(
        [
            (row.occupation_cod, row.occupation_cbo, sex, formal, row.jobs / 2)
            for row in rows.itertuples()
            for sex in codes.SEXES
            for formal in (False, True)
        ],
        columns=["occupation_cod", "occupation_cbo", "sex", "formal", "weight"],
    )
    return _title_tables.build(rows, weights, TRADES, REGIONAL, CONDITIONS, COD)


def drawn(
    built: _title_tables.TitleTables, cod: str, level: int, position: str, age: int, place: int
) -> dict[str, float]:
    """Share of each title among workers of one kind."""
    job = {
        "occupation_cod": COD.index(cod),
        "sex": 1,
        "education_level": level,
        "position": codes.POSITIONS.index(position),
        "municipality": place,
        "zone": 0,
    }
    columns = {name: np.full(WORKERS, value, dtype=np.int32) for name, value in job.items()}
    factor = built.factors("AC", np.array([1200013, 1200401], dtype=np.int32))
    u = (np.arange(WORKERS) + 0.5) / WORKERS
    rows = titles.draw(built.laws, factor, columns, np.full(WORKERS, age), u)
    found, counts = np.unique(np.array(built.cbo)[rows], return_counts=True)
    return dict(zip(found.tolist(), (counts / WORKERS).tolist(), strict=True))


def test_a_title_that_asks_for_a_degree_or_an_age_is_nobody_else_s(built):
    assert drawn(built, "2611", 3, "privado com carteira", 30, 1) == pytest.approx(
        {"241005": 50 / 55, "241099": 5 / 55}, abs=1e-3
    )
    assert drawn(built, "2611", 2, "privado com carteira", 30, 1) == {"241099": 1.0}
    assert drawn(built, "2611", 3, "privado com carteira", 21, 1) == {"241099": 1.0}


def test_a_place_favours_titles_inside_the_base_group(built):
    inland = drawn(built, "6221", 0, "privado sem carteira", 30, 1)
    coast = drawn(built, "6221", 0, "privado sem carteira", 30, 0)
    assert inland == pytest.approx({"631105": 0.25, "631205": 0.75}, abs=1e-3)
    assert coast == pytest.approx({"631105": 9 / 9.3, "631205": 0.3 / 9.3}, abs=1e-3)


def test_a_title_of_own_account_is_open_to_own_account_only(built):
    assert "631210" in drawn(built, "6221", 0, "conta própria", 30, 1)
    assert "631210" not in drawn(built, "6221", 0, "privado com carteira", 30, 0)


def test_a_worker_s_title_does_not_hang_on_who_is_drawn_beside(built):
    job = {name: np.zeros(50, dtype=np.int32) for name in ("sex", "education_level", "municipality", "zone")}
    job |= {"occupation_cod": np.arange(50, dtype=np.int32) % 2, "position": np.full(50, 1, dtype=np.int32)}
    factor, u = built.factors("AC", np.array([1200013, 1200401], dtype=np.int32)), np.linspace(0.01, 0.99, 50)
    together = titles.draw(built.laws, factor, job, np.full(50, 40), u)
    alone = [
        titles.draw(built.laws, factor, {n: c[i : i + 1] for n, c in job.items()}, np.array([40]), u[i : i + 1])[0]
        for i in range(50)
    ]
    assert together.tolist() == alone


def former(built: _title_tables.TitleTables, cod: str, level: int, cohort: int) -> dict[str, float]:
    """Share of each title among the former jobs of one kind; empty where the schooling closes the base group."""
    given = {"occupation_cod": COD.index(cod), "sex": 1, "education_level": level, "cohort": cohort}
    law = titles.former_laws(built.laws, {k: np.full(WORKERS, v, dtype=np.int32) for k, v in given.items()})
    if law.max() < 0:
        return {}
    rows = built.laws.laws.draw(law, (np.arange(WORKERS) + 0.5) / WORKERS)
    found, counts = np.unique(np.array(built.cbo)[rows], return_counts=True)
    return dict(zip(found.tolist(), (counts / WORKERS).tolist(), strict=True))


def test_a_job_that_is_over_asks_for_schooling_alone(built):
    assert former(built, "2611", 1, 0) == {"241099": 1.0}
    assert former(built, "2611", 3, 0) == pytest.approx({"241005": 50 / 55, "241099": 5 / 55}, abs=1e-3)


def test_a_former_title_is_never_below_its_schooling_even_where_that_closes_the_base_group():
    graduates = ROWS[ROWS["occupation_cbo"] != "241099"]
    laws = built_of(graduates).laws
    past = {name: np.zeros(1, dtype=np.int32) for name in ("occupation_cod", "sex", "education_level", "cohort")}
    assert titles.former_laws(laws, past).tolist() == [-1]
    assert titles.former_laws(laws, past | {"education_level": np.array([3], dtype=np.int32)})[0] >= 0


def test_who_is_old_had_titles_that_are_out_of_use_and_none_of_the_new(built):
    # The weights of the fit hold the factor 0.05 of the typist's title already.
    now, once = former(built, "4131", 2, 0), former(built, "4131", 2, 1)
    assert set(now) == {"412105", "412110", "412199"}
    assert set(once) == {"412105", "412110"}
    assert once["412105"] / once["412110"] == pytest.approx(20 * now["412105"] / now["412110"], rel=0.02)


def test_who_looks_for_work_held_no_post_for_life_but_may_have_been_a_conscript():
    judge = title("111305", "2611", 1_000, positions=codes.STATUTORY)
    ranks = [title(cbo, "4131", 1_000, positions=codes.STATUTORY) for cbo in ("010310", "021205")]
    built = built_of(pd.concat([pd.DataFrame([judge, *ranks]), ROWS[ROWS["occupation_cod"] == "6221"]]))
    looking, retired = titles.LOOKING, titles.RECENT
    assert former(built, "2611", 3, retired) == {"111305": 1.0} and former(built, "2611", 3, looking) == {}
    assert set(former(built, "4131", 2, retired)) == {"010310", "021205"}
    assert former(built, "4131", 2, looking) == {"010310": 1.0}
    assert former(built, "6221", 2, looking) == former(built, "6221", 2, retired)


def test_a_mei_has_a_trade_of_the_base_group(built):
    rows = titles.draw_trade(
        built.laws, np.array([2, 2], dtype=np.int32), np.array([0, 1], dtype=np.int32), np.zeros(2)
    )
    assert [built.trade_words[2 * row + sex] for row, sex in zip(rows, (0, 1), strict=True)] == [
        "Pescadora",
        "Pescador",
    ]


def test_somebody_whom_every_title_of_the_base_group_keeps_out_stops_the_run(built):
    closed = replace(built.laws, cell_law=np.full_like(built.laws.cell_law, -1))
    names = ("occupation_cod", "sex", "education_level", "position", "municipality", "zone")
    job = {name: np.zeros(1, dtype=np.int32) for name in names}
    with pytest.raises(ValueError, match="no title"):
        titles.draw(closed, built.factors("AC", np.array([1200013], dtype=np.int32)), job, np.array([40]), np.zeros(1))
