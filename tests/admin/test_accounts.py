"""API tokens and linked identities in the admin."""

from __future__ import annotations

import re

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from tests.admin.operator import staff
from tests.factories import make_run
from vcfjobs.accounts import api_tokens
from vcfjobs.accounts.provider_tokens import Identity
from vcfjobs.models import ApiToken, LinkedIdentity, Run

pytestmark = [pytest.mark.django_db, pytest.mark.database]

TOKENS = "admin:vcfjobs_apitoken_changelist"
ADD = "admin:vcfjobs_apitoken_add"
LINK = "admin:vcfjobs_linkedidentity_add"
ISSUER = "https://id.example.org"


@pytest.fixture
def grace() -> User:
    """Somebody without rights."""
    return User.objects.create_user("grace")


def test_a_token_that_an_operator_makes_is_shown_once(admin: Client, grace: User) -> None:
    form = {"user": grace.pk, "name": "cluster", "expires_0": "", "expires_1": ""}
    response = admin.post(reverse(ADD), form)
    found = re.search(r'<code id="new-token">(.+?)</code>', response.content.decode())
    assert found
    token = api_tokens.check(found[1])
    assert token
    assert (token.user, token.name) == (grace, "cluster")
    assert "no-store" in response["Cache-Control"]
    assert not any(found[1] in cookie.OutputString() for cookie in response.cookies.values())
    for address in (reverse(TOKENS), reverse("admin:vcfjobs_apitoken_change", args=[token.pk])):
        page = admin.get(address).content.decode()
        assert "cluster" in page
        assert found[1] not in page
        assert token.digest not in page
    assert found[1] not in str(list(LogEntry.objects.values()))


def test_only_a_superuser_makes_tokens_and_links(client: Client, grace: User) -> None:
    careful = staff(client, "add_apitoken", "view_apitoken", "add_linkedidentity", "view_linkedidentity")
    for name in (ADD, LINK):
        assert careful.get(reverse(name)).status_code == 403
        assert careful.post(reverse(name), {"user": grace.pk}).status_code == 403
    assert not ApiToken.objects.exists()


def test_an_operator_revokes_tokens(client: Client, grace: User) -> None:
    token, text = api_tokens.issue(user=grace, name="cluster", expires=None)
    form = {"action": "revoke_tokens", "_selected_action": [token.pk]}
    client.force_login(User.objects.create_user("eve", is_staff=True))
    assert client.post(reverse(TOKENS), form).status_code == 403
    operator = staff(client, "view_apitoken", "change_apitoken")
    page = operator.post(reverse(TOKENS), form, follow=True).content.decode()
    assert "Tokens revoked: 1." in page
    assert api_tokens.check(text) is None
    entry = LogEntry.objects.get()
    assert (entry.object_id, entry.get_change_message()) == (str(token.pk), "Revoked.")


def test_tokens_are_neither_edited_nor_deleted(admin: Client, grace: User) -> None:
    token, _ = api_tokens.issue(user=grace, name="cluster", expires=None)
    admin.post(reverse("admin:vcfjobs_apitoken_change", args=[token.pk]), {"name": "other", "user": 1})
    assert ApiToken.objects.get().name == "cluster"
    address = reverse("admin:vcfjobs_apitoken_delete", args=[token.pk])
    assert admin.post(address, {"post": "yes"}).status_code == 403


def test_an_account_is_deleted_with_its_tokens_and_identities(client: Client, grace: User) -> None:
    api_tokens.issue(user=grace, name="cluster", expires=None)
    LinkedIdentity.objects.create(user=grace, issuer=ISSUER, subject="grace")
    address = reverse("admin:auth_user_delete", args=[grace.pk])
    careful = staff(client, "view_user", "delete_user")
    assert careful.post(address, {"post": "yes"}).status_code == 302
    assert not ApiToken.objects.exists()
    assert not LinkedIdentity.objects.exists()


def test_a_linked_identity_brings_its_runs(admin: Client, grace: User) -> None:
    run = make_run(owner=Identity(ISSUER, "s-1").owner)
    other = make_run(owner=Identity(ISSUER, "s-2").owner)
    form = {"user": grace.pk, "issuer": ISSUER, "subject": "s-1"}
    page = admin.post(reverse(LINK), form, follow=True).content.decode()
    assert "now the account&#x27;s: 1." in page
    assert Run.objects.get(pk=run.pk).owner == f"user:{grace.pk}"
    assert Run.objects.get(pk=other.pk).owner == other.owner
    again = admin.post(reverse(LINK), form).content.decode()
    assert "already exists" in again
