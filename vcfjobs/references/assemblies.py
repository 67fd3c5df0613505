"""The registered assemblies: found by name, their contigs opened for the engine."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from django.conf import settings

from vcfjobs.errors import (
    DamagedReferenceError,
    NoReferenceError,
    SequenceNotFoundError,
    UnknownAssemblyError,
)
from vcfjobs.models import Assembly, Contig
from vcfjobs.references.builds import SYNONYMS, build_of
from vcfjobs.references.contigs import LoadedContig
from vcfjobs.vrs.sequences.accessions import canonical
from vcfjobs.vrs.sequences.flat_files import FlatSequence, Reference, SequenceFileError
from vcfjobs.vrs.sequences.flatten import NamedContig, StoredContigs, is_stored


def registered_contigs(assembly: Assembly) -> list[LoadedContig]:
    build = build_of(assembly.name) or ""
    rows = assembly.contigs.order_by("ordinal").values_list(
        "name", "sequence__length", "content", "sequence__accession"
    )
    return [LoadedContig(*row, canonical(build, row[0], row[1])) for row in rows]


def registered_assemblies() -> list[str]:
    return list(Assembly.objects.order_by("name").values_list("name", flat=True))


def resolve_assembly(name: str) -> str:
    """The registered name of an assembly, given as it is, in other case, or by UCSC's name.

    Raises NoReferenceError when nothing is registered, UnknownAssemblyError naming what is.
    """
    names = registered_assemblies()
    if not names:
        raise NoReferenceError
    by_lower_case = {registered.lower(): registered for registered in names}
    meant = SYNONYMS.get(name.lower(), name)
    found = name if name in names else by_lower_case.get(name.lower()) or by_lower_case.get(meant.lower())
    if found is None:
        raise UnknownAssemblyError(
            f"The assembly {name!r} is not registered. Registered: {', '.join(names)}.", registered=names
        )
    return found


def open_assembly(name: str) -> Reference:
    """The assembly's contigs for the engine; one query, the rest is cached until it is replaced.

    Raises NoReferenceError and UnknownAssemblyError. A contig is mapped into memory when it is first looked
    up, which raises DamagedReferenceError when its file is missing or has another size.
    """
    assembly = Assembly.objects.filter(name=name).first()
    if assembly is None:
        return open_assembly(resolve_assembly(name))
    return _open(assembly.pk, assembly.name, assembly.created.isoformat(), str(settings.ANYVAR_SEQUENCE_DIR))


def damage_of(name: str) -> DamagedReferenceError | None:
    """What is wrong with the sequence files of a registered assembly, none of which is mapped; or None."""
    for contig in Contig.objects.filter(assembly__name=name).select_related("sequence"):
        if not is_stored(Path(settings.ANYVAR_SEQUENCE_DIR), _named(contig)):
            return DamagedReferenceError(contig.name, name)
    return None


def accession_of(name: str) -> str:
    """The refget accession of `SQ.…`, `ga4gh:SQ.…` or `assembly:contig`.

    Raises SequenceNotFoundError, and NoReferenceError when no assembly is registered.
    """
    accession = name.removeprefix("ga4gh:")
    if accession.startswith("SQ."):
        return accession
    assembly, _, contig = name.partition(":")
    with suppress(UnknownAssemblyError):
        sequence = open_assembly(resolve_assembly(assembly)).contigs.get(contig)
        if sequence is not None:
            return sequence.accession
    raise SequenceNotFoundError(f"The sequence {name!r} is not known here.")


def open_sequence(accession: str) -> FlatSequence:
    """The sequence of a refget accession `SQ.…`, from an assembly that has it.

    Raises SequenceNotFoundError, and RunFailureError when its file is missing.
    """
    contigs = list(Contig.objects.filter(sequence__accession=accession).select_related("assembly"))
    if not contigs:
        raise SequenceNotFoundError(f"The sequence {accession!r} is not known here.")
    # Rather than a masked copy that was registered under this accession.
    found = max(contigs, key=lambda contig: contig.content == accession)
    return open_assembly(found.assembly.name).contigs[found.name]


@lru_cache(maxsize=8)
def _open(pk: int, name: str, created: str, folder: str) -> Reference:
    contigs = Contig.objects.filter(assembly=pk).select_related("sequence")
    return Reference(name, RegisteredContigs(name, Path(folder), map(_named, contigs)))


def _named(row: Contig) -> NamedContig:
    sequence = row.sequence
    return NamedContig(row.name, sequence.length, row.content, sequence.accession, tuple(row.aliases))


class RegisteredContigs(StoredContigs):
    """The contigs of a registered assembly; a lookup raises DamagedReferenceError."""

    def __init__(self, assembly: str, folder: Path, contigs: Iterable[NamedContig]) -> None:
        super().__init__(folder, contigs)
        self._assembly = assembly

    def __getitem__(self, name: str) -> FlatSequence:
        try:
            return super().__getitem__(name)
        except SequenceFileError as error:
            raise DamagedReferenceError(self._stored[name].name, self._assembly) from error
