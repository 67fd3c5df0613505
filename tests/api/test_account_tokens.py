"""API tokens of accounts: a person has one owner, whatever the way in."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import OperationalError
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from tests.factories import VCF, make_run
from vcfjobs.accounts import api_tokens
from vcfjobs.errors import TooManyTokensError
from vcfjobs.models import ApiToken, Run, Status

pytestmark = [pytest.mark.django_db, pytest.mark.database]

ADDRESS = "/vcf?run_async=1&assembly=tiny"


@pytest.fixture(autouse=True)
def _closed(settings: Settings) -> Iterator[None]:
    settings.ANYVAR_AUTH_REQUIRED = True
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def ada() -> User:
    return User.objects.create_user("ada", password="words-and-words")


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


def make(user: User, **columns: Any) -> tuple[ApiToken, str]:
    token, text = api_tokens.issue(user=user, name="laptop", expires=None)
    ApiToken.objects.filter(pk=token.pk).update(**columns)
    token.refresh_from_db()
    return token, text


def put(client: Client, text: str) -> Any:
    return client.put(ADDRESS, VCF, content_type="text/plain", headers=bearer(text))


def keys(client: Client, **headers: Any) -> list[str]:
    return [run["id"] for run in client.get("/runs/", **headers).json()["results"]]


def test_a_run_by_token_and_one_by_session_have_the_same_owner(
    client: Client, ada: User, tiny_assembly: str, broker: list[Any]
) -> None:
    _, text = make(ada)
    assert put(Client(), text).status_code == 202
    client.force_login(ada)
    assert client.put(ADDRESS, VCF, content_type="text/plain").status_code == 202
    assert {run.owner for run in Run.objects.all()} == {f"user:{ada.pk}"}
    assert len(keys(client)) == 2
    assert keys(Client(), headers=bearer(text)) == keys(client)


def test_a_rotated_token_keeps_the_runs_and_the_old_one_ends(client: Client, ada: User) -> None:
    run = make_run(owner=f"user:{ada.pk}")
    old, text = make(ada)
    new, other = api_tokens.rotate(old)
    assert new.name == old.name
    assert client.get("/runs/", headers=bearer(text)).status_code == 401
    assert keys(client, headers=bearer(other)) == [str(run.pk)]
    with pytest.raises(ApiToken.DoesNotExist):
        api_tokens.rotate(old)


def test_a_rotated_token_lasts_as_long_as_the_old_one_did(ada: User) -> None:
    made = timezone.now() - timedelta(days=29)
    old, _ = make(ada, created=made, expires=made + timedelta(days=30))
    new, _ = api_tokens.rotate(old)
    assert new.expires
    assert timedelta(days=29) < new.expires - timezone.now() < timedelta(days=31)


@pytest.mark.parametrize("ended", ["revoked", "expired", "inactive", "deleted", "unknown"])
def test_an_ended_token_is_401(client: Client, ada: User, ended: str) -> None:
    token, text = make(ada)
    assert client.get("/runs/", headers=bearer(text)).status_code == 200
    if ended == "revoked":
        assert api_tokens.revoke(token)
        assert not api_tokens.revoke(token)
    elif ended == "expired":
        ApiToken.objects.update(expires=timezone.now())
    elif ended == "inactive":
        User.objects.update(is_active=False)
    elif ended == "deleted":
        ada.delete()
    else:
        text = text[:-1] + ("a" if text[-1] != "a" else "b")
    refused = client.get("/runs/", headers=bearer(text))
    assert refused.status_code == 401
    assert refused["WWW-Authenticate"] == "Bearer"
    assert refused.json()["error_code"] == "AUTHENTICATION_FAILED"


def test_only_the_digest_of_a_token_is_stored(ada: User) -> None:
    token, text = make(ada)
    assert len(text) == len(api_tokens.PREFIX) + 43  # 256 bits
    row = ApiToken.objects.filter(pk=token.pk).values().get()
    assert row["digest"] == hashlib.sha256(text.encode()).hexdigest()
    assert not any(text.removeprefix(api_tokens.PREFIX) in str(value) for value in row.values())


def test_a_check_costs_one_query_and_is_quick(
    ada: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    _, text = make(ada, last_used=timezone.now())
    with django_assert_num_queries(1):
        found = api_tokens.check(text)
        assert found
        assert found.user == ada
    times = []
    for _ in range(50):
        start = time.thread_time()  # what it computes, whatever else the machine does
        api_tokens.check(text)
        times.append(time.thread_time() - start)
    assert min(times) < 0.002


def test_the_last_use_is_noted_at_most_once_a_minute(
    ada: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    token, text = make(ada)
    with django_assert_num_queries(2):
        api_tokens.check(text)
    token.refresh_from_db()
    assert token.last_used
    with django_assert_num_queries(1):
        api_tokens.check(text)
    ApiToken.objects.update(last_used=timezone.now() - timedelta(seconds=61))
    with django_assert_num_queries(2):
        api_tokens.check(text)


def test_a_database_that_takes_no_writes_refuses_no_token(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def read_only(*args: Any) -> None:
        raise OperationalError

    _, text = make(ada)
    monkeypatch.setattr(ApiToken, "note_use", read_only)
    assert api_tokens.check(text)


def test_the_token_of_staff_sees_everyones_runs_and_is_noted_in_the_admins_log(client: Client) -> None:
    boss = User.objects.create_user("boss", is_staff=True)
    _, text = make(boss)
    failed, queued = make_run(owner="token:a", status=Status.FAILED), make_run(owner="token:b")
    assert len(keys(client, headers=bearer(text))) == 2
    assert client.post(f"/runs/{failed.pk}/retry", headers=bearer(text)).status_code == 409
    assert client.post(f"/runs/{queued.pk}/cancel", headers=bearer(text)).status_code == 202
    assert client.delete(f"/runs/{queued.pk}/", headers=bearer(text)).status_code == 204
    entries = LogEntry.objects.order_by("pk").values_list("user__username", "object_id", "change_message")
    assert list(entries) == [("boss", str(queued.pk), "Cancelled."), ("boss", str(queued.pk), "Deleted.")]


def test_what_somebody_does_to_their_own_runs_is_no_business_of_the_admin(client: Client, ada: User) -> None:
    _, text = make(ada)
    run = make_run(owner=f"user:{ada.pk}")
    assert client.delete(f"/runs/{run.pk}/", headers=bearer(text)).status_code == 204
    assert not LogEntry.objects.exists()


def test_an_account_has_a_limited_number_of_tokens(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_tokens, "MOST_OF_AN_ACCOUNT", 2)
    first, _ = make(ada)
    make(ada)
    with pytest.raises(TooManyTokensError, match="You have 2 API tokens"):
        make(ada)
    api_tokens.rotate(first)


def test_an_open_service_reads_no_token(client: Client, settings: Settings, ada: User) -> None:
    settings.ANYVAR_AUTH_REQUIRED = False
    make_run(owner="")
    assert len(keys(client, headers=bearer("vrs_unknown"))) == 1


def test_without_a_list_a_service_may_still_require_authentication(client: Client) -> None:
    assert client.get("/runs/").status_code == 401
    assert client.get("/").status_code == 302
