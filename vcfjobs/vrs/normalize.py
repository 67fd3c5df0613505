"""Fully-justified normalisation of an allele (VRS 2.0, "Allele Normalization").

An insertion or deletion in a repeat can be written at several places; it is widened to the whole region in
which it could stand, so that every way to write it gives the same allele. All coordinates are
inter-residue: [start, end) of a sequence counted from 0.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

# Rolling compares blocks; the first is small, for most indels do not roll far, and they double up to this.
FIRST_BLOCK = 64
LARGEST_BLOCK = 1 << 20


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


def normalize(bases: Bases, start: int, ref: bytes, alt: bytes) -> Normalized:
    """Normalise the replacement of `ref`, which stands at `start` in `bases`, by `alt`; all upper case."""
    end = start + len(ref)
    if ref == alt:
        return Normalized("reference", start, end, None, len(ref), len(ref))
    prefix = _common_prefix(ref, alt)
    suffix = _common_suffix(ref, alt, prefix)
    start += prefix
    end -= suffix
    deleted = ref[prefix : len(ref) - suffix]
    inserted = alt[prefix : len(alt) - suffix]
    if deleted and inserted:
        return Normalized(_substitution(deleted, inserted), start, end, inserted, None, None)
    seed = deleted or inserted
    left = roll_left(bases, start, seed)
    right = roll_right(bases, end, seed)
    if deleted:
        return Normalized("deletion", start - left, end + right, None, left + right, len(seed))
    return _insertion(bases, start, seed, left, right)


def _substitution(deleted: bytes, inserted: bytes) -> str:
    if len(deleted) != len(inserted):
        return "delins"
    return "snv" if len(deleted) == 1 else "mnv"


def _insertion(bases: Bases, at: int, seed: bytes, left: int, right: int) -> Normalized:
    rolled = left + right
    if not rolled:
        return Normalized("insertion", at, at, seed, None, None)
    start, end = at - left, at + right
    subunit = repeat_subunit(seed, rolled)
    if subunit is None:
        return Normalized("insertion", start, end, bases[start:at] + seed + bases[at:end], None, None)
    return Normalized("insertion", start, end, None, rolled + len(seed), subunit)


def repeat_subunit(seed: bytes, longest: int) -> int | None:
    """The largest d <= `longest` that divides len(seed) such that `seed` repeats its first d residues."""
    size = len(seed)
    for count in range(1, size + 1):
        subunit, rest = divmod(size, count)
        # A repeat equals itself shifted by its subunit: one comparison, no copy of the whole.
        if not rest and subunit <= longest and seed[subunit:] == seed[: size - subunit]:
            return subunit
    return None


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
