"""Exact answers from the network: pgmpy's variable elimination for a state, mixtures over states, mean income.

Inside pgmpy the values of a variable are the codes v0, v1, ... in their order: accents break its files. Variables of
work get one more value, `(não trabalha)`, so that the network is a proper joint law.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from census import codes
from census.assumptions import independences
from census.errors import ConfigError, FitError
from census.network import NodeTable
from census.questions import Question

with warnings.catch_warnings():
    warnings.simplefilter("ignore", FutureWarning)  # pgmpy 1.1 warns of names of its own that 1.3 will drop
    from pgmpy.factors.discrete import TabularCPD
    from pgmpy.inference import VariableElimination
    from pgmpy.models import DiscreteBayesianNetwork

Array = NDArray[np.float64]
Level = Literal["mun", "uf", "reg", "br"]

NOT_WORKING = "(não trabalha)"
WORKS = "ocupado"
FIRST_OF_WORK = "occupation_group"  # it and whatever is drawn from it are known of who works only
# First age of which a variable says something; younger persons have none.
FIRST_AGE = {"education_level": 5, "religion": 10, "activity": 14}
BLOCK = ("sex", "age_band", "race", "education_level", "zone")
_ASKED = "asked_age"  # a binary child of sex and age_band: the person's age in years is among those asked
_YES = "v1"
_JOINT_CELLS = 1 << 14  # evidence with at most so many combinations is weighed by one query
_WHOLE_CELLS = 1 << 22  # cells of the largest table that one query may return
_BAND_OF_AGE = np.array([codes.AGE_BANDS.index(codes.age_band(age)) for age in range(codes.MAX_AGE_YEARS + 1)])


@dataclass(frozen=True)
class StateModel:
    """The network of a state (or of one of its municipalities).

    Attributes:
        persons: Residents: the weight in a mixture.
        nodes: In the order of drawing; variables of work are conditional on activity = ocupado.
        ages: Residents by sex and completed year of age, (2, 101).
        national: Nodes whose tables are those of Brazil: they do not depend on the state.
        municipality: Name, where the block is that of a municipality.
    """

    uf: str
    persons: float
    nodes: tuple[NodeTable, ...]
    ages: Array
    national: tuple[str, ...] = ()
    municipality: str = ""


@dataclass(frozen=True)
class Support:
    """How well one variable of the answer is known, over the cells that the answer used.

    `effective_persons` and `prior_share` are means over the cells, weighted by their probability; None if not known.
    """

    variable: str
    grade: str
    source: str
    effective_persons: float | None
    prior_share: float | None


@dataclass(frozen=True)
class Answer:
    """An exact answer of the model.

    Attributes:
        variables: Columns of `rows`.
        rows: Values and probability; impossible ones are left out; the probabilities sum to 1.
        mean: E only: BRL a month.
        covered: Share of the persons of the conditions whom the answer is about (who work, who are old enough).
        evidence: Probability of the conditions in the place asked.
        level: Where the shares come from: mun, uf, reg (states of a region) or br.
        grade: The worst of all variables that the answer needs.
        effective_persons, prior_share: Of the asked variable that is known worst.
        support: One entry an asked variable.
        assumptions: Independences between variables of the question that the network asserts.
        notes: What a reader must know.
    """

    question: str
    variables: tuple[str, ...]
    rows: tuple[tuple[tuple[str, ...], float], ...]
    mean: float | None
    covered: float
    evidence: float
    level: Level
    grade: str
    effective_persons: float | None
    prior_share: float | None
    support: tuple[Support, ...]
    assumptions: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class IncomeMeans:
    """Mean income of each income band and growth of each occupation group (BRL a month)."""

    means: Array
    factor: Array | None = None


# ------------------------------------------------------------------------------------------------ network
def of_work(nodes: Iterable[NodeTable]) -> tuple[str, ...]:
    """The variables of who works: the occupation group and all that is drawn from it."""
    found: list[str] = []
    for node in nodes:
        if node.name == FIRST_OF_WORK or set(node.parents) & set(found):
            found.append(node.name)
    return tuple(found)


def with_roots(nodes: Sequence[NodeTable], ages: Array) -> tuple[NodeTable, ...]:
    """The nodes with sex and age band before them, by the numbering of the residents, where they have none.

    Args:
        ages: Residents by sex and completed year of age, (2, 101).
    """
    if any(node.name == "age_band" for node in nodes):
        return tuple(nodes)
    persons = ages @ np.eye(len(codes.AGE_BANDS))[_BAND_OF_AGE]
    source = "core_model__allocation: census2022_age_municipality, sex by estimates and 10061"
    of_sex = persons.sum(axis=1)
    sex = NodeTable("sex", (), codes.SEXES, of_sex / of_sex.sum(), "B", source)
    band = NodeTable("age_band", ("sex",), codes.AGE_BANDS, persons / of_sex[:, None], "A", source)
    return (sex, band, *nodes)


def closed(nodes: Sequence[NodeTable]) -> list[NodeTable]:
    """The nodes as one joint law: variables of work get `(não trabalha)`, certain for who does not work.

    A node of work without a parent of work gets `activity` as its first parent; a cell of who does not work has no
    effective persons or share of prior (NaN).
    """
    work = of_work(nodes)
    return [_gated(node, work) if node.name in work else node for node in nodes]


def _gated(node: NodeTable, work: Sequence[str]) -> NodeTable:
    idle = np.append(np.zeros(len(node.values)), 1.0)
    table = np.concatenate([node.table, np.zeros((*node.table.shape[:-1], 1))], axis=-1)
    gates = [axis for axis, parent in enumerate(node.parents) if parent in work]
    if not gates and "activity" in node.parents:
        raise FitError(f"{node.name}: its table is of who works, so activity cannot be a parent.", node=node.name)

    def idle_cells(values: Array | None) -> Array | None:
        return None if values is None else _with_idle(values, np.array(np.nan), gates)

    return replace(
        node,
        parents=node.parents if gates else ("activity", *node.parents),
        values=(*node.values, NOT_WORKING),
        table=_with_idle(table, idle, gates),
        effective_persons=idle_cells(node.effective_persons),
        prior_share=idle_cells(node.prior_share),
    )


def _with_idle(values: Array, idle: Array, gates: Sequence[int]) -> Array:
    """Cells of who does not work: behind the last value of each gate, or, without one, of each other activity."""
    if not gates:
        return np.stack([values if a == WORKS else np.broadcast_to(idle, values.shape) for a in codes.ACTIVITIES])
    for axis in gates:
        shape = (*values.shape[:axis], 1, *values.shape[axis + 1 :])
        values = np.concatenate([values, np.broadcast_to(idle, shape)], axis=axis)
    return values


def bayesian_network(nodes: Sequence[NodeTable]) -> DiscreteBayesianNetwork:
    """The network of one state in pgmpy, closed and checked.

    Raises:
        FitError: A table does not sum to 1, holds a negative, or does not fit the values of its parents.
    """
    return _network(closed(nodes))


def _network(nodes: Sequence[NodeTable]) -> DiscreteBayesianNetwork:
    sizes = {node.name: len(node.values) for node in nodes}
    cpds = [_cpd(node, sizes) for node in nodes]
    model = DiscreteBayesianNetwork()
    model.add_nodes_from(sizes)
    model.add_edges_from([(parent, node.name) for node in nodes for parent in node.parents])
    model.add_cpds(*cpds)
    try:
        model.check_model()
    except ValueError as error:
        raise FitError(f"The network is not consistent: {error}") from error
    return model


def _cpd(node: NodeTable, sizes: Mapping[str, int]) -> TabularCPD:
    missing = [parent for parent in node.parents if parent not in sizes]
    if missing:
        raise FitError(f"{node.name}: its parent {missing[0]} is no node of the network.", node=node.name)
    shape = (*(sizes[parent] for parent in node.parents), len(node.values))
    if node.table.shape != shape:
        raise FitError(f"{node.name}: its table has shape {node.table.shape}, expected {shape}.", node=node.name)
    values = node.table.reshape(-1, shape[-1]).T
    off = float(np.abs(values.sum(axis=0) - 1).max())
    if not off <= 1e-6 or (values < 0).any():
        raise FitError(f"{node.name}: a cell of its table is off 1 by {off:.2g} or negative.", node=node.name)
    return TabularCPD(
        node.name,
        shape[-1],
        values / values.sum(axis=0),
        evidence=list(node.parents) or None,
        evidence_card=list(shape[:-1]) or None,
        state_names={name: _codes(sizes[name]) for name in (node.name, *node.parents)},
    )


def _codes(size: int) -> list[str]:
    return [f"v{i}" for i in range(size)]


def domains(nodes: Iterable[NodeTable]) -> dict[str, tuple[str, ...]]:
    """Values of every variable that a question may name, in their order."""
    return {node.name: node.values for node in nodes}


def with_block(nodes: Sequence[NodeTable], persons: Array, *, name: str) -> tuple[NodeTable, ...]:
    """The network of a municipality: its own tables of sex, age, race, schooling and zone, the others as they are.

    Args:
        persons: (sex, age band, race, education level, zone), residents.
        name: Of the municipality; becomes the source of the tables.

    Raises:
        FitError: The shape is another one, or nobody lives there.
    """
    own = {node.name: node for node in nodes}
    shape = tuple(len(own[variable].values) for variable in BLOCK)
    if persons.shape != shape or not persons.sum() > 0:
        raise FitError(f"{name}: expected residents in a table of shape {shape}, found {persons.shape}.")
    block = []
    for axis, variable in enumerate(BLOCK):
        counts = persons.sum(axis=tuple(range(axis + 1, len(BLOCK))))
        total = counts.sum(axis=-1, keepdims=True)
        # A cell without residents is never used; any law keeps the network proper.
        table = np.where(total > 0, counts / np.where(total > 0, total, 1.0), 1.0 / shape[axis])
        node = own[variable]
        block.append(NodeTable(variable, BLOCK[:axis], node.values, table, node.grade, f"core_model__block, {name}"))
    return (*block, *(node for node in nodes if node.name not in BLOCK))


# ------------------------------------------------------------------------------------------------ one state
class StateNetwork:
    """Exact inference in one state; networks of pgmpy are kept for the questions that follow."""

    def __init__(self, model: StateModel) -> None:
        self.model = model
        self.nodes = {node.name: node for node in closed(model.nodes)}
        self.work = of_work(model.nodes)
        self._engines: dict[tuple[str, tuple[int, int] | None], VariableElimination] = {}

    def joint(
        self, variables: Sequence[str], evidence: Mapping[str, str], ages: tuple[int, int] | None = None
    ) -> Array:
        """P(variables | evidence, age in years within `ages`), one axis a variable, by variable elimination."""
        free = [name for name in variables if name not in evidence]
        shape = tuple(len(self.nodes[name].values) for name in variables)
        table = self._query(free, self._codes(evidence), ages) if free else np.ones(())
        result = np.zeros(shape)
        place = tuple(
            slice(None) if name in free else self.nodes[name].values.index(evidence[name]) for name in variables
        )
        result[place] = table
        return result

    def probability(self, evidence: Mapping[str, str], ages: tuple[int, int] | None = None) -> float:
        """P(evidence, age in years within `ages`); by the chain rule where the evidence has many combinations."""
        found = self._codes(evidence)
        if ages is not None:
            found[_ASKED] = _YES
        names = sorted(found, key=[*self.nodes, _ASKED].index)
        sizes = [2 if name == _ASKED else len(self.nodes[name].values) for name in names]
        place = [int(found[name][1:]) for name in names]
        if not names:
            return 1.0
        if np.prod(sizes, dtype=float) <= _JOINT_CELLS:
            return float(self._query(names, {}, ages, is_given=False)[tuple(place)])
        chance = 1.0
        for i, name in enumerate(names):
            known = {other: found[other] for other in names[:i]}
            chance *= float(self._query([name], known, ages, is_given=False)[place[i]])
            if chance == 0:
                return 0.0
        return chance

    def needed(self, variables: Iterable[str]) -> list[str]:
        """These variables and all they are drawn from, in the order of drawing."""
        wanted = set(variables)
        for node in reversed(self.nodes.values()):
            if node.name in wanted:
                wanted |= set(node.parents)
        return [name for name in self.nodes if name in wanted]

    def _codes(self, evidence: Mapping[str, str]) -> dict[str, str]:
        return {name: f"v{self.nodes[name].values.index(value)}" for name, value in evidence.items()}

    def _query(
        self, variables: Sequence[str], evidence: Mapping[str, str], ages: tuple[int, int] | None, is_given: bool = True
    ) -> Array:
        given = {**evidence, _ASKED: _YES} if ages is not None and is_given else dict(evidence)
        named = [name for name in (*variables, *given) if name != _ASKED]
        engine = self._engine(self.needed([*named, *(BLOCK[:2] if ages is not None else ())]), ages)
        return np.asarray(engine.query(list(variables), evidence=given, show_progress=False).values)

    def _engine(self, names: list[str], ages: tuple[int, int] | None) -> VariableElimination:
        key = (" ".join(names), ages)
        if key not in self._engines:
            nodes = [self.nodes[name] for name in names]
            if ages is not None:
                nodes.append(_asked(self.nodes["sex"], self.nodes["age_band"], self.model.ages, ages))
            self._engines[key] = VariableElimination(_network(nodes))
        return self._engines[key]


def _asked(sex: NodeTable, age_band: NodeTable, ages: Array, asked: tuple[int, int]) -> NodeTable:
    """P(age in years within `asked` | sex, age band), by the census's count of single years."""
    bands = np.eye(len(age_band.values))[_BAND_OF_AGE]
    inside = np.zeros(ages.shape)
    inside[:, asked[0] : asked[1] + 1] = ages[:, asked[0] : asked[1] + 1]
    everyone, some = ages @ bands, inside @ bands
    # A band without residents: the share of its years.
    years = np.zeros(ages.shape[1])
    years[asked[0] : asked[1] + 1] = 1.0
    share = np.where(everyone > 0, some / np.where(everyone > 0, everyone, 1.0), (years @ bands) / bands.sum(axis=0))
    table = np.stack([1 - share, share], axis=-1)
    return NodeTable(_ASKED, (sex.name, age_band.name), ("no", "yes"), table, "A", "core_model__allocation")


# ------------------------------------------------------------------------------------------------ answers
@dataclass
class _Parts:
    """Sums over states, each weighted by its residents."""

    table: Array
    everyone: float = 0.0
    fulfil: float = 0.0
    about: float = 0.0
    by_state: list[float] = field(default_factory=list)
    support: dict[str, list[tuple[float, float | None, float | None]]] = field(default_factory=dict)


def answer(question: Question, states: Sequence[StateNetwork], *, income: IncomeMeans | None = None) -> Answer:
    """The exact answer to a question, from the networks of the states it is about.

    Variables that not everybody has are answered for those who have them (schooling from 5, religion from 10, activity
    from 14; work for who works, unless activity itself is asked beside it).

    Args:
        question: With values as the tables write them (`questions.resolve`).
        states: One network a state of the place asked, or that of one municipality.
        income: For E.

    Raises:
        ConfigError: Nobody meets the conditions.
    """
    question = _in_bands(question)
    targets = ("income_band", "occupation_group") if question.kind == "E" else question.targets
    inner = tuple(name for name in targets if name not in ("uf", "region"))
    first = states[0]
    evidence, ages, limits = _universe(question, inner, first.work)
    place_axis = [_place_of(state.model.uf, targets) for state in states]
    places = sorted(set(place_axis), key=place_axis.index)
    parts = _Parts(np.zeros((len(places), *(len(first.nodes[name].values) for name in inner))))
    for state, place in zip(states, place_axis, strict=True):
        _add(parts, state, places.index(place), inner, question, evidence, ages)
    if parts.about <= 0:
        raise ConfigError(f"{question.text}: nobody there meets these conditions{_because(limits)}.")
    law = parts.table / parts.table.sum()
    labels: list[Sequence[str]] = [first.nodes[name].values for name in inner]
    if len(inner) < len(targets):
        at = next(i for i, name in enumerate(targets) if name in ("uf", "region"))
        law, labels = np.moveaxis(law, 0, at), [*labels[:at], places, *labels[at:]]
    else:
        law = law[0]
    mean = None
    if question.kind == "E":
        if income is None:
            raise ValueError("E needs the mean income of the bands")
        if not law[:-1, :-1].sum() > 0:
            raise ConfigError(f"{question.text}: nobody who meets these conditions works, so there is no income.")
        mean = mean_income(law[:-1, :-1], income)
    support = tuple(_support(first.nodes[name], parts.support.get(name, [])) for name in inner)
    known = first.needed([*inner, *evidence])
    return Answer(
        question=question.text,
        variables=targets,
        rows=tuple(
            (tuple(label[i] for label, i in zip(labels, place, strict=True)), float(law[tuple(place)]))
            for place in np.argwhere(law > 0)
        ),
        mean=mean,
        covered=parts.about / parts.fulfil,
        evidence=parts.fulfil / parts.everyone,
        level=_level(question),
        grade=max([first.nodes[name].grade for name in known], default="A"),
        effective_persons=min((s.effective_persons for s in support if s.effective_persons is not None), default=None),
        prior_share=max((s.prior_share for s in support if s.prior_share is not None), default=None),
        support=support,
        assumptions=_assumptions(first, question, inner),
        notes=_notes(question, states, limits),
    )


def mean_income(law: Array, income: IncomeMeans) -> float:
    """Mean income in BRL a month of the persons of a law over (income bands, occupation groups).

    Args:
        law: Any positive scale.
        income: Means of the bands; factors of the groups, 1 if none.
    """
    factor = np.ones(law.shape[1]) if income.factor is None else income.factor
    return float(np.einsum("bg,b,g->", law, income.means, factor) / law.sum())


def _in_bands(question: Question) -> Question:
    """Years of age that are exactly one band become that band."""
    if question.ages is not None:
        for band in set(_BAND_OF_AGE[list(question.ages)]):
            years = np.flatnonzero(band == _BAND_OF_AGE)
            if question.ages == (years[0], years[-1]):
                evidence = {**question.evidence, "age_band": codes.AGE_BANDS[band]}
                return replace(question, evidence=evidence, ages=None)
    return question


def _place_of(uf: str, targets: Sequence[str]) -> str:
    return codes.STATE_OF[uf].region if "region" in targets else uf if "uf" in targets else ""


def _universe(
    question: Question, targets: Sequence[str], work: Sequence[str]
) -> tuple[dict[str, str], tuple[int, int] | None, tuple[str, ...]]:
    """Evidence and ages of the persons who have all variables of the question, and the limits in words."""
    named = [*targets, *question.evidence]
    evidence, limits = dict(question.evidence), []
    works = [name for name in named if name in work]
    if works and "activity" not in named:
        evidence["activity"] = WORKS
        limits.append(f"{works[0]} is of who works (activity = {WORKS})")
    least = {name: FIRST_AGE[name] for name in [*named, *evidence] if name in FIRST_AGE}
    ages = question.ages
    youngest = max(least.values(), default=0)
    if youngest > (ages[0] if ages else 0):
        name = max(least, key=lambda n: least[n])
        limits.append(f"{name} is of persons of {youngest} and over")
        last = ages[1] if ages else codes.MAX_AGE_YEARS
        # Nobody is left if the range ends before: an empty range keeps that.
        ages = (youngest, max(last, youngest - 1))
    return evidence, ages, tuple(limits)


def _because(limits: Sequence[str]) -> str:
    return f" ({'; '.join(limits)})" if limits else ""


def _add(
    parts: _Parts,
    state: StateNetwork,
    place: int,
    targets: Sequence[str],
    question: Question,
    evidence: Mapping[str, str],
    ages: tuple[int, int] | None,
) -> None:
    persons = state.model.persons
    fulfil = persons * state.probability(question.evidence, question.ages)
    same = evidence == question.evidence and ages == question.ages
    about = fulfil if same else persons * state.probability(evidence, ages)
    parts.everyone += persons
    parts.fulfil += fulfil
    parts.about += about
    if about <= 0:
        return
    supported = [n for name in targets if (n := state.nodes[name]).effective_persons is not None]
    everything = tuple(dict.fromkeys([*targets, *(parent for node in supported for parent in node.parents)]))
    # One query for the answer and the cells it uses, unless that table is large.
    cells = np.prod([1.0 if name in evidence else len(state.nodes[name].values) for name in everything])
    whole = about * state.joint(everything, evidence, ages) if cells <= _WHOLE_CELLS else None

    def law_of(names: Sequence[str]) -> Array:
        return about * state.joint(names, evidence, ages) if whole is None else _marginal(whole, everything, names)

    parts.table[place] += law_of(targets)
    for node in supported:
        weights = law_of(node.parents)
        parts.support.setdefault(node.name, []).append(
            (_used(weights, node), _mean(weights, node.effective_persons), _mean(weights, node.prior_share))
        )


def _marginal(law: Array, variables: Sequence[str], kept: Sequence[str]) -> Array:
    """Sum out all variables but `kept`, in the order of `kept`."""
    summed = law.sum(axis=tuple(i for i, name in enumerate(variables) if name not in kept))
    left = [name for name in variables if name in kept]
    return np.asarray(np.transpose(summed, [left.index(name) for name in kept]))


def _used(weights: Array, node: NodeTable) -> float:
    """Weight of the cells that have a support at all."""
    assert node.effective_persons is not None
    return float(weights[~np.isnan(node.effective_persons)].sum())


def _mean(weights: Array, values: Array | None) -> float | None:
    if values is None:
        return None
    known = ~np.isnan(values)
    total = float(weights[known].sum())
    return float((weights[known] * values[known]).sum() / total) if total > 0 else None


def _support(node: NodeTable, parts: Sequence[tuple[float, float | None, float | None]]) -> Support:
    def over_states(column: int) -> float | None:
        known = [(part[0], part[column]) for part in parts if part[column] is not None]
        total = sum(weight for weight, _ in known)
        return sum(weight * value for weight, value in known if value is not None) / total if total > 0 else None

    return Support(node.name, node.grade, node.source, over_states(1), over_states(2))


def _assumptions(state: StateNetwork, question: Question, targets: Sequence[str]) -> tuple[str, ...]:
    named = [*targets, *question.evidence]
    if question.ages is not None:
        named.append("age_band")
    found = [
        part
        for claim in independences(list(state.nodes.values()))
        if claim.node in named and (part := claim.among(named)) is not None
    ]
    said = [str(part) for part in found]
    needed = state.needed(named)
    alike = [name for name in needed if name in state.model.national]
    if alike:
        said.append(f"{', '.join(alike)}: the same in all states given their parents")
    if state.model.municipality:
        rest = [name for name in needed if name not in BLOCK]
        if rest:
            said.append(f"{', '.join(rest)}: no difference between municipalities of a state given {', '.join(BLOCK)}")
    return tuple(said)


def _level(question: Question) -> Level:
    return "mun" if question.municipality else "uf" if question.uf else "reg" if question.region else "br"


def _notes(question: Question, states: Sequence[StateNetwork], limits: Sequence[str]) -> tuple[str, ...]:
    notes = list(limits)
    ufs = [state.model.uf for state in states]
    if states[0].model.municipality:
        notes.append(f"municipality: {states[0].model.municipality}, {ufs[0]}")
    elif not question.uf:
        wanted = [s.uf for s in codes.STATES if question.region in ("", s.region)]
        missing = [uf for uf in wanted if uf not in ufs]
        where = question.region or "Brazil"
        notes.append(f"{where}: the sum of {len(ufs)} states by their residents")
        if missing:
            notes.append(f"not all of {where}: only {', '.join(ufs)} (no tables of {', '.join(missing)})")
    if question.ages is not None:
        first, last = question.ages
        inside = {int(_BAND_OF_AGE[first]), int(_BAND_OF_AGE[last])}
        cut = [codes.AGE_BANDS[b] for b in sorted(inside) if _is_cut(b, first, last)]
        if cut:
            bands = " and ".join(cut)
            notes.append(
                f"ages {first} to {last} cut the band {bands}: tables are of bands, single years enter by the "
                "census's count of them"
            )
    return tuple(notes)


def _is_cut(band: int, first: int, last: int) -> bool:
    years = np.flatnonzero(band == _BAND_OF_AGE)
    return bool(years[0] < first or years[-1] > last)
