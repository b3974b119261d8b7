"""What a table and a column declare: type, comment, check, key, partitioning."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import DataType, StructField, StructType

from census.errors import SchemaError


@dataclass(frozen=True)
class Column:
    """One column: its meaning is the same in every table that uses it.

    `check` is an SQL expression that every row must meet; `required` columns are NOT NULL.
    """

    name: str
    type: DataType
    comment: str
    check: str | None = None
    required: bool = True

    def optional(self, when: str) -> Column:
        """The same column where it may be null; `when` says when it is."""
        check = f"{self.name} IS NULL OR {self.check}" if self.check else None
        return Column(self.name, self.type, f"{self.comment} Null {when}.", check, required=False)


@dataclass(frozen=True)
class Table:
    """A Delta table: `key` identifies a row, `partition_by` is `("uf",)` wherever rows belong to a state."""

    name: str
    comment: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    partition_by: tuple[str, ...] = ("uf",)
    properties: tuple[tuple[str, str], ...] = ()

    @property
    def schema(self) -> StructType:
        """The Spark schema, with comments."""
        return StructType([StructField(c.name, c.type, not c.required, {"comment": c.comment}) for c in self.columns])

    @property
    def column_names(self) -> list[str]:
        return [column.name for column in self.columns]

    def conform(self, frame: DataFrame) -> DataFrame:
        """Select the declared columns in order.

        Raises:
            SchemaError: A column is missing, unexpected or of another type.
        """
        have = {f.name: f.dataType for f in frame.schema.fields}
        missing = [c.name for c in self.columns if c.name not in have]
        unexpected = [name for name in have if name not in self.column_names]
        mistyped = [
            f"{c.name} is {have[c.name].simpleString()}, expected {c.type.simpleString()}"
            for c in self.columns
            if c.name in have and have[c.name].simpleString() != c.type.simpleString()
        ]
        if missing or unexpected or mistyped:
            raise SchemaError(
                f"{self.name}: missing {missing}, unexpected {unexpected}, mistyped {mistyped}",
                table=self.name,
                missing=missing,
                unexpected=unexpected,
                mistyped=mistyped,
            )
        return frame.select(*self.column_names)

    def violation(self) -> SparkColumn:
        """True for a row that breaks a NOT NULL or CHECK of the table."""
        broken = F.lit(False)
        for column in self.columns:
            if column.required:
                broken = broken | F.col(column.name).isNull()
            if column.check:
                broken = broken | F.coalesce(~F.expr(column.check), F.lit(False))
        return broken
