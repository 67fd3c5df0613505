"""What an operator does in the admin, and the rows that it shows."""

from __future__ import annotations

import re
from typing import Any

from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from vcfjobs.models import Allele, Run, RunAlleles, Sequence, Shard
from vcfjobs.vrs.digests import digest_bytes

RUNS = "admin:vcfjobs_run_changelist"
ROWS = ("run", "shard", "assembly", "contig", "sequence", "allele", "worker")


def act(admin: Client, action: str, *runs: Run, **more: str) -> str:
    """Do an action with the selected runs; the page that comes of it."""
    form: dict[str, Any] = {"action": action, "_selected_action": [str(run.pk) for run in runs]}
    return admin.post(reverse(RUNS), form | more, follow=True).content.decode()


def answer(admin: Client, question: str) -> str:
    """Say yes to the question that a page asks; the page that comes of it."""
    form = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', question))
    assert form.pop("csrfmiddlewaretoken", "") is not None
    return admin.post(reverse(RUNS), form, follow=True).content.decode()


def staff(client: Client, *permissions: str) -> Client:
    """Signed in as staff with these permissions alone."""
    user = User.objects.create_user("ada", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client.force_login(user)
    return client


def run_page(client: Client, run: Run) -> str:
    return client.get(reverse("admin:vcfjobs_run_change", args=[run.pk])).content.decode()


def make_shard(run: Run, number: int, **columns: Any) -> Shard:
    return Shard.objects.create(
        run=run, cut_attempt=1, number=number, start=number, end=number + 1, attempt_limit=3, **columns
    )


def make_allele(**columns: Any) -> Allele:
    """A registered substitution on a sequence of its own, its digest the right one."""
    sequence, _ = Sequence.objects.get_or_create(accession="SQ." + "a" * 32, length=9)
    values: dict[str, Any] = {"sequence": sequence, "start": 1, "end": 2, "span": 0, "literal": "C"}
    allele = Allele(**(values | columns))
    allele.digest = allele.digest or str(allele.to_vrs()["digest"])
    allele.save(force_insert=True)
    return allele


def hold(run: Run, allele: Allele) -> None:
    """Note that a run held an allele, beside another."""
    digests = b"\0" * 24 + digest_bytes(allele.pk)
    RunAlleles.objects.create(run=run, ordinal=0, digests=digests)
