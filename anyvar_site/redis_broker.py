"""kombu's Redis transport, for a worker that outlives what Redis does.

A channel that waits for a message reads once more before it closes. When that read fails, kombu 5.7 leaves it
half closed. Celery then closes it again without its connection, and the worker ends with an AttributeError:
about every second time that Redis is restarted while one process of the worker is busy and another is free.
Here the channel is closed once more.

A Redis that is full or has become a replica refuses writes. For kombu that is an error of the channel, which
ends the worker. Here it is one of the connection, so that the worker connects again until Redis takes writes.

A message whose acknowledgement fails would count as being worked on. A worker with as many of them as it
may hold takes no more, and does not notice that it has lost Redis. Here the message counts as done: Redis
delivers it once more, which does no harm.
"""

from __future__ import annotations

from typing import Any

from kombu.transport import virtual
from kombu.transport.redis import Channel, QoS, Transport
from redis.exceptions import OutOfMemoryError, ReadOnlyError

SCHEMES = ("redis", "rediss", "sentinel")

_close: Any = Channel.close


def close(channel: Channel) -> None:
    """Close, whether Redis answers or not; requeue what was not acknowledged if it does."""
    try:
        _close(channel)
    except channel.connection_errors:
        _close(channel)  # it no longer waits for a message, so this continues where that failed


_ack: Any = QoS.ack


def ack(qos: QoS, delivery_tag: str) -> None:
    """Acknowledge a message; it takes no place of the worker any more, also when Redis does not know."""
    try:
        _ack(qos, delivery_tag)
    except qos.channel.connection_errors:
        virtual.QoS.ack(qos, delivery_tag)  # type: ignore[no-untyped-call]
        raise  # to be logged


Channel.close = close  # type: ignore[method-assign]
QoS.ack = ack  # type: ignore[method-assign]
Transport.connection_errors += (OutOfMemoryError, ReadOnlyError)


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
