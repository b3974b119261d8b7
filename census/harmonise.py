"""Typed source rows in one code book: from what a survey asks to Povo's columns."""

from __future__ import annotations

from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from census import codes


def lookup(mapping: dict[str, str], key: Column) -> Column:
    """Value of a literal map; null for an absent key."""
    pairs = [F.lit(part) for pair in mapping.items() for part in pair]
    return F.try_element_at(F.create_map(*pairs), key)


def age_band(age_years: Column) -> Column:
    """The age band of a completed age."""
    by_age = {str(age): codes.age_band(age) for age in range(codes.MAX_AGE_YEARS)}
    return F.coalesce(lookup(by_age, age_years.cast("string")), F.lit(codes.AGE_BANDS[-1]))


def _region(uf: Column) -> Column:
    return lookup({state.uf: state.region for state in codes.STATES}, uf)


def occupation_group(cod: Column) -> Column:
    """Great group of a COD code; `0000` (ill defined) has none."""
    by_digit = {str(digit): codes.OCCUPATION_GROUPS[index] for digit, index in codes.COD_GROUP_OF_DIGIT.items()}
    return F.when(cod != "0000", lookup(by_digit, F.substring(cod, 1, 1)))


# Columns of core_pnadc__person that only a whole quarter of IBGE fills.
_QUARTER = {"position": "string", "sector_code": "string", "is_looking": "boolean", "is_in_school": "boolean"}


def income_band(income_brl: Column) -> Column:
    """The band of a monthly income in BRL of 2018; null for none."""
    ends, bands = codes.INCOME_BAND_ENDS, codes.INCOME_BANDS
    return F.coalesce(
        *[F.when(income_brl <= end, bands[i]) for i, end in enumerate(ends)], F.when(income_brl > ends[-1], bands[-1])
    )


def pnadc_2018t2(rows: DataFrame) -> DataFrame:
    """`core_pnadc__person` rows of PNAD Contínua 2018T2, or of a whole quarter that takes its place."""
    cod = F.col("occupation_cod")
    have: dict[str, Column] = {name: F.col(name) for name in rows.columns if name in _QUARTER}
    if "condition" in rows.columns:
        have["is_looking"] = F.when(F.col("age_years") >= 14, F.coalesce(F.col("condition") == "looking", F.lit(False)))
    return rows.select(
        "uf",
        F.lit("pnadc_2018t2").alias("source"),
        "line",
        _region(F.col("uf")).alias("region"),
        "stratum",
        "upa",
        F.concat_ws("-", "upa", "dwelling", "panel").alias("household_id"),
        "sex",
        "age_years",
        age_band(F.col("age_years")).alias("age_band"),
        "race",
        "education_level",
        F.lit(None).cast("int").alias("study_years"),
        "zone",
        F.col("survey_position").isNotNull().alias("is_working"),
        occupation_group(cod).alias("occupation_group"),
        F.when(cod != "0000", cod).alias("occupation_cod"),
        "survey_position",
        "income_brl",
        "hours",
        "weight_persons",
        *[have.get(name, F.lit(None)).cast(kind).alias(name) for name, kind in _QUARTER.items()],
    )


def pnadc_2017t1(rows: DataFrame) -> DataFrame:
    """`core_pnadc__person` rows of PNAD Contínua 2017T1, which has no job and no household."""
    absent = {
        name: F.lit(None).cast("string")
        for name in ("education_level", "occupation_group", "occupation_cod", "survey_position", "household_id")
    }
    return rows.select(
        "uf",
        F.lit("pnadc_2017t1").alias("source"),
        "line",
        _region(F.col("uf")).alias("region"),
        F.lit(None).cast("int").alias("stratum"),
        F.lit(None).cast("int").alias("upa"),
        absent["household_id"].alias("household_id"),
        "sex",
        "age_years",
        age_band(F.col("age_years")).alias("age_band"),
        "race",
        absent["education_level"].alias("education_level"),
        "study_years",
        "zone",
        F.lit(None).cast("boolean").alias("is_working"),
        absent["occupation_group"].alias("occupation_group"),
        absent["occupation_cod"].alias("occupation_cod"),
        absent["survey_position"].alias("survey_position"),
        "income_brl",
        F.lit(None).cast("double").alias("hours"),
        "weight_persons",
        *[F.lit(None).cast(kind).alias(name) for name, kind in _QUARTER.items()],
    )


_SMALL = {
    "is_working": "boolean",
    "is_looking": "boolean",
    "is_in_school": "boolean",
    "has_pension": "boolean",
    "cares_for_home": "boolean",
    "marital_status": "string",
    "education_level": "string",
    "occupation_group": "string",
    "position": "string",
}


def small_survey(rows: DataFrame, source: str) -> DataFrame:
    """`core_survey__person` rows of one of the small samples; a question that it lacks stays null."""
    have: dict[str, Column] = {name: F.col(name) for name in rows.columns if name in _SMALL}
    if "condition" in rows.columns:
        asked = F.col("age_years") >= 14
        condition = F.coalesce("condition", F.lit("none"))
        have["is_working"] = F.when(asked, condition == "working")
        have["is_looking"] = F.when(asked, condition == "looking")
    if "in_labour_force" in rows.columns:
        # VDE001 joins who works and who looks; only who is outside is told apart.
        have["is_working"] = F.when(F.col("in_labour_force") == "false", False)
        have["is_looking"] = have["is_working"]
    if "reason_not_working" in rows.columns:
        have["cares_for_home"] = F.col("reason_not_working") == "1"
    weight = F.coalesce("weight_persons", F.lit(1.0)) if "weight_persons" in rows.columns else F.lit(1.0)
    return rows.select(
        F.lit(source).alias("source"),
        "sex",
        "age_years",
        age_band(F.col("age_years")).alias("age_band"),
        *[have.get(name, F.lit(None)).cast(kind).alias(name) for name, kind in _SMALL.items()],
        weight.alias("weight_persons"),
    )


def ages(rows: DataFrame, source: str, places: DataFrame) -> DataFrame:
    """`core_census__age_sex` rows of a table with one column a single year of age (`column` idade_0 ..., `number`)."""
    sex = F.col("sex") if "sex" in rows.columns else F.lit("T")
    return rows.join(F.broadcast(places.select("municipality_code", "uf")), "municipality_code", "inner").select(
        "uf",
        F.lit(source).alias("source"),
        "municipality_code",
        sex.alias("sex"),
        F.substring_index("column", "_", -1).cast("int").alias("age_years"),
        F.col("number").alias("persons"),
    )


def education_uf(rows: DataFrame) -> DataFrame:
    """`core_census__education` rows of SIDRA 10061 by state."""
    return rows.select(
        "uf", F.lit("census2022_education_uf").alias("source"), "sex", "race", "age_group", "education_level", "persons"
    )


_EDUCATION_COLUMNS = {
    "sem_instrucao_fund_incompleto": codes.EDUCATION_LEVELS[0],
    "fund_completo_medio_incompleto": codes.EDUCATION_LEVELS[1],
    "medio_completo_sup_incompleto": codes.EDUCATION_LEVELS[2],
    "superior_completo": codes.EDUCATION_LEVELS[3],
}


def education_municipality(rows: DataFrame, places: DataFrame) -> DataFrame:
    """`core_census__education_municipality` rows: SIDRA 10061 by municipality; half of its cells hold nobody."""
    return (
        rows.where("race IS NOT NULL AND number > 0")
        .join(F.broadcast(places.select("municipality_code", "uf")), "municipality_code", "inner")
        .select(
            "uf",
            "municipality_code",
            "race",
            "age_group",
            lookup(_EDUCATION_COLUMNS, F.col("column")).alias("education_level"),
            F.col("number").alias("persons"),
        )
    )


def education_young(rows: DataFrame, places: DataFrame) -> DataFrame:
    """`core_census__education` rows for 18-19 and 20-24: the municipal table summed by state, both sexes."""
    return (
        rows.where("race IS NOT NULL AND age_group IN ('18-19', '20-24')")
        .join(F.broadcast(places.select("municipality_code", "uf")), "municipality_code", "inner")
        .groupBy("uf", "race", "age_group", lookup(_EDUCATION_COLUMNS, F.col("column")).alias("education_level"))
        .agg(F.sum("number").alias("persons"))
        .select(
            "uf",
            F.lit("census2022_education_municipality").alias("source"),
            F.lit("T").alias("sex"),
            "race",
            "age_group",
            "education_level",
            "persons",
        )
    )


def voters(rows: DataFrame) -> DataFrame:
    """`core_marital__voter` rows; voters abroad (ZZ) are left out."""
    return rows.where("uf IS NOT NULL").select(
        "uf",
        F.expr(
            "stack(5, 'Solteiro', solteiro, 'Casado', casado, 'Separado', separado_judicialmente, "
            "'Divorciado', divorciado, 'Viúvo', viuvo) AS (marital_status, persons)"
        ),
    )


def religion(by_state: DataFrame, published: DataFrame) -> DataFrame:
    """`core_religion__share` rows: the four shares of each state, and the published cuts."""
    states = by_state.select(
        F.col("uf").alias("area"),
        F.expr(
            "stack(4, 'sem religião', pct_sem_religiao_10mais_2022, 'católica', pct_catolica_2022, "
            "'evangélica', pct_evangelica_estimada, 'resto', "
            "100 - pct_sem_religiao_10mais_2022 - pct_catolica_2022 - pct_evangelica_estimada) AS (category, value)"
        ),
        F.lit("religion_uf").alias("source"),
    )
    return states.unionByName(
        published.select("area", "category", "value", F.lit("religion_published").alias("source"))
    )


def trait_norms(rows: DataFrame) -> DataFrame:
    """`core_trait__norm` rows: how far a sex and age stand from all, in standard deviations of all (world sample).

    The level is dropped on purpose: volunteers on the internet are no norm; only contrasts are used.
    """
    world = rows.where("population = 'mundo'")
    everyone = world.where("sex = 'T'").select(
        *[F.col(f"{f}_{w}").alias(f"all_{f}_{w}") for f in "OCEAN" for w in ("media", "dp")]
    )
    return (
        world.where("sex != 'T' AND age_group != 'todas'")
        .crossJoin(F.broadcast(everyone))
        .select(
            "sex",
            "age_group",
            *[
                ((F.col(f"{f}_media") - F.col(f"all_{f}_media")) / F.col(f"all_{f}_dp")).alias(trait)
                for f, trait in zip("OCEAN", codes.TRAITS, strict=True)
            ],
        )
    )


def occupations(
    cod: DataFrame,
    crosswalk: DataFrame,
    additions: DataFrame,
    titles: DataFrame,
    jobs: DataFrame,
    requirements: DataFrame,
) -> DataFrame:
    """`core_occupation__title` rows: every CBO title under its COD group, and what was added to a group by hand.

    A group without a title of its own takes the alternatives of the crosswalk. Titles that exist in one gender only
    keep the other empty: they are never drawn for that sex.
    """
    main = crosswalk.select("occupation_cbo", "occupation_cod")
    used = main.select("occupation_cod").distinct()
    alternative = (
        crosswalk.select("occupation_cbo", F.explode(F.split("alternatives", "\\|")).alias("occupation_cod"))
        .where("occupation_cod != ''")
        .join(used, "occupation_cod", "left_anti")
    )
    added = additions.select("occupation_cbo", "occupation_cod")
    return (
        main.unionByName(alternative)
        .unionByName(added)
        .distinct()
        .join(cod, "occupation_cod", "inner")
        .join(titles, "occupation_cbo", "inner")
        .join(requirements.drop("line"), "occupation_cbo", "inner")
        .join(jobs, "occupation_cbo", "left")
        .select(
            "occupation_cbo",
            "occupation_cod",
            "cod_title",
            occupation_group(F.col("occupation_cod")).alias("occupation_group"),
            F.coalesce("title_feminine", F.lit("")).alias("title_feminine"),
            F.coalesce("title_masculine", F.lit("")).alias("title_masculine"),
            F.coalesce("jobs", F.lit(0.0)).alias("jobs"),
            (F.col("women_percent") / 100.0).alias("women_share"),
            "min_education_level",
            F.col("min_age_years").cast("int"),
            F.col("max_age_years").cast("int"),
            "positions",
            "only_sex",
            "weight_factor",
            "era",
        )
    )


def mei_trades(trades: DataFrame, titles: DataFrame, jobs: DataFrame) -> DataFrame:
    """`core_mei__trade` rows: the weight of a trade split over its base groups, and who of RAIS has its name."""
    known = titles.join(jobs, "occupation_cbo", "inner").where("women_percent IS NOT NULL")
    by_name = known.groupBy(F.lower("title_masculine").alias("name")).agg(
        (F.sum(F.col("jobs") * F.col("women_percent")) / F.sum("jobs") / 100.0).alias("women_share")
    )
    return (
        trades.withColumn("name", F.lower("title_masculine"))
        .join(by_name, "name", "left")
        .select(
            "cnae_subclass",
            "register_title",
            "title_feminine",
            "title_masculine",
            "occupation_cod",
            "trade_group",
            (F.col("percent") * F.col("share")).alias("percent"),
            "women_share",
        )
    )


SEASIDE_KM = 60.0
_TOP_SHARE = 0.75


def place_conditions(biomes: DataFrame, crops: DataFrame, farming: DataFrame, places: DataFrame) -> DataFrame:
    """`core_place__condition` rows: what the regional weights of titles ask of a municipality.

    A herd or a value of farming counts where it is, for an inhabitant, in the top quarter of all municipalities.
    """
    people = places.select("municipality_code", "population_persons")
    here = biomes.join(people, "municipality_code", "inner")
    listed = F.split("biomes", ";")
    by_biome = here.where("biomes IS NOT NULL").select(
        "municipality_code",
        F.lit("biome").alias("kind"),
        F.explode(listed).alias("value"),
        (1.0 / F.size(listed)).alias("share"),
    )
    coast = here.select(
        "municipality_code",
        F.lit("coast").alias("kind"),
        F.when(F.col("sea_km") <= SEASIDE_KM, "litoral").otherwise("interior").alias("value"),
        F.lit(1.0).alias("share"),
    )
    grown = crops.join(people, "municipality_code", "inner").select(
        "municipality_code", F.explode(F.array("crop_1", "crop_2", "crop_3")).alias("value")
    )
    herds = farming.join(people, "municipality_code", "inner")
    columns = [name for name in farming.columns if name not in {"municipality_code", "line"}]
    for name in columns:
        herds = herds.withColumn(name, F.coalesce(F.col(name), F.lit(0.0)) / F.col("population_persons"))
    ends = herds.agg(*[F.percentile_approx(name, _TOP_SHARE, 10_000).alias(f"{name}_end") for name in columns])
    top = herds.crossJoin(F.broadcast(ends)).select(
        "municipality_code",
        F.explode(
            F.array(*[F.when((F.col(n) >= F.col(f"{n}_end")) & (F.col(n) > 0), F.lit(n)) for n in columns])
        ).alias("value"),
    )
    by_crop = grown.unionByName(top).where("value IS NOT NULL").distinct()
    by_crop = by_crop.select("municipality_code", F.lit("crop").alias("kind"), "value", F.lit(1.0).alias("share"))
    return by_biome.unionByName(coast).unionByName(by_crop)


# Peoples' rites and places are theirs, not a hint for anybody's hobby.
NOT_FOR_ANYBODY = "(?i)ind[ií]gena|Guarani|Wajãpi|Karajá|Iauaretê|Enawenê|Yaokwa|Quilombo|Rio Negro|Bembé|terreiro"


# Kinds of a geographical indication that are somebody's craft, and those that are neither that nor food or drink.
MADE_BY_HAND = ("artesanato", "têxtil", "couro", "calçado")
_NOT_AT_TABLE = ("serviço", "pedra", "ornamental")
# A day off work is no tradition that a text tells of.
HOLIDAY = "^(aniversário d|Dia d|Data Magna)"


def culture(
    dishes: DataFrame, arts: DataFrame, sights: DataFrame, products: DataFrame, tourism: DataFrame
) -> DataFrame:
    """`core_culture__fact` rows by state: dishes, feasts, music, crafts, products, sights, and towns worth a trip."""
    nowhere = F.lit(None).cast("string")

    def facts(rows: DataFrame, source: str, **columns: Column) -> DataFrame:
        told = [columns.get(name, F.col(name)).alias(name) for name in ("kind", "municipality_code", "origin")]
        return rows.select("uf", "name", *told, F.lit(source).alias("source"))

    towns = tourism.where("category IN ('A', 'B', 'C')").withColumnRenamed("municipality_name", "name")
    register = F.lit("register")
    kept, by_hand = ~F.col("product_kind").isin(*_NOT_AT_TABLE), F.col("product_kind").isin(*MADE_BY_HAND)
    made = F.when(by_hand, "craft").otherwise("product")
    found = [
        facts(dishes, "dishes", kind=F.lit("dish"), municipality_code=nowhere),
        facts(arts.where(~F.col("name").rlike(f"{NOT_FOR_ANYBODY}|{HOLIDAY}")), "feasts_and_arts"),
        facts(sights.where(~F.col("name").rlike(NOT_FOR_ANYBODY)), "sights", kind=F.lit("sight"), origin=register),
        facts(products.where(kept), "regional_products", kind=made, origin=register),
        facts(towns, "tourism", kind=F.lit("place"), origin=register),
    ]
    return reduce(DataFrame.unionByName, found).dropDuplicates(["uf", "kind", "name"])


_TREND_AGES = ("14-17", "18-24", "25-29", "30-39", "40-49", "50-59", "60+")
_TREND_EDUCATION = (
    "sem instrução",
    "fundamental incompleto",
    "fundamental completo",
    "médio incompleto a superior incompleto",
    "superior completo",
)


def trend(rows: DataFrame) -> DataFrame:
    """`core_pnadc__trend` rows; measures that are sums of others are left out."""

    def named(values: tuple[str, ...]) -> Column:
        return F.element_at(F.array(*[F.lit(value) for value in values]), F.col("code"))

    dimension = F.col("dimension")
    return rows.where("measure IS NOT NULL").select(
        "year",
        "quarter",
        "measure",
        F.when(dimension.isin("urbana", "rural"), "zone")
        .when(dimension.isin("metropolitan", "not_metropolitan"), "metropolitan")
        .otherwise(dimension)
        .alias("dimension"),
        F.when(dimension == "total", "")
        .when(dimension == "age", named(_TREND_AGES))
        .when(dimension == "education", named(_TREND_EDUCATION))
        .when(dimension == "sex", named(("M", "F")))
        .when(dimension.isin("urbana", "rural"), dimension)
        .when(dimension == "metropolitan", "sim")
        .otherwise("não")
        .alias("category"),
        "persons",
    )


def with_state(rows: DataFrame, places: DataFrame) -> DataFrame:
    """Rows by `municipality_code` with the municipality's `uf`."""
    return rows.join(F.broadcast(places.select("municipality_code", "uf")), "municipality_code", "inner")


# ------------------------------------------------------------------------------------------------ held out
def income_municipality(rows: DataFrame, places: DataFrame) -> DataFrame:
    """`core_heldout__income` rows of SIDRA 10291; cells of nobody are left out."""
    pairs = ", ".join(f"'{race}', {race.replace('í', 'i')}" for race in codes.RACES)
    long = F.expr(f"stack({len(codes.RACES) + 1}, 'all', total, {pairs}) AS (race, mean_income_brl)")
    return (
        with_state(rows, places)
        .select("uf", "municipality_code", "age_group", long)
        .where("mean_income_brl IS NOT NULL")
        .select("uf", "municipality_code", "race", "age_group", "mean_income_brl")
    )


_SECTORS = {
    "p_agro": "agropecuária",
    "p_com": "comércio",
    "p_constr": "construção",
    "p_extr": "extração mineral",
    "p_serv": "serviços",
    "p_siup": "serviços industriais de utilidade pública",
    "p_transf": "indústria de transformação",
}


def sectors(rows: DataFrame, places: DataFrame) -> DataFrame:
    """`core_heldout__sector` rows of Atlas 2010."""
    return with_state(rows, places).select(
        "uf", "municipality_code", lookup(_SECTORS, F.col("column")).alias("sector"), F.col("number").alias("percent")
    )


def heads(rows: DataFrame) -> DataFrame:
    """`core_heldout__head_2015` rows of PNAD 2015: code 1 is no schooling, 16 is 15 years or more, 17 unknown."""
    years = F.when(F.col("schooling_code") <= 16, F.col("schooling_code") - 1)
    return rows.select("uf", "sex", "age_years", "race", years.alias("study_years"), "income_brl")


def covid(rows: DataFrame, source: str) -> DataFrame:
    """`core_heldout__covid_2020` rows of one sample of PNAD COVID19."""
    working = (F.col("has_worked") == "true") | F.coalesce(F.col("is_away") == "true", F.lit(False))
    return rows.select(
        F.lit(source).alias("source"),
        "uf",
        "zone",
        "sex",
        "age_years",
        "race",
        "education_level",
        F.when(F.col("has_worked").isNotNull(), working).alias("is_working"),
        F.col("is_looking").cast("boolean").alias("is_looking"),
        "survey_position",
        "contract",
        "income_brl",
        F.coalesce("weight_persons", F.lit(1.0)).alias("weight_persons"),
    )


def voters_sc(rows: DataFrame) -> DataFrame:
    """`core_heldout__voter_sc` rows: voters with a known sex, age, schooling and status."""
    known = (
        "sex IS NOT NULL AND marital_status IS NOT NULL AND age_group != 'Inválida' AND schooling != 'não informado'"
    )
    return rows.where(known).select("sex", "age_group", "schooling", "marital_status", "persons")
