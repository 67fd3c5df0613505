"""The identifiers of one allele under VRS 2.0 and 2.1, from its columns and a few residues.

Only an ambiguous insertion can have two: its state is a reference-length expression longer than its location,
and the versions may give it another repeat subunit length. Everything else of the allele is the same.
"""

from __future__ import annotations

from vcfjobs.vrs.digests import ALLELE_PREFIX, allele_digest, location_digest
from vcfjobs.vrs.normalize import largest_multiple, shortest_repeat
from vcfjobs.vrs.versions import VrsVersion


def may_differ(start: int, end: int, length: int | None, repeat_subunit_length: int | None) -> bool:
    """Whether the allele at [start, end) is of a form whose identifiers can differ.

    `length` and `repeat_subunit_length` are those of a reference-length expression, None for a literal state.
    """
    if length is None or not repeat_subunit_length:
        return False
    span = end - start
    whole_repeats = (length - span) % repeat_subunit_length == 0
    return length > span >= repeat_subunit_length and whole_repeats


def ids_by_version(
    accession: str, start: int, end: int, length: int, repeat_subunit: bytes
) -> dict[VrsVersion, str]:
    """The identifier under each version of an allele that `may_differ`; empty where they are the same.

    `repeat_subunit` are the residues [start, start + repeat subunit length) of the sequence. Empty as well
    for an allele that neither version would write so.
    """
    span = end - start
    smallest = shortest_repeat(repeat_subunit)
    largest = largest_multiple(smallest, length - span, span)
    if largest == smallest or len(repeat_subunit) not in (smallest, largest):
        return {}
    location = location_digest(accession, start, end)
    subunits: dict[VrsVersion, int | None] = {"2.0": largest, "2.1": smallest}
    return {
        version: ALLELE_PREFIX + allele_digest(location, length=length, repeat_subunit_length=subunit)
        for version, subunit in subunits.items()
    }
