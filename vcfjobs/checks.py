"""System checks: what would make the service fail later is said at start, with a hint."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Info, register
from django.core.checks import Warning as CheckWarning
from django.db import DatabaseError, InterfaceError, connection
from django.db.migrations.executor import MigrationExecutor

from vcfjobs import storage
from vcfjobs.database.retry import one_line
from vcfjobs.references import assemblies
from vcfjobs.startup_checks import SETUP

# Celery waits ten seconds before it calls a child lost, and looks every second.
CHILD_LOST_SECONDS = 12


@register(SETUP)
def work_directory(**_: Any) -> Iterator[CheckMessage]:
    """The work directory is writable, and the spool is on its file system: a move is a rename."""
    with suppress(OSError):
        storage.prepare()
    if not work_directory_is_writable():
        yield Error(
            f"The work directory {storage.root()} cannot be written.",
            hint="Set ANYVAR_VCF_ASYNC_WORK_DIR to a folder that web and workers share and may write.",
            id="vcfjobs.E001",
        )
    elif storage.spool().stat().st_dev != storage.runs().stat().st_dev:
        yield Error(
            "The spool and the runs' folders are on different file systems.",
            hint="Uploads are renamed from one into the other: mount the work directory as a whole.",
            id="vcfjobs.E002",
        )


@register(SETUP)
def limits(**_: Any) -> Iterator[CheckMessage]:
    """Soft limit < hard limit < visibility timeout; a lease long enough to be renewed."""
    soft, hard = settings.CELERY_SOFT_LIMIT, settings.CELERY_HARD_LIMIT
    if not soft < hard:
        yield Error(
            f"CELERY_SOFT_TIME_LIMIT ({soft}) must be below CELERY_TASK_TIME_LIMIT ({hard}).",
            hint="The soft limit ends a run tidily; the hard limit kills what the soft one missed.",
            id="vcfjobs.E003",
        )
    visibility = settings.CELERY_VISIBILITY_TIMEOUT
    if not (isinstance(visibility, int) and hard < visibility):
        yield Error(
            f"CELERY_BROKER_TRANSPORT_OPTIONS_VISIBILITY_TIMEOUT ({visibility!r}) must be above "
            f"CELERY_TASK_TIME_LIMIT ({hard}).",
            hint="Otherwise Redis delivers a running task again.",
            id="vcfjobs.E004",
        )
    # When a child dies, at least two thirds of its lease are left.
    lease, least = settings.ANYVAR_LEASE_SECONDS, CHILD_LOST_SECONDS * 3 // 2
    if lease < least and not settings.REQUEUE_WHEN_CHILD_LOST:
        yield CheckWarning(
            f"ANYVAR_LEASE_SECONDS ({lease}) is below {least}: the run of a child that dies is tried "
            "again, though CELERY_TASK_REJECT_ON_WORKER_LOST is false.",
            hint=f"Celery takes {CHILD_LOST_SECONDS - 2} seconds to notice a lost child; if the lease "
            "expires first, another worker takes the run.",
            id="vcfjobs.W002",
        )


@register(SETUP)
def identity_provider(**_: Any) -> Iterator[CheckMessage]:
    """The tokens of the identity provider are meant for this service, and its keys come over TLS."""
    issuer, uri = settings.ANYVAR_AUTH_ISSUER_URL, settings.ANYVAR_AUTH_JWKS_URI
    if issuer and not settings.ANYVAR_AUTH_AUDIENCES:
        yield CheckWarning(
            "ANYVAR_AUTH_AUDIENCES is empty: a token that the issuer made for any other service is accepted.",
            hint="Set it to the audience (aud) that the issuer gives to tokens for this service.",
            id="vcfjobs.W003",
        )
    if (uri or issuer).lower().startswith("http:"):
        yield CheckWarning(
            "The identity provider's keys are fetched without TLS: whoever is on the way can forge tokens.",
            hint="Use https: in ANYVAR_AUTH_ISSUER_URL and ANYVAR_AUTH_JWKS_URI.",
            id="vcfjobs.W004",
        )


@register(SETUP)
def sequence_directory(**_: Any) -> Iterator[CheckMessage]:
    """The folder of reference sequences is readable."""
    folder: Path = settings.ANYVAR_SEQUENCE_DIR
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
    if not os.access(folder, os.R_OK | os.X_OK):
        yield Error(
            f"The folder of reference sequences {folder} cannot be read.",
            hint="Set ANYVAR_SEQUENCE_DIR to a folder that all workers share.",
            id="vcfjobs.E005",
        )


@register(SETUP)
def database_ready(databases: Sequence[str] | None = None, **_: Any) -> Iterator[CheckMessage]:
    """The database answers, every migration is applied, and an assembly is registered.

    Only warnings: a process that starts before its database serves as soon as that is there.
    """
    if databases:
        return  # `migrate` checks the database that it is about to migrate
    try:
        if not database_is_migrated():
            hint = "Run: python manage.py migrate"
            yield Info("The database is not migrated.", hint=hint, id="vcfjobs.I001")
        elif not assemblies.registered_assemblies():
            yield CheckWarning(
                "No reference assembly is registered, so no file can be annotated yet.",
                hint="Run: python manage.py load_reference GRCh38 <FASTA>",
                id="vcfjobs.W001",
            )
    except (DatabaseError, InterfaceError) as error:
        sentence = f"The database does not answer: {one_line(error)}"
        yield CheckWarning(sentence, hint="It is set by DATABASE_URL.", id="vcfjobs.W005")


def work_directory_is_writable() -> bool:
    """Whether files can be written to the spool and to the folder of the runs."""
    return all(os.access(path, os.W_OK | os.X_OK) for path in (storage.spool(), storage.runs()))


def database_is_migrated() -> bool:
    """Whether every migration is applied. Raises DatabaseError or InterfaceError without a database."""
    executor = MigrationExecutor(connection)
    return not executor.migration_plan(executor.loader.graph.leaf_nodes())
