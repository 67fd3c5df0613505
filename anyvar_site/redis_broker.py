"""kombu's Redis transport, with channels that can be closed while Redis is down.

A channel that waits for a message reads once more before it closes. When that read fails, kombu 5.7 leaves it
half closed. Celery then closes it again without its connection, and the worker ends with an AttributeError:
about every second time that Redis is restarted while one process of the worker is busy and another is free.
"""

from __future__ import annotations

from typing import Any

from kombu.transport.redis import Channel

SCHEMES = ("redis", "rediss", "sentinel")

_close: Any = Channel.close


def close(channel: Channel) -> None:
    """Close, whether Redis answers or not; requeue what was not acknowledged if it does."""
    try:
        _close(channel)
    except channel.connection_errors:
        _close(channel)  # it no longer waits for a message, so this continues where that failed


Channel.close = close  # type: ignore[method-assign]


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
