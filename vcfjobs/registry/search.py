"""Find registered alleles: by identifier, and by place on a sequence."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from django.db.models import RowRange, Sum, Window
from django.db.models.functions import Coalesce, Length

from vcfjobs.errors import RequestTooLargeError, SequenceNotFoundError
from vcfjobs.models import Allele, Sequence
from vcfjobs.registry.load import _TABLE
from vcfjobs.vrs.digests import digest_bytes

# So does a page, with the allele that passes this.
PAGE_BYTES = 8 << 20


class Page(NamedTuple):
    """Alleles in order, and the cursor of the next page; "" after the last."""

    alleles: list[Allele]
    next_cursor: str


def find(digests: Iterable[str]) -> list[Allele]:
    """The registered alleles of these digests (32 characters each) by digest, in one query.

    Raises RequestTooLargeError when more than one is asked for and their literals are above PAGE_BYTES.
    """
    asked = list(digests)
    before = Window(Sum(Length("literal")), order_by="digest", frame=RowRange(end=-1))
    known = Allele.objects.filter(digest__in=asked).select_related("sequence")
    bounded = known.annotate(before=Coalesce(before, 0)).filter(before__lt=PAGE_BYTES).order_by("digest")
    found: list[Allele] = list(bounded)
    if len(asked) > 1 and sum(len(allele.literal or "") for allele in found) >= PAGE_BYTES:
        raise RequestTooLargeError("These alleles are too large for one answer: ask for fewer at once.")
    return found


def find_sequence(accession: str) -> Sequence:
    """The sequence of a refget accession (`SQ.…`). Raises SequenceNotFoundError."""
    found = Sequence.objects.filter(accession=accession).first()
    if found is None:
        raise SequenceNotFoundError(f"The sequence {accession!r} is not known here.")
    return found


def overlapping(sequence: Sequence, start: int, end: int, *, size: int, cursor: str = "") -> Page:
    """Alleles whose location touches [start, end], both ends included, by (start, digest).

    One query: a range of the index for each class of spans, merged. `cursor` is a page's `next_cursor`.
    A page of long literals holds fewer than `size` alleles. Raises ValueError for a cursor that is none.
    """
    after = parse_cursor(cursor) if cursor else (-1, b"")
    parts, values = [], []
    for number, longest in enumerate(Allele.LONGEST_OF_SPAN):
        parts.append(
            f"SELECT * FROM (SELECT * FROM {_TABLE} WHERE sequence_id = %s AND span = {number} "  # noqa: S608
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
    full = len(found) > size or sum(len(allele.literal or "") for allele in found) >= PAGE_BYTES
    shown = found[:size]
    return Page(shown, make_cursor(shown[-1]) if full else "")


def make_cursor(allele: Allele) -> str:
    """The place of an allele in the order (start, digest)."""
    return f"{allele.start}.{allele.digest}"


def parse_cursor(cursor: str) -> tuple[int, bytes]:
    """The place that `make_cursor` wrote; raises ValueError."""
    start, _, digest = cursor.partition(".")
    if not 0 <= int(start) < 2**31:
        raise ValueError("no start of an allele")
    return int(start), digest_bytes(digest)
