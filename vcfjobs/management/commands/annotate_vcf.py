"""Annotate one file on the command line, without the service."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from vcfjobs.management import column_files
from vcfjobs.management.command_line import USAGE, one_sentence, progress, reading, size_of
from vcfjobs.references import assemblies
from vcfjobs.vrs import kernel
from vcfjobs.vrs.vcf.annotate import annotate
from vcfjobs.vrs.vcf.lines import open_text
from vcfjobs.vrs.vcf.options import Options
from vcfjobs.vrs.vcf.report import Report
from vcfjobs.vrs.versions import RELEASES


class Command(BaseCommand):
    help = "Annotate a VCF. Exit code: 0 done, 1 failed, 2 wrong usage."
    requires_system_checks = ()  # they check the service; standard error is for the summary

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("input", help="the VCF: plain, gzip, BGZF or BCF; - for standard input")
        parser.add_argument(
            "-o",
            "--output",
            help="the annotated VCF; BGZF if the name ends in .gz; - for standard output "
            "(default, unless a table is asked for)",
        )
        column_files.add_arguments(parser)
        parser.add_argument(
            "--assembly",
            default=settings.ANYVAR_DEFAULT_ASSEMBLY,
            help="the registered assembly of the VCF (default: %(default)s)",
        )
        parser.add_argument("--no-for-ref", action="store_true", help="write no identifiers for REF alleles")
        parser.add_argument(
            "--add-vrs-attributes",
            action="store_true",
            help="also write starts, ends, states, lengths and repeat subunit lengths",
        )

        parser.add_argument(
            "--vrs-version",
            choices=list(RELEASES),
            default=settings.ANYVAR_VRS_VERSION,
            help="the version of VRS whose identifiers are written (default: %(default)s)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        with one_sentence("The assembly cannot be opened", USAGE):
            reference = assemblies.open_assembly(assemblies.resolve_assembly(options["assembly"]))
        wanted = Options(
            for_ref=not options["no_for_ref"],
            add_vrs_attributes=options["add_vrs_attributes"],
            vrs_version=options["vrs_version"],
        )
        kernel.load()
        began = time.monotonic()
        report = Report()
        with (
            one_sentence("The file was not annotated"),
            reading(options["input"]) as source,
            column_files.writing_results(options) as write,
            progress("B", size_of(source)) as bar,
        ):
            for chunk in annotate(open_text(source), reference, wanted):
                write(chunk.data)
                report.merge(chunk.report)
                bar.update(chunk.compressed_bytes - bar.n)
        if options["verbosity"]:
            self.stderr.write(_summary(report, time.monotonic() - began))


def _summary(report: Report, seconds: float) -> str:
    speed = report.records / seconds if seconds else 0
    lines = [
        f"identifiers: VRS {report.vrs_version}",
        f"records: {report.records:,} ({speed:,.0f}/s)",
        f"alleles: {_counts(report.alleles)}",
        f"failed: {_counts(report.failed)}",
    ]
    if report.without_id:
        lines.append(f"without identifier: {_counts(report.without_id)}")
    if report.unknown_contigs:
        lines.append(f"records on unknown contigs: {_counts(report.unknown_contigs, most=10)}")
    if report.replaced:
        lines.append(f"replaced annotations of: {report.replaced}")
    return "\n".join(lines)


def _counts(counts: dict[str, int], most: int = 100) -> str:
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    more = ", …" if len(ordered) > most else ""
    return (", ".join(f"{name} {count:,}" for name, count in ordered[:most]) or "0") + more
