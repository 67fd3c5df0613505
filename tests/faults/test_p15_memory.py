"""P15: memory does not grow with the file."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
import requests

from benchmarks.measure import PeakMemory
from tests.faults.conftest import Install
from tests.faults.files import LARGE

pytestmark = pytest.mark.e2e

MB = 10**6
# 1 GB where there is time for it.
TIMES = int(os.environ.get("FAULTS_MEMORY_MB", "120")) * MB // len(LARGE) + 1


class Generated:
    """A file that is made while it is sent: the header once, the records many times over."""

    def __init__(self, times: int) -> None:
        split = LARGE.index(b"\nchr1\t") + 1
        self._head, self._records, self._times = LARGE[:split], LARGE[split:], times

    def __len__(self) -> int:
        return len(self._head) + self._times * len(self._records)

    def __iter__(self) -> Iterator[bytes]:
        yield self._head
        for _ in range(self._times):
            yield self._records


@pytest.mark.parametrize("shard_bytes", [str(2**40), str(16 * 2**20)], ids=["whole", "shards"])
@pytest.mark.parametrize("install", ["servers"], indirect=True)
def test_web_and_worker_stay_small_on_a_large_file(install: Install, shard_bytes: str) -> None:
    made = install(ANYVAR_SHARD_BYTES=shard_bytes, ANYVAR_REGISTER="true")
    web = made.start_web()
    worker = made.start_worker("--concurrency=1")
    with (
        PeakMemory(lambda: made.children(web)) as web_peak,
        PeakMemory(lambda: made.children(worker)) as worker_peak,
    ):
        answer = requests.put(f"{made.url}/vcf?run_async=true", data=Generated(TIMES), timeout=300)
        assert answer.status_code == 202, answer.text
        run = made.wait_for(answer.headers["Location"], 600)
    assert run["status"] == "succeeded"
    assert web_peak.bytes < 150 * MB
    assert worker_peak.bytes < 250 * MB
    assert min(web_peak.bytes, worker_peak.bytes) > MB  # they were looked at
