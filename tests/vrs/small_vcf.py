"""Small VCFs for the engine's tests, and one call that annotates them."""

from __future__ import annotations

import io
from collections.abc import Mapping

from vcfjobs.vrs.sequences.flat_files import FlatSequence, Reference
from vcfjobs.vrs.vcf.alleles import AlleleRow
from vcfjobs.vrs.vcf.annotate import annotate
from vcfjobs.vrs.vcf.lines import open_text
from vcfjobs.vrs.vcf.options import Options
from vcfjobs.vrs.vcf.report import Report

HEADER = b"##fileformat=VCFv4.3\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
#          0         1         2         3         4
#          0123456789012345678901234567890123456789012345
SEQUENCE = b"ACGTTGCAAGGCTTAAAAAAAAACCAGCAGCAGCTTGACNNRTAGC"


def reference(assembly: str = "X", /, **contigs: bytes) -> Reference:
    """A reference of contigs in memory; chr1 is SEQUENCE where none is given."""
    named: Mapping[str, bytes] = contigs or {"chr1": SEQUENCE}
    return Reference(assembly, {name: FlatSequence.from_bytes(bases) for name, bases in named.items()})


def run(
    content: bytes, on: Reference | None = None, options: Options | None = None
) -> tuple[bytes, list[AlleleRow], Report]:
    """Annotate a whole file: its bytes, its alleles, its report."""
    total, data = Report(), []
    alleles: list[AlleleRow] = []
    for chunk in annotate(open_text(io.BytesIO(content)), on or reference(), options or Options()):
        data.append(chunk.data)
        alleles += chunk.alleles
        total.merge(chunk.report)
    return b"".join(data), alleles, total


def record(ref: str, alt: str, pos: int = 1, info: str = ".", chrom: str = "chr1") -> bytes:
    """One record of eight columns."""
    return f"{chrom}\t{pos}\t.\t{ref}\t{alt}\t.\t.\t{info}\n".encode()


def info_of(
    ref: str,
    alt: str,
    pos: int = 1,
    info: str = ".",
    chrom: str = "chr1",
    options: Options | None = None,
    on: Reference | None = None,
) -> str:
    """INFO of one annotated record."""
    known = record("A", "C") if on is None and chrom != "chr1" else b""
    data, _, _ = run(HEADER + known + record(ref, alt, pos, info, chrom), on, options)
    return data.splitlines()[-1].split(b"\t")[7].decode()


def fields(info: str) -> dict[str, str]:
    """INFO's entries by name; a flag has an empty value."""
    return {name: value for name, _, value in (entry.partition("=") for entry in info.split(";"))}
