"""Names as Brazil writes them: accents, second given names, surnames and their particles."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

# Words that the census form placed among surnames but that are no family names.
SUFFIXES = {
    "FILHO": "Filho",
    "JUNIOR": "Júnior",
    "NETO": "Neto",
    "SOBRINHO": "Sobrinho",
    "NETTO": "Neto",
    "SEGUNDO": None,
}
NOT_SURNAMES = (
    "JUNIOR",
    "FILHO",
    "FILHA",
    "NETO",
    "NETTO",
    "NETA",
    "SOBRINHO",
    "SOBRINHA",
    "SEGUNDO",
    "TERCEIRO",
    "BISNETO",
)
PARTICLES = ("de", "da", "do", "dos", "das", "e")
_PLAIN = "AAAAEEIOOOUC"
_ACCENTED = "ÁÀÂÃÉÊÍÓÔÕÚÇ"
MIN_BEARERS = 20  # IBGE hides names with fewer bearers in Brazil
MIN_SHARE_OF_SEX = 0.01  # below it, who bears a name of the other sex is a slip of the census form


def plain(name: Column) -> Column:
    """Upper case without accents, as IBGE prints names."""
    return F.translate(F.upper(name), _ACCENTED, _PLAIN)


def accent_lexicon(candidates: DataFrame, labels: DataFrame, spellings: DataFrame) -> DataFrame:
    """The spelling of a first name in Brazil.

    A reviewed spelling comes first. Else the form that most candidates write is taken if it has an accent. Many write
    in bare capitals, so where a noticeable share (3 % or more) differs from a bare form, an accented label is taken: in
    Brazil's spelling (Antônio, not António), and none with marks or endings of other languages (Lucía, Clàudia).

    Args:
        candidates: `name` (plain), `form`, `share` of bearers who write the form.
        labels: `label`: given names with accents.
        spellings: `kind`, `form`: reviewed spellings.

    Returns:
        `name`, `accented`; one row a name of `candidates` or of the reviewed given names.
    """
    brazilian = F.regexp_replace(F.regexp_replace("label", "ó(?=[mn][aeiou])", "ô"), "é(?=[mn][aeiou])", "ê")
    by_name = (
        labels.select(brazilian.alias("label"))
        .where("NOT label RLIKE 'ía$|[àèìòùäëïöüñ]'")
        .groupBy(plain(F.col("label")).alias("name"))
        .agg(F.min("label").alias("label"))
    )
    form = F.col("form")
    has_accent = plain(form) != F.upper(form)
    chosen = F.when(has_accent | F.col("label").isNull() | (F.col("share") > 0.97), form).otherwise(F.col("label"))
    written = candidates.join(by_name, "name", "left").select("name", chosen.alias("written"))
    return written.join(_reviewed(spellings, "given"), "name", "full").select(
        "name", F.coalesce("reviewed", "written").alias("accented")
    )


def _reviewed(spellings: DataFrame, kind: str) -> DataFrame:
    chosen = spellings.where(F.col("kind") == kind)
    return chosen.select(plain(F.col("form")).alias("name"), F.col("form").alias("reviewed"))


def first_names(by_decade: DataFrame, by_sex: DataFrame, lexicon: DataFrame) -> DataFrame:
    """First names by sex and decade of birth: the decade's count times the share of the sex among all bearers.

    Args:
        by_decade: `name`, `column` (nasc_antes_1930, nasc_1930_1939 ...), `number` (persons).
        by_sex: `name`, `women`, `men` (persons).
        lexicon: `name`, `accented`.

    Returns:
        `first_name`, `sex`, `birth_decade`, `persons`; cells of fewer than 20 bearers are left out, as IBGE does, and
        so is a name of the sex that hardly ever bears it: the women called Lucas (0.9 %) are slips of the form.
    """
    start = F.when(F.col("column") == "nasc_antes_1930", 1920).otherwise(F.substring("column", 6, 4).cast("int"))
    long = by_decade.select("name", start.alias("birth_decade"), F.col("number").alias("bearers"))
    people = long.join(by_sex, "name", "inner").join(lexicon, "name", "left")
    women = F.col("women") / (F.col("women") + F.col("men"))
    share = F.explode(
        F.array(
            F.struct(F.lit("F").alias("sex"), women.alias("share")),
            F.struct(F.lit("M").alias("sex"), (1 - women).alias("share")),
        )
    )
    return (
        people.withColumn("by", share)
        .select(
            F.coalesce("accented", by_rule(F.col("name"))).alias("first_name"),
            "by.sex",
            F.col("birth_decade").cast("int"),
            (F.col("bearers") * F.col("by.share")).alias("persons"),
            F.col("by.share").alias("share"),
        )
        .where((F.col("persons") >= MIN_BEARERS) & (F.col("share") >= MIN_SHARE_OF_SEX))
        .drop("share")
    )


def by_state(counts: DataFrame, lexicon: DataFrame) -> DataFrame:
    """Candidates by state of birth, sex and first name with accents: `uf`, `sex`, `first_name`, `bearers`, `people`."""
    return (
        counts.join(lexicon, "name", "left")
        .groupBy("uf", "sex", F.coalesce("accented", by_rule(F.col("name"))).alias("first_name"))
        .agg(F.sum("bearers").alias("bearers"), F.max("people").alias("people"))
    )


def second_names(compounds: DataFrame, lexicon: DataFrame) -> DataFrame:
    """Split compound first names: `MARIA DE FATIMA` gives first `Maria`, second `de Fátima`.

    Args:
        compounds: `sex`, `birth_period`, `compound`, `persons`.
        lexicon: `name`, `accented`.

    Returns:
        `sex`, `birth_period`, `first_name`, `second_name`, `persons`.
    """
    words = F.split("compound", " ")
    parts = compounds.select(
        "sex",
        F.col("birth_period").cast("int").alias("birth_period"),
        words.getItem(0).alias("first"),
        F.when(F.size(words) > 2, F.concat(F.lower(words.getItem(1)), F.lit(" "))).otherwise("").alias("particle"),
        F.element_at(words, -1).alias("last"),
        "persons",
    )
    first = lexicon.select(F.col("name").alias("first"), F.col("accented").alias("first_accented"))
    last = lexicon.select(F.col("name").alias("last"), F.col("accented").alias("last_accented"))
    return (
        parts.join(first, "first", "left")
        .join(last, "last", "left")
        .select(
            "sex",
            "birth_period",
            F.coalesce("first_accented", by_rule(F.col("first"))).alias("first_name"),
            F.concat("particle", F.coalesce("last_accented", by_rule(F.col("last")))).alias("second_name"),
            "persons",
        )
    )


def surnames(
    national: DataFrame,
    by_state: DataFrame,
    particles: DataFrame,
    given_names: DataFrame,
    spellings: DataFrame,
    slips: DataFrame,
    *,
    shrink: float = 20.0,
) -> DataFrame:
    """Family names with accents, particle and the ratio of each state of birth.

    A word that is a common given name counts as a surname only where candidates bear it last often enough. Slips of the
    census form are left out rather than given to the name that was meant: that name keeps the share IBGE published.

    Args:
        national: `name`, `persons` (bearers in Brazil in any position).
        by_state: `uf`, `name`, `bearers`, `last_bearers`, `people` (counted in that state), `share_brazil`.
        particles: `name`, `form`, and the share of each particle in columns de, da, do, dos, das.
        given_names: `name`, `women`, `men`.
        spellings: `kind`, `form`: reviewed spellings.
        slips: `name`: misspelt forms, and words that are no surname.
        shrink: k of the shrunk ratio (bearers + k) / (people * share_brazil + k).

    Returns:
        `surname`, `persons`, `particle`, `particle_share`, `uf_ratio` (map state -> ratio).
    """
    last = by_state.groupBy("name").agg((F.sum("last_bearers") / F.sum("bearers")).alias("last_share"))
    given = given_names.where("women + men >= 5000").select("name", F.lit(True).alias("is_given"))
    ratio = (F.col("bearers") + shrink) / (F.col("people") * F.col("share_brazil") + shrink)
    ratios = (
        by_state.where("share_brazil > 0")
        .groupBy("name")
        .agg(F.map_from_entries(F.collect_list(F.struct("uf", ratio))).alias("uf_ratio"))
    )
    best = F.greatest("de", "da", "do", "dos", "das")
    particle = F.coalesce(*[F.when(F.col(p) == best, p) for p in ("de", "da", "do", "dos", "das")])
    spelling = particles.select(
        "name", "form", F.when(best > 0, particle).alias("particle"), best.alias("particle_share")
    )
    family = (
        national.where(~F.col("name").isin(list(NOT_SURNAMES)))
        .join(slips.select("name"), "name", "left_anti")
        .join(last, "name", "left")
        .join(given, "name", "left")
        .where("is_given IS NULL OR last_share >= 0.3")
    )
    return (
        family.join(spelling, "name", "left")
        .join(ratios, "name", "left")
        .join(_reviewed(spellings, "surname"), "name", "left")
        .select(
            F.coalesce("reviewed", "form", by_rule(F.col("name"))).alias("surname"),
            "persons",
            "particle",
            F.coalesce("particle_share", F.lit(0.0)).alias("particle_share"),
            F.coalesce("uf_ratio", F.create_map().cast("map<string,double>")).alias("uf_ratio"),
        )
        .groupBy("surname")
        .agg(
            F.sum("persons").alias("persons"),
            F.max_by("particle", "persons").alias("particle"),
            F.max_by("particle_share", "persons").alias("particle_share"),
            F.max_by("uf_ratio", "persons").alias("uf_ratio"),
        )
    )


# Surnames of Japan and China that end in -ao without a tilde.
_NO_TILDE = "NAGAO TAKAO MASAO ISAO AKAO MURAO UEHAO CHAO LIAO ZHAO MIAO TAO GAO CAO BAO HAO XIAO SHAO PAO LAO KAO DAO"


# Endings after the stressed vowel: -ário, -êncio, -ônio; -ínia, -élia, -ícia (but Maria, Luzia, Sofia, Estefania).
_AFTER_STRESS = (
    "(?:(?:[bcdglmnprstv]|[nr]c|lv|qu)io"
    "|(?:[dv]|(?<!fa)n|lv|(?<=[eiou])[bl]|(?<=[aeio])s|(?<=[aeiu])c|(?<=[ae])nc|(?<=[eo])r|(?<=[ei])g)ia)$"
)
_FALLING = "(?<=[aeo])[iu]"  # the second vowel of a diphthong bears no accent of its own
_OTHER_STRESS = ("Dario", "Rocio", "Abadio", "Abadia", "Poesia", "Harmonia")


def by_rule(name: Column) -> Column:
    """A name whose accents nobody wrote down: tilde and cedilla, and the stress of -io and of some -ia."""
    written = _with_tilde(name)
    stressed = written
    for vowel, accented in (("a", "á"), ("e", "é"), ("i", "í"), ("o", "ó"), ("u", "ú")):
        nasal = {"a": "â", "e": "ê", "o": "ô"}.get(vowel, accented)
        before = f"(?<=.)(?!{_FALLING}){vowel}"
        stressed = F.regexp_replace(stressed, f"{before}(?=[mn]c?i[oa]$)(?={_AFTER_STRESS})", nasal)
        stressed = F.regexp_replace(stressed, f"{before}(?={_AFTER_STRESS})", accented)
    stressed = F.regexp_replace(stressed, f"(?<=.)a(?=u{_AFTER_STRESS})", "á")
    return F.when(written.isin(*_OTHER_STRESS), written).otherwise(stressed)


def _with_tilde(name: Column) -> Column:
    """A surname whose accents nobody wrote down: -AO is -ão, and -CAO after a vowel or N is -ção."""
    portuguese = name.rlike("AO$") & ~name.isin(_NO_TILDE.split())
    cedilla = F.regexp_replace(F.initcap(name), "(?<=[aeioun])cao$", "ção")
    return F.when(portuguese, F.regexp_replace(cedilla, "ao$", "ão")).otherwise(F.initcap(name))
