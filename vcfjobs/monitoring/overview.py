"""The service at a glance, for its operators: runs, what is stuck or fails, queue, workers, disk, registry.

Each figure comes from an index, or is bounded or estimated, and the broker gets two seconds. So the page is
as fast with a hundred million alleles and a million runs as with none.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from django.conf import settings
from django.db import connection
from django.db.models import Count, Max, Min, QuerySet, Sum
from django.utils import timezone

from vcfjobs import storage
from vcfjobs.database.row_counts import Tally, tally
from vcfjobs.models import ACTIVE, FINAL, Assembly, Contig, Run, Shard, Status, Worker
from vcfjobs.monitoring import metrics
from vcfjobs.registry import queries
from vcfjobs.worker import dispatch

# Ended runs and stuck items are counted up to these numbers; active runs always are.
COUNTED_RUNS = 10_000
COUNTED_STUCK = 100_000
WORKERS_SHOWN = 100
LONG_QUEUED = timedelta(minutes=30)


class Stuck(NamedTuple):
    """A way to be stuck: its key, what it means, what happens or is to be done, and which items are."""

    key: str
    name: str
    remedy: str
    narrow: Callable[[Any], QuerySet[Any]]
    of_shards: bool = True


STUCK = (
    Stuck("lost", "Running, lease expired", "Queued again by the next sweep.", lambda items: items.lost()),
    Stuck("overdue", "Running, past deadline", "Failed by the next sweep.", lambda items: items.overdue()),
    Stuck(
        "unsent",
        "Queued, not with the broker",
        "Sent by the next sweep, if the broker takes it.",
        lambda items: items.sendable().filter(sent=None),
    ),
    Stuck(
        "waiting",
        "Queued for more than 30 minutes",
        "Start more workers, or wait.",
        lambda items: items.filter(status=Status.QUEUED, created__lt=timezone.now() - LONG_QUEUED),
        of_shards=False,
    ),
)


class Disk(NamedTuple):
    """A folder, the bytes that the database says are in it, and its file system's; None when it is gone."""

    name: str
    folder: Path
    used: int
    free: int | None
    total: int | None


@dataclass(frozen=True, slots=True)
class Overview:
    """All figures.

    `statuses`: runs of each status, and how many of them ended within the last day; None for active ones.
    `stuck`: how many runs and shards are stuck in each way; None where shards cannot be.
    `failing`: runs of the last day by error code. `assemblies`: each with its number of contigs.
    `oldest_seconds`: since the oldest queued run was submitted. `messages`: at the broker; None: no answer.
    `workers`: those seen last, each with the number of items it has leased; `more_workers` are not listed.
    """

    statuses: list[tuple[Status, Tally, int | None]]
    stuck: list[tuple[Stuck, Tally, Tally | None]]
    failing: list[tuple[str, int]]
    queued: int
    oldest_seconds: float | None
    messages: int | None
    workers: list[tuple[Worker, int]]
    more_workers: int
    leased_by_others: int
    disks: list[Disk]
    database_bytes: int
    assemblies: list[tuple[Assembly, int]]
    alleles: int


def overview() -> Overview:
    """Collect all figures: some twenty quick queries, and a question to the broker."""
    now = timezone.now()
    under_way = Run.objects.filter(status__in=ACTIVE).order_by().values("status")
    active = {row["status"]: row for row in under_way.annotate(count=Count("*"), oldest=Min("created"))}
    nothing: Any = {"count": 0, "oldest": None}
    queued = active.get(Status.QUEUED, nothing)
    lately = metrics.ended_since(now - metrics.DAY).order_by()
    ended = dict(lately.values_list("status").annotate(count=Count("*")))
    failing = lately.filter(status=Status.FAILED).values_list("error_code").annotate(count=Count("*"))
    statuses: list[tuple[Status, Tally, int | None]] = [
        (status, Tally(active.get(status, nothing)["count"]), None) for status in ACTIVE
    ]
    for status in FINAL:
        runs = tally(Run.objects.filter(status=status), COUNTED_RUNS)
        statuses.append((status, runs, ended.get(status, 0)))
    leased = _leased()
    known = Worker.objects.filter(node__in=leased).values_list("node", flat=True)
    workers = Worker.objects.order_by("-seen", "node")[:WORKERS_SHOWN]
    assemblies = list(Assembly.objects.order_by("name"))
    contigs, bases = _sizes(tuple((assembly.pk, assembly.created) for assembly in assemblies))
    return Overview(
        statuses=statuses,
        stuck=[(way, _stuck(way, Run), _stuck(way, Shard) if way.of_shards else None) for way in STUCK],
        failing=list(failing.order_by("-count", "error_code")),
        queued=queued["count"],
        oldest_seconds=max(0.0, (now - queued["oldest"]).total_seconds()) if queued["oldest"] else None,
        messages=dispatch.messages_waiting(),
        workers=[(worker, leased[worker.node]) for worker in workers],
        more_workers=max(0, Worker.objects.count() - WORKERS_SHOWN),
        leased_by_others=leased.total() - sum(leased[node] for node in known),
        disks=[
            _disk("Work directory", storage.root(), sum(metrics.stored_bytes().values())),
            _disk("Sequences", settings.ANYVAR_SEQUENCE_DIR, bases),
        ],
        database_bytes=_database_bytes(),
        assemblies=[(assembly, contigs.get(assembly.pk, 0)) for assembly in assemblies],
        alleles=queries.estimated_count(),
    )


def _stuck(way: Stuck, model: type[Run | Shard]) -> Tally:
    return tally(way.narrow(model._default_manager.all()), COUNTED_STUCK)


def _leased() -> Counter[str]:
    """The number of items that each worker has leased."""
    leased = Counter[str]()
    for items in (Run.objects.leased(), Shard.objects.leased()):
        leased.update(dict(items.order_by().values_list("worker").annotate(count=Count("*"))))
    return leased


@lru_cache(maxsize=2)
def _sizes(assemblies: tuple[tuple[int, datetime], ...]) -> tuple[dict[int, int], int]:
    """Contigs of each assembly, and bytes of all flat files; they change with the assemblies alone.

    Cached: an assembly may have a hundred thousand contigs.
    """
    contigs = Contig.objects.order_by()
    numbers = dict(contigs.values_list("assembly").annotate(count=Count("*")))
    contents = contigs.values("content").annotate(bases=Max("sequence__length"))
    return numbers, contents.aggregate(sum=Sum("bases"))["sum"] or 0


def _disk(name: str, folder: Path, used: int) -> Disk:
    try:
        usage = shutil.disk_usage(folder)
    except OSError:
        return Disk(name, folder, used, None, None)
    return Disk(name, folder, used, usage.free, usage.total)


def _database_bytes() -> int:
    """The database's size on disk by its own account, without reading its tables."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT pg_database_size(current_database())")
        else:
            cursor.execute("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()")
        return int(cursor.fetchone()[0])
