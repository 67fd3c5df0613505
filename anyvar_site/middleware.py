"""What holds for every request and every answer, whichever view it meets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from rest_framework.throttling import SimpleRateThrottle

POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "frame-ancestors 'none'; form-action 'self'"
)
TAKE_FILES = frozenset(("vcf", "annotated-vcf", "pages:index"))
SIGN_IN = frozenset(("login", "admin:login"))
SIGN_IN_RATE = "20/min"


class PolicyMiddleware:
    """Says of every answer what a browser may load for it, and that no cache may give it to anybody else."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        # Scripts and styles come from this server's files alone, none from the page itself.
        response.headers.setdefault("Content-Security-Policy", POLICY)
        # Without a word, a cache between us and a signed-in browser may keep what carries a date.
        response.headers.setdefault("Cache-Control", "private, no-cache")
        return response


class RequestGuardMiddleware:
    """Refuses what strangers could do before any view, or the check of the CSRF token, has looked at it.

    That check parses the body of a form, whose files go to the spool: at an address that takes no files, and
    asks nobody who he is, they would fill the disk. And passwords are not tried without end.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *_: Any) -> HttpResponse | None:
        """413, 429, or None to go on."""
        name = request.resolver_match.view_name if request.resolver_match else ""
        if name not in TAKE_FILES and _is_large_form(request):
            return _refused(413, "This address takes no files.")
        if name in SIGN_IN and request.method == "POST":
            throttle = _SignInThrottle()
            if not throttle.allow_request(request, None):  # type: ignore[arg-type]
                refused = _refused(429, "Too many attempts to sign in. Try again in a minute.")
                refused.headers["Retry-After"] = str(max(1, int(throttle.wait() or 1)))
                return refused
        return None


class _SignInThrottle(SimpleRateThrottle):
    """By address, and counted in this process, as submits are."""

    rate = SIGN_IN_RATE

    def get_cache_key(self, request: Any, view: Any) -> str:
        return f"sign-in:{self.get_ident(request)}"


def _is_large_form(request: HttpRequest) -> bool:
    length = request.META.get("CONTENT_LENGTH") or ""
    # Any other body is held to this size by who reads it.
    most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 0
    return request.content_type == "multipart/form-data" and length.isdigit() and int(length) > most


def _refused(status: int, sentence: str) -> HttpResponse:
    return HttpResponse(f"{sentence}\n", status=status, content_type="text/plain; charset=utf-8")
