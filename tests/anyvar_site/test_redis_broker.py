"""kombu's channel over Redis can be closed while Redis is gone."""

from __future__ import annotations

from typing import Any

from kombu.connection import Connection
from kombu.entity import Exchange, Queue
from kombu.messaging import Consumer

from anyvar_site.redis_broker import broker_settings
from tests.servers import RedisServer


def test_a_channel_that_holds_a_message_and_waits_for_more_closes_without_redis(
    own_redis: RedisServer,
) -> None:
    """What a worker does when it has lost Redis: collect, then close."""
    settings = broker_settings(own_redis.url, 60)
    connection = Connection(own_redis.url, transport_options=settings["broker_transport_options"])
    queue = Queue("q", routing_key="q")
    taken: list[object] = []
    consumer = Consumer(connection, [queue(connection)], callbacks=[lambda _, message: taken.append(message)])
    consumer.consume()
    connection.Producer().publish("x", routing_key="q", declare=[queue])
    connection.drain_events(timeout=5)
    channel: Any = connection.default_channel
    channel._brpop_start()
    answers = Queue(exchange=Exchange("control", type="fanout"), auto_delete=True)
    Consumer(connection.channel(), [answers]).consume()  # as for remote control; it cannot be closed either
    own_redis.stop()
    connection.collect(socket_timeout=1)
    connection.close()
    assert len(taken) == 1
