"""Handing runs to the broker: bounded, and never an error to the caller."""

from __future__ import annotations

import signal
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from celery import Celery
from django.conf import settings

from tests.servers import RedisServer, wait_until
from vcfjobs.worker import dispatch


@pytest.fixture
def own_redis(own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[RedisServer]:
    """The same as the broker."""
    app = Celery("test", set_as_current=False)
    app.conf.update(
        settings.CELERY
        | {
            "broker_url": own_redis.url,
            "broker_transport_options": {"socket_timeout": 0.5, "socket_connect_timeout": 0.5},
            "broker_connection_timeout": 0.2,
            "broker_pool_acquire_timeout": 0.3,
            "task_default_queue": f"test_{uuid.uuid4().hex}",
        }
    )
    monkeypatch.setattr(dispatch, "current_app", app)
    dispatch._broken_until = 0.0
    yield own_redis
    own_redis.stop()  # before the application says goodbye to one that is frozen
    app.close()
    dispatch._broken_until = 0.0


def test_a_message_waits_in_redis_under_its_queue(own_redis: RedisServer) -> None:
    assert dispatch.publish(dispatch.WORK_ON_NEXT, ["a", "b"])
    assert dispatch.waiting() == 1


def test_a_queue_that_was_never_used_holds_nothing(own_redis: RedisServer) -> None:
    assert dispatch.waiting() == 0


@pytest.mark.fault
@pytest.mark.parametrize("fault", [signal.SIGKILL, signal.SIGSTOP], ids=["dead", "hung"])
@pytest.mark.parametrize("warm", [True, False], ids=["warm", "cold"])
def test_a_broker_that_is_gone_is_given_up_within_seconds(
    own_redis: RedisServer, fault: int, warm: bool
) -> None:
    if warm:
        assert dispatch.publish(dispatch.WORK_ON_NEXT, ["a", "b"])
    own_redis.send(fault)
    began = time.monotonic()
    assert not dispatch.publish(dispatch.WORK_ON_NEXT, ["a", "b"])
    assert time.monotonic() - began < 3
    assert dispatch.waiting() is None
    began = time.monotonic()
    assert not dispatch.publish(dispatch.WORK_ON_NEXT, ["a", "b"])  # nobody waits for it again so soon
    assert time.monotonic() - began < 1


def test_a_hung_broker_takes_no_message_of_many_at_once_and_raises_at_none(own_redis: RedisServer) -> None:
    """More of them than there are connections: those for whom none is left fail in a way of their own."""
    own_redis.send(signal.SIGSTOP)
    with ThreadPoolExecutor(30) as threads:
        sent = [threads.submit(dispatch.publish, dispatch.WORK_ON_NEXT, ["a", "b"]) for _ in range(30)]
        assert not any(each.result(timeout=20) for each in sent)


@pytest.mark.fault
def test_a_broker_that_hangs_holds_one_who_asks_and_not_all(own_redis: RedisServer) -> None:
    assert dispatch.answers()
    own_redis.send(signal.SIGSTOP)
    began = time.monotonic()
    with ThreadPoolExecutor(20) as threads:
        first = threads.submit(dispatch.answers)
        wait_until(lambda: dispatch._asking.locked(), "somebody asks")
        others = [threads.submit(dispatch.answers) for _ in range(19)]
        assert all(other.result(timeout=4) for other in others)  # what was heard last
        assert not first.done()
        assert not first.result()
    assert time.monotonic() - began < 10
    own_redis.send(signal.SIGCONT)
    wait_until(dispatch.answers, "the broker answers again")
