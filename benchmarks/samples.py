"""A file of 1,000 samples, BGZF in and BGZF out, against bcftools copying it: whole processes, one core."""

from __future__ import annotations

import shutil
import sys

from benchmarks import generate
from benchmarks.measure import Figure, in_turn, one_core, wall

RECORDS, SAMPLES = 5_000, 1_000


def figures() -> list[Figure]:
    """Seconds of both on the same file; ours annotates, bcftools reads and writes."""
    one_core()
    sequence = generate.contig(2_000_000)
    fasta = generate.DATA / "contig.fa"
    fasta.parent.mkdir(parents=True, exist_ok=True)
    fasta.write_bytes(b">chr1\n" + sequence + b"\n")
    vcf = generate.with_samples(generate.DATA / f"samples.{SAMPLES}.vcf.gz", sequence, RECORDS, SAMPLES)
    bcftools = shutil.which("bcftools")
    if bcftools is None:
        print("skipped: bcftools is not installed", file=sys.stderr)
        return []
    ours = [
        sys.executable,
        "-m",
        "benchmarks.annotate_once",
        str(fasta),
        str(vcf),
        str(generate.DATA / "ours.vcf.gz"),
    ]
    theirs = [bcftools, "view", "--no-version", "-Oz", "-o", str(generate.DATA / "theirs.vcf.gz"), str(vcf)]
    seconds, peer_seconds, ratio = in_turn(lambda: wall(ours), lambda: wall(theirs))
    return [
        Figure(
            f"seconds for {RECORDS:,} records of {SAMPLES:,} samples, BGZF to BGZF; peer: bcftools view -Oz",
            f"{seconds:.2f}",
            f"{peer_seconds:.2f}",
            f"{ratio:.1f}",
            "faster",
            ratio > 1,
        )
    ]
