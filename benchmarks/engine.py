"""Our engine on one core against the reference implementation, gtars, and the work that bcftools does.

The sequence is in memory on both sides, but for bcftools, which is timed as a whole command, as ours is then.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from benchmarks import generate
from benchmarks.measure import PROJECT, Figure, in_turn, one_core, run, wall

RECORDS = 400_000
MANY = 200_000
MOST = 1_000_000
REQUIRED = 100.0
PEER = PROJECT / ".venv-bench"
_VRS = re.compile(rb"VRS_[^\t\n]*")


def figures() -> list[Figure]:
    """Records or alleles a second of both sides on the same sites-only files."""
    one_core()
    generate.DATA.mkdir(parents=True, exist_ok=True)
    sequence = generate.contig(5_000_000)
    fasta = generate.DATA / "contig.fa"
    fasta.write_bytes(b">chr1\n" + sequence + b"\n")
    return [
        _against_the_reference(fasta, sequence),
        _against_gtars(fasta, sequence),
        _against_bcftools(fasta, sequence),
    ]


def _against_the_reference(fasta: Path, sequence: bytes) -> Figure:
    """Identifiers and attributes; the VRS fields of both sides are the same."""
    vcf = generate.sites_only(generate.DATA / f"sites.{RECORDS}.vcf", sequence, RECORDS)
    ours, theirs = generate.DATA / "ours.vcf", generate.DATA / "theirs.vcf"
    program = str(PROJECT / "benchmarks" / "peer_annotator.py")
    seconds, peer_seconds, ratio = in_turn(
        lambda: _annotate(fasta, vcf, ours),
        lambda: float(run([str(_peer_python()), program, str(fasta), str(vcf), str(theirs)]).split()[-1]),
    )
    _require_equal(ours, theirs)
    return Figure(
        "records/s, identifiers and attributes, sites only, one core; peer: ga4gh.vrs 2.3.3",
        f"{RECORDS / seconds:,.0f}",
        f"{RECORDS / peer_seconds:,.0f}",
        f"{ratio:.1f}",
        f">= {REQUIRED:.0f} times",
        ratio >= REQUIRED,
    )


def _against_gtars(fasta: Path, sequence: bytes) -> Figure:
    """Identifiers of ALT alleles; ours are also written, gtars' only returned."""
    vcf = generate.sites_only(generate.DATA / f"sites.{MANY}.vcf", sequence, MANY)
    alleles = sum(line.split(b"\t")[4].count(b",") + 1 for line in _records(vcf))
    program = str(PROJECT / "benchmarks" / "gtars_annotator.py")

    def peer() -> float:
        seconds, identifiers = run([str(_peer_python()), program, str(fasta), str(vcf)]).split()
        if int(identifiers) != alleles:
            raise SystemExit("gtars gives another number of identifiers")
        return float(seconds)

    seconds, peer_seconds, ratio = in_turn(
        lambda: _annotate(fasta, vcf, generate.DATA / "ours.vcf", "--ids-of-alts"), peer
    )
    return Figure(
        "alleles/s, identifiers of ALT alleles, one core; peer: gtars 0.10",
        f"{alleles / seconds:,.0f}",
        f"{alleles / peer_seconds:,.0f}",
        f"{ratio:.1f}",
        "> 1",
        ratio > 1,
    )


def _against_bcftools(fasta: Path, sequence: bytes) -> Figure:
    """BGZF in, BGZF out, whole commands: ours with identifiers, bcftools' normalised."""
    vcf = generate.sites_only(generate.DATA / f"sites.{MOST}.vcf.gz", sequence, MOST, bgzf=True)
    ours, theirs = generate.DATA / "ours.vcf.gz", generate.DATA / "theirs.vcf.gz"
    command = [sys.executable, "-m", "vcfjobs.command_line.vrs_annotate"]
    annotate = [*command, str(vcf), "-o", str(ours), "--fasta", str(fasta)]
    normalise = ["bcftools", "norm", "-f", str(fasta), "-Oz", "-o", str(theirs), str(vcf)]
    run(annotate)  # stores the sequence in the cache
    seconds, peer_seconds, ratio = in_turn(lambda: wall(annotate), lambda: wall(normalise))
    return Figure(
        f"seconds for {MOST:,} sites, BGZF to BGZF, one core; peer: bcftools norm -Oz",
        f"{seconds:.2f}",
        f"{peer_seconds:.2f}",
        f"{ratio:.2f}",
        "> 1",
        ratio > 1,
    )


def _annotate(fasta: Path, vcf: Path, target: Path, *options: str) -> float:
    command = [sys.executable, "-m", "benchmarks.annotate_once", str(fasta), str(vcf), str(target), *options]
    return float(run(command).split()[0])


def _records(vcf: Path) -> list[bytes]:
    return [line for line in vcf.read_bytes().splitlines() if not line.startswith(b"#")]


def _require_equal(ours: Path, theirs: Path) -> None:
    """The VRS fields of every record are the same, byte for byte."""
    mine, peers = (
        [_VRS.search(line) for line in path.read_bytes().splitlines() if not line.startswith(b"#")]
        for path in (ours, theirs)
    )
    if [found and found[0] for found in mine] != [found and found[0] for found in peers]:
        raise SystemExit("the two sides disagree on a VRS field")


def _peer_python() -> Path:
    """The reference implementation in an environment of its own, made at the first call."""
    python = PEER / "bin" / "python"
    if not (PEER / ".installed").exists():
        print("installing ga4gh.vrs with its extras into .venv-bench", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", str(PEER)], check=True)
        requirements = str(PROJECT / "requirements-bench.txt")
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", "-r", requirements], check=True)
        (PEER / ".installed").touch()
    return python
