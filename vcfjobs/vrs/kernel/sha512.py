"""SHA-512 of several messages at once (FIPS 180-4), one in each lane.

Word t of lane i is `words[t, i]`. The rounds are written over rows of lanes: NumPy's here, one vector
register each where they are compiled.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import isqrt
from typing import Protocol, Self, TypeVar

import numpy as np

from vcfjobs.vrs.kernel.compiled import WordTable

LANES = 8
BLOCK_WORDS = 16
STATE_WORDS = 8
ROUNDS = 80


class Row(Protocol):
    """A word of each lane; sums are modulo 2**64."""

    def __add__(self, other: Self | int) -> Self: ...
    def __and__(self, other: Self) -> Self: ...
    def __or__(self, other: Self) -> Self: ...
    def __xor__(self, other: Self) -> Self: ...
    def __lshift__(self, bits: int) -> Self: ...
    def __rshift__(self, bits: int) -> Self: ...


R = TypeVar("R", bound=Row)


def _primes(count: int) -> list[int]:
    found: list[int] = []
    number = 2
    while len(found) < count:
        if all(number % prime for prime in found):
            found.append(number)
        number += 1
    return found


def _cube_root(number: int) -> int:
    """The integer part of the cube root."""
    low, high = 0, 1 << (number.bit_length() // 3 + 1)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if middle**3 <= number else (low, middle - 1)
    return low


# The first 64 bits of the fractional parts of the roots of the first primes.
CONSTANTS = [_cube_root(p << 192) % (1 << 64) for p in _primes(ROUNDS)]
INITIAL = np.array([isqrt(p << 128) % (1 << 64) for p in _primes(STATE_WORDS)], np.uint64)


def rotated(word: R, bits: int) -> R:
    """Rotated to the right."""
    return (word >> bits) | (word << 64 - bits)


def scheduled(block: list[R]) -> Iterator[R]:
    """What each round adds for the 16 words of a block: its schedule and the constants."""
    words = list(block)
    for t in range(ROUNDS):
        if t >= BLOCK_WORDS:
            x, y = words[(t + 1) & 15], words[(t + 14) & 15]
            words[t & 15] = (
                words[t & 15]
                + (rotated(x, 1) ^ rotated(x, 8) ^ (x >> 7))
                + words[(t + 9) & 15]
                + (rotated(y, 19) ^ rotated(y, 61) ^ (y >> 6))
            )
        yield words[t & 15] + CONSTANTS[t]


def hashed(state: list[R], added: Iterable[R]) -> list[R]:
    """The state after a block, by what its rounds add."""
    a, b, c, d, e, f, g, h = state
    for word in added:
        first = h + word + (rotated(e, 14) ^ rotated(e, 18) ^ rotated(e, 41)) + (g ^ (e & (f ^ g)))
        second = (rotated(a, 28) ^ rotated(a, 34) ^ rotated(a, 39)) + ((a & b) | (c & (a | b)))
        a, b, c, d, e, f, g, h = first + second, a, b, c, d + first, e, f, g
    return [before + after for before, after in zip(state, (a, b, c, d, e, f, g, h), strict=True)]


# The loads and stores of the following are `intrinsics` in compiled code.


def add_block(state: WordTable, words: WordTable, first: int) -> None:
    """Hash the block of 16 rows from `first` on."""
    state[:] = hashed(list(state), scheduled(list(words[first : first + BLOCK_WORDS])))


def schedule(words: WordTable, first: int, added: WordTable) -> None:
    """Keep in 80 rows what the rounds of that block add, to hash it more than once."""
    added[:] = list(scheduled(list(words[first : first + BLOCK_WORDS])))


def add_scheduled(state: WordTable, added: WordTable) -> None:
    """Hash a block by its schedule."""
    state[:] = hashed(list(state), added)
