"""How often one owner may submit: one count for the API and the pages, in this process's memory."""

from __future__ import annotations

import math
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from rest_framework.throttling import SimpleRateThrottle

from vcfjobs.errors import SubmittedTooOftenError
from vcfjobs.runs.owners import owner_of_user


class SubmitRate(SimpleRateThrottle):
    """ANYVAR_SUBMIT_RATE. Asked before the body is read; a submit that is refused later counts as well."""

    scope = "submit"

    def get_rate(self) -> str:
        """The rate from the settings, read at each request so that it can be changed."""
        return str(settings.ANYVAR_SUBMIT_RATE)

    def get_cache_key(self, request: Any, view: Any) -> str:
        """The owner; while the service is open, the caller's address."""
        return f"submit:{self.owner_of(request) or self.get_ident(request)}"

    def owner_of(self, request: Any) -> str:
        """Who is signed in by a session."""
        return owner_of_user(request.user)


class _RateOfOwner(SubmitRate):
    def __init__(self, owner: str) -> None:
        super().__init__()
        self._owner = owner

    def owner_of(self, request: Any) -> str:
        return self._owner


def check_submit_rate(request: HttpRequest, owner: str | None = None) -> None:
    """Count a submit of `owner`. Raises SubmittedTooOftenError with the seconds to wait."""
    rate = SubmitRate() if owner is None else _RateOfOwner(owner)
    if not rate.allow_request(request, None):  # type: ignore[arg-type]  # what it needs of one, ours has
        raise SubmittedTooOftenError(max(1, math.ceil(rate.wait() or 1)))
