"""How many planted errors the checks find, and how often they cry over the clean twins.

data/planted.jsonl was written before the checks: texts with one error each, the record they are told of, and the same
text without the error. The half `unseen` was first looked at when the checks were done: they
found 132 of its 133 errors and refused 2 clean twins, of which one (pt_pt-02) does hold a word of Portugal; what was
mended after that makes its recall no longer a first look. Texts and checks come from one hand, which flatters these
figures. Errors written later, many in roundabout words, were found at first look in 18 of 32, then 37 of 62, and, after
those had been mended in general, 29 of 41; none of the last 41 twins was refused.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib import resources
from types import MappingProxyType
from typing import Any, NamedTuple

from udfs import parsing
from udfs.checks.reasons import ReasonCode

REASONS = MappingProxyType(
    {
        "wrong_sex": ReasonCode.WRONG_SEX,
        "wrong_age": ReasonCode.WRONG_AGE,
        "wrong_marital_status": ReasonCode.WRONG_MARITAL_STATUS,
        "wrong_municipality": ReasonCode.WRONG_MUNICIPALITY,
        "wrong_state": ReasonCode.WRONG_STATE,
        "wrong_occupation": ReasonCode.WRONG_OCCUPATION,
        "wrong_stage": ReasonCode.WRONG_STAGE,
        "invented_children": ReasonCode.INVENTED_CHILDREN,
        "invented_spouse": ReasonCode.INVENTED_SPOUSE,
        "cpf": ReasonCode.DOCUMENT_NUMBER,
        "cnpj": ReasonCode.DOCUMENT_NUMBER,
        "cep": ReasonCode.POSTAL_CODE,
        "phone": ReasonCode.PHONE_NUMBER,
        "email": ReasonCode.ELECTRONIC_ADDRESS,
        "street_number": ReasonCode.STREET_NUMBER,
        "english": ReasonCode.NOT_PORTUGUESE,
        "spanish": ReasonCode.NOT_PORTUGUESE,
        "pt_pt": ReasonCode.PORTUGUESE_OF_PORTUGAL,
        "mixed_english": ReasonCode.ENGLISH_WORDS,
        "race_named": ReasonCode.RACE_NAMED,
        "slur": ReasonCode.SLUR,
        "stereotype": ReasonCode.STEREOTYPE,
        "prompt_leftover": ReasonCode.PROMPT_LEFTOVER,
        "markdown": ReasonCode.MARKDOWN,
        "harmony": ReasonCode.HARMONY_MARKER,
        "refusal": ReasonCode.REFUSAL,
        "truncation": ReasonCode.TEXT_CUT,
        "loop": ReasonCode.LOOP,
        "code_book": ReasonCode.CODE_BOOK_WORDS,
        "list_not_list": ReasonCode.LIST_INVALID,
        "too_short": ReasonCode.TOO_SHORT,
        "too_long": ReasonCode.TOO_LONG,
    }
)


class Planted(NamedTuple):
    """A planted error: `text` has it, `clean_text` is its twin; both are lists or texts of `field`."""

    id: str
    kind: str
    half: str
    field: str
    record: dict[str, Any]
    text: Any
    clean_text: Any


class Score(NamedTuple):
    """Of one check: planted errors and how many it found; clean twins of all kinds and in how many it found one."""

    reason: ReasonCode
    planted: int
    found: int
    twins: int
    alarms: int

    @property
    def recall(self) -> float:
        return self.found / self.planted

    @property
    def precision(self) -> float:
        """Share of its findings, in planted errors of its own and in clean twins, that are right; 1 without
        findings."""
        return self.found / (self.found + self.alarms) if self.found + self.alarms else 1.0


def planted(half: str) -> Iterator[Planted]:
    """The errors of a half, `tuning` or `unseen`."""
    lines = resources.files("udfs.checks").joinpath("data", "planted.jsonl").read_text(encoding="utf-8")
    for line in lines.splitlines():
        row = Planted(**json.loads(line))
        if row.half == half:
            yield row


def reasons_in(row: Planted, value: Any, bounds: parsing.Bounds) -> set[ReasonCode]:
    """What the checks find in one text, told of the record of the row."""
    call = 1 if row.field in parsing.ATTRIBUTE_FIELDS else 2
    return {problem.reason for problem in parsing.check_field(call, row.field, value, row.record, bounds)}


def scores(half: str, bounds: parsing.Bounds = parsing.DEFAULT_BOUNDS) -> tuple[list[Score], list[str]]:
    """The score of every check with planted errors, in the order of `REASONS`; and the ids of the clean twins in
    which any check finds what refuses a text."""
    rows = [
        (row, REASONS[row.kind], reasons_in(row, row.text, bounds), reasons_in(row, row.clean_text, bounds))
        for row in planted(half)
    ]
    told = [
        Score(
            reason,
            sum(own is reason for _, own, _, _ in rows),
            sum(own is reason and reason in found for _, own, found, _ in rows),
            len(rows),
            sum(reason in alarms for _, _, _, alarms in rows),
        )
        for reason in dict.fromkeys(REASONS.values())
    ]
    return told, [row.id for row, _, _, alarms in rows if any(map(bounds.limits.rejects, alarms))]
