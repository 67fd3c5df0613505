"""Runs are cancelled, retried and deleted by those who may, and what was done is logged."""

from __future__ import annotations

import re
import uuid

import pytest
from django.contrib.admin.models import CHANGE, DELETION, LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from tests.admin.operator import act, answer, make_shard, run_page, staff
from tests.factories import make_run, make_running, store_input
from vcfjobs import storage
from vcfjobs.admin import selection
from vcfjobs.models import Notification, Run, RunAlleles, Status

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def test_selected_runs_are_cancelled_once_that_is_confirmed_and_the_others_counted(admin: Client) -> None:
    running, done = make_running(run_id="at-work"), make_run(status=Status.SUCCEEDED)
    question = act(admin, "cancel_runs", running, done)
    assert "Cancel 2 runs?" in question
    assert "at-work" in question
    assert Run.objects.get(pk=running.pk).status == Status.RUNNING
    page = answer(admin, question)
    assert "Runs cancelled: 1." in page
    assert "Runs unchanged: 1. The run has already ended" in page
    assert Run.objects.get(pk=running.pk).status == Status.CANCELLED
    assert Run.objects.get(pk=done.pk).status == Status.SUCCEEDED


def test_selected_runs_are_retried_where_their_file_is_still_here(
    admin: Client, broker: list[tuple[str, list[str]]]
) -> None:
    kept, gone = make_run(status=Status.FAILED), make_run(status=Status.FAILED)
    store_input(kept)
    page = act(admin, "retry_runs", kept, gone)
    assert "Runs queued again: 1." in page
    assert Run.objects.get(pk=kept.pk).status == Status.QUEUED
    assert Run.objects.get(pk=gone.pk).status == Status.FAILED
    assert len(broker) == 1


def test_notifications_that_were_given_up_are_sent_again(admin: Client) -> None:
    told, untold = make_run(status=Status.SUCCEEDED), make_run(status=Status.SUCCEEDED)
    now = timezone.now()
    given_up, delivered = (
        Notification.objects.create(run=run, address="https://x", payload={}, attempts=13, delivered=when)
        for run, when in ((untold, None), (told, now))
    )
    page = act(admin, "notify_again", told, untold)
    assert "Runs notified again: 1." in page
    assert "Runs unchanged: 1. No notification of this run was given up." in page
    for notification in (given_up, delivered):
        notification.refresh_from_db()
    assert (given_up.state, given_up.attempts) == ("waiting", 0)
    assert (delivered.state, delivered.delivered) == ("delivered", now)
    claimed = Notification.objects.claim_next()
    assert claimed == given_up


def test_a_limit_that_refuses_a_retry_is_told_in_its_own_words(admin: Client, settings: Settings) -> None:
    settings.ANYVAR_MAX_QUEUED_RUNS = 1
    make_run()
    failed = make_run(status=Status.FAILED)
    store_input(failed)
    page = act(admin, "retry_runs", failed)
    assert "Runs queued again: 0." in page
    assert "Runs unchanged: 1. Too many runs are queued." in page


def test_deleting_a_run_is_asked_about_and_removes_its_files(admin: Client) -> None:
    run = make_run(run_id="away")
    store_input(run)
    make_shard(run, 0)
    RunAlleles.objects.create(run=run, ordinal=0, digests=b"x" * 24)
    address = reverse("admin:vcfjobs_run_delete", args=[run.pk])
    with CaptureQueriesContext(connection) as captured:
        question = admin.get(address).content.decode()
    assert not [query for query in captured if "runalleles" in query["sql"]]  # they may be gigabytes
    admin.post(address, {"post": "yes"})
    assert Run.objects.exists()
    assert "Delete 1 run?" in question
    assert "Runs deleted: 1." in answer(admin, question)
    assert not Run.objects.exists()
    assert not storage.run_folder(run.pk).exists()


def test_deleting_selected_runs_removes_their_files(admin: Client) -> None:
    runs = [make_run(), make_run()]
    for run in runs:
        store_input(run)
    answer(admin, act(admin, "delete_selected", *runs))
    assert not Run.objects.exists()
    assert not any(storage.run_folder(run.pk).exists() for run in runs)


def test_the_delete_that_gathers_all_that_hangs_on_a_run_is_not_offered(admin: Client) -> None:
    run = make_run()
    act(admin, "delete_selected", run, post="yes")
    assert Run.objects.exists()


def test_what_comes_after_the_question_is_not_deleted_with_the_rest(admin: Client) -> None:
    make_run()
    question = act(admin, "delete_selected", Run.objects.get(), select_across="1")
    late = make_run()
    answer(admin, question)
    assert list(Run.objects.all()) == [late]


def test_a_selection_is_dealt_with_up_to_a_number(admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "MOST_AT_ONCE", 2)
    runs = [make_run() for _ in range(3)]
    question = act(admin, "delete_selected", *runs, select_across="1")
    assert "Delete 2 runs?" in question
    assert "at most 2 runs" in question
    assert "Runs deleted: 2." in answer(admin, question)
    assert Run.objects.count() == 1


def test_a_selection_is_dealt_with_up_to_a_time(admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [make_run() for _ in range(3)]
    question = act(admin, "cancel_runs", *runs)
    monkeypatch.setattr(selection, "SECONDS", -1.0)
    page = answer(admin, question)
    assert "Runs cancelled: 0." in page
    assert "Runs not reached within the time of one request: 3." in page
    assert set(Run.objects.values_list("status", flat=True)) == {Status.QUEUED}


def test_a_thousand_runs_fit_into_one_question(admin: Client, settings: Settings) -> None:
    settings.DATA_UPLOAD_MAX_NUMBER_FIELDS = 10
    runs = Run.objects.bulk_create(Run(run_id=str(number), assembly="tiny") for number in range(30))
    assert "Runs deleted: 30." in answer(admin, act(admin, "delete_selected", runs[0], select_across="1"))
    assert not Run.objects.exists()
    thousand = [uuid.uuid4() for _ in range(1000)]
    assert selection.keys(",".join(map(str, thousand))) == thousand


def test_who_did_what_is_written_down_and_what_was_refused_is_not(
    admin: Client, broker: list[tuple[str, list[str]]]
) -> None:
    failed, waiting, done = make_run(status=Status.FAILED), make_run(), make_run(status=Status.SUCCEEDED)
    store_input(failed)
    act(admin, "retry_runs", failed, done)
    answer(admin, act(admin, "cancel_runs", waiting, done))
    answer(admin, act(admin, "delete_selected", done))
    entries = LogEntry.objects.order_by("pk").values_list("user__username", "object_id", "action_flag")
    assert list(entries) == [
        ("root", str(failed.pk), CHANGE),
        ("root", str(waiting.pk), CHANGE),
        ("root", str(done.pk), DELETION),
    ]
    page = admin.get(reverse("admin:admin_logentry_changelist"), {"q": str(failed.pk)}).content.decode()
    assert "Queued again." in page
    assert str(waiting.pk) not in page
    assert "Cancelled." in admin.get(reverse("admin:vcfjobs_run_history", args=[waiting.pk])).content.decode()


@pytest.mark.parametrize(
    ("permissions", "allowed"),
    [
        (["view_run"], set()),
        (["view_run", "change_run"], {"cancel_runs", "retry_runs"}),
        (["view_run", "delete_run"], {"delete_selected"}),
    ],
)
def test_who_may_only_look_cannot_act_and_who_may_change_cannot_delete(
    client: Client, broker: list[tuple[str, list[str]]], permissions: list[str], allowed: set[str]
) -> None:
    staff(client, *permissions)
    done = set()
    for action in ("cancel_runs", "retry_runs", "delete_selected"):
        run = make_running() if action == "cancel_runs" else make_run(status=Status.FAILED)
        store_input(run)
        page = act(client, action, run)
        answer(client, page) if "confirmed" in page else None
        # Without the question too: its answer can be forged.
        act(client, action, run, confirmed="yes", runs=str(run.pk))
        now = Run.objects.filter(pk=run.pk).first()
        done |= {action} if now is None or now.status != run.status else set()
    assert done == allowed
    deletable = make_run()
    deleted = client.get(reverse("admin:vcfjobs_run_delete", args=[deletable.pk]))
    assert deleted.status_code == (200 if "delete_selected" in allowed else 403)


@pytest.mark.parametrize(
    ("status", "commands"),
    [("running", {"cancel_runs"}), ("failed", {"retry_runs"}), ("succeeded", set())],
)
def test_the_page_of_a_run_offers_what_its_status_allows(
    admin: Client, client: Client, status: str, commands: set[str]
) -> None:
    run = make_run(status=status)
    assert set(re.findall(r'name="action" value="(\w+)"', run_page(admin, run))) == commands
    assert 'name="action"' not in run_page(staff(client, "view_run"), run)
