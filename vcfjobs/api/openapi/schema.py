"""How the OpenAPI document names the ways to authenticate."""

from __future__ import annotations

from drf_spectacular.authentication import SessionScheme
from drf_spectacular.extensions import OpenApiAuthenticationExtension


class TokenListScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Bearer tokens."""

    target_class = "vcfjobs.api.authentication.TokenListAuthentication"
    name = "bearerToken"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer"}


class SessionCookieScheme(SessionScheme):  # type: ignore[no-untyped-call]
    """The pages' session cookie."""

    target_class = "vcfjobs.api.authentication.SessionAuthentication"
