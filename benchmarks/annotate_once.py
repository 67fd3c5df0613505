"""Annotate one VCF on a FASTA of one contig, as a process to be measured; prints seconds and records."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from vcfjobs.vrs import kernel
from vcfjobs.vrs.bgzf.files import BgzfWriter
from vcfjobs.vrs.sequences.fasta import read_fasta
from vcfjobs.vrs.sequences.flat_files import FlatSequence, Reference
from vcfjobs.vrs.vcf.annotate import annotate
from vcfjobs.vrs.vcf.lines import open_text
from vcfjobs.vrs.vcf.options import Options


def main(fasta: str, source: str, target: str, which: str = "") -> None:
    """The sequence is in memory, and the kernel loaded, before the clock starts."""
    with Path(fasta).open("rb") as file:
        contigs = {name: FlatSequence.from_bytes(b"".join(parts)) for name, parts in read_fasta(file)}
    reference = Reference("bench", contigs)
    kernel.load()
    options = Options(for_ref=not which, add_vrs_attributes=not which)
    began, records = time.perf_counter(), 0
    with Path(source).open("rb") as file, Path(target).open("wb") as output:
        sink = BgzfWriter(output) if target.endswith(".gz") else output
        for chunk in annotate(open_text(file), reference, options):
            sink.write(chunk.data)
            records += chunk.report.records
        if isinstance(sink, BgzfWriter):
            sink.close()
    print(time.perf_counter() - began, records)


if __name__ == "__main__":
    main(*sys.argv[1:])
