"""kombu's channel over Redis can be closed while Redis is gone, and goes on when it has failed."""

from __future__ import annotations

from typing import Any

import pytest
import redis
from kombu.connection import Connection
from kombu.entity import Exchange, Queue
from kombu.message import Message
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


def test_a_message_whose_acknowledgement_fails_takes_no_place(own_redis: RedisServer) -> None:
    connection = Connection(own_redis.url)
    queue = Queue("q", routing_key="q")
    taken: list[Message] = []
    consumer = Consumer(connection, [queue(connection)], callbacks=[lambda _, message: taken.append(message)])
    consumer.qos(prefetch_count=1)
    consumer.consume()
    connection.Producer().publish("x", routing_key="q", declare=[queue])
    connection.drain_events(timeout=5)
    qos: Any = connection.default_channel.qos
    assert not qos.can_consume()
    with redis.Redis(port=own_redis.port) as admin:
        admin.replicaof("127.0.0.1", "1")
        with pytest.raises(connection.connection_errors):  # what a worker answers by connecting again
            taken[0].ack()
        assert qos.can_consume()
        admin.replicaof("NO", "ONE")
    connection.close()
