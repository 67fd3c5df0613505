"""How a management command ends: as in `vcfjobs.command_line`, also for errors of Django and its database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management.base import CommandError
from django.db import DatabaseError

from vcfjobs.command_line import failures
from vcfjobs.command_line.failures import FAILED, CommandFailedError


@contextmanager
def one_sentence(failure: str, returncode: int = FAILED) -> Iterator[None]:
    """Turn an expected error into a CommandError; `failure` begins the sentences of disk and database."""
    try:
        with failures.one_sentence(failure, returncode):
            yield
    except CommandFailedError as error:
        raise CommandError(str(error), returncode=error.returncode) from error
    except DatabaseError as error:
        sentence = f"{failure}: the database reports an error ({error}). Run: manage.py migrate"
        raise CommandError(sentence, returncode=returncode) from error
