"""kombu's Redis transport, with channels that can be closed while Redis is down.

A channel that waits for a message reads once more before it closes. When that read fails, kombu 5.7 leaves it
half closed. Celery then closes it again without its connection, and the worker ends with an AttributeError:
about every second time that Redis is restarted while one process of the worker is busy and another is free.
"""

from __future__ import annotations

from typing import Any

from kombu.transport import TRANSPORT_ALIASES, redis

SCHEMES = {"redis": "Transport", "rediss": "Transport", "sentinel": "SentinelTransport"}

TRANSPORT_ALIASES.update({scheme: f"{__name__}:{name}" for scheme, name in SCHEMES.items()})


def broker_settings(url: str, visibility_timeout: int) -> dict[str, Any]:
    """Celery's settings for Redis at `url`; it redelivers an unacknowledged message after the timeout (s)."""
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
    """A channel that is closed when `close` returns."""

    connection_errors: tuple[type[Exception], ...]

    def close(self) -> None:
        """Close, whether Redis answers or not; requeue what was not acknowledged if it does."""
        try:
            super().close()  # type: ignore[misc]
        except self.connection_errors:
            super().close()  # type: ignore[misc]  # it no longer waits for a message, so this continues where that failed


class Transport(redis.Transport):
    """Redis."""

    class Channel(_Closing, redis.Channel):
        """kombu's channel, closing."""


class SentinelTransport(redis.SentinelTransport):
    """Redis behind a sentinel."""

    class Channel(_Closing, redis.SentinelChannel):
        """kombu's channel, closing."""
