"""Where webhooks may be sent: to origins (scheme, host and port) that the operator has listed."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import urlsplit

from django.conf import settings

DEFAULT_PORTS = {"http": 80, "https": 443}
MOST_CHARACTERS = 2000
_ADDRESS = re.compile(r"(?i:https?)://[!-~]+")


class Origin(NamedTuple):
    """Scheme and host in lower case, and the port."""

    scheme: str
    host: str
    port: int


def origin_of(address: str) -> Origin:
    """The origin of an http: or https: address. Raises ValueError with a sentence."""
    if len(address) > MOST_CHARACTERS or not _ADDRESS.fullmatch(address):
        raise ValueError(f"Must be an https: address of at most {MOST_CHARACTERS} ASCII characters.")
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        raise ValueError("Must have a host, and a port that is a number.") from None
    if "@" in parts.netloc:
        raise ValueError("Must not contain a user name or a password.")
    if not parts.hostname or port == 0:
        raise ValueError("Must have a host, and a port that is a number.")
    return Origin(parts.scheme, parts.hostname, port or DEFAULT_PORTS[parts.scheme])


def listed_origin(entry: str) -> Origin:
    """The origin that an entry of the operator's list names: HOST, HOST:PORT, or with http:// or https://.

    A host without a scheme is https. Raises ValueError with a sentence.
    """
    address = entry if "://" in entry else f"https://{entry}"
    origin, parts = origin_of(address), urlsplit(address)
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("Must be a host, or a scheme and a host, without a path.")
    return origin


def allowed_origin(address: str) -> Origin:
    """The origin of an address to which webhooks may be sent. Raises ValueError with a sentence."""
    if not are_enabled():
        raise ValueError("Callbacks are not enabled on this service.")
    origin = origin_of(address)
    if origin not in settings.ANYVAR_CALLBACK_HOSTS and not is_private(origin):
        raise ValueError("Callbacks to this scheme, host and port are not allowed on this service.")
    return origin


def is_private(origin: Origin) -> bool:
    """Whether the host may be in a private network."""
    return origin in settings.ANYVAR_CALLBACK_PRIVATE_HOSTS


def are_enabled() -> bool:
    """Whether the operator has listed any host."""
    return bool(settings.ANYVAR_CALLBACK_HOSTS or settings.ANYVAR_CALLBACK_PRIVATE_HOSTS)
