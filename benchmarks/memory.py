"""Memory of annotating a 1 GB VCF on the command line: what it holds above its mapped reference."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import generate
from benchmarks.measure import PROJECT, Figure, anonymous_bytes

GIGABYTE = 10**9
LIMIT = 150 * 10**6
SAMPLES = 50


def figures() -> list[Figure]:
    """The peak of resident memory that no file stands behind, sampled twenty times a second."""
    sequence = generate.contig(2_000_000)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environment = os.environ | {
            "DATABASE_URL": f"sqlite:///{folder}/db.sqlite3",
            "ANYVAR_SEQUENCE_DIR": str(folder / "sequences"),
            "ANYVAR_VCF_ASYNC_WORK_DIR": str(folder / "work"),
        }
        fasta = folder / "contig.fa"
        fasta.write_bytes(b">chr1\n" + sequence + b"\n")
        for command in (["migrate", "--verbosity", "0"], ["load_reference", "bench", str(fasta)]):
            subprocess.run(
                [sys.executable, "manage.py", *command], cwd=PROJECT, env=environment, check=True, stdout=2
            )
        with subprocess.Popen(
            [
                sys.executable,
                "manage.py",
                "annotate_vcf",
                "-",
                "--assembly",
                "bench",
                "-o",
                str(folder / "out.vcf.gz"),
            ],
            cwd=PROJECT,
            env=environment,
            stdin=subprocess.PIPE,
        ) as process:
            peak = _feed(process, sequence)
    return [
        Figure(
            "MB above the mapped reference, annotate_vcf on a 1 GB VCF",
            f"{peak / 1e6:.0f}",
            "-",
            "-",
            "< 150 MB",
            peak < LIMIT,
        )
    ]


def _feed(process: subprocess.Popen[bytes], sequence: bytes) -> int:
    """Write a gigabyte of VCF into the process, and watch it."""
    assert process.stdin is not None
    genotypes = "\tGT:DP" + "\t0/1:31" * SAMPLES
    lines = "".join(f"{line}{genotypes}\n" for line in generate.records(sequence, 10_000)).encode()
    process.stdin.write(generate.header(SAMPLES).encode())
    written = peak = 0
    looked = 0.0
    while written < GIGABYTE:
        process.stdin.write(lines)
        written += len(lines)
        if time.monotonic() - looked > 0.05:
            looked = time.monotonic()
            peak = max(peak, anonymous_bytes(process.pid))
    process.stdin.close()
    if process.wait():
        raise SystemExit("annotate_vcf failed")
    return peak
