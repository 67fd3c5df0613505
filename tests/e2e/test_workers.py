"""Workers report in while they live: a row for each, which one that ends in order takes along."""

from __future__ import annotations

import os
import signal
import sqlite3
from pathlib import Path

import pytest

from tests.e2e.processes import service
from tests.servers import wait_until


@pytest.mark.fault
def test_a_worker_is_listed_while_it_lives_and_one_that_was_killed_stays_listed(tmp_path: Path) -> None:
    with service(tmp_path) as made:

        def listed() -> dict[int, tuple[str, int]]:
            with sqlite3.connect(tmp_path / "db.sqlite3") as database:
                rows = database.execute("SELECT pid, node, concurrency FROM vcfjobs_worker")
                return {pid: (node, concurrency) for pid, node, concurrency in rows}

        gentle, killed = made.start_worker(), made.start_worker("--concurrency=1")
        wait_until(lambda: len(listed()) == 2, "both workers have reported in")
        assert {concurrency for _, concurrency in listed().values()} == {1, 2}
        assert all(node.startswith("w") for node, _ in listed().values())
        os.killpg(killed.pid, signal.SIGKILL)
        gentle.terminate()
        gentle.wait(timeout=30)
        assert set(listed()) == {killed.pid}
