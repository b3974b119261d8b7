"""Columns that mean the same in every table that has them."""

from __future__ import annotations

from pyspark.sql.types import BooleanType, DoubleType, IntegerType, LongType, StringType, TimestampType

from census import codes
from census.tables.declaration import Column

STR, INT, LONG = StringType(), IntegerType(), LongType()
REAL, BOOL, TIME = DoubleType(), BooleanType(), TimestampType()


def among(name: str, values: tuple[str, ...]) -> str:
    """The check of a column that holds one of these values."""
    return f"{name} IN ({', '.join(repr(v) for v in values)})"


UF = Column("uf", STR, "State (unidade da federação), two letters.", among("uf", codes.UFS))
UF_OR_LEVEL = Column("uf", STR, "State, or the macro-region or BR where `level` is reg or br.")
MUNICIPALITY = Column("municipality_code", STR, "IBGE code, 7 digits.", "length(municipality_code) = 7")
SEX = Column("sex", STR, "F or M. PNADC V2007.", among("sex", codes.SEXES))
AGE = Column("age_years", INT, "Completed years; 100 = 100 and over. PNADC V2009.", "age_years BETWEEN 0 AND 130")
AGE_BAND = Column("age_band", STR, "Age band in years, as in SIDRA 10061.", among("age_band", codes.AGE_BANDS))
RACE = Column("race", STR, "Cor ou raça. PNADC V2010.", among("race", codes.RACES))
EDUCATION = Column("education_level", STR, "Schooling, census level.", among("education_level", codes.EDUCATION_LEVELS))
ZONE = Column("zone", STR, "Situação do domicílio. PNADC V1022.", among("zone", codes.ZONES))
MARITAL = Column("marital_status", STR, "Legal marital status.", among("marital_status", codes.MARITAL_STATUSES))
PERSONS = Column("persons", REAL, "People counted or represented.", "persons >= 0")
SOURCE = Column("source", STR, "Name of the source in conf/sources.toml.")
LINE = Column("line", LONG, "Line (text), row from 1 (parquet), or place in its pieces (fixed width).", "line >= 0")
RUN_ID = Column("run_id", STR, "Run that wrote the row.")
GROUP = Column("occupation_group", STR, "Great group of the COD.", among("occupation_group", codes.OCCUPATION_GROUPS))
COD = Column("occupation_cod", STR, "COD base group, 4 digits.", "length(occupation_cod) = 4")
CBO = Column("occupation_cbo", STR, "CBO 2002 occupation, 6 digits.", "length(occupation_cbo) = 6")
PERSON_ID = Column("person_id", LONG, "State code x 10^10 + person number k in its numbering.", "person_id >= 0")
UUID = Column("uuid", STR, "UUID v5 of povo:{seed}:{person_id}, 32 hex digits.", "length(uuid) = 32")
ATTEMPT = Column("attempt", INT, "Attempt at this call, from 1.", "attempt >= 1")
CALL = Column("call", INT, "1: background, skills, hobbies, goals; 2: the six personas.", "call IN (1, 2)")
REQUEST_KEY = Column("request_key", STR, "SHA-256 of everything that shapes the request.", "length(request_key) = 64")
