"""Register a FASTA as a reference assembly."""

from __future__ import annotations

import os
import sys
import time
from argparse import ArgumentParser
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError
from tqdm import tqdm

from vcfjobs.errors import VcfJobsError
from vcfjobs.management.tidy import tidy_end
from vcfjobs.references.assemblies import LoadedContig
from vcfjobs.references.register import LoadReport, load_reference


class Command(BaseCommand):
    """manage.py load_reference ASSEMBLY FASTA"""

    help = "Register a FASTA (plain, gzip or bgzip; - for standard input) as a reference assembly."
    requires_system_checks = ()  # one of them asks for this very command

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The command line."""
        parser.add_argument("assembly", help="its name, GRCh38 for example")
        parser.add_argument("fasta", help="path of the FASTA, or -")
        parser.add_argument(
            "--accession",
            action="append",
            default=[],
            metavar="NAME=SQ.…",
            help="the refget accession that contig NAME stands for, where its bytes are masked or partial",
        )
        parser.add_argument(
            "--canonical",
            action="store_true",
            help="take the canonical accession of every contig whose name and length are known",
        )
        parser.add_argument("--replace", action="store_true", help="replace an assembly of that name")

    def handle(self, *args: Any, **options: Any) -> None:
        """Read, register, and say what deviates from the canonical sequences."""
        accessions = dict(_pair(text) for text in options["accession"])
        began = time.monotonic()
        with tidy_end(), ExitStack() as stack:
            fasta, size = _open(options["fasta"], stack)
            bar = stack.enter_context(
                tqdm(
                    total=size,
                    unit="B",
                    unit_scale=True,
                    desc=options["assembly"],
                    file=sys.stderr,
                    disable=not sys.stderr.isatty(),
                )
            )

            def show(bases: int) -> None:
                bar.update(fasta.tell() - bar.n if fasta.seekable() else bases)

            try:
                report = load_reference(
                    name=options["assembly"],
                    fasta=fasta,
                    source="standard input" if options["fasta"] == "-" else Path(options["fasta"]).name,
                    accessions=accessions,
                    canonical=options["canonical"],
                    replace=options["replace"],
                    on_progress=show,
                )
            except VcfJobsError as error:
                raise CommandError(error.sentence) from error
            except OSError as error:
                raise CommandError(f"{options['assembly']} is not registered: {error.strerror}.") from error
            except DatabaseError as error:
                raise CommandError(
                    f"The database does not take it ({error}). Run: manage.py migrate"
                ) from error
        self._say(report, time.monotonic() - began)

    def _say(self, report: LoadReport, seconds: float) -> None:
        for contig in report.contigs:
            if contig.deviates:
                self.stderr.write(self.style.WARNING(_deviation(contig)))
        state = "is already registered" if report.already_there else "registered"
        self.stdout.write(
            f"{report.assembly} {state}: {len(report.contigs):,} contigs, "
            f"{report.bases:,} bases, {seconds:.1f} s"
        )
        if report.left_for_later:
            self.stdout.write(
                f"{report.left_for_later:,} sequence files of the replaced assembly stay, for runs are using "
                "them; the next load_reference removes them."
            )


def _deviation(contig: LoadedContig) -> str:
    """What an operator must know about a contig whose bytes are not the canonical ones."""
    own = f"Contig {contig.name}: the file's own accession is {contig.content}, the canonical one is"
    if contig.accession == contig.canonical:
        return f"{own} {contig.canonical}, which is taken as asked."
    if contig.accession == contig.content:
        return (
            f"{own} {contig.canonical}. The file's own is taken, so identifiers on it are not those of other "
            f"services. If it is a masked copy: --accession {contig.name}={contig.canonical} or --canonical."
        )
    return f"{own} {contig.canonical}; {contig.accession} is taken as asked."


def _pair(text: str) -> tuple[str, str]:
    name, separator, accession = text.rpartition("=")
    if not separator or not name:
        raise CommandError(f"--accession takes NAME=SQ.…, not {text!r}.")
    return name, accession


def _open(path: str, stack: ExitStack) -> tuple[BinaryIO, int | None]:
    """The FASTA and its size in bytes, where that is known."""
    if path == "-":
        return sys.stdin.buffer, None
    try:
        file = stack.enter_context(Path(path).open("rb"))  # noqa: SIM115
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}.") from error
    return file, os.fstat(file.fileno()).st_size
