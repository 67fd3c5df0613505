"""Log in to the pages at the OpenID Connect provider: authorization code with PKCE, state and nonce.

Authlib does the steps of the protocol. The ID token is checked as bearer tokens are, with pinned algorithms.
"""

from __future__ import annotations

import logging
from functools import cache
from typing import Any

from authlib.integrations.base_client import OAuthError
from authlib.integrations.django_client import DjangoOAuth2App, OAuth
from django.conf import settings
from django.contrib.auth import login
from django.contrib.auth.views import LoginView
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from requests import RequestException

from vcfjobs.accounts.provider_keys import DISCOVERY, TIMEOUT_SECONDS
from vcfjobs.accounts.provider_tokens import RefusedTokenError, verify_login
from vcfjobs.errors import IdentityProviderUnavailableError
from vcfjobs.runs.provisioning import account_of

logger = logging.getLogger(__name__)

NEXT = "after_provider_login"
AWAY = "The identity provider does not answer. Try again in a minute."
REFUSED = "The identity provider's answer was not accepted. Try to log in again."


class ProviderApp(DjangoOAuth2App):
    """Authlib's client, with our check of the ID token."""

    def parse_id_token(self, token: dict[str, Any], nonce: str, **_: Any) -> Any:
        return verify_login(token["id_token"], client_id=self.client_id, nonce=nonce)


@cache
def _provider(issuer: str, client_id: str, client_secret: str) -> Any:
    """The client of a provider, which keeps the provider's addresses."""
    return OAuth().register(
        "provider",
        client_cls=ProviderApp,
        client_id=client_id,
        client_secret=client_secret,
        server_metadata_url=issuer.rstrip("/") + DISCOVERY,
        client_kwargs={
            "scope": "openid email profile",
            "code_challenge_method": "S256",
            "default_timeout": TIMEOUT_SECONDS,
        },
    )


def _configured_provider() -> Any:
    """The provider of the settings. Raises Http404 when there is no login through it."""
    if not settings.ANYVAR_AUTH_CLIENT_ID:
        raise Http404
    return _provider(
        settings.ANYVAR_AUTH_ISSUER_URL, settings.ANYVAR_AUTH_CLIENT_ID, settings.ANYVAR_AUTH_CLIENT_SECRET
    )


class PageLogin(LoginView):
    """Name and password, and a link to the provider where one is set."""

    template_name = "login.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        through = bool(settings.ANYVAR_AUTH_CLIENT_ID)
        return super().get_context_data(**kwargs) | {"through_provider": through}


@require_safe
@never_cache
def start(request: HttpRequest) -> HttpResponseBase:
    """Send the browser to the provider."""
    provider = _configured_provider()
    target = request.GET.get("next", "")
    here = url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure())
    request.session[NEXT] = target if here else settings.LOGIN_REDIRECT_URL
    try:
        response: HttpResponseBase = provider.authorize_redirect(
            request, request.build_absolute_uri(reverse("provider-callback"))
        )
    except (RequestException, OAuthError, RuntimeError, ValueError) as error:
        logger.warning("a login through the identity provider cannot begin: %s", type(error).__name__)
        return _failed(request, 503, AWAY)
    return response


@require_safe
@never_cache
def callback(request: HttpRequest) -> HttpResponse:
    """Log in who comes back from the provider."""
    provider = _configured_provider()
    try:
        identity, claims = provider.authorize_access_token(request)["userinfo"]
    except (RequestException, IdentityProviderUnavailableError) as error:
        logger.warning("a login through the identity provider failed: %s", type(error).__name__)
        return _failed(request, 503, AWAY)
    except (OAuthError, RefusedTokenError, KeyError, ValueError) as error:
        logger.warning("a login through the identity provider was refused: %s", type(error).__name__)
        return _failed(request, 403, REFUSED)
    account = account_of(identity, claims)
    if not account.is_active:
        return _failed(request, 403, "This account is not active.")
    target = request.session.pop(NEXT, settings.LOGIN_REDIRECT_URL)
    login(request, account, backend="django.contrib.auth.backends.ModelBackend")
    return redirect(target)


def _failed(request: HttpRequest, status: int, sentence: str) -> HttpResponse:
    return render(request, "login_failed.html", {"sentence": sentence}, status=status)
