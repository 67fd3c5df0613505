"""The log lines of a run: each names it, whoever writes it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from celery import current_app
from django.db import OperationalError
from django.utils import timezone
from pytest_django import Settings

from tests.anyvar_site.conftest import names, text_of
from tests.factories import make_run, make_running, make_upload, store_input
from tests.servers import wait_until
from vcfjobs.models import Run, Shard, Status
from vcfjobs.registry import load
from vcfjobs.runs import lifecycle, submit
from vcfjobs.vrs.vcf.batch import AlleleBatch
from vcfjobs.worker import dispatch, executor, maintenance
from vcfjobs.worker.lease import Lease

HOSTILE = "a\nb\r\x1b[31mc\x7f\x9b\u2028d\0"

logger = logging.getLogger("vcfjobs.of_a_test")


@pytest.fixture
def queued(tiny_assembly: str) -> Run:
    """A queued run with its stored file."""
    run = make_run()
    store_input(run)
    return run


@pytest.mark.django_db
def test_each_line_of_a_run_names_it(
    queued: Run, lines: Callable[[], list[str]], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also the lines of a module that knows no run."""

    def no_index(*args: object, **options: object) -> None:
        raise OSError("no room")

    monkeypatch.setattr("vcfjobs.worker.annotation.pysam.tabix_index", no_index)
    executor.run(queued.pk, task_id="t", worker="w")
    executor.run(queued.pk, task_id="t", worker="w")
    found = lines()
    assert [line for line in found if not names(line, kind, queued.pk)] == []
    for part in ("attempt 1 begins", "no tabix index", "attempt 1 succeeded", "nothing to do"):
        assert any(part in text_of(line, kind) for line in found), part


@pytest.mark.django_db
def test_each_line_of_an_unforeseen_failure_names_the_run(
    queued: Run, lines: Callable[[], list[str]], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(name: str) -> None:
        raise ZeroDivisionError(HOSTILE)

    monkeypatch.setattr("vcfjobs.worker.annotation.open_assembly", broken)
    executor.run(queued.pk, task_id="t", worker="w")
    found = lines()
    assert all(names(line, kind, queued.pk) for line in found)
    assert any("ZeroDivisionError" in line for line in found)
    assert not any(set(line) & set("\x1b\x7f\x9b\0") for line in found)


@pytest.mark.django_db(transaction=True)
def test_the_lines_of_the_leases_thread_name_the_run(
    lines: Callable[[], list[str]], kind: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.ANYVAR_LEASE_SECONDS = 0.3
    threads = []

    def away(run: Run, worked: float) -> bool:
        threads.append(threading.current_thread())
        raise OperationalError

    monkeypatch.setattr(Run, "renew", away)
    run = make_running()

    def work(run: Run) -> executor.Outcome:
        with Lease(run):
            wait_until(lambda: any("not renewed" in line for line in lines()), "the thread logs", 10)
        return executor.Outcome.SUCCEEDED

    executor._attempt(run, work)
    assert threading.main_thread() not in threads
    assert all(names(line, kind, run.pk) for line in lines())


@pytest.mark.django_db(transaction=True)
def test_the_lines_of_the_loaders_thread_name_the_run(
    queued: Run,
    lines: Callable[[], list[str]],
    kind: str,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.ANYVAR_REGISTER = True
    write, threads = load._write, []

    def telling(rows: AlleleBatch) -> None:
        threads.append(threading.current_thread())
        logger.info("%s alleles", len(rows))
        write(rows)

    monkeypatch.setattr(load, "_write", telling)
    assert executor.run(queued.pk, task_id="t", worker="w") == "succeeded"
    assert threads
    assert threading.main_thread() not in threads
    assert any("alleles" in text_of(line, kind) for line in lines())
    assert all(names(line, kind, queued.pk) for line in lines())


@pytest.mark.django_db(transaction=True)
def test_the_lines_of_a_submit_name_the_run(
    tiny_assembly: str, lines: Callable[[], list[str]], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hang(*_: object, **__: object) -> None:
        raise OSError

    monkeypatch.setattr(current_app.amqp, "send_task_message", hang)
    dispatch._broken_until = 0.0
    run, _ = submit.submit_run(
        upload=make_upload(),
        parameters=submit.Parameters(assembly="tiny"),
        owner="",
        run_id="mine",
        run_async=True,
    )
    lifecycle.cancel_run(run)
    dispatch._broken_until = 0.0
    found = lines()
    assert any("did not take" in text_of(line, kind) for line in found)
    assert any("cancelled" in text_of(line, kind) for line in found)
    assert all(names(line, kind, run.pk) for line in found)


@pytest.mark.django_db
def test_the_lines_of_a_shard_name_its_run(
    lines: Callable[[], list[str]], kind: str, tiny_assembly: str, settings: Settings, broker: list[Any]
) -> None:
    settings.ANYVAR_SHARD_BYTES = 100
    run = make_run(queue_position=0)
    path = store_input(run)
    for number in range(10):
        executor.execute_next(run.pk, path, task_id=f"t{number}", worker="w")
        run.refresh_from_db()
        if run.status == Status.SUCCEEDED:
            break
    assert (run.status, run.shard_count > 1) == (Status.SUCCEEDED, True)
    assert any("shard 1" in text_of(line, kind) for line in lines())
    assert all(names(line, kind, run.pk) for line in lines())


def lose(run: Run, **columns: Any) -> None:
    """The run's worker is lost, and a sweep finds it."""
    Run.objects.filter(pk=run.pk).update(lease_until=timezone.now() - timedelta(seconds=1), **columns)
    maintenance.take_back_lost()


def overrun(run: Run) -> None:
    """The run's deadline is over, and a sweep finds it."""
    Run.objects.filter(pk=run.pk).update(deadline=timezone.now() - timedelta(seconds=1))
    maintenance.end_overdue()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("happens", "said"),
    [
        (lose, "queued again"),
        (partial(lose, attempt=3, attempt_limit=3), "was lost"),
        (overrun, "took longer"),
        (lambda run: maintenance.child_lost("task", "celery@here", over_limit=True), "took longer"),
        (lambda run: maintenance.child_lost("task", "celery@here", over_limit=False), "was lost"),
    ],
    ids=["lost", "lost for good", "overdue", "child over the limit", "child lost"],
)
def test_the_lines_of_the_sweep_name_the_run(
    lines: Callable[[], list[str]], kind: str, happens: Callable[[Run], None], said: str
) -> None:
    run = make_running()
    happens(run)
    assert any(said in text_of(line, kind) for line in lines())
    assert all(names(line, kind, run.pk) for line in lines())


@pytest.mark.django_db
def test_the_line_of_a_shard_that_is_queued_again_names_its_run(
    lines: Callable[[], list[str]], kind: str
) -> None:
    run = make_running(lease_until=None, shard_count=1)
    held = {"status": Status.RUNNING, "attempt": 1, "attempt_limit": 3, "worker": "w"}
    lost = timezone.now() - timedelta(seconds=1)
    Shard.objects.create(run=run, number=1, cut_attempt=1, start=0, end=1, lease_until=lost, **held)
    maintenance.take_back_lost()
    (line,) = lines()
    assert names(line, kind, run.pk)
    assert "shard 1" in text_of(line, kind)


@pytest.mark.django_db
def test_what_the_broker_does_not_take_from_the_sweep_is_named(
    lines: Callable[[], list[str]], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hang(*_: object, **__: object) -> None:
        raise OSError

    monkeypatch.setattr(current_app.amqp, "send_task_message", hang)
    dispatch._broken_until = 0.0
    run = make_run()
    maintenance.send_unsent()
    dispatch._broken_until = 0.0
    (line,) = lines()
    assert names(line, kind, run.pk)
