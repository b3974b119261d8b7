"""The end of `povo run`: what was made, how long it took, where it lies and what to try next."""

from __future__ import annotations

import shlex

import pytest

from conf import settings
from conf.settings import Config
from jobs import _cli


def config_of(**options: object) -> Config:
    return settings.load(options={"run.data": "persons", "run.records": 1000} | options)


def said(capsys: pytest.CaptureFixture[str], config: Config, end: str, times: dict[str, float] | None = None) -> str:
    _cli._summary(config, end, 83.4, times or {})
    return capsys.readouterr().err


def test_a_whole_run_says_what_it_made_how_long_each_stage_took_and_where_it_is(capsys):
    config = config_of()
    shown = said(capsys, config, "publish", {"ingest": 20.4, "write_text": 30.6, "report": 4.2})
    assert "Done in 83 s. Records: AC 1,000, SE 1,000; seed 1." in shown
    assert "ingest 20 s, write_text 31 s, report 4 s" in shown
    for name in ("tables", "export/huggingface", "report/index.html"):
        assert str(config.data_dir / name) in shown
    assert "povo-offline-writer, a grammar, not by a language model" in shown


def test_texts_of_a_model_are_not_called_those_of_the_offline_writer(capsys):
    config = config_of(**{"llm.endpoints": "http://host:8000/v1"})
    assert "offline" not in said(capsys, config, "publish")


def test_a_run_that_stops_before_any_person_names_no_record_no_report_and_no_query(capsys):
    shown = said(capsys, config_of(), "ingest", {"ingest": 20.4})
    assert "Done in 83 s.\n" in shown
    assert not any(word in shown for word in ("Records", "report", "export", "povo sql"))


def pasted(shown: str, command: str) -> list[str]:
    """The words of a command to try next, as a shell reads them."""
    (line,) = [line for line in shown.splitlines() if f" {command} " in line]
    return shlex.split(line, comments=True)[1:]


@pytest.mark.parametrize("end", ["sample", "publish"])
def test_what_to_try_next_can_be_pasted_as_it_stands(capsys, end):
    shown = said(capsys, config_of(**{"run.data": "my persons"}), end)
    table = "out_personas__persona" if end == "publish" else "core_persona__attribute"
    _, query, *folder = pasted(shown, "sql")
    assert f" FROM {table} " in query
    assert folder == ["--data", "my persons"]
    assert pasted(shown, "ask") == ["ask", "P(occupation_group | uf=AC, sex=F)", *folder]
    assert pasted(shown, "status") == ["status", *folder]


def test_the_usual_folder_is_not_named(capsys):
    assert "--data" not in said(capsys, config_of(**{"run.data": "povo-data"}), "publish")


def test_everyone_and_many_states_are_said_in_words(capsys):
    assert "AC everyone, SE everyone" in said(capsys, config_of(**{"run.whole": True}), "sample")
    assert "Records: 27 states;" in said(capsys, config_of(**{"run.ufs": "all"}), "sample")
