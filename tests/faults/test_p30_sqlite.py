"""P30: SQLite's file is locked by another, its disk is full, its log is gone: runs end right."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.faults.conftest import Install, a_day_passes
from tests.faults.disks import fill, small_disk
from tests.faults.files import LARGE, SMALL
from tests.faults.load import require_unharmed

LOCKED_SECONDS = 30.0
FULL_SECONDS = 6.0

pytestmark = pytest.mark.parametrize("install", ["embedded"], indirect=True)


def test_a_writer_that_holds_the_database_delays_runs_and_refuses_submits_in_time(
    install: Install, shard_bytes: str
) -> None:
    made = install(ANYVAR_SHARD_BYTES=shard_bytes, ANYVAR_REGISTER="true", ANYVAR_LEASE_SECONDS="10")

    def hold() -> None:
        with closing(sqlite3.connect(made.folder / "db.sqlite3", timeout=30)) as other:
            other.execute("BEGIN EXCLUSIVE")
            time.sleep(LOCKED_SECONDS)  # the fault itself
            other.rollback()

    assert require_unharmed(made, hold).statuses() == {202, 503}


@pytest.fixture
def database_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 MiB for the database."""
    with small_disk(tmp_path / "disk", 64) as folder:
        yield folder


def test_a_full_disk_of_the_database_delays_runs_and_refuses_submits(
    database_disk: Path, install: Install, shard_bytes: str
) -> None:
    made = install(
        ANYVAR_SHARD_BYTES=shard_bytes,
        ANYVAR_REGISTER="true",
        ANYVAR_LEASE_SECONDS="10",
        ANYVAR_RUN_MAX_ATTEMPTS="10",
    )
    # The set-up knows one place of the database.
    shutil.move(made.folder / "db.sqlite3", database_disk)
    made.environment["DATABASE_URL"] = f"sqlite:///{database_disk}/db.sqlite3"

    def fill_disk() -> None:
        filler = fill(database_disk)
        time.sleep(FULL_SECONDS)  # the fault itself
        filler.unlink()

    assert require_unharmed(made, fill_disk).statuses() == {202, 503}


@pytest.mark.parametrize("stopped", ["gently", "killed"])
def test_a_database_whose_log_was_removed_while_all_was_stopped_is_whole_and_used(
    install: Install, stopped: str
) -> None:
    """Rows that were in the log alone are lost with it: of processes that were killed, or none."""
    made = install()
    web = made.start_web()
    worker = made.start_worker()
    location = made.submit(SMALL)
    made.wait_for(location)
    made.submit(LARGE)
    for process in (worker, web):
        os.killpg(process.pid, signal.SIGTERM if stopped == "gently" else signal.SIGKILL)
        process.wait(timeout=60)
    for kind in ("wal", "shm"):
        (made.folder / f"db.sqlite3-{kind}").unlink(missing_ok=True)
    with closing(sqlite3.connect(made.folder / "db.sqlite3")) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    made.start_web()
    made.start_worker()
    assert made.wait_for(made.submit(SMALL, run_id="after"))["status"] == "succeeded"
    runs = {run["run_id"]: made.wait_for(run["id"]) for run in made.runs()}
    assert {run["status"] for run in runs.values()} == {"succeeded"}
    if stopped == "gently":
        assert len(runs) == 3
    a_day_passes(made)
