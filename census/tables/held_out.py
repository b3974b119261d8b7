"""Tables that no fit reads, and the judgement by them."""

from __future__ import annotations

from census.tables.columns import (
    AGE,
    BOOL,
    EDUCATION,
    INT,
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
)
from census.tables.declaration import Column, Table
from census.tables.sources import _PERCENT

# No stage of the road reads these: `povo fit --evidence` writes them to judge the model.
HELD_OUT_INCOME = Table(
    "core_heldout__income",
    "SIDRA 10291: mean income of all jobs by municipality. Held out.",
    (
        UF,
        MUNICIPALITY,
        Column("race", STR, "Race, or all."),
        Column("age_group", STR, "As printed, all and groups that overlap: 14+, 25-64..."),
        Column("mean_income_brl", REAL, "BRL a month of 2022, occupied persons of 10 and over with income."),
    ),
    key=("municipality_code", "race", "age_group"),
)
HELD_OUT_SECTOR = Table(
    "core_heldout__sector",
    "Sector of the occupied of 18 and over by municipality, 2010. Held out.",
    (UF, MUNICIPALITY, Column("sector", STR, "Sector."), Column("percent", REAL, _PERCENT)),
    key=("municipality_code", "sector"),
    partition_by=(),
)
HELD_OUT_COLOUR = Table(
    "core_heldout__occupation_colour",
    "Occupied persons of Brazil by COD subgroup and colour, PNAD Contínua 2026T1. Held out.",
    (
        Column("occupation_cod3", STR, "COD, 3 digits.", "length(occupation_cod3) = 3"),
        Column("men", REAL, "Men."),
        Column("women", REAL, "Women."),
        Column("white", REAL, "White persons."),
        Column("black", REAL, "Persons preta and parda."),
        PERSONS,
        Column("rows", LONG, "Persons surveyed."),
        Column("weight_squared", REAL, "Sum of squared weights."),
    ),
    key=("occupation_cod3",),
    partition_by=(),
)
HELD_OUT_HEAD = Table(
    "core_heldout__head_2015",
    "Reference persons of households, PNAD 2015, no weights. Held out.",
    (
        UF,
        SEX,
        AGE,
        RACE.optional("where not stated"),
        Column("study_years", INT, "Years of study, 15 = 15 or more.", required=False),
        Column("income_brl", REAL, "BRL a month of 2015, main job.", "income_brl >= 0"),
    ),
    key=(),
    partition_by=(),
)
HELD_OUT_COVID = Table(
    "core_heldout__covid_2020",
    "Persons of two samples of PNAD COVID19, 2020. Held out.",
    (
        SOURCE,
        UF,
        ZONE,
        SEX,
        AGE,
        RACE.optional("where not stated"),
        EDUCATION,
        Column("is_working", BOOL, "Worked, or was away from a job. Null under 14.", required=False),
        Column("is_looking", BOOL, "Took a step to find work.", required=False),
        Column("survey_position", STR, "C007 in the words of V4012.", required=False),
        Column("contract", STR, "C007B: com carteira, estatutário, sem carteira.", required=False),
        Column("income_brl", REAL, "C01012, BRL a month of 2020.", required=False),
        Column("weight_persons", REAL, "V1032; 1 where the file has none.", "weight_persons > 0"),
    ),
    key=(),
    partition_by=(),
)
HELD_OUT_VOTER = Table(
    "core_heldout__voter_sc",
    "Voters of Santa Catarina, 2022, by registered marital status. Held out.",
    (
        SEX,
        Column("age_group", STR, "As printed: 16 anos ... 100 anos ou mais."),
        Column("schooling", STR, "Eight levels of the TSE, as printed."),
        MARITAL,
        PERSONS,
    ),
    key=("sex", "age_group", "schooling", "marital_status"),
    partition_by=(),
)

JUDGEMENT = Table(
    "core_model__judgement",
    "The model against figures that no fit read.",
    (
        Column("source", STR, "Held-out source."),
        Column("area", STR, "State, region or Brasil."),
        Column("figure", STR, "What is compared."),
        Column("model", REAL, "What the model expects. Null where it has no answer.", None, False),
        Column("published", REAL, "What was published."),
        Column("unit", STR, "%, BRL a month, or TVD (then published is 0)."),
        Column("note", STR, "What keeps the two apart, or why there is no answer."),
    ),
    key=("source", "area", "figure"),
    partition_by=(),
)
