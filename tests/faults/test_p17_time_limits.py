"""P17: a run over its time limit ends, tidily by the soft limit, from outside by the hard one."""

from __future__ import annotations

import os
import signal

from tests.faults.conftest import Install
from tests.faults.files import LARGE, SMALL, records
from tests.servers import wait_until


def test_the_soft_limit_ends_a_run_and_cleans_its_files(install: Install, shard_bytes: str) -> None:
    made = install(ANYVAR_SHARD_BYTES=shard_bytes, CELERY_SOFT_TIME_LIMIT="1", CELERY_TASK_TIME_LIMIT="30")
    made.start_web()
    made.start_worker("--concurrency=1", app="tests.faults.slow")
    location = made.submit(LARGE)
    run = made.wait_for(location)
    assert (run["status"], run["error_code"]) == ("failed", "TIME_LIMIT_EXCEEDED")
    folder = made.folder_of(location)
    wait_until(lambda: [path.name for path in folder.rglob("*")] == ["input"], "its files are cleaned", 10)


def test_the_hard_limit_ends_a_child_that_hangs(install: Install, shard_bytes: str) -> None:
    # The lease is longer, or the sweep would take the run back before: a child that hangs renews nothing.
    limits = {"CELERY_SOFT_TIME_LIMIT": "4", "CELERY_TASK_TIME_LIMIT": "5", "ANYVAR_LEASE_SECONDS": "60"}
    made = install(ANYVAR_SHARD_BYTES=shard_bytes, **limits)
    made.start_web()
    worker = made.start_worker("--concurrency=1", app="tests.faults.slow")
    location = made.submit(records(60_000))
    made.wait_until_written(location)
    for pid in made.children(worker):
        os.kill(pid, signal.SIGSTOP)
    run = made.wait_for(location)
    assert (run["status"], run["error_code"]) == ("failed", "TIME_LIMIT_EXCEEDED")
    assert made.wait_for(made.submit(SMALL))["status"] == "succeeded"  # the worker goes on
