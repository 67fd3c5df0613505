"""P3: the run of a killed worker is done by another, or fails as the setting says."""

from __future__ import annotations

import os
import signal

import pytest

from tests.faults.conftest import LEASE, Install
from tests.faults.files import LARGE, RECORDS, SMALL, records
from tests.servers import wait_until


def test_a_killed_workers_run_is_done_by_another_within_lease_and_sweep(
    install: Install, shard_bytes: str
) -> None:
    made = install(ANYVAR_SHARD_BYTES=shard_bytes)
    made.start_web()
    worker = made.start_worker("--concurrency=1")
    location = made.submit(LARGE)
    made.wait_until_written(location)
    os.killpg(worker.pid, signal.SIGKILL)
    worker.wait()
    made.start_worker("--concurrency=1")
    done = made.look(location)["records_done"]
    wait_until(lambda: made.look(location)["records_done"] != done, "the other goes on", LEASE + 20)
    run = made.wait_for(location)
    assert (run["status"], run["records_done"]) == ("succeeded", RECORDS)
    assert run["attempt"] == (1 if run["shard_count"] else 2)


@pytest.mark.parametrize(("again", "status"), [("false", "failed"), ("true", "succeeded")])
def test_a_child_that_dies_fails_its_run_or_has_it_done_again_as_the_setting_says(
    install: Install, shard_bytes: str, again: str, status: str
) -> None:
    # Celery takes ten seconds to be sure that a child is lost; within a shorter lease the sweep is first.
    lease = {"ANYVAR_LEASE_SECONDS": "60", "CELERY_TASK_REJECT_ON_WORKER_LOST": again}
    made = install(ANYVAR_SHARD_BYTES=shard_bytes, **lease)
    made.start_web()
    worker = made.start_worker("--concurrency=1", app="tests.faults.slow")
    location = made.submit(records(60_000))
    made.wait_until_written(location)
    for pid in made.children(worker):
        os.kill(pid, signal.SIGKILL)
    run = made.wait_for(location)
    assert run["status"] == status
    assert run["error_code"] == ("WORKER_LOST_ERROR" if status == "failed" else "")


def test_a_worker_that_is_stopped_with_its_children_loses_the_attempt_and_not_the_run(
    install: Install, shard_bytes: str
) -> None:
    """A signal to the whole process group: Ctrl-C on honcho, a scheduler's time limit."""
    made = install(ANYVAR_SHARD_BYTES=shard_bytes, ANYVAR_LEASE_SECONDS="60")
    made.start_web()
    worker = made.start_worker("--concurrency=1", app="tests.faults.slow")
    location = made.submit(records(60_000))
    made.wait_until_written(location)
    os.killpg(worker.pid, signal.SIGTERM)
    worker.wait(timeout=30)
    assert made.look(location)["status"] in ("queued", "running")
    made.start_worker("--concurrency=1")
    assert made.wait_for(location)["status"] == "succeeded"


@pytest.mark.parametrize("install", ["embedded"], indirect=True)
def test_the_child_in_place_of_a_killed_one_works_time_after_time(install: Install) -> None:
    # It is forked while the sweep takes back what the dead one held, and SQLite does not bear forks.
    made = install(ANYVAR_RUN_MAX_ATTEMPTS="1")
    made.start_web()
    worker = made.start_worker("--concurrency=1", app="tests.faults.poisoned")
    poisoned = SMALL.replace(b"PASS", b"POISON", 1)
    for _ in range(5):
        assert made.wait_for(made.submit(poisoned), 30)["error_code"] == "WORKER_LOST_ERROR"
        assert made.wait_for(made.submit(SMALL), 30)["status"] == "succeeded"
    assert worker.poll() is None


def test_a_child_that_is_killed_while_it_waits_hinders_nobody(install: Install) -> None:
    made = install()
    made.start_web()
    worker = made.start_worker("--concurrency=2")
    assert made.wait_for(made.submit(SMALL))["status"] == "succeeded"
    for _ in range(3):
        idle = made.children(worker)
        os.kill(idle[0], signal.SIGKILL)
        wait_until(lambda: idle[0] not in made.children(worker), "it is replaced")  # noqa: B023
        assert made.wait_for(made.submit(SMALL), 30)["status"] == "succeeded"
