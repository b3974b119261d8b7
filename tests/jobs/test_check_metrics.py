"""Figures of the checks of texts."""

from __future__ import annotations

from jobs import _check_metrics
from udfs.checks import Limits, planted
from udfs.parsing import Bounds


def test_each_check_has_its_recall_by_half_its_precision_and_its_false_alarms():
    figures = {figure.name: figure for figure in _check_metrics.planted_errors(Bounds())}
    assert all(figure.uf is None and 0 <= figure.value <= 1 for figure in figures.values())
    for half, name in _check_metrics.RECALL.items():
        assert figures[name].value >= 0.95
        assert figures[name].n == sum(1 for _ in planted.planted(half))
        for reason in planted.REASONS.values():
            assert figures[f"{name}: {reason.value}"].value >= 0.95
    twins = sum(1 for half in _check_metrics.RECALL for _ in planted.planted(half))
    assert figures["share of clean twins refused"].value <= 0.005
    for reason in planted.REASONS.values():
        assert figures[f"{_check_metrics.PRECISION}: {reason.value}"].n > 0
        assert figures[f"{_check_metrics.ALARMS}: {reason.value}"].n == twins


def test_a_loose_threshold_shows_in_the_recall():
    loose = Bounds(limits=Limits(min_portuguese_probability=0.0))
    figures = {figure.name: figure.value for figure in _check_metrics.planted_errors(loose)}
    assert figures["recall of planted errors: not_portuguese"] == 0


def test_warnings_are_shares_of_records_by_state_and_together(spark):
    rows = [("AC", ["cliche"]), ("AC", []), ("SE", []), ("SE", ["cliche", "loop"])]
    texts = spark.createDataFrame(rows, "uf string, warnings array<string>")
    found = {
        (figure.uf, figure.name.split(": ")[1]): (figure.value, figure.n) for figure in _check_metrics.warnings(texts)
    }
    assert found == {
        ("AC", "cliche"): (0.5, 2),
        ("SE", "cliche"): (0.5, 2),
        ("SE", "loop"): (0.5, 2),
        (None, "cliche"): (0.5, 4),
        (None, "loop"): (0.25, 4),
    }
