"""How large a tabix index becomes by the lengths that records claim.

htslib makes the linear index of a contig as long as its longest record is by END, SVLEN or LEN: up to 32,768
windows of eight bytes, whatever the contig's true length. Thousands of contigs with one record each would so
make gigabytes out of a small file.
"""

from __future__ import annotations

import re

from vcfjobs.vrs.vcf.annotate import Chunk
from vcfjobs.vrs.vcf.report import MOST_WINDOWS, WINDOW_SHIFT, Report

# Of a contig; tabix counts positions up to 2^29.
MOST_OF_A_CONTIG = 1 << (29 - WINDOW_SHIFT)
# So many contigs may have the longest index there is.
FREE_CONTIGS = MOST_WINDOWS // MOST_OF_A_CONTIG
# In decimal ten million and more, in hexadecimal, which htslib reads too, a million and more.
_LONG = re.compile(rb"[0-9]{8}|0[xX][0-9A-Fa-f]{6}")


class LongRecords:
    """The contigs of a file with more than FREE_CONTIGS that claim a record of millions of bases."""

    def __init__(self) -> None:
        self._contigs: set[bytes] = set()

    def take(self, chunk: Chunk, so_far: Report) -> None:
        """Look through a chunk; `so_far` is the report of the file up to its end."""
        if so_far.order is None or len(so_far.order) <= FREE_CONTIGS:
            return
        for line in chunk.data.split(b"\n"):
            if (b"END=" in line or b"LEN" in line) and _LONG.search(line):
                self._contigs.add(line.partition(b"\t")[0])

    @property
    def windows(self) -> int:
        """The windows that their indexes may have at most."""
        return len(self._contigs) * MOST_OF_A_CONTIG
