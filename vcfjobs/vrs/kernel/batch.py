"""The alleles of a chunk as columns, for a bulk load, and as rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vcfjobs.vrs.vcf.substitutions import AlleleRow


class AlleleColumns(NamedTuple):
    """Columns of n alleles, in inter-residue coordinates.

    digest      n x 24 uint8
    contig      n int64, index into `accessions`
    start, end  n int64
    literal     n int64, offset of a literal state's residues in `residues`
    literal_size  n int64, their number; -1 for a reference-length state
    length, subunit  n int64, of a reference-length state; -1 for a literal
    """

    digest: NDArray[np.uint8]
    contig: NDArray[np.int64]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    literal: NDArray[np.int64]
    literal_size: NDArray[np.int64]
    length: NDArray[np.int64]
    subunit: NDArray[np.int64]
    accessions: list[str]
    residues: bytes


class AlleleBatch:
    """Alleles with an identifier: `columns`, and the few `rows` that came from the pure engine."""

    def __init__(self, columns: AlleleColumns, rows: list[AlleleRow]) -> None:
        self.columns = columns
        self.rows = rows

    def __len__(self) -> int:
        return len(self.columns.digest) + len(self.rows)

    def __iter__(self) -> Iterator[AlleleRow]:
        """All of them as rows."""
        columns = self.columns
        digests, residues, accessions = columns.digest.tobytes(), columns.residues, columns.accessions
        numbers = zip(*(column.tolist() for column in columns[1:8]), strict=True)
        for at, (contig, start, end, literal, size, length, subunit) in enumerate(numbers):
            digest, accession = digests[24 * at : 24 * at + 24], accessions[contig]
            if size < 0:
                yield digest, accession, start, end, None, length, subunit
            else:
                text = residues[literal : literal + size].decode()
                yield digest, accession, start, end, text, None, None
        yield from self.rows
