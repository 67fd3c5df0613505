"""Apply one command to the selected runs: limited in number and time, and logged."""

from __future__ import annotations

import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field

from vcfjobs.errors import VcfJobsError
from vcfjobs.models import Run
from vcfjobs.runs import lifecycle

# The limits of one request; gunicorn's timeout is longer.
MOST_AT_ONCE = 1000
SECONDS = 20.0
NAMES_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Command:
    """A command for selected runs, and the words of its pages."""

    action: str
    service: Callable[[Run], None]
    ask: str
    consequence: str
    done: str


CANCEL = Command(
    action="cancel_runs",
    service=lifecycle.cancel_run,
    ask="Cancel",
    consequence="Their workers stop within seconds and delete partial results. Inputs stay until they "
    "expire, so that each run can be retried.",
    done="cancelled",
)
RETRY = Command(
    action="retry_runs", service=lifecycle.retry_run, ask="Retry", consequence="", done="queued again"
)
DELETE = Command(
    action="delete_runs",
    service=lifecycle.delete_run,
    ask="Delete",
    consequence="Active runs are cancelled first. Rows, inputs, results and the lists of their alleles are "
    "deleted. This cannot be undone. Registered alleles stay.",
    done="deleted",
)


@dataclass(slots=True)
class Outcome:
    """How many runs were changed, why others were refused, and how many were not reached."""

    done: int = 0
    refusals: Counter[str] = field(default_factory=Counter)
    left: int = 0


def apply(runs: Iterable[Run], service: Callable[[Run], None], log: Callable[[Run], object]) -> Outcome:
    """Apply the service to each run until SECONDS are over; log each change at once."""
    outcome = Outcome()
    give_up = time.monotonic() + SECONDS
    for run in runs:
        if time.monotonic() > give_up:
            outcome.left += 1
            continue
        try:
            service(run)
        except VcfJobsError as error:
            outcome.refusals[error.sentence] += 1
            continue
        log(run)
        outcome.done += 1
    return outcome


def joined(runs: Iterable[Run]) -> str:
    """The keys of runs as one form field: Django accepts a thousand fields at most."""
    return ",".join(str(run.pk) for run in runs)


def keys(text: str) -> list[uuid.UUID]:
    """The keys that `joined` wrote, MOST_AT_ONCE at most; anything else is ignored."""
    found = []
    for part in text.split(",")[:MOST_AT_ONCE]:
        with suppress(ValueError):
            found.append(uuid.UUID(part))
    return found
