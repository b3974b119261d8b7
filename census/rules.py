"""Structural zeros: what no person can be, whatever a survey, a smoothing or a raking says.

A rule forbids that several things hold together: a COD of physicians and a level of schooling below the degree. It has
a name, a reason and a source (conf/rules.toml). The same rule is a mask over the table of a node, an SQL expression
over `core_persona__attribute`, and a test of arrays of codes.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from census import codes
from census.errors import ConfigError

Mask = NDArray[np.bool_]

# Columns of core_persona__attribute that a rule may speak of. `occupation_cod` is checked against the classification.
VALUES: dict[str, tuple[str, ...]] = {
    "uf": codes.UFS,
    "sex": codes.SEXES,
    "zone": codes.ZONES,
    "race": codes.RACES,
    "education_level": codes.EDUCATION_LEVELS,
    "marital_status": codes.MARITAL_STATUSES,
    "in_union": codes.UNION,
    "religion": codes.RELIGIONS,
    "activity": codes.ACTIVITIES,
    "occupation_group": codes.OCCUPATION_GROUPS,
    "position": codes.POSITIONS,
    "is_mei": codes.MEI,
}
BOOLEANS = ("in_union", "is_mei")
NUMBERS = ("age_years", "income_brl")
# Columns that are only there or null.
PRESENCES = ("occupation_cbo", "occupation_title", "former_occupation_title", *codes.TRAITS)
# Axes of the network's tables that stand for a number, cut into bands.
BANDS_OF = {
    "age_band": "age_years",
    "age_group": "age_years",
    "age_class": "age_years",
    "career_stage": "age_years",
    "income_band": "income_brl",
}
# Nodes that settle a variable's value before it is drawn: who may not be a MEI is none.
SETTLES = {"may_be_mei": "is_mei"}
ANY, NULL = "any", "null"
SAMPLER = "sampler"
_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_KEYS = ("variable", "values", "not_values", "when", "why", "source", "by", "survey")
_REQUIRED = ("variable", "why", "source")


@dataclass(frozen=True)
class Condition:
    """One thing that may hold of a person.

    Attributes:
        variable: Column of `core_persona__attribute`.
        values: It holds for these values of a column with a list of values.
        comparison: It holds for numbers that compare so: (`<`, 14).
        presence: `any`: it holds if the column has a value; `null`: if it has none.
        named: The values as the rule names them (`21*`), which `values` lists in full.
        left_out: Where a rule names the values for which it does not hold: those, in full.
    """

    variable: str
    values: tuple[str, ...] = ()
    comparison: tuple[str, float] | None = None
    presence: str = ""
    named: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    def holds(self, low: float, high: float) -> tuple[bool, bool]:
        """Whether the comparison holds for some, and for all, numbers from `low` to `high`."""
        assert self.comparison is not None
        compare, bound = _COMPARISONS[self.comparison[0]], self.comparison[1]
        ends = bool(compare(low, bound)), bool(compare(high, bound))
        return any(ends), all(ends)

    def sql(self) -> str:
        """The condition as an SQL expression; null where the column is null, but for a presence."""
        name = self.variable
        if self.presence:
            return f"{name} IS {'NOT ' if self.presence == ANY else ''}NULL"
        if self.comparison:
            sign, bound = self.comparison
            return f"{name} {sign} {bound:g}"
        if name in BOOLEANS:
            sides = [name if value == "sim" else f"NOT {name}" for value in self.values]
            return sides[0] if len(sides) == 1 else f"{name} IS NOT NULL"
        # The shorter list: a rule may leave out a few of hundreds of base groups.
        listed = ", ".join(f"'{value}'" for value in (self.left_out or self.values))
        return f"{name} {'NOT ' if self.left_out else ''}IN ({listed})"

    def text(self) -> str:
        """The condition for a reader."""
        if self.presence:
            return f"{self.variable} {'has a value' if self.presence == ANY else 'is null'}"
        if self.comparison:
            return f"{self.variable} {self.comparison[0]} {self.comparison[1]:g}"
        if self.left_out:
            return f"{self.variable} is not {' or '.join(self.named)}"
        return f"{self.variable} = {' or '.join(self.named)}"


@dataclass(frozen=True)
class Rule:
    """A structural zero: no person meets all of `conditions`.

    Attributes:
        conditions: The forbidden value first, then when it is forbidden.
        why: One sentence.
        source: Law, definition or classification.
        by: `sampler` where the construction of a person guarantees the rule (nulls outside a universe), the node whose
            tables are built so that it holds, or empty: the mask of a table gives it.
        survey: How many surveyed persons break the rule, of those that it speaks of; empty where no survey asks.
    """

    name: str
    conditions: tuple[Condition, ...]
    why: str
    source: str
    by: str = ""
    survey: str = ""

    @property
    def variables(self) -> tuple[str, ...]:
        """Columns that the rule speaks of."""
        return tuple(condition.variable for condition in self.conditions)


def load(document: Mapping[str, Any], cods: Sequence[str]) -> tuple[Rule, ...]:
    """The rules of conf/rules.toml, in the order of the file.

    Args:
        document: The parsed file.
        cods: Base groups of the COD; `21*` in a rule stands for all that begin with 21.

    Raises:
        ConfigError: A key, variable or value is unknown, or an age cuts a band of `codes.AGE_BANDS` in two; names the
            rule and the key.
    """
    unknown = [key for key in document if key != "rule"]
    if unknown:
        raise ConfigError(f"rules.toml: unknown table [{unknown[0]}]; every rule is a table [rule.<name>].")
    values = VALUES | {"occupation_cod": tuple(cods)}
    return tuple(_rule(name, entry, values) for name, entry in document.get("rule", {}).items())


def allowed(rules: Iterable[Rule], node: str, parents: Sequence[str], domains: Mapping[str, Sequence[str]]) -> Mask:
    """Which cells of a node's table may hold a probability.

    A rule speaks of a table if all its variables are the node or parents of it and the node is one of them; the bands
    of `BANDS_OF` stand for ages and incomes, and a band is forbidden where all of it is. A parent cell that cannot
    occur may have no value left.

    Args:
        domains: Values of the node and of every parent.

    Returns:
        One axis a parent, in order, and the node's values last; False where a rule forbids the cell.
    """
    axes = (*parents, node)
    mask = np.ones([len(domains[axis]) for axis in axes], dtype=bool)
    for rule in rules:
        places = _places(rule, node, axes)
        if places is None:
            continue
        forbidden = np.ones((1,) * len(axes), dtype=bool)
        for condition, place in zip(rule.conditions, places, strict=True):
            shape = [1] * len(axes)
            shape[place] = -1
            forbidden = forbidden & _covered(condition, domains[axes[place]])[1].reshape(shape)
        mask &= ~forbidden
    return mask


def enforced_by(
    rules: Iterable[Rule], network: Mapping[str, Sequence[str]], domains: Mapping[str, Sequence[str]]
) -> dict[str, tuple[str, ...]]:
    """Rule -> the nodes whose masks enforce it, or `sampler`; nothing where the rule is not enforced.

    Args:
        network: Node -> parents.
        domains: Values of the nodes and parents; a class of ages that a rule cuts in two does not enforce it.
    """
    found = {}
    for rule in rules:
        nodes = [node for node, parents in network.items() if _enforces(rule, node, (*parents, node), domains)]
        found[rule.name] = tuple(nodes) or ((rule.by,) if rule.by else ())
    return found


def violation_sql(rule: Rule) -> str:
    """SQL over `core_persona__attribute`: true for a person who breaks the rule, false or null for others."""
    return " AND ".join(condition.sql() for condition in rule.conditions)


def violations(
    rule: Rule, columns: Mapping[str, NDArray[Any]], domains: Mapping[str, Sequence[str]] | None = None
) -> Mask:
    """True for each person who breaks the rule.

    Args:
        columns: Variable -> integer codes (-1 = null); numbers for `age_years` and `income_brl` (NaN = null).
        domains: Values behind the codes where they are not those of `VALUES` (`occupation_cod`).
    """
    known = VALUES | dict(domains or {})
    broken = np.ones(len(columns[rule.conditions[0].variable]), dtype=bool)
    for condition in rule.conditions:
        column = np.asarray(columns[condition.variable])
        if condition.presence:
            absent = np.isnan(column) if column.dtype.kind == "f" else column < 0
            broken &= absent if condition.presence == NULL else ~absent
        elif condition.comparison:
            broken &= _COMPARISONS[condition.comparison[0]](column, condition.comparison[1])
        else:
            # One place more, for the code -1.
            table = np.array([value in condition.values for value in known[condition.variable]] + [False])
            broken &= table[column]
    return broken


def _enforces(rule: Rule, node: str, axes: Sequence[str], domains: Mapping[str, Sequence[str]]) -> bool:
    places = _places(rule, node, axes)
    if places is None:
        return False
    covers = [_covered(c, domains[axes[place]]) for c, place in zip(rule.conditions, places, strict=True)]
    return all(np.array_equal(some, every) for some, every in covers)


def _places(rule: Rule, node: str, axes: Sequence[str]) -> list[int] | None:
    """Axis of each condition; None where the table lacks one or the rule does not speak of the node."""
    if any(condition.presence for condition in rule.conditions):
        return None
    own = SETTLES.get(node) or BANDS_OF.get(node, node)
    names = [*(BANDS_OF.get(axis, axis) for axis in axes[:-1]), own]
    if own not in rule.variables or not set(rule.variables) <= set(names):
        return None
    return [names.index(variable) for variable in rule.variables]


def _covered(condition: Condition, domain: Sequence[str]) -> tuple[Mask, Mask]:
    """Values of an axis for which the condition holds in part, and for which it holds throughout."""
    if condition.comparison is None:
        held = np.array([value in condition.values for value in domain], dtype=bool)
        return held, held
    ends = [condition.holds(*_interval(label)) for label in domain]
    return np.array([some for some, _ in ends], dtype=bool), np.array([every for _, every in ends], dtype=bool)


def _interval(label: str) -> tuple[float, float]:
    """First and last number of a band: `14-17`, `80+`, `37`, `<= 0`, `200 to 400` (200 left out), `> 10000`."""
    if match := re.fullmatch(r"(\d+)(?:-(\d+)|(\+))?", label):
        low = float(match[1])
        return low, np.inf if match[3] else float(match[2] or match[1])
    if match := re.fullmatch(r"<= ([\d.]+)", label):
        return 0.0, float(match[1])
    if match := re.fullmatch(r"(?:> )?([\d.]+)(?: to ([\d.]+))?", label):
        return float(np.nextafter(float(match[1]), np.inf)), float(match[2]) if match[2] else np.inf
    raise ValueError(f"{label!r} is not a band of numbers")


def _rule(name: str, entry: Mapping[str, Any], values: Mapping[str, tuple[str, ...]]) -> Rule:
    def fail(key: str, message: str) -> ConfigError:
        return ConfigError(f"rules.toml: rule {name}, {key}: {message}.", rule=name, key=key)

    for key in entry:
        if key not in _KEYS:
            raise fail(key, f"unknown key{_near(key, _KEYS)}")
    for key in _REQUIRED:
        if not isinstance(entry.get(key), str) or not entry[key].strip():
            raise fail(key, "is missing; a text is needed")
    if ("values" in entry) == ("not_values" in entry):
        raise fail("values", "give either values or not_values")
    key = "values" if "values" in entry else "not_values"
    given = {entry["variable"]: entry["values"] if key == "values" else {"not": entry["not_values"]}}
    when = entry.get("when", {})
    if not isinstance(when, Mapping):
        raise fail("when", "must be a table of variable = values")
    if entry["variable"] in when:
        raise fail("when", f"{entry['variable']} is the rule's own variable")
    conditions = [_condition(v, wanted, values, partial(fail, key)) for v, wanted in given.items()]
    conditions += [_condition(v, wanted, values, partial(fail, f"when.{v}")) for v, wanted in when.items()]
    by = entry.get("by", "")
    if not by and any(condition.presence for condition in conditions):
        raise fail("by", f"a rule about nulls is no mask: say by = {SAMPLER!r}")
    for condition in conditions:
        if not by and condition.variable == "age_years":
            some, every = _covered(condition, codes.AGE_BANDS)
            if not np.array_equal(some, every):
                cut = codes.AGE_BANDS[int(np.argmax(some & ~every))]
                raise fail("when.age_years", f"{condition.text()} cuts the band {cut} in two; take an end of a band")
    return Rule(
        name, tuple(conditions), entry["why"].strip(), entry["source"].strip(), by, str(entry.get("survey", ""))
    )


def _condition(
    variable: str, wanted: Any, values: Mapping[str, tuple[str, ...]], fail: Callable[[str], ConfigError]
) -> Condition:
    known = (*values, *NUMBERS, *PRESENCES)
    if variable not in known:
        raise fail(f"there is no variable {variable!r}{_near(variable, known)}")
    negated = isinstance(wanted, Mapping)
    listed = wanted.get("not") if negated else wanted
    texts = [listed] if isinstance(listed, str) else listed
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        raise fail(f"{wanted!r} is no text, list of texts or table {{not = [...]}}")
    if texts[0] in (ANY, NULL) and len(texts) == 1 and not negated:
        return Condition(variable, presence=texts[0])
    if variable in PRESENCES:
        raise fail(f"{variable} can only be {ANY!r} or {NULL!r}, not {texts[0]!r}")
    if variable in NUMBERS:
        match = re.fullmatch(r"(<=?|>=?)\s*(\d+(?:\.\d+)?)", texts[0])
        if len(texts) > 1 or negated or match is None:
            raise fail(f"{wanted!r} is no comparison such as '< 14'")
        return Condition(variable, comparison=(match[1], float(match[2])))
    domain = values[variable]
    chosen: set[str] = set()
    for text in texts:
        found = (
            [v for v in domain if v.startswith(text[:-1])] if text.endswith("*") else [v for v in domain if v == text]
        )
        if not found:
            raise fail(f"{variable} has no value {text!r}{_near(text, domain)}")
        chosen.update(found)
    kept = tuple(value for value in domain if (value in chosen) != negated)
    if not kept:
        raise fail("nothing is left")
    return Condition(
        variable, values=kept, named=tuple(texts), left_out=tuple(v for v in domain if negated and v in chosen)
    )


def _near(word: str, known: Sequence[str]) -> str:
    near = get_close_matches(word, known, n=1, cutoff=0.6)
    return f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(known[:12])}"
