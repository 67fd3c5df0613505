"""Register a FASTA as a reference assembly."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from vcfjobs.management.command_line import STREAM, USAGE, one_sentence, progress, reading, size_of
from vcfjobs.references.assemblies import LoadedContig
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
        accessions = dict(_pair(text) for text in options["accession"])
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
                accessions=accessions,
                canonical=options["canonical"],
                replace=options["replace"],
                force_unknown=options["force_unknown"],
                on_progress=lambda bases: bar.update(fasta.tell() - bar.n if fasta.seekable() else bases),
            )
        seconds = time.monotonic() - began
        for contig in report.contigs:
            if contig.deviates:
                self.stderr.write(self.style.WARNING(_deviation(contig)))
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


def _deviation(contig: LoadedContig) -> str:
    """The choice that an operator has for a contig whose bytes are not the canonical ones."""
    own = f"Contig {contig.name}: the file's own accession is {contig.content}, the canonical one is"
    if contig.accession == contig.canonical:
        return f"{own} {contig.canonical}, which is used as requested."
    if contig.accession == contig.content:
        return (
            f"{own} {contig.canonical}. The file's own is used, so identifiers on it differ from those of "
            f"other services. If it is a masked copy: --accession {contig.name}={contig.canonical} or "
            "--canonical."
        )
    return f"{own} {contig.canonical}; {contig.accession} is used as requested."


def _pair(text: str) -> tuple[str, str]:
    name, separator, accession = text.rpartition("=")
    if not separator or not name:
        raise CommandError(f"--accession takes NAME=SQ.…, not {text!r}.", returncode=USAGE)
    return name, accession
