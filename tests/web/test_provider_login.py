"""Log in to the pages through an OpenID Connect provider."""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client
from pytest_django import Settings

from tests.api.issuer import Issuer, serving_issuer
from tests.factories import make_run
from tests.web.page_text import markup
from vcfjobs.accounts.provider_tokens import Identity
from vcfjobs.models import LinkedIdentity, Run

pytestmark = [pytest.mark.django_db, pytest.mark.database]

CLIENT = "vrs-pages"
START, CALLBACK = "/login/provider/", "/login/provider/callback/"
Login = Callable[..., Any]


@pytest.fixture
def issuer(settings: Settings) -> Iterator[Issuer]:
    """The provider at which people log in."""
    cache.clear()
    with serving_issuer() as served:
        settings.ANYVAR_AUTH_ISSUER_URL = served.url
        settings.ANYVAR_AUTH_CLIENT_ID = CLIENT
        settings.ANYVAR_AUTH_CLIENT_SECRET = "client-secret"
        settings.ANYVAR_AUTH_AUDIENCES = ["api"]
        yield served


@pytest.fixture
def begin(client: Client, issuer: Issuer) -> Callable[..., dict[str, str]]:
    """Go to the provider; what the service has sent along."""

    def call(target: str = "/status-of-nothing/") -> dict[str, str]:
        response = client.get(START, {"next": target})
        assert response.status_code == 302
        assert response["Location"].startswith(f"{issuer.url}/authorize?")
        return {name: values[0] for name, values in parse_qs(urlsplit(response["Location"]).query).items()}

    return call


@pytest.fixture
def log_in(client: Client, issuer: Issuer, begin: Callable[..., dict[str, str]]) -> Login:
    """Come back from the provider with a code for an ID token with these claims; the response."""

    def call(target: str = "/tokens/", **changed: Any) -> Any:
        sent = begin(target)
        issuer.id_tokens["code"] = issuer.token(**({"aud": CLIENT, "nonce": sent["nonce"]} | changed))
        return client.get(CALLBACK, {"code": "code", "state": sent["state"]})

    return call


def test_the_service_asks_with_state_nonce_and_pkce(
    client: Client, issuer: Issuer, begin: Callable[..., dict[str, str]], log_in: Login
) -> None:
    sent = begin()
    assert (sent["response_type"], sent["client_id"]) == ("code", CLIENT)
    assert sent["redirect_uri"] == f"http://testserver{CALLBACK}"
    assert len(sent["state"]) >= 20
    assert len(sent["nonce"]) >= 20
    assert sent["code_challenge_method"] == "S256"
    issuer.id_tokens["code"] = issuer.token(aud=CLIENT, nonce=sent["nonce"])
    client.get(CALLBACK, {"code": "code", "state": sent["state"]})
    verifier = hashlib.sha256(issuer.exchanges[0]["code_verifier"].encode()).digest()
    assert base64.urlsafe_b64encode(verifier).decode().rstrip("=") == sent["code_challenge"]


def test_the_first_login_makes_an_account_with_the_runs_of_its_tokens(
    client: Client, issuer: Issuer, log_in: Login
) -> None:
    run = make_run(owner=Identity(issuer.url, "ada").owner, file_name="hers.vcf")
    response = log_in(preferred_username="ada l.")
    assert (response.status_code, response["Location"]) == (302, "/tokens/")
    account = User.objects.get()
    assert account.username == "ada-l."
    assert not account.has_usable_password()
    assert not account.is_staff
    assert not account.is_superuser
    assert Run.objects.get(pk=run.pk).owner == f"user:{account.pk}"
    assert "hers.vcf" in markup(client.get("/"))
    token = issuer.token(aud="api")
    found = Client().get("/runs/", headers={"Authorization": f"Bearer {token}"}).json()["results"]
    assert [each["id"] for each in found] == [str(run.pk)]


def test_a_later_login_finds_the_account(client: Client, log_in: Login) -> None:
    log_in(preferred_username="ada")
    client.post("/logout/")
    assert client.get("/").status_code == 302
    log_in(preferred_username="another name")
    assert client.get("/").status_code == 200
    assert User.objects.count() == 1


@pytest.mark.parametrize("called", ["root", "", 7, None, "…"])
def test_nobody_becomes_somebody_else_by_being_called_so(issuer: Issuer, log_in: Login, called: Any) -> None:
    root = User.objects.create_superuser("root")
    assert log_in(preferred_username=called, email="root").status_code == 302
    made = LinkedIdentity.objects.get().user
    assert made != root
    assert made.username.startswith(("root-", "oidc-"))
    assert not made.is_staff


def test_a_linked_account_is_the_one_that_logs_in(client: Client, issuer: Issuer, log_in: Login) -> None:
    grace = User.objects.create_user("grace")
    LinkedIdentity.objects.create(user=grace, issuer=issuer.url, subject="ada")
    log_in()
    assert int(client.session["_auth_user_id"]) == grace.pk
    User.objects.update(is_active=False)
    client.logout()
    assert log_in().status_code == 403
    assert "_auth_user_id" not in client.session


@pytest.mark.parametrize(
    "changed",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"aud": "another-client"},
        {"aud": [CLIENT, "b"], "azp": "b"},
        {"iss": "https://elsewhere.example.org"},
        {"exp": int(time.time()) - 600},
        {"sub": ""},
    ],
)
def test_an_id_token_for_something_else_logs_nobody_in(
    client: Client, log_in: Login, changed: dict[str, Any]
) -> None:
    response = log_in(**changed)
    assert response.status_code == 403
    assert "not accepted" in markup(response)
    assert "_auth_user_id" not in client.session
    assert not User.objects.exists()


def test_the_settings_for_emails_hold_for_logins_too(settings: Settings, log_in: Login) -> None:
    settings.ANYVAR_AUTH_EMAILS = ["ada@example.org"]
    settings.ANYVAR_AUTH_SCOPES = ["of access tokens"]
    assert log_in(email="eve@example.org").status_code == 403
    assert log_in(email="ada@example.org").status_code == 302


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"code": "code"},
        {"code": "code", "state": "wrong"},
        {"error": "access_denied", "error_description": "<b>"},
    ],
)
def test_an_answer_that_nobody_asked_for_is_refused(
    client: Client, issuer: Issuer, begin: Callable[..., dict[str, str]], query: dict[str, str]
) -> None:
    begin()
    response = client.get(CALLBACK, query)
    assert response.status_code == 403
    assert "<b>" not in markup(response)
    assert not issuer.exchanges


def test_an_answer_counts_once_and_in_its_own_browser(
    client: Client, issuer: Issuer, begin: Callable[..., dict[str, str]]
) -> None:
    sent = begin()
    issuer.id_tokens["code"] = issuer.token(aud=CLIENT, nonce=sent["nonce"])
    answer = {"code": "code", "state": sent["state"]}
    assert Client().get(CALLBACK, answer).status_code == 403
    assert client.get(CALLBACK, answer).status_code == 302
    assert client.get(CALLBACK, answer).status_code == 403


def test_a_provider_without_id_tokens_logs_nobody_in(
    client: Client, issuer: Issuer, begin: Callable[..., dict[str, str]]
) -> None:
    sent = begin()
    assert client.get(CALLBACK, {"code": "none", "state": sent["state"]}).status_code == 403


@pytest.mark.parametrize(
    "target", ["https://elsewhere.example.org/", "//elsewhere.example.org", "javascript:1", ""]
)
def test_a_login_leads_to_no_other_site(log_in: Login, target: str) -> None:
    assert log_in(target)["Location"] == "/"


@pytest.mark.parametrize("away", ["from the start", "at the end"])
def test_a_provider_that_is_away_is_503_and_comes_back(
    client: Client, issuer: Issuer, begin: Callable[..., dict[str, str]], log_in: Login, away: str
) -> None:
    sent = {} if away == "from the start" else begin()
    issuer.status = 500
    answer = {"code": "code", "state": sent["state"]} if sent else None
    response = client.get(CALLBACK, answer) if answer else client.get(START)
    assert response.status_code == 503
    assert "does not answer" in markup(response)
    issuer.status = 200
    assert log_in().status_code == 302


def test_without_a_client_there_is_no_login_through_a_provider(client: Client, settings: Settings) -> None:
    assert "identity provider" not in markup(client.get("/login/"))
    assert client.get(START).status_code == client.get(CALLBACK).status_code == 404
    settings.ANYVAR_AUTH_CLIENT_ID = CLIENT
    assert f'href="{START}?next=%2Ftokens%2F"' in markup(client.get("/login/?next=/tokens/"))


def test_logins_do_not_begin_without_end(client: Client, issuer: Issuer) -> None:
    statuses = [client.get(START).status_code for _ in range(21)]
    assert statuses == [302] * 20 + [429]
