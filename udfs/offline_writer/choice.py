"""Choices that depend on nothing but text: the same key gives the same words on any machine, in any process."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")

_BITS = 16
_WORDS = 1 << _BITS
_FEW = 4  # so many times fewer items than there are: drawing again is cheaper than a copy of all
_BATCH = struct.Struct("<32H")  # little-endian whatever the machine


class Dice:
    """A stream of choices fixed by a key: 16-bit words of its digests (Python's own `hash` differs by process)."""

    __slots__ = ("_batches", "_key", "_words")

    def __init__(self, key: str) -> None:
        self._key = key.encode()
        self._batches = 0
        self._words: list[int] = []

    def _more(self) -> list[int]:
        """The next words of the stream; the last of them is the next to be used."""
        digest = hashlib.blake2b(self._key, salt=self._batches.to_bytes(8, "little")).digest()
        self._batches += 1
        self._words = list(_BATCH.unpack(digest))
        return self._words

    # One call for each of some hundred choices a person: the stream is read in place, not by a method of its own.

    def below(self, limit: int) -> int:
        """A whole number from 0 to `limit` - 1; `limit` is small beside 65,536."""
        words = self._words or self._more()
        return (words.pop() * limit) >> _BITS

    def chance(self, probability: float) -> bool:
        words = self._words or self._more()
        return words.pop() < probability * _WORDS

    def pick(self, items: Sequence[T]) -> T:
        words = self._words or self._more()
        return items[(words.pop() * len(items)) >> _BITS]

    def some(self, items: Sequence[T], count: int) -> list[T]:
        """At most `count` different items, in random order."""
        words, size = self._words, len(items)
        if count * _FEW <= size:
            places: dict[int, None] = {}
            while len(places) < count:
                words = words or self._more()
                places[(words.pop() * size) >> _BITS] = None
            return [items[at] for at in places]
        left = list(items)
        drawn = []
        for left_size in range(size, max(0, size - count), -1):
            words = words or self._more()
            at = (words.pop() * left_size) >> _BITS
            drawn.append(left[at])
            left[at] = left[left_size - 1]
        return drawn

    def one_by_one(self, items: Sequence[T]) -> Iterator[T]:
        """All items in random order, drawn as they are asked for."""
        moved: dict[int, int] = {}  # what stands at a place by now, where it is not what stood there first
        for last in range(len(items) - 1, -1, -1):
            words = self._words or self._more()
            at = (words.pop() * (last + 1)) >> _BITS
            yield items[moved.get(at, at)]
            moved[at] = moved.get(last, last)

    def shuffled(self, items: Sequence[T]) -> list[T]:
        return self.some(items, len(items))
