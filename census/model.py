"""The tables of the network as arrays, one function a family, from harmonised counts to P(value | parents).

Axes follow the code book (census/codes.py): states in the order of `codes.STATES`, then the parents as in
conf/network.toml, then the values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from census import codes
from census.errors import FitError
from census.estimation import masked, normalised, rake, rake_then_shrink, smoothed

Array = NDArray[np.float64]
STATES, SEXES, BANDS = len(codes.STATES), len(codes.SEXES), len(codes.AGE_BANDS)
RACES, LEVELS = len(codes.RACES), len(codes.EDUCATION_LEVELS)
DOMAINS: dict[str, tuple[str, ...]] = {
    "uf": codes.UFS,
    "sex": codes.SEXES,
    "age_band": codes.AGE_BANDS,
    "race": codes.RACES,
    "education_level": codes.EDUCATION_LEVELS,
    "zone": codes.ZONES,
    "marital_status": codes.MARITAL_STATUSES,
    "in_union": codes.UNION,
    "religion": codes.RELIGIONS,
    "activity": codes.ACTIVITIES,
    "occupation_group": codes.OCCUPATION_GROUPS,
    "position": codes.POSITIONS,
    "is_mei": codes.MEI,
    "income_band": codes.INCOME_BANDS,
    "survey_position": tuple(codes.PNADC_POSITIONS.values()),
    "is_working": ("false", "true"),
    "is_partnered": ("false", "true"),
}
ADULT = codes.FIRST_ADULT_BAND
_FIRST_WORK_BAND = codes.AGE_BANDS.index("14-17")
_RETIREMENT_BAND = codes.AGE_BANDS.index("40-44")
_BAND_STARTS = np.array(codes.AGE_BAND_STARTS)


@dataclass(frozen=True)
class Weighted:
    """Sums of weights and of squared weights, one axis a variable."""

    weights: Array
    squares: Array


def dense(frame: pd.DataFrame, axes: Mapping[str, tuple[str, ...]], value: str = "persons") -> Array:
    """Put the rows of a long table into an array.

    Raises:
        FitError: A row holds a value outside its domain.
    """
    shape = tuple(len(domain) for domain in axes.values())
    index = np.zeros(len(frame), dtype=np.int64)
    for name, domain in axes.items():
        codes_ = pd.Categorical(frame[name], categories=list(domain)).codes
        if (codes_ < 0).any():
            odd = frame.loc[codes_ < 0, name].iloc[0]
            raise FitError(f"{name}: {odd!r} is not in its domain.", column=name, value=odd)
        index = index * len(domain) + codes_
    return np.asarray(
        np.bincount(index, weights=frame[value].to_numpy(dtype=float), minlength=int(np.prod(shape))).reshape(shape),
        dtype=float,
    )


def survey(counts: pd.DataFrame, family: str, parents: tuple[str, ...], child: str, cod: tuple[str, ...]) -> Weighted:
    """The state rows of `core_model__count` of one family as arrays (states, parents..., values)."""
    rows = counts[(counts["family"] == family) & (counts["level"] == "uf")].copy()
    domains = DOMAINS | {"occupation_cod": cod}
    if parents:
        rows[list(parents)] = rows["cell"].str.split("|", expand=True)
    rows[child] = rows["value"]
    axes = {name: domains[name] for name in ("uf", *parents, child)}
    return Weighted(dense(rows, axes, "weight_persons"), dense(rows, axes, "weight_squared"))


# ------------------------------------------------------------------------------------- race and education
def education_joint(
    by_state: Array, young: Array, child_race: Weighted, child_level: Weighted, *, design_effect: float, shrink: float
) -> Array:
    """Persons by state, sex, band, race, level: SIDRA 10061 for adults, PNADC for children.

    Args:
        by_state: (states, 2, 13, races, levels) persons, bands 18-24, 25-29 ... 80+.
        young: (states, races, 2, levels) persons of 18-19 and 20-24, both sexes.
        child_race: family race_young (states, sex, band, race).
        child_level: family education_young (states, sex, band, race, level).

    Returns:
        (states, 2, bands, races, levels): shares within (state, sex, band) for children, persons for adults.
    """
    split = young + 5.0 * normalised(young.sum(axis=0).transpose(0, 2, 1)).transpose(0, 2, 1)[None]
    split = split / split.sum(axis=2, keepdims=True)
    joint = np.zeros((STATES, SEXES, BANDS, RACES, LEVELS))
    joint[:, :, ADULT] = by_state[:, :, 0] * split[:, None, :, 0, :]
    joint[:, :, ADULT + 1] = by_state[:, :, 0] * split[:, None, :, 1, :]
    joint[:, :, ADULT + 2 :] = by_state[:, :, 1:]
    # A census cell of the sample may be empty: the country's own law of the cell counts as a handful of persons.
    country = normalised(joint.sum(axis=0).reshape(SEXES, BANDS, -1)).reshape(joint.shape[1:])
    joint += 5.0 * country[None]
    # Structural zero: nobody of 18 or 19 holds a degree by the regular path of school (Lei 9.394, art. 44).
    joint[:, :, ADULT, :, 3] = 0.0
    race = rake_then_shrink(child_race.weights, child_race.squares, design_effect=design_effect, shrink_persons=shrink)
    level = rake_then_shrink(
        child_level.weights, child_level.squares, design_effect=design_effect, shrink_persons=shrink
    )
    for band in range(ADULT):
        chance = race[:, :, band]
        schooling = level[:, :, band] if band > 0 else np.eye(LEVELS)[0]
        schooling = np.where(np.arange(LEVELS) < (1 if band < 2 else 2 if band < 3 else 3), schooling, 0.0)
        joint[:, :, band] = chance[..., None] * normalised(
            np.broadcast_to(schooling, (STATES, SEXES, RACES, LEVELS)), np.eye(LEVELS)[0]
        )
    return joint


# --------------------------------------------------------------------------------------------------- zone
def rural_bands(rural: Array, households: Array, bands: int) -> NDArray[np.int64]:
    """Class of each municipality: 0 = no rural household, then equal widths of the share."""
    share = np.divide(rural, households, out=np.zeros_like(rural), where=households > 0)
    return np.where(share > 0, 1 + np.minimum((share * (bands - 1)).astype(np.int64), bands - 2), 0)


def zone(band_share: Array, national: Weighted, rural_persons_share: float, band_persons: Array) -> Array:
    """P(zone | rural band, education): each band's share of rural households, tilted by schooling.

    Household shares are moved on the odds so that all persons together reach the published share of rural persons;
    the association with schooling is the country's (PNADC), kept by raking.

    Args:
        band_share: (bands,) mean share of rural households, weighted by residents.
        national: family zone (states, education, zone).
        rural_persons_share: Published share of rural residents.
        band_persons: (bands,) residents.
    """
    odds = band_share / np.maximum(1 - band_share, 1e-9)
    low, high = -2.0, 2.0
    for _ in range(60):
        factor = (low + high) / 2
        moved = odds * np.exp(factor) / (1 + odds * np.exp(factor))
        low, high = (factor, high) if moved @ band_persons / band_persons.sum() < rural_persons_share else (low, factor)
    country = national.weights.sum(axis=0)
    country /= country.sum()
    tables = []
    for share in moved:
        margin = np.array([1 - share, share])
        tables.append(normalised(rake(np.maximum(country, 1e-12), [((1,), margin), ((0,), country.sum(axis=1))])))
    return np.stack(tables)


# ------------------------------------------------------------------------------------- marital status, union
def marital(candidates: Array, voters: Array, people: Array, married: float, levels: Array) -> Array:
    """P(status | state, sex, band, race, education) of adults; children are single.

    Shape: electoral candidates, smoothed parent by parent. Levels: `married` and `levels` by IPF over all adults.
    State: log-odds of the registered voters against Brazil, halved (registrations are old, the ranking is right).

    Args:
        candidates: (2, 12, races, levels, status), bands 18-24, 25-29 ... 75+.
        voters: (states, status).
        people: (states, 2, bands, races, levels) adults of the census.
        married: Share of adults legally married.
        levels: (status,) published legal status of persons of 10 and over (Censo 2010); its ratios of separated,
            divorced and widowed are used.
    """
    shape = smoothed(candidates, candidates, design_effect=1.0, coarser_persons=50.0)
    group = np.concatenate([[0, 0], np.arange(1, 12), [11]])  # 18-19, 20-24, 25-29 ... 75-79, 80+
    adults = people[:, :, ADULT:].sum(axis=0)
    seed = adults[..., None] * shape[:, group]
    total = adults.sum()
    # Candidates are married, separated and widowed in their own proportions: the country's level comes from the census.
    formerly = levels[[2, 3, 4]] / levels[1]
    target = np.array([0.0, married, *(formerly * married)])
    target[0] = 1 - target.sum()
    flat = seed.reshape(-1, seed.shape[-1])
    raked = rake(flat, [((1,), target * total), ((0,), adults.ravel())])
    national = normalised(raked, shape[:, group].reshape(flat.shape)).reshape(seed.shape)
    tilt = np.sqrt(normalised(voters) / normalised(voters.sum(axis=0)))
    table = np.zeros((STATES, SEXES, BANDS, RACES, LEVELS, len(codes.MARITAL_STATUSES)))
    table[..., 0] = 1.0
    table[:, :, ADULT:] = normalised(national[None] * tilt[:, None, None, None, None, :])
    return table


def union(partnered: Weighted, married: Array, persons: Array, share: float) -> Array:
    """P(in union | sex, band, marital status).

    The published nature of unions leaves about as many civil marriages as there are married people, so the married
    live in union; others by sex and age as in the households of PNADC, moved to the published share of people in union.

    Args:
        partnered: family partnered (states, sex, band, no/yes).
        married: (2, bands) share of the legally married.
        persons: (2, bands) residents.
        share: Persons in union over persons of 10 and over (Censo 2022).
    """
    profile = smoothed(partnered.weights.sum(axis=0), partnered.squares.sum(axis=0), design_effect=1.75)[..., 1]
    wanted = share * persons[:, codes.AGE_BANDS.index("10-13") :].sum()
    low, high = -3.0, 3.0
    for _ in range(60):
        move = (low + high) / 2
        odds = profile / (1 - profile) * np.exp(move)
        together = np.maximum(odds / (1 + odds), married)
        low, high = (move, high) if (together * persons)[:, ADULT:].sum() < wanted else (low, move)
    others = np.clip((together - married) / np.maximum(1 - married, 1e-9), 0.0, 1.0)
    table = np.zeros((SEXES, BANDS, len(codes.MARITAL_STATUSES), 2))
    table[..., 1] = others[..., None]
    table[:, :, 1, 1] = 1.0
    table[:, :ADULT, :, 1] = 0.0
    table[..., 0] = 1 - table[..., 1]
    return table


# ----------------------------------------------------------------------------------------------- religion
def religion(by_state: Array, rest: Array, race_of_evangelicals: Array, men_without: float, people: Array) -> Array:
    """P(religion | state, sex, race).

    Args:
        by_state: (states, 3) shares of católica, evangélica, sem religião.
        rest: (states, 3) split of the remainder: espírita, umbanda e candomblé, outra; sums to 1.
        race_of_evangelicals: (races,) published composition of evangelicals.
        men_without: Published share of men among people without religion.
        people: (states, 2, races) persons of 10 and over.
    """
    shares = np.concatenate([by_state, (1 - by_state.sum(axis=1, keepdims=True)) * rest], axis=1)
    country = people.sum(axis=0) / people.sum()
    religions = (people.sum(axis=(1, 2)) @ shares) / people.sum()
    seed = country[..., None] * religions
    evangelical = np.full((RACES, len(religions)), np.nan)
    evangelical[:, 1] = race_of_evangelicals / race_of_evangelicals.sum() * religions[1]
    without = np.full((SEXES, len(religions)), np.nan)
    without[:, 2] = np.array([1 - men_without, men_without]) * religions[2]
    national = rake(seed, [((1, 2), evangelical), ((0, 2), without), ((2,), religions), ((0, 1), country)], passes=200)
    table = []
    for state in range(STATES):
        here = people[state] / people[state].sum()
        start = here[..., None] * normalised(national)
        table.append(normalised(rake(start, [((2,), shares[state]), ((0, 1), here)]), normalised(national)))
    return np.stack(table)


# ----------------------------------------------------------------------------------------------- activity
def working(
    counts: Weighted,
    people: Array,
    margins: list[tuple[NDArray[np.bool_], float]],
    *,
    design_effect: float,
    shrink: float,
) -> Array:
    """P(works | state, sex, band, race, education), survey cells moved to the census levels.

    Args:
        counts: family working (states, sex, band, race, education, no/yes).
        people: (states, sex, band, race, education) residents.
        margins: (cells of `people` that a published level speaks of, share that works).
    """
    chance = rake_then_shrink(counts.weights, counts.squares, design_effect=design_effect, shrink_persons=shrink)[
        ..., 1
    ]
    chance[:, :, :_FIRST_WORK_BAND] = 0.0
    for _ in range(60):
        worst = 0.0
        for cells, level in margins:
            weight, have = people[cells], chance[cells]
            now = (weight * have).sum() / weight.sum()
            worst = max(worst, abs(now - level))
            odds = have / np.maximum(1 - have, 1e-9) * (level / (1 - level)) / (now / (1 - now))
            chance[cells] = odds / (1 + odds)
        if worst < 1e-6:
            break
    return chance


def activity(works: Array, looking: Array, studying: Array, retired: Array, home: Array) -> Array:
    """P(activity | state, sex, band, race, education): who does not work looks, studies, is retired, cares for home.

    Args:
        works: (states, sex, band, race, education).
        looking: (sex, band) among who does not work.
        studying: (sex, band) among the rest.
        retired: (sex, band) among the rest; 0 under 40.
        home: (sex, band) among the rest.
    """
    retired = np.where(np.arange(BANDS) >= _RETIREMENT_BAND, retired, 0.0)
    stay = 1 - looking
    parts = [
        looking,
        stay * studying,
        stay * (1 - studying) * retired,
        stay * (1 - studying) * (1 - retired) * home,
        stay * (1 - studying) * (1 - retired) * (1 - home),
    ]
    rest = np.stack(parts, axis=-1)[None, :, :, None, None, :]
    return np.concatenate([works[..., None], (1 - works)[..., None] * rest], axis=-1)


def share_by_sex_and_band(rows: pd.DataFrame, column: str) -> Array:
    """(sex, band) share of true, smoothed: the samples are small."""
    asked = rows[rows[column].notna()]
    axes = {"sex": codes.SEXES, "age_band": codes.AGE_BANDS, "answer": ("false", "true")}
    answers = asked.assign(answer=np.where(asked[column].astype(bool), "true", "false"))
    weights = dense(answers, axes, "weight_persons")
    squares = dense(answers.assign(square=answers["weight_persons"] ** 2), axes, "square")
    # Age first: it matters most, and the neighbours of a band lend it weight.
    by_age, age_squares = (_neighbours(a.transpose(1, 0, 2)) for a in (weights, squares))
    return smoothed(by_age, age_squares, design_effect=1.75)[..., 1].T


def _neighbours(table: Array) -> Array:
    """Add a quarter of each neighbouring band."""
    wide = table.copy()
    wide[1:] += 0.25 * table[:-1]
    wide[:-1] += 0.25 * table[1:]
    return wide


# --------------------------------------------------------------------------------------------- occupation
def occupation_cod(counts: Weighted, *, design_effect: float, shrink: float) -> Array:
    """P(COD | state, group, sex, education); a base group of another great group never occurs."""
    table = rake_then_shrink(counts.weights, counts.squares, design_effect=design_effect, shrink_persons=shrink)
    seen = counts.weights.sum(axis=(0, 2, 3)) > 0
    return masked(table, np.broadcast_to(seen[None, :, None, None, :], table.shape))


def position(
    counts: Weighted, split: Array, group_of_cod: NDArray[np.int64], *, design_effect: float, shrink: float
) -> Array:
    """P(position | state, COD): seven survey positions, split into ten by contract and statute.

    Args:
        counts: family survey_position (states, COD, 7).
        split: (groups, 7, 10) P(position | great group, survey position).
        group_of_cod: (COD,) great group.
    """
    seven = rake_then_shrink(counts.weights, counts.squares, design_effect=design_effect, shrink_persons=shrink)
    seen = counts.weights.sum(axis=0) > 0
    seven = masked(seven, np.broadcast_to(seen[None], seven.shape))
    return np.einsum("ucs,csp->ucp", seven, split[group_of_cod])


# Which of the ten positions each survey position may become (V4012 -> VD4009).
POSITIONS_OF_SURVEY = ((2, 3), (6,), (0, 1), (4, 5, 6), (7,), (8,), (9,))


def position_split(rows: pd.DataFrame) -> Array:
    """(groups, 7, 10): contract and statutory splits of PNADC 2017T2, smoothed to the country."""
    known = rows[rows["position"].notna() & rows["occupation_group"].notna()]
    counts = dense(known, {"occupation_group": codes.OCCUPATION_GROUPS, "position": codes.POSITIONS}, "weight_persons")
    table = np.zeros((len(codes.OCCUPATION_GROUPS), len(POSITIONS_OF_SURVEY), len(codes.POSITIONS)))
    for survey_position, allowed in enumerate(POSITIONS_OF_SURVEY):
        columns = list(allowed)
        national = counts[:, columns].sum(axis=0) / counts[:, columns].sum()
        own = counts[:, columns]
        table[:, survey_position, columns] = (own + 20.0 * national) / (own.sum(axis=1, keepdims=True) + 20.0)
    return table


# ------------------------------------------------------------------------------------------ MEI and income
# Great groups without a single MEI trade: professions that need a degree, farming, police and forces.
_NO_MEI_GROUPS = (1, 5, 9)


def mei(own_account: Array, formal: Array, share: Array, national_share: float) -> Array:
    """P(MEI | state, group, position): own account only, level of each state from the MEI registers.

    Args:
        own_account: (states, groups) expected own-account workers.
        formal: (states,) expected employees with a contract or statute.
        share: (states,) MEI over formal workers; NaN where not published.
        national_share: The same for Brazil.
    """
    share = np.where(np.isnan(share), national_share, share)
    # Formal workers = employees + MEI (who counts both); solved for the MEI.
    wanted = formal * share / (1 - share)
    allowed = np.array([group not in _NO_MEI_GROUPS for group in range(len(codes.OCCUPATION_GROUPS))])
    chance = np.minimum(wanted / np.maximum((own_account * allowed).sum(axis=1), 1.0), 0.95)
    table = np.zeros((STATES, len(codes.OCCUPATION_GROUPS), len(codes.POSITIONS), 2))
    table[:, :, codes.POSITIONS.index("conta própria"), 1] = chance[:, None] * allowed
    table[..., 0] = 1 - table[..., 1]
    return table


def income(counts: Weighted, *, design_effect: float, shrink: float) -> Array:
    """P(income band | state, sex, education, group, position); unpaid family workers earn nothing."""
    # Strongest parents first: group and position before sex and education.
    order, back = (0, 3, 4, 2, 1, 5), (0, 4, 3, 1, 2, 5)
    table = rake_then_shrink(
        counts.weights.transpose(order),
        counts.squares.transpose(order),
        design_effect=design_effect,
        shrink_persons=shrink,
    ).transpose(back)
    survey_position = np.zeros(len(codes.POSITIONS), dtype=np.int64)
    for seven, ten in enumerate(POSITIONS_OF_SURVEY):
        survey_position[list(ten)] = seven
    survey_position[codes.POSITIONS.index("militar ou estatutário")] = 3
    table = table[:, :, :, :, survey_position, :]
    table[..., codes.POSITIONS.index("familiar auxiliar"), :] = np.eye(len(codes.INCOME_BANDS))[0]
    paid = [p for p in range(len(codes.POSITIONS)) if codes.POSITIONS[p] != "familiar auxiliar"]
    zero = np.ones(len(codes.INCOME_BANDS), dtype=bool)
    zero[0] = False
    table[..., paid, :] = masked(table[..., paid, :], np.broadcast_to(zero, table[..., paid, :].shape))
    return table


def adult_band_starts() -> NDArray[np.int64]:
    """First age of every band."""
    return _BAND_STARTS
