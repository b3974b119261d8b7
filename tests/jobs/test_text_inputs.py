"""Settings of the checks of texts."""

from __future__ import annotations

import pytest

from census.errors import ConfigError
from conf import settings
from jobs import _text_inputs
from udfs import parsing
from udfs.checks import ReasonCode


def test_the_packaged_settings_are_the_defaults_of_the_checks():
    assert _text_inputs.bounds_of(settings.load()) == parsing.Bounds()


def test_a_setting_moves_the_bound_of_its_check():
    options = {"validate.max_list_items": 2, "validate.min_list_items": 1, "validate.warn_only": ["loop"]}
    bounds = _text_inputs.bounds_of(settings.load(options=options))
    (problem,) = parsing.check_field(1, "hobbies_and_interests_list", ["Forró", "Crochê", "Dominó"], {}, bounds)
    assert problem.reason is ReasonCode.LIST_INVALID and "de 1 a 2" in problem.message
    assert not bounds.limits.rejects(ReasonCode.LOOP) and bounds.limits.rejects(ReasonCode.SLUR)


def test_a_check_that_does_not_exist_cannot_be_made_a_warning():
    with pytest.raises(ConfigError, match="no check: lop"):
        _text_inputs.bounds_of(settings.load(options={"validate.warn_only": ["lop"]}))
