"""`adopt_runs` gives the runs of one owner to another."""

from __future__ import annotations

from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client
from pytest_django import Settings

from tests.factories import make_run
from vcfjobs.accounts.listed_tokens import digest_of
from vcfjobs.models import Run

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def adopt(source: str, target: str) -> str:
    out = StringIO()
    call_command("adopt_runs", "--from", source, "--to", target, stdout=out)
    return out.getvalue()


def test_a_token_that_gets_a_name_keeps_its_runs(client: Client, settings: Settings) -> None:
    settings.ANYVAR_AUTH_TOKEN_LIST = ["secret"]
    old = f"token:{digest_of('secret')}"
    run = make_run(owner=old, run_id="a")
    other = make_run(owner="token:other", run_id="a")
    settings.ANYVAR_AUTH_TOKEN_LIST = ["alice:secret"]
    bearer = {"Authorization": "Bearer secret"}
    assert client.get(f"/runs/{run.pk}/", headers=bearer).status_code == 404
    assert adopt(old, "alice") == "1 runs are now those of token:alice.\n"
    assert client.get(f"/runs/{run.pk}/", headers=bearer).status_code == 200
    assert Run.objects.get(pk=other.pk).owner == "token:other"


def test_the_runs_of_an_open_service_may_become_those_of_an_account() -> None:
    ada = User.objects.create_user("ada")
    make_run(owner="")
    assert adopt("", "ada").startswith("1 runs")
    assert Run.objects.get().owner == f"user:{ada.pk}"


def test_a_run_id_that_both_use_stays_with_the_new_owners_run() -> None:
    ada = User.objects.create_user("ada")
    theirs, hers = make_run(owner="token:a", run_id="x"), make_run(owner=f"user:{ada.pk}", run_id="x")
    make_run(owner="token:a", run_id="y")
    assert "1 of them lost their run_id" in adopt("token:a", "ada")
    theirs.refresh_from_db()
    assert (theirs.owner, theirs.superseded) == (hers.owner, True)
    held = Run.objects.filter(owner=hers.owner, superseded=False).values_list("run_id", flat=True)
    assert sorted(held) == ["x", "y"]


def test_an_owner_may_be_written_in_full() -> None:
    ada = User.objects.create_user("ada")
    make_run(owner="token:a")
    adopt("token:a", f"user:{ada.pk}")
    assert "0 runs" in adopt(f"user:{ada.pk}", f"user:{ada.pk}")
    assert Run.objects.get().owner == f"user:{ada.pk}"


@pytest.mark.parametrize("target", ["nobody", "user:999999", "token:nobody", ""])
def test_nobody_adopts_nothing(target: str) -> None:
    make_run(owner="token:a")
    with pytest.raises(CommandError, match="is neither an account nor a name") as refused:
        adopt("token:a", target)
    assert refused.value.returncode == 2
    assert Run.objects.get().owner == "token:a"


def test_a_name_that_two_owners_have_is_refused(settings: Settings) -> None:
    settings.ANYVAR_AUTH_TOKEN_LIST = ["ada:secret"]
    ada = User.objects.create_user("ada")
    with pytest.raises(CommandError, match=f"say user:{ada.pk} or token:ada"):
        adopt("token:a", "ada")
