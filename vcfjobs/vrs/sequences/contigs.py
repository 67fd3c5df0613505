"""The contigs of a reference as the hot path needs them."""

from __future__ import annotations

from typing import NamedTuple

from vcfjobs.vrs.digests import location_template
from vcfjobs.vrs.normalize import Bases, Stretches
from vcfjobs.vrs.sequences.flat_files import Reference


class Contig(NamedTuple):
    """A contig: accession, residues, length, JSON template of a location % (end, start), long stretches."""

    accession: str
    bases: Bases
    size: int
    location: bytes
    stretches: Stretches


class Contigs:
    """Contigs by the bytes of their name in the file; each name is looked up once."""

    def __init__(self, reference: Reference) -> None:
        self._reference = reference
        self._known: dict[bytes, Contig] = {}

    def get(self, name: bytes) -> Contig | None:
        """The contig of that name; None if the assembly has none."""
        known = self._known.get(name)
        if known is not None:
            return known
        try:
            sequence = self._reference.contigs.get(name.decode())
        except UnicodeDecodeError:
            return None
        if sequence is None:
            return None
        accession = sequence.accession
        template = location_template(accession)
        contig = Contig(accession, sequence.bases, len(sequence), template, Stretches())
        self._known[name] = contig
        return contig
