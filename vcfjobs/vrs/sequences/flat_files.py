"""Reference sequences as flat files of upper-case bytes, memory-mapped once for all processes."""

from __future__ import annotations

import mmap
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from vcfjobs.errors import VcfJobsError
from vcfjobs.vrs.digests import refget_accession
from vcfjobs.vrs.sequences.accessions import canonical
from vcfjobs.vrs.sequences.fasta import FastaError, read_fasta, write_flat

__all__ = [
    "FastaError",
    "FlatSequence",
    "Reference",
    "SequenceFileError",
    "aliases",
    "canonical",
    "read_fasta",
    "write_flat",
]

_MITOCHONDRION = ("MT", "chrM", "M", "chrMT")
_CHROMOSOME = re.compile(r"(chr)?([0-9A-Za-z]{1,5})")


# A mapping keeps a file descriptor open, and an assembly has thousands of short contigs: those are read.
SMALLEST_MAPPED = 1 << 18


class SequenceFileError(VcfJobsError, code="SEQUENCE_FILE", title="Reference sequence not readable"):
    """The file of a registered sequence is missing, or its size is not the registered one."""


class FlatSequence:
    """The upper-case residues of a contig; a slice, in inter-residue coordinates, gives bytes."""

    __slots__ = ("accession", "bases")

    def __init__(self, accession: str, bases: mmap.mmap | bytes) -> None:
        self.accession = accession
        self.bases = bases

    @classmethod
    def from_bytes(cls, bases: bytes, accession: str | None = None) -> FlatSequence:
        """A sequence in memory; its accession is computed unless it is given."""
        upper = bytes(bases).upper()
        return cls(accession or refget_accession(upper), upper)

    @classmethod
    def open(cls, path: Path, accession: str, length: int) -> FlatSequence:
        """Open the file of a sequence of `length` residues, and map a large one. Raises SequenceFileError."""
        try:
            with open(path, "rb") as file:
                size = file.seek(0, 2)
                if size < SMALLEST_MAPPED:
                    file.seek(0)
                    bases: mmap.mmap | bytes = file.read()
                else:
                    bases = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except OSError as error:
            raise SequenceFileError(f"The sequence {accession} cannot be read.") from error
        if size != length:
            raise SequenceFileError(
                f"The file of sequence {accession} has not the {length:,} residues it had."
            )
        return cls(accession, bases)

    def is_whole(self) -> bool:
        """Whether every residue can still be read.

        The kernel kills a process (SIGBUS) that reads mapped residues beyond the end of a file that was
        truncated. A file that was removed keeps its residues as long as it is mapped.
        """
        return not isinstance(self.bases, mmap.mmap) or self.bases.size() == len(self.bases)

    def __len__(self) -> int:
        return len(self.bases)

    def __getitem__(self, interval: slice) -> bytes:
        return self.bases[interval]

    def __repr__(self) -> str:
        return f"FlatSequence({self.accession}, {len(self):,} residues)"


@dataclass
class Reference:
    """An assembly: its contigs by each name and alias."""

    assembly: str
    contigs: Mapping[str, FlatSequence]


def aliases(name: str) -> list[str]:
    """The other names of a contig in the two naming styles: 1/chr1, X/chrX, MT/chrM/M/chrMT."""
    if name in _MITOCHONDRION:
        return [other for other in _MITOCHONDRION if other != name]
    match = _CHROMOSOME.fullmatch(name)
    if match is None:
        return []
    prefix, bare = match.groups()
    return [bare] if prefix else [f"chr{bare}"]
