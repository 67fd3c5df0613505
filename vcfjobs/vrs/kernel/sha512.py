"""SHA-512 of many messages at once (FIPS 180-4).

Messages lie in lanes: word t of message i is `words[t, i]`, so that one step over all lanes is one loop over
neighbouring numbers, which the compiler turns into vector instructions.
"""

from __future__ import annotations

from math import isqrt

import numpy as np

from vcfjobs.vrs.kernel.compiled import Words, compiled

LANES = 128
BLOCK_WORDS = 16
ROUNDS = 80


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
CONSTANTS = np.array([_cube_root(p << 192) % (1 << 64) for p in _primes(ROUNDS)], np.uint64)
ZEROS = np.zeros(LANES, np.uint64)
INITIAL = np.array([isqrt(p << 128) % (1 << 64) for p in _primes(8)], np.uint64)


@compiled
def rotated(word: np.uint64, bits: int) -> np.uint64:
    """The word rotated to the right."""
    return (word >> np.uint64(bits)) | (word << np.uint64(64 - bits))


@compiled
def start(state: Words, lanes: int) -> None:
    """Set the state of the first lanes to that before the first block."""
    for j in range(8):
        for i in range(lanes):
            state[j, i] = INITIAL[j]


@compiled
def _step(work: Words, t: int, added: np.uint64, words: Words, lanes: int) -> None:
    """Round t of each lane: `added` is the same for all of them, `words` is not.

    The eight variables trade places from round to round, so nothing is moved.
    """
    a, b, c, d = work[-t & 7], work[(1 - t) & 7], work[(2 - t) & 7], work[(3 - t) & 7]
    e, f, g, h = work[(4 - t) & 7], work[(5 - t) & 7], work[(6 - t) & 7], work[(7 - t) & 7]
    for i in range(lanes):
        x, y, z, u = e[i], a[i], b[i], c[i]
        first = (
            h[i]
            + (rotated(x, 14) ^ rotated(x, 18) ^ rotated(x, 41))
            + (g[i] ^ (x & (f[i] ^ g[i])))
            + added
            + words[i]
        )
        second = (rotated(y, 28) ^ rotated(y, 34) ^ rotated(y, 39)) + ((y & z) | (u & (y | z)))
        d[i] += first
        h[i] = first + second


@compiled
def _extend(words: Words, t: int, lanes: int) -> None:
    """Word t of the schedule takes the place of word t - 16."""
    new, low, middle, high = words[t & 15], words[(t + 1) & 15], words[(t + 9) & 15], words[(t + 14) & 15]
    for i in range(lanes):
        x, y = low[i], high[i]
        new[i] += (
            (rotated(x, 1) ^ rotated(x, 8) ^ (x >> np.uint64(7)))
            + middle[i]
            + (rotated(y, 19) ^ rotated(y, 61) ^ (y >> np.uint64(6)))
        )


@compiled
def add_block(state: Words, words: Words, work: Words, lanes: int) -> None:
    """Hash one block of 16 words per lane; they are overwritten. `state` and `work` have 8 rows."""
    for j in range(8):
        for i in range(lanes):
            work[j, i] = state[j, i]
    for t in range(ROUNDS):
        if t >= BLOCK_WORDS:
            _extend(words, t, lanes)
        _step(work, t, CONSTANTS[t], words[t & 15], lanes)
    for j in range(8):
        for i in range(lanes):
            state[j, i] += work[j, i]


@compiled
def schedule(block: Words, scheduled: Words) -> None:
    """What each of the 80 rounds adds for a block of 16 words that is the same in all lanes."""
    for t in range(ROUNDS):
        if t < BLOCK_WORDS:
            scheduled[t] = block[t]
        else:
            x, y = scheduled[t - 15], scheduled[t - 2]
            scheduled[t] = (
                scheduled[t - 16]
                + (rotated(x, 1) ^ rotated(x, 8) ^ (x >> np.uint64(7)))
                + scheduled[t - 7]
                + (rotated(y, 19) ^ rotated(y, 61) ^ (y >> np.uint64(6)))
            )
    for t in range(ROUNDS):
        scheduled[t] += CONSTANTS[t]


@compiled
def add_same_block(state: Words, scheduled: Words, work: Words, lanes: int) -> None:
    """Hash one block that is the same in all lanes, by its `schedule`."""
    for j in range(8):
        for i in range(lanes):
            work[j, i] = state[j, i]
    for t in range(ROUNDS):
        _step(work, t, scheduled[t], ZEROS, lanes)
    for j in range(8):
        for i in range(lanes):
            state[j, i] += work[j, i]
