"""How names are spelt, and the law of a surname's slot."""

from __future__ import annotations

import numpy as np
import pytest

from census import names


@pytest.fixture(scope="module")
def lexicon(spark):
    candidates = spark.createDataFrame(
        [
            ("LUCIA", "Lucia", 0.81),
            ("CLAUDIA", "Claudia", 0.85),
            ("ANTONIA", "Antonia", 0.9),
            ("JOSE", "José", 0.51),
            ("ROSA", "Rosa", 0.99),
            ("ANGELA", "Angela", 0.7),
        ],
        "name string, form string, share double",
    )
    labels = ["Lucía", "Lúcia", "Clàudia", "Cláudia", "Antónia", "Antonía", "Rósa", "Angéla"]
    reviewed = spark.createDataFrame(
        [("given", "Graças"), ("given", "Ângela"), ("surname", "Araújo")], "kind string, form string"
    )
    found = names.accent_lexicon(candidates, spark.createDataFrame([(x,) for x in labels], "label string"), reviewed)
    return {row["name"]: row["accented"] for row in found.collect()}


@pytest.mark.parametrize(
    ("name", "spelling"),
    [("LUCIA", "Lúcia"), ("CLAUDIA", "Cláudia"), ("ANTONIA", "Antônia"), ("JOSE", "José"), ("ROSA", "Rosa")],
)
def test_first_names_are_spelt_as_in_brazil(lexicon, name, spelling):
    assert lexicon[name] == spelling


def test_a_reviewed_spelling_comes_before_all_others(lexicon):
    assert lexicon["ANGELA"] == "Ângela"
    assert lexicon["GRACAS"] == "Graças"
    assert "ARAUJO" not in lexicon


def test_bearers_of_a_surname_are_as_many_as_in_the_census():
    share, slots = np.array([0.12, 0.05, 0.001]), np.array([0.4, 0.5, 0.1])
    rest = 1.0 - np.linspace(0.0001, 0.01, 200)
    share = np.concatenate([share, 1 - rest])
    law = names.slot_law(share, slots)
    # The law is normalised over the slots; scaled back it gives each surname its share of bearers.
    scaled = law / law[0] * _root(share[0], slots)
    borne = 1 - ((1 - scaled)[:, None] ** np.arange(1, 4)) @ slots
    assert np.allclose(borne, share, atol=1e-9)
    assert law.sum() == pytest.approx(1.0)


def _root(share: float, slots: np.ndarray) -> float:
    low, high = 0.0, 1.0
    for _ in range(80):
        p = (low + high) / 2
        low, high = (p, high) if 1 - ((1 - p) ** np.arange(1, 4)) @ slots < share else (low, p)
    return p
