"""How long a run will take: estimated from its size, the queue before it and the speed of recent runs.

Measured at a submit (two queries, at most every few seconds) and kept in the process, so that a poll needs no
query for it.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from django.db.models import Count, F, Sum

from vcfjobs.models import ACTIVE, Run, Status

LONGEST_SECONDS = 60
REMEMBER_SECONDS = 5.0
RECENT_RUNS = 20
STARTING_SPEED = 20e6
# The fixed cost of a run, and the smallest input from which a speed is measured.
SECONDS_FOR_EACH_RUN = 0.05
TELLING_BYTES = 1 << 20


@dataclass(slots=True)
class _Memory:
    """Bytes of input per second, bytes and number of active runs, and when they were measured."""

    speed: float = STARTING_SPEED
    backlog: int = 0
    runs: int = 0
    asked: float = float("-inf")


_memory = _Memory()


def remember_backlog() -> None:
    """Measure speed and backlog, unless they were measured within REMEMBER_SECONDS."""
    if time.monotonic() - _memory.asked < REMEMBER_SECONDS:
        return
    _memory.asked = time.monotonic()
    waiting = Run.objects.filter(status__in=ACTIVE).aggregate(bytes=Sum("input_bytes"), runs=Count("pk"))
    _memory.backlog, _memory.runs = waiting["bytes"] or 0, waiting["runs"]
    ended = Run.objects.filter(status=Status.SUCCEEDED).exclude(started=None).order_by("-created", "-id")
    recent = ended.annotate(took=F("finished") - F("started")).values_list("input_bytes", "took")[
        :RECENT_RUNS
    ]
    done = [(size, took.total_seconds()) for size, took in recent if size >= TELLING_BYTES]
    if seconds := sum(took for _, took in done):
        _memory.speed = max(1.0, sum(size for size, _ in done) / seconds)


def retry_after(run: Run) -> int:
    """Whole seconds, 1 to 60, after which a client should poll again; no query."""
    return max(1, min(LONGEST_SECONDS, math.ceil(_expected_seconds(run))))


def remaining_seconds(run: Run) -> float | None:
    """Seconds until a running run ends, at its speed so far; None before it has made progress."""
    done, taken = run.progress, run.seconds_taken
    if run.status != Status.RUNNING or taken is None or not 0 < done < 1:
        return None
    return taken * (1 - done) / done


def _expected_seconds(run: Run) -> float:
    if run.status == Status.QUEUED:
        return (_memory.backlog + run.input_bytes) / _memory.speed + _memory.runs * SECONDS_FOR_EACH_RUN
    if run.progress == 1:
        return 0
    remaining = remaining_seconds(run)
    return run.input_bytes / _memory.speed if remaining is None else remaining
