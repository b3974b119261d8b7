"""The model beside what no fit read, on states small enough to be added up by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from census import block, codes, model
from census.errors import SchemaError
from census.network import NodeTable
from jobs import _judge
from jobs._judge import State
from jobs._model_tables import ModelTables

WHITE, BLACK = codes.RACES.index("branca"), codes.RACES.index("preta")
GROWN, YOUNG, OLD = (codes.AGE_BANDS.index(band) for band in ("30-34", "14-17", "65-69"))
PLACES = ("1200013", "1200401")
CODS = ("2221", "5111", "5112")
FIGURES = ["topic", "year", "area", "dimensions", "category", "value", "unit"]


def make_node(name: str, parents: tuple[str, ...], values: tuple[str, ...], law: NDArray[np.float64]) -> NodeTable:
    shape = (*(len(model.DOMAINS[parent]) for parent in parents), len(values))
    return NodeTable(name, parents, values, np.broadcast_to(law, shape).astype(float), "C", "by hand")


def one_of(values: tuple[str, ...], chosen: str) -> NDArray[np.float64]:
    return np.array([float(value == chosen) for value in values])


def make_nodes() -> list[NodeTable]:
    """Half of the grown work, a quarter of the young, a tenth of the old, nobody else."""
    activity = np.tile(one_of(codes.ACTIVITIES, "outro"), (len(codes.AGE_BANDS), 1))
    for band, share in ((GROWN, 0.5), (YOUNG, 0.25), (OLD, 0.1)):
        activity[band] = share * one_of(codes.ACTIVITIES, "ocupado") + (1 - share) * activity[band]
    groups = np.tile(one_of(codes.OCCUPATION_GROUPS, codes.OCCUPATION_GROUPS[5]), (len(codes.RACES), 1))
    groups[WHITE] = one_of(codes.OCCUPATION_GROUPS, codes.OCCUPATION_GROUPS[2])
    cods = np.tile([0.0, 0.5, 0.5], (len(codes.RACES), 1))
    cods[WHITE] = [0.75, 0.25, 0.0]
    bands = 0.5 * one_of(codes.INCOME_BANDS, "<= 0")
    bands += 0.5 * one_of(codes.INCOME_BANDS, codes.INCOME_BANDS[3])
    mei = np.array([[0.8, 0.2], [0.7, 0.3]])  # no and yes, of women and of men
    return [
        make_node("activity", ("age_band",), codes.ACTIVITIES, activity),
        make_node("occupation_group", ("race",), codes.OCCUPATION_GROUPS, groups),
        make_node("occupation_cod", ("race",), CODS, cods),
        make_node("is_mei", ("sex",), codes.MEI, mei),
        make_node("income_band", (), codes.INCOME_BANDS, bands),
    ]


def make_persons(*persons: tuple[int, int, float]) -> NDArray[np.float64]:
    """(sexes, bands, races, levels, zones) from (band, race, persons): as many women as men, of the first level."""
    shape = (len(codes.SEXES), len(codes.AGE_BANDS), *block.CELLS)
    found = np.zeros(shape)
    for band, race, number in persons:
        found[:, band, race, 0, 0] += number / 2
    return found


HERE = (
    make_persons((GROWN, WHITE, 100.0), (OLD, BLACK, 40.0)),
    make_persons((GROWN, WHITE, 300.0), (GROWN, BLACK, 80.0), (YOUNG, BLACK, 40.0)),
)


def make_state(uf: str = "AC") -> State:
    return State(uf, make_nodes(), HERE[0] + HERE[1])


def make_figures(*rows: tuple[str, str, str, str, float]) -> pd.DataFrame:
    return pd.DataFrame([(topic, 2022, *names, value, "%") for topic, *names, value in rows], columns=FIGURES)


HELD_OUT = make_figures(
    ("nivel_ocupacao", "Brasil", "idade", "14 a 17", 14.0),
    ("nivel_ocupacao", "Brasil", "idade", "65 ou mais", 11.0),
    ("mei", "Brasil", "sexo", "mulheres", 45.0),
    ("mei", "SP", "", "participação no total de MEI", 27.0),
    ("estado_conjugal", "Brasil", "estado conjugal", "nunca viveram", 30.0),
    ("nivel_ocupacao", "Brasil", "idade", "35 a 39", 70.0),  # fitted
)


def answers(states: list[State]) -> dict[str, tuple[float | None, str]]:
    rows = _judge.published_cuts(HELD_OUT, states)
    return {figure: (share, note) for _, _, figure, share, _, _, note in rows}


def test_published_cuts_are_answered_by_all_states_together():
    found = answers([make_state(uf) for uf in codes.UFS])
    shares = {figure.rpartition(" / ")[2]: share for figure, (share, _) in found.items()}
    assert shares["14 a 17"] == pytest.approx(25.0)
    assert shares["65 ou mais"] == pytest.approx(10.0)
    assert shares["participação no total de MEI"] == pytest.approx(100 / 27)
    assert "35 a 39" not in shares


def test_what_the_model_has_no_answer_to_is_said_with_the_reason():
    assert answers([make_state(uf) for uf in codes.UFS])[
        "estado_conjugal / Brasil / estado conjugal / nunca viveram"
    ] == (
        None,
        "not modelled",
    )
    some = answers([make_state("SP")])
    assert some["nivel_ocupacao / Brasil / idade / 14 a 17"] == (None, "needs the census blocks of more states")
    assert some["mei / SP / participação no total de MEI"] == (None, "not modelled")


def test_occupations_of_each_colour_are_compared_by_subgroup():
    published = pd.DataFrame(
        {"occupation_cod3": ["222", "511", "999"], "white": [50.0, 50.0, 0.0], "black": [0.0, 30.0, 10.0]}
    )
    rows = _judge.colours(published, [make_state()])
    # White: 3/4 and 1/4 against 1/2 and 1/2. Black: all of 511 against 3/4 of it.
    assert [(figure, distance, unit) for _, _, figure, distance, _, unit, _ in rows] == [
        ("occupation_cod3 of white workers", pytest.approx(0.25), "TVD"),
        ("occupation_cod3 of black workers", pytest.approx(0.25), "TVD"),
    ]


def make_tables() -> ModelTables:
    rows = [
        {"uf": "AC", "municipality_code": code, "sex": sex, "age_band": band, "persons": persons[s, b].ravel()}
        for code, persons in zip(PLACES, HERE, strict=True)
        for s, sex in enumerate(codes.SEXES)
        for b, band in enumerate(codes.AGE_BANDS)
    ]
    return ModelTables(pd.DataFrame(), pa.table({}), pd.DataFrame(rows))


ONE_BAND = 1000.0 * one_of(codes.INCOME_BANDS, codes.INCOME_BANDS[3])  # mean income of each band


def make_means(age_group: str = "all") -> pd.DataFrame:
    means = [(PLACES[0], "all", 1000.0), (PLACES[1], "all", 2000.0), (PLACES[0], "branca", 1200.0)]
    means += [(PLACES[1], "branca", 2400.0), (PLACES[1], "preta", 900.0)]
    frame = pd.DataFrame(means, columns=["municipality_code", "race", "mean_income_brl"])
    return frame.assign(uf="AC", age_group=age_group)


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")  # races that nobody here has
def test_mean_incomes_are_of_who_earns_beside_the_places_weighed_by_their_workers():
    growth = np.ones(len(codes.OCCUPATION_GROUPS))
    growth[2], growth[5] = 2.0, 1.5  # of white, and of all other workers
    rows = _judge.mean_incomes(make_means(), [make_state()], ONE_BAND, growth, make_tables())
    found = {figure: (ours, theirs) for _, _, figure, ours, theirs, _, _ in rows}
    # Workers: 50 white and 4 black in the first place, 150 and 50 in the second.
    assert found == {
        "mean income, all": (pytest.approx((200 * 2000 + 54 * 1500) / 254), pytest.approx((54e3 + 200 * 2e3) / 254)),
        "mean income, branca": (pytest.approx(2000.0), pytest.approx((50 * 1200 + 150 * 2400) / 200)),
        "mean income, preta": (pytest.approx(1500.0), pytest.approx(900.0)),
    }


def test_incomes_without_the_total_of_ages_are_refused_with_what_to_do():
    with pytest.raises(SchemaError, match=r"'all' in AC: give a file of SIDRA 10291 .* or leave sources"):
        _judge.mean_incomes(
            make_means("14+"), [make_state()], ONE_BAND, np.ones(len(codes.OCCUPATION_GROUPS)), make_tables()
        )
