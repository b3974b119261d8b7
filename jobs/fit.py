"""Fit: the network's tables for all of Brazil, and the numbering of every person of the chosen states.

Reads   core_census__*, core_pnadc__*, core_survey__*, core_marital__*, core_religion__*,
        core_published__*, core_model__count
Writes  core_model__cpd, core_model__evidence, model/network.json (national); core_model__allocation (chosen states)
"""

from __future__ import annotations

import sys
from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyspark.sql import SparkSession

from census import allocation, codes, model, network, tables
from census.network import NodeTable
from conf import settings
from conf.settings import Config, Node
from jobs import _cli, _fit_inputs, _runlog, _states, _storage
from jobs._fit_inputs import NationalInputs, published
from jobs._runlog import RunReport

Array = NDArray[np.float64]
_AGES = codes.MAX_AGE_YEARS + 1
_BAND_OF_AGE = np.array([codes.AGE_BANDS.index(codes.age_band(age)) for age in range(_AGES)])


def run(spark: SparkSession, config: Config) -> RunReport:
    """Fit the national tables if anything they depend on changed, and number the states that lack it."""
    writes = (tables.CPD, tables.ALLOCATION, tables.EVIDENCE)
    with _runlog.stage(spark, config, "fit", writes=writes, reads=(tables.COUNT, tables.AGE_SEX)) as report:
        if not report.todo:
            return report
        inputs = _fit_inputs.read(spark, config.data_dir)
        zones = inputs.places.assign(rural_band=_rural_bands(inputs.places, config.fit.zone_bands))
        if _states.NATIONAL in report.todo:
            _fit_national(spark, config, inputs, zones, report)
        ufs = [uf for uf in report.todo if uf != _states.NATIONAL]
        if ufs:
            _number(spark, config, inputs, zones, ufs, report)
    return report


def _fit_national(
    spark: SparkSession, config: Config, inputs: NationalInputs, zones: pd.DataFrame, report: RunReport
) -> None:
    nodes = build(
        inputs,
        zones,
        settings.network(),
        design_effect=config.condition.design_effect,
        zone_bands=config.fit.zone_bands,
    )
    domains = domains_of(inputs.cod, config.fit.zone_bands)
    report.progress("checking the network with pgmpy")
    network.check(nodes, domains, roots(inputs, zones, config.fit.zone_bands))
    rows = pd.concat([network.long_rows(node, domains) for node in nodes], ignore_index=True)
    frame = spark.createDataFrame(rows, tables.CPD.schema).repartition(config.spark.shuffle_partitions, "uf")
    _storage.replace_all(frame, config.data_dir, tables.CPD, metadata=report.metadata)
    evidence = spark.createDataFrame(_evidence(nodes), tables.EVIDENCE.schema).coalesce(1)
    _storage.replace_all(evidence, config.data_dir, tables.EVIDENCE, metadata=report.metadata)
    text = network.to_json(nodes, domains, model_version=_states.model_version(config))
    _storage.write_text(config.data_dir, "model/network.json", text)
    report.rows_out = len(rows)
    report.progress(f"{len(nodes)} nodes, {len(rows):,} probabilities")


def _number(
    spark: SparkSession, config: Config, inputs: NationalInputs, zones: pd.DataFrame, ufs: list[str], report: RunReport
) -> None:
    women = women_targets(inputs.education)
    people = _storage.read(spark, config.data_dir, tables.AGE_SEX, ufs).toPandas()
    parts = [
        number_state(people[people["uf"] == uf], zones[zones["uf"] == uf], women[codes.UFS.index(uf)], uf) for uf in ufs
    ]
    frame = spark.createDataFrame(pd.concat(parts, ignore_index=True), tables.ALLOCATION.schema)
    frame = frame.repartition(config.spark.shuffle_partitions, "uf")
    _storage.replace_states(frame, config.data_dir, tables.ALLOCATION, ufs, metadata=report.metadata)
    persons = sum(int(part["persons"].sum()) for part in parts)
    report.rows_out = (report.rows_out or 0) + sum(map(len, parts))
    report.progress(f"{persons:,} persons of {len(ufs)} states numbered")


def domains_of(cod: tuple[str, ...], zone_bands: int) -> dict[str, tuple[str, ...]]:
    """Values of every node, in code order."""
    return model.DOMAINS | {"occupation_cod": cod, "rural_band": tuple(str(band) for band in range(zone_bands))}


def build(
    inputs: NationalInputs, zones: pd.DataFrame, spec: Mapping[str, Node], *, design_effect: float, zone_bands: int
) -> list[NodeTable]:
    """The table of every drawn node, in the order of `spec`."""
    ages = model.dense(
        inputs.ages.assign(age_years=inputs.ages["age_years"].astype(str)),
        {"uf": codes.UFS, "age_years": tuple(map(str, range(_AGES)))},
    )
    counts = {
        name: model.survey(inputs.counts, name, parents, child, inputs.cod)
        for name, parents, child in (
            ("race_young", ("sex", "age_band"), "race"),
            ("education_young", ("sex", "age_band", "race"), "education_level"),
            ("zone", ("education_level",), "zone"),
            ("partnered", ("sex", "age_band"), "is_partnered"),
            ("working", ("sex", "age_band", "race", "education_level"), "is_working"),
            ("occupation_group", ("sex", "age_band", "education_level", "zone"), "occupation_group"),
            ("occupation_cod", ("occupation_group", "sex", "education_level"), "occupation_cod"),
            ("survey_position", ("occupation_cod",), "survey_position"),
            ("income_band", ("sex", "education_level", "occupation_group", "survey_position"), "income_band"),
        )
    }

    def k(node: str) -> float:
        return spec[node].shrink_persons

    joint = model.education_joint(
        *_census_education(inputs.education),
        counts["race_young"],
        counts["education_young"],
        design_effect=design_effect,
        shrink=k("race"),
    )
    chance = model.normalised(joint.reshape(*joint.shape[:3], -1)).reshape(joint.shape)
    # Residents: ages of the census, both sexes by the law of 10061 (adults) or alike (children: sex is no target).
    by_band = np.stack([ages[:, band == _BAND_OF_AGE].sum(axis=1) for band in range(len(codes.AGE_BANDS))], axis=1)
    sexes = np.full((len(codes.STATES), 2, len(codes.AGE_BANDS)), 0.5)
    adult = joint[:, :, model.ADULT :].sum(axis=(3, 4))
    sexes[:, :, model.ADULT :] = adult / adult.sum(axis=1, keepdims=True)
    people = sexes[..., None, None] * by_band[:, None, :, None, None] * chance
    result: dict[str, Array] = {
        "race": chance.sum(axis=-1),
        "education_level": model.normalised(chance, np.eye(len(codes.EDUCATION_LEVELS))[0]),
        "zone": _zone(zones, counts["zone"], inputs.published, zone_bands),
    }
    result["marital_status"] = _marital(inputs, people)
    everyone = people.sum(axis=0)
    married = (everyone[..., None] * result["marital_status"].mean(axis=0)).sum(axis=(2, 3))[..., 1] / everyone.sum(
        axis=(2, 3)
    )
    in_union = published(inputs.published, "estado_conjugal", "viviam em uniao")
    result["in_union"] = model.union(counts["partnered"], married, everyone.sum(axis=(2, 3)), in_union)
    result["religion"] = _religion(inputs.religion, people)
    result["activity"] = _activity(inputs, counts["working"], people, design_effect=design_effect, shrink=k("activity"))
    groups = model.rake_then_shrink(
        counts["occupation_group"].weights,
        counts["occupation_group"].squares,
        design_effect=design_effect,
        shrink_persons=k("occupation_group"),
    )
    groups[
        :,
        :,
        : model.ADULT,
        ...,
        codes.OCCUPATION_GROUPS.index("Membro das forças armadas, policial ou bombeiro militar"),
    ] = 0
    result["occupation_group"] = model.normalised(groups)
    result["occupation_cod"] = model.occupation_cod(
        counts["occupation_cod"], design_effect=design_effect, shrink=k("occupation_cod")
    )
    split = model.position_split(inputs.surveys[inputs.surveys["source"] == "pnadc_2017t2"])
    result["position"] = model.position(
        counts["survey_position"], split, inputs.group_of_cod, design_effect=design_effect, shrink=k("position")
    )
    result["is_mei"] = _mei(inputs, counts["survey_position"].weights, result["position"])
    result["income_band"] = model.income(counts["income_band"], design_effect=design_effect, shrink=k("income_band"))
    values = domains_of(inputs.cod, zone_bands)
    return [
        NodeTable(name, node.parents, values[name], result[name], node.grade, node.source)
        for name, node in spec.items()
    ]


def _census_education(education: pd.DataFrame) -> tuple[Array, Array]:
    groups = ("18-24", *(band for band in codes.AGE_BANDS[model.ADULT + 2 :]))
    axes = {
        "uf": codes.UFS,
        "sex": codes.SEXES,
        "age_group": groups,
        "race": codes.RACES,
        "education_level": codes.EDUCATION_LEVELS,
    }
    by_state = model.dense(education[education["source"] == "census2022_education_uf"], axes)
    young_axes = {
        "uf": codes.UFS,
        "race": codes.RACES,
        "age_group": ("18-19", "20-24"),
        "education_level": codes.EDUCATION_LEVELS,
    }
    young = model.dense(education[education["source"] == "census2022_education_municipality"], young_axes)
    return by_state, young


def _rural_bands(places: pd.DataFrame, bands: int) -> NDArray[np.int64]:
    rural = places["households_rural"].to_numpy(dtype=float)
    return model.rural_bands(rural, rural + places["households_urban"].to_numpy(dtype=float), bands)


def _zone(zones: pd.DataFrame, counts: model.Weighted, figures: pd.DataFrame, bands: int) -> Array:
    band = zones["rural_band"].to_numpy()
    rural = zones["households_rural"].to_numpy(dtype=float)
    share = rural / np.maximum(rural + zones["households_urban"].to_numpy(dtype=float), 1.0)
    residents = zones["population_persons"].to_numpy(dtype=float)
    persons = np.bincount(band, weights=residents, minlength=bands)
    means = np.bincount(band, weights=residents * share, minlength=bands) / np.maximum(persons, 1.0)
    return model.zone(means, counts, published(figures, "situacao_domicilio", "rural"), persons)


def _marital(inputs: NationalInputs, people: Array) -> Array:
    bands = ("18-24", *(f"{a}-{a + 4}" for a in range(25, 75, 5)), "75+")
    axes = {
        "sex": codes.SEXES,
        "age_group": bands,
        "race": codes.RACES,
        "education_level": codes.EDUCATION_LEVELS,
        "marital_status": codes.MARITAL_STATUSES,
    }
    candidates = model.dense(inputs.candidates, axes)
    voters = model.dense(inputs.voters, {"uf": codes.UFS, "marital_status": codes.MARITAL_STATUSES})
    figures = inputs.published
    single, married, widowed, divorced = (
        published(figures, "estado_civil", name, year=2010) for name in ("solteiro", "casado", "viuvo", "divorciado")
    )
    levels = np.array([single, married, 1 - single - married - widowed - divorced, divorced, widowed])
    # Legally married = unions that are civil, or civil and religious.
    unions = (
        published(figures, "estado_conjugal", "viviam em uniao") * people[:, :, codes.AGE_BANDS.index("10-13") :].sum()
    )
    civil = published(figures, "natureza_uniao", "civil e religioso") + published(figures, "natureza_uniao", "so civil")
    return model.marital(candidates, voters, people, unions * civil / people[:, :, model.ADULT :].sum(), levels)


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
    return model.religion(by_state, rest, composition, printed[("sem_religiao Brasil", "homens")] / 100, ten_or_more)


def _activity(
    inputs: NationalInputs, counts: model.Weighted, people: Array, *, design_effect: float, shrink: float
) -> Array:
    figures = inputs.published
    workers = people.copy()
    workers[:, :, : codes.AGE_BANDS.index("14-17")] = 0
    margins = []

    def level(category: str, selection: tuple[object, ...], *, area: str = "Brasil", dimensions: str = "") -> None:
        cells = np.zeros(people.shape, dtype=bool)
        cells[selection] = True
        cells[:, :, : codes.AGE_BANDS.index("14-17")] = False
        margins.append((cells, published(figures, "nivel_ocupacao", category, area=area, dimensions=dimensions)))

    band, race = codes.AGE_BANDS.index, codes.RACES.index("indígena")
    level("14 a 17", (slice(None), slice(None), band("14-17")), dimensions="idade")
    level("35 a 39", (slice(None), slice(None), band("35-39")), dimensions="idade")
    level("65 ou mais", (slice(None), slice(None), slice(band("65-69"), None)), dimensions="idade")
    level("homens indigena", (slice(None), 1, slice(None), race), dimensions="sexo x cor_raca")
    level("mulheres indigena", (slice(None), 0, slice(None), race), dimensions="sexo x cor_raca")
    for region in codes.REGIONS:
        level("total", (np.array([s.region == region for s in codes.STATES]),), area=region)
    level("homens", (slice(None), 1), dimensions="sexo")
    level("mulheres", (slice(None), 0), dimensions="sexo")
    works = model.working(counts, np.maximum(workers, 1e-9), margins, design_effect=design_effect, shrink=shrink)
    surveys = inputs.surveys
    idle = surveys[(surveys["is_working"] == False) & surveys["is_working"].notna()]  # noqa: E712 (null is neither)
    rest = idle[idle["is_looking"] == False]  # noqa: E712
    out_of_school = rest[rest["is_in_school"] == False]  # noqa: E712
    share = model.share_by_sex_and_band
    return model.activity(
        works,
        share(idle[idle["source"] == "pnadc_2017t2"], "is_looking"),
        share(rest[rest["source"] == "pnadc_2017t2"], "is_in_school"),
        share(rest[rest["source"] == "pns_2019"], "has_pension"),
        share(out_of_school[out_of_school["source"] == "pnadc_2017t4"], "cares_for_home"),
    )


def _mei(inputs: NationalInputs, workers_by_cod: Array, position: Array) -> Array:
    workers = workers_by_cod.sum(axis=-1)
    expected = workers[..., None] * position
    own = np.zeros((len(codes.STATES), len(codes.OCCUPATION_GROUPS)))
    np.add.at(own.T, inputs.group_of_cod, expected[..., codes.POSITIONS.index("conta própria")].T)
    contract = [
        codes.POSITIONS.index(p)
        for p in ("privado com carteira", "doméstico com carteira", "público com carteira", "militar ou estatutário")
    ]
    share = inputs.mei.set_index("uf")["share"].reindex(codes.UFS).to_numpy(dtype=float)
    national = published(inputs.published, "mei", "MEI / ocupados formais")
    return model.mei(own, expected[..., contract].sum(axis=(1, 2)), share, national)


def women_targets(education: pd.DataFrame) -> Array:
    """(states, 13): share of women in each adult band of SIDRA 10061 (18-24, 25-29 ... 80+)."""
    by_state, _ = _census_education(education)
    adults = by_state.sum(axis=(3, 4))
    return np.asarray(adults[:, 0] / adults.sum(axis=1))


def number_state(people: pd.DataFrame, places: pd.DataFrame, women: Array, uf: str) -> pd.DataFrame:
    """`core_model__allocation` rows of one state.

    Args:
        people: `core_census__age_sex` of the state, all three sources.
        places: Municipalities of the state with `rural_band`.
        women: (13,) share of women by adult band.
    """
    municipalities = tuple(sorted(places["municipality_code"]))
    ages = tuple(map(str, range(_AGES)))
    rows = people.assign(age_years=people["age_years"].astype(str))
    axes = {"municipality_code": municipalities, "age_years": ages}
    persons = model.dense(rows[rows["source"] == "census2022_age"], axes)
    both = {"municipality_code": municipalities, "sex": codes.SEXES, "age_years": ages}
    estimates = model.dense(rows[rows["source"] == "estimates2022_sex_age"], both)[:, :, :81]
    old = rows[(rows["source"] == "census2010_sex_age80") & rows["municipality_code"].isin(municipalities)]
    profile = model.dense(old, both).sum(axis=0)[:, 80:]
    shares = allocation.women_shares(estimates, profile)
    bands = np.maximum(_BAND_OF_AGE - model.ADULT - 1, 0)
    bands = np.where(np.arange(_AGES) < 18, -1, bands)
    counts = allocation.whole_women(allocation.raked_women(shares, persons, bands, women), persons.astype(np.int64))
    cells = np.stack([counts, persons.astype(np.int64) - counts], axis=1)
    frame = pd.DataFrame(
        {
            "uf": uf,
            "municipality_code": np.repeat(municipalities, 2 * _AGES),
            "sex": np.tile(np.repeat(codes.SEXES, _AGES), len(municipalities)),
            "age_years": np.tile(np.arange(_AGES, dtype=np.int32), 2 * len(municipalities)),
            "persons": cells.ravel(),
        }
    )
    frame["rural_band"] = (
        frame["municipality_code"].map(places.set_index("municipality_code")["rural_band"]).astype(np.int32)
    )
    frame = frame[frame["persons"] > 0]
    minor = frame["age_years"] < 18
    frame = frame.assign(minor=minor).sort_values(["minor", "municipality_code", "sex", "age_years"], kind="stable")
    frame["order"] = np.arange(len(frame), dtype=np.int32)
    return frame[tables.ALLOCATION.column_names]


def roots(inputs: NationalInputs, zones: pd.DataFrame, zone_bands: int) -> dict[str, Array]:
    """What the allocation gives, as tables for pgmpy: state, rural band, age band, sex (by state and band)."""
    residents = model.dense(
        zones.assign(rural_band=zones["rural_band"].astype(str)),
        {"uf": codes.UFS, "rural_band": tuple(map(str, range(zone_bands)))},
        "population_persons",
    )
    ages = model.dense(
        inputs.ages.assign(age_years=inputs.ages["age_years"].astype(str)),
        {"uf": codes.UFS, "age_years": tuple(map(str, range(_AGES)))},
    )
    by_band = np.stack([ages[:, b == _BAND_OF_AGE].sum(axis=1) for b in range(len(codes.AGE_BANDS))], axis=1)
    women = women_targets(inputs.education)
    sex = np.full((len(codes.STATES), len(codes.AGE_BANDS), 2), 0.5)
    group = np.concatenate([[0, 0], np.arange(1, 13)])
    sex[:, model.ADULT :, 0] = women[:, group]
    sex[..., 1] = 1 - sex[..., 0]
    shape = (len(codes.STATES), zone_bands, len(codes.AGE_BANDS))
    return {
        "uf": residents.sum(axis=1) / residents.sum(),
        "rural_band": model.normalised(residents),
        "age_band": np.broadcast_to(model.normalised(by_band)[:, None], shape),
        "sex": np.broadcast_to(sex[:, None], (*shape, 2)),
    }


def _evidence(nodes: list[NodeTable]) -> list[tuple[str, str, str, str, int, str]]:
    rows = []
    earlier = ["uf", "municipality", "sex", "age_band"]
    for node in nodes:
        known = {"municipality"} if "rural_band" in node.parents else set()
        others = [name for name in earlier if name not in node.parents and name not in known]
        assumption = (
            f"{node.name} is independent of {', '.join(others)} given {', '.join(node.parents)}" if others else "none"
        )
        cells = int(np.prod(node.table.shape[:-1]))
        rows.append((node.name, ", ".join(node.parents), node.grade, node.source, cells, assumption))
        earlier.append(node.name)
    return rows


if __name__ == "__main__":
    sys.exit(_cli.main("fit"))
