"""Who is calling: a bearer token of ANYVAR_AUTH_TOKEN_LIST, or a session of the pages.

Without a token list the service is open. With one, every call requires a token or a session.
"""

from __future__ import annotations

import hashlib
import hmac
from copy import copy
from typing import Any, TypedDict

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http import QueryDict
from rest_framework import authentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from vcfjobs.runs import owners


class TokenUser(AnonymousUser):
    """The bearer of a listed token."""

    def __init__(self, token: str) -> None:
        super().__init__()
        self.owner = f"token:{hashlib.sha256(token.encode()).hexdigest()[:16]}"

    @property
    def is_authenticated(self) -> bool:  # type: ignore[override]
        """Always: the token was compared."""
        return True


class TokenListAuthentication(authentication.TokenAuthentication):
    """`Authorization: Bearer <token>`, compared in constant time with every listed token."""

    keyword = "Bearer"

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        return super().authenticate(request) if settings.ANYVAR_AUTH_TOKEN_LIST else None

    def authenticate_credentials(self, key: str) -> tuple[TokenUser, str]:
        """The token's bearer. Raises AuthenticationFailed for a wrong token."""
        tokens: list[str] = settings.ANYVAR_AUTH_TOKEN_LIST
        matches = [hmac.compare_digest(key.encode(), token.encode()) for token in tokens]
        if not any(matches):
            raise AuthenticationFailed("The bearer token is not valid.")
        return TokenUser(key), key


class SessionAuthentication(authentication.SessionAuthentication):
    """A session of the pages. Its CSRF token is read from the X-CSRFToken header alone.

    Looking for a token in a form would read an upload's body, and store its file, before any other check.
    """

    def enforce_csrf(self, request: Request) -> None:
        without_body = copy(request._request)
        without_body.POST = QueryDict()
        super().enforce_csrf(without_body)  # type: ignore[arg-type]


class OpenOrAuthenticated(BasePermission):
    """Everybody while no tokens are configured; then only authenticated callers."""

    def has_permission(self, request: Request, view: Any) -> bool:
        return not settings.ANYVAR_AUTH_TOKEN_LIST or bool(request.user and request.user.is_authenticated)


class Caller(TypedDict):
    """Whose runs a call is about."""

    owner: str
    everyone: bool


def owner_of(request: Request) -> str:
    """The owner of the runs that the caller sees and submits; empty while the service is open."""
    if isinstance(request.user, TokenUser):
        return request.user.owner
    return owners.owner_of_user(request.user)


def caller(request: Request) -> Caller:
    """The owner, and whether the caller sees the runs of all owners."""
    return {"owner": owner_of(request), "everyone": owners.sees_everyone(request.user)}
