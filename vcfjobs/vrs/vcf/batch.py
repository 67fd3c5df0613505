"""Alleles as columns, for a bulk load, and as rows."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

from vcfjobs.vrs.digests import DIGEST_BYTES
from vcfjobs.vrs.vcf.alleles import AlleleRow

# Columns of `columns`. LITERAL and LITERAL_SIZE say where a literal state lies in `residues`, LENGTH and
# SUBUNIT are a reference-length state: -1 in the pair that the allele does not have.
CONTIG, START, END, LITERAL, LITERAL_SIZE, LENGTH, SUBUNIT = range(7)
COLUMNS = 7


class AlleleBatch:
    """Alleles with an identifier, in inter-residue coordinates.

    digests     n x 24 uint8
    columns     n x 7 int64; CONTIG is an index into `accessions`
    residues    the literal states, one behind the other
    """

    def __init__(
        self,
        digests: NDArray[np.uint8],
        columns: NDArray[np.int64],
        accessions: list[str],
        residues: bytes,
    ) -> None:
        self.digests = digests
        self.columns = columns
        self.accessions = accessions
        self.residues = residues

    @classmethod
    def from_rows(cls, rows: Collection[AlleleRow]) -> Self:
        """The columns of alleles that came one by one."""
        accessions: dict[str, int] = {}
        digests, residues, size = [], [], 0
        columns = []
        for digest, accession, start, end, literal, length, subunit in rows:
            digests.append(digest)
            contig = accessions.setdefault(accession, len(accessions))
            if literal is None:
                columns.append((contig, start, end, -1, -1, length or 0, subunit or 0))
            else:
                columns.append((contig, start, end, size, len(literal), -1, -1))
                residues.append(literal)
                size += len(literal)
        packed = np.frombuffer(b"".join(digests), np.uint8).reshape(-1, DIGEST_BYTES)
        table = np.array(columns, np.int64).reshape(-1, COLUMNS)
        return cls(packed, table, list(accessions), "".join(residues).encode())

    @classmethod
    def joined(cls, batches: Sequence[AlleleBatch]) -> Self:
        """All of them in one."""
        accessions: dict[str, int] = {}
        columns, offset = [], 0
        for batch in batches:
            numbers = [accessions.setdefault(name, len(accessions)) for name in batch.accessions]
            part = batch.columns.copy()
            part[:, CONTIG] = np.array(numbers, np.int64)[part[:, CONTIG]] if len(part) else 0
            part[part[:, LITERAL] >= 0, LITERAL] += offset
            offset += len(batch.residues)
            columns.append(part)
        return cls(
            np.concatenate([batch.digests for batch in batches]),
            np.concatenate(columns),
            list(accessions),
            b"".join(batch.residues for batch in batches),
        )

    def by_digest(self) -> Self:
        """The same alleles, each once, sorted by digest."""
        _, order = np.unique(self.digests.view(f"S{DIGEST_BYTES}").ravel(), return_index=True)
        return type(self)(self.digests[order], self.columns[order], self.accessions, self.residues)

    def __getitem__(self, part: slice | NDArray[np.int64]) -> Self:
        """Some of the alleles: a view of a slice, or those of these indices."""
        return type(self)(self.digests[part], self.columns[part], self.accessions, self.residues)

    def __len__(self) -> int:
        return len(self.digests)

    def __contains__(self, row: object) -> bool:
        return any(row == each for each in self)

    def __iter__(self) -> Iterator[AlleleRow]:
        """All of them as rows."""
        digests, residues, accessions = self.digests.tobytes(), self.residues, self.accessions
        for number, row in enumerate(self.columns.tolist()):
            contig, start, end, literal, size, length, subunit = row
            digest = digests[DIGEST_BYTES * number : DIGEST_BYTES * (number + 1)]
            if size < 0:
                yield digest, accessions[contig], start, end, None, length, subunit
            else:
                text = residues[literal : literal + size].decode()
                yield digest, accessions[contig], start, end, text, None, None
