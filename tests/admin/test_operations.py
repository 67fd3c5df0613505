"""Workers, Celery's results, accounts and the admin's log."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_celery_results.models import TaskResult

from tests.admin.operator import act, staff
from tests.factories import make_run
from vcfjobs.models import Status, Worker

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def test_the_results_of_celery_are_in_the_admin_too(admin: Client) -> None:
    assert "django_celery_results/taskresult/" in admin.get(reverse("admin:index")).content.decode()


def test_results_of_celery_keep_their_traceback_from_who_may_not_view_it(
    admin: Client, client: Client
) -> None:
    row = TaskResult.objects.create(task_id="t-1", traceback="KeyError: 'patient-7'", task_name="annotate")
    address = reverse("admin:django_celery_results_taskresult_change", args=[row.pk])
    assert "KeyError" in admin.get(address).content.decode()
    assert "KeyError" not in staff(client, "view_taskresult").get(address).content.decode()


def test_workers_are_listed_with_whether_they_live(admin: Client) -> None:
    now = timezone.now()
    for name, seen in (("celery@quick", now), ("celery@dead", now - timedelta(minutes=5))):
        Worker.objects.create(
            node=name, host="h", pid=7, version="0.1.0", concurrency=2, started=now, seen=seen
        )
    page = admin.get(reverse("admin:vcfjobs_worker_changelist")).content.decode()
    assert re.findall(r'alt="(True|False)"', page) == ["True", "False"]


def test_an_account_that_acted_in_the_admin_can_be_deleted(admin: Client, client: Client) -> None:
    act(staff(client, "view_run", "change_run"), "retry_runs", failed := make_run(status=Status.FAILED))
    ada = User.objects.get(username="ada")
    LogEntry.objects.create(user=ada, object_id=str(failed.pk), object_repr="run", action_flag=CHANGE)
    client.force_login(User.objects.get(username="root"))
    address = reverse("admin:auth_user_delete", args=[ada.pk])
    assert 'name="post"' in client.get(address).content.decode()
    client.post(address, {"post": "yes"})
    assert not User.objects.filter(pk=ada.pk).exists()


def test_the_log_of_the_admin_cannot_be_deleted(admin: Client) -> None:
    entry = LogEntry.objects.create(user=User.objects.get(), object_repr="run", action_flag=CHANGE)
    address = reverse("admin:admin_logentry_delete", args=[entry.pk])
    assert admin.post(address, {"post": "yes"}).status_code == 403
    assert LogEntry.objects.get() == entry
