"""Words by sex, race and region, over records of the offline writer: clean, and with a stereotype planted."""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter
from collections.abc import Sequence
from functools import cache
from typing import Any

import pyarrow as pa
import pytest
from _texts import PROMPTS

from census import codes
from conf import settings
from jobs import _word_metrics
from jobs._set_figures import RACE_WORDS
from udfs import masking, offline_writer, prompts, word_counts
from udfs.hints import Fact, Hints, with_hints
from udfs.word_counts import Finding, Plan

RECORDS = 2000
CHOSEN = settings.load().validation
HINTS = Hints(
    {uf: {"dish": [Fact(dish)], "feast": [Fact(feast)]} for uf, dish, feast in
     (("AC", "Tacacá", "Expoacre"), ("SE", "Beiju", "Forró Caju"))}
)  # fmt: skip
PLACES = {"AC": ("Rio Branco", "Acre", "Norte"), "SE": ("Estância", "Sergipe", "Nordeste")}
TRADES = (
    (codes.OCCUPATION_GROUPS[5], ("Cozinheira", "Cozinheiro")),
    (codes.OCCUPATION_GROUPS[2], ("Professora", "Professor")),
    (codes.OCCUPATION_GROUPS[7], ("Pedreira", "Pedreiro")),
)
NAMES = {"F": ("Ana", "Rita", "Josefa"), "M": ("José", "Raimundo", "Davi")}
SHARES = {"branca": 0.23, "preta": 0.12, "amarela": 0.005, "parda": 0.62, "indígena": 0.025}  # of AC and SE


def drawn(number: int, variable: str) -> float:
    """A uniform of this record and variable."""
    digest = hashlib.blake2b(f"{variable} {number}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") / 2**64


def race_of(number: int) -> str:
    ends = itertools.accumulate(SHARES.values())
    return next(
        race for race, end in zip(SHARES, ends, strict=True) if drawn(number, "race") < end or race == "indígena"
    )


def make_person(number: int) -> dict[str, Any]:
    uf = ("AC", "SE")[number % 2]
    sex = codes.SEXES[number // 2 % 2]
    group, titles = TRADES[int(drawn(number, "trade") * len(TRADES))]
    place, state, region = PLACES[uf]
    return {
        "uuid": f"{number:032x}",
        "uf": uf,
        "sex": sex,
        "age_years": 20 + int(drawn(number, "age") * 45),
        "zone": ("urbana", "rural")[drawn(number, "zone") < 0.2],
        "race": race_of(number),
        "education_level": codes.EDUCATION_LEVELS[3],
        "marital_status": ("Solteiro", "Casado")[drawn(number, "marriage") < 0.5],
        "in_union": False,
        "religion": "católica",
        "activity": "ocupado",
        "occupation_group": group,
        "occupation_title": titles[codes.SEXES.index(sex)],
        "position": "privado com carteira",
        "is_mei": False,
        "income_brl": 2500.0,
        "former_occupation_title": None,
        "first_name": NAMES[sex][number % 3],
        "middle_name": "",
        "last_name": "Silva",
        **{trait: 30.0 + 40 * drawn(number, trait) for trait in codes.TRAITS},
        "municipality_name": place,
        "state_name": state,
        "region_name": region,
    }


@cache
def written() -> list[dict[str, Any]]:
    """Records as their prints hold them, with the four texts of call 1."""
    rows: list[dict[str, Any]] = []
    places: Counter[str] = Counter()
    people = [make_person(number) for number in range(RECORDS)]
    for person in sorted(people, key=lambda p: hashlib.blake2b(p["uuid"].encode()).digest()):
        answer = offline_writer.write(prompts.render(PROMPTS, 1, with_hints(person, HINTS), 0))
        phrases = masking.hidden(person)
        masked = [masking.masked(text, phrases) for text in answer.values() if isinstance(text, str)]
        stratum = f"{person['uf']}|{person['occupation_group']}|{person['sex']}"
        row = {"masked": masked, "stratum": stratum, "place": places[stratum], "sex": person["sex"]}
        rows.append(row | {"region": person["region_name"], "race": person["race"]})
        places[stratum] += 1
    return rows


def planted(race: str, word: str = "guerreirice", share: float = 0.05) -> list[dict[str, Any]]:
    """The records with a word more in this share of those of one race."""
    rows = [dict(row) for row in written()]
    chosen = [number for number, row in enumerate(rows) if row["race"] == race]
    chosen.sort(key=lambda number: drawn(number, word))  # not the order in which races are permuted
    for row in (rows[number] for number in chosen[: round(share * len(chosen))]):
        row["masked"] = [*row["masked"], f"tem muita {word}"]
    return rows


def plan_of(rows: Sequence[dict[str, Any]]) -> Plan:
    counted = Counter((row["stratum"], row["sex"], row["region"], row["race"]) for row in rows)
    return _word_metrics.plan_of(counted, CHOSEN)


def found(rows: Sequence[dict[str, Any]], partitions: int = 1) -> tuple[list[Finding], Plan]:
    """What Spark would collect, from partitions of the records and one of the words."""
    plan = plan_of(rows)
    schema = pa.schema([pa.field("masked", pa.list_(pa.string())), pa.field("place", pa.int32())])
    schema = pa.unify_schemas([schema, pa.schema([(n, pa.string()) for n in ("stratum", "sex", "region", "race")])])
    parts = [pa.RecordBatch.from_pylist(list(rows[n::partitions]), schema) for n in range(partitions)]
    summed = [batch for part in parts for batch in word_counts.sums([part], plan)]
    told = [row for batch in word_counts.findings(summed, plan) for row in batch.to_pylist()]
    return [Finding(**row) for row in told], plan


def figures(rows: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {str(row["name"]): row for row in _word_metrics.told(*found(rows))}


@pytest.fixture(scope="module")
def clean() -> dict[str, dict[str, Any]]:
    return figures(written())


BOUND = next(bound.ratio for bound in settings.quality_bounds() if bound.name == RACE_WORDS)


def test_clean_records_keep_the_bound_with_the_floor_of_permuted_races(clean):
    row = clean[RACE_WORDS]
    assert row["n"] == RECORDS
    assert 2.5 < row["floor"] < 4.5
    assert row["ratio"] < 0.9 * BOUND


@pytest.mark.parametrize("race", ["preta", "branca", "parda"])
def test_a_word_said_of_one_race_in_a_twentieth_of_its_records_breaks_the_bound(race, clean):
    row = figures(planted(race))[RACE_WORDS]
    assert row["ratio"] > BOUND
    assert f"{race} guerreirice (+" in row["source"]
    assert row["floor"] == pytest.approx(clean[RACE_WORDS]["floor"], rel=0.35)


def test_a_planted_word_leads_the_words_of_its_race():
    told = figures(planted("preta", share=0.2))
    first = next(name for name in told if name.startswith("word of race=preta: "))
    assert first == "word of race=preta: guerreirice"


def test_words_of_the_sexes_and_regions_are_what_tells_them_apart(clean):
    assert "word of sex=F: ela" in clean and "word of sex=M: ele" in clean
    assert {"word of region=Norte: expoacre", "word of region=Nordeste: caju"} <= set(clean)
    assert clean["word of sex=F: ela"]["value"] > 10
    assert "distinct words of region=Sul" not in clean


def test_figures_are_the_same_however_the_records_are_cut():
    whole, _ = found(written())
    cut, _ = found(written(), partitions=7)
    assert [(f.kind, f.value, f.word, f.records) for f in cut] == [(f.kind, f.value, f.word, f.records) for f in whole]
    assert [f.z for f in cut] == pytest.approx([f.z for f in whole])


def test_few_records_break_nothing():
    for count in (1, 2, 12):
        rows = written()[:count]
        row = figures(rows)[RACE_WORDS]
        assert (row["value"], row["ratio"], row["floor"]) == (0.0, 0.0, 2.0)
