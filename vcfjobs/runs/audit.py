"""What staff do to runs, in the admin's log, whether they do it in the admin, on a page or by the API."""

from __future__ import annotations

from typing import Any

from django.contrib.admin.models import CHANGE, DELETION, LogEntry

from vcfjobs.models import Run
from vcfjobs.runs.owners import sees_everyone

__all__ = ["CHANGE", "DELETION", "note_action"]


def note_action(user: Any, run: Run, done: str, flag: int = CHANGE) -> None:
    """Log that the user has changed the run; only for staff, who may change those of others."""
    if sees_everyone(user):
        LogEntry.objects.log_actions(user.pk, [run], flag, done, single_object=True)
