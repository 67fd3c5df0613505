"""How the OpenAPI document names the session of the pages; the framework names bearer tokens."""

from __future__ import annotations

from drf_spectacular.authentication import SessionScheme


class SessionCookieScheme(SessionScheme):  # type: ignore[no-untyped-call]
    """The pages' session cookie."""

    target_class = "vcfjobs.api.authentication.SessionAuthentication"
