"""Patterns that cost a look at a text only where one of their words stands in it.

A pattern takes ten to a hundred times as long as asking whether a word is among those of the text, and hardly a text
has one. So each pattern comes with words of which every match holds one, whole and in plain letters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from udfs.checks.text import Text, word_set


class Phrase:
    """One pattern.

    Args:
        words: Of which one, as a whole word, is in every match.
        pattern: Of the plain letters, or of the text as written.
        is_written: The pattern is of the text as written.
    """

    __slots__ = ("is_written", "pattern", "words")

    def __init__(self, words: str, pattern: str, *, is_written: bool = False, flags: int = 0) -> None:
        self.words = word_set(words)
        self.pattern = re.compile(pattern, flags)
        self.is_written = is_written

    def may_be_in(self, text: Text) -> bool:
        """Whether the pattern is worth a look."""
        return not self.words.isdisjoint(text.vocabulary)

    def search(self, text: Text) -> re.Match[str] | None:
        """The first match in a text."""
        if self.words.isdisjoint(text.vocabulary):
            return None
        return self.pattern.search(text.raw if self.is_written else text.plain)

    def finditer(self, text: Text, whole: str | None = None) -> Iterator[re.Match[str]]:
        """All matches in a text, or in another form of it, `whole`."""
        if self.words.isdisjoint(text.vocabulary):
            return iter(())
        return self.pattern.finditer(whole or (text.raw if self.is_written else text.plain))


class Phrases:
    """Patterns of plain letters that mean the same, each with its words: looked for as if they were one."""

    __slots__ = ("_rows_of", "_words", "rows")

    def __init__(self, *rows: tuple[str, str]) -> None:
        self.rows = tuple(Phrase(words, pattern) for words, pattern in rows)
        self._rows_of: dict[str, list[int]] = {}
        for number, row in enumerate(self.rows):
            for word in row.words:
                self._rows_of.setdefault(word, []).append(number)
        self._words = frozenset(self._rows_of)

    def search(self, text: Text) -> re.Match[str] | None:
        """The leftmost match of any pattern; of several there, that of the first."""
        here = self._words & text.vocabulary
        if not here:
            return None
        numbers = sorted({number for word in here for number in self._rows_of[word]})
        found = [match for number in numbers if (match := self.rows[number].pattern.search(text.plain))]
        return min(found, key=re.Match.start, default=None)
