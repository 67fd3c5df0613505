"""P4: Redis may lose everything: no run is lost with it."""

from __future__ import annotations

import pytest
import redis

from tests.faults.conftest import Install
from tests.faults.files import LARGE, SMALL
from tests.servers import RedisServer


@pytest.mark.parametrize("fault", ["flushed", "killed without persistence"])
def test_queued_and_running_runs_end_though_redis_forgets_everything(
    on_own_servers: Install, own_redis: RedisServer, fault: str, shard_bytes: str
) -> None:
    made = on_own_servers(ANYVAR_SHARD_BYTES=shard_bytes)
    made.start_web()
    made.start_worker("--concurrency=1")
    locations = [made.submit(LARGE), *(made.submit(SMALL) for _ in range(8))]
    made.wait_until_written(locations[0])
    if fault == "flushed":
        with redis.Redis(port=own_redis.port) as client:
            client.flushall()
    else:
        own_redis.stop()
        own_redis.start()
    for location in locations:
        assert made.wait_for(location)["status"] == "succeeded"
