"""The alleles of a chunk as columns, for a bulk load, and as rows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from vcfjobs.vrs.vcf.alleles import AlleleRow

DIGEST_BYTES = 24
# Columns of `columns`. LITERAL and LITERAL_SIZE say where a literal state lies in `residues`, LENGTH and
# SUBUNIT are a reference-length state: -1 in the pair that the allele does not have.
CONTIG, START, END, LITERAL, LITERAL_SIZE, LENGTH, SUBUNIT = range(7)


class AlleleBatch:
    """The alleles with an identifier of one chunk, in inter-residue coordinates.

    digests     n x 24 uint8
    columns     n x 7 int64; CONTIG is an index into `accessions`
    residues    the literal states, one behind the other
    rows        the few alleles that the pure engine placed
    """

    def __init__(
        self,
        digests: NDArray[np.uint8],
        columns: NDArray[np.int64],
        accessions: list[str],
        residues: bytes,
        rows: list[AlleleRow],
    ) -> None:
        self.digests = digests
        self.columns = columns
        self.accessions = accessions
        self.residues = residues
        self.rows = rows

    def __len__(self) -> int:
        return len(self.digests) + len(self.rows)

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
        yield from self.rows
