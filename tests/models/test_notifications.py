"""Every end of a run is recorded for those who want to be told, in the transaction of the end."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.utils import timezone
from pytest_django import Settings

from tests.factories import make_running
from vcfjobs.errors import RunFailureError
from vcfjobs.models import EMAIL, Notification, Run, Status, notifications
from vcfjobs.runs import lifecycle

pytestmark = [pytest.mark.django_db, pytest.mark.database]

URL = "https://hooks.example.org/x"
END: dict[str, Callable[[Run], bool]] = {
    "succeeded": lambda run: run.succeed(),
    "failed": lambda run: run.fail(RunFailureError("Broken.")),
    "cancelled": lambda run: run.cancel(),
}


def make_due(**columns: object) -> Notification:
    """A notification of a run that has just ended."""
    run = make_running(callback_url=URL, **columns)
    assert run.cancel()
    return Notification.objects.get(run=run)


@pytest.mark.parametrize("status", END)
def test_each_end_is_recorded_once_for_each_who_wants_to_be_told(status: str, settings: Settings) -> None:
    settings.ANYVAR_PUBLIC_URL = "https://vrs.example.org"
    run = make_running(callback_url=URL, email_owner=True, run_id="a;b", file_name="a.vcf")
    assert END[status](run)
    assert not END[status](run)
    told = Notification.objects.all()
    assert {one.address for one in told} == {URL, EMAIL}
    assert len({one.pk for one in told}) == 2
    run.refresh_from_db()
    assert run.finished is not None
    assert told[0].payload == {
        "type": f"run.{status}",
        "timestamp": run.finished.isoformat(),
        "data": {
            "id": str(run.pk),
            "run_id": "a;b",
            "status": status,
            "file_name": "a.vcf",
            "error_code": run.error_code,
            "error": "Broken." if status == "failed" else "",
            "links": {
                "self": f"https://vrs.example.org/runs/{run.pk}/",
                "vcf": f"https://vrs.example.org/vcf/{run.pk}",
                "page": f"https://vrs.example.org/jobs/{run.pk}/",
            },
        },
    }


@pytest.mark.parametrize("status", END)
def test_a_run_does_not_end_without_the_record_of_whom_to_tell(
    status: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_off(run: Run) -> None:
        raise OperationalError

    monkeypatch.setattr(notifications, "payload_of", break_off)
    run = make_running(callback_url=URL)
    with pytest.raises(OperationalError):
        END[status](run)
    assert Run.objects.get().status == Status.RUNNING


@pytest.mark.parametrize("status", END)
def test_nobody_is_told_who_does_not_want_to_be(status: str) -> None:
    assert END[status](make_running())
    assert not Notification.objects.exists()


def test_a_run_that_is_retried_is_told_of_again_under_another_id() -> None:
    run = make_running(callback_url=URL)
    run.cancel()
    assert run.retry()
    run.cancel()
    assert Notification.objects.count() == 2


def test_a_run_that_the_sweep_fails_is_told_of() -> None:
    run = make_running(callback_url=URL)
    assert Run(pk=run.pk).fail(RunFailureError("Lost."), among=Run.objects.all())
    assert Notification.objects.get().payload["data"]["error"] == "Lost."


def test_the_notifications_of_a_deleted_run_go_with_it() -> None:
    lifecycle.delete_run(make_due().run)
    assert not Notification.objects.exists()


def test_a_claimed_notification_is_nobody_elses_until_the_lease_is_over() -> None:
    due = make_due()
    first = Notification.objects.claim_next()
    assert first is not None
    assert (first.pk, first.attempts) == (due.pk, 1)
    assert Notification.objects.claim_next() is None
    Notification.objects.update(next_at=timezone.now() - timedelta(seconds=1))
    again = Notification.objects.claim_next()
    assert again is not None
    assert (again.pk, again.attempts, again.payload) == (due.pk, 2, due.payload)


@pytest.mark.django_db(transaction=True)
def test_of_many_workers_one_claims_it() -> None:
    due = make_due()
    claimed: list[Notification | None] = []

    def claim() -> None:
        claimed.append(Notification.objects.claim_next())
        connection.close()

    threads = [threading.Thread(target=claim) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one.pk for one in claimed if one] == [due.pk]
    assert len(claimed) == 8


def test_the_pause_doubles_and_after_about_a_day_it_is_given_up() -> None:
    make_due()
    pauses = []
    while claimed := Notification.objects.claim_next():
        claimed.note_failure("The receiver answered 500.")
        row = Notification.objects.get()
        if row.next_at is None:
            break
        assert row.state == "waiting"
        pauses.append(round((row.next_at - timezone.now()).total_seconds()))
        Notification.objects.update(next_at=timezone.now() - timedelta(seconds=1))
    assert all(abs(pause - 20 * 2**number) < 10 for number, pause in enumerate(pauses))
    assert 18 < sum(pauses) / 3600 < 30
    assert (row.state, row.error, row.attempts) == ("given up", "The receiver answered 500.", len(pauses) + 1)


def test_a_worker_that_lost_its_lease_spoils_nothing() -> None:
    make_due()
    slow = Notification.objects.claim_next()
    Notification.objects.update(next_at=timezone.now() - timedelta(seconds=1))
    quick = Notification.objects.claim_next()
    assert slow is not None
    assert quick is not None
    slow.note_failure("Too late.")
    assert Notification.objects.get().error == ""
    quick.note_delivery()
    slow.note_failure("Too late.")
    row = Notification.objects.get()
    assert (row.state, row.error, row.next_at) == ("delivered", "", None)


def test_the_receiver_is_scheme_and_host() -> None:
    assert Notification(address="http://10.0.0.5:8080/a/b?c").receiver == "http://10.0.0.5:8080"
    assert Notification(address=EMAIL).receiver == EMAIL
