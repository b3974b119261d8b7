"""The checks of one text: language, identity, privacy, conduct, form. Pure functions of the text and its record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from udfs.checks import age, conduct, family, form, language, place, privacy, sex, stage, work
from udfs.checks.reasons import Finding, Problem, ReasonCode
from udfs.checks.text import Text, text_of

__all__ = ["Finding", "Limits", "Problem", "ReasonCode", "Text", "check_list", "check_text"]


@dataclass(frozen=True)
class Limits:
    """Thresholds of the checks.

    Args:
        min_portuguese_probability: Of the language classifier.
        max_english_share: Of English function words among the words of a text.
        max_repeats: A word may stand so many times in a row (3 or more), a phrase once less.
        warn_only: Codes that reject no answer, beside those that only warn by themselves.
    """

    min_portuguese_probability: float = 0.5
    max_english_share: float = 0.08
    max_repeats: int = 3
    warn_only: tuple[str, ...] = ()

    def rejects(self, reason: ReasonCode) -> bool:
        """Whether a finding of this reason refuses the answer."""
        return reason.severity == "reject" and reason.value not in self.warn_only


DEFAULT_LIMITS = Limits()


def check_text(field: str, raw: str, person: Mapping[str, Any], limits: Limits = DEFAULT_LIMITS) -> list[Finding]:
    """What is wrong with one text of a record, at most one finding of each reason; lengths are not looked at.

    Args:
        field: Name of the field: some words are tastes in one and claims in another.
        person: Columns of `core_persona__attribute`, `municipality_name` and `state_name`; what is missing is not
            compared.
    """
    text = text_of(raw)
    return _first_of_each(
        (
            *_whatever_it_says(text, person, limits, is_item=False),
            *sex.check(text, person),
            *age.check(text, person),
            *family.marital_status(text, person),
            *family.children(text, person),
            *family.spouse(text, person),
            *place.check(text, person),
            *work.occupation(text, field, person),
            *stage.check(text, person),
        )
    )


def check_list(items: Sequence[str], person: Mapping[str, Any], limits: Limits = DEFAULT_LIMITS) -> list[Finding]:
    """What is wrong with the items of a list, put together."""
    return _first_of_each(_whatever_it_says(Text("; ".join(items)), person, limits, is_item=True))


def _whatever_it_says(text: Text, person: Mapping[str, Any], limits: Limits, *, is_item: bool) -> Iterator[Finding]:
    yield from form.check(text, person, is_item=is_item, max_repeats=limits.max_repeats)
    yield from language.check(
        text,
        person,
        is_item=is_item,
        min_portuguese=limits.min_portuguese_probability,
        max_english_share=limits.max_english_share,
    )
    yield from privacy.check(text)
    yield from conduct.check(text, person)


def _first_of_each(findings: Iterator[Finding] | Sequence[Finding]) -> list[Finding]:
    seen: dict[ReasonCode, Finding] = {}
    for finding in findings:
        seen.setdefault(finding.reason, finding)
    return list(seen.values())
