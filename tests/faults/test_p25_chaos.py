"""P25: everything dies at random under load; every run ends with the right bytes, its alleles registered."""

from __future__ import annotations

import gzip
import os
import random
import re
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import requests
from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.processes import Service
from tests.faults.conftest import Install
from tests.faults.files import LARGE, records
from tests.servers import RedisServer

# 300 where there is time for it.
SECONDS = float(os.environ.get("FAULTS_CHAOS_SECONDS", "40"))
FILES = {"small": records(2_000), "large": LARGE}
IDENTIFIER = re.compile(rb"ga4gh:VA\.[\w-]{32}")


class Storm:
    """Kills a worker, the web or Redis every few seconds, and starts it again."""

    def __init__(self, made: Service, redis: RedisServer) -> None:
        self._made, self._redis = made, redis
        self._web = made.start_web()
        self._workers = [made.start_worker("--concurrency=1") for _ in range(2)]
        self._draw = random.Random(25)
        self.blows: list[str] = []

    def rage(self, seconds: float) -> None:
        over = time.monotonic() + seconds
        blows: list[Callable[[], None]] = [
            self._kill_worker,
            self._kill_worker,
            self._kill_web,
            self._kill_redis,
        ]
        while time.monotonic() < over:
            time.sleep(self._draw.uniform(1, 4))
            blow = self._draw.choice(blows)
            blow()
            self.blows.append(blow.__name__)

    def _kill_worker(self) -> None:
        number = self._draw.randrange(2)
        os.killpg(self._workers[number].pid, signal.SIGKILL)
        self._workers[number].wait()
        self._workers[number] = self._made.start_worker("--concurrency=1")

    def _kill_web(self) -> None:
        os.killpg(self._web.pid, signal.SIGKILL)
        self._web.wait()
        self._web = self._made.start_web()

    def _kill_redis(self) -> None:
        self._redis.stop()
        self._redis.start()


def a_day_passes(made: Service) -> None:
    """Make what killed processes have left old enough to be swept, and let the hour of the search come."""
    yesterday = time.time() - 2 * 86_400
    work = Path(made.environment["ANYVAR_VCF_ASYNC_WORK_DIR"])
    for left in [*(work / "spool").iterdir(), *(work / "runs").iterdir()]:
        os.utime(left, (yesterday, yesterday))
    made.manage("shell", "--command", "from vcfjobs.worker import maintenance; maintenance.drop_orphans()")


def test_every_run_ends_with_the_right_bytes_whatever_dies(
    on_own_servers: Install, own_redis: RedisServer
) -> None:
    made = on_own_servers(
        ANYVAR_SHARD_BYTES="1000000",
        ANYVAR_RUN_MAX_ATTEMPTS="50",
        ANYVAR_LEASE_SECONDS="4",
        ANYVAR_REGISTER="true",
    )
    storm = Storm(made, own_redis)
    expected = {}
    for name, content in FILES.items():
        location = made.submit(content, register="false")
        made.wait_for(location)
        expected[name] = gzip.decompress(made.result(location))
    accepted: dict[str, str] = {}
    calm = threading.Event()

    def submit() -> None:
        number = 0
        while not calm.wait(0.5):
            number += 1
            name = "large" if number % 16 == 8 else "small"
            try:
                accepted[made.submit(FILES[name], run_id=f"{name}-{number}")] = name
            except requests.RequestException:
                continue  # no 202, no promise

    submitting = threading.Thread(target=submit)
    submitting.start()
    try:
        storm.rage(SECONDS)
    finally:
        calm.set()
        submitting.join()
    assert len(accepted) > SECONDS / 2
    assert len(set(storm.blows)) >= 2
    # What two workers, who were dead half of the time, have left to do.
    give_up = time.monotonic() + 120 + 2 * SECONDS
    for location, name in accepted.items():
        run = made.wait_for(location, give_up - time.monotonic())
        assert (run["status"], run["error"]) == ("succeeded", ""), location
        assert gzip.decompress(made.result(location)) == expected[name]
    identifiers = {found for text in expected.values() for found in IDENTIFIER.findall(text)}
    assert requests.get(f"{made.url}/stats", timeout=30).json()["alleles"] == len(identifiers)
    runs = made.runs()
    assert {run["status"] for run in runs} == {"succeeded"}
    counted = {
        sample.labels["status"]: sample.value
        for family in text_string_to_metric_families(requests.get(f"{made.url}/metrics", timeout=30).text)
        for sample in family.samples
        if sample.name == "vrs_runs"
    }
    assert counted["succeeded"] == len(runs)
    assert sum(counted.values()) == len(runs)
    a_day_passes(made)
