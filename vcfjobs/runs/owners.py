"""The owner of a run, as text: never null, and never a token itself.

user:PK      an account, whether it signs in to the pages, bears one of its API tokens, or is linked to
             a subject of the identity provider
token:NAME   the bearer of a named entry of ANYVAR_AUTH_TOKEN_LIST; of one without a name, a digest
oidc:DIGEST  a subject of the identity provider that is linked to no account
(empty)      everybody, while the service is open
"""

from __future__ import annotations

from typing import Any

from django.conf import settings


def is_open() -> bool:
    """Whether everybody may call: no setting asks for authentication."""
    asked = settings.ANYVAR_AUTH_REQUIRED or settings.ANYVAR_AUTH_TOKEN_LIST
    return not (asked or settings.ANYVAR_AUTH_ISSUER_URL)


def sees_everyone(user: Any) -> bool:
    """Whether the user may see the runs of all owners: active staff."""
    return bool(user.is_active and user.is_staff)


def owner_of_user(user: Any) -> str:
    """The owner for a caller; everybody is the same owner while the service is open."""
    if is_open():
        return ""
    return str(getattr(user, "owner", "")) or owner_of_account(user.pk)


def owner_of_account(pk: Any) -> str:
    """The owner of all runs of the account with this key."""
    return f"user:{pk}"
