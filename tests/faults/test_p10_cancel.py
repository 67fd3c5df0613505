"""P10: a cancelled run stops, at once while it waits and within a third of the lease while it runs."""

from __future__ import annotations

import os
import random
import time

import requests

from tests.faults.conftest import Install
from tests.faults.files import LARGE, SMALL
from tests.servers import wait_until


def cancel(address: str) -> requests.Response:
    return requests.post(f"{address}cancel", timeout=30)


def test_a_run_that_is_cancelled_anywhere_leaves_no_output(install: Install, shard_bytes: str) -> None:
    # So long that a worker which notices no more than the end of its lease is told from one that looks.
    lease = 15
    made = install(ANYVAR_SHARD_BYTES=shard_bytes, ANYVAR_LEASE_SECONDS=str(lease))
    made.start_web()
    waiting = made.submit(SMALL)
    assert cancel(f"{made.url}/runs/{waiting.rsplit('/', 1)[-1]}/").status_code == 202
    assert made.look(waiting)["status"] == "cancelled"
    made.start_worker()
    chance = random.Random(10)
    for _ in range(4):
        location = made.submit(LARGE)
        wait_until(lambda: made.look(location)["status"] != "queued", "it is claimed")  # noqa: B023
        time.sleep(chance.random() * 2)  # anywhere in it
        folder = made.folder_of(location)
        answer = cancel(f"{made.url}/runs/{folder.name}/")
        if answer.status_code == 409:
            assert made.look(location)["status"] == "succeeded"
            continue
        wait_until(lambda: os.listdir(folder) == ["input"], "its output is gone", lease / 3 + 3)  # noqa: B023
        polled = requests.get(f"{made.url}{location}", timeout=30)
        assert (polled.status_code, polled.json()["error_code"]) == (410, "CANCELLED")
    assert made.wait_for(made.submit(SMALL))["status"] == "succeeded"  # the worker goes on
