"""The service's state for Prometheus, asked of the rows at each scrape.

Rows, not counters: web and workers are any number of processes on any number of hosts, whose counters would
have to be brought together, and what a killed worker had counted would be gone. The rows are the truth
about every run, so each web process gives the same figures, and none needs a warm-up.

What is under way is counted exactly. What has ended is counted over a window: rows stay for ever, and adding
them all up at each scrape would get slower with every run. A row that is deleted is counted no more, so all
of it is gauges. No figure says anything about one owner.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Case, Count, DateTimeField, F, FloatField, Func, Min, Q, Sum, Value, When
from django.db.models.functions import Coalesce, Now
from django.utils import timezone
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeHistogramMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from vcfjobs import queue, registry, workdir
from vcfjobs.models import ACTIVE, FINAL, Run, RunQuerySet, Shard, Status

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
# Ended runs are found by the index of when they were submitted; older ones would need a look at all rows.
REACH = timedelta(days=2)
SPEED_WINDOW = timedelta(minutes=5)
BROKER_SECONDS = 2.0

WAIT_BOUNDS = (0.1, 1, 5, 15, 60, 300, 900, 3600, 14_400, 86_400)
RUN_BOUNDS = (0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 14_400)

ENDED = "that ended in the last {} and were submitted in the last two days"
LAST_DAY, LAST_HOUR = ENDED.format("24 hours"), ENDED.format("hour")

Family = GaugeMetricFamily | GaugeHistogramMetricFamily

_asking = threading.Lock()


def exposition() -> bytes:
    """All figures in Prometheus' text format, version 0.0.4."""
    figures = CollectorRegistry()
    figures.register(ServiceCollector())
    return generate_latest(figures)


class ServiceCollector(Collector):
    """Asks for everything anew when it is collected: ten queries at most, however many runs there are."""

    def collect(self) -> Iterator[Family]:
        """The metric families."""
        now = timezone.now()
        yield from _runs(now)
        yield from _under_way()
        yield from _shards()
        yield from _ended(now)
        yield from _durations(now)
        yield _speed(now)
        yield from _storage()
        yield from _broker()
        yield _gauge("vrs_registered_alleles", "Registered alleles, estimated.", registry.estimated_count())


def _runs(now: datetime) -> Iterator[Family]:
    rows = Run.objects.order_by().values_list("status").annotate(count=Count("*"), oldest=Min("created"))
    found = {status: (count, oldest) for status, count, oldest in rows}
    counts = {status: found.get(status, (0, now))[0] for status in Status.values}
    yield _labelled("vrs_runs", "Runs by status; rows that were not deleted.", "status", counts)
    waiting_since = found.get(Status.QUEUED, (0, now))[1]
    yield _gauge(
        "vrs_oldest_queued_seconds",
        "Age of the oldest queued run since it was first submitted; 0 when none waits.",
        max(0.0, (now - waiting_since).total_seconds()),
    )


def _under_way() -> Iterator[Family]:
    """Leases that are over and attempts beyond the first, of runs and of shards."""
    runs, shards = (
        pieces.aggregate(
            expired=Count("pk", filter=Q(status=Status.RUNNING, lease_until__lt=Now())),
            retries=Coalesce(Sum(F("attempt") - 1, filter=Q(attempt__gt=1)), 0),
        )
        for pieces in (Run.objects.filter(status__in=ACTIVE), Shard.objects.filter(status__in=ACTIVE))
    )
    for name, text, column in (
        ("vrs_expired_leases", "Pieces of work whose worker is silent and whose lease is over.", "expired"),
        ("vrs_retries", "Attempts beyond the first of the pieces of work under way.", "retries"),
    ):
        yield _labelled(name, text, "piece", {"run": runs[column], "shard": shards[column]})


def _shards() -> Iterator[Family]:
    found = dict(Shard.objects.order_by().values_list("status").annotate(count=Count("*")))
    counts = {status: found.get(status, 0) for status in Status.values}
    yield _labelled("vrs_shards", "Shards by status, of the runs under way.", "status", counts)


def _ended_since(begin: datetime, now: datetime) -> RunQuerySet:
    return Run.objects.filter(status__in=FINAL, created__gte=now - REACH, finished__gte=begin)


def _ended(now: datetime) -> Iterator[Family]:
    rows = (
        _ended_since(now - DAY, now)
        .order_by()
        .values("status", "error_code")
        .annotate(
            day=Count("*"),
            hour=Count("pk", filter=Q(finished__gte=now - HOUR)),
            retries=Coalesce(Sum(F("attempt") - 1, filter=Q(attempt__gt=1)), 0),
            records=Coalesce(Sum("records_done"), 0),
        )
    )
    found: dict[tuple[str, str], Mapping[str, Any]] = {
        (row["status"], row["error_code"]): row for row in rows
    }
    for window, text in (("day", LAST_DAY), ("hour", LAST_HOUR)):
        family = GaugeMetricFamily(
            f"vrs_last_{window}_runs", f"Runs {text}, by how.", labels=("status", "error_code")
        )
        for key in sorted({*_ways_to_end(), *found}):
            family.add_metric(key, found[key][window] if key in found else 0)
        yield family
    for column, text in (("retries", "Attempts beyond the first"), ("records", "Records annotated")):
        total = sum(row[column] for row in found.values())
        yield _gauge(f"vrs_last_day_{column}", f"{text}, of runs {LAST_DAY}.", total)


def _ways_to_end() -> list[tuple[str, str]]:
    failed = [(Status.FAILED.value, code) for code in Run.FAILURE_CODES]
    return [(Status.SUCCEEDED.value, ""), (Status.CANCELLED.value, ""), *failed]


def _durations(now: datetime) -> Iterator[Family]:
    """Two histograms in one query: each bucket a conditional count."""
    done = _ended_since(now - DAY, now).exclude(status=Status.CANCELLED).exclude(started=None)
    spans = {
        "wait": (_Seconds(F("started"), F("created")), WAIT_BOUNDS),
        "run": (_Seconds(F("finished"), F("started")), RUN_BOUNDS),
    }
    figures: dict[str, Any] = {"count": Count("*")}
    for name, (seconds, bounds) in spans.items():
        figures[f"{name}_sum"] = Coalesce(Sum(seconds), 0.0)
        for at, bound in enumerate(bounds):
            figures[f"{name}_{at}"] = Count("pk", filter=Q(**{f"{name}_seconds__lte": bound}))
    found = done.alias(**{f"{name}_seconds": seconds for name, (seconds, _) in spans.items()}).aggregate(
        **figures
    )
    texts = {
        "wait": ("vrs_last_day_queue_wait_seconds", "From submit to the begin of the last attempt"),
        "run": ("vrs_last_day_run_seconds", "Length of the last attempt, shards and joining included"),
    }
    for name, (family, text) in texts.items():
        bounds = spans[name][1]
        buckets = [(str(float(bound)), found[f"{name}_{at}"]) for at, bound in enumerate(bounds)]
        yield GaugeHistogramMetricFamily(
            family,
            f"{text}, of runs not cancelled {LAST_DAY}.",
            buckets=[*buckets, ("+Inf", found["count"])],
            gsum_value=found[f"{name}_sum"],
        )


def _speed(now: datetime) -> Family:
    begin = now - SPEED_WINDOW
    ended = Q(status__in=FINAL, created__gte=now - REACH, finished__gte=begin)
    at_work = Run.objects.filter(ended | Q(status=Status.RUNNING), records_done__gt=0)
    end = Coalesce(F("finished"), _moment(now))
    inside = F("records_done") * _Seconds(end, _moment(begin)) / _Seconds(end, F("started"))
    records = at_work.aggregate(
        sum=Sum(
            Case(When(started__gte=begin, then=F("records_done")), default=inside, output_field=FloatField())
        )
    )["sum"]
    return _gauge(
        "vrs_records_per_second",
        "Records annotated a second over the last five minutes; a run that began earlier counts as if it had "
        "gone at an even speed.",
        (records or 0) / SPEED_WINDOW.total_seconds(),
    )


def _storage() -> Iterator[Family]:
    succeeded = Q(status=Status.SUCCEEDED)
    stored = Run.objects.filter(expired=None).aggregate(
        input=Coalesce(Sum("input_bytes", filter=~succeeded), 0),
        result=Coalesce(Sum("result_bytes", filter=succeeded), 0),
    )
    yield _labelled(
        "vrs_stored_bytes", "Bytes of the inputs and results that are kept, by the rows.", "kind", stored
    )
    with suppress(OSError):
        yield _gauge(
            "vrs_work_directory_free_bytes",
            "Bytes that this web process may still write to the work directory's file system.",
            workdir.free_bytes(),
        )


def _broker() -> Iterator[Family]:
    waiting = _messages_waiting()
    yield _gauge(
        "vrs_broker_up", "1 when the broker answered within two seconds, else 0.", int(waiting is not None)
    )
    if waiting is not None:
        yield _gauge("vrs_broker_messages", "Messages that wait in the broker's queue.", waiting)


def _messages_waiting() -> int | None:
    """Messages in the broker; None when it does not say so within BROKER_SECONDS.

    A broker that hangs may hold up whoever asks for longer than that: a thread does, and only one at a time.
    """
    give_up = time.monotonic() + BROKER_SECONDS
    if not _asking.acquire(timeout=BROKER_SECONDS):
        return None
    answers: list[int | None] = []

    def ask() -> None:
        with suppress(Exception):
            answers.append(queue.waiting())
        _asking.release()

    thread = threading.Thread(target=ask, name="broker-messages", daemon=True)
    thread.start()
    thread.join(max(0.0, give_up - time.monotonic()))
    return answers[0] if answers else None


class _Seconds(Func):
    """Seconds from the second moment to the first, as a float; SQLite's own difference is a slow one."""

    arity = 2
    output_field = FloatField()

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        """Days, times the seconds of one."""
        return self.as_sql(
            compiler,
            connection,
            template="((julianday(%(expressions)s)) * 86400.0)",
            arg_joiner=") - julianday(",
            **context,
        )

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        """The difference as an interval, in seconds."""
        return self.as_sql(
            compiler,
            connection,
            template="date_part('epoch', %(expressions)s)",
            arg_joiner=" - ",
            **context,
        )


def _moment(when: datetime) -> Value:
    return Value(when, output_field=DateTimeField())


def _gauge(name: str, text: str, value: float) -> Family:
    return GaugeMetricFamily(name, text, value=value)


def _labelled(name: str, text: str, label: str, values: Mapping[str, float]) -> Family:
    family = GaugeMetricFamily(name, text, labels=(label,))
    for value, figure in values.items():
        family.add_metric((value,), figure)
    return family
