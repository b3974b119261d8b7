"""A faults file: what it may say, and what is said of a wrong one."""

from __future__ import annotations

from pathlib import Path

import pytest

from census.errors import ConfigError
from jobs._faults import KEYS, read_faults
from jobs._shapes import SHAPES

DOWN = "[[fault]]\nkind = 'down'\nfrom_seconds = {}\nuntil_seconds = {}\n"


def read(tmp_path: Path, text: str):
    path = tmp_path / "faults.toml"
    path.write_text(text)
    return read_faults(path)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[[fault]]\nkind = 'status'\nstatus = 503\nevry = 7", "fault 1: unknown key 'evry'"),
        ("[[fault]]\nkind = 'reset'\nseconds = 1", "unknown key 'seconds'"),
        ("[[fault]]\nkind = 'reset'\n[[fault]]\nkind = 'explode'", "fault 2: kind is 'explode'"),
        ("[[fault]]\nkind = 'status'", "needs status"),
        ("[[fault]]\nkind = 'status'\nstatus = true", "status is True"),
        ("[[fault]]\nkind = 'status'\nstatus = 503\npage = 'blue'", "page is 'blue', but must be error or flat"),
        ("[[fault]]\nkind = 'status'\nstatus = 503\nretry_after_date = 'soon'", "retry_after_date is 'soon'"),
        ("[[fault]]\nkind = 'malformed'\nshape = 'round'", "shape is 'round'"),
        ("[[fault]]\nkind = 'latency'\nseconds = -1", "seconds is -1"),
        ("[[fault]]\nkind = 'latency'\nseconds = 1\nlaw = 'normal'", "law is 'normal'"),
        ("[[fault]]\nkind = 'latency'\nseconds = 1\nlaw = 'lognormal'", "the law lognormal needs sigma"),
        ("[[fault]]\nkind = 'latency'\nseconds = 1\nsigma = 1", "the law constant takes no sigma"),
        ("[[fault]]\nkind = 'latency'\nseconds = 2\nlaw = 'uniform'\nmax_seconds = 1", "max_seconds is less than"),
        ("[[fault]]\nkind = 'latency'\nseconds = 1\nslow_share = 0.1", "slow_share and slow_factor go together"),
        ("[[fault]]\nkind = 'reset'\nevery = 0", "every is 0"),
        ("[[fault]]\nkind = 'reset'\nrate = 5", "rate is 5, but must be a share from 0 to 1"),
        ("[[fault]]\nkind = 'reset'\nrate = 0.1\nevery = 3", "rate stands alone"),
        ("[[fault]]\nkind = 'reset'\nfrom_seconds = 3\nuntil_seconds = 3", "until_seconds must be greater"),
        ("[[fault]]\nkind = 'reset'\nfrom_seconds = inf", "from_seconds is inf"),
        ("[[fault]]\nkind = 'reset'\nafter_share = 1.5", "after_share is 1.5"),
        ("[[fault]]\nkind = 'drip'", "a drip needs seconds"),
        ("[[fault]]\nkind = 'garbage'\nbytes = 3", "unknown key 'bytes'"),
        ("[[fault]]\nkind = 'hang'\nseconds = 'long'", "seconds is 'long'"),
        ("[[fault]]\nkind = 'down'\nfrom_seconds = 1", "a down needs until_seconds"),
        ("[[fault]]\nkind = 'slots'\nslots = 0", "slots is 0"),
        ("[[fault]]\nkind = 'slots'\nslots = 2\nevery = 2", "unknown key 'every'; a slots takes kind, slots"),
        ("[[fault]]\nkind = 'slots'\nslots = 2\nmax_queued = -1", "max_queued is -1"),
        ("[[fault]]\nkind = 'slots'\nslots = 2\nstatus = 429", "need max_queued"),
        ("[[fault]]\nkind = 'tokens'", "needs per_second or each_per_second"),
        ("[[fault]]\nkind = 'tokens'\nper_second = 0", "per_second is 0"),
        ("[[fault]]\nkind = 'reset'\nrate = 0.6\n[[fault]]\nkind = 'hang'\nrate = 0.6", "at 0 s add up to 1.2"),
        (f"{DOWN.format(1, 5)}{DOWN.format(3, 4)}", "two down overlap at 3 s"),
        ("[fault]\nkind = 'reset'", "two brackets"),
        ("[[bench]]\nseed = 1", "[bench] with one bracket"),
        ("[bench]\nsed = 1", "bench: unknown key 'sed'; it takes seed"),
        ("[bench]\nseed = 1.5", "seed is 1.5"),
        ("[bench]\nanswer_bytes = 3", "answer_bytes is 3"),
        ("[[faults]]\nkind = 'reset'", "unknown key 'faults'"),
        ("[[fault]", "cannot be read as TOML"),
    ],
)
def test_a_wrong_faults_file_names_the_file_the_entry_and_the_key(tmp_path: Path, text: str, named: str):
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text)
    said = str(caught.value)
    assert named in said and said.startswith(str(tmp_path / "faults.toml")) and "\n" not in said


def test_rates_that_are_on_at_different_times_need_not_share_one(tmp_path: Path):
    entry = "[[fault]]\nkind = 'reset'\nrate = 0.9\n"
    bench = read(tmp_path, f"{entry}until_seconds = 2\n{entry}from_seconds = 2\n")
    assert [fault.is_on(2) for fault in bench.faults] == [False, True]


def test_the_packaged_file_plays_twelve_classes_at_five_per_cent_each_with_every_kind_and_shape():
    bench = read_faults(Path("all"))
    rated = [fault for fault in bench.faults if fault.rate is not None]
    assert {fault.kind for fault in bench.faults} == set(KEYS) - {"tokens"}
    assert {fault.shape for fault in rated if fault.shape} == set(SHAPES) - {"reasoning"}  # this one harms nobody
    assert sum(fault.rate or 0.0 for fault in rated) == pytest.approx(12 * 0.05)


def test_a_file_named_all_is_not_the_packaged_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    Path("all").write_text("[bench]\nseed = 7\n")
    assert (read_faults(Path("all")).seed, read_faults(Path("all")).faults) == (7, ())
