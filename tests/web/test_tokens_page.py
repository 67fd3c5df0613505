"""The page "Your tokens": a token is shown once, and belongs to whoever is signed in."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from tests.web.page_text import markup
from vcfjobs.accounts import api_tokens
from vcfjobs.models import ApiToken

pytestmark = [pytest.mark.django_db, pytest.mark.database, pytest.mark.usefixtures("closed")]

FORM = {"name": "cluster", "days": "30"}


@pytest.fixture
def ada(client: Client) -> User:
    """Who is signed in."""
    user = User.objects.create_user("ada")
    client.force_login(user)
    return user


def shown(page: str) -> str:
    """The text of the new token on a page."""
    found = re.search(r'<code id="new-token">(.+?)</code>', page)
    assert found
    return found[1]


def works(text: str) -> bool:
    return Client().get("/runs/", headers={"Authorization": f"Bearer {text}"}).status_code == 200


def test_a_new_token_is_shown_once(client: Client, ada: User) -> None:
    response = client.post("/tokens/", FORM)
    text = shown(markup(response))
    assert works(text)
    assert "no-store" in response["Cache-Control"]
    assert 'data-copy="new-token"' in markup(response)
    later = markup(client.get("/tokens/"))
    assert "cluster" in later
    assert text not in later
    assert "new-token" not in later
    token = ApiToken.objects.get(user=ada)
    assert token.expires
    assert timedelta(days=29) < token.expires - timezone.now() <= timedelta(days=30)


def test_a_token_may_last_for_ever(client: Client, ada: User) -> None:
    client.post("/tokens/", FORM | {"days": "0"})
    assert ApiToken.objects.get(user=ada).expires is None


@pytest.mark.parametrize("wrong", [{"name": ""}, {"name": "x" * 101}, {"days": "7"}, {"name": "a\0b"}])
def test_a_wrong_form_makes_no_token(client: Client, ada: User, wrong: dict[str, str]) -> None:
    response = client.post("/tokens/", FORM | wrong)
    assert response.status_code == 422
    assert "new-token" not in markup(response)
    assert not ApiToken.objects.exists()


def test_a_name_is_shown_as_text(client: Client, ada: User) -> None:
    page = markup(client.post("/tokens/", FORM | {"name": "<script>alert(1)</script>"}))
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


def test_a_replaced_token_ends_and_the_new_one_works(client: Client, ada: User) -> None:
    token, old = api_tokens.issue(user=ada, name="cluster", expires=None)
    new = shown(markup(client.post(f"/tokens/{token.pk}/rotate/")))
    assert works(new)
    assert not works(old)
    assert client.post(f"/tokens/{token.pk}/rotate/").status_code == 404


def test_a_revoked_token_ends(client: Client, ada: User) -> None:
    token, text = api_tokens.issue(user=ada, name="cluster", expires=None)
    page = markup(client.post(f"/tokens/{token.pk}/revoke/", follow=True))
    assert "The token cluster was revoked." in page
    assert "Revoked" in page
    assert not works(text)


@pytest.mark.parametrize("action", ["rotate", "revoke"])
def test_anothers_token_is_not_found(client: Client, ada: User, action: str) -> None:
    grace = User.objects.create_user("grace")
    token, text = api_tokens.issue(user=grace, name="hers", expires=None)
    assert client.post(f"/tokens/{token.pk}/{action}/").status_code == 404
    assert "hers" not in markup(client.get("/tokens/"))
    assert works(text)


def test_too_many_tokens_are_refused(client: Client, ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_tokens, "MOST_OF_AN_ACCOUNT", 1)
    client.post("/tokens/", FORM)
    refused = client.post("/tokens/", FORM)
    assert refused.status_code == 409
    assert "You have 1 API tokens" in markup(refused)
    assert ApiToken.objects.count() == 1


@pytest.mark.parametrize("address", ["/tokens/", "/tokens/1/rotate/", "/tokens/1/revoke/"])
def test_a_stranger_is_sent_to_the_login(client: Client, address: str) -> None:
    response = client.post(address, FORM)
    assert (response.status_code, response["Location"]) == (302, "/login/?next=/tokens/")


def test_a_token_cannot_make_tokens(ada: User) -> None:
    _, text = api_tokens.issue(user=ada, name="cluster", expires=None)
    response = Client().post("/tokens/", FORM, headers={"Authorization": f"Bearer {text}"})
    assert response.status_code == 302
    assert ApiToken.objects.count() == 1


def test_another_site_cannot_make_or_end_tokens(ada: User) -> None:
    careful = Client(enforce_csrf_checks=True)
    careful.force_login(ada)
    token, text = api_tokens.issue(user=ada, name="cluster", expires=None)
    for address in ("/tokens/", f"/tokens/{token.pk}/rotate/", f"/tokens/{token.pk}/revoke/"):
        assert careful.post(address, FORM).status_code == 403
    assert works(text)


def test_the_pages_link_to_it_for_accounts_alone(client: Client, ada: User) -> None:
    assert 'href="/tokens/"' in markup(client.get("/"))
    client.logout()
    assert 'href="/tokens/"' not in markup(client.get("/login/"))
