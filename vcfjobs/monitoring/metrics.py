"""The service's state for Prometheus, read from the rows at each scrape.

Rows, not counters: web and workers are any number of processes on any number of hosts, whose counters would
have to be combined, and those of a killed worker would be lost. So every web process gives the same figures,
and none needs a warm-up.

Queued and running work is counted exactly. What has ended is counted over a window: rows stay forever, and a
sum over all of them would get slower with every run. Deleted rows are not counted, so all figures are gauges.
No figure reveals anything about one owner.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Any

from django.db.models import Case, Count, F, FloatField, Func, IntegerField, Min, Q, Sum, Value, When
from django.db.models.functions import Coalesce, Now
from django.utils import timezone
from prometheus_client import generate_latest
from prometheus_client.core import GaugeHistogramMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from vcfjobs import storage
from vcfjobs.models import ACTIVE, FINAL, Notification, Run, RunQuerySet, Shard, Status, Worker, retries
from vcfjobs.models.work_items import seconds_from_now
from vcfjobs.models.workers import SILENT_SECONDS
from vcfjobs.registry import queries
from vcfjobs.worker import dispatch

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
SPEED_WINDOW = timedelta(minutes=5)

WAIT_BOUNDS = (0.1, 1, 5, 15, 60, 300, 900, 3600, 14_400, 86_400)
RUN_BOUNDS = (0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 14_400)

WAYS_TO_END = [(Status.SUCCEEDED.value, ""), (Status.CANCELLED.value, "")]  # status, error code
WAYS_TO_END += [(Status.FAILED.value, code) for code in Run.FAILURE_CODES]
LAST_DAY, LAST_HOUR = "that ended in the last 24 hours", "that ended in the last hour"

Family = GaugeMetricFamily | GaugeHistogramMetricFamily


def exposition() -> bytes:
    """All figures in Prometheus' text format, version 0.0.4."""
    return generate_latest(ServiceCollector())


class ServiceCollector(Collector):
    """Reads all figures at each scrape: eleven queries at most, however many runs there are."""

    def collect(self) -> Iterator[Family]:
        now = timezone.now()
        yield from _runs(now)
        yield from _under_way()
        shards = dict(Shard.objects.order_by().values_list("status").annotate(count=Count("*")))
        yield _by_status("vrs_shards", "Shards of active runs, by status.", shards)
        yield _workers()
        yield _notifications()
        yield from _ended(now)
        yield _speed(now)
        yield from _storage()
        yield from _broker()
        yield GaugeMetricFamily(
            "vrs_registered_alleles", "Registered alleles, estimated.", queries.estimated_count()
        )


def _runs(now: datetime) -> Iterator[Family]:
    rows = Run.objects.order_by().values_list("status").annotate(count=Count("*"), oldest=Min("created"))
    found = {status: (count, oldest) for status, count, oldest in rows}
    counts = {status: count for status, (count, _) in found.items()}
    yield _by_status("vrs_runs", "Runs by status, without deleted ones.", counts)
    waiting_since = found.get(Status.QUEUED, (0, now))[1]
    yield GaugeMetricFamily(
        "vrs_oldest_queued_seconds",
        "Seconds since the oldest queued run was submitted; 0 when none waits.",
        max(0.0, (now - waiting_since).total_seconds()),
    )


def _under_way() -> Iterator[Family]:
    figures = {
        name: items.filter(status__in=ACTIVE).aggregate(
            expired_leases=Count("pk", filter=Q(status=Status.RUNNING, lease_until__lt=Now())),
            retries=Coalesce(Sum(F("attempt") - 1, filter=Q(attempt__gt=1)), 0),
        )
        for name, items in (("run", Run.objects.all()), ("shard", Shard.objects.all()))
    }
    for name, text in (
        ("expired_leases", "Runs and shards of silent workers: running, lease expired."),
        ("retries", "Attempts beyond the first of active runs and shards."),
    ):
        yield _labelled(f"vrs_{name}", text, "piece", {item: row[name] for item, row in figures.items()})


def _workers() -> Family:
    alive = Q(seen__gte=seconds_from_now(-SILENT_SECONDS))
    counts = Worker.objects.aggregate(alive=Count("pk", filter=alive), silent=Count("pk", filter=~alive))
    return _labelled("vrs_workers", "Workers by whether they reported in the last minute.", "state", counts)


def _notifications() -> Family:
    waiting = Q(next_at__isnull=False)
    counts = Notification.objects.filter(delivered=None).aggregate(
        waiting=Count("pk", filter=waiting), given_up=Count("pk", filter=~waiting)
    )
    return _labelled("vrs_notifications", "Notifications that were not delivered.", "state", counts)


def ended_since(begin: datetime) -> RunQuerySet:
    """The runs that ended at `begin` or later, found by the index of when they ended."""
    return Run.objects.filter(status__in=FINAL, finished__gte=begin)


def _ended(now: datetime) -> Iterator[Family]:
    rows = _ends(now)
    for window, text in (("day", LAST_DAY), ("hour", LAST_HOUR)):
        found = Counter(dict.fromkeys(WAYS_TO_END, 0))
        for row in rows:
            found[row["status"], row["error_code"]] += row[window]
        labels = ("status", "error_code")
        family = GaugeMetricFamily(f"vrs_last_{window}_runs", f"Runs {text}, by outcome.", labels=labels)
        for key in sorted(found):
            family.add_metric(key, found[key])
        yield family
    for column, text in (("retries", "Retries, of shards too"), ("records", "Records annotated")):
        total = sum(row[column] for row in rows)
        yield GaugeMetricFamily(f"vrs_last_day_{column}", f"{text}, of runs {LAST_DAY}.", total)
    yield _histogram("queue_wait", "From submit to the start of the last attempt", WAIT_BOUNDS, rows)
    text = "Length of the last attempt, shards and joining included"
    yield _histogram("run", text, RUN_BOUNDS, rows)


def _ends(now: datetime) -> list[Mapping[str, Any]]:
    """For the last day's runs, a row for each status, error code and pair of buckets that occurs."""
    return list(
        ended_since(now - DAY)
        .alias(queue_wait=_Seconds("started", "created"), run=_Seconds("finished", "started"))
        .order_by()
        .values(
            "status",
            "error_code",
            queue_wait_bucket=_bucket("queue_wait", WAIT_BOUNDS),
            run_bucket=_bucket("run", RUN_BOUNDS),
        )
        .annotate(
            day=Count("*"),
            hour=Count("pk", filter=Q(finished__gte=now - HOUR)),
            retries=retries(),
            records=Coalesce(Sum("records_done"), 0),
            queue_wait_sum=Coalesce(Sum("queue_wait"), 0.0),
            run_sum=Coalesce(Sum("run"), 0.0),
        )
    )


def _bucket(seconds: str, bounds: tuple[float, ...]) -> Case:
    """The index of the first bound that the seconds do not exceed; None for a run that never started."""
    within = [When(**{f"{seconds}__lte": bound}, then=Value(at)) for at, bound in enumerate(bounds)]
    return Case(When(started=None, then=None), *within, default=len(bounds), output_field=IntegerField())


def _histogram(name: str, text: str, bounds: tuple[float, ...], rows: list[Mapping[str, Any]]) -> Family:
    done = [row for row in rows if row["status"] != Status.CANCELLED]
    in_bucket = Counter[int | None]()  # None: never started, in no bucket
    for row in done:
        in_bucket[row[f"{name}_bucket"]] += row["day"]
    totals = accumulate(in_bucket[at] for at in range(len(bounds) + 1))
    return GaugeHistogramMetricFamily(
        f"vrs_last_day_{name}_seconds",
        f"{text}, of runs not cancelled {LAST_DAY}.",
        buckets=list(zip([*(str(float(bound)) for bound in bounds), "+Inf"], totals, strict=True)),
        gsum_value=sum(row[f"{name}_sum"] for row in done),
    )


def _speed(now: datetime) -> Family:
    begin = now - SPEED_WINDOW
    ended = Q(status__in=FINAL, finished__gte=begin)
    at_work = Run.objects.filter(ended | Q(status=Status.RUNNING), records_done__gt=0)
    end = Coalesce(F("finished"), Value(now))
    inside = F("records_done") * _Seconds(end, Value(begin)) / _Seconds(end, "started")
    lately = Case(When(started__gte=begin, then=F("records_done")), default=inside, output_field=FloatField())
    records = at_work.aggregate(sum=Sum(lately))["sum"]
    return GaugeMetricFamily(
        "vrs_records_per_second",
        "Records annotated per second over the last five minutes; a run that started earlier counts at its "
        "average speed.",
        (records or 0) / SPEED_WINDOW.total_seconds(),
    )


def stored_bytes() -> dict[str, int]:
    """Bytes of the stored files, by the rows: `input` of runs that did not succeed, else `result`."""
    succeeded = Q(status=Status.SUCCEEDED)
    return Run.objects.filter(expired=None).aggregate(
        input=Coalesce(Sum("input_bytes", filter=~succeeded), 0),
        result=Coalesce(Sum("result_bytes", filter=succeeded), 0),
    )


def _storage() -> Iterator[Family]:
    yield _labelled("vrs_stored_bytes", "Bytes of stored inputs and results.", "kind", stored_bytes())
    with suppress(OSError):
        yield GaugeMetricFamily(
            "vrs_work_directory_free_bytes",
            "Bytes that this web process may still write to the work directory's file system.",
            storage.free_bytes(),
        )


def _broker() -> Iterator[Family]:
    waiting = dispatch.messages_waiting()
    yield GaugeMetricFamily(
        "vrs_broker_up", "1 when the broker answered within two seconds, else 0.", int(waiting is not None)
    )
    if waiting is not None:
        yield GaugeMetricFamily("vrs_broker_messages", "Messages in the broker's queue.", waiting)


class _Seconds(Func):
    """Seconds from the second moment to the first, as a float; Django's own difference is slow on SQLite."""

    arity = 2
    template = "date_part('epoch', %(expressions)s)"
    arg_joiner = " - "
    output_field = FloatField()

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        days = "(julianday(%(expressions)s))"
        context |= {"template": f"({days} * 86400.0)", "arg_joiner": ") - julianday("}
        return self.as_sql(compiler, connection, **context)


def _labelled(name: str, text: str, label: str, values: Mapping[str, float]) -> Family:
    family = GaugeMetricFamily(name, text, labels=(label,))
    for value, figure in values.items():
        family.add_metric((value,), figure)
    return family


def _by_status(name: str, text: str, counts: Mapping[str, int]) -> Family:
    return _labelled(name, text, "status", {status: counts.get(status, 0) for status in Status.values})
