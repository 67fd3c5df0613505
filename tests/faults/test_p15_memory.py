"""P15: memory does not grow with the file."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
import requests

from benchmarks.measure import PeakMemory
from tests.conftest import TINY_CONTIG
from tests.factories import HEADER
from tests.faults.conftest import Install

MB = 10**6
# 1 GB where there is time for it.
SIZE = int(os.environ.get("FAULTS_MEMORY_MB", "120")) * MB
SECONDS = 60 + SIZE // (2 * MB)
# As wide as the records of a called genome; a base in four is an insertion.
INFO = "AC=1;AF=0.500;AN=2;BaseQRankSum=0.736;DP=35;ExcessHet=3.01;FS=2.431;MQ=60.00;QD=16.22;SOR=0.941"


class Generated:
    """A sorted file that is made while it is sent, a base of the contig at a time."""

    def __init__(self, size: int) -> None:
        lines = [
            f"chr1\t{at}\trs{at}\t{base}\t{'GAT' if at % 4 == 0 else 'C' if base == 'A' else 'A'}"
            f"\t50\tPASS\t{INFO}\n"
            for at, base in enumerate(TINY_CONTIG, 1)
        ]
        self._times = size // sum(map(len, lines)) + 1
        self._lines = [line.encode() for line in lines]

    def __len__(self) -> int:
        return len(HEADER) + self._times * sum(map(len, self._lines))

    def __iter__(self) -> Iterator[bytes]:
        yield HEADER.encode()
        for line in self._lines:
            block = line * 1000
            for _ in range(self._times // 1000):
                yield block
            yield line * (self._times % 1000)


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
        answer = requests.put(f"{made.url}/vcf?run_async=true", data=Generated(SIZE), timeout=SECONDS)
        assert answer.status_code == 202, answer.text
        run = made.wait_for(answer.headers["Location"], SECONDS)
    assert run["status"] == "succeeded"
    assert web_peak.bytes < 150 * MB
    assert worker_peak.bytes < 250 * MB
    assert min(web_peak.bytes, worker_peak.bytes) > MB  # they were looked at
