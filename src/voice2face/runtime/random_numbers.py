"""Random numbers that follow from a seed in any language: 64-bit integers, and five operations.

A generator without state: number i is a function of where it stands. Of a `seed` (modulo 2^64), a
`stream` (what the numbers are for) and an `index` (which face), with all integers modulo 2^64,

    G      = 0x9E3779B97F4A7C15
    mix(z) = z ^= z >> 30;  z *= 0xBF58476D1CE4E5B9;
             z ^= z >> 27;  z *= 0x94D049BB133111EB;  z ^= z >> 31
    key    = mix(mix(mix(seed + G) + (stream + 1) G) + (index + 1) G)
    word i = mix(key + (i + 1) G)
    uniform i     = ((word i >> 11) + 0.5) / 2^53, above 0 and at most 1
    normal 2k     = sqrt(-2 ln(uniform 2k)) cos(2 pi uniform 2k+1)
    normal 2k + 1 = sqrt(-2 ln(uniform 2k)) sin(2 pi uniform 2k+1)

in float64, rounded to even. tests/data/random_numbers.json has examples for other implementations.

Source:
    Steele, Lea and Flood, *Fast splittable pseudorandom number generators*, OOPSLA 2014 (the words
    are what SplitMix64 gives that is seeded with the key, its mix of Stafford's variant 13); Box
    and Muller, *A note on the generation of random normal deviates*, 1958.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

_GAMMA = 0x9E3779B97F4A7C15
_MODULUS = 1 << 64


class Stream(IntEnum):
    """What random numbers are for; each purpose has numbers of its own."""

    NOISE = 0
    GENDER = 1
    CROP = 2
    JITTER = 3
    RECORDING = 4
    ANGLE = 5
    MARK = 6


def words(seed: int, stream: Stream, indices: Sequence[int], count: int) -> NDArray[np.uint64]:
    """Give the first `count` random integers of each index: (indices, count), 0 to 2^64 - 1."""
    start = _mix(np.array([(seed + _GAMMA) % _MODULUS], dtype=np.uint64))
    start = _mix(start + _steps([stream]))
    keys = _mix(start + _steps(indices))
    return _mix(keys[:, None] + _steps(range(count)))


def uniforms(seed: int, stream: Stream, indices: Sequence[int], count: int) -> NDArray[np.float64]:
    """Give the first `count` numbers of each index, even in (0, 1]: (indices, count)."""
    whole = (words(seed, stream, indices, count) >> np.uint64(11)).astype(np.float64)
    return (whole + 0.5) * 2.0**-53


def normals(seed: int, stream: Stream, indices: Sequence[int], count: int) -> NDArray[np.float64]:
    """Give the first `count` standard normal numbers of each index: (indices, count)."""
    even = uniforms(seed, stream, indices, count + count % 2)
    radius, angle = np.sqrt(-2 * np.log(even[:, ::2])), 2 * np.pi * even[:, 1::2]
    numbers = np.empty_like(even)
    numbers[:, ::2], numbers[:, 1::2] = radius * np.cos(angle), radius * np.sin(angle)
    return numbers[:, :count]


def _steps(numbers: Sequence[int]) -> NDArray[np.uint64]:
    """(number + 1) G for each number."""
    return (np.array(numbers, dtype=np.uint64) + np.uint64(1)) * np.uint64(_GAMMA)


def _mix(z: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Mix the bits of each integer; a bijection."""
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
