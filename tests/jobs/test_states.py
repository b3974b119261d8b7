"""How a total is shared out among states, and what makes the work of a state stale."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from census.errors import ConfigError
from conf import settings
from conf.settings import STAGES
from jobs import _states

PACKAGES = Path(_states.__file__).parents[1]
TWO = {"AC": 830_018, "SP": 44_411_238}


@pytest.mark.parametrize("total", [1, 26, 27, 1000, 100_003])
def test_a_total_is_shared_out_to_the_last_record(total):
    assert sum(_states.sainte_lague(total, _states.population()).values()) == total


def test_no_state_loses_a_record_when_the_total_grows():
    weights = _states.population()
    shares = [_states.sainte_lague(total, weights) for total in range(600)]
    assert all(more[uf] >= less[uf] for less, more in itertools.pairwise(shares) for uf in weights)


def test_a_large_total_is_shared_out_by_population():
    people = _states.population()
    shares = _states.sainte_lague(1_000_000, people)
    everyone = sum(people.values())
    assert all(abs(shares[uf] - 1_000_000 * persons / everyone) < 1 for uf, persons in people.items())


def test_the_smallest_total_is_the_first_that_leaves_no_state_empty():
    least = _states.smallest_total(TWO)
    assert _states.sainte_lague(least - 1, TWO)["AC"] == 0
    assert _states.sainte_lague(least, TWO)["AC"] == 1


def test_a_total_that_leaves_a_state_empty_never_means_everyone_of_it():
    least = _states.smallest_total({uf: _states.population()[uf] for uf in TWO})
    few = settings.load(options={"run.ufs": "AC,SP", "run.records": 0, "run.total": least - 1})
    with pytest.raises(ConfigError, match=f"leaves AC without a record: {least} is the least for these states"):
        _states.records(few)
    enough = settings.load(options={"run.ufs": "AC,SP", "run.records": 0, "run.total": least})
    assert _states.records(enough) == {"AC": 1, "SP": least - 1}


PROGRAM = """
import json, sys
from conf import settings
from jobs import _states

def road():
    _states._code.cache_clear()
    return {stage: digests["AC"] for stage, digests in _states.fingerprints(settings.load()).items() if "AC" in digests}

states = [road()]
for name in sys.argv[1:]:
    with open(name, "a") as file:
        file.write("\\n")
    states.append(road())
print(json.dumps(states))
"""


def test_a_change_of_bounds_measures_rules_or_prompts_makes_the_stages_that_depend_on_it_stale(tmp_path):
    for package in ("census", "conf", "jobs", "udfs"):
        shutil.copytree(PACKAGES / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__", "pnadc*"))
    changed = {
        "conf/quality.toml": "validate",
        "census/quality.py": "validate",
        "census/expectation.py": "validate",
        "conf/prompts/personas.txt": "write_text",
        "conf/rules.toml": "fit",
        "jobs/_card.py": "publish",
        "udfs/traits.py": "write_text",
        "udfs/titles.py": "sample",
        "census/tables/persons.py": STAGES[0],
    }
    environment = os.environ | {"PYTHONPATH": str(tmp_path), "PYTHONSAFEPATH": "1"}
    command = [sys.executable, "-c", PROGRAM, *changed]
    ran = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    before, *states = json.loads(ran.stdout)
    for first, after in zip(changed.values(), states, strict=True):
        stale = [stage for stage in before if before[stage] != after[stage]]
        assert stale == [stage for stage in STAGES[STAGES.index(first) :] if stage in before]
        before = after
