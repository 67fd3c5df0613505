"""The system checks: each thing that would make the service fail later is said at start."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from django.db import OperationalError, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from vcfjobs import checks
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


@pytest.mark.django_db
def test_a_database_that_does_not_answer_is_said_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def down() -> bool:
        raise OperationalError("connection to db failed:\n\tpassword authentication failed")

    monkeypatch.setattr(checks, "database_is_migrated", down)
    call_command("check")  # only warns: the database may be there later
    said = capsys.readouterr().err
    assert "does not answer: connection to db failed: password authentication failed" in said
