"""How often one owner may submit: one count for the API and the pages, in this process's memory."""

from __future__ import annotations

import math
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from rest_framework.throttling import SimpleRateThrottle

from vcfjobs.errors import SubmittedTooOftenError


def check_submit_rate(request: HttpRequest, owner: str) -> None:
    """Count a submit, also one that is refused later. Raises SubmittedTooOftenError."""
    rate = _SubmitRate(owner)
    if not rate.allow_request(request, None):  # type: ignore[arg-type]  # what it needs of one, ours has
        raise SubmittedTooOftenError(max(1, math.ceil(rate.wait() or 1)))


class _SubmitRate(SimpleRateThrottle):
    def __init__(self, owner: str) -> None:
        super().__init__()
        self._owner = owner

    def get_rate(self) -> str:
        """ANYVAR_SUBMIT_RATE, read at each request so that it can be changed."""
        return str(settings.ANYVAR_SUBMIT_RATE)

    def get_cache_key(self, request: Any, view: Any) -> str:
        """The owner; while the service is open, the caller's address."""
        return f"submit:{self._owner or self.get_ident(request)}"
