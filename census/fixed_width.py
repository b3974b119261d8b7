"""Where the variables of a fixed-width file stand, from the layout that IBGE publishes beside it.

Two forms exist: the SAS program `input_*.txt` of PNAD Contínua and PNS, and the table of positions of Censo 2010.
Only text goes in and SQL text comes out: who opens files and runs the SQL is `jobs`.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass

from census.errors import SourceError

# @0001 Ano $4. /* Ano de referência */   |   @00029 V0022 2.   |   @0050 V1028 15.8
_SAS_LINE = re.compile(
    r"@\s*(?P<start>\d+)\s+(?P<name>[A-Za-z_]\w*)\s+(?P<text>\$?)(?:CHAR|F)?(?P<length>\d+)\.(?P<decimals>\d*)", re.I
)
_COMMENT = re.compile(r"/\*.*?\*/", re.S)
_POSITIONS = ("int_pos", "var_name", "length", "decimal_places", "fin_pos")


@dataclass(frozen=True)
class Variable:
    """One variable: characters `start` to `start + length - 1` of a line, counted from 1.

    Attributes:
        decimals: Last digits that stand behind an implied decimal point; a point that is written wins.
        is_text: A code, never to be read as a number by itself.
    """

    name: str
    start: int
    length: int
    decimals: int = 0
    is_text: bool = False

    @property
    def end(self) -> int:
        """Last character."""
        return self.start + self.length - 1

    def cut(self, *, as_bytes: bool = False) -> str:
        """SQL over the line: the variable's text under its name, with its decimal point where that is implied.

        Args:
            as_bytes: From the column `bytes` (binary, a byte a character) instead of `value` (text).
        """

        def piece(start: int, length: int) -> str:
            return (
                f"CAST(substring(bytes, {start}, {length}) AS STRING)"
                if as_bytes
                else (f"substring(value, {start}, {length})")
            )

        text = piece(self.start, self.length)
        if self.decimals:
            # '  1234' with two decimals is 12.34; ' 12.34' and blanks stay what they are.
            point = self.start + self.length - self.decimals
            whole, rest = piece(self.start, point - self.start), piece(point, self.decimals)
            digits = f"replace(concat({whole}, '.', {rest}), ' ', '')"
            text = f"CASE WHEN contains({text}, '.') OR trim({text}) = '' THEN {text} ELSE {digits} END"
        return f"{text} AS `{self.name}`"


# SQL over `value`: the line as bytes, a byte a character. IBGE's data are ASCII; what is not stands in no variable.
BYTES = (
    "CAST(CASE WHEN octet_length(value) = length(value) THEN value "
    "ELSE regexp_replace(value, '[^\\\\x00-\\\\x7F]', '?') END AS BINARY) AS bytes"
)


@dataclass(frozen=True)
class Positions:
    """Every variable of a layout file; `file` is its name, for messages."""

    file: str
    variables: tuple[Variable, ...]

    @property
    def record_length(self) -> int:
        """Characters of a line."""
        return max(variable.end for variable in self.variables)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(variable.name for variable in self.variables)

    def find(self, name: str) -> Variable | None:
        """The variable of that name, in any case."""
        return next((v for v in self.variables if v.name.lower() == name.lower()), None)

    def require(self, names: Sequence[str], source: str) -> tuple[Variable, ...]:
        """The variables of these names, in that order.

        Raises:
            SourceError: One is not in the layout; names it and the layout.
        """
        found = []
        for name in names:
            variable = self.find(name)
            if variable is None:
                raise SourceError(
                    f"{self.file}: variable {name} is not in this layout of {len(self.variables)} variables "
                    f"({', '.join(self.names[:5])}...), and {source} needs it: give the layout that IBGE publishes "
                    "with these microdata.",
                    file=self.file,
                    field=name,
                )
            found.append(variable)
        return tuple(found)


def decoded(content: bytes) -> str:
    """Text of a layout file: UTF-8 if it is that, else ISO-8859-1, as IBGE writes."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("iso-8859-1")


def parse(text: str, file: str) -> Positions:
    """Read a layout of either form.

    Raises:
        SourceError: It is neither, or it contradicts itself; names file, line and variable.
    """
    header = text.lstrip().split("\n", 1)[0]
    found = _positions_table(text, file) if "int_pos" in header else _sas(text, file)
    seen: dict[str, int] = {}
    for line, variable in found:
        name = variable.name.lower()
        if name in seen:
            raise SourceError(
                f"{file}, line {line}: variable {variable.name} stands in line {seen[name]} already.",
                file=file,
                line=line,
                field=variable.name,
            )
        seen[name] = line
    return Positions(file, tuple(variable for _, variable in found))


def _sas(text: str, file: str) -> list[tuple[int, Variable]]:
    # A comment may hold anything, an @ too; its line ends are kept for the line numbers.
    program = _COMMENT.sub(lambda comment: "\n" * comment[0].count("\n"), text)
    found: list[tuple[int, Variable]] = []
    for number, line in enumerate(program.splitlines(), 1):
        if not line.lstrip().startswith("@"):
            continue
        match = _SAS_LINE.match(line.strip())
        if match is None:
            raise SourceError(
                f"{file}, line {number}: expected '@position name length.', found {line.strip()[:60]!r}.",
                file=file,
                line=number,
            )
        found.append(
            (
                number,
                _variable(
                    match["name"],
                    int(match["start"]),
                    int(match["length"]),
                    int(match["decimals"] or 0),
                    bool(match["text"]),
                    file,
                    number,
                ),
            )
        )
    if not found:
        raise SourceError(
            f"{file} is no layout: expected lines such as '@0001 Ano $4.' (SAS) or a table with the columns "
            f"{';'.join(_POSITIONS)}.",
            file=file,
        )
    return found


def _positions_table(text: str, file: str) -> list[tuple[int, Variable]]:
    rows = csv.DictReader(text.splitlines(), delimiter=";")
    missing = [name for name in _POSITIONS if name not in (rows.fieldnames or ())]
    if missing:
        raise SourceError(f"{file}, line 1: column {missing[0]!r} is missing.", file=file, line=1, field=missing[0])
    found = []
    for number, row in enumerate(rows, 2):
        name = (row["var_name"] or "").strip()
        try:
            start, whole, end = (int(row[column]) for column in ("int_pos", "length", "fin_pos"))
            decimals = int((row["decimal_places"] or "").strip() or 0)
        except (TypeError, ValueError) as error:
            raise SourceError(
                f"{file}, line {number}: the position of {name or 'a variable'} is not in whole numbers.",
                file=file,
                line=number,
                field=name,
            ) from error
        length = whole + decimals  # the table counts the digits before and behind the implied point apart
        if end != start + length - 1:
            raise SourceError(
                f"{file}, line {number}: {name} has {length} characters, but stands from {start} to {end}.",
                file=file,
                line=number,
                field=name,
            )
        is_text = (row.get("col_type") or "").strip() == "c"
        found.append((number, _variable(name, start, length, decimals, is_text, file, number)))
    if not found:
        raise SourceError(f"{file} names no variable.", file=file)
    return found


def _variable(name: str, start: int, length: int, decimals: int, is_text: bool, file: str, line: int) -> Variable:
    if not name or start < 1 or length < 1 or decimals > length:
        raise SourceError(
            f"{file}, line {line}: {name or 'a variable'} cannot stand at {start} with length {length}.{decimals}.",
            file=file,
            line=line,
            field=name,
        )
    return Variable(name, start, length, decimals, is_text)
