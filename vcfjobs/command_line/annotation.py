"""What `vrs-annotate` and `manage.py annotate_vcf` have in common: their options, and the work."""

from __future__ import annotations

import time
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from vcfjobs.command_line import fasta_cache, tables
from vcfjobs.command_line.failures import one_sentence
from vcfjobs.command_line.fasta_cache import Say
from vcfjobs.command_line.files import progress, reading, size_of
from vcfjobs.command_line.reference import accession_pairs, open_fasta
from vcfjobs.command_line.threads import annotate_by
from vcfjobs.vrs import kernel, versions
from vcfjobs.vrs.bgzf.blocks import END_BLOCK
from vcfjobs.vrs.sequences.flat_files import Reference
from vcfjobs.vrs.vcf.lines import open_text
from vcfjobs.vrs.vcf.options import Options
from vcfjobs.vrs.vcf.report import Report
from vcfjobs.vrs.versions import RELEASES


def add_arguments(
    parser: ArgumentParser, *, assembly: str, fasta_required: bool, vrs_version: str = versions.DEFAULT
) -> None:
    """Add the options; `assembly` is the help of --assembly."""
    parser.add_argument("input", help="the VCF: plain, gzip, BGZF or BCF; - for standard input")
    parser.add_argument(
        "-o",
        "--output",
        help="the annotated VCF; BGZF if the name ends in .gz; - for standard output "
        "(default, unless a table is asked for)",
    )
    tables.add_arguments(parser)
    parser.add_argument(
        "--fasta",
        required=fasta_required,
        help="the reference: plain, gzip or BGZF; it is stored in the cache folder at the first use",
    )
    parser.add_argument("--assembly", help=assembly)
    parser.add_argument(
        "--accession",
        action="append",
        default=[],
        metavar="NAME=SQ.…",
        help="with --fasta: the refget accession of contig NAME, for a masked copy of that sequence; "
        "may be repeated",
    )
    parser.add_argument(
        "--canonical",
        action="store_true",
        help="with --fasta: use the canonical accession of every contig whose name and length are known",
    )
    parser.add_argument(
        "--cache",
        type=Path,
        metavar="FOLDER",
        help="where --fasta is stored (default: vcfjobs-references in $XDG_CACHE_HOME or ~/.cache)",
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
        default=vrs_version,
        help="the version of VRS whose identifiers are written (default: %(default)s)",
    )
    parser.add_argument(
        "--threads",
        type=_threads,
        default=1,
        metavar="N",
        help="threads that annotate; the output's text is the same for every number (default: %(default)s)",
    )


def _threads(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not int(text):
        raise ArgumentTypeError(f"{text!r} is not a number of threads")
    return int(text)


def reference_of(options: Mapping[str, Any], say: Say) -> Reference:
    """The reference that --fasta names. Raises CommandFailedError."""
    return open_fasta(
        options["fasta"],
        cache=options["cache"] or fasta_cache.default_cache(),
        assembly=options["assembly"],
        accessions=accession_pairs(options["accession"]),
        canonical=options["canonical"],
        say=say,
    )


def annotate_file(options: Mapping[str, Any], reference: Reference, say: Say) -> None:
    """Annotate the file; the summary is told to `say`. Raises CommandFailedError."""
    with one_sentence("The file was not annotated"):
        kernel.load(announce=say)
        began = time.monotonic()
        report = _annotate(options, reference)
    say(_summary(report, time.monotonic() - began))


def _annotate(options: Mapping[str, Any], reference: Reference) -> Report:
    wanted = Options(
        for_ref=not options["no_for_ref"],
        add_vrs_attributes=options["add_vrs_attributes"],
        vrs_version=options["vrs_version"],
    )
    report = Report()
    with (
        reading(options["input"]) as source,
        tables.outputs(options) as (write, bgzf),
        progress("B", size_of(source)) as bar,
        closing(annotate_by(options["threads"], open_text(source), reference, wanted, bgzf=bgzf)) as chunks,
    ):
        for chunk in chunks:
            write(chunk.data)
            report.merge(chunk.report)
            bar.update(chunk.compressed_bytes - bar.n)
        if bgzf:
            write(END_BLOCK)
    return report


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
