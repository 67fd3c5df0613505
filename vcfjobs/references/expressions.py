"""Alleles written as gnomAD or SPDI expressions, translated on the registered assemblies."""

from __future__ import annotations

from collections import defaultdict
from functools import cache

from vcfjobs.errors import SequenceNotFoundError
from vcfjobs.references.assemblies import open_assembly, open_sequence, resolve_assembly
from vcfjobs.vrs import expressions
from vcfjobs.vrs.digests import ACCESSION
from vcfjobs.vrs.expressions import SHOWN, InvalidExpressionError, Translated
from vcfjobs.vrs.normalize import Stretches
from vcfjobs.vrs.sequences.accessions import CANONICAL
from vcfjobs.vrs.sequences.flat_files import FlatSequence
from vcfjobs.vrs.sequences.refseq import REFSEQ
from vcfjobs.vrs.versions import VrsVersion


class Translator:
    """Translates expressions to alleles of a version of VRS; looks up each assembly and sequence once."""

    def __init__(self, vrs_version: VrsVersion) -> None:
        self._vrs_version = vrs_version
        self._assembly = cache(lambda name: open_assembly(resolve_assembly(name)))
        self._sequence = cache(_genomic_sequence)
        self._stretches: defaultdict[str, Stretches] = defaultdict(Stretches)  # by accession

    def translate(self, definition: str, assembly: str) -> Translated:
        """The allele of an expression. `assembly` is where the contigs of gnomAD expressions lie.

        Raises what `expressions.parse` and `expressions.translate` raise, InvalidExpressionError for a
        sequence that is not registered, and NoReferenceError and UnknownAssemblyError for gnomAD.
        """
        expression = expressions.parse(definition)
        if expression.notation == "gnomAD":
            name, sequence = self._contig(expression.sequence, assembly)
        else:
            name, sequence = expression.sequence, self._sequence(expression.sequence)
        stretches = self._stretches[sequence.accession]
        return expressions.translate(expression, sequence, name, self._vrs_version, stretches)

    def _contig(self, name: str, assembly: str) -> tuple[str, FlatSequence]:
        """A contig, and its name for errors."""
        reference = self._assembly(assembly)
        sequence = reference.contigs.get(name)
        if sequence is None:
            raise InvalidExpressionError(f"{reference.assembly} has no contig {name[:SHOWN]!r}.")
        return f"{reference.assembly}:{name}", sequence


def _genomic_sequence(accession: str) -> FlatSequence:
    """The sequence of an SPDI expression: `NC_000007.14` or `SQ.…`."""
    build, contig = REFSEQ.get(accession, ("", ""))
    refget = CANONICAL[build][contig][1] if build else accession
    if not ACCESSION.fullmatch(refget):
        raise InvalidExpressionError(
            f"The sequence {accession[:SHOWN]!r} is unknown. Chromosomes of GRCh38 and GRCh37 are known by "
            "RefSeq accession and version (NC_000007.14), every sequence by its refget accession (SQ.…)."
        )
    try:
        return open_sequence(refget)
    except SequenceNotFoundError as error:
        what = f" (chromosome {contig} of {build})" if build else ""
        raise InvalidExpressionError(f"The sequence {accession}{what} is not registered here.") from error
