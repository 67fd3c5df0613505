"""A registered assembly as one FASTA with its index, of which any bytes can be read; it is not stored."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

from vcfjobs.models import Assembly, Contig
from vcfjobs.references.assemblies import open_assembly, resolve_assembly
from vcfjobs.vrs.sequences.flat_files import FlatSequence

PIECE_BYTES = 1 << 18


class AssemblyFasta:
    """The FASTA of an assembly, in the order of its contigs: a header and all residues on one line each.

    `index` is that of samtools faidx, `size` in bytes; `digest` changes with the bytes.
    """

    def __init__(self, assembly: Assembly) -> None:
        self.assembly = assembly
        self._records: list[tuple[int, str]] = []  # where each begins, and its contig
        self.size = 0
        lines, digest = [], hashlib.sha256()
        contigs = Contig.objects.filter(assembly=assembly).order_by("ordinal")
        for name, length, content in contigs.values_list("name", "sequence__length", "content"):
            self._records.append((self.size, name))
            residues = self.size + len(_header(name))
            lines.append(f"{name}\t{length}\t{residues}\t{length}\t{length + 1}\n")
            digest.update(f"{name}\t{content}\n".encode())
            self.size = residues + length + 1
        self.index = "".join(lines).encode()
        self.digest = digest.hexdigest()

    def read_range(self, start: int, stop: int) -> Iterator[bytes]:
        """The bytes [start, stop), in pieces. Raises DamagedReferenceError."""
        contigs = open_assembly(self.assembly.name).contigs
        first = bisect_right(self._records, start, key=lambda record: record[0]) - 1
        records = self._records[max(0, first) :]
        for _, name in records[:1]:
            contigs[name]  # raises now, not when the answer has begun
        return _pieces(records, contigs, start, stop)


def _pieces(
    records: Iterable[tuple[int, str]], contigs: Mapping[str, FlatSequence], start: int, stop: int
) -> Iterator[bytes]:
    for begin, name in records:
        if begin >= stop:
            return
        position = begin
        for part in (_header(name), contigs[name], b"\n"):
            low, high = max(0, start - position), min(len(part), stop - position)
            for piece in range(low, high, PIECE_BYTES):
                yield part[piece : min(high, piece + PIECE_BYTES)]
            position += len(part)


def fasta_of(name: str) -> AssemblyFasta:
    """The FASTA of a registered assembly; one query, the rest is cached until it is replaced.

    Raises NoReferenceError and UnknownAssemblyError.
    """
    found = Assembly.objects.filter(name=name).first() or Assembly.objects.get(name=resolve_assembly(name))
    return _fasta_of(found.pk, found.created.isoformat())


@lru_cache(maxsize=8)
def _fasta_of(pk: int, created: str) -> AssemblyFasta:
    return AssemblyFasta(Assembly.objects.get(pk=pk))


def _header(name: str) -> bytes:
    return f">{name}\n".encode()
