"""Redis as kombu speaks to it, but for a channel that can be closed while Redis is gone.

A channel that waits for a message reads once more before it closes. When that fails kombu 5.7 leaves it half
closed, Celery closes it again without its connection, and the worker ends with an AttributeError: any worker
that has a free process while another is at work, as often as not when Redis is restarted.
"""

from __future__ import annotations

from typing import Any

from kombu.transport import TRANSPORT_ALIASES, redis

SCHEMES = {"redis": "Transport", "rediss": "Transport", "sentinel": "SentinelTransport"}

TRANSPORT_ALIASES.update({scheme: f"{__name__}:{name}" for scheme, name in SCHEMES.items()})


def broker_settings(url: str, visibility_timeout: int) -> dict[str, Any]:
    """Celery's settings for a broker at `url`; what is not acknowledged comes again after so many seconds."""
    return {
        "broker_url": url,
        "broker_transport_options": {
            "visibility_timeout": visibility_timeout,
            "socket_timeout": 5,
            "socket_connect_timeout": 2,
            "unacked_restore_throttle": 1,
        },
    }


class _Closing:
    """Channels that are closed when `close` returns."""

    connection_errors: tuple[type[Exception], ...]

    def close(self) -> None:
        """Close, whether Redis answers or not; what was not acknowledged it gives back if it can."""
        try:
            super().close()  # type: ignore[misc]
        except self.connection_errors:
            super().close()  # type: ignore[misc]  # it waits no longer, so this goes on where that stopped


class Channel(_Closing, redis.Channel):
    """kombu's, closing."""


class SentinelChannel(_Closing, redis.SentinelChannel):
    """The same behind a sentinel."""


class Transport(redis.Transport):
    """kombu's, with such channels."""

    Channel = Channel


class SentinelTransport(redis.SentinelTransport):
    """The same behind a sentinel."""

    Channel = SentinelChannel
