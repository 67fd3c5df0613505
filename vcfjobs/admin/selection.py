"""Ask the services for the same of each selected run: bounded in number and time, and written down."""

from __future__ import annotations

import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field

from vcfjobs.errors import VcfJobsError
from vcfjobs.models import Run

# One request deals with so many runs, for so long; gunicorn's own timeout is longer.
MOST_AT_ONCE = 1000
SECONDS = 20.0
NAMES_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Command:
    """What can be asked of selected runs, and how a page speaks of it."""

    action: str
    service: Callable[[Run], None]
    ask: str
    consequence: str
    done: str


@dataclass(slots=True)
class Outcome:
    """What became of a selection: how many were done, why others were not, and how many are left."""

    done: int = 0
    refusals: Counter[str] = field(default_factory=Counter)
    left: int = 0


def ask_each(
    runs: Iterable[Run], service: Callable[[Run], None], write_down: Callable[[Run], object]
) -> Outcome:
    """Ask the service of each run, until SECONDS are over; write down each that it was done to, at once."""
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
        write_down(run)
        outcome.done += 1
    return outcome


def joined(runs: Iterable[Run]) -> str:
    """The keys of runs as one field of a form: a form of Django's has a thousand fields at most."""
    return ",".join(str(run.pk) for run in runs)


def keys(text: str) -> list[uuid.UUID]:
    """The keys that `joined` wrote, MOST_AT_ONCE at most; what is none is passed over."""
    found = []
    for part in text.split(",")[:MOST_AT_ONCE]:
        with suppress(ValueError):
            found.append(uuid.UUID(part))
    return found
