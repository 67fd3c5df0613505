"""The files that the tests of the guarantees send, and what must come of them."""

from __future__ import annotations

from tests.conftest import TINY_CONTIG
from tests.factories import HEADER

RECORDS = 200_000


def records(count: int) -> bytes:
    """A sorted VCF of `count` records on the small contig, each with an identifier for REF and for ALT."""
    lines = []
    for number in range(count):
        at = number * len(TINY_CONTIG) // count
        lines.append(f"chr1\t{at + 1}\tr{number}\t{TINY_CONTIG[at]}\tGAT\t.\tPASS\tDP={number}\n")
    return (HEADER + "".join(lines)).encode()


# Several seconds of work for one worker process.
LARGE = records(RECORDS)
SMALL = records(50)
