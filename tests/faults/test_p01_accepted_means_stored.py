"""P1: a 202 means that the file is stored and will be done, whatever dies right after it."""

from __future__ import annotations

import os
import signal

from tests.faults.conftest import Install
from tests.faults.files import SMALL


def test_a_run_is_done_though_the_web_process_is_killed_right_after_its_202(install: Install) -> None:
    made = install()
    web = made.start_web()
    location = made.submit(SMALL)
    os.killpg(web.pid, signal.SIGKILL)
    web.wait()
    made.start_web()
    made.start_worker()
    assert made.wait_for(location)["status"] == "succeeded"
