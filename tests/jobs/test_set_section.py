"""What the page shows of the set of texts."""

from __future__ import annotations

from jobs import _set_section


def metric(family: str, name: str, value: float, **given: object) -> dict[str, object]:
    row = {"uf": "BR", "family": family, "name": name, "value": value, "n": 10, "bound": None, "passed": None}
    return row | given


def test_figures_of_a_field_stand_in_one_row_with_the_verdict_on_near_duplicates():
    near = metric("set", "share of near duplicates: professional_persona", 0.02, bound=0.005, passed=False)
    rows = [near, metric("set", "pairs compared: professional_persona", 7.0)]
    found = _set_section.section(rows)
    (field,) = found["fields"]
    assert (field["name"], field["near"], field["pairs"], field["passed"]) == ("professional_persona", 0.02, 7.0, False)
    assert field["opening"] is None and found["bound"] == 0.005
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
    assert (found["fields"], found["groups"], found["race"], found["bound"]) == ([], [], None, None)
