"""The page of one run: shown, never edited, and nothing private on it."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tests.admin.operator import make_shard, run_page, staff
from tests.factories import make_run, make_running
from vcfjobs.models import Notification, Run, Status

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def test_a_run_is_shown_and_cannot_be_changed(admin: Client) -> None:
    run = make_run(file_name="a.vcf")
    address = reverse("admin:vcfjobs_run_change", args=[run.pk])
    page = admin.get(address).content.decode()
    assert "a.vcf" in page
    assert 'name="file_name"' not in page
    assert 'name="_save"' not in page
    assert admin.post(address, {"file_name": "b.vcf"}).status_code == 403
    assert Run.objects.get().file_name == "a.vcf"


def test_an_owner_that_is_an_account_has_its_name(admin: Client) -> None:
    grace = User.objects.create_user("grace")
    named = {f"user:{grace.pk}": f"grace (user:{grace.pk})", "token:lab": "token:lab", "": "everybody"}
    for owner, name in named.items():
        assert f'"readonly">{name}</div>' in run_page(admin, make_run(owner=owner))
    page = admin.get(reverse("admin:vcfjobs_run_changelist")).content.decode()
    assert set(re.findall(r'field-whose">([^<]*)<', page)) == set(named.values())


def test_the_traceback_is_for_who_may_view_tracebacks(admin: Client, client: Client) -> None:
    run = make_run(status=Status.FAILED, traceback="KeyError: 'patient-7'")
    assert "KeyError" in run_page(admin, run)
    assert "KeyError" not in run_page(staff(client, "view_run", "change_run", "delete_run"), run)
    User.objects.get(username="ada").user_permissions.add(
        Permission.objects.get(codename="view_run_traceback")
    )
    assert "KeyError" in run_page(client, run)


def test_no_place_and_no_name_of_a_record_is_shown(admin: Client) -> None:
    report = {
        "records": 7,
        "alleles": {"snv": 5},
        "failures": [["chrSECRET", 12345, "wrong_ref"]],
        "unknown_contigs": {"chrSECRET": 1},
        "positions": {"chrSECRET": {"3": 1}},
    }
    run = make_run(status=Status.SUCCEEDED, report=report)
    shard = make_shard(run, 0, report=report)
    page = run_page(admin, run)
    assert "&quot;snv&quot;: 5" in page
    assert "chrSECRET" not in page
    assert (
        "chrSECRET" not in admin.get(reverse("admin:vcfjobs_shard_change", args=[shard.pk])).content.decode()
    )


def test_a_run_that_was_cut_leads_to_its_shards(admin: Client) -> None:
    run, other = make_running(shard_count=2), make_running(shard_count=1)
    make_shard(run, 0)
    make_shard(run, 1)
    make_shard(other, 0)
    (address,) = re.findall(r'href="([^"]*shard/[?][^"]*)"', run_page(admin, run))
    assert "2 shards" in admin.get(address).content.decode()
    assert (
        "2 shards"
        in admin.get(reverse("admin:vcfjobs_shard_changelist"), {"q": str(run.pk)}).content.decode()
    )


def test_a_result_is_linked_until_it_expires(admin: Client) -> None:
    run = make_run(status=Status.SUCCEEDED, expires=timezone.now() + timedelta(hours=1))
    address = reverse("admin:vcfjobs_run_change", args=[run.pk])
    assert f'href="/runs/{run.pk}/result.vcf.gz"' in admin.get(address).content.decode()
    Run.objects.update(expires=timezone.now())
    assert "result.vcf.gz" not in admin.get(address).content.decode()


def test_a_run_shows_who_was_told_of_its_end(admin: Client) -> None:
    run = make_running(callback_url="https://hooks.example.org/x")
    run.cancel()
    claimed = Notification.objects.claim_next()
    assert claimed is not None
    claimed.note_failure("The receiver answered 500.")
    page = run_page(admin, run)
    assert "https://hooks.example.org/x" in page
    assert "The receiver answered 500." in page
    assert "waiting" in page
    assert 'name="notifications-0-error"' not in page
