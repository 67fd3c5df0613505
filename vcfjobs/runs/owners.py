"""The owner of a run, as text: never null, and never a token itself."""

from __future__ import annotations

from typing import Any

from django.conf import settings


def sees_everyone(user: Any) -> bool:
    """Whether the user may see the runs of all owners: active staff."""
    return bool(user.is_active and user.is_staff)


def owner_of_user(user: Any) -> str:
    """The owner for a signed-in user; everybody is the same owner while the service needs no token."""
    return f"user:{user.pk}" if settings.ANYVAR_AUTH_TOKEN_LIST else ""
