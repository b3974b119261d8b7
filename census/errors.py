"""The errors of Povo. Messages say what was expected, what was found and what to do; the values are attributes too."""

from __future__ import annotations


class PovoError(Exception):
    """Base of every error that Povo raises on purpose.

    Args:
        message: One sentence for a person.
        **values: The values that the message speaks of, kept as attributes in `values`.
    """

    exit_status = 1

    def __init__(self, message: str, **values: object) -> None:
        super().__init__(message)
        self.values = values


class ConfigError(PovoError):
    """Wrong usage or configuration: found at start, before anything is written."""

    exit_status = 2


class SourceError(PovoError):
    """A source file is missing, changed, truncated or malformed."""


class SchemaError(PovoError):
    """A table lacks a column, has an unexpected one, or one of another type."""


class FitError(PovoError):
    """The network or a table of it breaks an invariant."""


class ModelError(PovoError):
    """The language model's endpoint answered in a way that no retry can mend, or answers are missing for good."""


class TransientModelError(ModelError):
    """The endpoint failed in a way that may pass: overload, a reset connection, a timeout."""


class IncompleteError(ModelError):
    """Some records have no accepted texts yet; the message says how many of which state and why."""


class QualityGateError(PovoError):
    """A measured figure is outside its bound, so nothing is published."""
