"""The text of the VRS fields in INFO, and how it gets into a record."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from vcfjobs.vrs.vcf.header import COLUMNS, FIELDS

ID = b"ga4gh:VA."
MISSING = b"."
LONGEST_STATE_SHOWN = 50

_ESCAPES = str.maketrans(
    {"%": "%25", ";": "%3B", ",": "%2C", "\r": "%0D", "\n": "%0A", "\t": "%09", "=": "%3D"}
)


class Attributes(NamedTuple):
    """What the attribute fields say of one allele; MISSING where there is nothing to say."""

    start: bytes
    end: bytes
    state: bytes
    length: bytes
    repeat_subunit_length: bytes


NOTHING = Attributes(MISSING, MISSING, MISSING, MISSING, MISSING)


def fields_of(identifiers: Sequence[bytes], attributes: Sequence[Attributes] | None) -> bytes:
    """The VRS fields of any record: one element an allele, in order."""
    ids = b"VRS_Allele_IDs=" + b",".join(identifiers)
    if not attributes:
        return ids
    starts, ends, states, lengths, subunits = map(b",".join, zip(*attributes, strict=True))
    return b"%b;VRS_Starts=%b;VRS_Ends=%b;VRS_States=%b;VRS_Lengths=%b;VRS_RepeatSubunitLengths=%b" % (
        ids,
        starts,
        ends,
        states,
        lengths,
        subunits,
    )


def error_field(sentence: str) -> bytes:
    """VRS_Error with what INFO cannot hold escaped, as the reference annotator does (and tab and =)."""
    return b"VRS_Error=" + sentence.translate(_ESCAPES).encode()


def replaced(fields: list[bytes], new: bytes) -> bytes:
    """The record's line with `new` in place of older VRS fields; a carriage return stays at its end."""
    info = fields[7]
    line_end = b"\r" if len(fields) == COLUMNS and info.endswith(b"\r") else b""
    entries = info.removesuffix(line_end).split(b";")
    kept = [entry for entry in entries if entry.split(b"=", 1)[0] not in FIELDS] or [MISSING]
    if new:
        kept = [new] if kept == [MISSING] else [*kept, new]
    fields[7] = b";".join(kept) + line_end
    return b"\t".join(fields)
