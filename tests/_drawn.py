"""A data folder as `sample` leaves it, made by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

import pyarrow as pa
from deltalake import DeltaTable, write_deltalake
from pyspark.sql import SparkSession
from pyspark.sql.pandas.types import to_arrow_schema

from census import codes, tables
from conf import settings
from conf.settings import STAGES, Config
from jobs import _runlog, _states, _storage

PLACE = {
    "uf": "AC",
    "municipality_code": "1200401",
    "municipality_name": "Rio Branco",
    "state_name": "Acre",
    "region": "Norte",
    "population_persons": 364_756,
    "households_urban": 110_000,
    "households_rural": 8_000,
    "is_capital": True,
}
DISH = {"uf": "AC", "kind": "dish", "name": "tacacá", "origin": "general", "source": "dishes"}


class Folder:
    """A data folder with some persons of Acre; `config` gives its settings with changes."""

    def __init__(self, data: Path, persons: int) -> None:
        self.data, self.persons = data, persons

    def config(self, **changes: object) -> Config:
        options: dict[str, object] = {
            "run.data": str(self.data),
            "run.ufs": "AC",
            "run.records": self.persons,
            "spark.shuffle_partitions": 2,
        }
        return settings.load(options=options | {key.replace("__", "."): value for key, value in changes.items()})

    @cached_property
    def model_version(self) -> str:
        return _states.model_version(self.config())

    def person(self, number: int) -> dict[str, object]:
        return {
            "person_id": 12 * 10**10 + number,
            "uuid": f"{number:032d}",
            "uf": "AC",
            "municipality_code": "1200401",
            "sex": "F",
            "age_years": 40 + number % 40,
            "zone": "urbana",
            "race": "parda",
            "education_level": codes.EDUCATION_LEVELS[2],
            "marital_status": "Solteiro",
            "in_union": False,
            "religion": "católica",
            "activity": "cuida do lar",
            "first_name": "Ana",
            "middle_name": "",
            "last_name": "Silva",
            **dict.fromkeys(codes.TRAITS, 50.0),
            "model_version": self.model_version,
            "seed": 1,
        }

    def write(self, table: tables.Table, rows: Sequence[Mapping[str, object]]) -> None:
        ordered = [{name: row.get(name) for name in table.column_names} for row in rows]
        write_deltalake(_storage.path(self.data, table), pa.Table.from_pylist(ordered, to_arrow_schema(table.schema)))

    def stored(self, table: tables.Table) -> list[dict[str, object]]:
        rows: list[dict[str, object]] = DeltaTable(_storage.path(self.data, table)).to_pyarrow_table().to_pylist()
        return rows


def draw(spark: SparkSession, data: Path, persons: int) -> Folder:
    """Make the folder that `sample` would leave, with so many persons."""
    folder = Folder(data, persons)
    _storage.prepare(data)
    for stage in STAGES[: STAGES.index("write_text")]:
        with _runlog.stage(spark, folder.config(), stage, writes=()):
            pass
    folder.write(tables.ATTRIBUTE, [folder.person(number) for number in range(persons)])
    folder.write(tables.PLACE, [PLACE])
    folder.write(tables.CULTURE, [DISH])
    folder.write(tables.HABIT, [])
    return folder
