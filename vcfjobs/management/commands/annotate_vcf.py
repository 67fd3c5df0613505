"""Annotate one file on the command line, without the service."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from vcfjobs.command_line.annotation import add_arguments, annotate_file, reference_of
from vcfjobs.command_line.failures import USAGE, CommandFailedError
from vcfjobs.command_line.fasta_cache import Say
from vcfjobs.management.command_line import one_sentence
from vcfjobs.references import assemblies
from vcfjobs.vrs.sequences.flat_files import Reference


class Command(BaseCommand):
    help = (
        "Annotate a VCF on a FASTA, which needs no database, or on a registered assembly. "
        "Exit code: 0 done, 1 failed, 2 wrong usage."
    )
    requires_system_checks = ()  # they check the service; standard error is for the summary

    def add_arguments(self, parser: ArgumentParser) -> None:
        default = settings.ANYVAR_DEFAULT_ASSEMBLY
        assembly = f"a registered assembly (default: {default}); with --fasta only its name"
        add_arguments(
            parser, assembly=assembly, fasta_required=False, vrs_version=settings.ANYVAR_VRS_VERSION
        )

    def handle(self, *args: Any, **options: Any) -> None:
        say: Say = self.stderr.write if options["verbosity"] else _silent
        with one_sentence("The assembly cannot be opened", USAGE):
            annotate_file(options, _reference(options, say), say)


def _reference(options: dict[str, Any], say: Say) -> Reference:
    if options["fasta"]:
        return reference_of(options, say)
    for name in ("accession", "cache", "canonical"):
        if options[name]:
            raise CommandFailedError(f"--{name} can only be used with --fasta.", USAGE)
    name = options["assembly"] or settings.ANYVAR_DEFAULT_ASSEMBLY
    return assemblies.open_assembly(assemblies.resolve_assembly(name))


def _silent(_: str) -> None:
    pass
