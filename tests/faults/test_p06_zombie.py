"""P6: a worker that was thought dead and comes back overwrites nothing."""

from __future__ import annotations

import os
import signal

from tests.faults.conftest import LEASE, Install
from tests.faults.files import records
from tests.servers import wait_until

RECORDS = 60_000


def test_a_zombie_stops_and_leaves_the_others_result_alone(install: Install, shard_bytes: str) -> None:
    made = install(ANYVAR_SHARD_BYTES=shard_bytes)
    made.start_web()
    zombie = made.start_worker("--concurrency=1", app="tests.faults.slow")
    location = made.submit(records(RECORDS))
    made.wait_until_written(location)
    os.killpg(zombie.pid, signal.SIGSTOP)
    made.start_worker("--concurrency=1")
    run = made.wait_for(location, LEASE + 60)
    assert (run["status"], run["records_done"]) == ("succeeded", RECORDS)
    before = made.result(location)
    os.killpg(zombie.pid, signal.SIGCONT)
    wait_until(lambda: " lost" in made.log("worker-1"), "the zombie notices")
    assert made.result(location) == before
    assert made.look(location)["attempt"] == run["attempt"]
