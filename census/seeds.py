"""Randomness as a pure function: scrambled Sobol points from two small tables, and a 64-bit mixer.

A stream is named by (seed, state, variable number) and never by the model: a better table moves only the persons it
must. Variable numbers below 28 are Sobol dimensions; numbers from 32 on are streams of the mixer.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.stats import qmc

Points = NDArray[np.int64]
Words = NDArray[np.uint32]
Uniforms = NDArray[np.float64]

BITS = 32
LOW_BITS = 14
INDEX_BITS = 28  # 268 M points a state: São Paulo has 44 M people
DIMENSIONS = 28
ORDER = 0  # the Sobol dimension whose value is the person number k
FIRST_MIXER_VARIABLE = 32


@cache
def directions() -> NDArray[np.uint32]:
    """Direction numbers of DIMENSIONS Sobol dimensions, shape (dimensions, INDEX_BITS), as 32-bit words.

    Read off SciPy's own unscrambled points (Joe and Kuo's numbers): point 2^(j+1) - 1 in Gray-code order is V_j.
    """
    engine = qmc.Sobol(DIMENSIONS, scramble=False, bits=BITS)
    table = np.zeros((DIMENSIONS, INDEX_BITS), dtype=np.uint32)
    at = 0
    for bit in range(INDEX_BITS):
        index = 2 ** (bit + 1) - 1
        engine.fast_forward(index - at)
        table[:, bit] = (engine.random(1)[0] * 2.0**BITS).astype(np.uint64).astype(np.uint32)
        at = index + 1
    return table


def sobol_tables(seed: int, state_code: int, variable: int, vectors: NDArray[np.uint32]) -> tuple[Words, Words]:
    """Two look-up tables of a scrambled dimension: point(t) = high[t >> 14] ^ low[t & 0x3FFF].

    The scramble is a random lower-triangular matrix with a unit diagonal (Matoušek) and a digital shift, both drawn
    from Philox keyed by (seed, state, variable). The first m bits of the first 2^m points of dimension 0 stay a
    permutation.

    Args:
        vectors: Direction numbers of the dimension, (INDEX_BITS,).
    """
    draw = np.random.Generator(np.random.Philox(key=[seed, (state_code << 32) | variable]))
    lower = draw.integers(0, 2**BITS, size=BITS, dtype=np.uint64)
    shift = np.uint32(draw.integers(0, 2**BITS, dtype=np.uint64))
    scrambled = np.zeros(INDEX_BITS, dtype=np.uint32)
    for row in range(BITS):
        # Bit `row` from the top of the result: itself, and a random choice of the bits above it.
        above = (int(lower[row]) >> (BITS - row)) << (BITS - row) if row else 0
        mask = np.uint32((above | (1 << (BITS - 1 - row))) & 0xFFFFFFFF)
        scrambled |= (_parity(vectors & mask) << np.uint32(BITS - 1 - row)).astype(np.uint32)
    low = np.zeros(1 << LOW_BITS, dtype=np.uint32)
    high = np.full(1 << (INDEX_BITS - LOW_BITS), shift, dtype=np.uint32)
    for bit in range(LOW_BITS):
        low[np.arange(len(low)) >> bit & 1 == 1] ^= scrambled[bit]
    for bit in range(LOW_BITS, INDEX_BITS):
        high[np.arange(len(high)) >> (bit - LOW_BITS) & 1 == 1] ^= scrambled[bit]
    return high, low


def points_of(numbers: Points, tables: tuple[Words, Words], *, bits: int) -> Points:
    """The points t whose person number is k: the inverse of dimension 0, cut to its first `bits` bits.

    The number of a point is an affine map of the point's bits over GF(2), and one to one on [0, 2^bits): its matrix
    is inverted once, by Gauss-Jordan elimination.

    Args:
        numbers: Person numbers, in [0, 2^bits).
        tables: (high, low) of `sobol_tables` for dimension ORDER.
        bits: m, of the state.

    Raises:
        ValueError: A number is out of range.
    """
    if len(numbers) and not 0 <= int(numbers.min()) <= int(numbers.max()) < 1 << bits:
        raise ValueError(f"a person number is not below 2^{bits}")
    high, low = tables

    def number_of(point: int) -> int:
        return int(high[point >> LOW_BITS] ^ low[point & ((1 << LOW_BITS) - 1)]) >> (BITS - bits)

    shift = number_of(0)
    # Each row: the image of a set of point bits, and that set; in the end the image of row b is bit b alone.
    rows = [(number_of(1 << bit) ^ shift, 1 << bit) for bit in range(bits)]
    for bit in range(bits):
        pivot = next(i for i in range(bit, bits) if rows[i][0] >> bit & 1)
        rows[bit], rows[pivot] = rows[pivot], rows[bit]
        image, source = rows[bit]
        rows = [
            (i ^ image, s ^ source) if place != bit and i >> bit & 1 else (i, s) for place, (i, s) in enumerate(rows)
        ]
    points = np.zeros(len(numbers), dtype=np.int64)
    for bit, (_, source) in enumerate(rows):
        points ^= np.where((numbers ^ shift) >> bit & 1 == 1, source, 0)
    return points


def _parity(words: NDArray[np.uint32]) -> NDArray[np.uint32]:
    folded = words.copy()
    for step in (16, 8, 4, 2, 1):
        folded ^= folded >> np.uint32(step)
    return np.asarray(folded & np.uint32(1))


def mixed(seed: int, state_code: int, variable: int, numbers: Points) -> Uniforms:
    """Uniforms in [0, 1) that look independent: two rounds of a 64-bit mixer over (key, number)."""
    key = _mix(
        np.array([seed], dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64((state_code << 32) | variable)
    )
    return np.asarray((_mix(_mix(numbers.astype(np.uint64) ^ key) + key) >> np.uint64(11)) * 2.0**-53)


def _mix(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finaliser of SplitMix64 (Steele, Lea, Flood 2014)."""
    with np.errstate(over="ignore"):
        z = words + np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(z ^ (z >> np.uint64(31)))


def normal_quantile(u: Uniforms) -> Uniforms:
    """Inverse of the standard normal law, relative error under 1.2e-9 (Acklam's rational approximation)."""
    a = (
        -3.969683028665376e01,
        2.209460984245205e02,
        -2.759285104469687e02,
        1.383577518672690e02,
        -3.066479806614716e01,
        2.506628277459239e00,
    )
    b = (
        -5.447609879822406e01,
        1.615858368580409e02,
        -1.556989798598866e02,
        6.680131188771972e01,
        -1.328068155288572e01,
    )
    c = (
        -7.784894002430293e-03,
        -3.223964580411365e-01,
        -2.400758277161838e00,
        -2.549732539343734e00,
        4.374664141464968e00,
        2.938163982698783e00,
    )
    d = (7.784695709041462e-03, 3.224671290700398e-01, 2.445134137142996e00, 3.754408661907416e00)
    q = u - 0.5
    r = q * q
    middle = q * np.polyval(a, r) / (np.polyval(b, r) * r + 1.0)
    tail_u = np.minimum(u, 1.0 - u)
    s = np.sqrt(-2.0 * np.log(np.maximum(tail_u, 1e-300)))
    tail = np.polyval(c, s) / (np.polyval(d, s) * s + 1.0)
    return np.asarray(np.where(tail_u < 0.02425, np.where(u < 0.5, tail, -tail), middle))
