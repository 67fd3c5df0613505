"""P32: the clock of a host steps by an hour and back: leases, deadlines and expiry are unharmed."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.e2e.processes import Service
from tests.faults.conftest import Install
from tests.faults.files import LARGE, RECORDS, SMALL
from tests.servers import wait_until

LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(LIBRARY is None, reason="libfaketime is not installed"),
]


# libfaketime 0.9 refuses the sleep of Python, which lasts until a moment of the monotonic clock.
SLEEP = """import select, time

def sleep(seconds):
    select.select((), (), (), seconds)

time.sleep = sleep
"""


class Clock:
    """The time of day of the processes that have it; how time passes is the machine's for all."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "clock"
        self._python = folder / "python"
        self._python.mkdir()
        (self._python / "sitecustomize.py").write_text(SLEEP)
        self.step(0)

    def step(self, seconds: int) -> None:
        """Let it be so many seconds later than it is."""
        draft = self._file.with_suffix(".draft")
        draft.write_text(f"{seconds:+d}\n")
        draft.replace(self._file)

    def variables(self) -> dict[str, str]:
        """What a process needs in its environment."""
        return {
            "LD_PRELOAD": str(LIBRARY),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "PYTHONPATH": str(self._python),
        }


def one_host(made: Service, clock: Clock) -> None:
    """Web and worker on one host, whose clock steps."""
    made.environment |= clock.variables()
    made.start_web()
    made.start_worker()


def workers_host(made: Service, clock: Clock) -> None:
    """A worker on a host whose clock steps; web and database are on others."""
    made.start_web()
    variables = [f"{name}={value}" for name, value in clock.variables().items()]
    made.start_worker(on=["/usr/bin/env", *variables])


@pytest.mark.parametrize("seconds", [3600, -3600])
def test_a_step_of_the_clock_and_back_harms_no_run(
    install: Install, shard_bytes: str, tmp_path: Path, request: pytest.FixtureRequest, seconds: int
) -> None:
    made = install(ANYVAR_SHARD_BYTES=shard_bytes, ANYVAR_LEASE_SECONDS="10", ANYVAR_REGISTER="true")
    clock = Clock(tmp_path)
    embedded = "embedded" in request.node.callspec.id
    (one_host if embedded else workers_host)(made, clock)
    before = made.submit(SMALL, run_id="before")
    assert made.wait_for(before)["status"] == "succeeded"
    for step in (seconds, 0):
        location = made.submit(LARGE, run_id=f"large-{step}")
        made.wait_until_written(location)
        clock.step(step)
        wait_until(lambda: made.look(location)["finished"] is not None, "the run ends", 90)  # noqa: B023
        run = made.look(location)
        assert (run["status"], run["records_done"]) == ("succeeded", RECORDS)
        if not embedded:  # the database's clock is right: nobody takes the run for lost
            assert run["attempt"] == 1
        began = time.monotonic()
        small = made.submit(SMALL, run_id=f"small-{step}")
        assert made.wait_for(small)["status"] == "succeeded"
        assert time.monotonic() - began < 20
    assert made.result(before)  # not taken for expired
