"""Who is calling: a bearer token of ANYVAR_AUTH_TOKEN_LIST, or a session of the admin.

Without a token list the service is open. With one, authentication fails closed: every call needs a token
or a session.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from vcfjobs.runs.owners import OPEN, owner_of_user

if TYPE_CHECKING:  # the framework imports this module while it is itself being imported
    from rest_framework.views import APIView

SCHEME = b"bearer"


class TokenUser(AnonymousUser):
    """The bearer of a listed token."""

    def __init__(self, token: str) -> None:
        super().__init__()
        self.owner = f"token:{hashlib.sha256(token.encode()).hexdigest()[:16]}"

    @property
    def is_authenticated(self) -> bool:  # type: ignore[override]
        """Always: the token was compared."""
        return True


class TokenListAuthentication(BaseAuthentication):
    """`Authorization: Bearer <token>`, compared in constant time with every listed token."""

    def authenticate(self, request: Request) -> tuple[TokenUser, str] | None:
        """The token's bearer; None without such a header. Raises AuthenticationFailed for a wrong token."""
        tokens: list[str] = settings.ANYVAR_AUTH_TOKEN_LIST
        words = get_authorization_header(request).split()
        if not tokens or not words or words[0].lower() != SCHEME:
            return None
        given = words[1] if len(words) == 2 else b""
        matches = [hmac.compare_digest(given, token.encode()) for token in tokens]
        if not any(matches):
            raise AuthenticationFailed("The bearer token is not valid.")
        token = tokens[matches.index(True)]
        return TokenUser(token), token

    def authenticate_header(self, request: Request) -> str:
        """What a 401 asks for."""
        return "Bearer"


class OpenOrAuthenticated(BasePermission):
    """Everybody while no tokens are configured; then only who is authenticated."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Whether the call may go on."""
        return not settings.ANYVAR_AUTH_TOKEN_LIST or bool(request.user and request.user.is_authenticated)


def owner_of(request: Request) -> str:
    """The owner whose runs the caller sees and makes; empty while the service is open."""
    if not settings.ANYVAR_AUTH_TOKEN_LIST:
        return OPEN
    return request.user.owner if isinstance(request.user, TokenUser) else owner_of_user(request.user)


def sees_everyone(request: Request) -> bool:
    """Whether the caller is staff, signed in by a session."""
    return bool(getattr(request.user, "is_staff", False))
