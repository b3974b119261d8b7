"""The sampler's tables of titles: laws of who may have which, and what each municipality favours."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from census import codes, titles
from udfs import alias
from udfs.titles import COHORTS, TitleLaws

Array = NDArray[np.float64]
_SEXES, _LEVELS, _POSITIONS = len(codes.SEXES), len(codes.EDUCATION_LEVELS), len(codes.POSITIONS)


@dataclass(frozen=True)
class TitleTables:
    """What all states share.

    Attributes:
        laws: As the sampler draws by them.
        cbo: Code of each title.
        words, trade_words: The woman's and the man's word of each title, and of each trade of a MEI.
        regional: Rows of `core_occupation__regional`.
        conditions: Rows of `core_place__condition`.
    """

    laws: TitleLaws
    cbo: list[str]
    words: list[str]
    trade_words: list[str]
    regional: pd.DataFrame
    conditions: pd.DataFrame

    def factors(self, uf: str, municipalities: NDArray[np.int32]) -> NDArray[np.float32]:
        """(municipalities x zones, columns) of `TitleLaws`, for one state; column 0 is 1."""
        here = self.conditions[self.conditions["municipality_code"].isin(municipalities.astype(str))]
        table = titles.place_factors(self.regional, here, municipalities.astype(np.int64), uf)
        flat = table.reshape(-1, table.shape[-1])
        return np.concatenate([np.ones((len(flat), 1)), flat], axis=1).astype(np.float32)


def build(
    occupations: pd.DataFrame,
    weights: pd.DataFrame,
    trades: pd.DataFrame,
    regional: pd.DataFrame,
    conditions: pd.DataFrame,
    cod: tuple[str, ...],
) -> TitleTables:
    """The tables, from rows of `core_occupation__title`, `core_model__title`, `core_mei__trade` and those of places."""
    known = titles.of_rows(occupations, cod)
    by_cell = _weights(weights, known, cod)
    starts = titles.age_ends(known)
    laws, law_of, former = _laws(known, by_cell, titles.allowed(known, starts), len(cod))
    table = alias.build_ragged([law for _, law in laws])
    favoured = {code: column + 1 for column, code in enumerate(titles.favoured(regional))}
    value = np.concatenate([rows for rows, _ in laws]).astype(np.int32)
    column = np.array([favoured.get(code, 0) for code in known.cbo], dtype=np.int32)[value]
    assert table.size is not None
    tilted = np.array([(column[s : s + n] > 0).any() and n > 1 for s, n in zip(table.start, table.size, strict=True)])
    ages = np.arange(codes.MAX_AGE_YEARS + 1)
    trades = trades[trades["occupation_cod"].isin(cod)].sort_values(
        ["occupation_cod", "cnae_subclass", "register_title"], ignore_index=True
    )
    trade_laws, trade_law = _trades(trades, by_cell, known, cod)
    return TitleTables(
        TitleLaws(
            cell_law=law_of,
            age_class=(np.searchsorted(starts, ages, side="right") - 1).astype(np.int32),
            laws=replace(table, value=value),
            weight=np.concatenate([law / law.sum() for _, law in laws]),
            slot_column=column,
            tilted=tilted,
            former_law=former,
            trades=trade_laws,
            trade_law=trade_law,
        ),
        cbo=list(known.cbo),
        words=_words(known.words),
        trade_words=_words(trades[["title_feminine", "title_masculine"]].to_numpy()),
        regional=regional,
        conditions=conditions,
    )


def _weights(rows: pd.DataFrame, known: titles.Titles, cod: tuple[str, ...]) -> Array:
    """(2, titles, sexes) of `core_model__title`, in the order of `known`."""
    index = pd.MultiIndex.from_arrays([np.array(cod)[known.cod], known.cbo])
    found = np.zeros((2, len(known.cbo), _SEXES))
    for (formal, sex), part in rows.groupby(["formal", "sex"]):
        by_title = part.set_index(["occupation_cod", "occupation_cbo"])["weight"]
        found[int(formal), :, codes.SEXES.index(sex)] = by_title.reindex(index).to_numpy(dtype=float)
    return found


_Law = tuple[NDArray[np.int64], Array]  # rows of the titles, and their weights


def _laws(
    known: titles.Titles, weights: Array, allowed: NDArray[np.bool_], cods: int
) -> tuple[list[_Law], NDArray[np.int32], NDArray[np.int32]]:
    """Laws, the law of every cell, and that of every cell of a job that is over. Cells with the same law share it.

    A job that is over asks for the schooling that its title asks for, and who looks for another held none for life;
    where that closes a base group its law is -1.
    """
    formal = np.isin(codes.POSITIONS, titles.FORMAL_POSITIONS).astype(np.int64)
    ages = allowed.shape[-1]
    cells = np.full((cods, _SEXES, _LEVELS * _POSITIONS * ages), -1, dtype=np.int32)
    former = np.full((cods, _SEXES, COHORTS * _LEVELS), -1, dtype=np.int32)
    of_old = titles.past_factor(known)
    for_life = titles.held_for_life(known)
    schooled = np.arange(_LEVELS) >= known.min_level[:, None]
    laws: list[_Law] = []
    starts = np.searchsorted(known.cod, np.arange(cods + 1))
    for cod in range(cods):
        rows = np.arange(starts[cod], starts[cod + 1])
        for sex in range(_SEXES):
            of_position = weights[formal][:, rows, sex].T  # (titles, positions)
            table = allowed[rows] * of_position[:, None, :, None]
            recent = schooled[rows] * weights[1, rows, sex][:, None]
            old = recent * of_old[rows, None]
            old = np.where(old.sum(axis=0) > 0, old, recent)
            looking = recent * ~for_life[rows, None]
            flat = np.concatenate([table.reshape(len(rows), -1), recent, old, looking], axis=1)
            distinct, place = np.unique(flat, axis=1, return_inverse=True)
            number = np.full(distinct.shape[1], -1, dtype=np.int32)
            for i in np.flatnonzero(distinct.sum(axis=0) > 0):
                number[i] = len(laws)
                open_ = distinct[:, i] > 0
                laws.append((rows[open_], distinct[open_, i]))
            law_of = number[place.ravel()]
            cells[cod, sex], former[cod, sex] = law_of[: cells.shape[2]], law_of[cells.shape[2] :]
    return laws, cells.ravel(), former.ravel()


def _trades(
    trades: pd.DataFrame, weights: Array, known: titles.Titles, cod: tuple[str, ...]
) -> tuple[alias.Alias, NDArray[np.int32]]:
    place = {code: i for i, code in enumerate(cod)}
    of = trades["occupation_cod"].map(place).to_numpy(dtype=np.int64)
    women = np.bincount(known.cod, weights[0, :, codes.SEXES.index("F")], len(cod))
    tilt = titles.sex_tilt(trades["women_share"].to_numpy(dtype=float))
    table = titles.raked(trades["percent"].to_numpy(dtype=float), tilt, of, np.clip(women, 0.0, 1.0))
    has = np.full((len(cod), _SEXES), -1, dtype=np.int32)
    laws, rows = [], []
    starts = np.searchsorted(of, np.arange(len(cod) + 1))
    for group in np.unique(of):
        here = np.arange(starts[group], starts[group + 1])
        for sex in range(_SEXES):
            law = table[here, sex]
            has[group, sex] = len(laws)
            laws.append(law if law.sum() > 0 else trades["percent"].to_numpy(dtype=float)[here])
            rows.append(here)
    return replace(alias.build_ragged(laws), value=np.concatenate(rows).astype(np.int32)), has.ravel()


def _words(pairs: NDArray[np.object_]) -> list[str]:
    return [str(word) for pair in pairs for word in pair]
