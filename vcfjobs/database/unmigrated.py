"""Tell a database that was never migrated from one that does not answer."""

from __future__ import annotations

from django.db import OperationalError, ProgrammingError

NOT_MIGRATED = "The database is not migrated. Its operator runs: manage.py migrate"
# PostgreSQL's undefined_table and undefined_column.
_UNDEFINED = ("42P01", "42703")
_OF_SQLITE = ("no such table", "no such column", "has no column named")


def lacks_migrations(error: BaseException | None) -> bool:
    """Whether the database answered that a table or column does not exist."""
    if isinstance(error, ProgrammingError):
        return getattr(error.__cause__, "sqlstate", "") in _UNDEFINED
    return isinstance(error, OperationalError) and any(words in str(error) for words in _OF_SQLITE)
