"""The system checks: each thing that would make the service fail later is said at start."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from vcfjobs.checks import database_is_migrated


@pytest.mark.django_db
def test_a_migrated_database_is_told_from_one_that_lacks_a_migration(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert database_is_migrated()
    (newest,) = MigrationLoader(connection).graph.leaf_nodes("vcfjobs")
    MigrationRecorder(connection).record_unapplied(*newest)
    assert not database_is_migrated()
    call_command("check")
    said = capsys.readouterr().err
    assert "The database is not migrated." in said
    assert "python manage.py migrate" in said
    assert "No reference assembly" not in said
