"""Bearer tokens of an OpenID Connect provider: which are accepted, and whose they are."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import jwt
from django.conf import settings
from django.contrib.auth.models import User
from jwt.exceptions import ExpiredSignatureError, PyJWTError

from vcfjobs.accounts.provider_keys import ALGORITHMS, ProviderKeys, UnknownKeyError

logger = logging.getLogger(__name__)

# How far the provider's clock may be from ours.
LEEWAY_SECONDS = 30
MOST_OF_A_SUBJECT = 255  # OpenID Connect Core, section 2
REQUIRED = ("exp", "iat", "iss", "sub")


class RefusedTokenError(Exception):
    """The token is not accepted; the sentence is for its bearer and says nothing about other tokens."""

    def __init__(self, sentence: str = "The bearer token is not valid.") -> None:
        super().__init__(sentence)


@dataclass(frozen=True)
class Policy:
    """Whose tokens are accepted, and what they must claim; an empty set asks for nothing.

    `appids` are compared with `appid`, or `azp` in its absence; `scopes` with `scope` or `scp`.
    """

    issuer: str
    audiences: frozenset[str] = field(default=frozenset())
    appids: frozenset[str] = field(default=frozenset())
    scopes: frozenset[str] = field(default=frozenset())
    emails: frozenset[str] = field(default=frozenset())
    subjects: frozenset[str] = field(default=frozenset())

    def missing(self, claims: Mapping[str, Any]) -> str:
        """What the claims lack of what is asked: the name of a claim, or nothing."""
        scopes = claims.get("scope", claims.get("scp"))
        email = claims.get("email") if claims.get("email_verified") is not False else None
        asked: dict[str, tuple[Collection[str], Any]] = {
            "appid": (self.appids, claims.get("appid", claims.get("azp"))),
            "scope": (self.scopes, scopes.split() if isinstance(scopes, str) else scopes),
            "email": (self.emails, email.lower() if isinstance(email, str) else email),
            "sub": (self.subjects, claims.get("sub")),
        }
        for name, (accepted, claimed) in asked.items():
            values = claimed if isinstance(claimed, list) else [claimed]
            if accepted and not any(value in accepted for value in values if isinstance(value, str)):
                return name
        return ""


@dataclass(frozen=True)
class Identity:
    """A person or program as a provider names it."""

    issuer: str
    subject: str

    @property
    def owner(self) -> str:
        """The owner of its runs while no account is linked to it: stable, and never the subject itself."""
        named = f"{self.issuer}\n{self.subject}".encode()
        return f"oidc:{hashlib.sha256(named).hexdigest()[:32]}"

    def account(self) -> User | None:
        """The account that is linked to it, active or not."""
        linked = {"identities__issuer": self.issuer, "identities__subject": self.subject}
        return User.objects.filter(**linked).first()


def policy() -> Policy:
    """What the settings ask of a token."""
    return Policy(
        issuer=settings.ANYVAR_AUTH_ISSUER_URL,
        audiences=frozenset(settings.ANYVAR_AUTH_AUDIENCES),
        appids=frozenset(settings.ANYVAR_AUTH_APPIDS),
        scopes=frozenset(settings.ANYVAR_AUTH_SCOPES),
        emails=frozenset(email.lower() for email in settings.ANYVAR_AUTH_EMAILS),
        subjects=frozenset(settings.ANYVAR_AUTH_SUBJECTS),
    )


@cache
def keys_of(issuer: str, jwks_uri: str) -> ProviderKeys:
    """The keys of a provider, one set for all threads of the process."""
    return ProviderKeys(issuer, jwks_uri)


def verify(token: str) -> Identity:
    """Whose token of ANYVAR_AUTH_ISSUER_URL this is.

    Raises RefusedTokenError, and IdentityProviderUnavailableError when its key is needed and cannot be had.
    """
    asked = policy()
    claims = _verified(token, asked.issuer, asked.audiences)
    _require(asked, claims)
    return Identity(asked.issuer, claims["sub"])


def verify_login(id_token: str, *, client_id: str, nonce: str) -> tuple[Identity, Mapping[str, Any]]:
    """Who has logged in at the provider, with all claims: an ID token is for one client and one login.

    Raises as `verify` does. Of the settings those for emails and subjects apply.
    """
    asked = replace(policy(), appids=frozenset(), scopes=frozenset())
    claims = _verified(id_token, asked.issuer, frozenset((client_id,)))
    if not nonce or claims.get("nonce") != nonce or claims.get("azp", client_id) != client_id:
        raise RefusedTokenError
    _require(asked, claims)
    return Identity(asked.issuer, claims["sub"]), claims


def _verified(token: str, issuer: str, audiences: Collection[str]) -> Mapping[str, Any]:
    """The claims of a token that the issuer has signed for one of the audiences, if any are asked for."""
    try:
        kid = _key_id(token, issuer)
        key = keys_of(issuer, settings.ANYVAR_AUTH_JWKS_URI).find(kid)
        claims: Mapping[str, Any] = jwt.decode(
            token,
            key,
            algorithms=ALGORITHMS,
            issuer=issuer,
            audience=audiences or None,
            leeway=LEEWAY_SECONDS,
            options={
                "require": list(REQUIRED),
                "verify_aud": bool(audiences),
                "enforce_minimum_key_length": True,
            },
        )
    except ExpiredSignatureError as error:
        raise RefusedTokenError("The bearer token has expired.") from error
    except (PyJWTError, UnknownKeyError) as error:
        logger.info("a token of the identity provider was refused: %s", type(error).__name__)
        raise RefusedTokenError from error
    return claims


def _require(asked: Policy, claims: Mapping[str, Any]) -> None:
    """Raise RefusedTokenError unless the claims have what is asked, and a subject that can be stored."""
    if lacking := asked.missing(claims):
        logger.info("a token of the identity provider was refused: it lacks an accepted %s", lacking)
        raise RefusedTokenError
    if not (0 < len(claims["sub"]) <= MOST_OF_A_SUBJECT and claims["sub"].isprintable()):
        raise RefusedTokenError


def _key_id(token: str, issuer: str) -> str:
    """The name of the key that a token says it is signed with.

    Raises RefusedTokenError for what cannot be accepted whatever the key is: it makes nobody fetch keys.
    """
    read = jwt.decode_complete(token, options={"verify_signature": False})
    header, claims = read["header"], read["payload"]
    kid = header.get("kid")
    if header.get("alg") not in ALGORITHMS or claims.get("iss") != issuer or not isinstance(kid, str):
        raise RefusedTokenError
    return kid
