"""Find registered alleles by identifier, and by interval of a sequence."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import NamedTuple

from django.db.models import RowRange, Sum, Window
from django.db.models.functions import Coalesce, Length

from vcfjobs.database.keyset_pagination import decode_cursor, encode_cursor, whole_number
from vcfjobs.errors import RequestTooLargeError, SequenceNotFoundError
from vcfjobs.models import Allele, Sequence
from vcfjobs.vrs.digests import ALLELE_PREFIX, digest_bytes

# Literals of one answer; a page ends with the allele that exceeds this.
PAGE_BYTES = 8 << 20


class Page(NamedTuple):
    """Alleles in order, and the cursor of the next page; "" after the last."""

    alleles: list[Allele]
    next_cursor: str


def digest_of(vrs_id: str) -> str | None:
    """The digest (32 characters) of an allele's identifier `ga4gh:VA.…`; None for any other text."""
    digest = vrs_id.removeprefix(ALLELE_PREFIX)
    with suppress(ValueError):
        digest_bytes(digest)
        return digest if digest != vrs_id else None
    return None


def find_alleles(vrs_ids: Iterable[str]) -> list[Allele]:
    """The registered alleles among these identifiers, by digest, in one query.

    Raises RequestTooLargeError when several are asked for and their literals exceed PAGE_BYTES.
    """
    digests = _digests(vrs_ids)
    before = Window(Sum(Length("literal")), order_by="digest", frame=RowRange(end=-1))
    known = Allele.objects.filter(digest__in=digests).select_related("sequence")
    bounded = known.annotate(before=Coalesce(before, 0)).filter(before__lt=PAGE_BYTES).order_by("digest")
    found: list[Allele] = list(bounded)
    if len(digests) > 1 and _literal_bytes(found) >= PAGE_BYTES:
        raise RequestTooLargeError("These alleles are too large for one answer: ask for fewer at once.")
    return found


def registered(vrs_ids: Iterable[str]) -> set[str]:
    """Which of these identifiers are registered, in one query that reads the keys alone."""
    found = Allele.objects.filter(digest__in=_digests(vrs_ids)).values_list("digest", flat=True)
    return {ALLELE_PREFIX + str(digest) for digest in found}


def find_sequence(accession: str) -> Sequence:
    """The sequence of a refget accession (`SQ.…`). Raises SequenceNotFoundError."""
    found = Sequence.objects.filter(accession=accession).first()
    if found is None:
        raise SequenceNotFoundError(f"The sequence {accession!r} is not known here.")
    return found


def overlapping(sequence: Sequence, start: int, end: int, *, size: int, cursor: str = "") -> Page:
    """Alleles whose location touches [start, end], both ends included, by (start, digest).

    One query: a range of the index for each class of spans, merged. `cursor` is a page's `next_cursor`.
    A page of long literals holds fewer than `size` alleles. Raises InvalidCursorError.
    """
    table = Allele._meta.db_table
    after = decode_cursor(cursor, whole_number, digest_bytes) if cursor else (-1, b"")
    parts, values = [], []
    for number, longest in enumerate(Allele.LONGEST_OF_SPAN):
        parts.append(
            f"SELECT * FROM (SELECT * FROM {table} WHERE sequence_id = %s AND span = {number} "  # noqa: S608
            'AND start >= %s AND start <= %s AND "end" >= %s AND (start, digest) > (%s, %s) '
            "ORDER BY start, digest LIMIT %s) AS part"
        )
        values += [sequence.pk, max(start - longest, after[0]), end, start, *after, size + 1]
    first = f"SELECT * FROM ({' UNION ALL '.join(parts)}) AS found ORDER BY start, digest LIMIT %s"  # noqa: S608
    before = "ORDER BY start, digest ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING"
    measured = f"SELECT *, SUM(LENGTH(literal)) OVER ({before}) AS before FROM ({first}) AS first"  # noqa: S608
    sql = f"SELECT * FROM ({measured}) AS page WHERE COALESCE(before, 0) < %s ORDER BY start, digest"  # noqa: S608
    found = list(Allele.objects.raw(sql, [*values, size + 1, PAGE_BYTES]))
    for allele in found:
        allele.sequence = sequence
    shown = found[:size]
    more = len(found) > size or _literal_bytes(found) >= PAGE_BYTES
    return Page(shown, encode_cursor(shown[-1].start, shown[-1].digest) if more else "")


def _digests(vrs_ids: Iterable[str]) -> list[str]:
    return [digest for vrs_id in vrs_ids if (digest := digest_of(vrs_id))]


def _literal_bytes(alleles: list[Allele]) -> int:
    return sum(len(allele.literal or "") for allele in alleles)
