"""The national half of `fit`: from harmonised frames to the table of every node, for all 27 states."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from census import axes, block, codes, counts, held_out, income, mei, model, positions, rules, unions, work
from census.errors import FitError
from census.estimation import masked, moved_on_odds, normalised
from census.network import NodeTable
from census.rules import Rule
from conf.settings import Node
from jobs._fit_inputs import NationalInputs, published

log = logging.getLogger(__name__)
Array = NDArray[np.float64]
_AGES = codes.MAX_AGE_YEARS + 1
BAND_OF_AGE = np.array([codes.AGE_BANDS.index(codes.age_band(age)) for age in range(_AGES)])
# Axes on which the estimators work; the network may name fewer parents, in any order.
_ZONE = ("uf", "sex", "age_band", "race", "education_level")
_MARITAL = _ZONE
_UNION = ("sex", "age_band", "marital_status")
_RELIGION = ("uf", "sex", "race")
_ACTIVITY = ("uf", "zone", "sex", "age_band", "race", "education_level")
_GROUP = ("uf", "sex", "age_band", "education_level", "zone", "race")
_COD = ("uf", "occupation_group", "sex", "education_level", "zone", "career_stage")
_POSITION = ("uf", "occupation_cod", "sex", "education_level", "age_class")
# Nodes made for their parents (a margin of the census, a class of another node): these and no others, in this order.
_FIXED: Mapping[str, tuple[str, ...]] = {
    "age_class": ("age_band",),
    "career_stage": ("age_band",),
    "race": ("uf", "sex", "age_band"),
    "education_level": ("uf", "sex", "age_band", "race"),
    "pay_class": ("occupation_cod",),
    "may_be_mei": ("position", "age_band"),
    "is_mei": ("uf", "occupation_cod", "may_be_mei", "sex", "education_level", "age_class"),
    "income_band": ("uf", "earning_class"),
}
_CHILD_SHRINK_PERSONS = 400.0
_CONTRACT = ("privado com carteira", "doméstico com carteira", "público com carteira", "militar ou estatutário")


@dataclass(frozen=True)
class Census:
    """The census block of the country, before any work is fitted.

    Attributes:
        people: (states, sexes, bands, races, levels) residents.
        states: The same and zones: the block of each state.
        rural: (municipalities,) rural share of persons, in the order of `places`.
        zone: The survey's law of the zone.
    """

    people: Array
    states: Array
    rural: Array
    zone: model.Estimate


@dataclass(frozen=True)
class Fitted:
    """The national half.

    Attributes:
        nodes: The table of every node, in the order of conf/network.toml.
        women_of_cod: (COD,) share of women among the workers of a base group, Brazil.
    """

    nodes: list[NodeTable]
    women_of_cod: Array


@dataclass(frozen=True)
class _Fitter:
    inputs: NationalInputs
    spec: Mapping[str, Node]
    design_effects: Mapping[str, float]
    domains: Mapping[str, tuple[str, ...]]
    rules: tuple[Rule, ...]

    def allowed(self, node: str, table: Array, parents: Sequence[str]) -> Array:
        """Put the structural zeros of the rules back."""
        return masked(table, np.broadcast_to(rules.allowed(self.rules, node, parents, self.domains), table.shape))

    def size(self, names: Sequence[str]) -> list[int]:
        return [len(self.domains[name]) for name in names]

    def parents(self, node: str) -> tuple[str, ...]:
        return self.spec[node].parents

    def own(self, node: str) -> tuple[str, ...]:
        return tuple(p for p in self.spec[node].parents if p != "uf")

    def counted(self, family: str, parents: Sequence[str], child: str) -> model.Weighted:
        return model.survey(self.inputs.counts, family, parents, child, self.inputs.cod)

    def estimated(self, node: str) -> model.Estimate:
        """The law of a node's survey family, on the node's own parents."""
        asked = [counts.ASKED.get(p, p) for p in self.own(node)]
        return self.of_counts(node, self.counted(node, asked, counts.ASKED.get(node, node)), asked)

    def of_counts(self, node: str, counted: model.Weighted, asked: Sequence[str]) -> model.Estimate:
        """The law of some of the node's counts."""
        return model.estimate(
            counted,
            asked,
            [counts.ASKED.get(p, p) for p in self.spec[node].smoothing],
            design_effect=self.design_effects[node],
            shrink_persons=self.spec[node].shrink_persons,
        )

    def widened(self, node: str, estimated: Array, want: tuple[str, ...]) -> Array:
        """The law of `estimated`, which always has the states first, on the axes of `want`."""
        return axes.widen(estimated, ("uf", *self.own(node)), want, self.size(want), node)

    def fitted(self, node: str, tables: Mapping[str, Array], want: tuple[str, ...]) -> Array:
        """The node's table, which has its parents in the network's order, on the axes of `want`."""
        return axes.widen(tables[node], self.parents(node), want, self.size(want), node)

    def within_groups(self) -> model.Estimate:
        """COD given its great group and the rest: one law a group, over its own base groups only."""
        node = "occupation_cod"
        own = self.own(node)
        if "occupation_group" not in own:
            raise FitError("network.toml: node.occupation_cod needs the parent occupation_group.")
        counted = self.counted(node, own, node)
        axis = 1 + own.index("occupation_group")
        others = [p for p in own if p != "occupation_group"]
        table = np.zeros(counted.weights.shape)
        n, share = (np.zeros(counted.weights.shape[:-1]) for _ in range(2))
        for group in range(work.GROUPS):
            members = np.flatnonzero(self.inputs.group_of_cod == group)
            part = [np.take(a, group, axis=axis)[..., members] for a in (counted.weights, counted.squares)]
            law = self.of_counts(node, model.Weighted(*part), others)
            at = [slice(None)] * (table.ndim - 1)
            at[axis] = group  # type: ignore[call-overload]
            wide = np.zeros((*law.table.shape[:-1], table.shape[-1]))
            wide[..., members] = law.table
            table[tuple(at)] = wide
            n[tuple(at)], share[tuple(at)] = law.effective_persons, law.prior_share
        return model.Estimate(table, n, share)

    def narrowed(self, node: str, table: Array, weights: Array, have: tuple[str, ...]) -> Array:
        parents = self.spec[node].parents
        return axes.narrow(table, weights, have, parents)


def domains_of(cod: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Values of every node, in code order."""
    return model.DOMAINS | {"occupation_cod": cod}


def census_block(
    inputs: NationalInputs, spec: Mapping[str, Node], design_effects: Mapping[str, float], zeros: tuple[Rule, ...]
) -> Census:
    """Race and schooling of every state, and its zones: what the municipalities are raked to.

    Raises:
        FitError: A node that is made for its parents has others in the network.
    """
    for node, parents in _FIXED.items():
        if spec[node].parents != parents:
            raise FitError(f"network.toml: node.{node} must have the parents {', '.join(parents)}.", node=node)
    fitter = _Fitter(inputs, spec, design_effects, domains_of(inputs.cod), zeros)
    people = _residents(fitter)
    rural = block.rural_shares(
        inputs.places[["households_urban", "households_rural"]].to_numpy(dtype=float),
        inputs.places["population_persons"].to_numpy(dtype=float),
        published(inputs.published, "situacao_domicilio", "rural"),
    )
    estimate = fitter.estimated("zone")
    zone = fitter.widened("zone", estimate.table, _ZONE)
    return Census(people, _state_blocks(inputs.places, people, zone, rural), rural, estimate)


def build(
    inputs: NationalInputs,
    census: Census,
    spec: Mapping[str, Node],
    design_effects: Mapping[str, float],
    zeros: tuple[Rule, ...],
) -> Fitted:
    """The table of every node, and the sexes of the base groups."""
    fitter = _Fitter(inputs, spec, design_effects, domains_of(inputs.cod), zeros)
    tables: dict[str, Array] = {
        name: np.eye(len(model.DOMAINS[name]))[list(classes)] for name, classes in model.COARSER_AGES.items()
    }
    known = {"zone": census.zone}
    people, states = census.people, census.states
    chance = normalised(people.reshape(*people.shape[:3], -1)).reshape(people.shape)
    tables["race"] = normalised(states.sum(axis=(4, 5)), chance.sum(axis=-1))
    tables["education_level"] = normalised(states.sum(axis=5), normalised(chance, np.eye(model.LEVELS)[0]))
    zone = fitter.widened("zone", census.zone.table, _ZONE)
    tables["zone"] = fitter.narrowed("zone", normalised(states, zone), states.sum(axis=5), _ZONE)
    marital = fitter.allowed("marital_status", _marital(inputs, people), _MARITAL)
    union = fitter.allowed("in_union", _union(fitter, people, marital), _UNION)
    tables["marital_status"] = fitter.narrowed("marital_status", marital, people, _MARITAL)
    by_status = np.einsum("usaed,usaedm->sam", people, marital, optimize=True)
    tables["in_union"] = fitter.narrowed("in_union", union, by_status, _UNION)
    faith = _religion(inputs.religion, people)
    tables["religion"] = fitter.narrowed("religion", faith, people.sum(axis=(2, 4)), _RELIGION)
    known["activity"] = fitter.estimated("activity")
    everyone = states.transpose(0, 5, 1, 2, 3, 4)  # the axes of _ACTIVITY
    activity = _activity(fitter, fitter.widened("activity", known["activity"].table, _ACTIVITY)[..., 1], everyone)
    activity = fitter.allowed("activity", activity, _ACTIVITY)
    tables["activity"] = fitter.narrowed("activity", activity, everyone, _ACTIVITY)
    working = everyone * activity[..., codes.ACTIVITIES.index("ocupado")]
    workers = working.transpose(0, 2, 3, 5, 1, 4)  # the axes of _GROUP
    _occupation(fitter, tables, known, workers)
    by_cod = _workers_by_cod(fitter, tables, workers)
    _position(fitter, tables, known, by_cod)
    tables["may_be_mei"], tables["is_mei"] = _mei(fitter, by_cod, tables)
    _income(fitter, tables, known)
    by_sex = by_cod.sum(axis=(0, 3, 4))  # (COD, sexes)
    women = by_sex[:, codes.SEXES.index("F")] / np.maximum(by_sex.sum(axis=1), 1.0)
    return Fitted(_nodes(fitter, tables, known), women)


def _nodes(fitter: _Fitter, tables: Mapping[str, Array], known: Mapping[str, model.Estimate]) -> list[NodeTable]:
    nodes = []
    for name, node in fitter.spec.items():
        estimate = known.get(name)
        plain = estimate is not None and estimate.effective_persons.shape == tables[name].shape[:-1]
        nodes.append(
            NodeTable(
                name,
                node.parents,
                fitter.domains[name],
                tables[name],
                node.grade,
                node.source,
                effective_persons=estimate.effective_persons if estimate and plain else None,
                prior_share=estimate.prior_share if estimate and plain else None,
            )
        )
    return nodes


# ----------------------------------------------------------------------------------------- the census block
def _residents(fitter: _Fitter) -> Array:
    """(states, sexes, bands, races, levels): ages of SIDRA 9514, sex, race and schooling of 10061; children PNADC."""
    inputs = fitter.inputs
    ages = model.dense(
        inputs.ages.assign(age_years=inputs.ages["age_years"].astype(str)),
        {"uf": codes.UFS, "age_years": tuple(map(str, range(_AGES)))},
    )
    joint = model.education_joint(
        *census_education(inputs.education),
        fitter.counted("race_young", ("sex", "age_band"), "race"),
        fitter.counted("education_young", ("sex", "age_band", "race"), "education_level"),
        design_effect=fitter.design_effects["race_young"],
        shrink=_CHILD_SHRINK_PERSONS,
    )
    chance = normalised(joint.reshape(*joint.shape[:3], -1)).reshape(joint.shape)
    # The zeros take nobody away: who cannot have a level has one of the others.
    race = chance.sum(axis=-1, keepdims=True)
    chance = race * fitter.allowed("education_level", normalised(chance), ("uf", "sex", "age_band", "race"))
    # Both sexes by the law of 10061 (adults) or alike (children: sex is no target).
    by_band = np.stack([ages[:, band == BAND_OF_AGE].sum(axis=1) for band in range(model.BANDS)], axis=1)
    sexes = np.full((model.STATES, 2, model.BANDS), 0.5)
    adult = joint[:, :, model.ADULT :].sum(axis=(3, 4))
    sexes[:, :, model.ADULT :] = adult / adult.sum(axis=1, keepdims=True)
    return np.asarray(sexes[..., None, None] * by_band[:, None, :, None, None] * chance)


def census_education(education: pd.DataFrame) -> tuple[Array, Array]:
    """SIDRA 10061 by state (states, 2, 13, races, levels), and its ages 18-19 and 20-24 apart, both sexes."""
    groups = ("18-24", *(band for band in codes.AGE_BANDS[model.ADULT + 2 :]))
    by_state = model.dense(
        education[education["source"] == "census2022_education_uf"],
        {
            "uf": codes.UFS,
            "sex": codes.SEXES,
            "age_group": groups,
            "race": codes.RACES,
            "education_level": codes.EDUCATION_LEVELS,
        },
    )
    young = model.dense(
        education[education["source"] == "census2022_education_municipality"],
        {
            "uf": codes.UFS,
            "race": codes.RACES,
            "age_group": ("18-19", "20-24"),
            "education_level": codes.EDUCATION_LEVELS,
        },
    )
    return by_state, young


def _state_blocks(places: pd.DataFrame, people: Array, zone: Array, rural: Array) -> Array:
    residents = places["population_persons"].to_numpy(dtype=float)
    state = pd.Categorical(places["uf"], categories=list(codes.UFS)).codes
    share = np.bincount(state, rural * residents, model.STATES) / np.bincount(state, residents, model.STATES)
    return np.stack([block.state_block(people[s], zone[s], share[s] * people[s].sum()) for s in range(model.STATES)])


# ------------------------------------------------------------------------------------- unions and religion
def _marital(inputs: NationalInputs, people: Array) -> Array:
    bands = ("18-24", *(f"{a}-{a + 4}" for a in range(25, 75, 5)), "75+")
    candidates = model.dense(
        inputs.candidates,
        {
            "sex": codes.SEXES,
            "age_group": bands,
            "race": codes.RACES,
            "education_level": codes.EDUCATION_LEVELS,
            "marital_status": codes.MARITAL_STATUSES,
        },
    )
    voters = model.dense(inputs.voters, {"uf": codes.UFS, "marital_status": codes.MARITAL_STATUSES})
    figures = inputs.published
    single, married, widowed, divorced = (
        published(figures, "estado_civil", name, year=2010) for name in ("solteiro", "casado", "viuvo", "divorciado")
    )
    levels = np.array([single, married, 1 - single - married - widowed - divorced, divorced, widowed])
    # Legally married = unions that are civil, or civil and religious.
    in_union = published(figures, "estado_conjugal", "viviam em uniao")
    unions_ = in_union * people[:, :, codes.AGE_BANDS.index("10-13") :].sum()
    civil = published(figures, "natureza_uniao", "civil e religioso") + published(figures, "natureza_uniao", "so civil")
    return unions.marital(candidates, voters, people, unions_ * civil / people[:, :, model.ADULT :].sum(), levels)


def _union(fitter: _Fitter, people: Array, marital: Array) -> Array:
    everyone = people.sum(axis=0)
    married = (people * marital[..., codes.MARITAL_STATUSES.index("Casado")]).sum(axis=(0, 3, 4))
    share = published(fitter.inputs.published, "estado_conjugal", "viviam em uniao")
    return unions.union(
        fitter.counted("partnered", ("sex", "age_band"), "is_partnered"),
        married / everyone.sum(axis=(2, 3)),
        everyone.sum(axis=(2, 3)),
        share,
        design_effect=fitter.design_effects["partnered"],
    )


def _religion(shares: pd.DataFrame, people: Array) -> Array:
    states = shares[shares["source"] == "religion_uf"].rename(columns={"area": "uf"})
    by_state = (
        model.dense(
            states[states["category"] != "resto"],
            {"uf": codes.UFS, "category": ("católica", "evangélica", "sem religião")},
            "value",
        )
        / 100
    )
    printed = shares[shares["source"] == "religion_published"].set_index(["area", "category"])["value"]
    rest = np.zeros((len(codes.STATES), 3))
    for state in codes.STATES:
        for column, name in enumerate(("espirita", "umbanda_candomble", "outras")):
            area = next(a for a in (state.uf, state.region, "Brasil") if (a, name) in printed.index)
            rest[codes.UFS.index(state.uf), column] = printed[(area, name)]
        rest[codes.UFS.index(state.uf), 2] += printed[("Brasil", "tradicoes_indigenas")]
    rest /= rest.sum(axis=1, keepdims=True)
    plain = {"branca": "branca", "preta": "preta", "amarela": "amarela", "parda": "parda", "indígena": "indigena"}
    composition = np.array([printed[("evangelica Brasil", plain[race])] for race in codes.RACES])
    ten_or_more = people[:, :, codes.AGE_BANDS.index("10-13") :].sum(axis=(2, 4))
    return unions.religion(by_state, rest, composition, printed[("sem_religiao Brasil", "homens")] / 100, ten_or_more)


# ---------------------------------------------------------------------------------------------------- work
def _activity(fitter: _Fitter, chance: Array, people: Array) -> Array:
    """P(activity | axes of _ACTIVITY): who works by the survey, at the levels of the Censo 2022."""
    inputs, figures = fitter.inputs, fitter.inputs.published
    levels = []

    def level(category: str, selection: tuple[object, ...], *, area: str = "Brasil", dimensions: str = "") -> None:
        cells = np.zeros(people.shape, dtype=bool)
        cells[selection] = True
        cells[:, :, :, : codes.AGE_BANDS.index("14-17")] = False
        if held_out.is_held_out("nivel_ocupacao", held_out.YEAR, area, dimensions, category):
            return  # it judges the model
        levels.append(
            work.Level(cells, published(figures, "nivel_ocupacao", category, area=area, dimensions=dimensions))
        )

    band, race, every = codes.AGE_BANDS.index, codes.RACES.index("indígena"), slice(None)
    level("14 a 17", (every, every, every, band("14-17")), dimensions="idade")
    level("35 a 39", (every, every, every, band("35-39")), dimensions="idade")
    level("65 ou mais", (every, every, every, slice(band("65-69"), None)), dimensions="idade")
    level("homens indigena", (every, every, 1, every, race), dimensions="sexo x cor_raca")
    level("mulheres indigena", (every, every, 0, every, race), dimensions="sexo x cor_raca")
    for region in codes.REGIONS:
        level("total", (np.array([s.region == region for s in codes.STATES]),), area=region)
    level("homens", (every, every, 1), dimensions="sexo")
    level("mulheres", (every, every, 0), dimensions="sexo")
    works = work.working(chance, people, levels, _women_of_workers(inputs, people, figures))
    surveys = inputs.surveys
    idle = surveys[(surveys["is_working"] == False) & surveys["is_working"].notna()]  # noqa: E712 (null is neither)
    rest = idle[idle["is_looking"] == False]  # noqa: E712
    out_of_school = rest[rest["is_in_school"] == False]  # noqa: E712
    share = work.share_by_sex_and_band
    return work.activity(
        works,
        _asked(fitter, "looking", "is_looking", share(idle[idle["source"] == "pnadc_2017t2"], "is_looking")),
        _asked(fitter, "in_school", "is_in_school", share(rest[rest["source"] == "pnadc_2017t2"], "is_in_school")),
        share(rest[rest["source"] == "pns_2019"], "has_pension"),
        share(out_of_school[out_of_school["source"] == "pnadc_2017t4"], "cares_for_home"),
    )


def _asked(fitter: _Fitter, family: str, child: str, small: Array) -> Array:
    """(sex, band) share of true by the main survey where it asks, as a whole quarter does; `small` otherwise."""
    counted = fitter.counted(family, ("sex", "age_band"), child)
    if not counted.weights.any():
        return small
    weights, squares = counted.weights.sum(axis=0), counted.squares.sum(axis=0)
    return work.smoothed_share(weights, squares, design_effect=fitter.design_effects[family])


def split_grades(inputs: NationalInputs) -> dict[str, tuple[str, str, str]]:
    """Split -> its grade, source and assumption: B where the main survey has the answer, C where another stands in."""
    asked = set(inputs.counts["family"])
    looking = ("B", "pnadc") if "looking" in asked else ("C", "pnadc_2017t2")
    contract = ("B", "pnadc") if "contract" in asked else ("C", "pnadc_2017t2")
    by_state = ("B", "pnadc") if "contract" in asked else ("C", "atlas2010_work")
    alike = "among who does not work it depends on sex and age alone, in all states alike"
    return {
        "activity (desocupado, estudante)": (*looking, alike),
        "activity (aposentado, cuida do lar)": ("C", "pns_2019, pnadc_2017t4", alike),
        "position (carteira, estatuto)": (*contract, "it depends on great group and schooling, but for its level"),
        "position (carteira, por UF)": (*by_state, "the odds of the states are to each other as the source has them"),
    }


def _women_of_workers(inputs: NationalInputs, people: Array, figures: pd.DataFrame) -> Array:
    """(states,) share of women among workers: 2026T1's by state, moved on the odds to the census's in all."""
    workers = inputs.occupations.groupby("uf")[["women", "men"]].sum().reindex(list(codes.UFS))
    women = workers["women"].to_numpy(dtype=float) / workers.sum(axis=1).to_numpy(dtype=float)
    adults = people[:, :, :, codes.AGE_BANDS.index("14-17") :].sum(axis=(0, 1, 3, 4, 5))
    level = [published(figures, "nivel_ocupacao", name, dimensions="sexo") for name in ("mulheres", "homens")]
    wanted = adults[0] * level[0] / (adults @ np.array(level))
    weight = inputs.occupied.set_index("uf")["persons"].reindex(list(codes.UFS)).to_numpy(dtype=float)
    return moved_on_odds(women / (1 - women), weight, float(wanted * weight.sum()), reach=1.0)


def _occupation(fitter: _Fitter, tables: dict[str, Array], known: dict[str, model.Estimate], workers: Array) -> None:
    known["occupation_group"] = fitter.estimated("occupation_group")
    known["occupation_cod"] = fitter.within_groups()
    groups = fitter.widened("occupation_group", known["occupation_group"].table, _GROUP)
    groups = fitter.allowed("occupation_group", groups, _GROUP)
    cods = fitter.widened("occupation_cod", known["occupation_cod"].table, _COD)
    cods = fitter.allowed("occupation_cod", cods, _COD)
    stages = np.array(model.COARSER_AGES["career_stage"])
    groups, cods = work.raked_occupations(groups, cods, workers, structure_2026(fitter.inputs), stages)
    by_group = work.workers_by_group(workers, groups, stages)
    tables["occupation_group"] = fitter.narrowed("occupation_group", groups, workers, _GROUP)
    tables["occupation_cod"] = fitter.narrowed("occupation_cod", cods, by_group, _COD)


def structure_2026(inputs: NationalInputs) -> work.Structure:
    """PNADC 2026T1 by state, sex and COD3; subgroups that the survey of 2018 does not have are left out."""
    subgroups = tuple(sorted({code[:3] for code in inputs.cod}))
    rows = inputs.occupations[inputs.occupations["occupation_cod3"].isin(subgroups)]
    share = np.full((model.STATES, 2, len(subgroups)), np.nan)
    state = pd.Categorical(rows["uf"], categories=list(codes.UFS)).codes
    place = pd.Categorical(rows["occupation_cod3"], categories=list(subgroups)).codes
    for sex, column in enumerate(("women", "men")):
        share[state, sex, place] = rows[column].to_numpy(dtype=float)
    total = np.nansum(share, axis=2, keepdims=True)
    occupied = inputs.occupied.set_index("uf").reindex(list(codes.UFS))
    suppressed = (occupied["suppressed_persons"] / occupied["persons"]).to_numpy(dtype=float)
    return work.Structure(
        share / total, suppressed, np.array([subgroups.index(code[:3]) for code in inputs.cod], dtype=np.int64)
    )


def _workers_by_cod(fitter: _Fitter, tables: Mapping[str, Array], workers: Array) -> Array:
    """Expected workers on the axes of _POSITION."""
    groups = fitter.fitted("occupation_group", tables, _GROUP)
    cods = fitter.fitted("occupation_cod", tables, _COD)
    classes, stages = (np.array(model.COARSER_AGES[name]) for name in ("age_class", "career_stage"))
    by_age = np.einsum("usaezr,usaezrg->ugseza", workers, groups, optimize=True)
    both = np.zeros((*by_age.shape[:-1], len(codes.CAREER_STAGES), len(codes.AGE_CLASSES)))
    for band in range(model.BANDS):
        both[..., stages[band], classes[band]] += by_age[..., band]
    return np.einsum("ugseztk,ugseztc->ucsek", both, cods, optimize=True)


def _position(fitter: _Fitter, tables: dict[str, Array], known: dict[str, model.Estimate], by_cod: Array) -> None:
    inputs = fitter.inputs
    if "occupation_cod" not in fitter.own("position"):
        raise FitError("network.toml: node.position needs the parent occupation_cod.")
    known["position"] = fitter.estimated("position")
    seven = fitter.widened("position", known["position"].table, _POSITION)
    counted = fitter.counted("position", [counts.ASKED.get(p, p) for p in fitter.own("position")], "survey_position")
    axis = 1 + fitter.own("position").index("occupation_cod")
    others = tuple(a for a in range(counted.weights.ndim - 1) if a != axis)
    ever = counted.weights.sum(axis=others) > 0
    seven = masked(seven, np.broadcast_to(ever[None, :, None, None, None, :], seven.shape))
    contract = fitter.counted("contract", ("occupation_group", "education_level"), "position")
    known_split = (contract.weights.sum(axis=0), contract.squares.sum(axis=0))
    split = positions.split_of_survey(*(known_split if contract.weights.any() else _split_counts(inputs.surveys)))
    table = positions.ten_of_seven(seven, split, inputs.group_of_cod, _POSITION.index("education_level"))
    table = fitter.allowed("position", table, _POSITION)
    levels = _position_levels(inputs.published)
    table, off = positions.at_levels(table, by_cod, levels, _contract_odds(fitter, contract))
    for name, by in off.items():
        log.warning("fit: position %s stays %+.4f of all workers off the published share", name, by)
    tables["position"] = fitter.narrowed("position", table, by_cod, _POSITION)


def _contract_odds(fitter: _Fitter, counted: model.Weighted) -> Array:
    """(states,) employees with a contract to one without: of a whole quarter, or of the Censo 2010."""
    if not counted.weights.any():
        return positions.contract_odds_of_2010(fitter.inputs.work_2010)
    weights, squares = (table.sum(axis=(1, 2)) for table in (counted.weights, counted.squares))
    return positions.contract_odds_of_survey(weights, squares, design_effect=fitter.design_effects["position"])


def _split_counts(surveys: pd.DataFrame) -> tuple[Array, Array]:
    rows = surveys[(surveys["source"] == "pnadc_2017t2") & surveys["position"].notna()]
    rows = rows[rows["occupation_group"].notna() & rows["education_level"].notna()]
    domains = {
        "occupation_group": codes.OCCUPATION_GROUPS,
        "education_level": codes.EDUCATION_LEVELS,
        "position": codes.POSITIONS,
    }
    squares = rows.assign(square=rows["weight_persons"] ** 2)
    return model.dense(rows, domains, "weight_persons"), model.dense(squares, domains, "square")


def _position_levels(figures: pd.DataFrame) -> list[tuple[tuple[int, ...], float]]:
    """Published shares of all workers of 14 and over, Censo 2022."""

    def of_all(category: str, dimensions: str = "posicao") -> float:
        return published(figures, "posicao_ocupacao", category, dimensions=dimensions)

    index = codes.POSITIONS.index
    employees, own, employers = of_all("empregado"), of_all("conta propria"), of_all("empregador")
    return [
        ((index("conta própria"),), own),
        ((index("empregador"),), employers),
        # What three rounded figures leave, .8 %: good to .15.
        ((index("familiar auxiliar"),), 1 - employees - own - employers),
        ((index("militar ou estatutário"),), employees * of_all("militar ou estatutario", "categoria")),
        ((index("privado com carteira"),), employees * of_all("setor privado com carteira", "categoria")),
        # Of the private sector too: to one of its employees with a contract they are .33 here, and .36 (13.2 to 36.3
        # million) in the PNADC figures of the same file.
        ((index("privado sem carteira"),), employees * of_all("sem carteira", "categoria")),
    ]


def _mei(fitter: _Fitter, by_cod: Array, tables: Mapping[str, Array]) -> tuple[Array, Array]:
    """Who may be a MEI (position x age band), and P(MEI | state, COD, may be, sex, schooling, age class)."""
    inputs = fitter.inputs
    expected = by_cod[..., None] * fitter.fitted("position", tables, _POSITION)
    may_be = np.zeros((len(codes.POSITIONS), model.BANDS, 2))
    may_be[..., 0] = 1.0
    own = codes.POSITIONS.index("conta própria")
    may_be[own, model.ADULT :] = [0.0, 1.0]
    contract = [codes.POSITIONS.index(p) for p in _CONTRACT]
    may = rules.allowed(fitter.rules, "is_mei", ("occupation_cod",), fitter.domains)[:, 1]
    domain = {"occupation_cod": inputs.cod, "trade_group": codes.MEI_TRADE_GROUPS}
    trades = inputs.mei_trades[inputs.mei_trades["occupation_cod"].isin(inputs.cod)]
    chance = mei.fit(
        expected[..., 1:, own],  # age classes from 18 on
        expected[..., contract].sum(axis=(1, 2, 3, 4, 5)),
        model.dense(trades, domain, "percent") * may[:, None],
        registers(inputs),
    )
    table = np.zeros((*chance.shape[:2], 2, *chance.shape[2:4], len(codes.AGE_CLASSES), 2))
    table[:, :, 1, :, :, 1:, 1] = chance
    table[..., 0] = 1 - table[..., 1]
    return may_be, table


# Group of activity -> where its share of the MEI is printed: a figure of published_margins or of mei_profile.
_MEI_SECTORS = {
    "servicos": codes.MEI_TRADE_GROUPS[:5],
    "comercio": codes.MEI_TRADE_GROUPS[5:8],
    "construcao": codes.MEI_TRADE_GROUPS[8:10],
}
_MEI_CLASSES = {
    "cabeleireiros e tratamento de beleza": "cabeleireiros e tratamento de beleza",
    "restaurantes e alimentacao": "restaurantes e serviços de alimentação e bebidas",
    "varejo de vestuario": "comércio varejista de vestuário e acessórios",
}
_MEI_PROFILE = {
    "% publicidade": "publicidade",
    "% catering, bufê e comida preparada": "catering, bufê e comida preparada",
    "% manutenção e reparação de veículos": "manutenção e reparação de veículos",
    "% serviços especializados de construção": "serviços especializados para construção",
}


def registers(inputs: NationalInputs) -> mei.Registers:
    """What is published of the MEI and not held out."""
    figures = inputs.published
    profile = dict(zip(inputs.mei_profile["indicator"], inputs.mei_profile["value"], strict=True))
    groups = {group: published(figures, "mei", figure) for figure, group in _MEI_CLASSES.items()}
    groups |= {group: profile[figure] / 100 for figure, group in _MEI_PROFILE.items()}
    # What is left of a sector is its last group's.
    for sector, members in _MEI_SECTORS.items():
        groups[members[-1]] = published(figures, "mei", sector) - sum(groups[group] for group in members[:-1])
    return mei.Registers(
        of_formal=inputs.mei.set_index("uf")["share"].reindex(list(codes.UFS)).to_numpy(dtype=float),
        women=1 - published(figures, "mei", "homens"),
        thirties=profile["% 30 a 39 anos"] / 100,
        degree=1 - profile["% sem ensino superior completo"] / 100,
        mean_age=profile["idade média (anos)"],
        groups=groups,
    )


# -------------------------------------------------------------------------------------------------- income
def _income(fitter: _Fitter, tables: dict[str, Array], known: dict[str, model.Estimate]) -> None:
    inputs = fitter.inputs
    names = [counts.ASKED.get(p, p) for p in fitter.own("earning_class")]
    rows = inputs.counts[inputs.counts["family"] == "earning_class"]
    sizes = {name: len(fitter.domains[name]) for name in names}
    cells, rest = {}, rows["cell_index"].to_numpy(dtype=np.int64)
    for name in reversed(names):
        rest, cells[name] = np.divmod(rest, sizes[name])
    band = rows["value_index"].to_numpy(dtype=np.int64)
    middle = income.band_means(income_points(inputs.income_points))
    paid = middle[band] > 0
    fitted = income.fit(
        income.Workers(
            {name: values[paid] for name, values in cells.items()},
            np.log(middle[band[paid]]),
            rows["weight_persons"].to_numpy(dtype=float)[paid],
            rows["rows"].to_numpy(dtype=float)[paid],
        ),
        inputs.group_of_cod,
        sizes,
    )
    tables["pay_class"] = np.eye(len(model.PAY_CLASSES))[fitted.pay_class]
    cells["occupation_cod"] = fitted.pay_class[cells["occupation_cod"]]
    classes = fitted.earning_class[tuple(cells[name] for name in names)]
    state = pd.Categorical(rows["uf"], categories=list(codes.UFS)).codes.astype(np.int64)
    shape = (model.STATES, len(model.EARNING_CLASSES), len(codes.INCOME_BANDS))
    index = (state * shape[1] + classes) * shape[2] + band
    weights, squares = (
        np.bincount(index, rows[name].to_numpy(dtype=float), int(np.prod(shape))).reshape(shape)
        for name in ("weight_persons", "weight_squared")
    )
    estimated = fitter.of_counts("income_band", model.Weighted(weights, squares), ["earning_class"])
    law = estimated.table.copy()
    zero = np.eye(len(codes.INCOME_BANDS))[0]
    law[:, 1:] = masked(law[:, 1:], np.broadcast_to(zero == 0, law[:, 1:].shape))
    law[:, 0] = zero
    tables["income_band"] = law
    known["income_band"] = estimated
    ten = np.take(fitted.earning_class, positions.SURVEY_POSITION_OF, axis=names.index("survey_position"))
    tables["earning_class"] = np.eye(len(model.EARNING_CLASSES))[ten]
    log.info("fit: the earning index explains %.3f of the variance of log income", fitted.score_variance)


def income_points(points: pd.DataFrame) -> Array:
    """(bands, steps + 1) quantiles of the income within each band, BRL of 2018; 0 where the survey found nobody."""
    steps = tuple(range(int(points["point"].max()) + 1))
    return model.dense(points, {"income_band": codes.INCOME_BANDS, "point": steps}, "income_brl")
