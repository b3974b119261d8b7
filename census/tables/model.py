"""Tables of the population model: counts, laws, allocation, evidence."""

from __future__ import annotations

from pyspark.sql.types import ArrayType, MapType

from census import codes
from census.tables.columns import AGE, AGE_BAND, BOOL, INT, LONG, MUNICIPALITY, REAL, SEX, STR, UF, UF_OR_LEVEL, among
from census.tables.declaration import Column, Table

_LEVEL = Column("level", STR, "uf, reg (macro-region) or br.", "level IN ('uf', 'reg', 'br')")
_CELL = Column("cell", STR, "Values of the parents after uf, in their order, joined by '|'.")
COUNT = Table(
    "core_model__count",
    "Weighted counts of survey families by state, macro-region and Brazil.",
    (
        Column("family", STR, "Family of the network."),
        _LEVEL,
        UF_OR_LEVEL,
        Column("cell_index", INT, "Place of the cell: mixed radix over the parents, the last one fastest."),
        Column("value_index", INT, "Place of the value in its domain."),
        _CELL,
        Column("value", STR, "Value of the child."),
        Column("weight_persons", REAL, "W: sum of weights.", "weight_persons >= 0"),
        Column("weight_squared", REAL, "W2: sum of squared weights."),
        Column("rows", LONG, "Persons surveyed.", "rows >= 1"),
    ),
    key=("family", "level", "uf", "cell", "value"),
)
CONDITIONAL = Table(
    "core_model__conditional",
    "P(value | state, cell) of the survey families before raking, with the effective sample size behind it.",
    (
        Column("family", STR, "Family of the network."),
        _LEVEL,
        UF_OR_LEVEL,
        _CELL,
        Column("value", STR, "Value of the child."),
        Column("probability", REAL, "Sums to 1 within a cell.", "probability BETWEEN 0 AND 1.000001"),
        Column("effective_persons", REAL, "W^2 / W2 / design effect of the cell.", "effective_persons > 0"),
        Column("rows", LONG, "Persons surveyed in the cell.", "rows >= 1"),
    ),
    key=("family", "level", "uf", "cell", "value"),
)
_GRADE = Column(
    "grade", STR, "A census joint, B large survey, C small sample and published margins.", "grade IN ('A', 'B', 'C')"
)
NODE = Table(
    "core_model__node",
    "The variables of the network in the order in which they are drawn.",
    (
        Column("order", INT, "Place in the order of drawing, from 0."),
        Column("node", STR, "Variable."),
        Column(
            "number",
            INT,
            "Stream of its draws, given once. Null if its parents determine it.",
            None,
            False,
        ),
        Column("parents", ArrayType(STR), "Conditioning variables."),
        Column("values", ArrayType(STR), "Values in code order: the order of `probabilities`."),
        _GRADE,
        Column("source", STR, "Sources."),
    ),
    key=("node",),
    partition_by=(),
)
CPD = Table(
    "core_model__cpd",
    "The network: P(value | parents), one row a cell. Rows of tables without uf stand under BR.",
    (
        Column("node", STR, "Variable."),
        UF_OR_LEVEL,
        Column("cell_index", INT, "Place of the cell: mixed radix over the parents but uf, the last one fastest."),
        Column("cell", STR, "Values of these parents, joined by '|'."),
        Column("probabilities", ArrayType(REAL), "In the order of core_model__node.values; sums to 1."),
        Column("effective_persons", REAL, "Effective persons of the state's cell. Null if no survey's.", None, False),
        Column("prior_share", REAL, "Weight of the law raked from the country's. Null if no survey's.", None, False),
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
        Column("persons", ArrayType(REAL), "Persons by race x education level x zone, the last one fastest."),
    ),
    key=("municipality_code", "sex", "age_band"),
)
RESIDUAL = Table(
    "core_model__residual",
    "How far the block of a municipality ends from its margins: total variation distances, 0 to 1.",
    (
        UF,
        MUNICIPALITY,
        Column("age_sex_persons", REAL, "Largest difference of a sex x age band from the numbering, in persons."),
        Column("race", REAL, "Race of adults, from the municipal 10061 within its age bands."),
        Column("education", REAL, "Schooling of adults, from the municipal 10061 within its age bands."),
        Column("own_joint", REAL, "Age x race x schooling of adults, from the shrunk target."),
        Column("zone", REAL, "Rural share of persons, from the households' share moved to persons."),
        Column(
            "state_joint", REAL, "The whole state's block, from the state's joint (10061); the same for all its rows."
        ),
        Column("prior_share", REAL, "Weight of the state in the target of race and schooling.", "prior_share <= 1"),
    ),
    key=("municipality_code",),
)
DESIGN_EFFECT = Table(
    "core_model__design_effect",
    "Design effects of the survey families, linearised over UPAs within strata; from a fixed share of the UPAs.",
    (
        Column("family", STR, "Family of the network."),
        Column("level", STR, "uf: margin of a state; br: cell of the parents in Brazil.", "level IN ('uf', 'br')"),
        Column("design_effect", REAL, "Variance over that of a simple random sample with the same weights."),
        Column("cells", LONG, "Cells of 30 effective persons or more that it rests on."),
    ),
    key=("family", "level"),
    partition_by=(),
)
INCOME_POINT = Table(
    "core_model__income_point",
    "Quantiles of the income of the main job within each income band, PNADC 2018T2, all of Brazil.",
    (
        Column("income_band", STR, "Band.", among("income_band", codes.INCOME_BANDS)),
        Column("point", INT, "0 to 400: quantile in four-hundredths.", "point BETWEEN 0 AND 400"),
        Column("income_brl", REAL, "BRL a month of 2018.", "income_brl >= 0"),
    ),
    key=("income_band", "point"),
    partition_by=(),
)
ALLOCATION = Table(
    "core_model__allocation",
    "The numbering of the virtual population: whole persons of the census by municipality, sex and age.",
    (
        UF,
        Column("order", INT, "Position in the numbering: adults first, then municipality, sex, age.", "order >= 0"),
        MUNICIPALITY,
        SEX,
        AGE,
        Column("persons", LONG, "Persons.", "persons > 0"),
    ),
    key=("municipality_code", "sex", "age_years"),
)
EVIDENCE = Table(
    "core_model__evidence",
    "What the network assumes and how well it is known, node by node.",
    (
        Column("node", STR, "Variable."),
        Column("parents", STR, "Conditioning variables."),
        Column("grade", STR, "A, B or C."),
        Column("source", STR, "Sources."),
        Column("cells", LONG, "Parent cells."),
        Column("assumption", STR, "Conditional independence that the network asserts."),
        Column(
            "residual_bits",
            MapType(STR, REAL),
            "Variable assumed independent -> bits that it still tells of surveyed persons, given the parents but the "
            "state.",
        ).optional("before `povo fit --evidence`, and for what the survey does not ask"),
        Column("noise_bits", MapType(STR, REAL), "The same variable -> bits that sampling noise alone shows.").optional(
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
        Column("family", STR, "Variable foreseen, or the table of a calibration."),
        Column(
            "kind",
            STR,
            "estimator (rivals), parent (the network's estimator without one parent), residual (a variable that is no "
            "parent), calibration, design_effect.",
            "kind IN ('estimator', 'parent', 'residual', 'calibration', 'design_effect')",
        ),
        Column("name", STR, "Estimator, dropped parent, variable left out, or level."),
        Column("nats", REAL, "Weighted mean of ln P, nats per person; the nearer to 0 the better.").optional(
            "for residuals, calibrations and design effects"
        ),
        Column(
            "value",
            REAL,
            "Estimator: nats behind the network's. Parent: nats lost without it. Residual: bits that the variable "
            "still tells, given the parents other than the state. Calibration: share inside. Design effect: itself.",
        ),
        Column(
            "error", REAL, "Standard error of `value` over UPAs; of a residual: bits that sampling noise alone shows."
        ).optional("for calibrations and design effects"),
        Column("rank", INT, "1 is the best estimator of its family.").optional("but for estimators"),
        Column("rows", LONG, "Persons scored; entries of a calibration; cells of a design effect.", "rows >= 0"),
        Column("note", STR, "How it was set."),
    ),
    key=("family", "kind", "name"),
    partition_by=(),
)
EDGE = Table(
    "core_model__edge",
    "Edges that a structure search finds in resampled survey persons, beside those of the network.",
    (
        Column("universe", STR, "Persons searched."),
        Column("parent", STR, "Parent, in the coarse variables of the search."),
        Column("child", STR, "Child."),
        Column("support", REAL, "Share of the searches that found the edge.", "support BETWEEN 0 AND 1"),
        Column("is_declared", BOOL, "Whether the network has the edge."),
        Column("rows", LONG, "Rows of one search: the effective sample.", "rows >= 1"),
        Column("note", STR, "What to make of it."),
    ),
    key=("universe", "parent", "child"),
    partition_by=(),
)
