"""A small FASTA and a VCF on it, and `vrs-annotate` in this process and in one of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import PROJECT, TINY_CONTIG
from tests.factories import VCF
from vcfjobs.command_line.vrs_annotate import main

FASTA = f">chr1 first\n{TINY_CONTIG}\n>chrM\n{TINY_CONTIG[::-1]}\n".encode()

Annotate = Callable[..., int]
Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def fasta(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.fa"
    path.write_bytes(FASTA)
    return path


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in.vcf"
    path.write_bytes(VCF)
    return path


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def annotate(fasta: Path, cache: Path) -> Annotate:
    """Call `vrs-annotate` on the small FASTA; its exit code."""

    def call(*arguments: str | Path) -> int:
        return main([*map(str, arguments), "--fasta", str(fasta), "--cache", str(cache)])

    return call


@pytest.fixture
def start(fasta: Path, cache: Path) -> Start:
    """Start `vrs-annotate` on the small FASTA in a process group of its own."""

    def begin(*arguments: str | Path) -> subprocess.Popen[bytes]:
        words = [sys.executable, "-m", "vcfjobs.command_line.vrs_annotate", *map(str, arguments)]
        pipe = subprocess.PIPE
        environment = {name: text for name, text in os.environ.items() if not name.startswith("DJANGO_")}
        return subprocess.Popen(
            [*words, "--fasta", str(fasta), "--cache", str(cache)],
            cwd=PROJECT,
            env=environment,
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            start_new_session=True,
            # As from a terminal: what is started in a script's background ignores Ctrl-C.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    return begin
