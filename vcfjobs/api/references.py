"""The registered assemblies as FASTA, read by region: for the genome view, IGV and samtools."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from django.http import HttpResponseBase
from rest_framework.request import Request
from rest_framework.viewsets import ViewSet

from vcfjobs.api import openapi, ranges
from vcfjobs.errors import SequenceNotFoundError, UnknownAssemblyError
from vcfjobs.references.fasta import AssemblyFasta, fasta_of


class ReferenceViewSet(ViewSet):
    """The sequences of the registered assemblies."""

    @openapi.reference("get_reference_fasta")
    def fasta(self, request: Request, assembly: str) -> HttpResponseBase:
        """An assembly as FASTA, with Range, for genome browsers and samtools.

        In upper case, a line for each contig.
        """
        found = _find(assembly)
        return _answer(request, found, "fa", found.read_range, found.size)

    @openapi.reference("get_reference_index")
    def index(self, request: Request, assembly: str) -> HttpResponseBase:
        """The index of an assembly's FASTA, as samtools faidx writes it."""
        found = _find(assembly)

        def read(start: int, stop: int) -> Iterator[bytes]:
            yield found.index[start:stop]

        return _answer(request, found, "fa.fai", read, len(found.index))


def _find(assembly: str) -> AssemblyFasta:
    try:
        return fasta_of(assembly)
    except UnknownAssemblyError as error:
        raise SequenceNotFoundError(error.sentence) from error


def _answer(
    request: Request,
    fasta: AssemblyFasta,
    suffix: str,
    read: Callable[[int, int], Iterator[bytes]],
    size: int,
) -> HttpResponseBase:
    return ranges.answer(
        request,
        ranges.Content(
            read=read,
            size=size,
            media_type="text/plain; charset=utf-8",
            file_name=f"{fasta.assembly.name}.{suffix}",
            tag=f"{fasta.digest[:32]}-{suffix}",
            modified=int(fasta.assembly.created.timestamp()),
        ),
    )
