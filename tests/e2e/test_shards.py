"""One large file over several real workers, which are killed while they are at it."""

from __future__ import annotations

import gzip
import os
import random
import signal
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.conftest import TINY_CONTIG
from tests.e2e.processes import Service, service
from tests.e2e.test_protocol import poll, submit
from tests.factories import HEADER
from tests.servers import own_database, wait_until

RECORDS = 200_000
SHARD_BYTES = 400_000


def large_file() -> bytes:
    """Sorted records, most with a REF that is right, some of which name the wrong one."""
    lines = []
    for number in range(RECORDS):
        at = number * len(TINY_CONTIG) // RECORDS
        lines.append(f"chr1\t{at + 1}\tr{number}\t{TINY_CONTIG[at]}\tGAT\t.\tPASS\tDP={number}\n")
    return (HEADER + "".join(lines)).encode()


CONTENT = large_file()


@pytest.fixture(params=["embedded", "servers"])
def sharding(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Service]:
    """A service that cuts large files, with web and two worker processes of one child each."""
    settings = {
        "ANYVAR_SHARD_BYTES": str(SHARD_BYTES),
        "ANYVAR_LEASE_SECONDS": "3",
        "ANYVAR_RUN_MAX_ATTEMPTS": "10",
        "ANYVAR_REGISTER": "false",
    }
    if request.param == "embedded":
        with service(tmp_path, **settings) as made:
            yield made
        return
    redis = request.getfixturevalue("redis_url")
    with own_database(request.getfixturevalue("postgres_url")) as database:
        settings |= {"DATABASE_URL": database, "CELERY_BROKER_URL": redis}
        with service(tmp_path, CELERY_TASK_DEFAULT_QUEUE=f"test_{uuid.uuid4().hex}", **settings) as made:
            yield made


def look(detail: str) -> dict[str, Any]:
    answer: dict[str, Any] = requests.get(detail, timeout=30).json()
    return answer


def start(made: Service, workers: int) -> list[subprocess.Popen[bytes]]:
    made.start_web()
    return [made.start_worker("--concurrency=1") for _ in range(workers)]


def fetch(made: Service, location: str) -> tuple[dict[str, Any], bytes]:
    """The run, and the text of its compressed result."""
    assert poll(made.url, location, 120).status_code == 200
    run = look(f"{made.url}/runs/{location.rsplit('/', 1)[-1]}/")
    packed = requests.get(f"{made.url}/runs/{run['id']}/result.vcf.gz", timeout=60).content
    return run, gzip.decompress(packed)


def kill(worker: subprocess.Popen[bytes]) -> None:
    os.killpg(worker.pid, signal.SIGKILL)
    worker.wait()


@pytest.mark.fault
def test_workers_that_are_killed_again_and_again_change_no_byte(sharding: Service) -> None:
    workers = start(sharding, 2)
    run, text = fetch(sharding, submit(sharding.url, CONTENT).headers["Location"])
    assert (run["records_done"], text.count(b"VRS_Allele_IDs=")) == (RECORDS, RECORDS)
    location = submit(sharding.url, CONTENT).headers["Location"]
    detail = f"{sharding.url}/runs/{location.rsplit('/', 1)[-1]}/"
    chance = random.Random(7)
    done = 0
    for number in range(4):
        wait_until(lambda: look(detail)["records_done"] > done or look(detail)["finished"], "progress", 60)  # noqa: B023
        done = look(detail)["records_done"]
        time.sleep(chance.random() / 2)  # anywhere in a shard
        kill(workers[number % 2])
        workers[number % 2] = sharding.start_worker("--concurrency=1")
    run, again = fetch(sharding, location)
    assert (run["status"], run["records_done"]) == ("succeeded", RECORDS)
    assert again == text
    assert sorted(os.listdir(sharding.folder / "work" / "runs" / run["id"])) == [
        f"{run['attempt']}.vcf.gz{end}" for end in ("", ".gzi", ".tbi")
    ]


@pytest.mark.fault
def test_a_worker_killed_while_it_joins_costs_the_join_alone(sharding: Service) -> None:
    for _ in range(5):  # until the signal comes between the join's beginning and its commit
        (worker,) = (
            start(sharding, 1) if not sharding.processes else [sharding.start_worker("--concurrency=1")]
        )
        location = submit(sharding.url, CONTENT).headers["Location"]
        run = look(f"{sharding.url}/runs/{location.rsplit('/', 1)[-1]}/")
        joining = sharding.folder / "work" / "runs" / run["id"] / "1.part.gz"
        deadline = time.monotonic() + 60
        while not joining.exists() and time.monotonic() < deadline:
            time.sleep(0.0005)
        kill(worker)
        sharding.start_worker("--concurrency=1")
        run, text = fetch(sharding, location)
        assert (run["status"], run["records_done"]) == ("succeeded", RECORDS)
        assert text.count(b"VRS_Allele_IDs=") == RECORDS
        if run["attempt"] == 2:
            return
        for each in sharding.processes[1:]:
            if each.poll() is None:
                kill(each)
    pytest.fail("no kill hit a join")


@pytest.mark.slow
def test_a_sharded_run_that_is_cancelled_stops_and_leaves_its_input_alone(sharding: Service) -> None:
    start(sharding, 2)
    location = submit(sharding.url, CONTENT).headers["Location"]
    detail = f"{sharding.url}/runs/{location.rsplit('/', 1)[-1]}/"
    wait_until(lambda: look(detail)["records_done"] > 0, "progress", 60)
    assert requests.post(f"{detail}cancel", timeout=30).status_code == 202
    folder = sharding.folder / "work" / "runs" / look(detail)["id"]
    wait_until(lambda: os.listdir(folder) == ["input"], "the parts are gone")
    assert requests.post(f"{detail}retry", timeout=30).status_code == 202
    run, text = fetch(sharding, location)
    assert (run["records_done"], text.count(b"VRS_Allele_IDs=")) == (RECORDS, RECORDS)
