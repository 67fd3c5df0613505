"""Apply one command to the selected runs: limited in number and time, and logged."""

from __future__ import annotations

import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, NamedTuple

from django.contrib.admin.models import CHANGE, DELETION, LogEntry

from vcfjobs.errors import VcfJobsError
from vcfjobs.models import Run
from vcfjobs.runs import lifecycle

# The limits of one request; gunicorn's timeout is longer.
MOST_AT_ONCE = 1000
SECONDS = 20.0


class Command(NamedTuple):
    """A command for selected runs, the words of its pages, and its flag in the admin's log."""

    action: str
    service: Callable[[Run], None]
    ask: str
    done: str
    flag: int = CHANGE


CANCEL = Command("cancel_runs", lifecycle.cancel_run, "Cancel", "cancelled")
RETRY = Command("retry_runs", lifecycle.retry_run, "Retry", "queued again")
NOTIFY = Command("notify_again", lifecycle.notify_again, "Notify", "notified again")
DELETE = Command("delete_selected", lifecycle.delete_run, "Delete", "deleted", DELETION)


def apply(runs: Iterable[Run], command: Command, user_pk: Any) -> Counter[tuple[str, str]]:
    """Apply the command to each run until SECONDS are over; log each change at once.

    Returns how many runs there are of each outcome: a word or two for it, and a sentence about it or "".
    """
    outcomes = Counter({(command.done, ""): 0})
    give_up = time.monotonic() + SECONDS
    for run in runs:
        if time.monotonic() > give_up:
            outcomes["not reached within the time of one request", "Select them again."] += 1
            continue
        try:
            command.service(run)
        except VcfJobsError as error:
            outcomes["unchanged", error.sentence] += 1
            continue
        done = f"{command.done.capitalize()}."
        LogEntry.objects.log_actions(user_pk, [run], command.flag, done, single_object=True)
        outcomes[command.done, ""] += 1
    return outcomes


def keys(text: str) -> list[uuid.UUID]:
    """The keys in a text with commas, MOST_AT_ONCE at most; anything else is ignored."""
    found = []
    for part in text.split(",")[:MOST_AT_ONCE]:
        with suppress(ValueError):
            found.append(uuid.UUID(part))
    return found
