"""Our engine against the reference implementation's VCF annotator: one core, the sequence in memory."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from benchmarks import generate
from benchmarks.measure import PROJECT, Figure, in_turn, one_core, run

RECORDS = 50_000
REQUIRED = 100.0
PEER = PROJECT / ".venv-bench"
_VRS = re.compile(rb"VRS_[^\t\n]*")


def figures() -> list[Figure]:
    """Records a second of both on the same sites-only file, identifiers and attributes; same VRS fields."""
    one_core()
    python = _peer_python()
    sequence = generate.contig(2_000_000)
    fasta = generate.DATA / "contig.fa"
    fasta.parent.mkdir(parents=True, exist_ok=True)
    fasta.write_bytes(b">chr1\n" + sequence + b"\n")
    vcf = generate.sites_only(generate.DATA / f"sites.{RECORDS}.vcf", sequence, RECORDS)
    ours, theirs = generate.DATA / "ours.vcf", generate.DATA / "theirs.vcf"

    def mine() -> float:
        command = [sys.executable, "-m", "benchmarks.annotate_once", str(fasta), str(vcf), str(ours)]
        return float(run(command).split()[0])

    def peer() -> float:
        program = str(PROJECT / "benchmarks" / "peer_annotator.py")
        return float(run([str(python), program, str(fasta), str(vcf), str(theirs)]).split()[-1])

    seconds, peer_seconds, ratio = in_turn(mine, peer)
    _require_equal(ours, theirs)
    return [
        Figure(
            "records/s, identifiers and attributes, sites only, one core; peer: ga4gh.vrs 2.3.3",
            f"{RECORDS / seconds:,.0f}",
            f"{RECORDS / peer_seconds:,.0f}",
            f"{ratio:.1f}",
            f">= {REQUIRED:.0f} times",
            ratio >= REQUIRED,
        )
    ]


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
