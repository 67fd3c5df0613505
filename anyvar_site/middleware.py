"""What holds for every request and every response, whatever the view."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from rest_framework.throttling import SimpleRateThrottle

# The two style sheets that igv.js adds to the page, of its colour picker and of its circular view.
IGV_STYLES = (
    "'sha256-ITHmamcImsZ/Je1xrdtDLZVvRSpj1Zokb6uHXORB824=' "
    "'sha256-NTwDUA6nIvRRpI2lIBtHJqkV0TlTj4HVmI6vI81fIfM='"
)
POLICY = (
    f"default-src 'self'; style-src 'self' {IGV_STYLES}; img-src 'self' data:; object-src 'none'; "
    "base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
)
TAKE_FILES = frozenset(("vcf", "annotated-vcf", "pages:index"))
SIGN_IN = frozenset(("login", "admin:login"))
# Each begins a session in the database.
SIGN_IN_ELSEWHERE = "provider-login"
SIGN_IN_RATE = "20/min"


class RequestGuardMiddleware:
    """Refuses large forms where no files are accepted, limits attempts to sign in, and sets safe headers.

    It runs before the CSRF check, which parses a form and spools its files: without it, anybody could fill
    the disk at an address that requires no sign-in.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", POLICY)
        # Without it, a cache before a signed-in browser may keep any response with a date.
        response.headers.setdefault("Cache-Control", "private, no-cache")
        return response

    def process_view(self, request: HttpRequest, *_: Any) -> HttpResponse | None:
        """413, 429, or None to continue."""
        name = request.resolver_match.view_name if request.resolver_match else ""
        if name not in TAKE_FILES and _is_large_form(request):
            return _refused(413, "This address accepts no files.")
        if (name in SIGN_IN and request.method == "POST") or name == SIGN_IN_ELSEWHERE:
            throttle = _SignInThrottle()
            if not throttle.allow_request(request, None):  # type: ignore[arg-type]
                refused = _refused(429, "Too many attempts to sign in. Try again in a minute.")
                refused.headers["Retry-After"] = str(max(1, int(throttle.wait() or 1)))
                return refused
        return None


class _SignInThrottle(SimpleRateThrottle):
    """By client address; counted in this process, as submits are."""

    rate = SIGN_IN_RATE

    def get_cache_key(self, request: Any, view: Any) -> str:
        return f"sign-in:{self.get_ident(request)}"


def _is_large_form(request: HttpRequest) -> bool:
    length = request.META.get("CONTENT_LENGTH") or ""
    # Whoever reads any other body enforces this size.
    most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 0
    return request.content_type == "multipart/form-data" and length.isdigit() and int(length) > most


def _refused(status: int, sentence: str) -> HttpResponse:
    return HttpResponse(f"{sentence}\n", status=status, content_type="text/plain; charset=utf-8")
