"""Published figures held out of the fit: a quarter by a hash, the same for ever, and never one that sets a level."""

import gzip
import io
from collections.abc import Callable
from importlib import resources

import pandas as pd
import pytest

from census import held_out
from census.errors import FitError
from jobs import _fit_inputs

NAMES = ["topic", "year", "area", "dimensions", "category"]


def figures() -> pd.DataFrame:
    packed = resources.files("census").joinpath("reference", "published_margins.csv.gz").read_bytes()
    rows = pd.read_csv(io.BytesIO(gzip.decompress(packed)), keep_default_na=False)
    columns = dict(zip(["tema", "ano", "geografia", "dimensoes", "categoria"], NAMES, strict=True))
    return rows.rename(columns=columns | {"valor": "value", "unidade": "unit"})


def usable() -> pd.DataFrame:
    """Cross cuts of the reference date, in per cent."""
    rows = figures()
    return rows[(rows["year"] == 2022) & (rows["unit"] == "%")]


def held(rows: pd.DataFrame, salt: str = held_out.SALT) -> pd.DataFrame:
    return rows[[held_out.is_held_out(*row, salt=salt) for row in rows[NAMES].itertuples(index=False)]]


def fits(salt: str) -> bool:
    chosen = held(usable(), salt)
    return 0.2 <= len(chosen) / len(usable()) <= 0.3 and chosen["topic"].nunique() >= 4


def test_a_quarter_of_several_topics_is_held_out_with_the_first_salt_that_does_so():
    assert next(salt for salt in (f"held out {n}" for n in range(1000)) if fits(salt)) == held_out.SALT


def test_the_figures_held_out_are_these():
    # A new salt or key would let the fit read what judged an earlier one.
    assert sorted(f"{row.topic} {row.area} {row.category}" for row in held(usable()).itertuples()) == [
        "estado_conjugal Brasil nao viviam mas ja viveram",
        "estado_conjugal Brasil nunca viveram",
        "mei AC MEI / ocupados formais",
        "mei Brasil industria",
        "mei Brasil mulheres",
        "mei SP participação no total de MEI",
        "nivel_ocupacao Brasil 14 a 17",
        "nivel_ocupacao Brasil 65 ou mais",
        "situacao_domicilio Brasil urbana",
        "situacao_domicilio Sudeste urbana",
    ]


def test_no_level_is_held_out_and_every_level_was_printed():
    printed = {held_out.Figure(*row) for row in usable()[["topic", "area", "dimensions", "category"]].itertuples(False)}
    assert printed >= held_out.LEVELS
    assert not any(held_out.is_held_out(f.topic, 2022, *f[1:]) for f in held_out.LEVELS)
    assert held(figures()[figures()["year"] != 2022]).empty


def test_the_complement_of_a_fitted_figure_is_no_evidence():
    chosen = held(usable())[["topic", "area", "dimensions", "category"]].itertuples(index=False)
    assert [figure.category for figure in chosen if held_out.is_told(*figure)] == ["urbana", "mulheres", "industria"]


def asked(category: str, dimensions: str) -> Callable[[], float]:
    frame = _fit_inputs.fitted_figures(figures())
    return lambda: _fit_inputs.published(frame, "nivel_ocupacao", category, dimensions=dimensions)


def test_a_fit_that_asks_for_a_held_out_figure_stops():
    with pytest.raises(FitError, match=r"14 a 17.*census/held_out\.py holds out"):
        asked("14 a 17", "idade")()
    assert asked("35 a 39", "idade")() == pytest.approx(0.728)
