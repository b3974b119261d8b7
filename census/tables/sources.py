"""Tables that `ingest` writes: what the sources say, typed and in one code book."""

from __future__ import annotations

from census import codes
from census.tables.columns import (
    AGE,
    AGE_BAND,
    BOOL,
    COD,
    EDUCATION,
    GROUP,
    INT,
    LINE,
    LONG,
    MARITAL,
    MUNICIPALITY,
    PERSONS,
    RACE,
    REAL,
    SEX,
    SOURCE,
    STR,
    UF,
    ZONE,
    among,
)
from census.tables.declaration import Column, Table

INGEST_REJECTION = Table(
    "raw_ingest__rejection",
    "Rows of a source that were not taken, with the reason.",
    (
        SOURCE,
        Column("file", STR, "File name of the source."),
        LINE,
        Column("field", STR, "First field that could not be read."),
        Column("value", STR, "Its value as found.", required=False),
        Column("reason_code", STR, "missing, unknown_code, not_a_number, out_of_range, wrong_columns or wrong_width."),
    ),
    key=("source", "file", "line", "field"),
    partition_by=(),
)
PLACE = Table(
    "core_place__municipality",
    "The 5,570 municipalities of 2022.",
    (
        UF,
        MUNICIPALITY,
        Column("municipality_name", STR, "Official name."),
        Column("state_name", STR, "Name of the state."),
        Column("region", STR, "Macro-region.", among("region", codes.REGIONS)),
        Column("population_persons", LONG, "Censo 2022, residents.", "population_persons > 0"),
        Column("households_urban", LONG, "SIDRA 9922, occupied permanent private households.", "households_urban >= 0"),
        Column("households_rural", LONG, "SIDRA 9922.", "households_rural >= 0"),
        Column("is_capital", BOOL, "Capital of its state."),
    ),
    key=("municipality_code",),
)
AGE_SEX = Table(
    "core_census__age_sex",
    "Persons by municipality, single year of age and sex; one source beside the other.",
    (
        UF,
        SOURCE,
        MUNICIPALITY,
        Column("sex", STR, "F, M, or T for both.", "sex IN ('F', 'M', 'T')"),
        AGE,
        PERSONS,
    ),
    key=("source", "municipality_code", "sex", "age_years"),
)
EDUCATION_JOINT = Table(
    "core_census__education",
    "SIDRA 10061 by state: persons of 18 and over. `sex` T and ages 18-19, 20-24 come from the municipal table.",
    (
        UF,
        SOURCE,
        Column("sex", STR, "F, M, or T for both.", "sex IN ('F', 'M', 'T')"),
        RACE,
        Column("age_group", STR, "Age group as printed: 18-24, 25-29 ... 80+; 18-19, 20-24 where sex is T."),
        EDUCATION,
        PERSONS,
    ),
    key=("uf", "source", "sex", "race", "age_group", "education_level"),
)
EDUCATION_MUNICIPALITY = Table(
    "core_census__education_municipality",
    "SIDRA 10061 by municipality, both sexes: persons of 18 and over. Cells of nobody are left out.",
    (
        UF,
        MUNICIPALITY,
        RACE,
        Column("age_group", STR, "18-19, 20-24, 25-29 ... 80+."),
        EDUCATION,
        PERSONS,
    ),
    key=("municipality_code", "race", "age_group", "education_level"),
)
PERSON = Table(
    "core_pnadc__person",
    "One surveyed person of PNAD Contínua.",
    (
        UF,
        SOURCE,
        LINE,
        Column("region", STR, "Macro-region.", among("region", codes.REGIONS)),
        Column("stratum", INT, "Estrato.", required=False),
        Column("upa", INT, "Primary sampling unit, UPA.", required=False),
        Column("household_id", STR, "UPA + V1008 + V1014.", required=False),
        SEX,
        AGE,
        AGE_BAND,
        RACE.optional("where not stated (code 9)"),
        EDUCATION.optional("under 5, or where the survey has years of study instead"),
        Column("study_years", INT, "VD3002, 15 = 15 or more.", required=False),
        ZONE,
        Column("is_working", BOOL, "Had a job in the reference week (V4012 > 0).", required=False),
        GROUP.optional("for who does not work"),
        COD.optional("for who does not work"),
        Column("survey_position", STR, "V4012, seven positions.", required=False),
        Column(
            "income_brl",
            REAL,
            "V403312 (2018: habitual, main job) or VD4020 (2017: effective, all jobs).",
            "income_brl >= 0 OR income_brl IS NULL",
            required=False,
        ),
        Column("hours", REAL, "V4039, habitual hours a week.", required=False),
        Column("weight_persons", REAL, "V1028, people this row stands for.", "weight_persons > 0"),
        Column("position", STR, "VD4009, ten positions.", among("position", codes.POSITIONS)).optional(
            "for who does not work, and in the packaged extract"
        ),
        Column("sector_code", STR, "VD4010, 01 to 12. Null in the packaged extract.", required=False),
        Column("is_looking", BOOL, "VD4002 = 2. Null under 14, and in the packaged extract.", required=False),
        Column("is_in_school", BOOL, "V3002 = 1. Null where not asked, and in the packaged extract.", required=False),
    ),
    key=("source", "line"),
)
SMALL_SURVEY = Table(
    "core_survey__person",
    "Persons of the small samples that split what PNADC 2018T2 leaves together (grade C).",
    (
        SOURCE,
        SEX,
        AGE,
        AGE_BAND,
        Column("is_working", BOOL, "Works.", required=False),
        Column("is_looking", BOOL, "Looks for work.", required=False),
        Column("is_in_school", BOOL, "Attends school.", required=False),
        Column("has_pension", BOOL, "Receives a retirement pay or pension (PNS F001011).", required=False),
        Column("cares_for_home", BOOL, "Seeks no work because of household tasks (V4078A = 1).", required=False),
        MARITAL.optional("where the survey does not ask"),
        EDUCATION.optional("where the survey does not ask"),
        GROUP.optional("for who does not work"),
        Column("position", STR, "VD4009, ten positions.", required=False),
        Column("weight_persons", REAL, "Survey weight; 1 where the file has none.", "weight_persons > 0"),
    ),
    key=(),
    partition_by=(),
)
MARITAL_SEED = Table(
    "core_marital__count",
    "Legal marital status of electoral candidates: the shape, never the level.",
    (SEX, Column("age_group", STR, "18-24, 25-29 ... 75+."), RACE, EDUCATION, MARITAL, PERSONS),
    key=("sex", "age_group", "race", "education_level", "marital_status"),
    partition_by=(),
)
MARITAL_VOTER = Table(
    "core_marital__voter",
    "Voters by state and registered marital status: the tilt of a state, never the level.",
    (UF, MARITAL, PERSONS),
    key=("uf", "marital_status"),
    partition_by=(),
)
RELIGION = Table(
    "core_religion__share",
    "Religion of persons of 10 and over, shares as published or stated by state.",
    (
        Column("area", STR, "State, region or Brasil."),
        Column("category", STR, "religion, or the cut of a published figure."),
        Column("value", REAL, "Per cent.", "value BETWEEN 0 AND 100"),
        SOURCE,
    ),
    key=("area", "category", "source"),
    partition_by=(),
)
PUBLISHED = Table(
    "core_published__margin",
    "Figures printed by IBGE, through the press of the release days.",
    (
        Column("topic", STR, "Tema."),
        Column("year", INT, "Year."),
        Column("universe", STR, "Who is counted."),
        Column("area", STR, "Brasil, region or state."),
        Column("dimensions", STR, "Cut."),
        Column("category", STR, "Cell."),
        Column("value", REAL, "As printed."),
        Column("unit", STR, "%, pessoas or milhões."),
    ),
    key=(),
    partition_by=(),
)
OCCUPATION_2026 = Table(
    "core_pnadc__occupation_2026",
    "Occupied persons by state and COD subgroup, PNAD Contínua 2026T1; cells of fewer than 20 rows are not published.",
    (
        UF,
        Column("occupation_cod3", STR, "COD, 3 digits.", "length(occupation_cod3) = 3"),
        Column("men", REAL, "Men.", "men >= 0"),
        Column("women", REAL, "Women.", "women >= 0"),
        PERSONS,
        Column("rows", LONG, "Persons surveyed.", "rows >= 1"),
        Column("weight_squared", REAL, "Sum of squared weights.", "weight_squared > 0"),
    ),
    key=("uf", "occupation_cod3"),
    partition_by=(),
)
OCCUPIED_2026 = Table(
    "core_pnadc__occupied_2026",
    "All occupied persons of a state, PNAD Contínua 2026T1.",
    (UF, PERSONS, Column("suppressed_persons", REAL, "Of them, in cells that are not published.")),
    key=("uf",),
    partition_by=(),
)
TREND = Table(
    "core_pnadc__trend",
    "Labour force and position by quarter, 2012 to 2021, PNAD Contínua, Brazil; one dimension at a time.",
    (
        Column("year", INT, "Year."),
        Column("quarter", INT, "Quarter.", "quarter BETWEEN 1 AND 4"),
        Column("measure", STR, "population, labour_force, working, looking, or a position in the job."),
        Column("dimension", STR, "total, sex, age, education, zone or metropolitan."),
        Column("category", STR, "Value of the dimension; empty for the total."),
        PERSONS,
    ),
    key=("year", "quarter", "measure", "dimension", "category"),
    partition_by=(),
)
_PERCENT = "Per cent of the occupied of 18 and over."
WORK_2010 = Table(
    "core_census__work_2010",
    "Position of the occupied and residents by zone in the 5,565 municipalities of 2010.",
    (
        UF,
        MUNICIPALITY,
        *(
            Column(name, REAL, f"{what} {_PERCENT}", f"{name} BETWEEN 0 AND 100")
            for name, what in (
                ("own_account_percent", "Own account."),
                ("employer_percent", "Employers."),
                ("with_contract_percent", "Employees with contract."),
                ("without_contract_percent", "Employees without contract."),
                ("public_percent", "Public sector."),
            )
        ),
        Column("urban_persons", REAL, "Residents of the urban zone.", "urban_persons >= 0"),
        Column("rural_persons", REAL, "Residents of the rural zone.", "rural_persons >= 0"),
    ),
    key=("municipality_code",),
    partition_by=(),
)
GROUP_TREND = Table(
    "core_pnadc__group_trend",
    "Great occupation groups by year: occupied persons and mean income, PNAD Contínua.",
    (GROUP, Column("year", INT, "Year."), PERSONS, Column("mean_income_brl", REAL, "Nominal BRL a month.")),
    key=("occupation_group", "year"),
    partition_by=(),
)
MEI_SHARE = Table(
    "core_mei__share",
    "MEI as a share of formal workers by state, 2021.",
    (UF, Column("share", REAL, "0 to 1.", "share BETWEEN 0 AND 1")),
    key=("uf",),
    partition_by=(),
)
