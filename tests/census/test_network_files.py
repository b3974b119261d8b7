"""The files hold the network: what is read back answers alike, in pgmpy too."""

from __future__ import annotations

import json

import numpy as np
import pytest
from pgmpy.inference import VariableElimination
from pgmpy.readwrite import XMLBIFReader

from census import inference, network_files
from census.errors import SchemaError


def test_the_network_comes_back_from_json_as_it_was(nodes):
    again = network_files.from_json(network_files.to_json(nodes, uf="AC", model_version="x"))
    assert [n.name for n in again] == [n.name for n in nodes]
    for before, after in zip(nodes, again, strict=True):
        assert (before.parents, before.values, before.grade, before.source) == (
            after.parents,
            after.values,
            after.grade,
            after.source,
        )
        assert (before.table == after.table).all()
        assert (before.effective_persons is None) == (after.effective_persons is None)
        if before.effective_persons is not None:
            assert np.allclose(before.effective_persons, after.effective_persons, atol=1e-3)


def test_json_of_another_format_is_refused():
    with pytest.raises(SchemaError, match="povo-network-1"):
        network_files.from_json('{"format": "other"}')


def test_pgmpy_reads_the_xmlbif_and_answers_as_we_do(nodes):
    text = network_files.to_xmlbif(nodes, name="AC")
    assert text.isascii()
    read = XMLBIFReader(string=text).get_model()
    ours = inference.bayesian_network(nodes)
    assert set(read.edges()) == set(ours.edges())
    read.check_model()
    evidence = {"sex": "v0", "activity": "v0"}
    mine, theirs = (
        VariableElimination(m).query(["income_band", "race"], evidence=evidence, show_progress=False)
        for m in (ours, read)
    )
    assert np.allclose(mine.values, theirs.values, atol=1e-8)


def test_the_codes_of_the_xmlbif_are_explained_in_the_json(nodes):
    document = json.loads(network_files.to_json(nodes, uf="AC", model_version="x"))
    ours = inference.bayesian_network(nodes)
    assert {name: list(named) for name, named in document["codes"].items()} == {n: ours.states[n] for n in ours.nodes()}
    assert document["codes"]["race"]["v4"] == "indígena"
    assert document["codes"]["position"]["v10"] == "(não trabalha)"
