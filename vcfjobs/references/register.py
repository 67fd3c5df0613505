"""Reference assemblies: register a FASTA, and open what is registered.

A contig has two accessions. `content` is the digest of the very bytes and names the flat file; `sequence`
is what identifiers are computed with. They differ only where the operator says that a file stands for
another sequence, a masked copy of a chromosome for example.
"""

from __future__ import annotations

import dataclasses
import fcntl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from django.conf import settings
from django.db import transaction

from vcfjobs.errors import VcfJobsError
from vcfjobs.models import ACTIVE, Assembly, Contig, Run, Sequence, Status
from vcfjobs.references.assemblies import LoadedContig, _table
from vcfjobs.vrs.digests import ACCESSION
from vcfjobs.vrs.sequences.accessions import CANONICAL, canonical
from vcfjobs.vrs.sequences.fasta import read_fasta, write_flat
from vcfjobs.vrs.sequences.flat_files import aliases

LONGEST_NAME = 100
LONGEST_CONTIG_NAME = 255
# Beside the flat files: who loads holds the first; the second names files that running runs still need.
LOCK = ".lock"
LEFT_FOR_LATER = ".left-for-later"


class ReferenceLoadError(VcfJobsError):
    """The FASTA cannot be registered as asked."""

    code = "REFERENCE_LOAD"
    status = 409
    title = "Reference not registered"


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What registering a FASTA came to."""

    assembly: str
    contigs: list[LoadedContig] = field(default_factory=list)
    already_there: bool = False
    left_for_later: int = 0
    """Flat files of the replaced assembly that stay for the runs that use it; the next load removes them."""

    @property
    def bases(self) -> int:
        """Residues of all contigs together."""
        return sum(contig.length for contig in self.contigs)


def load_reference(
    *,
    name: str,
    fasta: BinaryIO,
    source: str,
    accessions: Mapping[str, str],
    canonical: bool,
    replace: bool,
    on_progress: Callable[[int], None],
) -> LoadReport:
    """Register a plain, gzip or BGZF FASTA as the assembly `name`.

    `accessions` gives contigs another accession than that of their bytes; `canonical` takes the canonical
    one wherever name and length are in the table. `on_progress` is told the residues of each piece.
    The long read comes first, then one short transaction: a failure leaves neither rows nor files.
    Replaced sequences that nobody names any more lose their files after the commit, or with the next load
    while runs of the assembly are still running; who has one mapped keeps its bytes in either case.
    Raises FastaError, ReferenceLoadError, and OSError when the folder cannot be written.
    """
    _require_fit(name, accessions)
    folder = Path(settings.ANYVAR_SEQUENCE_DIR)
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder):
        before = {path.name for path in folder.iterdir()}
        contigs: list[LoadedContig] = []
        try:
            for contig in _read(name, fasta, folder, accessions, on_progress, take_canonical=canonical):
                contigs.append(contig)  # noqa: PERF402  (kept when the next one fails, to be undone)
            _require_known(accessions, contigs)
            report, dropped = _register(name, source, contigs, replace=replace)
        except BaseException:
            _drop_flat(folder, {contig.content for contig in contigs} - before)
            raise
        return dataclasses.replace(report, left_for_later=_drop_replaced(folder, name, dropped))


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the folder for one load at a time: what one load drops, another may be about to name.

    What a killed load has left half-written goes.
    """
    with (folder / LOCK).open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ReferenceLoadError(
                "Another reference is being registered right now. Try again when that is done."
            ) from error
        for half in folder.glob(".flat-*"):
            half.unlink(missing_ok=True)
        yield


def _require_fit(name: str, accessions: Mapping[str, str]) -> None:
    """What can be said before the long read."""
    if not (name.strip() == name and name.isprintable() and 0 < len(name) <= LONGEST_NAME):
        raise ReferenceLoadError(f"An assembly's name is 1 to {LONGEST_NAME} printable characters.")
    other = Assembly.objects.filter(name__iexact=name).exclude(name=name).first()
    if other is not None:
        raise ReferenceLoadError(f"{other.name} is registered: {name} differs from it in case alone.")
    for accession in accessions.values():
        if not ACCESSION.fullmatch(accession):
            raise ReferenceLoadError(f"{accession!r} is not a refget accession (SQ. and 32 characters).")


def _read(
    assembly: str,
    fasta: BinaryIO,
    folder: Path,
    accessions: Mapping[str, str],
    on_progress: Callable[[int], None],
    *,
    take_canonical: bool,
) -> Iterator[LoadedContig]:
    table = _table(assembly)
    for name, residues in read_fasta(fasta):
        if len(name) > LONGEST_CONTIG_NAME:
            raise ReferenceLoadError(f"A contig's name is longer than {LONGEST_CONTIG_NAME} characters.")
        content, length = write_flat(_watched(residues, on_progress), folder)
        known = canonical(table, name, length)
        chosen = accessions.get(name) or (known if take_canonical and known else content)
        yield LoadedContig(name, length, content, chosen, known)


def _watched(chunks: Iterator[bytes], on_progress: Callable[[int], None]) -> Iterator[bytes]:
    for chunk in chunks:
        on_progress(len(chunk))
        yield chunk


def _require_known(accessions: Mapping[str, str], contigs: list[LoadedContig]) -> None:
    unknown = sorted(set(accessions) - {contig.name for contig in contigs})
    if unknown:
        raise ReferenceLoadError(f"--accession names contigs that the FASTA has not: {', '.join(unknown)}.")


@transaction.atomic
def _register(
    name: str, source: str, contigs: list[LoadedContig], *, replace: bool
) -> tuple[LoadReport, set[str]]:
    """Write the rows; returns the report and the flat files that no contig names any more."""
    present = Assembly.objects.select_for_update().filter(name=name).first()
    if present is not None:
        if _rows_of(present) == [(c.name, c.content, c.accession) for c in contigs]:
            return LoadReport(name, contigs, already_there=True), set()
        if not replace:
            raise ReferenceLoadError(
                f"{name} is registered with other content{_in_use(name)}. With --replace it is replaced; "
                "alleles that were registered on its sequences stay."
            )
    old = set(Contig.objects.filter(assembly=present).values_list("content", flat=True)) if present else set()
    if present is not None:
        present.delete()
    assembly = Assembly.objects.create(name=name, source=source[:255])
    sequences = _sequences(contigs)
    other_names = _other_names([contig.name for contig in contigs])
    Contig.objects.bulk_create(
        Contig(
            assembly=assembly,
            ordinal=ordinal,
            name=contig.name,
            aliases=other_names[contig.name],
            sequence=sequences[contig.accession],
            content=contig.content,
        )
        for ordinal, contig in enumerate(contigs)
    )
    still_named = set(Contig.objects.filter(content__in=old).values_list("content", flat=True))
    return LoadReport(name, contigs), old - still_named


def _rows_of(assembly: Assembly) -> list[tuple[str, str, str]]:
    rows = assembly.contigs.order_by("ordinal")
    return list(rows.values_list("name", "content", "sequence__accession"))


def _in_use(name: str) -> str:
    active = Run.objects.filter(assembly=name, status__in=ACTIVE).count()
    return f", and {active:,} runs that are queued or running use it" if active else ""


def _sequences(contigs: list[LoadedContig]) -> dict[str, Sequence]:
    """The rows of the accessions, which alleles may point to: made once, never changed."""
    wanted = {contig.accession: contig.length for contig in contigs}
    Sequence.objects.bulk_create(
        (Sequence(accession=accession, length=length) for accession, length in wanted.items()),
        ignore_conflicts=True,
    )
    rows = Sequence.objects.in_bulk(list(wanted), field_name="accession")
    published = {accession: length for table in CANONICAL.values() for length, accession in table.values()}
    for contig in contigs:
        known = published.get(contig.accession, rows[contig.accession].length)
        if known != contig.length:
            raise ReferenceLoadError(
                f"Contig {contig.name} has {contig.length:,} bases, but {contig.accession} is known with "
                f"{known:,}: they cannot be the same sequence."
            )
    return rows


def _other_names(names: list[str]) -> dict[str, list[str]]:
    """The aliases of each contig, each alias given to one contig alone.

    A contig's name counts before any alias, and the other style of a name before a synonym: of chrM and
    chrMT in one file (UCSC's hg19 has the old and the new mitochondrion), MT is chrMT.
    """
    owners = {name: name for name in names}
    for only_style in (True, False):
        for name in names:
            for alias in aliases(name):
                if not only_style or name.removeprefix("chr") == alias.removeprefix("chr"):
                    owners.setdefault(alias, name)
    return {name: [alias for alias in aliases(name) if owners[alias] == name] for name in names}


def _drop_replaced(folder: Path, assembly: str, dropped: set[str]) -> int:
    """Remove the flat files of replaced contigs, or note them while runs use them; how many stay.

    Asked after the commit: a run that is claimed from then on opens the new contigs.
    """
    note = folder / LEFT_FOR_LATER
    earlier = set(note.read_text().split()) if note.exists() else set()
    left = {name for name in dropped | earlier if ACCESSION.fullmatch(name)}
    if not left:
        return 0
    if Run.objects.filter(status=Status.RUNNING).exists():
        note.write_text("\n".join(sorted(left)))
        return len(left)
    _drop_flat(folder, left)
    note.unlink(missing_ok=True)
    return 0


def _drop_flat(folder: Path, names: set[str]) -> None:
    """Remove flat files that no contig names; who has one mapped keeps its bytes until it is done."""
    named = set(Contig.objects.filter(content__in=names).values_list("content", flat=True))
    for name in names - named:
        (folder / name).unlink(missing_ok=True)
