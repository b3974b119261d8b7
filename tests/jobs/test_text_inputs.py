"""Settings of the checks of texts."""

from __future__ import annotations

import pytest

from census.errors import ConfigError
from conf import settings
from conf.settings import SettingsError
from jobs import _text_inputs
from udfs import parsing
from udfs.checks import ReasonCode


def test_the_packaged_settings_are_the_defaults_of_the_checks():
    assert _text_inputs.bounds_of(settings.load()) == parsing.Bounds()


def test_a_setting_moves_the_bound_of_its_check():
    options = {"validate.max_list_items": 5, "validate.min_list_items": 4, "validate.warn_only": ["loop"]}
    bounds = _text_inputs.bounds_of(settings.load(options=options))
    (problem,) = parsing.check_field(1, "hobbies_and_interests_list", ["Forró", "Crochê", "Dominó"], {}, bounds)
    assert problem.reason is ReasonCode.LIST_INVALID and "de 4 a 5" in problem.message
    assert not bounds.limits.rejects(ReasonCode.LOOP) and bounds.limits.rejects(ReasonCode.SLUR)


@pytest.mark.parametrize("what", ["narrative_characters", "persona_characters", "list_items"])
def test_bounds_that_no_answer_could_keep_are_refused(what: str):
    swapped = {f"validate.min_{what}": 8, f"validate.max_{what}": 7}
    with pytest.raises(SettingsError, match=f"min_{what} = 8 is more than max_{what} = 7"):
        settings.load(options=swapped)


def test_a_check_that_does_not_exist_cannot_be_made_a_warning():
    with pytest.raises(ConfigError, match="no check: lop"):
        _text_inputs.bounds_of(settings.load(options={"validate.warn_only": ["lop"]}))
