"""Hold a poll until the run ends: a few at a time, and no database connection held between looks."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable

from django.db import connection
from rest_framework.request import Request

from vcfjobs.models import Run

LONGEST_SECONDS = 60.0
FIRST_PAUSE = 0.2
LONGEST_PAUSE = 1.0
# A quarter of the web process's threads: the others still answer at once.
MOST_WAITING = 16

_places = threading.BoundedSemaphore(MOST_WAITING)
_PREFER = re.compile(r"(?:^|[,;]\s*)wait=(\d+)")


def seconds_asked(request: Request, query: float) -> float:
    """How long the client would wait: `?wait=` or `Prefer: wait=` (RFC 7240), at most a minute."""
    preferred = _PREFER.search(request.headers.get("Prefer", ""))
    return min(LONGEST_SECONDS, max(query, float(preferred[1]) if preferred else 0.0))


def until_final(run: Run, seconds: float, find: Callable[[], Run]) -> Run:
    """The run once it has ended or the time is over; at once when too many polls wait already."""
    if run.is_final or seconds <= 0 or not _places.acquire(blocking=False):
        return run
    try:
        give_up = time.monotonic() + seconds
        pause = FIRST_PAUSE
        while not run.is_final and (left := give_up - time.monotonic()) > 0:
            if not connection.in_atomic_block:
                connection.close()
            time.sleep(min(pause, left))
            pause = min(LONGEST_PAUSE, pause * 1.5)
            run = find()
    finally:
        _places.release()
    return run
