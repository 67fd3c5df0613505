"""A whole FASTA as flat files, and the contigs that were stored so, opened again by any of their names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from vcfjobs.vrs.sequences.fasta import FastaError, read_fasta, write_flat
from vcfjobs.vrs.sequences.flat_files import FlatSequence, aliases


@dataclass(frozen=True, slots=True)
class FlatContig:
    """A contig whose residues are stored: `content`, the accession of its bytes, is the name of its file."""

    name: str
    length: int
    content: str


@dataclass(frozen=True, slots=True)
class NamedContig(FlatContig):
    """A stored contig with the accession in use, which may be given, and its other names."""

    accession: str
    aliases: tuple[str, ...]


def flatten(fasta: BinaryIO, folder: Path, on_progress: Callable[[int], object]) -> Iterator[FlatContig]:
    """Store each contig of a plain, gzip or BGZF FASTA as a flat file in `folder`, in the file's order.

    `on_progress` gets the number of residues of each chunk. Raises FastaError, and OSError when the folder
    cannot be written; what was stored before stays.
    """
    for name, residues in read_fasta(fasta):
        content, length = write_flat(_watched(name, residues, on_progress), folder)
        yield FlatContig(name, length, content)


def is_stored(folder: Path, contig: FlatContig) -> bool:
    """Whether the contig's flat file is there and has its length."""
    try:
        return (folder / contig.content).stat().st_size == contig.length
    except OSError:
        return False


def _watched(name: str, residues: Iterator[bytes], on_progress: Callable[[int], object]) -> Iterator[bytes]:
    empty = True
    for chunk in residues:
        empty = False
        on_progress(len(chunk))
        yield chunk
    if empty:
        raise FastaError(f"Contig {name} of the FASTA has no bases.")


def other_names(names: list[str]) -> dict[str, list[str]]:
    """The aliases of each contig; no two contigs get the same one.

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


class StoredContigs(Mapping[str, FlatSequence]):
    """Contigs by name and alias, each mapped into memory when it is first looked up.

    A lookup raises SequenceFileError when the contig's file is missing or has another size, also when it got
    that size after it was mapped.
    """

    def __init__(self, folder: Path, contigs: Iterable[NamedContig]) -> None:
        contigs = list(contigs)
        self._folder = folder
        self._stored: dict[str, NamedContig] = {}
        for contig in contigs:
            self._stored |= dict.fromkeys(contig.aliases, contig)
        self._stored |= {contig.name: contig for contig in contigs}  # a name counts before an alias
        self._open: dict[tuple[str, str], FlatSequence] = {}

    def __getitem__(self, name: str) -> FlatSequence:
        contig = self._stored[name]
        # Two contigs of N alone may have the same bytes, but different accessions.
        key = (contig.content, contig.accession)
        held = self._open.get(key)
        if held is None or not held.is_whole():
            path = self._folder / contig.content
            held = self._open[key] = FlatSequence.open(path, contig.accession, contig.length)
        return held

    def __iter__(self) -> Iterator[str]:
        return iter(self._stored)

    def __len__(self) -> int:
        return len(self._stored)
