"""Every table, declared once: types, comments, checks, key and partitioning come from here."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import (
    ArrayType,
    BooleanType,
    DataType,
    DoubleType,
    IntegerType,
    LongType,
    MapType,
    StringType,
    StructField,
    StructType,
    TimestampType,
)

from census import codes
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


def _in(name: str, values: tuple[str, ...]) -> str:
    return f"{name} IN ({', '.join(repr(v) for v in values)})"


_S, _I, _L, _D, _B, _T = StringType(), IntegerType(), LongType(), DoubleType(), BooleanType(), TimestampType()

UF = Column("uf", _S, "State (unidade da federação), two letters.", _in("uf", codes.UFS))
UF_OR_LEVEL = Column("uf", _S, "State, or the macro-region or BR where `level` is reg or br.")
MUNICIPALITY = Column("municipality_code", _S, "IBGE code, 7 digits.", "length(municipality_code) = 7")
SEX = Column("sex", _S, "F or M. PNADC V2007.", _in("sex", codes.SEXES))
AGE = Column("age_years", _I, "Completed years; 100 = 100 and over. PNADC V2009.", "age_years BETWEEN 0 AND 130")
AGE_BAND = Column("age_band", _S, "Age band in years, as in SIDRA 10061.", _in("age_band", codes.AGE_BANDS))
RACE = Column("race", _S, "Cor ou raça. PNADC V2010.", _in("race", codes.RACES))
EDUCATION = Column("education_level", _S, "Census level of schooling.", _in("education_level", codes.EDUCATION_LEVELS))
ZONE = Column("zone", _S, "Situação do domicílio. PNADC V1022.", _in("zone", codes.ZONES))
MARITAL = Column("marital_status", _S, "Legal marital status.", _in("marital_status", codes.MARITAL_STATUSES))
PERSONS = Column("persons", _D, "People counted or represented.", "persons >= 0")
SOURCE = Column("source", _S, "Name of the source in conf/sources.toml.")
LINE = Column("line", _L, "Line (text), row from 1 (parquet), or place in its pieces (fixed width).", "line >= 0")
RUN_ID = Column("run_id", _S, "Run that wrote the row.")
GROUP = Column("occupation_group", _S, "Great group of the COD.", _in("occupation_group", codes.OCCUPATION_GROUPS))
COD = Column("occupation_cod", _S, "COD base group, 4 digits.", "length(occupation_cod) = 4")
CBO = Column("occupation_cbo", _S, "CBO 2002 occupation, 6 digits.", "length(occupation_cbo) = 6")
PERSON_ID = Column("person_id", _L, "State code x 10^10 + person number k in the state's numbering.", "person_id >= 0")
UUID = Column("uuid", _S, "UUID v5 of povo:{seed}:{person_id}, 32 hex digits.", "length(uuid) = 32")
ATTEMPT = Column("attempt", _I, "Attempt at this call, from 1.", "attempt >= 1")
CALL = Column("call", _I, "1: background, skills, hobbies, goals; 2: the six personas.", "call IN (1, 2)")
REQUEST_KEY = Column("request_key", _S, "SHA-256 of everything that shapes the request.", "length(request_key) = 64")

# ---------------------------------------------------------------------------------------------- ingest
INGEST_REJECTION = Table(
    "raw_ingest__rejection",
    "Rows of a source that were not taken, with the reason.",
    (
        SOURCE,
        Column("file", _S, "File name of the source."),
        LINE,
        Column("field", _S, "First field that could not be read."),
        Column("value", _S, "Its value as found.", required=False),
        Column("reason_code", _S, "missing, unknown_code, not_a_number, out_of_range, wrong_columns or wrong_width."),
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
        Column("municipality_name", _S, "Official name."),
        Column("state_name", _S, "Name of the state."),
        Column("region", _S, "Macro-region.", _in("region", codes.REGIONS)),
        Column("population_persons", _L, "Censo 2022, residents.", "population_persons > 0"),
        Column("households_urban", _L, "SIDRA 9922, occupied permanent private households.", "households_urban >= 0"),
        Column("households_rural", _L, "SIDRA 9922.", "households_rural >= 0"),
        Column("is_capital", _B, "Capital of its state."),
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
        Column("sex", _S, "F, M, or T for both.", "sex IN ('F', 'M', 'T')"),
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
        Column("sex", _S, "F, M, or T for both.", "sex IN ('F', 'M', 'T')"),
        RACE,
        Column("age_group", _S, "Age group as printed: 18-24, 25-29 ... 80+; 18-19, 20-24 where sex is T."),
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
        Column("age_group", _S, "18-19, 20-24, 25-29 ... 80+."),
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
        Column("region", _S, "Macro-region.", _in("region", codes.REGIONS)),
        Column("stratum", _I, "Estrato.", required=False),
        Column("upa", _I, "Primary sampling unit, UPA.", required=False),
        Column("household_id", _S, "UPA + V1008 + V1014.", required=False),
        SEX,
        AGE,
        AGE_BAND,
        RACE.optional("where not stated (code 9)"),
        EDUCATION.optional("under 5, or where the survey has years of study instead"),
        Column("study_years", _I, "VD3002, 15 = 15 or more.", required=False),
        ZONE,
        Column("is_working", _B, "Had a job in the reference week (V4012 > 0).", required=False),
        GROUP.optional("for who does not work"),
        COD.optional("for who does not work"),
        Column("survey_position", _S, "V4012, seven positions.", required=False),
        Column(
            "income_brl",
            _D,
            "V403312 (2018: habitual, main job) or VD4020 (2017: effective, all jobs).",
            "income_brl >= 0 OR income_brl IS NULL",
            required=False,
        ),
        Column("hours", _D, "V4039, habitual hours a week.", required=False),
        Column("weight_persons", _D, "V1028, people this row stands for.", "weight_persons > 0"),
        Column("position", _S, "VD4009, ten positions.", _in("position", codes.POSITIONS)).optional(
            "for who does not work, and in the packaged extract"
        ),
        Column("sector_code", _S, "VD4010, 01 to 12. Null in the packaged extract.", required=False),
        Column("is_looking", _B, "VD4002 = 2. Null under 14, and in the packaged extract.", required=False),
        Column("is_in_school", _B, "V3002 = 1. Null where not asked, and in the packaged extract.", required=False),
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
        Column("is_working", _B, "Works.", required=False),
        Column("is_looking", _B, "Looks for work.", required=False),
        Column("is_in_school", _B, "Attends school.", required=False),
        Column("has_pension", _B, "Receives a retirement pay or pension (PNS F001011).", required=False),
        Column("cares_for_home", _B, "Does not look for work because of household tasks (V4078A = 1).", required=False),
        MARITAL.optional("where the survey does not ask"),
        EDUCATION.optional("where the survey does not ask"),
        GROUP.optional("for who does not work"),
        Column("position", _S, "VD4009, ten positions.", required=False),
        Column("weight_persons", _D, "Survey weight; 1 where the file has none.", "weight_persons > 0"),
    ),
    key=(),
    partition_by=(),
)
MARITAL_SEED = Table(
    "core_marital__count",
    "Legal marital status of electoral candidates: the shape, never the level.",
    (SEX, Column("age_group", _S, "18-24, 25-29 ... 75+."), RACE, EDUCATION, MARITAL, PERSONS),
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
        Column("area", _S, "State, region or Brasil."),
        Column("category", _S, "religion, or the cut of a published figure."),
        Column("value", _D, "Per cent.", "value BETWEEN 0 AND 100"),
        SOURCE,
    ),
    key=("area", "category", "source"),
    partition_by=(),
)
PUBLISHED = Table(
    "core_published__margin",
    "Figures printed by IBGE, through the press of the release days.",
    (
        Column("topic", _S, "Tema."),
        Column("year", _I, "Year."),
        Column("universe", _S, "Who is counted."),
        Column("area", _S, "Brasil, region or state."),
        Column("dimensions", _S, "Cut."),
        Column("category", _S, "Cell."),
        Column("value", _D, "As printed."),
        Column("unit", _S, "%, pessoas or milhões."),
    ),
    key=(),
    partition_by=(),
)
OCCUPATION_2026 = Table(
    "core_pnadc__occupation_2026",
    "Occupied persons by state and COD subgroup, PNAD Contínua 2026T1; cells of fewer than 20 rows are not published.",
    (
        UF,
        Column("occupation_cod3", _S, "COD, 3 digits.", "length(occupation_cod3) = 3"),
        Column("men", _D, "Men.", "men >= 0"),
        Column("women", _D, "Women.", "women >= 0"),
        PERSONS,
        Column("rows", _L, "Persons surveyed.", "rows >= 1"),
        Column("weight_squared", _D, "Sum of squared weights.", "weight_squared > 0"),
    ),
    key=("uf", "occupation_cod3"),
    partition_by=(),
)
OCCUPIED_2026 = Table(
    "core_pnadc__occupied_2026",
    "All occupied persons of a state, PNAD Contínua 2026T1.",
    (UF, PERSONS, Column("suppressed_persons", _D, "Of them, in cells that are not published.")),
    key=("uf",),
    partition_by=(),
)
TREND = Table(
    "core_pnadc__trend",
    "Labour force and position by quarter, 2012 to 2021, PNAD Contínua, Brazil; one dimension at a time.",
    (
        Column("year", _I, "Year."),
        Column("quarter", _I, "Quarter.", "quarter BETWEEN 1 AND 4"),
        Column("measure", _S, "population, labour_force, working, looking, or a position in the job."),
        Column("dimension", _S, "total, sex, age, education, zone or metropolitan."),
        Column("category", _S, "Value of the dimension; empty for the total."),
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
            Column(name, _D, f"{what} {_PERCENT}", f"{name} BETWEEN 0 AND 100")
            for name, what in (
                ("own_account_percent", "Own account."),
                ("employer_percent", "Employers."),
                ("with_contract_percent", "Employees with contract."),
                ("without_contract_percent", "Employees without contract."),
                ("public_percent", "Public sector."),
            )
        ),
        Column("urban_persons", _D, "Residents of the urban zone.", "urban_persons >= 0"),
        Column("rural_persons", _D, "Residents of the rural zone.", "rural_persons >= 0"),
    ),
    key=("municipality_code",),
    partition_by=(),
)
GROUP_TREND = Table(
    "core_pnadc__group_trend",
    "Great occupation groups by year: occupied persons and mean income, PNAD Contínua.",
    (GROUP, Column("year", _I, "Year."), PERSONS, Column("mean_income_brl", _D, "Nominal BRL a month.")),
    key=("occupation_group", "year"),
    partition_by=(),
)
MEI_SHARE = Table(
    "core_mei__share",
    "MEI as a share of formal workers by state, 2021.",
    (UF, Column("share", _D, "0 to 1.", "share BETWEEN 0 AND 1")),
    key=("uf",),
    partition_by=(),
)
OCCUPATION = Table(
    "core_occupation__title",
    "CBO titles with their COD base group and formal jobs.",
    (
        CBO,
        COD,
        Column("cod_title", _S, "Title of the COD base group."),
        GROUP,
        Column("title_feminine", _S, "Title of a woman."),
        Column("title_masculine", _S, "Title of a man."),
        Column("jobs", _D, "RAIS 2025, formal jobs on 31 December; 0 if under 1,000.", "jobs >= 0"),
        Column("women_share", _D, "Share of women among them.", required=False),
        Column("min_education_level", _S, "Least schooling of who has the title, by law or by the nature of the work."),
        Column("min_age_years", _I, "Least age in the present job; null: none.", required=False),
        Column("max_age_years", _I, "Highest age in the present job; null: none.", required=False),
        Column("positions", _S, "Positions that may have it, joined by `;`; null: any.", required=False),
        Column("only_sex", _S, "Sex that the title names; null: both.", required=False),
        Column("weight_factor", _D, "1, or less for titles that are rare or out of use.", "weight_factor > 0"),
        Column(
            "era",
            _S,
            "past: out of use today, not in the jobs of who is old now; new: not known to them. Null: any time.",
            f"era IS NULL OR {_in('era', codes.TITLE_ERAS)}",
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
        Column("kind", _S, "uf, region, biome, coast, crop or zone."),
        Column("value", _S, "Value of the kind, as in core_place__condition."),
        Column("factor", _D, "Times the title's weight.", "factor BETWEEN 0.02 AND 10"),
    ),
    key=("occupation_cbo", "kind", "value"),
    partition_by=(),
)
PLACE_CONDITION = Table(
    "core_place__condition",
    "What a municipality is known for: biomes, coast or interior, crops and herds.",
    (
        MUNICIPALITY,
        Column("kind", _S, "biome, coast or crop."),
        Column("value", _S, "Biome; litoral (seat within 60 km of the sea) or interior; crop or herd."),
        Column("share", _D, "1 over the biomes of the municipality; else 1.", "share > 0 AND share <= 1"),
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
        Column("weight", _D, "Shares of a base group sum to 1 over titles and sexes.", "weight BETWEEN 0 AND 1"),
    ),
    key=("occupation_cod", "occupation_cbo", "sex", "formal"),
    partition_by=(),
)
MEI_TRADE = Table(
    "core_mei__trade",
    "Trades of a MEI by COD base group; weights inside a published group are estimates.",
    (
        Column("cnae_subclass", _S, "CNAE 2.0, 7 digits."),
        Column("register_title", _S, "As in Resolução CGSN 140/2018, Anexo XI."),
        Column("title_feminine", _S, "As a woman says it."),
        Column("title_masculine", _S, "As a man says it."),
        COD,
        Column("trade_group", _S, "Group of activity of which the register's share is published."),
        Column("percent", _D, "Of all MEI.", "percent >= 0"),
        Column("women_share", _D, "Of the CBO title of the same name (RAIS 2025); null without one.", required=False),
    ),
    key=("cnae_subclass", "register_title", "occupation_cod"),
    partition_by=(),
)
MEI_PROFILE = Table(
    "core_mei__profile",
    "Published figures of all MEI, 2022.",
    (Column("indicator", _S, "As printed."), Column("value", _D, "Per cent, or years.")),
    key=("indicator",),
    partition_by=(),
)
FIRST_NAME = Table(
    "core_name__first_name",
    "First names with accents by sex and decade of birth (Censo 2010).",
    (
        Column("first_name", _S, "With accents."),
        SEX,
        Column("birth_decade", _I, "1920 (and before), 1930 ... 2000.", "birth_decade BETWEEN 1920 AND 2000"),
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
        Column("first_name", _S, "With accents."),
        Column("bearers", _D, "Candidates who bear it.", "bearers > 0"),
        Column("people", _D, "Candidates of the state and sex.", "people > 0"),
    ),
    key=("uf", "sex", "first_name"),
    partition_by=(),
)
SECOND_NAME = Table(
    "core_name__second_name",
    "Second given names (of compound first names) by sex and period of birth, counts of candidates.",
    (
        SEX,
        Column("birth_period", _I, "First year of the period of birth."),
        Column("first_name", _S, "With accents."),
        Column("second_name", _S, "With accents and particle, for example 'de Fátima'."),
        PERSONS,
    ),
    key=("sex", "birth_period", "first_name", "second_name"),
    partition_by=(),
)
NAME_STRUCTURE = Table(
    "core_name__structure",
    "How full names are built, by region, sex and period of birth (shares).",
    (
        Column("region", _S, "Macro-region."),
        SEX,
        Column("birth_period", _I, "First year of the period of birth."),
        Column("people", _D, "Candidates counted."),
        Column("compound_share", _D, "With a second given name."),
        Column("one_surname_share", _D, "With one surname."),
        Column("three_surnames_share", _D, "With three or more."),
        Column("suffix_share", _D, "With Filho, Júnior, Neto or Sobrinho."),
    ),
    key=("region", "sex", "birth_period"),
    partition_by=(),
)
NAME_SUFFIX = Table(
    "core_name__suffix",
    "Generation suffixes of men by region.",
    (Column("region", _S, "Macro-region."), Column("suffix", _S, "Filho, Júnior, Neto, Sobrinho."), PERSONS),
    key=("region", "suffix"),
    partition_by=(),
)
SURNAME = Table(
    "core_name__surname",
    "Surnames with accents: bearers in Brazil (Censo 2022) and the ratio of each state.",
    (
        Column("surname", _S, "With accents."),
        Column("persons", _D, "Bearers in Brazil, in any position.", "persons > 0"),
        Column("particle", _S, "Commonest particle (da, de, do, dos, das), or empty.", required=False),
        Column("particle_share", _D, "Share of bearers who write it.", "particle_share BETWEEN 0 AND 1"),
        Column("uf_ratio", MapType(_S, _D), "State of birth -> share there over share in Brazil, shrunk; 1 if absent."),
    ),
    key=("surname",),
    partition_by=(),
)
TRAIT_NORM = Table(
    "core_trait__norm",
    "Big Five by sex and age: difference of the mean from the population, in standard deviations.",
    (
        SEX,
        Column("age_group", _S, "13-17, 18-24 ..."),
        *(Column(trait, _D, "Standard deviations from the mean of all.") for trait in codes.TRAITS),
    ),
    key=("sex", "age_group"),
    partition_by=(),
)
TRAIT_CORRELATION = Table(
    "core_trait__correlation",
    "Correlation matrix of the five traits.",
    (Column("trait", _S, "Row."), *(Column(trait, _D, "Correlation.") for trait in codes.TRAITS)),
    key=("trait",),
    partition_by=(),
)
CULTURE = Table(
    "core_culture__fact",
    "Regional facts that a text may use.",
    (
        UF,
        Column(
            "kind", _S, "What it is.", _in("kind", ("dish", "feast", "music", "craft", "product", "sight", "place"))
        ),
        Column("name", _S, "As said in a sentence."),
        Column("municipality_code", _S, "Municipality, where the fact belongs to one.", required=False),
        Column("origin", _S, "register, list or general (knowledge): what supports the fact."),
        SOURCE,
    ),
    key=("uf", "kind", "name"),
    partition_by=(),
)
HABIT = Table(
    "core_culture__habit",
    "Sports and journeys that a text may take up, as common as at that sex and age. Grade C.",
    (
        Column("kind", _S, "What it is.", _in("kind", ("sport", "trip"))),
        Column("option", _S, "As said in the record; 'nenhum' with the reason for who does none."),
        SEX,
        Column("min_age_years", _I, "From this age.", "min_age_years >= 0"),
        Column("max_age_years", _I, "To this age, itself included.", "max_age_years >= min_age_years"),
        Column("percent", _D, "Per cent of the sex and age.", "percent BETWEEN 0 AND 100"),
    ),
    key=("kind", "option", "sex", "min_age_years"),
    partition_by=(),
)

# ---------------------------------------------------------------------------------------------- model
_LEVEL = Column("level", _S, "uf, reg (macro-region) or br.", "level IN ('uf', 'reg', 'br')")
_CELL = Column("cell", _S, "Values of the parents after uf, in their order, joined by '|'.")
COUNT = Table(
    "core_model__count",
    "Weighted counts of survey families by state, macro-region and Brazil.",
    (
        Column("family", _S, "Family of the network."),
        _LEVEL,
        UF_OR_LEVEL,
        Column("cell_index", _I, "Place of the cell: mixed radix over the parents, the last one fastest."),
        Column("value_index", _I, "Place of the value in its domain."),
        _CELL,
        Column("value", _S, "Value of the child."),
        Column("weight_persons", _D, "W: sum of weights.", "weight_persons >= 0"),
        Column("weight_squared", _D, "W2: sum of squared weights."),
        Column("rows", _L, "Persons surveyed.", "rows >= 1"),
    ),
    key=("family", "level", "uf", "cell", "value"),
)
CONDITIONAL = Table(
    "core_model__conditional",
    "P(value | state, cell) of the survey families before raking, with the effective sample size behind it.",
    (
        Column("family", _S, "Family of the network."),
        _LEVEL,
        UF_OR_LEVEL,
        _CELL,
        Column("value", _S, "Value of the child."),
        Column("probability", _D, "Sums to 1 within a cell.", "probability BETWEEN 0 AND 1.000001"),
        Column("effective_persons", _D, "W^2 / W2 / design effect of the cell.", "effective_persons > 0"),
        Column("rows", _L, "Persons surveyed in the cell.", "rows >= 1"),
    ),
    key=("family", "level", "uf", "cell", "value"),
)
_GRADE = Column(
    "grade", _S, "A census joint, B large survey, C small sample and published margins.", "grade IN ('A', 'B', 'C')"
)
NODE = Table(
    "core_model__node",
    "The variables of the network in the order in which they are drawn.",
    (
        Column("order", _I, "Place in the order of drawing, from 0."),
        Column("node", _S, "Variable."),
        Column(
            "number",
            _I,
            "Stream of its draws, given once. Null if its parents determine it.",
            None,
            False,
        ),
        Column("parents", ArrayType(_S), "Conditioning variables."),
        Column("values", ArrayType(_S), "Values in code order: the order of `probabilities`."),
        _GRADE,
        Column("source", _S, "Sources."),
    ),
    key=("node",),
    partition_by=(),
)
CPD = Table(
    "core_model__cpd",
    "The network: P(value | parents), one row a cell. Rows of tables without uf stand under BR.",
    (
        Column("node", _S, "Variable."),
        UF_OR_LEVEL,
        Column("cell_index", _I, "Place of the cell: mixed radix over the parents but uf, the last one fastest."),
        Column("cell", _S, "Values of these parents, joined by '|'."),
        Column("probabilities", ArrayType(_D), "In the order of core_model__node.values; sums to 1."),
        Column("effective_persons", _D, "Effective persons of the state's own cell. Null if no survey's.", None, False),
        Column("prior_share", _D, "Weight of the law raked from the country's. Null if no survey's.", None, False),
    ),
    key=("node", "uf", "cell_index"),
)
BLOCK = Table(
    "core_model__block",
    "The census block of each municipality: persons by sex, age band, race, schooling and zone, raked to every margin.",
    (
        UF,
        MUNICIPALITY,
        SEX,
        AGE_BAND,
        Column("persons", ArrayType(_D), "Persons by race x education level x zone, the last one fastest."),
    ),
    key=("municipality_code", "sex", "age_band"),
)
RESIDUAL = Table(
    "core_model__residual",
    "How far the block of a municipality ends from its margins: total variation distances, 0 to 1.",
    (
        UF,
        MUNICIPALITY,
        Column("age_sex_persons", _D, "Largest difference of a sex x age band from the numbering, in persons."),
        Column("race", _D, "Race of adults, from the municipal 10061 within its age bands."),
        Column("education", _D, "Schooling of adults, from the municipal 10061 within its age bands."),
        Column("own_joint", _D, "Age x race x schooling of adults, from the shrunk target."),
        Column("zone", _D, "Rural share of persons, from the households' share moved to persons."),
        Column(
            "state_joint", _D, "The whole state's block, from the state's joint (10061); the same for all its rows."
        ),
        Column("prior_share", _D, "Weight of the state's law in the target of race and schooling.", "prior_share <= 1"),
    ),
    key=("municipality_code",),
)
DESIGN_EFFECT = Table(
    "core_model__design_effect",
    "Design effects of the survey families, linearised over UPAs within strata; from a fixed share of the UPAs.",
    (
        Column("family", _S, "Family of the network."),
        Column("level", _S, "uf: margin of a state; br: cell of the parents in Brazil.", "level IN ('uf', 'br')"),
        Column("design_effect", _D, "Variance over that of a simple random sample with the same weights."),
        Column("cells", _L, "Cells of 30 effective persons or more that it rests on."),
    ),
    key=("family", "level"),
    partition_by=(),
)
INCOME_POINT = Table(
    "core_model__income_point",
    "Quantiles of the income of the main job within each income band, PNADC 2018T2, all of Brazil.",
    (
        Column("income_band", _S, "Band.", _in("income_band", codes.INCOME_BANDS)),
        Column("point", _I, "0 to 400: quantile in four-hundredths.", "point BETWEEN 0 AND 400"),
        Column("income_brl", _D, "BRL a month of 2018.", "income_brl >= 0"),
    ),
    key=("income_band", "point"),
    partition_by=(),
)
ALLOCATION = Table(
    "core_model__allocation",
    "The numbering of the virtual population: whole persons of the census by municipality, sex and age.",
    (
        UF,
        Column("order", _I, "Position in the numbering: adults first, then municipality, sex, age.", "order >= 0"),
        MUNICIPALITY,
        SEX,
        AGE,
        Column("persons", _L, "Persons.", "persons > 0"),
    ),
    key=("municipality_code", "sex", "age_years"),
)
EVIDENCE = Table(
    "core_model__evidence",
    "What the network assumes and how well it is known, node by node.",
    (
        Column("node", _S, "Variable."),
        Column("parents", _S, "Conditioning variables."),
        Column("grade", _S, "A, B or C."),
        Column("source", _S, "Sources."),
        Column("cells", _L, "Parent cells."),
        Column("assumption", _S, "Conditional independence that the network asserts."),
        Column(
            "residual_bits",
            MapType(_S, _D),
            "Variable assumed independent -> bits that it still tells of surveyed persons, given the parents but the "
            "state.",
        ).optional("before `povo fit --evidence`, and for what the survey does not ask"),
        Column("noise_bits", MapType(_S, _D), "The same variable -> bits that sampling noise alone shows.").optional(
            "where residual_bits is"
        ),
    ),
    key=("node",),
    partition_by=(),
)
HELD_OUT = Table(
    "core_model__held_out",
    "How well estimators of a family foresee survey persons of UPAs that they have not seen; `povo fit --evidence`.",
    (
        Column("family", _S, "Variable foreseen, or the table of a calibration."),
        Column(
            "kind",
            _S,
            "estimator (rivals), parent (the network's estimator without one parent), residual (a variable that is no "
            "parent), calibration, design_effect.",
            "kind IN ('estimator', 'parent', 'residual', 'calibration', 'design_effect')",
        ),
        Column("name", _S, "Estimator, dropped parent, variable left out, or level."),
        Column("nats", _D, "Weighted mean of ln P, nats per person; the nearer to 0 the better.").optional(
            "for residuals, calibrations and design effects"
        ),
        Column(
            "value",
            _D,
            "Estimator: nats behind the network's. Parent: nats lost without it. Residual: bits that the variable "
            "still tells, given the parents other than the state. Calibration: share inside. Design effect: itself.",
        ),
        Column(
            "error", _D, "Standard error of `value` over UPAs; of a residual: bits that sampling noise alone shows."
        ).optional("for calibrations and design effects"),
        Column("rank", _I, "1 is the best estimator of its family.").optional("but for estimators"),
        Column("rows", _L, "Persons scored; entries of a calibration; cells of a design effect.", "rows >= 0"),
        Column("note", _S, "How it was set."),
    ),
    key=("family", "kind", "name"),
    partition_by=(),
)
EDGE = Table(
    "core_model__edge",
    "Edges that a structure search finds in resampled survey persons, beside those of the network.",
    (
        Column("universe", _S, "Persons searched."),
        Column("parent", _S, "Parent, in the coarse variables of the search."),
        Column("child", _S, "Child."),
        Column("support", _D, "Share of the searches that found the edge.", "support BETWEEN 0 AND 1"),
        Column("is_declared", _B, "Whether the network has the edge."),
        Column("rows", _L, "Rows of one search: the effective sample.", "rows >= 1"),
        Column("note", _S, "What to make of it."),
    ),
    key=("universe", "parent", "child"),
    partition_by=(),
)

# --------------------------------------------------------------------------------------------- held out
# No stage of the road reads these: `povo fit --evidence` writes them to judge the model.
HELD_OUT_INCOME = Table(
    "core_heldout__income",
    "SIDRA 10291: mean income of all jobs by municipality. Held out.",
    (
        UF,
        MUNICIPALITY,
        Column("race", _S, "Race, or all."),
        Column("age_group", _S, "As printed, all and groups that overlap: 14+, 25-64..."),
        Column("mean_income_brl", _D, "BRL a month of 2022, occupied persons of 10 and over with income."),
    ),
    key=("municipality_code", "race", "age_group"),
)
HELD_OUT_SECTOR = Table(
    "core_heldout__sector",
    "Sector of the occupied of 18 and over by municipality, 2010. Held out.",
    (UF, MUNICIPALITY, Column("sector", _S, "Sector."), Column("percent", _D, _PERCENT)),
    key=("municipality_code", "sector"),
    partition_by=(),
)
HELD_OUT_COLOUR = Table(
    "core_heldout__occupation_colour",
    "Occupied persons of Brazil by COD subgroup and colour, PNAD Contínua 2026T1. Held out.",
    (
        Column("occupation_cod3", _S, "COD, 3 digits.", "length(occupation_cod3) = 3"),
        Column("men", _D, "Men."),
        Column("women", _D, "Women."),
        Column("white", _D, "White persons."),
        Column("black", _D, "Persons preta and parda."),
        PERSONS,
        Column("rows", _L, "Persons surveyed."),
        Column("weight_squared", _D, "Sum of squared weights."),
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
        Column("study_years", _I, "Years of study, 15 = 15 or more.", required=False),
        Column("income_brl", _D, "BRL a month of 2015, main job.", "income_brl >= 0"),
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
        Column("is_working", _B, "Worked, or was away from a job. Null under 14.", required=False),
        Column("is_looking", _B, "Took a step to find work.", required=False),
        Column("survey_position", _S, "C007 in the words of V4012.", required=False),
        Column("contract", _S, "C007B: com carteira, estatutário, sem carteira.", required=False),
        Column("income_brl", _D, "C01012, BRL a month of 2020.", required=False),
        Column("weight_persons", _D, "V1032; 1 where the file has none.", "weight_persons > 0"),
    ),
    key=(),
    partition_by=(),
)
HELD_OUT_VOTER = Table(
    "core_heldout__voter_sc",
    "Voters of Santa Catarina, 2022, by registered marital status. Held out.",
    (
        SEX,
        Column("age_group", _S, "As printed: 16 anos ... 100 anos ou mais."),
        Column("schooling", _S, "Eight levels of the TSE, as printed."),
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
        Column("source", _S, "Held-out source."),
        Column("area", _S, "State, region or Brasil."),
        Column("figure", _S, "What is compared."),
        Column("model", _D, "What the model expects. Null where it has no answer.", None, False),
        Column("published", _D, "What was published."),
        Column("unit", _S, "%, BRL a month, or TVD (then published is 0)."),
        Column("note", _S, "What keeps the two apart, or why there is no answer."),
    ),
    key=("source", "area", "figure"),
    partition_by=(),
)

# ---------------------------------------------------------------------------------------------- persons
ATTRIBUTE = Table(
    "core_persona__attribute",
    "One synthetic person.",
    (
        PERSON_ID,
        UUID,
        UF,
        MUNICIPALITY,
        SEX,
        AGE,
        ZONE,
        RACE,
        EDUCATION.optional("under 5"),
        MARITAL,
        Column("in_union", _B, "Lives with a spouse or partner."),
        Column("religion", _S, "Religion.", _in("religion", codes.RELIGIONS)).optional("under 10"),
        Column("activity", _S, "Activity in the reference week.", _in("activity", codes.ACTIVITIES)).optional(
            "under 14"
        ),
        GROUP.optional("for who does not work"),
        COD.optional("for who does not work"),
        CBO.optional("for who does not work"),
        Column("occupation_title", _S, "Title in the person's gender. Null for who does not work.", required=False),
        Column("position", _S, "Position in the job.", _in("position", codes.POSITIONS)).optional(
            "for who does not work"
        ),
        Column("is_mei", _B, "Individual micro-entrepreneur. Null for who does not work.", required=False),
        Column(
            "income_brl",
            _D,
            "Monthly income of the main job, level of 2022. Null for who does not work.",
            "income_brl IS NULL OR income_brl >= 0",
            required=False,
        ),
        Column(
            "former_occupation_title",
            _S,
            "Last occupation. Null but for the retired and those who look for work.",
            required=False,
        ),
        Column("first_name", _S, "First given name.", "length(first_name) > 0"),
        Column("middle_name", _S, "Second given name; empty if none."),
        Column("last_name", _S, "All surnames, with particles and suffix.", "length(last_name) > 0"),
        *(
            Column(
                trait, _D, "T score. Null under 10.", f"{trait} IS NULL OR {trait} BETWEEN 20 AND 80", required=False
            )
            for trait in codes.TRAITS
        ),
        Column("model_version", _S, "Digest of reference data, network, fit settings and sampler version."),
        Column("seed", _L, "Seed of the draw."),
    ),
    key=("person_id",),
)
RESPONSE = Table(
    "raw_model__response",
    "Every answer of the language model, as it came.",
    (
        UF,
        UUID,
        CALL,
        ATTEMPT,
        REQUEST_KEY,
        Column("parent_key", _S, "Call 2: request key of the answer to call 1 it builds on.", required=False),
        Column("model", _S, "Model asked for."),
        Column("writer", _S, "Model that answered."),
        Column("prompt_version", _S, "Version of the prompts."),
        Column("content", _S, "Text of the answer.", required=False),
        Column("finish_reason", _S, "stop, length...", required=False),
        Column("prompt_tokens", _L, "As the server counts.", required=False),
        Column("cached_tokens", _L, "Of them, from the prefix cache.", required=False),
        Column("completion_tokens", _L, "As the server counts.", required=False),
        Column("latency_ms", _D, "From sending to the last byte; null if it came in a batch file.", required=False),
        Column("tries", _I, "HTTP requests it took."),
        Column("endpoint", _S, "Base URL."),
        Column("answered_at", _T, "When it arrived, UTC."),
        RUN_ID,
    ),
    key=("request_key",),
    properties=(("delta.appendOnly", "true"),),
)
_TEXTS = (
    "professional_persona",
    "sports_persona",
    "arts_persona",
    "travel_persona",
    "culinary_persona",
    "persona",
    "cultural_background",
    "skills_and_expertise",
    "hobbies_and_interests",
    "career_goals_and_ambitions",
)
TEXT_FIELDS = _TEXTS
_LIST = ArrayType(_S)
TEXT = Table(
    "core_persona__text",
    "Accepted texts of a person.",
    (
        UF,
        UUID,
        *(Column(name, _S, "Text in Brazilian Portuguese.", f"length({name}) > 0") for name in _TEXTS),
        Column("skills_and_expertise_list", _LIST, "Skills."),
        Column("hobbies_and_interests_list", _LIST, "Hobbies."),
        Column("attributes_key", _S, "Request key of the accepted call 1."),
        Column("personas_key", _S, "Request key of the accepted call 2."),
        Column("model", _S, "Model asked for."),
        Column("attributes_writer", _S, "Model that wrote background, skills, hobbies and goals."),
        Column("personas_writer", _S, "Model that wrote the six personas."),
        Column("writer", _S, "Both, once if they are the same."),
        Column("prompt_version", _S, "Version of the prompts."),
        Column("warnings", _LIST, "Codes of what the checks found and let pass."),
        *(
            Column(f"mentions_{what}", _B, f"The texts say the {what}.", required=False)
            for what in ("name", "municipality", "state", "occupation", "age")
        ),
    ),
    key=("uuid",),
)
REJECTION = Table(
    "core_persona__rejection",
    "Answers that were not accepted; the next attempt is asked with these reasons.",
    (
        UF,
        UUID,
        CALL,
        ATTEMPT,
        REQUEST_KEY,
        Column("reason_code", _S, "Reason."),
        Column("detail", _S, "What was found."),
    ),
    key=("request_key", "reason_code", "detail"),
)
METRIC = Table(
    "ops_quality__metric",
    "One measured figure a row, beside its target and noise floor.",
    (
        RUN_ID,
        Column("uf", _S, "State or BR."),
        Column("family", _S, "marginal, pair, triple, held_out, text, set, fairness or throughput."),
        Column("name", _S, "What is measured."),
        Column("value", _D, "The figure.", required=False),
        Column("floor", _D, "What sampling noise alone would give.", required=False),
        Column("ratio", _D, "value / floor.", required=False),
        Column("bound", _D, "Bound of the quality gate.", required=False),
        Column("passed", _B, "Inside the bound; null if none.", required=False),
        Column("grade", _S, "Grade of the variable.", required=False),
        Column("source", _S, "Target.", required=False),
        Column("n", _L, "Persons behind the figure.", required=False),
    ),
    key=("uf", "family", "name"),
)
_ASKED = StructType(
    [
        *(StructField(name, _L) for name in ("calls", "prompt_tokens", "cached_tokens", "completion_tokens")),
        StructField("cost", _D),
    ]
)
RUN = Table(
    "ops_pipeline__run",
    "One row each time that a stage starts, none where nothing changed: closed when it ends, left open if killed.",
    (
        RUN_ID,
        Column("job", _S, "Stage."),
        Column("status", _S, "running, done or failed.", "status IN ('running', 'done', 'failed')"),
        Column("version", _S, "Version of Povo."),
        Column(
            "fingerprints", MapType(_S, _S), "State (BR for the national part) -> digest of settings, code and inputs."
        ),
        Column("settings", _S, "Settings that change rows, JSON."),
        Column("seed", _L, "Seed."),
        Column("records", MapType(_S, _L), "State -> records asked for."),
        Column("ufs", ArrayType(_S), "States."),
        Column("input_versions", MapType(_S, _L), "Table -> Delta version read."),
        Column("rows_in", _L, "Rows read.", required=False),
        Column("rows_out", _L, "Rows written.", required=False),
        Column("started_at", _T, "UTC."),
        Column("seconds", _D, "Wall time; null while it runs.", required=False),
        Column("prompt_tokens", _L, "Of the answers of this run.", required=False),
        Column("cached_tokens", _L, "Of them, from the prefix cache.", required=False),
        Column("completion_tokens", _L, "Of the answers of this run, reasoning included.", required=False),
        Column("cost", _D, "In the currency of the price table; null without prices of tokens.", required=False),
        Column("requests", _L, "HTTP requests sent, those sent again included.", required=False),
        Column("retries", MapType(_S, _L), "Class of failure -> requests sent again.", required=False),
        *(
            Column(f"latency_p{share}_ms", _D, f"So long took {share} % of the answers at most.", required=False)
            for share in (50, 95, 99)
        ),
        Column("texts", MapType(_S, _ASKED), "State -> calls, tokens and cost in it.", required=False),
        Column("message", _S, "Reason of a failure.", required=False),
    ),
    key=("run_id", "job", "started_at"),
    partition_by=(),
)
_PUBLIC_TEXT = {
    "skills_and_expertise_list": "Python-style list as a string.",
    "hobbies_and_interests_list": "Python-style list as a string.",
}
PUBLIC_COLUMNS = (
    *_TEXTS[:8],
    "skills_and_expertise_list",
    "hobbies_and_interests",
    "hobbies_and_interests_list",
    "career_goals_and_ambitions",
    "sex",
    "age",
    "marital_status",
    "education_level",
    "occupation",
    "municipality",
    "state",
    "country",
)
PERSONA = Table(
    "out_personas__persona",
    "The public layout: uuid and 20 fields; uf is the partition only.",
    (
        UUID,
        *(
            Column(name, _S, _PUBLIC_TEXT.get(name, "Text or value in Brazilian Portuguese."))
            for name in PUBLIC_COLUMNS[:13]
        ),
        Column("age", LongType(), "Completed years.", "age BETWEEN 18 AND 110"),
        *(Column(name, _S, "Value in Brazilian Portuguese.") for name in PUBLIC_COLUMNS[14:]),
        UF,
    ),
    key=("uuid",),
    properties=(("delta.enableChangeDataFeed", "true"),),
)
PERSONA_EXTENDED = Table(
    "out_personas__persona_extended",
    "Everything known of a person, the texts, and where each text came from.",
    (
        *ATTRIBUTE.columns,
        Column("municipality_name", _S, "Official name."),
        Column("state_name", _S, "Name of the state."),
        Column("region", _S, "Macro-region."),
        *(column for column in TEXT.columns if column.name not in ("uf", "uuid")),
    ),
    key=("uuid",),
)

ALL = tuple(value for value in list(globals().values()) if isinstance(value, Table))
