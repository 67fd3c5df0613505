"""Give the runs of one owner to another."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError

from vcfjobs.accounts import listed_tokens
from vcfjobs.command_line.failures import USAGE
from vcfjobs.management.command_line import one_sentence
from vcfjobs.runs.adoption import adopt_runs
from vcfjobs.runs.owners import owner_of_account


class Command(BaseCommand):
    help = (
        "Give all runs of one owner to another, for example when a token of ANYVAR_AUTH_TOKEN_LIST gets a "
        "name, or a person an account."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--from",
            dest="source",
            metavar="OWNER",
            required=True,
            help='the owner as the admin shows it: token:0123456789abcdef; "" for runs of an open service',
        )
        parser.add_argument(
            "--to",
            dest="target",
            metavar="NAME",
            required=True,
            help="the name of an account, or of a token in ANYVAR_AUTH_TOKEN_LIST",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        with one_sentence("The runs are not adopted"):
            target = _owner_named(options["target"])
            done = adopt_runs(source=options["source"], target=target)
        self.stdout.write(f"{done.runs:,} runs are now those of {target}.")
        if done.renamed:
            self.stdout.write(
                f"{done.renamed:,} of them lost their run_id, which a run of {target} has; they are found by "
                "their keys."
            )


def _owner_named(name: str) -> str:
    """The owner that has this name, or is written so. Raises CommandError unless there is exactly one."""
    known = {owner_of_account(pk): called for pk, called in User.objects.values_list("pk", "username")}
    known |= {f"token:{called}": called for called in listed_tokens.names(settings.ANYVAR_AUTH_TOKEN_LIST)}
    found = [owner for owner, called in known.items() if name in (owner, called)]
    if not found:
        raise CommandError(
            f"{name} is neither an account nor a name in ANYVAR_AUTH_TOKEN_LIST.", returncode=USAGE
        )
    if len(found) > 1:
        raise CommandError(f"{name} names several owners: say {' or '.join(found)}.", returncode=USAGE)
    return found[0]
