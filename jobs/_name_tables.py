"""The sampler's tables of names: laws of first names, compounds, surnames and suffixes, by state."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from census import codes, name_laws
from udfs import alias
from udfs.naming import FIRST_DECADE, LAST_DECADE, PERIODS, REFERENCE_YEAR, HeadAndTail, NameTables, decades_from

Array = NDArray[np.float64]
_DECADES = tuple(range(FIRST_DECADE, LAST_DECADE + 10, 10))
_LAST_COUNTED = 2000  # decade of Censo 2010; those after it go on from there
_SLOTS = np.arange(1, name_laws.MAX_SURNAMES + 1)


@dataclass(frozen=True)
class NameFrames:
    """Rows of the tables `core_name__*`, and residents of every state by age (`uf`, `age_years`, `persons`)."""

    surnames: pd.DataFrame
    singles: pd.DataFrame
    singles_of_states: pd.DataFrame
    pairs: pd.DataFrame
    structure: pd.DataFrame
    suffixes: pd.DataFrame
    ages: pd.DataFrame


@dataclass(frozen=True)
class NameLaws:
    """What all states share, and what each adds.

    Attributes:
        first_head, surname_head: Places in the lists of words that differ between states.
        first_states: (sexes, decades, states, head + 1) shares of first names, the tail last.
        compound_chance: (regions, sexes, periods, first names) chance of a second given name.
        second_cell: (sexes, periods, first names) place of the law of the second.
        surname_states: (states, head + 1) laws of a surname's slot, the tail last.
        counts: (states, sexes, periods, 3) laws of 1, 2 or 3 surnames.
    """

    first_words: list[str]
    second_words: list[str]
    surnames: pd.DataFrame
    suffix_words: list[str]
    first_head: list[NDArray[np.int64]]
    first_states: list[list[Array]]
    first_tail: alias.Alias
    compound_chance: Array
    second_cell: NDArray[np.int32]
    second: alias.Alias
    first_place: dict[str, int]
    structure: pd.DataFrame
    suffixes: pd.DataFrame
    surname_head: NDArray[np.int64]
    surname_states: Array
    surname_tail: alias.Alias
    counts: Array

    def of_state(self, uf: str, seed: int, ever_married: Array) -> NameTables:
        """The tables of one state.

        Args:
            ever_married: (periods,) share of the women of a period of birth who are or were married.
        """
        state = codes.UFS.index(uf)
        region = codes.STATE_OF[uf].region
        own = self.structure[self.structure["region"] == region].set_index(["sex", "birth_period"]).sort_index()

        def column(name: str) -> Array:
            return np.array([[own.loc[(sex, period), name] for period in PERIODS] for sex in codes.SEXES])

        shares = [law[state] for of_sex in self.first_states for law in of_sex]
        words = [head for head in self.first_head for _ in _DECADES]
        women, men = (self.counts[state, codes.SEXES.index(sex)] for sex in ("F", "M"))
        counts = np.stack([name_laws.by_marriage(women, men, ever_married), np.stack([men, men], axis=1)])
        suffixes = self.suffixes[self.suffixes["region"] == region].set_index("suffix")["persons"]
        suffixes = suffixes.reindex(self.suffix_words).fillna(0.0)
        surname = self.surname_states[state]
        return NameTables(
            seed=seed,
            state_code=codes.STATE_OF[uf].code,
            first=HeadAndTail(
                np.array([1.0 - law[-1] for law in shares]),
                replace(alias.build_ragged([law[:-1] for law in shares]), value=np.concatenate(words).astype(np.int32)),
                self.first_tail,
            ),
            compound_chance=self.compound_chance[codes.REGIONS.index(region)].astype(np.float32),
            second_cell=self.second_cell,
            second=self.second,
            second_as_first=np.array([self.first_place.get(word, -1) for word in self.second_words], dtype=np.int64),
            suffix_share=column("suffix_share"),
            surname_count=alias.build(counts.reshape(-1, name_laws.MAX_SURNAMES)),
            surname=HeadAndTail(
                np.array([1.0 - surname[-1]]),
                replace(alias.build_ragged([surname[:-1]]), value=self.surname_head.astype(np.int32)),
                self.surname_tail,
            ),
            particle_share=self.surnames["particle_share"].to_numpy(dtype=float),
            surname_as_first=np.array([self.first_place.get(word, -1) for word in self.surnames["surname"]]),
            suffix=alias.build((suffixes / suffixes.sum()).to_numpy()[None]),
        )


def build(frames: NameFrames) -> NameLaws:
    """The laws of all states: they are raked together, whichever are asked for."""
    surnames = frames.surnames.sort_values("surname", ignore_index=True)
    suffixes = frames.suffixes.sort_values(["region", "suffix"])
    pairs = frames.pairs.sort_values(["sex", "birth_period", "first_name", "second_name"])
    first_words = sorted(set(frames.singles["first_name"]) | set(pairs["first_name"]))
    second_words = sorted(set(pairs["second_name"]))
    place = {word: i for i, word in enumerate(first_words)}
    second_place = {word: i for i, word in enumerate(second_words)}
    by_decade, by_period = _births(frames.ages)
    heads, states, tails, tail_words, national = [], [], [], [], []
    for sex in codes.SEXES:
        laws = _national(frames.singles[frames.singles["sex"] == sex], place)
        head, ratio = _favoured(frames.singles_of_states, sex, place, laws.sum(axis=0))
        heads.append(head)
        is_tail = np.ones(len(first_words), dtype=bool)
        is_tail[head] = False
        of_sex = []
        for decade, law in enumerate(laws):
            share = np.append(law[head], law[is_tail].sum())
            of_sex.append(name_laws.of_states(share, ratio, by_decade[:, decade]))
            words = np.flatnonzero(is_tail & (law > 0))
            tails.append(law[words])
            tail_words.append(words)
        states.append(of_sex)
        national.append(laws)
    chance, second_cell, second = _compounds(pairs, frames.structure, national, place, second_place)
    head, surname_states, tail_law, tail_place, counts = _surnames(surnames, frames.structure, by_period)
    return NameLaws(
        first_words=first_words,
        second_words=second_words,
        surnames=surnames,
        suffix_words=sorted(set(suffixes["suffix"])),
        first_head=heads,
        first_states=states,
        first_tail=replace(alias.build_ragged(tails), value=np.concatenate(tail_words).astype(np.int32)),
        compound_chance=chance,
        second_cell=second_cell,
        second=second,
        first_place=place,
        structure=frames.structure,
        suffixes=suffixes,
        surname_head=head,
        surname_states=surname_states,
        surname_tail=replace(alias.build_ragged([tail_law]), value=tail_place.astype(np.int32)),
        counts=counts,
    )


def _births(ages: pd.DataFrame) -> tuple[Array, Array]:
    """(states, decades) and (states, periods) residents by birth."""
    state = pd.Categorical(ages["uf"], categories=list(codes.UFS)).codes.astype(np.int64)
    birth = REFERENCE_YEAR - ages["age_years"].to_numpy()
    persons = ages["persons"].to_numpy(dtype=float)
    found = []
    for starts in (_DECADES, PERIODS):
        place = decades_from(birth, starts[0], starts[-1])
        flat = np.bincount(state * len(starts) + place, persons, len(codes.UFS) * len(starts))
        found.append(flat.reshape(len(codes.UFS), len(starts)))
    return found[0], found[1]


def _period_of(decade: int) -> int:
    return PERIODS.index(min(max(decade, PERIODS[0]), PERIODS[-1]))


def _national(singles: pd.DataFrame, place: dict[str, int]) -> Array:
    """(decades, words) laws of a sex's first names."""
    counted = np.zeros((len(_DECADES), len(place)))
    for decade, rows in singles.groupby("birth_decade"):
        np.add.at(counted[_DECADES.index(int(decade))], rows["first_name"].map(place).to_numpy(), rows["persons"])
    last = _DECADES.index(_LAST_COUNTED)
    laws = counted[: last + 1] / counted[: last + 1].sum(axis=1, keepdims=True)
    for _ in _DECADES[last + 1 :]:
        laws = np.concatenate([laws, name_laws.next_decade(laws[-1], laws[-2])[None]])
    return laws


def _favoured(rows: pd.DataFrame, sex: str, place: dict[str, int], known: Array) -> tuple[NDArray[np.int64], Array]:
    """Words whose share differs between states, and (states, words) by how much."""
    rows = rows[(rows["sex"] == sex) & rows["first_name"].isin(place)]
    rows = rows[known[rows["first_name"].map(place).to_numpy(dtype=np.int64)] > 0]
    words = np.unique(rows["first_name"].map(place).to_numpy(dtype=np.int64))
    bearers, people = np.zeros((len(codes.UFS), len(words))), np.ones(len(codes.UFS))
    state = pd.Categorical(rows["uf"], categories=list(codes.UFS)).codes.astype(np.int64)
    column = np.searchsorted(words, rows["first_name"].map(place).to_numpy(dtype=np.int64))
    np.add.at(bearers, (state, column), rows["bearers"].to_numpy(dtype=float))
    people[state] = rows["people"].to_numpy(dtype=float)
    return words, name_laws.ratios(bearers, people)


def _compounds(
    pairs: pd.DataFrame,
    structure: pd.DataFrame,
    national: list[Array],
    place: dict[str, int],
    second_place: dict[str, int],
) -> tuple[Array, NDArray[np.int32], alias.Alias]:
    """Chance of a second name by region, sex, period and first name; where its law is; the laws.

    A first name's chance grows with how often candidates carry it on against how often it is borne; all names together
    have the region's share, and the first names stay as they are.
    """
    listed = structure.set_index(["region", "sex", "birth_period"])
    last_words = [word.split(" ")[-1] for word in second_place]
    is_devotion = np.array([" " in word for word in second_place])
    carrying = structure["people"] * structure["compound_share"]
    compounds = carrying.groupby([structure["sex"], structure["birth_period"]]).sum()
    shape = (len(codes.SEXES), len(PERIODS), len(place))
    chance = np.zeros((len(codes.REGIONS), *shape))
    cell = np.zeros(shape, dtype=np.int32)
    laws, words = [], []
    for (sex, period), rows in pairs.groupby(["sex", "birth_period"]):
        s, p = codes.SEXES.index(sex), PERIODS.index(int(period))
        first = rows["first_name"].map(place).to_numpy(dtype=np.int64)
        second = rows["second_name"].map(second_place).to_numpy(dtype=np.int64)
        counted = rows["persons"].to_numpy(dtype=float)
        law = national[s][[d for d, start in enumerate(_DECADES) if _period_of(start) == p]].mean(axis=0)
        carried = np.bincount(first, counted, len(place))
        # Compounds of fewer than 5 candidates are not listed: names without one share them, with any second name that
        # is one of their sex (José comes after Maria only), and de Fátima as often as after others than Maria.
        of_sex = national[s].sum(axis=0)
        fits = np.array([place.get(word, -1) >= 0 and of_sex[place[word]] > 0 for word in last_words])
        shared = np.where(is_devotion[second], first != carried.argmax(), fits[second])
        unlisted = max(float(compounds[(sex, period)]) - float(counted.sum()), 0.0)
        alone = law * (carried == 0)
        carried = carried + unlisted * alone / alone.sum()
        for region in codes.REGIONS:
            share = float(listed.loc[(region, sex, period), "compound_share"])
            chance[codes.REGIONS.index(region), s, p] = name_laws.compound_chance(law, carried / carried.sum(), share)
        cell[s, p] = len(laws)
        laws.append(np.bincount(second, counted * shared if shared.any() else counted))
        words.append(np.arange(len(laws[-1])))
        for name in np.unique(first):
            cell[s, p, name] = len(laws)
            laws.append(counted[first == name])
            words.append(second[first == name])
    return chance, cell, replace(alias.build_ragged(laws), value=np.concatenate(words).astype(np.int32))


def _surnames(
    surnames: pd.DataFrame, structure: pd.DataFrame, by_period: Array
) -> tuple[NDArray[np.int64], Array, Array, NDArray[np.int64], Array]:
    """Head, (states, head + 1) slot laws, the tail's law and words, and (states, sexes, periods, 3) counts."""
    persons = by_period.sum(axis=1)
    share = surnames["persons"].to_numpy(dtype=float) / persons.sum()
    favoured = surnames["uf_ratio"].map(len).to_numpy() > 0
    head = np.flatnonzero(favoured)
    ratio = np.array([[r.get(uf, 1.0) for r in surnames["uf_ratio"][head]] for uf in codes.UFS])
    cells = pd.MultiIndex.from_product([codes.REGIONS, codes.SEXES, PERIODS])
    listed = structure.set_index(["region", "sex", "birth_period"]).reindex(cells)
    one, three = (listed[name].to_numpy(dtype=float) for name in ("one_surname_share", "three_surnames_share"))
    counts = np.stack([one, 1 - one - three, three], axis=-1).reshape(
        len(codes.REGIONS), len(codes.SEXES), len(PERIODS), name_laws.MAX_SURNAMES
    )
    region = np.array([codes.REGIONS.index(codes.STATE_OF[uf].region) for uf in codes.UFS])
    of_region = np.stack([by_period[region == r].sum(axis=0) for r in range(len(codes.REGIONS))])
    counts = name_laws.counts_with_mean(counts, of_region[:, None], float(share.sum()))
    # Of a state, both sexes alike: its own periods.
    own = np.einsum("up,uspk->uk", by_period, counts[region]) / persons[:, None] / len(codes.SEXES)
    table = name_laws.bearers_of_states(share[head], ratio, persons)
    mean = name_laws.surnames_a_person(own @ _SLOTS, table.sum(axis=1), float(share[~favoured].sum()))
    of_state = np.stack([name_laws.counts_with_mean(counts[r], of_region[r], mean[uf]) for uf, r in enumerate(region)])
    slots = []
    for uf, bearers in enumerate(table):
        law = np.einsum("p,spk->k", by_period[uf], of_state[uf]) / persons[uf] / len(codes.SEXES)
        slots.append(name_laws.slot_law(bearers, law))
    return head, np.stack(slots), share[~favoured], np.flatnonzero(~favoured), of_state
