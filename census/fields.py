"""How a source's text becomes typed rows: fields, their codes and ranges, and the reason why a row is not taken.

The work is SQL text, not Column objects: thirty-eight layouts of Columns cost twenty seconds of calls into the JVM.
It goes in steps (raw text, value, verdict), each a projection of its own: written as one expression, a field is read
up to five times a row and the generated method grows past what the JVM compiles.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from pyspark.sql import DataFrame


class Reason(str, Enum):
    """Why a row of a source was not taken."""

    MISSING = "missing"
    UNKNOWN_CODE = "unknown_code"
    NOT_A_NUMBER = "not_a_number"
    OUT_OF_RANGE = "out_of_range"
    WRONG_COLUMNS = "wrong_columns"
    WRONG_WIDTH = "wrong_width"


# Column that holds a row which is broken as a whole -> why.
BROKEN = {"corrupt": Reason.WRONG_COLUMNS, "misfit": Reason.WRONG_WIDTH}
# Where a row of a fixed-width file was read: file and first byte of the block. `line` then numbers the rows of a task.
PLACE = ("file", "block")


@dataclass(frozen=True)
class Field:
    """A column of a source.

    Attributes:
        name: As in the file's header.
        also: Further names of the same variable, in other releases of the file.
        into: Column it becomes.
        type: "text", "int" or "number" (ignored where `codes` is given: then the mapped value's text).
        codes: Code in the file -> our value; None = known and to be read as null.
        required: An empty value (after trimming) rejects the row.
        pattern: Regular expression that a whole text must match, else it is an unknown code.
        low, high: Closed range of a number.
        empty: Texts that stand for no answer.
    """

    name: str
    into: str
    type: str = "text"
    codes: Mapping[str, str | None] | None = None
    required: bool = True
    pattern: str | None = None
    also: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    empty: tuple[str, ...] = ("",)

    @property
    def _raw(self) -> str:
        return f"`raw_{self.into}`"

    def raw(self) -> str:
        """SQL over the file's columns: the trimmed text of the field, null where empty."""
        text = f"trim(`{self.name}`)"
        for empty in self.empty:
            text = f"nullif({text}, {_literal(empty)})"
        return f"{text} AS {self._raw}"

    def value(self) -> str:
        """SQL over the raw texts: the typed value, null where it cannot be read."""
        if self.codes is not None:
            known = [
                _literal(part) for code, value in self.codes.items() if value is not None for part in (code, value)
            ]
            value = f"try_element_at(map({', '.join(known)}), {self._raw})"
        elif self.type == "int":
            # The text '027' is 27, '27.0' by way of double is 27, 'x' is null.
            # Most are whole as written; reading a double is three times as dear.
            value = f"coalesce(try_cast({self._raw} AS INT), try_cast(try_cast({self._raw} AS DOUBLE) AS INT))"
        elif self.type == "number":
            value = f"try_cast({self._raw} AS DOUBLE)"
        else:
            value = self._raw
        return f"{value} AS `{self.into}`"

    def verdict(self) -> str:
        """SQL over raw texts and values: WHEN clauses that give the rejection of a value that cannot be taken."""
        raw, value = self._raw, f"`{self.into}`"
        clauses = []
        if self.required:
            clauses.append((f"{raw} IS NULL", Reason.MISSING))
        unreadable = f"{value} IS NULL AND {raw} IS NOT NULL"
        if self.codes is not None:
            silent = [_literal(code) for code, meaning in self.codes.items() if meaning is None]
            known = f" AND {raw} NOT IN ({', '.join(silent)})" if silent else ""
            clauses.append((unreadable + known, Reason.UNKNOWN_CODE))
        elif self.pattern is not None:
            clauses.append((f"{raw} NOT RLIKE {_literal(f'^({self.pattern})$')}", Reason.UNKNOWN_CODE))
        elif self.type != "text":
            clauses.append((unreadable, Reason.NOT_A_NUMBER))
        bounds = [f"{value} < {self.low!r}D"] if self.low is not None else []
        bounds += [f"{value} > {self.high!r}D"] if self.high is not None else []
        if bounds:
            clauses.append((" OR ".join(bounds), Reason.OUT_OF_RANGE))
        return " ".join(f"WHEN {when} THEN {_rejection(_literal(self.name), raw, why)}" for when, why in clauses)


@dataclass(frozen=True)
class Total:
    """What a whole table must come to: tells persons from thousands, and a table from its neighbour.

    Attributes:
        says: What is counted, for the message.
        sql: Aggregate over the rows of `checked`.
        low, high: Closed range.
    """

    says: str
    sql: str
    low: float
    high: float


@dataclass(frozen=True)
class Layout:
    """The fields of a source that are read; others are passed over.

    Attributes:
        wide: Further columns of numbers, kept side by side under their names.
        long: Further columns of numbers, turned into rows: `column` (its name) and `number`.
        totals: What the whole table must come to.
        extra: Fields that are read from the files that have them.
        only: (column, code): rows with another code, in files that have the column, are no persons and are passed over.
    """

    fields: tuple[Field, ...]
    wide: tuple[str, ...] = ()
    long: tuple[str, ...] = ()
    extra: tuple[Field, ...] = ()
    only: tuple[str, str] | None = None
    totals: tuple[Total, ...] = ()

    @property
    def header(self) -> list[str]:
        """Column names that the file must have."""
        return [f.name for f in self.fields] + list(self.wide) + list(self.long)

    def missing(self, names: Collection[str]) -> list[str]:
        """What a file with columns of these `names` lacks, each with the other names that would do."""
        lacking = [f for f in self.fields if not {f.name, *f.also} & set(names)]
        columns = [name for name in (*self.wide, *self.long) if name not in names]
        return [" or ".join((f.name, *f.also)) for f in lacking] + columns

    def fitted(self, names: Collection[str]) -> Layout:
        """The same layout for a file with columns of these `names`: fields under the names that it has."""
        found = [
            replace(field, name=next((name for name in (field.name, *field.also) if name in names), field.name))
            for field in (*self.fields, *self.extra)
        ]
        given = found[: len(self.fields)] + [field for field in found[len(self.fields) :] if field.name in names]
        only = self.only if self.only and self.only[0] in names else None
        return replace(self, fields=tuple(given), extra=(), only=only)

    @property
    def columns(self) -> list[Field]:
        """Every field that gives one typed column."""
        return [*self.fields, *(Field(name, name, "number") for name in self.wide)]


def checked(rows: DataFrame, layout: Layout) -> DataFrame:
    """Every row, typed, with its verdict; for `typed` and `rejected`. Keep it (`persist`): both read it.

    Args:
        rows: Text columns as in the file, and `line` (1-based). `corrupt` or `misfit` (the row's text) marks a row with
            too few or many columns or characters. `file` and `block`, where present, are kept.

    Returns:
        The typed columns, `numbers` (array) for the long columns, `line`, and `rejection` (field, value, reason_code of
        the first field that cannot be taken; null for a good row).
    """
    layout = layout.fitted(rows.columns)
    place = [name for name in PLACE if name in rows.columns]
    marks = [name for name in BROKEN if name in rows.columns]
    clauses = [
        f"WHEN {name} IS NOT NULL THEN {_rejection(_literal('(row)'), f'substring({name}, 1, 80)', BROKEN[name])}"
        for name in marks
    ]
    kept = ["CAST(line AS BIGINT) AS line", *marks, *place]
    if layout.only:
        column, code = layout.only
        kept.append(f"coalesce(trim(`{column}`) != {_literal(code)}, true) AS passed_over")
        clauses.append("WHEN passed_over THEN NULL")
        place.append("passed_over")
    clauses += [field.verdict() for field in layout.columns]
    raw, values = [f.raw() for f in layout.columns], [f.value() for f in layout.columns]
    typed_names = [f"`{f.into}`" for f in layout.columns]
    if layout.long:
        texts = ", ".join(f"`{name}`" for name in layout.long)
        raw.append(f"array({texts}) AS texts")
        values.append("transform(texts, text -> try_cast(trim(text) AS DOUBLE)) AS numbers")
        typed_names.append("numbers")
        at = "CAST(array_position(transform(numbers, n -> n IS NULL), true) AS INT)"
        column = f"element_at({_names(layout.long)}, {at})"
        no_number = _rejection(column, f"element_at(texts, {at})", Reason.NOT_A_NUMBER)
        clauses.append(f"WHEN exists(numbers, n -> n IS NULL) THEN {no_number}")
    verdict = f"CASE {' '.join(clauses)} END"
    return (
        rows.selectExpr(*kept, *raw)
        .selectExpr("*", *values)
        .selectExpr(*typed_names, "line", *place, f"{verdict} AS rejection")
    )


def doubts(layout: Layout, found: Sequence[float | None]) -> list[str]:
    """What is wrong with a table whose `layout.totals` come to `found`: a phrase each, none if it is as expected."""
    return [
        f"{total.says}: {_figure(value or 0)}, expected {_figure(total.low)}"
        + (f" to {_figure(total.high)}" if total.high > total.low else "")
        for total, value in zip(layout.totals, found, strict=True)
        if value is None or not total.low <= value <= total.high
    ]


def _figure(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:,.2f}"


def typed(rows: DataFrame, layout: Layout) -> DataFrame:
    """The good rows of `checked`: typed columns and `line`; a row each of the long columns."""
    good = rows.where("rejection IS NULL").drop("rejection", *PLACE)
    if "passed_over" in rows.columns:
        good = good.where("NOT passed_over").drop("passed_over")
    if not layout.long:
        return good
    one = good.selectExpr("* EXCEPT (numbers)", "posexplode(numbers) AS (place, number)")
    return one.selectExpr("* EXCEPT (place)", f"element_at({_names(layout.long)}, place + 1) AS column")


def rejected(rows: DataFrame) -> DataFrame:
    """The bad rows of `checked`: `line` (and `file`, `block`), `field`, `value`, `reason_code`."""
    place = [name for name in PLACE if name in rows.columns]
    return rows.where("rejection IS NOT NULL").select("line", *place, "rejection.*")


def _rejection(field: str, value: str, reason: Reason) -> str:
    return f"named_struct('field', {field}, 'value', {value}, 'reason_code', '{reason.value}')"


def _names(columns: tuple[str, ...]) -> str:
    return f"array({', '.join(map(_literal, columns))})"


def _literal(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
