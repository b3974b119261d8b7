"""Tables that `ingest` writes of occupations, names, traits and culture."""

from __future__ import annotations

from pyspark.sql.types import BooleanType, MapType

from census import codes
from census.tables.columns import CBO, COD, GROUP, INT, MUNICIPALITY, PERSONS, REAL, SEX, SOURCE, STR, UF, among
from census.tables.declaration import Column, Table

OCCUPATION = Table(
    "core_occupation__title",
    "CBO titles with their COD base group and formal jobs.",
    (
        CBO,
        COD,
        Column("cod_title", STR, "Title of the COD base group."),
        GROUP,
        Column("title_feminine", STR, "Title of a woman."),
        Column("title_masculine", STR, "Title of a man."),
        Column("jobs", REAL, "RAIS 2025, formal jobs on 31 December; 0 if under 1,000.", "jobs >= 0"),
        Column("women_share", REAL, "Share of women among them.", required=False),
        Column("min_education_level", STR, "Least schooling of who has the title, by law or the nature of the work."),
        Column("min_age_years", INT, "Least age in the present job; null: none.", required=False),
        Column("max_age_years", INT, "Highest age in the present job; null: none.", required=False),
        Column("positions", STR, "Positions that may have it, joined by `;`; null: any.", required=False),
        Column("only_sex", STR, "Sex that the title names; null: both.", required=False),
        Column("weight_factor", REAL, "1, or less for titles that are rare or out of use.", "weight_factor > 0"),
        Column(
            "era",
            STR,
            "past: out of use today, not in the jobs of who is old now; new: not known to them. Null: any time.",
            f"era IS NULL OR {among('era', codes.TITLE_ERAS)}",
            required=False,
        ),
    ),
    key=("occupation_cbo", "occupation_cod"),
    partition_by=(),
)
REGIONAL_TRADE = Table(
    "core_occupation__regional",
    "Places where a CBO title is more or less common inside its COD base group than in the country.",
    (
        CBO,
        Column("kind", STR, "uf, region, biome, coast, crop or zone."),
        Column("value", STR, "Value of the kind, as in core_place__condition."),
        Column("factor", REAL, "Times the title's weight.", "factor BETWEEN 0.02 AND 10"),
    ),
    key=("occupation_cbo", "kind", "value"),
    partition_by=(),
)
PLACE_CONDITION = Table(
    "core_place__condition",
    "What a municipality is known for: biomes, coast or interior, crops and herds.",
    (
        MUNICIPALITY,
        Column("kind", STR, "biome, coast or crop."),
        Column("value", STR, "Biome; litoral (seat within 60 km of the sea) or interior; crop or herd."),
        Column("share", REAL, "1 over the biomes of the municipality; else 1.", "share > 0 AND share <= 1"),
    ),
    key=("municipality_code", "kind", "value"),
    partition_by=(),
)
TITLE_WEIGHT = Table(
    "core_model__title",
    "How common a CBO title is inside its COD base group, by sex, before its requirements and places.",
    (
        COD,
        CBO,
        SEX,
        Column("formal", BooleanType(), "Of who holds a formal position; else of who holds another."),
        Column("weight", REAL, "Shares of a base group sum to 1 over titles and sexes.", "weight BETWEEN 0 AND 1"),
    ),
    key=("occupation_cod", "occupation_cbo", "sex", "formal"),
    partition_by=(),
)
MEI_TRADE = Table(
    "core_mei__trade",
    "Trades of a MEI by COD base group; weights inside a published group are estimates.",
    (
        Column("cnae_subclass", STR, "CNAE 2.0, 7 digits."),
        Column("register_title", STR, "As in Resolução CGSN 140/2018, Anexo XI."),
        Column("title_feminine", STR, "As a woman says it."),
        Column("title_masculine", STR, "As a man says it."),
        COD,
        Column("trade_group", STR, "Group of activity of which the register's share is published."),
        Column("percent", REAL, "Of all MEI.", "percent >= 0"),
        Column("women_share", REAL, "Of the CBO title of the same name (RAIS 2025); null without one.", required=False),
    ),
    key=("cnae_subclass", "register_title", "occupation_cod"),
    partition_by=(),
)
MEI_PROFILE = Table(
    "core_mei__profile",
    "Published figures of all MEI, 2022.",
    (Column("indicator", STR, "As printed."), Column("value", REAL, "Per cent, or years.")),
    key=("indicator",),
    partition_by=(),
)
FIRST_NAME = Table(
    "core_name__first_name",
    "First names with accents by sex and decade of birth (Censo 2010).",
    (
        Column("first_name", STR, "With accents."),
        SEX,
        Column("birth_decade", INT, "1920 (and before), 1930 ... 2000.", "birth_decade BETWEEN 1920 AND 2000"),
        PERSONS,
    ),
    key=("first_name", "sex", "birth_decade"),
    partition_by=(),
)
FIRST_NAME_STATE = Table(
    "core_name__first_name_state",
    "First names of candidates by state of birth and sex; fewer than 3 bearers are left out.",
    (
        UF,
        SEX,
        Column("first_name", STR, "With accents."),
        Column("bearers", REAL, "Candidates who bear it.", "bearers > 0"),
        Column("people", REAL, "Candidates of the state and sex.", "people > 0"),
    ),
    key=("uf", "sex", "first_name"),
    partition_by=(),
)
SECOND_NAME = Table(
    "core_name__second_name",
    "Second given names (of compound first names) by sex and period of birth, counts of candidates.",
    (
        SEX,
        Column("birth_period", INT, "First year of the period of birth."),
        Column("first_name", STR, "With accents."),
        Column("second_name", STR, "With accents and particle, for example 'de Fátima'."),
        PERSONS,
    ),
    key=("sex", "birth_period", "first_name", "second_name"),
    partition_by=(),
)
NAME_STRUCTURE = Table(
    "core_name__structure",
    "How full names are built, by region, sex and period of birth (shares).",
    (
        Column("region", STR, "Macro-region."),
        SEX,
        Column("birth_period", INT, "First year of the period of birth."),
        Column("people", REAL, "Candidates counted."),
        Column("compound_share", REAL, "With a second given name."),
        Column("one_surname_share", REAL, "With one surname."),
        Column("three_surnames_share", REAL, "With three or more."),
        Column("suffix_share", REAL, "With Filho, Júnior, Neto or Sobrinho."),
    ),
    key=("region", "sex", "birth_period"),
    partition_by=(),
)
NAME_SUFFIX = Table(
    "core_name__suffix",
    "Generation suffixes of men by region.",
    (Column("region", STR, "Macro-region."), Column("suffix", STR, "Filho, Júnior, Neto, Sobrinho."), PERSONS),
    key=("region", "suffix"),
    partition_by=(),
)
SURNAME = Table(
    "core_name__surname",
    "Surnames with accents: bearers in Brazil (Censo 2022) and the ratio of each state.",
    (
        Column("surname", STR, "With accents."),
        Column("persons", REAL, "Bearers in Brazil, in any position.", "persons > 0"),
        Column("particle", STR, "Commonest particle (da, de, do, dos, das), or empty.", required=False),
        Column("particle_share", REAL, "Share of bearers who write it.", "particle_share BETWEEN 0 AND 1"),
        Column("uf_ratio", MapType(STR, REAL), "State of birth -> share there over Brazil's, shrunk; 1 if absent."),
    ),
    key=("surname",),
    partition_by=(),
)
TRAIT_NORM = Table(
    "core_trait__norm",
    "Big Five by sex and age: difference of the mean from the population, in standard deviations.",
    (
        SEX,
        Column("age_group", STR, "13-17, 18-24 ..."),
        *(Column(trait, REAL, "Standard deviations from the mean of all.") for trait in codes.TRAITS),
    ),
    key=("sex", "age_group"),
    partition_by=(),
)
TRAIT_CORRELATION = Table(
    "core_trait__correlation",
    "Correlation matrix of the five traits.",
    (Column("trait", STR, "Row."), *(Column(trait, REAL, "Correlation.") for trait in codes.TRAITS)),
    key=("trait",),
    partition_by=(),
)
CULTURE = Table(
    "core_culture__fact",
    "Regional facts that a text may use.",
    (
        UF,
        Column(
            "kind", STR, "What it is.", among("kind", ("dish", "feast", "music", "craft", "product", "sight", "place"))
        ),
        Column("name", STR, "As said in a sentence."),
        Column("municipality_code", STR, "Municipality, where the fact belongs to one.", required=False),
        Column("origin", STR, "register, list or general (knowledge): what supports the fact."),
        SOURCE,
    ),
    key=("uf", "kind", "name"),
    partition_by=(),
)
HABIT = Table(
    "core_culture__habit",
    "Sports and journeys that a text may take up, as common as at that sex and age. Grade C.",
    (
        Column("kind", STR, "What it is.", among("kind", ("sport", "trip"))),
        Column("option", STR, "As said in the record; 'nenhum' with the reason for who does none."),
        SEX,
        Column("min_age_years", INT, "From this age.", "min_age_years >= 0"),
        Column("max_age_years", INT, "To this age, itself included.", "max_age_years >= min_age_years"),
        Column("percent", REAL, "Per cent of the sex and age.", "percent BETWEEN 0 AND 100"),
    ),
    key=("kind", "option", "sex", "min_age_years"),
    partition_by=(),
)
