"""Remove a reference assembly."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from vcfjobs.management.command_line import one_sentence
from vcfjobs.references.register import remove_reference


class Command(BaseCommand):
    help = (
        "Remove a registered assembly and its sequence files. Refused while queued or running runs use it. "
        "Registered alleles stay."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("assembly", help="its registered name: see list_references")

    def handle(self, *args: Any, **options: Any) -> None:
        name = options["assembly"]
        with one_sentence(f"{name} is not removed"):
            left = remove_reference(name)
        self.stdout.write(f"{name} removed.")
        if left:
            self.stdout.write(
                f"{left:,} of its sequence files stay while runs are running. "
                "The next load_reference or remove_reference deletes them."
            )
