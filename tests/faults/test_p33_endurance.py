"""P33: thousands of runs leave memory and descriptors of the processes as they were."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.e2e.processes import Service
from tests.faults.conftest import Install
from tests.faults.files import SMALL

pytestmark = pytest.mark.slow

BATCH = 50
# 5,000 where there is time for it, measured from the 500th on.
RUNS = int(os.environ.get("FAULTS_ENDURANCE_RUNS", "300"))
WARM_UP = min(500, RUNS // 3 // BATCH * BATCH)
MOST_GROWTH = 0.10
# What an allocator may take at a time, and a run in progress has open: no growth.
SLACK_KIB, SLACK_DESCRIPTORS = 4096, 8


def family(process: subprocess.Popen[bytes]) -> list[int]:
    """A process and its children."""
    return [process.pid, *Service.children(process)]


def measured(pid: int) -> tuple[int, int]:
    """Resident memory that is the process's own (KiB), and open descriptors."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    anonymous = next(int(line.split()[1]) for line in lines if line.startswith("RssAnon"))
    return anonymous, len(list(Path(f"/proc/{pid}/fd").iterdir()))


def test_memory_and_descriptors_stay_flat(install: Install) -> None:
    made = install(ANYVAR_REGISTER="true", ANYVAR_SUBMIT_RATE="1000000/min")
    processes = [made.start_web(), made.start_worker("--concurrency=1")]
    at_first: dict[int, tuple[int, int]] = {}
    for done in range(0, RUNS, BATCH):
        if done == WARM_UP:
            at_first = {pid: measured(pid) for process in processes for pid in family(process)}
        locations = [made.submit(SMALL, run_id=f"run-{done + number}") for number in range(BATCH)]
        for location in locations:
            assert made.wait_for(location)["status"] == "succeeded"
    at_last = {pid: measured(pid) for process in processes for pid in family(process)}
    print(f"KiB and descriptors of each process after {WARM_UP} runs: {at_first}, after {RUNS}: {at_last}")
    assert set(at_last) == set(at_first)  # nobody has died
    for pid, (memory, descriptors) in at_last.items():
        memory_before, descriptors_before = at_first[pid]
        assert memory <= memory_before * (1 + MOST_GROWTH) + SLACK_KIB, (at_first, at_last)
        assert descriptors <= descriptors_before * (1 + MOST_GROWTH) + SLACK_DESCRIPTORS, (at_first, at_last)
