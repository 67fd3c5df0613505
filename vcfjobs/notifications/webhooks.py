"""Send a webhook as https://www.standardwebhooks.com describes: a signed POST that follows no redirect.

The host is resolved once, and the connection is made to the address that was checked: a name that resolves
to another address a moment later leads nowhere else.
"""

from __future__ import annotations

import hmac
import ipaddress
import json
import socket
import ssl
import threading
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from vcfjobs import __version__
from vcfjobs.errors import NotDeliveredError
from vcfjobs.notifications.origins import Origin, allowed_origin, is_private

# For all of it: connection, TLS, request and the head of the answer.
SECONDS = 10.0
# Networks whose addresses hold one of IPv4 in their last 32 bits (RFC 6052).
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
# Of no use in the internet, though ipaddress takes them for global: local translation (RFC 8215),
# IPv4-compatible addresses (RFC 4291), site-local addresses (RFC 3879).
NOT_PUBLIC = tuple(map(ipaddress.IPv6Network, ("64:ff9b:1::/48", "::/96", "fec0::/10")))


def send(address: str, message_id: str, payload: Mapping[str, Any]) -> None:
    """POST the payload as JSON; return when the receiver has answered 2xx, whose body is not read.

    Raises NotDeliveredError where the address is not allowed or the answer is another, OSError or
    HTTPException where there is no answer in time.
    """
    try:
        origin = allowed_origin(address)
    except ValueError as error:
        raise NotDeliveredError(str(error)) from error
    body = json.dumps(payload).encode()
    parts = urlsplit(address)
    headers = {
        "Host": parts.netloc,
        "User-Agent": f"vcfjobs/{__version__}",
        "Connection": "close",
        "Content-Type": "application/json",
        **signed_headers(message_id, int(time.time()), body),
    }
    target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    with _connected(origin) as connection:
        connection.request("POST", target, body, headers)
        status = connection.getresponse().status
    if not 200 <= status < 300:
        raise NotDeliveredError(f"The receiver answered {status}.")


def signed_headers(message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The headers of a message (Standard Webhooks 1.0), with a signature by each key of the service."""
    signed = b"%b.%d.%b" % (message_id.encode(), timestamp, body)
    digests = (hmac.digest(key, signed, "sha256") for key in settings.ANYVAR_CALLBACK_SECRET)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{b64encode(digest).decode()}" for digest in digests),
    }


@contextmanager
def _connected(origin: Origin) -> Iterator[HTTPConnection]:
    """A connection to the origin that breaks after SECONDS, however slowly the receiver answers."""
    give_up = time.monotonic() + SECONDS
    with closing(_connect(origin, give_up)) as plain, closing(plain.dup()) as other_end:
        hang_up = threading.Timer(give_up - time.monotonic(), _hang_up, [other_end])
        hang_up.start()
        try:
            with closing(HTTPConnection(origin.host, origin.port)) as connection:
                connection.sock = plain
                if origin.scheme == "https":
                    tls = ssl.create_default_context()
                    connection.sock = tls.wrap_socket(plain, server_hostname=origin.host)
                yield connection
                if time.monotonic() >= give_up:  # what was read may be half a line
                    raise TimeoutError
        finally:
            hang_up.cancel()
            hang_up.join()


def _connect(origin: Origin, give_up: float) -> socket.socket:
    """Connect to the first address of the host that is allowed and answers."""
    found = socket.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM)
    addresses = [str(address[0]) for *_, address in found]
    if not is_private(origin):
        addresses = [address for address in addresses if is_public(address)]
    failure: OSError | None = None
    for address in addresses:
        try:
            return socket.create_connection((address, origin.port), max(0.1, give_up - time.monotonic()))
        except OSError as error:
            failure = error
    raise failure or NotDeliveredError("The receiver is in a private network, which is not allowed.")


def is_public(address: str) -> bool:
    """Whether an IP address is in the public internet: not private, loopback, link-local or reserved."""
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address):
        if any(ip in network for network in NOT_PUBLIC):
            return False
        translated = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF) if ip in NAT64 else None
        ip = ip.ipv4_mapped or ip.sixtofour or translated or ip
    return ip.is_global and not ip.is_multicast


def _hang_up(connected: socket.socket) -> None:
    with suppress(OSError):  # the receiver was faster
        connected.shutdown(socket.SHUT_RDWR)
