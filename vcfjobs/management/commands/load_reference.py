"""Register a FASTA as a reference assembly."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from vcfjobs.command_line.files import STREAM, progress, reading, size_of
from vcfjobs.command_line.reference import accession_pairs
from vcfjobs.management.command_line import one_sentence
from vcfjobs.references.contigs import deviation
from vcfjobs.references.register import load_reference


class Command(BaseCommand):
    help = "Register a FASTA as a reference assembly. Exit code: 0 done, 1 failed, 2 wrong usage."
    requires_system_checks = ()  # one of them asks for this command

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("assembly", help="its name, for example GRCh38")
        parser.add_argument("fasta", help="the FASTA: plain, gzip or BGZF; - for standard input")
        parser.add_argument(
            "--accession",
            action="append",
            default=[],
            metavar="NAME=SQ.…",
            help="the refget accession of contig NAME, for a masked copy of that sequence; may be repeated",
        )
        parser.add_argument(
            "--canonical",
            action="store_true",
            help="use the canonical accession of every contig whose name and length are known",
        )
        parser.add_argument("--replace", action="store_true", help="replace the assembly of that name")
        parser.add_argument(
            "--force-unknown",
            action="store_true",
            help="register contigs under GRCh38, GRCh37 or an alias although they are not of that build",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        name, path = options["assembly"], options["fasta"]
        began = time.monotonic()
        with (
            one_sentence(f"{name} is not registered"),
            reading(path) as fasta,
            progress("B", size_of(fasta), desc=name) as bar,
        ):
            report = load_reference(
                name=name,
                fasta=fasta,
                source="standard input" if path == STREAM else Path(path).name,
                accessions=accession_pairs(options["accession"]),
                canonical=options["canonical"],
                replace=options["replace"],
                force_unknown=options["force_unknown"],
                on_progress=lambda bases: bar.update(fasta.tell() - bar.n if fasta.seekable() else bases),
            )
        seconds = time.monotonic() - began
        for contig in report.contigs:
            if contig.deviates:
                self.stderr.write(self.style.WARNING(deviation(contig)))
        state = "is already registered" if report.already_there else "registered"
        bases = sum(contig.length for contig in report.contigs)
        self.stdout.write(
            f"{name} {state}: {len(report.contigs):,} contigs, {bases:,} bases, {seconds:.1f} s"
        )
        if report.left_for_later:
            self.stdout.write(
                f"{report.left_for_later:,} sequence files of the replaced assembly stay while runs are "
                "running. The next load_reference or remove_reference deletes them."
            )
