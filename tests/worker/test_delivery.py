"""What is due is delivered, and a receiver that is away keeps nobody else waiting."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import timedelta
from threading import Event

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.utils import timezone
from pytest_django import Settings

from tests.factories import make_running
from tests.notifications.receiver import Receiver
from tests.servers import wait_until
from vcfjobs.models import Notification, Run, Status
from vcfjobs.notifications import webhooks
from vcfjobs.notifications.origins import listed_origin
from vcfjobs.worker import delivery
from vcfjobs.worker.bootstep import SweepStep

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database]


def end_a_run(url: str) -> Notification:
    run = make_running(callback_url=url)
    assert run.succeed()
    return Notification.objects.get(run=run)


def deliver() -> None:
    delivery.deliver_due(Event())


def lapse() -> None:
    """What waits is due."""
    Notification.objects.exclude(next_at=None).update(next_at=timezone.now() - timedelta(seconds=1))


@pytest.fixture
def dead(receiver: Receiver, settings: Settings) -> Iterator[str]:
    """An address that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        settings.ANYVAR_CALLBACK_PRIVATE_HOSTS += [listed_origin(url)]
        yield f"{url}/"


def test_a_run_that_has_ended_is_told_of_once(receiver: Receiver) -> None:
    due = end_a_run(receiver.url)
    deliver()
    deliver()
    (message,) = receiver.messages
    assert message.is_signed_by()
    assert (message.id, message.payload) == (str(due.pk), due.payload)
    due.refresh_from_db()
    assert (due.state, due.attempts, due.error) == ("delivered", 1, "")


def test_a_receiver_that_fails_at_first_gets_it_again(receiver: Receiver) -> None:
    due = end_a_run(receiver.url)
    receiver.statuses = [500]
    deliver()
    due.refresh_from_db()
    assert (due.state, due.error) == ("waiting", "The receiver answered 500.")
    deliver()
    assert len(receiver.messages) == 1  # not before the pause is over
    lapse()
    deliver()
    first, second = receiver.messages
    assert (first.id, first.body) == (second.id, second.body)
    assert second.is_signed_by()
    due.refresh_from_db()
    assert (due.state, due.attempts) == ("delivered", 2)


def test_what_a_killed_worker_delivered_without_a_record_comes_again_under_its_id(
    receiver: Receiver,
) -> None:
    due = end_a_run(receiver.url)
    claimed = Notification.objects.claim_next()
    assert claimed is not None
    webhooks.send(claimed.address, str(claimed.pk), claimed.payload)
    deliver()
    assert len(receiver.messages) == 1  # its lease is not over
    lapse()
    deliver()
    assert [message.id for message in receiver.messages] == [str(due.pk)] * 2
    assert receiver.messages[0].body == receiver.messages[1].body


def test_a_receiver_that_is_silent_is_asked_once_a_round_and_others_are_not_kept_waiting(
    receiver: Receiver,
    dead: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(webhooks, "SECONDS", 0.5)
    for number in range(5):
        end_a_run(f"{dead}{number}")
    end_a_run(receiver.url)
    deliver()
    assert len(receiver.messages) == 1
    assert Notification.objects.filter(attempts=1, delivered=None).count() == 1
    assert Notification.objects.filter(attempts=0).count() == 4
    assert "cannot be reached" in Notification.objects.get(attempts=1, delivered=None).error


def test_a_receiver_that_never_answers_does_not_delay_the_sweep(
    receiver: Receiver, step: SweepStep, settings: Settings, monkeypatch: pytest.MonkeyPatch, broker: object
) -> None:
    monkeypatch.setattr(webhooks, "SECONDS", 120.0)
    settings.ANYVAR_LEASE_SECONDS = 4  # a sweep each second
    go_on = Event()
    receiver.before_answer = lambda: go_on.wait(120)
    told = end_a_run(receiver.url)
    step.start(None)
    try:
        wait_until(lambda: len(receiver.messages) == 1, "the receiver is asked")
        lost = make_running(lease_until=timezone.now() - timedelta(seconds=1))
        wait_until(lambda: Run.objects.get(pk=lost.pk).status == Status.QUEUED, "the sweep finds it")
        told.refresh_from_db()
        assert (told.state, told.attempts) == ("waiting", 1)
        go_on.set()
        wait_until(lambda: Notification.objects.get().state == "delivered", "it answers at last")
    finally:
        go_on.set()
        step.stop(None)


def test_without_a_way_to_tell_anybody_a_worker_has_no_thread_for_it(step: SweepStep) -> None:
    assert [thread.name for thread in step._threads] == ["sweep"]


def test_a_receiver_that_refuses_some_messages_gets_all(receiver: Receiver) -> None:
    receiver.statuses = [404, 404]
    for _ in range(4):
        end_a_run(receiver.url)
    deliver()
    assert len(receiver.messages) == 4
    assert Notification.objects.filter(delivered=None).count() == 2


def test_a_worker_that_stops_begins_no_attempt(receiver: Receiver) -> None:
    end_a_run(receiver.url)
    stop = Event()
    receiver.before_answer = stop.set
    end_a_run(receiver.url)
    delivery.deliver_due(stop)
    assert len(receiver.messages) == 1


def test_the_owner_gets_an_email(settings: Settings) -> None:
    settings.EMAIL_ENABLED = True
    settings.ANYVAR_PUBLIC_URL = "https://vrs.example.org"
    ada = User.objects.create_user("ada", "ada@example.org")
    for owner in (f"user:{ada.pk}", "token:alice"):
        assert make_running(email_owner=True, owner=owner).succeed()
    deliver()
    (message,) = mail.outbox
    assert message.to == ["ada@example.org"]
    waiting = Notification.objects.get(delivered=None)
    assert "has no e-mail address" in waiting.error


def test_a_mail_server_that_is_away_is_tried_again(settings: Settings) -> None:
    settings.EMAIL_ENABLED = True
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        settings.EMAIL_HOST, settings.EMAIL_PORT = unused.getsockname()
        ada = User.objects.create_user("ada", "ada@example.org")
        assert make_running(email_owner=True, owner=f"user:{ada.pk}").succeed()
        deliver()
    row = Notification.objects.get()
    assert (row.state, row.error) == ("waiting", "The receiver cannot be reached (ConnectionRefusedError).")
