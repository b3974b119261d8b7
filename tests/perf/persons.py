"""Names, occupations and MEI of Brazil's adults against their sources.

First names are judged twice: exactly, by the laws of all states added up, and in the sample, beside the noise of that
many independent draws. Women in an occupation are judged in the sample: great groups against PNAD Contínua 2026T1,
base groups against 2018T2 moved by what 2026T1 says of their subgroup. MEI are judged against the registers.

python tests/perf/persons.py --data povo-data --uf AC,SE [--persons 1000000]   (--uf all: every state, all fitted there)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
from _common import CHUNK, arguments, config, sample_tables_of, show

from census import codes, tables
from jobs import _drawing, _spark, _storage
from udfs import naming, sampling

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from jobs._sample_tables import SampleTables
    from udfs.alias import Alias

FORMAL = tuple(p for p in codes.POSITIONS if p.endswith("com carteira") or p == "militar ou estatutário")
DECADES = np.arange(naming.FIRST_DECADE, 2010, 10)
NAMES, BASE_GROUPS = 50, 40


def main() -> None:
    asked = arguments(__doc__, uf="AC,SE", more=lambda p: p.add_argument("--persons", type=int, default=1_000_000))
    ufs = list(codes.UFS) if asked.uf == "all" else asked.uf.split(",")
    conf = config(asked.data)
    spark = _spark.start(conf)
    drawn = sample_tables_of(spark, conf, ufs, seed=asked.seed, min_age_years=18)

    def stored(table: tables.Table) -> pd.DataFrame:
        return _storage.read(spark, conf.data_dir, table).toPandas()

    counted, by_cod3, mei_share, surveyed = map(
        stored, (tables.FIRST_NAME, tables.OCCUPATION_2026, tables.MEI_SHARE, tables.PERSON)
    )
    spark.stop()
    people = _people(drawn, asked.persons)
    where = f"{len(people):,} adults of {asked.uf}"
    full = people["first_name"] + "|" + people["middle_name"] + "|" + people["last_name"]
    works = people[people["occupation_cod"].notna()]
    show(
        f"Variety among {where}",
        ("what", "distinct", "of", "most frequent"),
        [
            ("full names", full.nunique(), len(people), f"{full.mode()[0]} {int((full == full.mode()[0]).sum())}"),
            ("first names", people["first_name"].nunique(), len(people), people["first_name"].mode()[0]),
            ("CBO titles", works["occupation_cbo"].nunique(), len(works), works["occupation_title"].mode()[0]),
            ("titles and trades as said", works["occupation_title"].nunique(), len(works), ""),
        ],
    )
    show(
        f"Top {NAMES} first names of a sex and decade against Censo 2010, {where}",
        ("sex", "decade", "persons", "worst off, exact", "of", "worst off in the sample", "noise of that name (1 sd)"),
        _first_names(drawn, people, counted),
    )
    show(
        f"Women in occupations, {where}",
        ("what", "source", "drawn", "source says", "off, p.p.", "noise (1 sd)"),
        _women(works, by_cod3[by_cod3["uf"].isin(ufs)], surveyed[surveyed["uf"].isin(ufs)]),
    )
    show(f"MEI, {where}", ("figure", "drawn", "register", "off, p.p.", "noise (1 sd)"), _mei(works, mei_share, ufs))


def _people(drawn: SampleTables, persons: int) -> pd.DataFrame:
    """The first persons of every state, as many as its share of all adults."""
    words = {name: pa.array(getattr(drawn.words, name)) for name in drawn.words.__dataclass_fields__}
    adults = np.array([state.limit for state in drawn.states], dtype=float)
    wanted = np.floor(persons * adults / adults.sum() + 0.5).astype(int)
    parts = []
    for place, (state, count) in enumerate(zip(drawn.states, wanted, strict=True)):
        points = np.arange(sampling.points_needed(int(count), state))
        for start in range(0, len(points), CHUNK):
            batch = _drawing.draw_state(points[start : start + CHUNK], place, drawn, words)
            parts.append(
                batch.select(
                    ["state", "sex", "age_years", "education_level", "occupation_group", "occupation_cod"]
                    + [
                        "occupation_cbo",
                        "occupation_title",
                        "position",
                        "is_mei",
                        "first_name",
                        "middle_name",
                        "last_name",
                    ]
                )
            )
    return pa.Table.from_batches(parts).to_pandas()


def _law(law: Alias, cell: int, size: int) -> NDArray[np.float64]:
    """(words,) what an alias table draws in a cell, added up from its slots."""
    assert law.start is not None and law.size is not None and law.value is not None
    at = slice(int(law.start[cell]), int(law.start[cell] + law.size[cell]))
    keep, width = law.keep[at].astype(float), int(law.size[cell])
    found = np.zeros(size)
    np.add.at(found, law.value[at], (keep + np.bincount(law.other[at], 1 - keep, width)) / width)
    return found


def _first_names(drawn: SampleTables, people: pd.DataFrame, counted: pd.DataFrame) -> list[tuple[object, ...]]:
    words = np.array(drawn.words.first)
    decade = naming.decades_from(naming.REFERENCE_YEAR - people["age_years"].to_numpy(), DECADES[0], naming.LAST_DECADE)
    rows: list[tuple[object, ...]] = []
    for sex, letter in enumerate(codes.SEXES):
        for place, start in enumerate(DECADES):
            of = counted[(counted["sex"] == letter) & (counted["birth_decade"] == start)]
            share = of.groupby("first_name")["persons"].sum() / of["persons"].sum()
            top = share.nlargest(NAMES)
            law, residents = np.zeros(len(words)), 0.0
            for state, names in zip(drawn.states, drawn.naming, strict=True):
                cell = sex * naming.DECADES + place
                head = float(names.first.head_share[cell])
                own = head * _law(names.first.head, cell, len(words))
                own += (1 - head) * _law(names.first.tail, cell, len(words))
                numbering = state.numbering
                born = naming.decades_from(naming.REFERENCE_YEAR - numbering.age, DECADES[0], naming.LAST_DECADE)
                here = np.diff(numbering.ends, prepend=0)[(numbering.sex == sex) & (born == place)].sum()
                law, residents = law + here * own, residents + here
            exact = pd.Series(law / residents, index=words).groupby(level=0).sum().reindex(top.index) / top - 1
            who = people[(people["sex"] == sex) & (decade == place)]
            if not len(who):
                continue
            have = who["first_name"].value_counts(normalize=True).reindex(top.index).fillna(0.0) / top - 1
            noise = np.sqrt((1 - top) / (top * len(who)))
            worst = (have.abs() / noise).idxmax()
            off = exact.abs().idxmax()
            rows.append(
                (
                    letter,
                    int(start),
                    len(who),
                    f"{100 * exact[off]:+.2f} % {off}",
                    len(top),
                    f"{100 * have[worst]:+.1f} % {worst}",
                    f"{100 * noise[worst]:.1f} %",
                )
            )
    return rows


def _women(works: pd.DataFrame, by_cod3: pd.DataFrame, surveyed: pd.DataFrame) -> list[tuple[object, ...]]:
    def odds(share: pd.Series) -> pd.Series:
        share = share.clip(0.001, 0.999)
        return share / (1 - share)

    surveyed = surveyed[(surveyed["source"] == "pnadc_2018t2") & surveyed["occupation_cod"].notna()]
    weight, is_woman = surveyed["weight_persons"], surveyed["sex"] == "F"
    cod = surveyed["occupation_cod"]

    def survey_share(by: pd.Series) -> pd.Series:
        return (weight * is_woman).groupby(by).sum() / weight.groupby(by).sum()

    cod3 = by_cod3.groupby("occupation_cod3")[["women", "men"]].sum()
    new3 = cod3["women"] / cod3.sum(axis=1)
    rows: list[tuple[object, ...]] = []
    groups = cod3.groupby(cod3.index.str[0]).sum()
    group_share = groups["women"] / groups.sum(axis=1)
    # The source publishes subgroups of 20 rows and more in a state: only those can be compared.
    cells = pd.MultiIndex.from_frame(by_cod3[["uf", "occupation_cod3"]])
    uf_of = np.array(codes.UFS)[works["state"].to_numpy()]
    published = works[pd.MultiIndex.from_arrays([uf_of, works["occupation_cod"].str[:3]]).isin(cells)]
    for digit, group in codes.COD_GROUP_OF_DIGIT.items():
        of = published[published["occupation_group"] == group]
        if str(digit) in group_share.index and len(of):
            rows.append(_row(codes.OCCUPATION_GROUPS[group][:40], "2026T1", of, float(group_share[str(digit)])))
    old, old3 = survey_share(cod), survey_share(cod.str[:3])
    largest = weight.groupby(cod).sum().nlargest(BASE_GROUPS).index
    moved = odds(old[largest]) * (odds(new3) / odds(old3)).reindex(largest.str[:3]).fillna(1.0).to_numpy()
    judged = []
    for code in largest:
        of = works[works["occupation_cod"] == code]
        if len(of):
            judged.append(_row(code, "2018T2 moved to 2026T1", of, float(moved[code] / (1 + moved[code]))))
    rows += sorted(judged, key=lambda row: -abs(float(str(row[4]))))[:12]
    off = np.array([abs(float(str(row[4]))) for row in judged])
    rows.append(
        (f"{len(judged)} largest base groups", "", "", "within 1, 3", f"{(off < 1).sum()}, {(off < 3).sum()}", "")
    )
    return rows


def _row(name: str, source: str, of: pd.DataFrame, wanted: float) -> tuple[object, ...]:
    have = float((of["sex"] == codes.SEXES.index("F")).mean())
    noise = (wanted * (1 - wanted) / len(of)) ** 0.5
    return (
        name,
        source,
        f"{100 * have:.1f}",
        f"{100 * wanted:.1f}",
        f"{100 * (have - wanted):+.2f}",
        f"{100 * noise:.2f}",
    )


def _mei(works: pd.DataFrame, mei_share: pd.DataFrame, ufs: list[str]) -> list[tuple[object, ...]]:
    is_mei = works["is_mei"].eq(True)
    formal = works["position"].isin([codes.POSITIONS.index(position) for position in FORMAL])
    listed = mei_share.set_index("uf")["share"]
    rows: list[tuple[object, ...]] = []

    def line(name: str, have: float, wanted: float, n: int) -> None:
        noise = (wanted * (1 - wanted) / max(n, 1)) ** 0.5
        row = (name, f"{100 * have:.2f}", f"{100 * wanted:.2f}", f"{100 * (have - wanted):+.2f}", f"{100 * noise:.2f}")
        rows.append(row)

    for uf in ufs:
        here = works["state"] == codes.UFS.index(uf)
        both = int((here & (is_mei | formal)).sum())
        if uf in listed.index and both:
            line(f"MEI of formal workers, {uf}", float((here & is_mei).sum()) / both, float(listed[uf]), both)
    mei = works[is_mei]
    line("women", float((mei["sex"] == codes.SEXES.index("F")).mean()), 0.464, len(mei))
    line("30 to 39 years", float(mei["age_years"].between(30, 39).mean()), 0.299, len(mei))
    degree = mei["education_level"] == len(codes.EDUCATION_LEVELS) - 1
    line("with a degree", float(degree.mean()), 0.135, len(mei))
    rows.append(("mean age, years", f"{mei['age_years'].mean():.1f}", "40.8", "", ""))
    return rows


if __name__ == "__main__":
    main()
