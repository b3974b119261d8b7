"""The data dictionary page says what the tables declare."""

from __future__ import annotations

from importlib import resources

import pytest
from pyspark.sql.types import MapType, StringType

from census import dictionary, tables
from census.tables import UF, Column, Table

RENEW = "`python -m census.dictionary > census/data_dictionary.md`"
KEPT = resources.files("census").joinpath("data_dictionary.md")


def make_table(*columns: Column) -> Table:
    return Table("core_toy__thing", "One toy.", (UF, *columns), key=("uf", "name"))


def test_the_page_in_the_repository_is_what_the_tables_declare():
    kept = KEPT.read_text(encoding="utf-8")
    if kept != dictionary.page() + "\n":
        pytest.fail(f"census/data_dictionary.md is older than census/tables/: renew it with {RENEW}")


def test_the_page_says_how_it_is_renewed():
    assert RENEW in dictionary.page()


def test_every_table_is_linked_once_and_has_one_section():
    lines = dictionary.page().splitlines()
    names = sorted(table.name for table in tables.ALL)
    assert sorted(line.removeprefix("## ") for line in lines if line.startswith("## ")) == names
    assert sorted(line[3:].split("]")[0] for line in lines if line.startswith("- [")) == names


def test_a_column_shows_type_null_meaning_and_check():
    ratio = Column("ratio", MapType(StringType(), StringType()), "By state.", "size(ratio) > 0", required=False)
    line = dictionary.section(make_table(ratio)).splitlines()[-1]
    assert line == "| `ratio` | `map<string,string>` | yes | By state. | `size(ratio) > 0` |"


def test_a_bar_in_a_meaning_or_a_check_does_not_end_the_cell():
    cell = Column("cell", StringType(), "Joined by '|'.", "cell LIKE '%|%'")
    line = dictionary.section(make_table(cell)).splitlines()[-1]
    assert line.count("|") - line.count("\\|") == 6


def test_key_partition_and_properties_stand_above_the_columns():
    toy = Table("core_toy__thing", "One toy.", (UF,), key=(), partition_by=(), properties=(("a.b", "true"),))
    text = dictionary.section(toy)
    assert "One toy.\n\nKey: none. Partition: none. Property: `a.b` = `true`.\n\n| column |" in text
    assert "Key: `uf`, `name`. Partition: `uf`.\n" in dictionary.section(make_table())
