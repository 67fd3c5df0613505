"""Registered alleles under VRS 2.0 and 2.1. Where the versions differ, residues of the reference decide."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from django.conf import settings

from vcfjobs.models import Allele, Contig, Sequence
from vcfjobs.vrs import translate
from vcfjobs.vrs.sequences.flat_files import FlatSequence, SequenceFileError
from vcfjobs.vrs.versions import VrsVersion

# Residues that a page or a call reads for one allele; only repeat subunits of a whole megabase are longer.
LONGEST_SUBUNIT = 1 << 20


class Translator:
    """Gives the identifiers of alleles; opens each sequence once."""

    def __init__(self, longest_subunit: int = LONGEST_SUBUNIT) -> None:
        """`longest_subunit`: of an allele with a longer repeat subunit nothing is said."""
        self._longest = longest_subunit
        self._open: dict[int, FlatSequence | None] = {}

    def ids_by_version(self, allele: Allele) -> dict[VrsVersion, str] | None:
        """The identifier under each version; empty where it is the same.

        None where that cannot be told: the sequence is in no registered assembly, its file is not readable
        here, or the repeat subunit is too long.
        """
        length, subunit = allele.length, allele.repeat_subunit_length
        if not translate.may_differ(allele.start, allele.end, length, subunit):
            return {}
        residues = self._residues(allele)
        if residues is None or length is None:
            return None
        return translate.ids_by_version(allele.sequence.accession, allele.start, allele.end, length, residues)

    def _residues(self, allele: Allele) -> bytes | None:
        """The repeat subunit."""
        size = allele.repeat_subunit_length or 0
        if size > self._longest:
            return None
        if allele.sequence_id not in self._open:
            self._open[allele.sequence_id] = _opened(allele.sequence)
        sequence = self._open[allele.sequence_id]
        residues = b"" if sequence is None else sequence[allele.start : allele.start + size]
        return residues if len(residues) == size else None


def _opened(sequence: Sequence) -> FlatSequence | None:
    """The sequence's own file, or else that of a masked copy which an assembly has in its place."""
    contigs = Contig.objects.filter(sequence=sequence).order_by()
    contents = contigs.values_list("content", flat=True).distinct()
    for content in sorted(contents, key=lambda content: content != sequence.accession):
        path = Path(settings.ANYVAR_SEQUENCE_DIR) / content
        with suppress(SequenceFileError):
            return FlatSequence.open(path, sequence.accession, sequence.length)
    return None
