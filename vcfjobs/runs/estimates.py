"""When a run's turn comes and how long it will take: from its size, the queue before it and recent runs.

Speed and backlog are measured at a submit and where a queued run is shown (three queries, at most every few
seconds) and kept in the process, so that a poll of /vcf needs no query for them.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db.models import Count, F, Q, Sum

from vcfjobs.models import ACTIVE, Run, Status, Worker, seconds_from_now
from vcfjobs.models.workers import SILENT_SECONDS
from vcfjobs.worker import scheduler

LONGEST_SECONDS = 60
REMEMBER_SECONDS = 5.0
RECENT_RUNS = 20
STARTING_SPEED = 20e6
# The fixed cost of a run, and the smallest input from which a speed is measured.
SECONDS_FOR_EACH_RUN = 0.05
TELLING_BYTES = 1 << 20
# Runs before a queued one that are counted; for a run further back there is no estimate.
MOST_COUNTED = 1_000


@dataclass(slots=True)
class _Memory:
    """What was measured, and when.

    Bytes of input that all workers annotate per second, bytes and number of active runs, the bytes left of
    those that are running, and whether there are workers.
    """

    speed: float = STARTING_SPEED
    backlog: int = 0
    runs: int = 0
    running: int = 0
    has_workers: bool = False
    asked: float = float("-inf")


_memory = _Memory()


class Outlook(NamedTuple):
    """What is expected of a run.

    Its place in the queue if it is queued, 1 for the next one; MOST_COUNTED + 1 for every place after
    MOST_COUNTED. The seconds until it ends; None if they cannot be estimated, or it has ended.
    """

    place: int | None = None
    seconds_left: float | None = None

    @property
    def is_far(self) -> bool:
        """Whether the place is further back than is counted."""
        return (self.place or 0) > MOST_COUNTED


def remember_backlog() -> None:
    """Measure speed and backlog, unless they were measured within REMEMBER_SECONDS."""
    if time.monotonic() - _memory.asked < REMEMBER_SECONDS:
        return
    _memory.asked = time.monotonic()
    left = Sum(F("input_bytes") - F("bytes_done"), filter=Q(status=Status.RUNNING))
    active = Run.objects.filter(status__in=ACTIVE).aggregate(
        bytes=Sum("input_bytes"), runs=Count("pk"), running=left
    )
    _memory.backlog, _memory.runs, _memory.running = (
        active["bytes"] or 0,
        active["runs"],
        active["running"] or 0,
    )
    _memory.has_workers = Worker.objects.filter(seen__gte=seconds_from_now(-SILENT_SECONDS)).exists()
    ended = Run.objects.filter(status=Status.SUCCEEDED).exclude(started=None).order_by("-created", "-id")
    recent = ended.values_list("input_bytes", "started", "finished")[:RECENT_RUNS]
    done = [(size, start, end) for size, start, end in recent if size >= TELLING_BYTES and start and end]
    if seconds := _busy_seconds((start, end) for _, start, end in done):
        _memory.speed = max(1.0, sum(size for size, _, _ in done) / seconds)


def _busy_seconds(spans: Iterable[tuple[datetime, datetime]]) -> float:
    """Seconds in which at least one of the runs was annotated: several workers annotate several at once."""
    busy, until = timedelta(), None
    for start, end in sorted(spans):
        begin = start if until is None else max(start, until)
        busy += max(timedelta(), end - begin)
        until = end if until is None else max(end, until)
    return busy.total_seconds()


def retry_after(run: Run) -> int:
    """Whole seconds, 1 to 60, after which a client should poll again; no query."""
    return max(1, min(LONGEST_SECONDS, math.ceil(_expected_seconds(run))))


def remaining_seconds(run: Run) -> float | None:
    """Seconds until a running run ends, at its speed so far; None before it has made progress."""
    done, taken = run.progress, run.seconds_taken
    if run.status != Status.RUNNING or taken is None or not 0 < done < 1:
        return None
    return taken * (1 - done) / done


def outlook_of(run: Run) -> Outlook:
    """What is expected of a run; for a queued one a query, and those of `remember_backlog`."""
    if run.status != Status.QUEUED or run.queue_position is None:
        return Outlook(seconds_left=remaining_seconds(run))
    before = scheduler.queued_before(run).order_by()[:MOST_COUNTED]
    ahead = before.aggregate(runs=Count("pk"), bytes=Sum("input_bytes"))
    outlook = Outlook(place=ahead["runs"] + 1)
    remember_backlog()
    if outlook.is_far or not _memory.has_workers:
        return outlook
    left = _memory.running + (ahead["bytes"] or 0) + run.input_bytes
    return outlook._replace(seconds_left=left / _memory.speed + (ahead["runs"] + 1) * SECONDS_FOR_EACH_RUN)


def _expected_seconds(run: Run) -> float:
    if run.status == Status.QUEUED:
        return (_memory.backlog + run.input_bytes) / _memory.speed + _memory.runs * SECONDS_FOR_EACH_RUN
    if run.progress == 1:
        return 0
    remaining = remaining_seconds(run)
    return run.input_bytes / _memory.speed if remaining is None else remaining
