"""The reviewed lists behind the culture hints: enough in every state, each with what supports it."""

from __future__ import annotations

import csv
import re
from collections import Counter
from importlib import resources

import pytest

from census import codes, harmonise

REFERENCE = resources.files("census").joinpath("reference")
REGISTERS = re.compile(r"(?i)IPHAN|INPI|UNESCO|\blei\b|decreto|feriado estadual|registro do patrim|diário oficial")
OF_PLACES = re.compile("Ibram|ICMBio|MTur|UNESCO|IPHAN")


def rows(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(REFERENCE.joinpath(name).read_text(encoding="utf-8").splitlines()))


@pytest.fixture(scope="module")
def feasts_and_arts() -> list[dict[str, str]]:
    """Those that a text may be offered."""
    left_out = re.compile(f"{harmonise.NOT_FOR_ANYBODY}|{harmonise.HOLIDAY}")
    return [row for row in rows("feasts_and_arts.csv") if not left_out.search(row["name"])]


@pytest.mark.parametrize("uf", codes.UFS)
def test_every_state_has_eight_dishes_six_places_and_four_feasts_or_arts_of_a_register(uf, feasts_and_arts):
    dishes = {row["dish"] for row in rows("dishes.csv") if row["uf"] == uf and row["source"]}
    places = {row["place"] for row in rows("sights.csv") if row["uf"] == uf and OF_PLACES.search(row["source"])}
    arts = {row["name"] for row in feasts_and_arts if row["uf"] == uf and row["origin"] == "registro"}
    arts |= {
        row["product"]
        for row in rows("regional_products.csv")
        if row["uf"] == uf and row["kind"] in harmonise.MADE_BY_HAND
    }
    assert len(dishes) >= 8 and len(places) >= 6 and len(arts) >= 4, (len(dishes), len(places), arts)


def test_what_is_called_registered_names_its_register():
    told = [*rows("dishes.csv"), *rows("feasts_and_arts.csv")]
    for row in told:
        assert row["source"], row
        assert row["origin"] != "registro" or REGISTERS.search(row["source"]), row
        assert "nº" not in row["source"], row


def test_the_page_tells_how_many_dishes_of_a_state_a_register_supports_where_they_are_fewer_than_eight():
    registered = Counter(row["uf"] for row in rows("dishes.csv") if row["origin"] == "registro")
    page = REFERENCE.joinpath("README.md").read_text(encoding="utf-8")
    told = re.search(r"fewer than eight dishes of a register in ((?:[A-Z]{2} \d(?:, | and )?)+)", page)
    assert told is not None
    fewer = {uf: int(count) for uf, count in re.findall(r"([A-Z]{2}) (\d)", told.group(1))}
    assert fewer == {uf: registered[uf] for uf in codes.UFS if registered[uf] < 8}
    assert min(fewer.values()) >= 1


def test_no_fact_of_a_state_is_listed_twice(feasts_and_arts):
    for name, column in (("dishes.csv", "dish"), ("sights.csv", "place"), ("regional_products.csv", "product")):
        counts = Counter((row["uf"], row[column].lower()) for row in rows(name))
        assert max(counts.values()) == 1, counts.most_common(1)
    counts = Counter((row["uf"], row["name"].lower()) for row in feasts_and_arts)
    assert max(counts.values()) == 1, counts.most_common(1)


@pytest.mark.parametrize("sex", codes.SEXES)
@pytest.mark.parametrize("age_years", range(18, 101))
def test_the_sports_of_a_sex_and_age_add_up_to_everybody(sex, age_years):
    fitting = [
        row
        for row in rows("habits.csv")
        if row["kind"] == "sport"
        and row["sex"] == sex
        and int(row["min_age_years"]) <= age_years <= int(row["max_age_years"])
    ]
    total = sum(float(row["percent"]) for row in fitting)
    idle = sum(float(row["percent"]) for row in fitting if row["option"].startswith("nenhum"))
    # Under 65 the other reasons for no sport have no name, and are left out.
    assert (idle < total <= 100.5) and total >= (99 if age_years >= 65 else 75), total
    assert len({row["option"] for row in fitting}) == len(fitting)


def test_more_men_than_women_do_a_sport_as_pnad_2015_found():
    def practising(sex: str) -> float:
        keys = ("sport", sex, "18")
        found = [r for r in rows("habits.csv") if (r["kind"], r["sex"], r["min_age_years"]) == keys]
        return sum(float(row["percent"]) for row in found if not row["option"].startswith("nenhum"))

    assert practising("M") > 1.3 * practising("F")
    football = {
        sex: sum(float(row["percent"]) for row in rows("habits.csv") if (row["option"], row["sex"]) == ("futebol", sex))
        for sex in codes.SEXES
    }
    assert football["M"] > 10 * football["F"] > 0


def test_sums_of_journeys_stay_within_the_published_hundred():
    trips = [float(row["percent"]) for row in rows("habits.csv") if (row["kind"], row["sex"]) == ("trip", "F")]
    assert len(trips) >= 4 and 80 <= sum(trips) <= 100
