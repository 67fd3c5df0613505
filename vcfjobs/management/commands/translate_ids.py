"""Pair the identifiers of VRS 2.0 and 2.1 of the alleles of a VCF or of a list."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from vcfjobs.command_line.failures import USAGE
from vcfjobs.command_line.files import STREAM, progress, reading, size_of, writing
from vcfjobs.management.command_line import one_sentence
from vcfjobs.references import assemblies
from vcfjobs.registry.translate_list import ListTranslation
from vcfjobs.vrs import kernel
from vcfjobs.vrs.vcf.lines import TextSource, open_lines
from vcfjobs.vrs.vcf.translate import VcfTranslation

COLUMN_NAMES = b"VRS_2.0\tVRS_2.1\n"


class Command(BaseCommand):
    help = (
        "Write the identifiers that differ between VRS 2.0 and 2.1, as pairs: those of insertions into "
        "repeats. Exit code: 0 done, 1 failed, or no identifier of the input is known, 2 wrong usage."
    )
    requires_system_checks = ()  # they check the service; standard error is for the summary

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "input",
            help="a VCF (plain, gzip or BGZF), or a text of registered identifiers, one a line; - for "
            "standard input",
        )
        parser.add_argument(
            "-o",
            "--output",
            default=STREAM,
            help="the tab-separated pairs; BGZF if the name ends in .gz; - for standard output (default)",
        )
        parser.add_argument(
            "--assembly",
            default=settings.ANYVAR_DEFAULT_ASSEMBLY,
            help="the registered assembly of a VCF (default: %(default)s)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        written: set[str] = set()  # in memory, about a hundred bytes a pair
        with (
            one_sentence("The identifiers were not translated"),
            reading(options["input"]) as source,
            writing(options["output"]) as sink,
            progress("B", size_of(source)) as bar,
        ):
            text = open_lines(source)
            translation = (
                _vcf_translation(text, options["assembly"]) if text.is_vcf else ListTranslation(text)
            )
            sink.write(COLUMN_NAMES)
            for pairs in translation.pairs():
                new = {one: other for one, other in pairs if one not in written}  # each once, in order
                sink.write("".join(f"{one}\t{other}\n" for one, other in new.items()).encode())
                written.update(new)
                bar.update(text.compressed_bytes - bar.n)
        if options["verbosity"]:
            self.stderr.write("\n".join([*_summary(translation), f"pairs that differ: {len(written):,}"]))


def _vcf_translation(text: TextSource, assembly: str) -> VcfTranslation:
    with one_sentence("The assembly cannot be opened", USAGE):
        reference = assemblies.open_assembly(assemblies.resolve_assembly(assembly))
    kernel.load()
    return VcfTranslation(text, reference)


def _summary(translation: VcfTranslation | ListTranslation) -> list[str]:
    if isinstance(translation, VcfTranslation):
        return [
            f"records: {translation.report.records:,}",
            f"identifiers in the file: {translation.identifiers:,}",
            f"identifiers of neither version: {translation.of_neither:,}",
        ]
    lines = [f"identifiers: {translation.identifiers:,}", f"not registered: {translation.unknown:,}"]
    lines += [f"  {identifier}" for identifier in translation.named]
    if translation.unknown > len(translation.named):
        lines.append("  …")
    if translation.undecided:
        lines.append(f"without a registered reference, left out: {translation.undecided:,}")
    return lines
