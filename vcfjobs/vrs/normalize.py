"""Fully-justified normalisation of an allele (VRS 2.0 and 2.1, "Allele Normalization").

An insertion or deletion in a repeat can be written at several places; it is widened to the whole region in
which it could stand, so that every way to write it gives the same allele. All coordinates are
inter-residue: [start, end) of a sequence counted from 0.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from math import isqrt
from operator import itemgetter
from typing import NamedTuple, Protocol

from vcfjobs.vrs import versions
from vcfjobs.vrs.versions import VrsVersion

# Rolling compares blocks; the first is small, for most indels do not roll far, and they double up to this.
FIRST_BLOCK = 64
LARGEST_BLOCK = 1 << 20
# What takes long to roll through is worth remembering.
LONG_STRETCH = 1 << 16


class Bases(Protocol):
    """Upper-case residues by slice: bytes, or an mmap of them."""

    def __getitem__(self, interval: slice, /) -> bytes: ...

    def __len__(self) -> int: ...


class Normalized(NamedTuple):
    """A normalised allele: its location, and a literal state or a reference-length one.

    `literal` is the sequence of a LiteralSequenceExpression, else None; `length` and
    `repeat_subunit_length` belong to a ReferenceLengthExpression, else they are None.
    `kind` is reference, snv, mnv, delins, insertion or deletion.
    """

    kind: str
    start: int
    end: int
    literal: bytes | None
    length: int | None
    repeat_subunit_length: int | None


class Stretches:
    """Where the long stretches of one letter lie on a contig, as far as alleles have rolled through them.

    References have stretches of N of many million bases: a file with nothing but indels there would keep a
    worker busy for hours, were each of them rolled through anew.
    """

    def __init__(self) -> None:
        self._of_letter: dict[bytes, list[tuple[int, int]]] = {}

    def around(self, letter: bytes, start: int, end: int) -> tuple[int, int] | None:
        """The known stretch of `letter` that [start, end) lies in or touches."""
        known = self._of_letter.get(letter)
        at = bisect_right(known, start, key=itemgetter(0)) if known else 0
        return known[at - 1] if known and at and end <= known[at - 1][1] else None

    def remember(self, letter: bytes, begin: int, stop: int) -> None:
        """Keep the stretch [begin, stop), beside which other letters stand, if it is long."""
        if stop - begin >= LONG_STRETCH:
            insort(self._of_letter.setdefault(letter, []), (begin, stop))


def normalize(
    bases: Bases,
    start: int,
    ref: bytes,
    alt: bytes,
    stretches: Stretches | None = None,
    vrs_version: VrsVersion = versions.DEFAULT,
) -> Normalized:
    """Normalise the replacement of `ref`, which stands at `start` in `bases`, by `alt`; all upper case.

    `stretches` are those of this contig, looked up and added to. The versions of VRS differ in the repeat
    subunit of an ambiguous insertion alone.
    """
    end = start + len(ref)
    if ref == alt:
        return Normalized("reference", start, end, None, len(ref), len(ref))
    if len(ref) == len(alt) == 1:  # most of any file
        return Normalized("snv", start, end, alt, None, None)
    prefix = _common_prefix(ref, alt)
    suffix = _common_suffix(ref, alt, prefix)
    start += prefix
    end -= suffix
    inserted = alt[prefix : len(alt) - suffix]
    if end > start and inserted:
        return Normalized(_substitution(end - start, len(inserted)), start, end, inserted, None, None)
    seed = inserted or ref[prefix : len(ref) - suffix]
    left, right = _rolled(bases, start, end, seed, stretches)
    if not inserted:
        return Normalized("deletion", start - left, end + right, None, left + right, len(seed))
    return _insertion(bases, start, seed, left, right, vrs_version)


def _substitution(deleted: int, inserted: int) -> str:
    if deleted != inserted:
        return "delins"
    return "snv" if deleted == 1 else "mnv"


def _rolled(bases: Bases, start: int, end: int, seed: bytes, stretches: Stretches | None) -> tuple[int, int]:
    """How far `seed` rolls to the left of `start` and to the right of `end`."""
    letter = seed[:1]
    if stretches is None or seed.count(letter) < len(seed):
        return roll_left(bases, start, seed), roll_right(bases, end, seed)
    if known := stretches.around(letter, start, end):
        return start - known[0], known[1] - end
    left, right = roll_left(bases, start, seed), roll_right(bases, end, seed)
    stretches.remember(letter, start - left, end + right)
    return left, right


def _insertion(
    bases: Bases, at: int, seed: bytes, left: int, right: int, vrs_version: VrsVersion
) -> Normalized:
    rolled = left + right
    if not rolled:
        return Normalized("insertion", at, at, seed, None, None)
    start, end = at - left, at + right
    subunit = (largest_subunit if vrs_version == "2.0" else smallest_subunit)(seed, rolled)
    if subunit is None:
        return Normalized("insertion", start, end, bases[start:at] + seed + bases[at:end], None, None)
    return Normalized("insertion", start, end, None, rolled + len(seed), subunit)


def smallest_subunit(seed: bytes, longest: int) -> int | None:
    """VRS 2.1: the smallest d that divides len(seed) such that `seed` repeats its first d residues.

    None when that is longer than `longest`.
    """
    shortest = shortest_repeat(seed)
    return shortest if shortest <= longest else None


def largest_subunit(seed: bytes, longest: int) -> int | None:
    """VRS 2.0: the largest d <= `longest` that divides len(seed), `seed` repeating its first d residues."""
    size = len(seed)
    return size if size <= longest else largest_multiple(shortest_repeat(seed), size, longest)


def shortest_repeat(seed: bytes) -> int:
    """The smallest d such that `seed` repeats its first d residues a whole number of times.

    A sequence is found in its own double first at its shortest repeat.
    """
    return (seed + seed).find(seed, 1)


def largest_multiple(shortest: int, size: int, longest: int) -> int | None:
    """The largest multiple of `shortest` that divides `size` and is no more than `longest`; None without one.

    `shortest` divides `size`. These multiples are the lengths of whole repeats in `size` residues.
    """
    repeats = size // shortest
    most = longest // shortest
    return max((n for n in _divisors(repeats) if n <= most), default=0) * shortest or None


def _divisors(number: int) -> set[int]:
    small = [n for n in range(1, isqrt(number) + 1) if number % n == 0]
    return {*small, *(number // n for n in small)}


def roll_right(bases: Bases, at: int, seed: bytes) -> int:
    """How many residues from `at` on go on as `seed` repeated; never past the end of the sequence."""
    return _roll(bases, at, seed, len(bases) - at, leftwards=False)


def roll_left(bases: Bases, at: int, seed: bytes) -> int:
    """How many residues before `at` end as `seed` repeated; never below 0."""
    return _roll(bases, at, seed, at, leftwards=True)


def _roll(bases: Bases, at: int, seed: bytes, room: int, *, leftwards: bool) -> int:
    """Compare block by block, each a whole number of seeds, and find the place in the first that differs."""
    size = len(seed)
    rolled = 0
    block = max(1, FIRST_BLOCK // size)
    while rolled < room:
        length = min(block * size, room - rolled)
        expected = (seed * block)[-length:] if leftwards else (seed * block)[:length]
        begin = at - rolled - length if leftwards else at + rolled
        found = bases[begin : begin + length]
        if found != expected:
            common = _common_suffix(found, expected, 0) if leftwards else _common_prefix(found, expected)
            return rolled + common
        rolled += length
        if block * size < LARGEST_BLOCK:
            block *= 2
    return rolled


def _common_prefix(one: bytes, other: bytes) -> int:
    """Length of the longest common prefix, by halving: long alleles cost no loop over their residues."""
    low, high = 0, min(len(one), len(other))
    if one[:high] == other[:high]:
        return high
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _common_suffix(one: bytes, other: bytes, taken: int) -> int:
    """Length of the longest common suffix that leaves the first `taken` residues of both alone."""
    low, high = 0, min(len(one), len(other)) - taken
    while low < high:
        middle = (low + high + 1) // 2
        if one[len(one) - middle : len(one) - low] == other[len(other) - middle : len(other) - low]:
            low = middle
        else:
            high = middle - 1
    return low
