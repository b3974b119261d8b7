"""Choices that depend on nothing but text: the same key gives the same words on any machine, in any process."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

_BITS = 16
_FEW = 4  # so many times fewer items than there are: drawing again is cheaper than a copy of all
_BATCH = struct.Struct("<32H")  # little-endian whatever the machine


class Dice:
    """A stream of choices fixed by a key: 16-bit words of its digests (Python's own `hash` differs by process)."""

    __slots__ = ("_batches", "_key", "_words")

    def __init__(self, key: str) -> None:
        self._key = key.encode()
        self._batches = 0
        self._words: list[int] = []

    def below(self, limit: int) -> int:
        """A whole number from 0 to `limit` - 1; `limit` is small beside 65,536."""
        try:
            return (self._words.pop() * limit) >> _BITS
        except IndexError:
            digest = hashlib.blake2b(self._key, salt=self._batches.to_bytes(8, "little")).digest()
            self._words = list(_BATCH.unpack(digest))
            self._batches += 1
            return (self._words.pop() * limit) >> _BITS

    def chance(self, probability: float) -> bool:
        return self.below(1 << _BITS) < probability * (1 << _BITS)

    def pick(self, items: Sequence[T]) -> T:
        return items[self.below(len(items))]

    def some(self, items: Sequence[T], count: int) -> list[T]:
        """At most `count` different items, in random order."""
        if count * _FEW <= len(items):
            places: dict[int, None] = {}
            while len(places) < count:
                places[self.below(len(items))] = None
            return [items[at] for at in places]
        left = list(items)
        drawn = []
        for size in range(len(left), max(0, len(left) - count), -1):
            at = self.below(size)
            drawn.append(left[at])
            left[at] = left[size - 1]
        return drawn

    def shuffled(self, items: Sequence[T]) -> list[T]:
        return self.some(items, len(items))
