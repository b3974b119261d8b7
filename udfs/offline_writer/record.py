"""The person behind a record block: everything the writer may know, ready to be put into templates."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from udfs import prompts, traits
from udfs.hints import NO_SPORT
from udfs.offline_writer import clubs, trades
from udfs.offline_writer.choice import Dice
from udfs.offline_writer.grammar import (
    city_article,
    contract,
    lower_first,
    spoken_title,
    sport_article,
    state_article,
    upper_first,
    with_article,
)

# How often the texts of the reference set repeat a field of the record: state 0.82, age 0.65, occupation 0.87.
SAYS_STATE = 0.83
SAYS_AGE = 0.65
SAYS_OCCUPATION = 0.86
SEASONED_YEARS = 40
SHORT_TITLE_CHARACTERS = 28
RESTS_YEARS = 65  # without work at this age is no pause
# Which text may use the first, second, ... fact of a kind.
_TAKERS = {
    "prato": ("food", "background", "goals", "hobbies"),
    "festa": ("background", "arts", "hobbies", "goals"),
    "lugar_reg": ("travel", "goals", "background", "hobbies"),
    "ritmo": ("arts", "hobbies", "background"),
    "oficio": ("arts", "background", "hobbies"),
    "produto": ("travel", "background"),
    "lugar_cidade": ("background", "travel", "hobbies"),
}
# Beginnings of tastes that are no plate: drinks, fruit, sweets and what is bought by weight.
_NO_PLATE = re.compile(
    r"(açafrão|açaí|abacaxi|alfenim|ambrosia|amendoim|bala|banana|biscoito|bolo|broa|brote|cacau|café|cajuína|"
    r"castanha|caxiri|cachaça|chimarrão|chocolate|cocada|creme|cuca|doce|erva|farinha|furrundu|geleia|gengibirra|"
    r"goiaba|grude|guaraná|inhame|juçara|laranja|maçã|mate|mel|melado|melão|muma|pão|pinhão|queijada|queijo|quindim|"
    r"rapadura|rocambole|sagu|saroio|suco|tereré|tiquira|uva|vinho)\b"
)
_STRONG_DRINK = re.compile(r"(cachaça|caxiri|tiquira|vinho)s?\b")
# Text -> the kinds of facts it may use, each with the text's place among the takers.
_TAKES = {
    text: [(kind, takers.index(text)) for kind, takers in _TAKERS.items() if text in takers]
    for text in sorted({text for takers in _TAKERS.values() for text in takers})
}

TRAITS = tuple(prompts.TRAIT_LABELS)
_STAGES = (
    ("procura trabalho", "looks"),
    ("estuda", "studies"),
    ("aposentad", "retired"),
    ("cuida da casa", "home"),
    ("não trabalha", "other"),
    ("trabalha", "works"),
)
_PLAIN_TRADE = {"studies": "estuda", "home": "cuida da casa", "rests": "vida longa"}
_MANNER = (
    ("servidor", "como servidor{a} do serviço público"),
    ("tem o próprio negócio", "à frente do próprio negócio"),
    ("ajuda no negócio", "ajudando no que é da família"),
)
_UNIONS = (
    (prompts.SPOUSE_APART, "casad{o} longe"),
    (prompts.WITH_PARTNER, "junt{o}"),
    ("solteir", "solteir{o}"),
    ("casad", "casad{o}"),
    ("separad", "separad{o}"),
    ("divorciad", "divorciad{o}"),
    ("viúv", "viúv{o}"),
)
_POOR = frozenset(words for end, words in prompts.INCOME_STEPS if end <= 2.0)
_RICH = frozenset(words for end, words in prompts.INCOME_STEPS if end > 5.0)


@dataclass
class Person:
    """A record as the writer sees it.

    `words` fills templates: a key is missing when the record lacks the value or when this person's texts leave it
    unsaid. `key` starts every `Dice`; it has no attempt in it, so what must agree between the two calls does.
    """

    key: str
    attempt: str
    words: dict[str, str]
    stage: str
    age_years: int
    is_rural: bool
    trade: trades.Trade
    state: str
    region: str
    bands: dict[str, int]
    schooling: str
    union: str
    religion: str
    purse: str
    is_own_boss: bool
    facts: dict[str, list[str]] = field(default_factory=dict)
    goals: list[str] = field(default_factory=list)  # once they are chosen

    @cached_property
    def _seed(self) -> int:
        return self.dice("person", with_attempt=False).below(1 << 16)

    def index(self, number: int, limit: int, salt: int = 0) -> int:
        """The `number`-th of `limit` things, another one for each number below `limit`."""
        step = 7 if limit % 7 else 5  # shares no factor with the lengths of the lists
        return (self._seed // (salt * 5 + 1) + salt + step * number) % limit

    def dice(self, name: str, *, with_attempt: bool = True) -> Dice:
        return Dice(f"{self.key}|{name}|{self.attempt if with_attempt else ''}")

    @cached_property
    def acts(self) -> list[str]:
        """What the person does at work, the trade's own acts first: texts take different ones by their place."""
        dice = self.dice("acts", with_attempt=False)
        own, more = dice.shuffled(self.trade.do), dice.some(self.trade.more, 2)
        return [act.fill(self.words) for act in (*own, *more)]

    @cached_property
    def joys(self) -> list[str]:
        """Small prides of the trade, its own first."""
        own, *more = self.trade.joy
        return [own, *self.dice("joys", with_attempt=False).some(more, 2)]

    @cached_property
    def woe_in(self) -> str:
        """The text that tells the nuisance of the trade."""
        return "skills" if self.dice("woe", with_attempt=False).chance(0.5) else "work"

    @property
    def has_former_trade(self) -> bool:
        """Whether the trade is one that was given up: what is told of it stands in the past."""
        return self.stage in ("looks", "retired") and bool(self.trade.woe)

    def facts_for(self, text: str) -> dict[str, str]:
        """One regional fact of each kind for a text, as words of templates; no fact is given to two texts."""
        chosen = {}
        for kind, place in _TAKES.get(text, ()):
            facts = self.facts.get(kind, ())
            if place < len(facts):
                chosen[kind] = facts[(place + self._seed) % len(facts)]
        if taste := chosen.get("prato"):
            if not _STRONG_DRINK.match(taste):
                chosen["sabor"] = taste
            if _NO_PLATE.match(taste):
                del chosen["prato"]
        return chosen


@lru_cache(maxsize=1)
def _bands() -> dict[str, tuple[str, int]]:
    """Every wording of a trait in the block, back to the trait and its band."""
    return {
        prompts.inflect(words, sex): (trait, band)
        for trait, bands in traits.WORDS.items()
        for band, wordings in enumerate(bands)
        for words in wordings
        for sex in "FM"
    }


def read(record: Mapping[str, str]) -> Person:
    """Understand a parsed record block; a missing or odd line is passed over, never an error."""
    name = record.get(prompts.FULL_NAME) or record.get(prompts.FIRST_NAME) or "Esta pessoa"
    first = record.get(prompts.FIRST_NAME) or name.split()[0]
    digits = re.search(r"\d+", record.get(prompts.AGE, ""))
    age_years = int(digits[0][:3]) if digits else 40
    stage = next((code for words, code in _STAGES if words in record.get(prompts.STAGE, "")), "")
    stage = stage or ("works" if record.get(prompts.OCCUPATION) else "other")
    if stage == "other" and age_years >= RESTS_YEARS:
        stage = "rests"
    # The whole record: two persons of one name, city and age are still two persons.
    values = "|".join([value for label, value in record.items() if label != prompts.VERSION])
    key = hashlib.blake2b(values.encode(), digest_size=12).hexdigest()
    trade = _trade(record, stage)
    income = record.get(prompts.INCOME, "")
    position = record.get(prompts.POSITION, "")
    person = Person(
        key=key,
        attempt=record.get(prompts.VERSION, "0"),
        words=_words(record, key, name, first, stage, age_years),
        stage=stage,
        age_years=age_years,
        is_rural="rural" in record.get(prompts.ZONE, ""),
        trade=trade,
        state=record.get(prompts.STATE, ""),
        region=record.get(prompts.REGION, ""),
        bands=dict.fromkeys(TRAITS, 2),
        schooling=record.get(prompts.SCHOOLING, ""),
        union=next((code for words, code in _UNIONS if words in record.get(prompts.UNION, "")), ""),
        religion=record.get(prompts.RELIGION, ""),
        purse="high" if income in _RICH else "low" if income in _POOR or not income else "mid",
        is_own_boss="própri" in position or position.startswith("ajuda"),
    )
    for trait, label in prompts.TRAIT_LABELS.items():
        found = _bands().get(record.get(label, ""))
        if found and found[0] == trait:
            person.bands[trait] = found[1]
    for key_, label in (
        ("prato", prompts.DISHES),
        ("festa", prompts.FEASTS),
        ("lugar_reg", prompts.PLACES),
        ("ritmo", prompts.MUSIC),
        ("oficio", prompts.CRAFTS),
        ("produto", prompts.PRODUCTS),
        ("lugar_cidade", prompts.TOWN_PLACES),
    ):
        person.facts[key_] = [fact for fact in record.get(label, "").split(prompts.FACT_SEPARATOR) if fact.strip()]
    person.facts["ritmo"] = [lower_first(fact) for fact in person.facts["ritmo"]]
    if club := clubs.club_of(person.state, person.dice("club", with_attempt=False)):
        article, name = club
        person.words |= {"do_clube": contract("de", article, name), "pelo_clube": contract("por", article, name)}
    return person


def _trade(record: Mapping[str, str], stage: str) -> trades.Trade:
    title = record.get(prompts.OCCUPATION if stage == "works" else prompts.FORMER, "")
    if stage in ("works", "looks", "retired"):
        if title and (found := trades.trade_of(title)):
            return found
        area = record.get(prompts.AREA, "")
        if area in trades.PLAIN:
            return trades.PLAIN[area]
    return trades.PLAIN[_PLAIN_TRADE.get(stage, "vida")]


def _words(
    record: Mapping[str, str],
    key: str,
    name: str,
    first: str,
    stage: str,
    age_years: int,
) -> dict[str, str]:
    city = record.get(prompts.CITY, "")
    feminine = record.get(prompts.PERSON, "") != "homem"
    says = Dice(f"{key}|says")
    says_state, says_age, says_work = (says.chance(p) for p in (SAYS_STATE, SAYS_AGE, SAYS_OCCUPATION))
    words = {
        "nome": name,
        "p": first,
        "o": "a" if feminine else "o",
        "a": "a" if feminine else "",
        "m": "a" if feminine else "m",
        "ela": "ela" if feminine else "ele",
    }
    if age_years >= SEASONED_YEARS:
        words["vivido"] = ""  # opens templates that only fit someone who has lived
    if stage == "retired":
        words["parou"] = ""
    if stage in ("works", "looks"):
        words["servico"] = ""  # opens templates about how someone works with others
    if city:
        article = city_article(city)
        words["cidade"] = with_article(article, city)
        for preposition in ("em", "de", "por"):
            words[f"{preposition}_cidade"] = contract(preposition, article, city)
    if says_age:
        words["anos"], words["idade"] = str(age_years), f"{age_years} anos"
    state = record.get(prompts.STATE, "")
    if state and says_state:
        article = state_article(state)
        words["o_estado"] = with_article(article, state)
        words["em_estado"], words["de_estado"] = contract("em", article, state), contract("de", article, state)
    if region := record.get(prompts.REGION):
        words["o_regiao"] = f"o {region}"
    uma = "uma" if feminine else "um"
    if (title := record.get(prompts.OCCUPATION)) and stage == "works" and says_work:
        if not title.startswith("Trabalhador"):
            words["trab"] = ""  # opens templates that say "trabalha como"
        words["prof"] = lower_first(spoken_title(title))
        words["um_prof"] = f"{uma} {words['prof']}"
        if len(title) <= SHORT_TITLE_CHARACTERS:
            words["curto"] = ""  # opens templates that lean on the title
    if (former := record.get(prompts.FORMER)) and stage in ("looks", "retired"):
        words["antes"] = lower_first(spoken_title(former))
    position = record.get(prompts.POSITION, "")
    if not position.startswith("ajuda"):
        words["ganha_a_vida"] = "ganha a vida"
    if position:
        manner = next((manner for start, manner in _MANNER if start in position), position)
        words["modo"] = manner.replace("{a}", words["a"])
    if "rural" not in record.get(prompts.ZONE, ""):
        words["urbano"] = ""  # opens templates about streets and shops
    words |= _habits(record)
    for word in ("em_cidade", "de_cidade", "em_estado", "ela", "ganha_a_vida"):
        if word in words:
            words[upper_first(word)] = upper_first(words[word])
    return words


def _habits(record: Mapping[str, str]) -> dict[str, str]:
    """The first option of sport (`esporte`, or `sem_esporte` with the reason) and of journeys (`passeio`)."""
    sport, trip = (record.get(label, "").split(prompts.FACT_SEPARATOR)[0] for label in (prompts.SPORTS, prompts.TRIPS))
    words = {"passeio": trip} if trip else {}
    if sport.startswith(NO_SPORT):
        reason = sport.partition(", ")[2]
        return words | ({"sem_esporte": reason} if reason else {})
    return words | ({"esporte": sport, "o_esporte": with_article(sport_article(sport), sport)} if sport else {})
