"""P25: everything dies at random under load; every run ends with the right bytes, its alleles registered."""

from __future__ import annotations

import gzip
import os
import random
import re
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable

import psycopg
import requests
from prometheus_client.parser import text_string_to_metric_families
from redis import Redis

from tests.e2e.processes import Service
from tests.faults.conftest import Install, a_day_passes
from tests.faults.files import LARGE, records
from tests.servers import PostgresServer, RedisServer, wait_until

# 1,800 where there is time for it.
SECONDS = float(os.environ.get("FAULTS_CHAOS_SECONDS", "30"))
LEASE = 4
FILES = {"small": records(2_000), "large": LARGE}
IDENTIFIER = re.compile(rb"ga4gh:VA\.[\w-]{32}")


class Storm:
    """Every few seconds something dies, hangs, forgets or hangs up, and comes back."""

    def __init__(self, made: Service, redis: RedisServer, postgres: PostgresServer) -> None:
        self._made, self._redis, self._postgres = made, redis, postgres
        self._web = made.start_web()
        self._workers = [made.start_worker("--concurrency=1") for _ in range(2)]
        self._draw = random.Random(25)
        self.blows: Counter[str] = Counter()

    def rage(self, seconds: float) -> None:
        over = time.monotonic() + seconds
        blows: list[Callable[[], None]] = [
            self._kill_worker,
            self._kill_pool_process,
            self._freeze_worker,
            self._kill_web,
            self._kill_redis,
            self._freeze_redis,
            self._wipe_redis,
            self._end_connections_of_redis,
            self._restart_postgres,
            self._end_connections_of_postgres,
            self._lock_runs,
        ]
        left: list[Callable[[], None]] = []
        while time.monotonic() < over:
            time.sleep(self._draw.uniform(1, 3))
            left = left or self._draw.sample(blows, len(blows))  # all, in another order each time
            blow = left.pop()
            blow()
            self.blows[blow.__name__.strip("_")] += 1

    def _kill_worker(self) -> None:
        number = self._draw.randrange(2)
        os.killpg(self._workers[number].pid, signal.SIGKILL)
        self._workers[number].wait()
        self._workers[number] = self._made.start_worker("--concurrency=1")

    def _kill_pool_process(self) -> None:
        for pid in Service.children(self._draw.choice(self._workers)):
            os.kill(pid, signal.SIGKILL)

    def _freeze_worker(self) -> None:
        """For longer than its lease."""
        group = self._draw.choice(self._workers).pid
        os.killpg(group, signal.SIGSTOP)
        time.sleep(LEASE + 2)
        os.killpg(group, signal.SIGCONT)

    def _kill_web(self) -> None:
        os.killpg(self._web.pid, signal.SIGKILL)
        self._web.wait()
        self._web = self._made.start_web()

    def _kill_redis(self) -> None:
        self._redis.stop()
        self._redis.start()

    def _freeze_redis(self) -> None:
        self._redis.send(signal.SIGSTOP)
        time.sleep(self._draw.uniform(1, 6))
        self._redis.send(signal.SIGCONT)

    def _wipe_redis(self) -> None:
        with Redis.from_url(self._redis.url) as client:
            client.flushall()

    def _end_connections_of_redis(self) -> None:
        with Redis.from_url(self._redis.url) as client:
            client.client_kill_filter(_type="normal", skipme=True)

    def _restart_postgres(self) -> None:
        self._postgres.stop()
        self._postgres.start()

    def _end_connections_of_postgres(self) -> None:
        others = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend'"
        )
        with psycopg.connect(self._postgres.url) as connection:
            connection.execute(f"{others} AND pid <> pg_backend_pid()")

    def _lock_runs(self) -> None:
        """For longer than a lease."""
        with psycopg.connect(self._postgres.url) as connection:
            connection.execute("LOCK TABLE vcfjobs_run IN ACCESS EXCLUSIVE MODE")
            time.sleep(LEASE + 2)


def test_every_run_ends_with_the_right_bytes_whatever_dies(
    on_own_servers: Install, own_redis: RedisServer, own_postgres: PostgresServer
) -> None:
    made = on_own_servers(
        ANYVAR_SHARD_BYTES="1000000",
        ANYVAR_RUN_MAX_ATTEMPTS="50",
        ANYVAR_LEASE_SECONDS=str(LEASE),
        ANYVAR_REGISTER="true",
        CELERY_TASK_REJECT_ON_WORKER_LOST="true",
    )
    storm = Storm(made, own_redis, own_postgres)
    expected = {}
    for name, content in FILES.items():
        location = made.submit(content, register="false")
        made.wait_for(location)
        expected[name] = gzip.decompress(made.result(location))
    accepted: dict[str, str] = {}
    answers: Counter[int] = Counter()
    calm = threading.Event()

    def submit() -> None:
        number = 0
        while not calm.wait(0.5):
            number += 1
            name = "large" if number % 16 == 8 else "small"
            address = f"{made.url}/vcf?run_async=true&run_id={name}-{number}"
            try:
                answer = requests.put(address, data=FILES[name], timeout=60)
            except requests.RequestException:
                continue  # no 202, no promise
            answers[answer.status_code] += 1
            if answer.status_code == 202:
                accepted[answer.headers["Location"]] = name

    submitting = threading.Thread(target=submit)
    submitting.start()
    try:
        storm.rage(SECONDS)
    finally:
        calm.set()
        submitting.join()
    print(f"{len(accepted)} runs, answers {dict(answers)}, faults {dict(storm.blows)}")
    assert set(answers) <= {202, 503}
    assert len(accepted) > SECONDS / 4
    assert len(storm.blows) >= 5
    # What two workers, who were dead half of the time, have left to do.
    give_up = time.monotonic() + 120 + 2 * SECONDS
    for location, name in accepted.items():
        run = made.wait_for(location, give_up - time.monotonic())
        assert (run["status"], run["error"]) == ("succeeded", ""), location
        assert gzip.decompress(made.result(location)) == expected[name]
    identifiers = {found for text in expected.values() for found in IDENTIFIER.findall(text)}
    assert requests.get(f"{made.url}/stats", timeout=30).json()["alleles"] == len(identifiers)
    # Also of the submits that were cut off after the COMMIT.
    wait_until(lambda: all(run["finished"] for run in made.runs()), "every run ends")
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
