"""P29: Redis is full, evicts, asks for a password, is read-only, ends connections, hangs: no run is lost."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import redis

from tests.faults.conftest import Install
from tests.faults.files import SMALL
from tests.faults.load import require_unharmed
from tests.servers import RedisServer, free_port

pytestmark = pytest.mark.slow

FAULT_SECONDS = 20.0
# A submit waits for a broker that does not answer for so long at most (P2), beside its own work.
SUBMIT_SECONDS = 10.0


@contextmanager
def client_of(server: RedisServer) -> Iterator[redis.Redis]:
    """A connection of the test's own, which has given the password that it sets."""
    with redis.Redis(port=server.port, socket_timeout=30) as client:
        yield client


def refuse_writes(server: RedisServer) -> None:
    """No memory is left, and nothing is evicted."""
    with client_of(server) as client:
        client.config_set("maxmemory", 1)
        time.sleep(FAULT_SECONDS)
        client.config_set("maxmemory", 0)


def evict(server: RedisServer) -> None:
    """Whatever is written is thrown away for want of memory, queues and bindings too."""
    with client_of(server) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        client.config_set("maxmemory", 1)
        time.sleep(FAULT_SECONDS)
        client.config_set("maxmemory", 0)
        client.config_set("maxmemory-policy", "noeviction")


def change_password(server: RedisServer) -> None:
    """It asks for a password that nobody knows, until somebody corrects that."""
    with client_of(server) as client:
        client.config_set("requirepass", "another")
        client.execute_command("AUTH", "another")
        for kind in ("normal", "pubsub"):  # as a restart does
            client.client_kill_filter(_type=kind, skipme=True)
        time.sleep(FAULT_SECONDS)
        client.config_set("requirepass", "")


def be_a_replica(server: RedisServer) -> None:
    """It is a replica, which takes no writes, of a server that is away."""
    with client_of(server) as client:
        client.replicaof("127.0.0.1", str(free_port()))
        time.sleep(FAULT_SECONDS)
        client.replicaof("NO", "ONE")


def end_connections(server: RedisServer) -> None:
    """It ends every connection five times a second."""
    over = time.monotonic() + FAULT_SECONDS
    with client_of(server) as client:
        while time.monotonic() < over:
            client.client_kill_filter(_type="normal", skipme=True)
            time.sleep(0.2)


def hang(server: RedisServer) -> None:
    """It accepts connections and answers nothing."""
    server.send(signal.SIGSTOP)
    time.sleep(FAULT_SECONDS)
    server.send(signal.SIGCONT)


FAULTS = [refuse_writes, evict, change_password, be_a_replica, end_connections, hang]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_every_run_ends_and_every_submit_is_accepted_while_redis_fails(
    on_own_servers: Install, own_redis: RedisServer, fault: Callable[[RedisServer], None]
) -> None:
    made = on_own_servers(ANYVAR_SHARD_BYTES="400000", ANYVAR_LEASE_SECONDS="10")
    clients = require_unharmed(made, lambda: fault(own_redis), SUBMIT_SECONDS)
    assert clients.statuses() == {202}
    # What is submitted afterwards does not wait for a sweep: broker and worker have found each other.
    began = time.monotonic()
    for number in range(3):
        assert made.wait_for(made.submit(SMALL, run_id=f"after-{number}"))["status"] == "succeeded"
    assert time.monotonic() - began < 30
    assert made.processes[1].poll() is None
