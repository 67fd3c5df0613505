"""Write every registered allele as NDJSON."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TextIO

from django.core.management.base import BaseCommand
from tqdm import tqdm

from vcfjobs.models import Allele
from vcfjobs.registry import queries

CHUNK = 10_000


class Command(BaseCommand):
    """manage.py export_alleles [-o FILE]"""

    help = "Write the registered alleles, one VRS Allele as JSON a line (- for standard output)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The command line."""
        parser.add_argument("-o", "--output", default="-")

    def handle(self, *args: Any, **options: Any) -> None:
        """Stream: neither the database nor this process holds all of them at once."""
        alleles = Allele.objects.select_related("sequence").order_by("digest")
        bar = tqdm(
            alleles.iterator(chunk_size=CHUNK),
            total=queries.estimated_count(),
            unit=" alleles",
            file=sys.stderr,
            disable=not sys.stderr.isatty(),
        )
        with ExitStack() as stack:
            file: TextIO = sys.stdout
            if options["output"] != "-":
                file = stack.enter_context(Path(options["output"]).open("w", encoding="ascii"))
            for allele in bar:
                file.write(json.dumps(allele.to_vrs(), separators=(",", ":")) + "\n")
