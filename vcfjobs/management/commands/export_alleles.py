"""Write every registered allele as NDJSON."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from vcfjobs.command_line.files import STREAM, progress, writing
from vcfjobs.management.command_line import one_sentence
from vcfjobs.models import Allele
from vcfjobs.registry import queries


class Command(BaseCommand):
    help = "Write the registered alleles as NDJSON: one VRS Allele per line."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "-o",
            "--output",
            default=STREAM,
            help="the file; BGZF if the name ends in .gz; - for standard output (default)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        alleles = Allele.objects.select_related("sequence").order_by("digest")
        with (
            one_sentence("The alleles were not exported"),
            writing(options["output"]) as sink,
            progress(" alleles", queries.estimated_count()) as bar,
        ):
            for allele in alleles.iterator(chunk_size=10_000):
                sink.write(json.dumps(allele.to_vrs(), separators=(",", ":")).encode() + b"\n")
                bar.update()
