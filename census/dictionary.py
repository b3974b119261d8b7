"""The data dictionary: one Markdown page from the declared tables.

`python -m census.dictionary > census/data_dictionary.md` renews the page that is kept beside this module.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from census import tables
from census.tables import Column, Table

LAYERS = {
    "raw": "as it came",
    "core": "cleaned, typed and modelled",
    "out": "published",
    "ops": "what the runs left",
}
_INTRODUCTION = """# Data dictionary

Every Delta table of a data folder, `<data>/tables/<name>/`, as `census/tables/` declares it. This page is made from
there: change the declaration, then `python -m census.dictionary > census/data_dictionary.md`.

*Null* is `yes` where a value may be missing. A *check* holds for every row: Delta refuses a write that breaks it.
States are two letters, `BR` is Brazil; a table partitioned by `uf` is replaced state by state.
"""
_HEADING = "| column | type | null | meaning | check |\n|---|---|---|---|---|"


def page(declared: Sequence[Table] = tables.ALL) -> str:
    """The whole page: a list of the tables by layer, then one section a table, in the order of declaration."""
    index = "\n\n".join(_layer(layer, meaning, declared) for layer, meaning in LAYERS.items())
    return "\n".join([_INTRODUCTION, index, *map(section, declared)])


def section(table: Table) -> str:
    """One table: grain, key, partition and properties, then a line a column."""
    facts = [
        f"Key: {_names(table.key) or 'none'}.",
        f"Partition: {_names(table.partition_by) or 'none'}.",
        *[f"Property: `{name}` = `{value}`." for name, value in table.properties],
    ]
    return "\n".join(["", f"## {table.name}", "", table.comment, "", " ".join(facts), "", _HEADING, *_lines(table)])


def _layer(layer: str, meaning: str, declared: Iterable[Table]) -> str:
    links = [f"- [{t.name}](#{t.name}): {t.comment}" for t in declared if t.name.startswith(f"{layer}_")]
    return "\n".join([f"**`{layer}_`**: {meaning}.", "", *links])


def _lines(table: Table) -> Iterable[str]:
    return (f"| {' | '.join(_cells(column))} |" for column in table.columns)


def _cells(column: Column) -> Iterable[str]:
    null = "" if column.required else "yes"
    check = f"`{column.check}`" if column.check else ""
    cells = (f"`{column.name}`", f"`{column.type.simpleString()}`", null, column.comment, check)
    # A bar ends a cell, in code as well.
    return (cell.replace("|", "\\|") for cell in cells)


def _names(columns: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in columns)


if __name__ == "__main__":
    print(page())
