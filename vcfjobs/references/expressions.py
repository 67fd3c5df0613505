"""Alleles written as gnomAD or SPDI expressions, translated on the registered assemblies."""

from __future__ import annotations

from vcfjobs.errors import SequenceNotFoundError
from vcfjobs.references.assemblies import open_assembly, open_sequence, resolve_assembly
from vcfjobs.vrs import expressions
from vcfjobs.vrs.digests import ACCESSION
from vcfjobs.vrs.expressions import SHOWN, Expression, InvalidExpressionError, Translated
from vcfjobs.vrs.sequences.accessions import CANONICAL
from vcfjobs.vrs.sequences.flat_files import FlatSequence
from vcfjobs.vrs.sequences.refseq import REFSEQ
from vcfjobs.vrs.versions import VrsVersion


def translate(definition: str, assembly: str, vrs_version: VrsVersion) -> Translated:
    """The allele of an expression. `assembly` is where the contigs of gnomAD expressions lie.

    Raises what `expressions.parse` and `expressions.translate` raise, InvalidExpressionError for a sequence
    that is not registered, and NoReferenceError and UnknownAssemblyError for gnomAD expressions.
    """
    expression = expressions.parse(definition)
    if expression.notation == "gnomAD":
        name, sequence = _contig(expression, assembly)
    else:
        name, sequence = expression.sequence, _genomic_sequence(expression.sequence)
    return expressions.translate(expression, sequence, name, vrs_version)


def _contig(expression: Expression, assembly: str) -> tuple[str, FlatSequence]:
    """The contig of a gnomAD expression, and its name for errors."""
    reference = open_assembly(resolve_assembly(assembly))
    sequence = reference.contigs.get(expression.sequence)
    if sequence is None:
        raise InvalidExpressionError(
            f"{reference.assembly} has no contig {expression.sequence[:SHOWN]!r}.",
        )
    return f"{reference.assembly}:{expression.sequence}", sequence


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
