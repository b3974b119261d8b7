"""Wrong usage: one sentence on stderr, exit status 2, and nothing made, for all of it is found before Spark starts."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import pytest
from typer.testing import CliRunner

from conf.settings import STAGES, UFS
from jobs import _cli, _storage

OTHERS = ("plan", "report", "status", "ask", "person", "serve")


class Ended(NamedTuple):
    status: int
    stdout: str
    stderr: str


def povo(*words: str) -> Ended:
    result = CliRunner().invoke(_cli.app, list(words))
    plain = [re.sub(r"\x1b\[[0-9;]*m", "", text) for text in (result.stdout, result.stderr)]
    return Ended(result.exit_code, *plain)


def complaint(ended: Ended) -> str:
    """What a refused command said: its one sentence."""
    assert (ended.status, ended.stdout) == (2, ""), ended.stderr
    said = ended.stderr.strip()
    in_a_box = re.search(r"╮\s*│\s*(.*?)\s*│\s*╰", said)
    if in_a_box:
        return in_a_box[1]
    assert said.startswith("povo: ") and "\n" not in said and "unexpected" not in said
    return said.removeprefix("povo: ")


@pytest.fixture()
def data(tmp_path: Path) -> Iterator[Path]:
    """A data folder that must not be there afterwards: a run makes it before it starts Spark."""
    yield tmp_path / "data"
    assert not (tmp_path / "data").exists()


@pytest.fixture()
def overlay(tmp_path: Path) -> Path:
    return tmp_path / "mine.toml"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--uf", "AC,XX"], f"--uf: unknown state XX; known: {' '.join(sorted(UFS))}, or all"),
        (["--uf", ","], "--uf: no state given; for example AC,SE or all"),
        (["--records", "0"], "--records must be 1 or more, not 0."),
        (["--records", "-5"], "--records must be 1 or more, not -5."),
        (["--total", "0"], "--total must be 1 or more, not 0."),
        (["--records", "5", "--total", "5"], "--records and --total say different things: give one of them."),
        (["--records", "5", "--whole"], "--records and --whole say different things: give one of them."),
        (["--records", "ten"], "Invalid value for '--records': 'ten' is not a whole number."),
        (["--seed", "1.5"], "Invalid value for '--seed': '1.5' is not a whole number."),
        (["--seed", "-1"], "--seed: must be greater than or equal to 0, not -1"),
        (["--from", "draw"], f"--from draw: no such stage; the stages are {', '.join(STAGES)}."),
        (["--until", "draw"], f"--until draw: no such stage; the stages are {', '.join(STAGES)}."),
        (["--from", "sample", "--until", "fit"], "--until fit comes before --from sample."),
        (
            ["--uf", "AC,SP", "--total", "27"],
            "--total 27 leaves AC without a record: 28 is the least for these states.",
        ),
        (["--set", "sample.min_age_years=16"], "--set sample.min_age_years: must be 0 or 18, not 16"),
        (["--from", "write_text", "--whole"], "--whole ends after sample, which comes before --from write_text."),
    ],
)
def test_a_wrong_option_is_refused_with_the_reason(data, words, sentence):
    assert complaint(povo("run", "--data", str(data), *words)) == sentence


@pytest.mark.parametrize("words", [["--whole", "--until", "publish"], ["--set", "sample.min_age_years=0"]])
def test_texts_of_children_are_refused_before_anything_is_drawn(data, words):
    assert complaint(povo("run", "--data", str(data), *words)).startswith("Texts are written for persons of 18 and")


@pytest.mark.parametrize("stage", STAGES[STAGES.index("write_text") :])
@pytest.mark.parametrize("words", [["--whole"], ["--set", "sample.min_age_years=0"]])
def test_a_stage_of_texts_refuses_children_before_spark_starts(data, stage, words):
    assert complaint(povo(stage, "--data", str(data), *words)).startswith("Texts are written for persons of 18 and")


@pytest.mark.parametrize(
    ("assignment", "sentence"),
    [
        (
            "llm.model",
            "--set llm.model: expected section.key=value, for example --set llm.max_in_flight=64",
        ),
        ("seed=3", "--set seed=3: expected section.key=value, for example --set llm.max_in_flight=64"),
        ("llm.max_in_fligt=3", "--set llm.max_in_fligt: unknown key; did you mean llm.max_in_flight?"),
        ("lm.model=x", "--set lm: unknown key; did you mean llm?"),
        ("publish.qqq=1", "--set publish.qqq: unknown key; known: publish.occupation, publish.allow_mixed, "),
        ("llm.max_in_flight=lots", "--set llm.max_in_flight: must be a valid integer, not 'lots'"),
        ("run.whole=perhaps", "--set run.whole: must be a valid boolean, not 'perhaps'"),
        ("publish.occupation=both", "--set publish.occupation: must be 'title' or 'group', not 'both'"),
        ("run.records=0", "--set run: nothing to do: give records (per state), total, or whole"),
        ("llm.endpoints=3", "--set llm.endpoints: must be a list or a text with commas, not 3"),
    ],
)
def test_a_wrong_assignment_is_refused_with_key_and_reason(data, assignment, sentence):
    assert complaint(povo("run", "--data", str(data), "--set", assignment)).startswith(sentence)


@pytest.mark.parametrize(
    "url", ["127.0.0.1:8000/v1", "ftp://host/v1", "http://host:8000", "http:///v1", "http://host:port/v1"]
)
def test_an_endpoint_must_be_a_base_url_that_ends_in_v1(data, url):
    refused = povo("run", "--data", str(data), "--set", f"llm.endpoints=http://good:1/v1,{url}")
    assert complaint(refused).startswith(f"--set llm.endpoints: {url!r} must be an http or https URL that ends in /v1")


def test_a_key_in_an_endpoint_is_refused_and_not_repeated(data):
    refused = povo("run", "--data", str(data), "--set", "llm.endpoints=http://me:secret@host/v1")
    assert "llm.api_key_env" in complaint(refused)
    assert "secret" not in refused.stderr


def test_a_password_in_the_address_of_the_journal_is_refused_and_not_repeated(data):
    refused = povo("run", "--data", str(data), "--set", "journal.folder=s3://me:secret@bucket/journal")
    assert complaint(refused) == (
        "--set journal.folder: an address holds no user and password; they are read from the environment"
    )
    assert "secret" not in refused.stderr


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[llm]\nmax_in_fligt = 3\n", "llm.max_in_fligt: unknown key; did you mean llm.max_in_flight?"),
        ("[llm]\nmax_tries = 0\n", "llm.max_tries: must be greater than or equal to 1, not 0"),
        ("llm = 3\n", "llm: must be a table of keys, not 3"),
        ("[sources.marital_votes]\npath = 'x'\n", "sources: there is no source 'marital_votes'; did you mean marital_"),
        ("[sources.mei_uf]\nfile = 'x'\n", "sources.mei_uf.path: is missing"),
    ],
)
def test_a_wrong_overlay_is_refused_with_its_name_and_key(data, overlay, text, sentence):
    overlay.write_text(text)
    assert complaint(povo("run", "--data", str(data), "--conf", str(overlay))).startswith(f"{overlay}: {sentence}")


def test_an_overlay_that_is_not_toml_is_refused_with_its_name_and_line(data, overlay):
    overlay.write_text("[run]\nseed = 1\nufs = [AC]\n")
    said = complaint(povo("run", "--data", str(data), "--conf", str(overlay)))
    assert said.startswith(f"overlay {overlay}: not valid TOML: ") and "line 3" in said


def test_an_overlay_that_is_not_utf8_is_refused(data, overlay):
    overlay.write_bytes("[llm]\nmodel = 'versão'\n".encode("latin-1"))
    assert complaint(povo("run", "--data", str(data), "--conf", str(overlay))).endswith("it is not UTF-8 text")


def test_a_missing_overlay_is_refused(data, overlay):
    said = complaint(povo("run", "--data", str(data), "--conf", str(overlay)))
    assert said == f"overlay {overlay}: cannot be read (No such file or directory)"


def test_a_later_overlay_is_the_one_that_is_blamed(data, tmp_path):
    for name, tries in (("first", 3), ("second", 0)):
        (tmp_path / f"{name}.toml").write_text(f"[llm]\nmax_tries = {tries}\n")
    both = [word for name in ("first", "second") for word in ("--conf", str(tmp_path / f"{name}.toml"))]
    assert complaint(povo("run", "--data", str(data), *both)).startswith(str(tmp_path / "second.toml"))


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["P(race | uf=AX)"], "uf=AX: no such value; none of the 27 values is near."),
        (["P(race | education_level=superior)"], "education_level=superior: no such value; did you mean Superior comp"),
        (["P(ocupation_group | uf=AC)"], "'ocupation_group' before the bar: no such variable; did you mean occupation"),
        (["race of Acre"], "'race of Acre' is no question: write P(variables | conditions), for example P(occupation"),
        ([], "Give a question, for example"),
        (["P(race)", "--export"], "Give a question, for example"),
    ],
)
def test_a_question_that_cannot_be_asked_is_refused(data, words, sentence):
    assert complaint(povo("ask", *words, "--data", str(data))).startswith(sentence)


def test_a_number_of_no_state_is_no_person(data):
    assert complaint(povo("person", "990000000001", "--data", str(data))).startswith("990000000001 is no person_id")


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refused_data(folder: Path, commands: Sequence[str] = ("run", "sample", "status", "report")) -> str:
    """What these commands say of a data folder: the same, and they leave it as it is."""
    before = contents(folder)
    (said,) = {complaint(povo(command, "--data", str(folder))) for command in commands}
    assert contents(folder) == before
    return said


@pytest.mark.parametrize(("mark", "found"), [('{"format": 999}', "999"), ("torn", "unknown"), ("[]", "unknown")])
def test_a_data_folder_of_another_format_is_refused(tmp_path, mark, found):
    (tmp_path / "povo-format.json").write_text(mark)
    (tmp_path / "tables").mkdir()
    assert refused_data(tmp_path).startswith(f"{tmp_path} holds tables of format {found}, this Povo reads and writes")


def test_a_folder_with_files_of_others_is_refused(tmp_path):
    (tmp_path / "thesis.doc").write_text("years of work")
    assert refused_data(tmp_path).startswith(f"{tmp_path} is not empty and has no povo-format.json")


def test_a_file_is_refused_as_data_folder(tmp_path):
    (tmp_path / "file").write_text("years of work")
    assert refused_data(tmp_path / "file") == f"{tmp_path / 'file'} is a file: give a folder with --data."


def test_a_folder_below_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("years of work")
    below = tmp_path / "file" / "data"
    assert refused_data(below, ["run", "sample"]) == f"The data folder {below} cannot be written: Not a directory."


@contextmanager
def sealed(folder: Path) -> Iterator[None]:
    """Take the right to write away, also from root, who may write anywhere."""
    folder.chmod(0o555)
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)
        folder.chmod(0o755)


@pytest.mark.parametrize("is_ours", [False, True])
def test_a_folder_that_cannot_be_written_is_refused(is_ours):
    with TemporaryDirectory() as name:  # not tmp_path: only its owner may come there
        if is_ours:
            _storage.prepare(Path(name))
        with sealed(Path(name)):
            assert refused_data(Path(name), ["run"]) == f"The data folder {name} cannot be written: Permission denied."


@pytest.mark.parametrize("words", [["status"], ["report"], ["ask", "P(race | uf=AC)"], ["person", "280000001234"]])
def test_a_folder_without_tables_is_told_and_not_made(data, words):
    said = complaint(povo(*words, "--data", str(data)))
    assert said == f"{data} holds no tables yet: `povo run` makes them, --data names another folder."


def test_a_new_data_folder_is_marked_with_its_format(tmp_path):
    _storage.prepare(tmp_path / "deep" / "data")
    mark = (tmp_path / "deep" / "data" / "povo-format.json").read_text()
    assert json.loads(mark) == {"format": _storage.FORMAT}
    _storage.prepare(tmp_path / "deep" / "data")


@pytest.mark.parametrize("command", ["run", *STAGES, *OTHERS])
def test_the_help_of_every_command_shows_an_example(command):
    shown = povo(command, "--help").stdout
    assert "Example" in shown
    assert f"povo {command}" in shown.split("Example")[1]


def test_the_process_itself_ends_with_status_2_and_prints_no_traceback(tmp_path):
    command = [str(Path(sys.executable).with_name("povo")), "run", "--data", str(tmp_path / "data"), "--uf", "XX"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("povo: --uf: unknown state XX;") and len(ended.stderr.splitlines()) == 1
    assert not (tmp_path / "data").exists()
