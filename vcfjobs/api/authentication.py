"""Who is calling: the bearer of a token, or a session of the pages.

A bearer token is listed in ANYVAR_AUTH_TOKEN_LIST, belongs to an account, or is the identity provider's.
While no setting asks for authentication, the service is open and no token is read.
"""

from __future__ import annotations

from copy import copy
from typing import Any, TypedDict

from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.http import QueryDict
from rest_framework import authentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from vcfjobs.accounts import api_tokens, listed_tokens, provider_tokens
from vcfjobs.runs import owners

Caller = User | AnonymousUser


class CallerWithoutAccount(AnonymousUser):
    """Somebody who is known by a token alone."""

    def __init__(self, owner: str) -> None:
        super().__init__()
        self.owner = owner

    @property
    def is_authenticated(self) -> bool:  # type: ignore[override]
        """Always: the token was checked."""
        return True


class TokenUser(CallerWithoutAccount):
    """The bearer of a listed token, who may read the metrics."""


class BearerAuthentication(authentication.TokenAuthentication):
    """`Authorization: Bearer <token>`, of any kind."""

    keyword = "Bearer"

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        return None if owners.is_open() else super().authenticate(request)

    def authenticate_credentials(self, key: str) -> tuple[Caller, None]:
        """The token's bearer.

        Raises AuthenticationFailed for a token that is not accepted, and IdentityProviderUnavailableError.
        """
        if owner := listed_tokens.owner_of(key, settings.ANYVAR_AUTH_TOKEN_LIST):
            return TokenUser(owner), None
        if key.startswith(api_tokens.PREFIX):
            found = api_tokens.check(key)
            if found:
                return found.user, None
        elif settings.ANYVAR_AUTH_ISSUER_URL:
            return _bearer_of_provider_token(key), None
        raise AuthenticationFailed("The bearer token is not valid.")


def _bearer_of_provider_token(key: str) -> Caller:
    """The account that is linked to the token's subject, else the subject itself."""
    try:
        identity = provider_tokens.verify(key)
    except provider_tokens.RefusedTokenError as error:
        raise AuthenticationFailed(str(error)) from error
    account = identity.account()
    if account is None:
        return CallerWithoutAccount(identity.owner)
    if not account.is_active:
        raise AuthenticationFailed("The account of this bearer token is not active.")
    return account


class SessionAuthentication(authentication.SessionAuthentication):
    """A session of the pages. Its CSRF token is read from the X-CSRFToken header alone.

    Looking for a token in a form would read an upload's body, and store its file, before any other check.
    """

    def enforce_csrf(self, request: Request) -> None:
        without_body = copy(request._request)
        without_body.POST = QueryDict()
        super().enforce_csrf(without_body)  # type: ignore[arg-type]


class OpenOrAuthenticated(BasePermission):
    """Everybody while the service is open; otherwise only authenticated callers."""

    def has_permission(self, request: Request, view: Any) -> bool:
        return owners.is_open() or bool(request.user and request.user.is_authenticated)


class Scope(TypedDict):
    """Whose runs a call is about."""

    owner: str
    everyone: bool


def owner_of(request: Request) -> str:
    """The owner of the runs that the caller sees and submits; empty while the service is open."""
    return owners.owner_of_user(request.user)


def caller(request: Request) -> Scope:
    """The owner, and whether the caller sees the runs of all owners."""
    return {"owner": owner_of(request), "everyone": owners.sees_everyone(request.user)}
