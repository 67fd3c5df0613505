"""P18: a stop by SIGTERM under load loses nothing: workers and web are replaced one after the other."""

from __future__ import annotations

import signal
import subprocess
import threading

import requests

from tests.e2e.processes import Service
from tests.faults.conftest import Install
from tests.faults.files import LARGE, records
from tests.servers import wait_until

RUNS = 50
CONTENT = records(5_000)


def start_worker(made: Service) -> subprocess.Popen[bytes]:
    """A worker that is ready, so that it stops by SIGTERM as a worker does and not as Python does."""
    worker = made.start_worker()
    name = f"worker-{len(made.processes) - 1}"
    wait_until(lambda: "ready." in made.log(name), "the worker is ready")
    return worker


def test_fifty_runs_survive_the_restart_of_every_process(install: Install) -> None:
    made = install(ANYVAR_SHARD_BYTES="400000")
    web = made.start_web()
    worker = start_worker(made)
    locations: list[str] = []

    def submit() -> None:
        for number in range(RUNS):
            while True:  # as a client does that meets a server which restarts
                try:
                    locations.append(made.submit(LARGE if number == 10 else CONTENT, run_id=f"run-{number}"))
                except requests.ConnectionError:
                    continue
                break

    submitting = threading.Thread(target=submit)
    submitting.start()
    for _ in range(2):
        following = start_worker(made)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(timeout=60) == 0
        worker = following
        web.send_signal(signal.SIGTERM)
        assert web.wait(timeout=60) == 0
        web = made.start_web()
    submitting.join()
    assert len(locations) == RUNS
    for location in locations:
        assert made.wait_for(location)["status"] == "succeeded"
