"""What the page shows of the set of texts."""

from __future__ import annotations

from importlib import resources

from jinja2 import Environment, StrictUndefined

from census import tables
from jobs import _set_section
from jobs._page import words


def metric(family: str, name: str, value: float, **given: object) -> dict[str, object]:
    row = {"uf": "BR", "family": family, "name": name, "value": value, "n": 10, "source": "how", "bound": None}
    return row | {"passed": None} | given


def test_figures_of_a_field_stand_in_one_row_with_the_verdict_on_near_duplicates():
    near = metric("set", "share of near duplicates: professional_persona", 0.02, bound=0.005, passed=False)
    rows = [near, metric("set", "pairs compared: professional_persona", 7.0)]
    found = _set_section.section(rows)
    (field,) = found["fields"]
    assert (field["name"], field["near"], field["pairs"], field["passed"]) == ("professional_persona", 0.02, 7.0, False)
    assert field["opening"] is None and found["near"] == {"bound": 0.005, "source": "how"}
    assert found["search"] == {"pairs": 7.0, "largest": 0.0, "over": 0.0}


def test_words_stand_beside_their_group_the_most_telling_first():
    rows = [
        metric("set", "distinct words of race=preta", 300.0, n=40),
        metric("set", "distinct words of sex=F", 500.0),
        metric("text", "word of race=preta: feira", 2.0, n=5),
        metric("text", "word of race=preta: rio: mar", 3.0, n=6),
        metric("text", "word of race=parda: mata", 9.0),
    ]
    women, black = _set_section.section(rows)["groups"]
    assert (women["column"], women["words"]) == ("sex", [])
    assert (black["value"], black["distinct"], black["n"]) == ("preta", 300.0, 40)
    assert [(word["word"], word["z"], word["records"]) for word in black["words"]] == [
        ("rio: mar", 3.0, 6),
        ("feira", 2.0, 5),
    ]


def test_nothing_measured_is_nothing_shown():
    found = _set_section.section([metric("text", "characters of persona", 170.0)])
    assert (found["fields"], found["groups"], found["race"], found["near"]) == ([], [], None, None)


def test_the_page_says_what_is_alike_and_which_odds_count_as_it_was_measured_only():
    names = ("share of near duplicates", "texts in the largest bucket", "distinct-3", "type-token ratio")
    names += ("share of exact duplicates", "share of the commonest opening", "distinct openings")
    rows = [metric("set", f"{name}: {tables.TEXT_FIELDS[0]}", 0.25, source="Jaccard 0.7") for name in names]
    rows.append(metric("set", "distinct words of race=preta", 300.0))
    rows.append(metric("fairness", "words by race: largest |z|", 3.0, floor=2.5, ratio=1.2, source="odds 3 times"))
    page = Environment(undefined=StrictUndefined)
    page.filters |= {"number": words.number, "percent": words.percent}
    text = resources.files("jobs._page").joinpath("set.html.j2").read_text(encoding="utf-8")
    shown = page.from_string(text).render(set=_set_section.section(rows), words=words)
    assert "Jaccard 0.7</small>" in shown and "odds 3 times</small>" in shown
    assert not any(fixed in shown for fixed in ("80 %", "80\N{NO-BREAK SPACE}%", "dobro", "metade"))
