"""P2: a broker that is down or hangs delays a run and nothing else."""

from __future__ import annotations

import signal
import time

import pytest

from tests.faults.conftest import Install
from tests.faults.files import SMALL
from tests.servers import RedisServer


@pytest.mark.parametrize("backend", [False, True], ids=["backend in the database", "backend on it too"])
@pytest.mark.parametrize("fault", ["stopped", "frozen"])
def test_a_submit_is_accepted_within_six_seconds_and_done_when_the_broker_is_back(
    on_own_servers: Install, own_redis: RedisServer, fault: str, backend: bool
) -> None:
    made = on_own_servers(**({"CELERY_BACKEND_URL": own_redis.url} if backend else {}))
    made.start_web()
    made.start_worker()
    assert made.wait_for(made.submit(SMALL))["status"] == "succeeded"
    if fault == "stopped":
        own_redis.stop()
    else:
        own_redis.send(signal.SIGSTOP)
    began = time.monotonic()
    locations = [made.submit(SMALL) for _ in range(3)]
    assert time.monotonic() - began < 6
    assert {made.look(location)["status"] for location in locations} == {"queued"}
    if fault == "stopped":
        own_redis.start()
    else:
        own_redis.send(signal.SIGCONT)
    for location in locations:
        assert made.wait_for(location)["status"] == "succeeded"
