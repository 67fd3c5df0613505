"""Bearer tokens of an OpenID Connect provider: which are accepted, and whose runs their bearers see."""

from __future__ import annotations

import base64
import hmac
import json
import re
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from tests.api.issuer import AUDIENCE, Issuer, rsa_key, serving_issuer
from tests.factories import VCF, make_run
from vcfjobs.accounts import api_tokens
from vcfjobs.accounts.provider_tokens import Identity
from vcfjobs.models import LinkedIdentity, Run

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture
def issuer(settings: Settings) -> Iterator[Issuer]:
    """The provider that the service is told to trust."""
    with serving_issuer() as served:
        settings.ANYVAR_AUTH_ISSUER_URL = served.url
        settings.ANYVAR_AUTH_JWKS_URI = f"{served.url}/keys"
        settings.ANYVAR_AUTH_AUDIENCES = [AUDIENCE, "another"]
        yield served


def call(token: str) -> Any:
    return Client().get("/runs/", headers={"Authorization": f"Bearer {token}"})


def encoded(part: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


def public_pem(issuer: Issuer) -> bytes:
    return (
        issuer.keys["first"]
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


def signed_with_the_public_key(issuer: Issuer) -> str:
    """The confusion of RS256 with HS256: what everybody may know is the secret."""
    text = f"{encoded({'alg': 'HS256', 'kid': 'first'})}.{encoded(issuer.claims())}"
    digest = hmac.new(public_pem(issuer), text.encode(), sha256).digest()
    return f"{text}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


def unsigned(issuer: Issuer) -> str:
    return f"{encoded({'alg': 'none', 'kid': 'first'})}.{encoded(issuer.claims())}."


def with_another_body(issuer: Issuer) -> str:
    head, _, signature = issuer.token().split(".")
    return f"{head}.{encoded(issuer.claims(sub='grace'))}.{signature}"


def by_a_strangers_key(issuer: Issuer) -> str:
    return jwt.encode(issuer.claims(), rsa_key("a stranger's"), "RS256", headers={"kid": "first"})


def without_kid(issuer: Issuer) -> str:
    return jwt.encode(issuer.claims(), issuer.keys["first"], "RS256")


def with_rs512(issuer: Issuer) -> str:
    return jwt.encode(issuer.claims(), issuer.keys["first"], "RS512", headers={"kid": "first"})


def by_an_encryption_key(issuer: Issuer) -> str:
    issuer.add_key("secret", use="enc")
    return issuer.token("secret")


def by_a_short_key(issuer: Issuer) -> str:
    issuer.add_key("short", rsa_key("short", 1024))
    return issuer.token("short")


def by_a_shared_secret(issuer: Issuer) -> str:
    """A key of the provider that everybody has."""
    secret = b"s" * 32
    issuer.published["shared"] = {
        "kty": "oct",
        "k": base64.urlsafe_b64encode(secret).decode(),
        "kid": "shared",
    }
    return jwt.encode(issuer.claims(), secret, "HS256", headers={"kid": "shared"})


@pytest.mark.parametrize("audience", [AUDIENCE, ["other", AUDIENCE], "another"])
def test_a_good_token_is_accepted(issuer: Issuer, audience: Any) -> None:
    assert call(issuer.token(aud=audience)).status_code == 200


def test_a_token_may_be_signed_by_an_elliptic_curve(issuer: Issuer) -> None:
    issuer.add_key("curve", ec.generate_private_key(ec.SECP256R1()))
    assert call(issuer.token("curve")).status_code == 200


@pytest.mark.filterwarnings("ignore:The RSA key is 1024 bits long")
@pytest.mark.parametrize(
    "forge",
    [
        signed_with_the_public_key,
        unsigned,
        with_another_body,
        by_a_strangers_key,
        without_kid,
        with_rs512,
        by_an_encryption_key,
        by_a_short_key,
        by_a_shared_secret,
        lambda issuer: issuer.token() + "x",
        lambda issuer: "a.b.c",
        lambda issuer: "nothing",
        lambda issuer: issuer.token("first", iss="https://elsewhere.example.org"),
        lambda issuer: issuer.token("first", iss=issuer.url + "/"),
    ],
)
def test_a_forged_or_foreign_token_is_401(issuer: Issuer, forge: Callable[[Issuer], str]) -> None:
    refused = call(forge(issuer))
    assert refused.status_code == 401
    assert refused["WWW-Authenticate"] == "Bearer"
    assert refused.json()["detail"] == "The bearer token is not valid."


@pytest.mark.parametrize(
    "changed",
    [
        {"aud": "https://elsewhere.example.org"},
        {"aud": None},
        {"aud": [1]},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"sub": "a\0b"},
        {"sub": "x" * 256},
        {"exp": None},
        {"exp": "soon"},
        {"iat": None},
        {"nbf": 2**40},
        {"iat": 2**40},
    ],
)
def test_a_token_that_claims_too_little_is_401(issuer: Issuer, changed: dict[str, Any]) -> None:
    assert call(issuer.token(**changed)).status_code == 401


def test_an_expired_token_is_401_and_says_so(issuer: Issuer) -> None:
    now = int(time.time())
    expired = call(issuer.token(iat=now - 900, exp=now - 60))
    assert (expired.status_code, expired.json()["detail"]) == (401, "The bearer token has expired.")
    assert call(issuer.token(exp=now - 5)).status_code == 200  # clocks differ by seconds


@pytest.mark.parametrize(
    ("setting", "asked", "accepted", "refused"),
    [
        ("APPIDS", ["a", "b"], {"appid": "b"}, {"appid": "c"}),
        ("APPIDS", ["a"], {"azp": "a"}, {"azp": "a", "appid": "c"}),
        ("SCOPES", ["read", "write"], {"scope": "openid read"}, {"scope": "openid reader"}),
        ("SCOPES", ["read"], {"scope": ["read"]}, {"scope": 7}),
        ("SCOPES", ["read"], {"scp": "read"}, {"scp": None}),
        ("EMAILS", ["Ada@Example.org"], {"email": "ada@EXAMPLE.org"}, {"email": "eve@example.org"}),
        ("EMAILS", ["a@b.c"], {"email": "a@b.c"}, {"email": "a@b.c", "email_verified": False}),
        ("SUBJECTS", ["ada"], {"sub": "ada"}, {"sub": "Ada"}),
    ],
)
def test_anyvars_variables_restrict_what_is_accepted(
    issuer: Issuer,
    settings: Settings,
    setting: str,
    asked: list[str],
    accepted: dict[str, Any],
    refused: dict[str, Any],
) -> None:
    setattr(settings, f"ANYVAR_AUTH_{setting}", asked)
    assert call(issuer.token(**accepted)).status_code == 200
    assert call(issuer.token(**refused)).status_code == 401
    if setting != "SUBJECTS":
        assert call(issuer.token()).status_code == 401


def test_without_audiences_any_audience_is_accepted_as_in_anyvar(issuer: Issuer, settings: Settings) -> None:
    settings.ANYVAR_AUTH_AUDIENCES = []
    assert call(issuer.token(aud="whatever")).status_code == 200


def test_a_subject_is_an_owner_of_its_own(issuer: Issuer, tiny_assembly: str, broker: list[Any]) -> None:
    def put(token: str) -> int:
        headers = {"Authorization": f"Bearer {token}"}
        address = "/vcf?run_async=1&assembly=tiny"
        return Client().put(address, VCF, content_type="text/plain", headers=headers).status_code

    assert put(issuer.token()) == put(issuer.token(sub="grace")) == 202
    assert len(call(issuer.token(jti="another")).json()["results"]) == 1
    owners = {run.owner for run in Run.objects.all()}
    assert owners == {Identity(issuer.url, "ada").owner, Identity(issuer.url, "grace").owner}
    assert all(re.fullmatch(r"oidc:[0-9a-f]{32}", owner) for owner in owners)  # a digest, not a name


def test_the_same_subject_of_another_issuer_is_somebody_else() -> None:
    assert Identity("https://a.example.org", "ada").owner != Identity("https://b.example.org", "ada").owner


def test_a_linked_subject_is_the_account(issuer: Issuer) -> None:
    ada = User.objects.create_user("ada")
    LinkedIdentity.objects.create(user=ada, issuer=issuer.url, subject="ada")
    run = make_run(owner=f"user:{ada.pk}")
    assert [found["id"] for found in call(issuer.token()).json()["results"]] == [str(run.pk)]
    assert call(issuer.token(sub="grace")).json()["results"] == []
    User.objects.update(is_active=False)
    assert call(issuer.token()).status_code == 401


def test_an_unlinked_subject_may_not_read_the_metrics(issuer: Issuer) -> None:
    headers = {"Authorization": f"Bearer {issuer.token()}"}
    assert Client().get("/metrics", headers=headers).status_code == 403


def test_other_tokens_work_beside_the_providers(issuer: Issuer, settings: Settings) -> None:
    settings.ANYVAR_AUTH_TOKEN_LIST = ["alice:secret"]
    _, text = api_tokens.issue(user=User.objects.create_user("ada"), name="a", expires=None)
    issuer.status = 500
    assert call("secret").status_code == 200
    assert call(text).status_code == 200
    assert call("wrong").status_code == 401
