"""Held-out fit, calibration and design effects on small drawn surveys."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from pyspark.sql import functions as F

from census import codes, counts, design_effects, held_out_fit
from census.held_out_fit import CodedFamily, Persons
from jobs import condition

STATES = len(codes.STATES)
FAMILY = CodedFamily("answer", ("sex", "age"))


def make_survey(persons: int = 40_000, *, upas: int = 2_000, clustered: float = 0.0, seed: int = 3) -> Persons:
    """Persons whose answer (0 to 3) depends on state, sex and, weakly, age; `clustered` adds what a UPA shares."""
    rng = np.random.default_rng(seed)
    upa = rng.integers(upas, size=persons)
    columns = {
        "uf": upa % STATES,
        "sex": rng.integers(2, size=persons),
        "age": rng.integers(5, size=persons),
        "noise": rng.integers(6, size=persons),
    }
    score = rng.gumbel(size=(persons, 4)) + clustered * rng.normal(size=(upas, 4))[upa]
    score += 0.7 * rng.normal(size=(STATES, 4))[columns["uf"]] + rng.normal(size=(2, 4))[columns["sex"]]
    score += 0.2 * rng.normal(size=(5, 4))[columns["age"]]
    columns["answer"] = score.argmax(axis=1)
    weights = rng.gamma(4.0, size=upas)[upa]
    sizes = {"uf": STATES, "sex": 2, "age": 5, "noise": 6, "answer": 4}
    return Persons(columns, sizes, weights, upa, upa % STATES)


SURVEY = make_survey()


def test_a_upa_is_never_cut_and_the_halves_are_about_equal():
    fold = held_out_fit.split_by_upa(SURVEY.upa)
    assert all(len(set(fold[SURVEY.upa == upa])) == 1 for upa in range(50))
    assert 0.45 < fold.mean() < 0.55


def test_the_order_of_the_persons_changes_no_score():
    order = np.random.default_rng(1).permutation(len(SURVEY.weights))
    shuffled = Persons(
        {name: values[order] for name, values in SURVEY.columns.items()},
        SURVEY.sizes,
        SURVEY.weights[order],
        SURVEY.upa[order],
        SURVEY.stratum[order],
    )
    scores = [
        held_out_fit.log_likelihood(held_out_fit.parts(survey, FAMILY), held_out_fit.independence)
        for survey in (SURVEY, shuffled)
    ]
    assert scores[0] == pytest.approx(scores[1], abs=1e-12)


def test_the_score_of_a_known_table_is_its_weighted_mean_logarithm():
    persons = Persons(
        {"uf": np.zeros(4, int), "answer": np.array([0, 0, 1, 1])},
        {"answer": 2},
        np.array([1.0, 1.0, 1.0, 3.0]),
        np.arange(4),
        np.zeros(4, int),
    )
    law = np.array([0.25, 0.75])
    tables = held_out_fit.parts(persons, CodedFamily("answer", ()))
    score = held_out_fit.log_likelihood(tables, lambda weights, squares: np.broadcast_to(law, weights.shape))
    share = held_out_fit.UNIFORM_SHARE
    mixed = (1 - share) * law + share / 2
    assert score == pytest.approx((2 * np.log(mixed[0]) + 4 * np.log(mixed[1])) / 6)


def test_the_networks_estimator_is_first_and_every_rival_is_scored_on_the_same_persons():
    found = held_out_fit.compare(SURVEY, {"answer": FAMILY}, design_effect=1.1, grid=(100.0, 400.0))
    assert found.iloc[0]["estimator"] == "ours"
    assert set(found["estimator"]) >= {"MLE", "BDeu(10)", "national", "independence", "saturated by state"}
    assert (found["rows"] == len(SURVEY.weights)).all()
    assert (found["behind"].to_numpy()[1:] > 2 * found["behind_error"].to_numpy()[1:]).any()


def test_a_parent_that_matters_is_missed_and_noise_is_not():
    family = CodedFamily("answer", ("sex", "age", "noise"))
    lost = held_out_fit.without_parent(SURVEY, family, design_effect=1.1).set_index("parent")["lost"]
    assert lost["sex"] > lost["age"] > 0.001
    assert lost["uf"] > 0.01
    assert abs(lost["noise"]) < 0.002


def test_a_parent_with_gaps_is_dropped_over_the_same_persons():
    gap = SURVEY.columns["age"].copy()
    gap[::3] = -1
    holed = replace(SURVEY, columns=SURVEY.columns | {"age": gap})
    found = held_out_fit.without_parent(holed, FAMILY, design_effect=1.1)
    assert (found["rows"] == (gap >= 0).sum()).all()


def test_values_within_a_group_get_tables_of_their_own():
    columns = SURVEY.columns | {"group": SURVEY.columns["answer"] // 2}
    survey = replace(SURVEY, columns=columns, sizes=SURVEY.sizes | {"group": 2})
    tables = held_out_fit.parts(survey, CodedFamily("answer", ("sex",), within="group"))
    assert [list(table.values) for table in tables] == [[0, 1], [2, 3]]
    assert sum(len(table.place) for table in tables) == len(SURVEY.weights)


def test_a_model_of_the_right_form_is_calibrated_and_a_wrong_one_is_not():
    tables = held_out_fit.parts(make_survey(clustered=0.4), FAMILY)
    score = partial(held_out_fit.calibration, tables, keep=(0, 1), design_effect=1.1, repeats=8)
    right, wrong = score(held_out_fit.ours(1.1)), score(partial(held_out_fit.national, design_effect=1.1))
    assert right.inside > 0.9
    assert wrong.inside < 0.8
    assert right.design_effect > 1.1


# ----------------------------------------------------------------------------------------- design effects
def test_persons_drawn_alone_have_a_design_effect_of_one_and_neighbours_who_agree_a_larger():
    effects = []
    for clustered in (0.0, 1.5):
        survey = make_survey(clustered=clustered)
        cell, value = survey.columns["uf"], survey.columns["answer"]
        variance = design_effects.linearised(
            cell, value, survey.weights, survey.upa, survey.stratum, cells=STATES, values=4
        )
        w = np.bincount(cell * 4 + value, survey.weights, STATES * 4).reshape(STATES, 4)
        total, squares = w.sum(axis=1), np.bincount(cell, survey.weights**2, STATES)
        share = w / total[:, None]
        effects.append(variance.sum() / (share * (1 - share) * (squares / total**2)[:, None]).sum())
    assert effects[0] == pytest.approx(1.0, abs=0.1)
    assert effects[1] > 3.0


def test_sums_taken_in_spark_give_the_design_effects_of_the_persons_in_memory(spark):
    survey = make_survey(3_000, upas=150, clustered=1.0)
    family = counts.Family("answer", ("sex", "age"), "answer < 4")
    rows = [
        (codes.UFS[uf], int(stratum), int(upa), int(sex), int(age), int(answer), float(weight))
        for uf, stratum, upa, sex, age, answer, weight in zip(
            survey.columns["uf"],
            survey.stratum,
            survey.upa,
            survey.columns["sex"],
            survey.columns["age"],
            survey.columns["answer"],
            survey.weights,
            strict=True,
        )
    ]
    people = spark.createDataFrame(
        rows, "uf string, stratum int, upa int, sex int, age int, answer int, weight_persons double"
    ).withColumn("region", F.lit("Norte"))
    domains = {name: tuple(map(str, range(8))) for name in ("sex", "age", "answer")}
    added = condition.sums_of(people, {"answer": family}, domains, design_upa_share=1)
    sums = design_effects.upa_sums(added).toPandas()
    found = design_effects.design_effects(sums, min_effective_persons=0).set_index("level")["design_effect"]
    cells = {"uf": survey.columns["uf"], "br": survey.columns["sex"] * 5 + survey.columns["age"]}
    for level, cell in cells.items():
        size = int(cell.max()) + 1
        variance = design_effects.linearised(
            cell, survey.columns["answer"], survey.weights, survey.upa, survey.stratum, cells=size, values=4
        )
        w = np.bincount(cell * 4 + survey.columns["answer"], survey.weights, size * 4).reshape(size, 4)
        total, squares = w.sum(axis=1), np.bincount(cell, survey.weights**2, size)
        share = w / total[:, None]
        simple = (share * (1 - share) * (squares / total**2)[:, None]).sum()
        assert found[level] == pytest.approx(variance.sum() / simple, rel=1e-6)
