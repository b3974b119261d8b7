"""What the network asserts is listed whole, and what the data say against it is measured beside its noise."""

from __future__ import annotations

import numpy as np
import pytest

from census.assumptions import independences, left_out, permuted_floor, residual_information
from census.held_out_fit import CodedFamily, Persons


def test_every_earlier_variable_that_is_no_parent_is_assumed_away(nodes):
    found = {claim.node: claim for claim in independences(nodes, before=("uf",))}
    assert found["religion"].omitted == ("uf", "age_band", "education_level", "zone")
    assert str(found["pay_class"]).startswith("pay_class is independent of uf, sex, age_band, race")
    assert str(found["pay_class"]).endswith("given occupation_cod")
    pairs = sum(range(len(nodes))) + len(nodes)
    edges = sum(len(node.parents) for node in nodes)
    assert sum(len(claim.omitted) for claim in found.values()) == pairs - edges


def test_a_parent_that_is_drawn_later_is_refused(nodes):
    with pytest.raises(ValueError, match="pay_class has parents that are drawn after it: occupation_cod"):
        independences([node for node in nodes if node.name != "occupation_cod"])


def test_the_information_is_that_of_the_textbook():
    # One bit: the omitted variable says the value, within each of two parent cells.
    counts = np.array([[[50.0, 0.0], [0.0, 50.0]], [[0.0, 10.0], [10.0, 0.0]]])
    found = residual_information(counts, counts)
    assert found.bits == pytest.approx(1.0)
    assert found.effective_persons == pytest.approx(120.0)
    assert found.floor == pytest.approx((100 / 120 / 200 + 20 / 120 / 40) / np.log(2))


def test_independent_tables_hold_no_information_and_parents_explain_it():
    law = np.einsum("p,po,pv->pov", [0.5, 0.5], [[0.9, 0.1], [0.1, 0.9]], [[0.8, 0.2], [0.3, 0.7]]) * 1000
    assert residual_information(law, law).bits == pytest.approx(0.0, abs=1e-12)
    pooled = law.sum(axis=0, keepdims=True)
    assert residual_information(pooled, pooled).bits > 0.05


def test_the_floor_is_what_samples_of_an_independent_law_show():
    draw = np.random.default_rng(1)
    law = np.einsum("p,po,pv->pov", [0.6, 0.4], [[0.5, 0.3, 0.2], [0.2, 0.2, 0.6]], [[0.4, 0.6], [0.7, 0.3]])
    samples = [draw.multinomial(4000, law.ravel()).reshape(law.shape).astype(float) for _ in range(300)]
    bits = np.mean([residual_information(s, s).bits for s in samples])
    floor = residual_information(samples[0], samples[0]).floor
    assert bits == pytest.approx(floor, rel=0.1)
    assert permuted_floor(samples[0].astype(int), seed=1, rounds=200) == pytest.approx(floor, rel=0.15)


def test_unequal_weights_and_clusters_raise_the_floor():
    counts = np.full((1, 2, 2), 100.0)
    plain, weighted = residual_information(counts, counts), residual_information(counts, counts * 3)
    assert weighted.floor == pytest.approx(3 * plain.floor)
    assert residual_information(counts, counts, design_effect=2.0).floor == pytest.approx(2 * plain.floor)


def test_a_cell_with_one_row_tells_nothing():
    counts = np.array([[[5.0, 5.0], [0.0, 0.0]]])
    found = residual_information(counts, counts)
    assert (found.bits, found.floor, found.effective_persons) == (0.0, 0.0, 0.0)


def test_a_table_without_weight_is_refused():
    with pytest.raises(ValueError, match="no weight"):
        residual_information(np.zeros((1, 2, 2)), np.zeros((1, 2, 2)))


def test_what_a_variable_that_is_no_parent_tells_is_found_above_its_floor():
    draw = np.random.default_rng(5)
    persons = 20_000
    sex, zone = draw.integers(0, 2, persons), draw.integers(0, 2, persons)
    follows_zone = np.where(draw.random(persons) < 0.8, zone, sex)
    columns = {"sex": sex, "zone": zone, "race": draw.integers(0, 5, persons), "child": follows_zone}
    columns["child"] = np.where(np.arange(persons) < 10, -1, columns["child"])
    unit = np.arange(persons)
    surveyed = Persons(columns, {}, np.ones(persons), unit, unit)
    family = CodedFamily("child", ("sex",))
    told = left_out(surveyed, family, "zone", design_effect=1.0)
    noise = left_out(surveyed, family, "race", design_effect=1.0)
    assert told.bits > 0.3 > 100 * told.floor
    assert noise.bits == pytest.approx(noise.floor, abs=4 * noise.floor)
    assert told.effective_persons == pytest.approx(persons - 10)
