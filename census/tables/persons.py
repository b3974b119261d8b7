"""Tables of persons, their texts, metrics and runs, and the published ones."""

from __future__ import annotations

from pyspark.sql.types import ArrayType, LongType, MapType, StructField, StructType

from census import codes
from census.tables.columns import (
    AGE,
    ATTEMPT,
    BOOL,
    CALL,
    CBO,
    COD,
    EDUCATION,
    GROUP,
    INT,
    LONG,
    MARITAL,
    MUNICIPALITY,
    PERSON_ID,
    RACE,
    REAL,
    REQUEST_KEY,
    RUN_ID,
    SEX,
    STR,
    TIME,
    UF,
    UUID,
    ZONE,
    among,
)
from census.tables.declaration import Column, Table

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
        Column("in_union", BOOL, "Lives with a spouse or partner."),
        Column("religion", STR, "Religion.", among("religion", codes.RELIGIONS)).optional("under 10"),
        Column("activity", STR, "Activity in the reference week.", among("activity", codes.ACTIVITIES)).optional(
            "under 14"
        ),
        GROUP.optional("for who does not work"),
        COD.optional("for who does not work"),
        CBO.optional("for who does not work"),
        Column("occupation_title", STR, "Title in the person's gender. Null for who does not work.", required=False),
        Column("position", STR, "Position in the job.", among("position", codes.POSITIONS)).optional(
            "for who does not work"
        ),
        Column("is_mei", BOOL, "Individual micro-entrepreneur. Null for who does not work.", required=False),
        Column(
            "income_brl",
            REAL,
            "Monthly income of the main job, level of 2022. Null for who does not work.",
            "income_brl IS NULL OR income_brl >= 0",
            required=False,
        ),
        Column(
            "former_occupation_title",
            STR,
            "Last occupation. Null but for the retired and those who look for work.",
            required=False,
        ),
        Column("first_name", STR, "First given name.", "length(first_name) > 0"),
        Column("middle_name", STR, "Second given name; empty if none."),
        Column("last_name", STR, "All surnames, with particles and suffix.", "length(last_name) > 0"),
        *(
            Column(
                trait, REAL, "T score. Null under 10.", f"{trait} IS NULL OR {trait} BETWEEN 20 AND 80", required=False
            )
            for trait in codes.TRAITS
        ),
        Column("model_version", STR, "Digest of reference data, network, fit settings and sampler version."),
        Column("seed", LONG, "Seed of the draw."),
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
        Column("parent_key", STR, "Call 2: request key of the answer to call 1 it builds on.", required=False),
        Column("model", STR, "Model asked for."),
        Column("writer", STR, "Model that answered."),
        Column("prompt_version", STR, "Version of the prompts."),
        Column("content", STR, "Text of the answer.", required=False),
        Column("finish_reason", STR, "stop, length...", required=False),
        Column("prompt_tokens", LONG, "As the server counts.", required=False),
        Column("cached_tokens", LONG, "Of them, from the prefix cache.", required=False),
        Column("completion_tokens", LONG, "As the server counts.", required=False),
        Column("latency_ms", REAL, "From sending to the last byte; null if it came in a batch file.", required=False),
        Column("tries", INT, "HTTP requests it took."),
        Column("endpoint", STR, "Base URL."),
        Column("answered_at", TIME, "When it arrived, UTC."),
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
_LIST = ArrayType(STR)
TEXT = Table(
    "core_persona__text",
    "Accepted texts of a person.",
    (
        UF,
        UUID,
        *(Column(name, STR, "Text in Brazilian Portuguese.", f"length({name}) > 0") for name in _TEXTS),
        Column("skills_and_expertise_list", _LIST, "Skills."),
        Column("hobbies_and_interests_list", _LIST, "Hobbies."),
        Column("attributes_key", STR, "Request key of the accepted call 1."),
        Column("personas_key", STR, "Request key of the accepted call 2."),
        Column("model", STR, "Model asked for."),
        Column("attributes_writer", STR, "Model that wrote background, skills, hobbies and goals."),
        Column("personas_writer", STR, "Model that wrote the six personas."),
        Column("writer", STR, "Both, once if they are the same."),
        Column("prompt_version", STR, "Version of the prompts."),
        Column("warnings", _LIST, "Codes of what the checks found and let pass."),
        *(
            Column(f"mentions_{what}", BOOL, f"The texts say the {what}.", required=False)
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
        Column("reason_code", STR, "Reason."),
        Column("detail", STR, "What was found."),
    ),
    key=("request_key", "reason_code", "detail"),
)
METRIC = Table(
    "ops_quality__metric",
    "One measured figure a row, beside its target and noise floor.",
    (
        RUN_ID,
        Column("uf", STR, "State or BR."),
        Column("family", STR, "marginal, pair, triple, held_out, text, set, fairness or throughput."),
        Column("name", STR, "What is measured."),
        Column("value", REAL, "The figure.", required=False),
        Column("floor", REAL, "What sampling noise alone would give.", required=False),
        Column("ratio", REAL, "value / floor.", required=False),
        Column("bound", REAL, "Bound of the quality gate.", required=False),
        Column("passed", BOOL, "Inside the bound; null if none.", required=False),
        Column("grade", STR, "Grade of the variable.", required=False),
        Column("source", STR, "Target.", required=False),
        Column("n", LONG, "Persons behind the figure.", required=False),
    ),
    key=("uf", "family", "name"),
)
_ASKED = StructType(
    [
        *(StructField(name, LONG) for name in ("calls", "prompt_tokens", "cached_tokens", "completion_tokens")),
        StructField("cost", REAL),
    ]
)
RUN = Table(
    "ops_pipeline__run",
    "One row each time that a stage starts, none where nothing changed: closed when it ends, left open if killed.",
    (
        RUN_ID,
        Column("job", STR, "Stage."),
        Column("status", STR, "running, done or failed.", "status IN ('running', 'done', 'failed')"),
        Column("version", STR, "Version of Povo."),
        Column(
            "fingerprints",
            MapType(STR, STR),
            "State (BR: the national part) -> digest of settings, code and inputs.",
        ),
        Column("settings", STR, "Settings that change rows, JSON."),
        Column("seed", LONG, "Seed."),
        Column("records", MapType(STR, LONG), "State -> records asked for."),
        Column("ufs", ArrayType(STR), "States."),
        Column("input_versions", MapType(STR, LONG), "Table -> Delta version read."),
        Column("rows_in", LONG, "Rows read.", required=False),
        Column("rows_out", LONG, "Rows written.", required=False),
        Column("started_at", TIME, "UTC."),
        Column("seconds", REAL, "Wall time; null while it runs.", required=False),
        Column("prompt_tokens", LONG, "Of the answers of this run.", required=False),
        Column("cached_tokens", LONG, "Of them, from the prefix cache.", required=False),
        Column("completion_tokens", LONG, "Of the answers of this run, reasoning included.", required=False),
        Column("cost", REAL, "In the currency of the price table; null without prices of tokens.", required=False),
        Column("requests", LONG, "HTTP requests sent, those sent again included.", required=False),
        Column("retries", MapType(STR, LONG), "Class of failure -> requests sent again.", required=False),
        *(
            Column(f"latency_p{share}_ms", REAL, f"So long took {share} % of the answers at most.", required=False)
            for share in (50, 95, 99)
        ),
        Column("texts", MapType(STR, _ASKED), "State -> calls, tokens and cost in it.", required=False),
        Column("message", STR, "Reason of a failure.", required=False),
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
            Column(name, STR, _PUBLIC_TEXT.get(name, "Text or value in Brazilian Portuguese."))
            for name in PUBLIC_COLUMNS[:13]
        ),
        Column("age", LongType(), "Completed years.", "age BETWEEN 18 AND 110"),
        *(Column(name, STR, "Value in Brazilian Portuguese.") for name in PUBLIC_COLUMNS[14:]),
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
        Column("municipality_name", STR, "Official name."),
        Column("state_name", STR, "Name of the state."),
        Column("region", STR, "Macro-region."),
        *(column for column in TEXT.columns if column.name not in ("uf", "uuid")),
    ),
    key=("uuid",),
)
