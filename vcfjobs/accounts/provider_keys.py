"""The public keys of an OpenID Connect provider, fetched when needed and kept.

A known key never waits for the provider: keys that are old are fetched again in the background, and stay
while the provider is away. An unknown key is looked for at most once a minute, by one thread at a time.
"""

from __future__ import annotations

import json
import logging
import threading
import time
import urllib.request
from collections.abc import Callable
from http.client import HTTPException, HTTPResponse
from typing import Any
from urllib.parse import urlsplit

from jwt import PyJWK, PyJWKSet
from jwt.exceptions import PyJWTError

from vcfjobs.errors import IdentityProviderUnavailableError

logger = logging.getLogger(__name__)

# Pinned: a token cannot choose `none`, or HMAC with the public key as its secret.
ALGORITHMS = ("RS256", "ES256")
TIMEOUT_SECONDS = 5
PAUSE_SECONDS = 60
LIFESPAN_SECONDS = 300
MOST_BYTES = 1 << 20
DISCOVERY = "/.well-known/openid-configuration"
# What a provider that is away, slow or broken makes of a fetch.
FETCH_ERRORS = (OSError, HTTPException, ValueError, PyJWTError)


class UnknownKeyError(Exception):
    """The provider has no signing key of this name."""


class ProviderKeys:
    """The signing keys at `jwks_uri`, or where the issuer's discovery document says, by their `kid`."""

    def __init__(
        self, issuer: str, jwks_uri: str = "", *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._issuer = issuer
        self._jwks_uri = jwks_uri
        self._clock = clock
        self._keys: dict[str, PyJWK] = {}
        self._fetching = threading.Lock()
        self._is_away = False
        self._fresh_until = 0.0
        self._no_search_until = 0.0

    def find(self, kid: str) -> PyJWK:
        """The key of this name.

        Raises UnknownKeyError, or IdentityProviderUnavailableError when the provider could not be asked.
        """
        key = self._keys.get(kid)
        if key is None:
            return self._search(kid)
        if self._clock() >= self._fresh_until and not self._fetching.locked():
            threading.Thread(target=self._refresh, name="provider-keys", daemon=True).start()
        return key

    def _search(self, kid: str) -> PyJWK:
        """Fetch the keys to find an unknown one, unless that was done within the last minute."""
        if not self._fetching.acquire(timeout=TIMEOUT_SECONDS):
            raise IdentityProviderUnavailableError(TIMEOUT_SECONDS)
        try:
            if kid not in self._keys and self._clock() >= self._no_search_until:
                had_keys = bool(self._keys)
                self._fetch()
                # The very first keys are no search: a key that is made soon after them is looked for.
                if had_keys or self._is_away:
                    self._no_search_until = self._clock() + PAUSE_SECONDS
        finally:
            self._fetching.release()
        if key := self._keys.get(kid):
            return key
        if self._is_away:
            raise IdentityProviderUnavailableError(max(1, round(self._no_search_until - self._clock())))
        raise UnknownKeyError

    def _refresh(self) -> None:
        """Fetch keys that are old, unless another thread does."""
        if self._fetching.acquire(blocking=False):
            try:
                if self._clock() >= self._fresh_until:
                    self._fetch()
            finally:
                self._fetching.release()

    def _fetch(self) -> None:
        """Replace the keys by those that the provider has now; after a failure the old ones stay."""
        try:
            uri = self._jwks_uri or _discovered(self._issuer)
            found = PyJWKSet.from_dict(_document(uri)).keys
        except FETCH_ERRORS as error:
            logger.warning("the identity provider's keys cannot be fetched: %s", error)
            self._is_away = True
            self._fresh_until = self._clock() + PAUSE_SECONDS
            return
        self._keys = {
            key.key_id: key
            for key in found
            if key.key_id and key.public_key_use in ("sig", None) and key.algorithm_name in ALGORITHMS
        }
        self._is_away = False
        self._fresh_until = self._clock() + LIFESPAN_SECONDS


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """Follow nowhere: keys come from the configured address alone."""


def _discovered(issuer: str) -> str:
    """The address of the keys in the issuer's discovery document. Raises ValueError for another issuer's."""
    document = _document(issuer.rstrip("/") + DISCOVERY)
    uri = document.get("jwks_uri")
    if document.get("issuer") != issuer or not isinstance(uri, str):
        raise ValueError("the discovery document is not this issuer's, or names no keys")
    return uri


def _document(uri: str) -> dict[str, Any]:
    """The JSON object at an HTTP address, within TIMEOUT_SECONDS for each answer of the server.

    Raises one of FETCH_ERRORS.
    """
    if urlsplit(uri).scheme not in ("http", "https"):
        raise ValueError("the address of the keys is neither http: nor https:")
    opener = urllib.request.build_opener(_NoRedirects)
    with opener.open(uri, timeout=TIMEOUT_SECONDS) as response:
        document = json.loads(_read(response))
    if not isinstance(document, dict):
        raise ValueError("the provider's answer is not a JSON object")  # noqa: TRY004  (what was read, not a bug)
    return document


def _read(response: HTTPResponse) -> bytes:
    """The body, if it is short and arrives within TIMEOUT_SECONDS. Raises ValueError or TimeoutError."""
    give_up = time.monotonic() + TIMEOUT_SECONDS
    body = b""
    while chunk := response.read1(MOST_BYTES):
        body += chunk
        if len(body) > MOST_BYTES:
            raise ValueError("the provider's answer is too long")
        if time.monotonic() > give_up:
            raise TimeoutError("the provider's answer takes too long")
    return body
