"""Register a FASTA as a reference assembly, and remove one. `Contig` says what its two accessions are."""

from __future__ import annotations

import fcntl
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from django.conf import settings
from django.db import transaction

from vcfjobs.errors import VcfJobsError
from vcfjobs.models import ACTIVE, Assembly, Contig, Run, Sequence, Status
from vcfjobs.references.assemblies import registered_assemblies
from vcfjobs.references.builds import build_of, foreign
from vcfjobs.references.contigs import LoadedContig
from vcfjobs.vrs.digests import ACCESSION
from vcfjobs.vrs.sequences.accessions import CANONICAL
from vcfjobs.vrs.sequences.accessions import canonical as canonical_accession
from vcfjobs.vrs.sequences.flatten import flatten, other_names

ASSEMBLY_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}")
LONGEST_CONTIG_NAME = 255
# Beside the flat files: a lock for each load, and the names of the files that running runs still need.
LOCK = ".lock"
LEFT_FOR_LATER = ".left-for-later"


class ReferenceLoadError(VcfJobsError, code="REFERENCE_LOAD", status=409, title="Reference not registered"):
    """The assembly cannot be registered, replaced or removed as asked."""


@dataclass(frozen=True, slots=True)
class LoadReport:
    """The result of registering a FASTA."""

    contigs: list[LoadedContig]
    already_there: bool
    left_for_later: int
    """Flat files of the replaced assembly that running runs use; the next load removes them."""


def load_reference(
    *,
    name: str,
    fasta: BinaryIO,
    source: str,
    accessions: Mapping[str, str],
    canonical: bool,
    replace: bool,
    on_progress: Callable[[int], object],
    force_unknown: bool = False,
) -> LoadReport:
    """Register a plain, gzip or BGZF FASTA as the assembly `name`.

    `accessions` gives contigs another accession than that of their bytes; `canonical` takes the canonical
    one wherever name and length are published. `force_unknown` accepts contigs that are not of the build
    that `name` means. `on_progress` gets the number of residues of each chunk.
    The long read comes first, then one short transaction: a failure leaves neither rows nor files.
    Flat files that no contig names any more are removed after the commit, or by the next load while runs
    are running; a process that has one mapped keeps its bytes.
    Raises FastaError, ReferenceLoadError, and OSError when the folder cannot be written.
    """
    _require_names(name, accessions)
    build = build_of(name)
    with _locked_folder() as folder:
        before = {path.name for path in folder.iterdir()}
        contigs: list[LoadedContig] = []
        try:
            for flat in flatten(fasta, folder, on_progress):
                known = canonical_accession(build or "", flat.name, flat.length)
                accession = accessions.get(flat.name) or (canonical and known) or flat.content
                contigs.append(LoadedContig(flat.name, flat.length, flat.content, accession, known))
                _require_contig(contigs[-1], None if force_unknown else build)
            _require_present(accessions, contigs)
            replaced = _register(name, source, contigs, replace=replace)
        except BaseException:
            _remove_unnamed(folder, {contig.content for contig in contigs} - before)
            raise
        left = _drop_replaced(folder, replaced or set())
        return LoadReport(contigs, already_there=replaced is None, left_for_later=left)


def remove_reference(name: str) -> int:
    """Remove an assembly, and the flat files that no other assembly uses; alleles and sequences stay.

    Returns how many files stay for running runs; the next load or removal deletes them.
    Raises ReferenceLoadError when it is not registered, or when queued or running runs use it.
    """
    with _locked_folder() as folder:
        with transaction.atomic():
            assembly = Assembly.objects.select_for_update().filter(name=name).first()
            if assembly is None:
                names = ", ".join(registered_assemblies()) or "nothing"
                raise ReferenceLoadError(f"{name} is not registered. Registered: {names}.")
            if active := _active_runs(name):
                raise ReferenceLoadError(
                    f"{name} is used by {active:,} queued or running runs. Wait for them or cancel them."
                )
            content = set(assembly.contigs.values_list("content", flat=True))
            assembly.delete()
        return _drop_replaced(folder, content)


@contextmanager
def _locked_folder() -> Iterator[Path]:
    """The folder of the flat files, for one load or removal at a time; half-written files are removed.

    One load could otherwise delete a file that another is about to name.
    """
    folder = Path(settings.ANYVAR_SEQUENCE_DIR)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ReferenceLoadError(
                "Another reference is being registered right now. Try again when that is done."
            ) from error
        for half in folder.glob(".flat-*"):
            half.unlink(missing_ok=True)
        yield folder


def _require_names(name: str, accessions: Mapping[str, str]) -> None:
    if not ASSEMBLY_NAME.fullmatch(name):
        raise ReferenceLoadError(
            "An assembly's name has 1 to 100 letters, digits, dots, underscores, plus and minus signs, and "
            "starts with a letter or digit."
        )
    other = Assembly.objects.filter(name__iexact=name).exclude(name=name).first()
    if other is not None:
        raise ReferenceLoadError(f"{other.name} is registered: {name} differs from it in case alone.")
    for accession in accessions.values():
        if not ACCESSION.fullmatch(accession):
            raise ReferenceLoadError(f"{accession!r} is not a refget accession (SQ. and 32 characters).")


def _require_contig(contig: LoadedContig, build: str | None) -> None:
    """Raise ReferenceLoadError unless the contig can be registered; `build` it must be of."""
    if len(contig.name) > LONGEST_CONTIG_NAME:
        raise ReferenceLoadError(f"A contig's name is longer than {LONGEST_CONTIG_NAME} characters.")
    why = foreign(build, contig.name, contig.length, {contig.content, contig.accession}) if build else None
    if why is not None:
        raise ReferenceLoadError(
            f"Contig {contig.name} is not of {build}: it {why}. Register the FASTA under another name. "
            "To register it under this name all the same: --force-unknown."
        )


def _require_present(accessions: Mapping[str, str], contigs: list[LoadedContig]) -> None:
    if unknown := sorted(set(accessions) - {contig.name for contig in contigs}):
        raise ReferenceLoadError(
            f"--accession names contigs that the FASTA does not have: {', '.join(unknown)}."
        )


@transaction.atomic
def _register(name: str, source: str, contigs: list[LoadedContig], *, replace: bool) -> set[str] | None:
    """Write the rows; the flat files of the assembly that was replaced, None when it is already there."""
    present = Assembly.objects.select_for_update().filter(name=name).first()
    dropped: set[str] = set()
    if present is not None:
        rows = present.contigs.order_by("ordinal").values_list("name", "content", "sequence__accession")
        if list(rows) == [(c.name, c.content, c.accession) for c in contigs]:
            return None
        if not replace:
            active = _active_runs(name)
            used = f", and {active:,} runs that are queued or running use it" if active else ""
            raise ReferenceLoadError(
                f"{name} is registered with other content{used}. With --replace it is replaced; "
                "alleles that were registered on its sequences stay."
            )
        dropped = {content for _, content, _ in rows}
        present.delete()
    assembly = Assembly.objects.create(name=name, source=source[:255])
    sequences = _sequences(contigs)
    aliases = other_names([contig.name for contig in contigs])
    Contig.objects.bulk_create(
        Contig(
            assembly=assembly,
            ordinal=ordinal,
            name=contig.name,
            aliases=aliases[contig.name],
            sequence=sequences[contig.accession],
            content=contig.content,
        )
        for ordinal, contig in enumerate(contigs)
    )
    return dropped


def _active_runs(assembly: str) -> int:
    return Run.objects.filter(assembly=assembly, status__in=ACTIVE).count()


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


def _drop_replaced(folder: Path, dropped: set[str]) -> int:
    """Remove flat files of replaced contigs, or note them while runs are running; returns how many stay.

    Called after the commit: a run that is claimed from then on opens the new contigs.
    """
    note = folder / LEFT_FOR_LATER
    if note.exists():
        dropped = dropped.union(note.read_text().split())
    left = _unnamed(dropped)
    if left and Run.objects.filter(status=Status.RUNNING).exists():
        note.write_text("\n".join(sorted(left)))
        return len(left)
    _remove_unnamed(folder, left)
    note.unlink(missing_ok=True)
    return 0


def _remove_unnamed(folder: Path, contents: set[str]) -> None:
    """Remove flat files that no contig names; a process that has one mapped keeps its bytes."""
    for name in _unnamed(contents):
        (folder / name).unlink(missing_ok=True)


def _unnamed(contents: set[str]) -> set[str]:
    return contents.difference(Contig.objects.filter(content__in=contents).values_list("content", flat=True))
