"""P19: a long queue ends, and a poll stays as cheap as ever meanwhile."""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import requests

from tests.faults.conftest import Install
from tests.faults.files import records

# 10,000 where there is time for it.
RUNS = int(os.environ.get("FAULTS_QUEUED_RUNS", "500"))
CONTENT = records(3)


def test_every_run_of_a_long_queue_ends(install: Install) -> None:
    made = install(ANYVAR_LEASE_SECONDS="30")
    made.start_web()
    with ThreadPoolExecutor(4) as clients:
        locations = list(clients.map(lambda _: made.submit(CONTENT), range(RUNS)))
    made.start_worker()
    times: list[float] = []
    over = threading.Event()

    def poll() -> None:
        while not over.wait(0.05):
            began = time.monotonic()
            answer = requests.get(f"{made.url}{locations[len(times) % RUNS]}", timeout=30)
            times.append(time.monotonic() - began)
            assert answer.status_code in (200, 202)

    polling = threading.Thread(target=poll)
    polling.start()
    try:
        for location in locations:
            assert made.wait_for(location, 60 + RUNS / 5)["status"] == "succeeded"
    finally:
        over.set()
        polling.join()
    assert {run["attempt"] for run in made.runs()} == {1}
    assert sorted(times)[len(times) * 99 // 100] < 0.5
