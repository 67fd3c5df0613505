"""A process that forks takes nothing of SQLite's memory with it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import PROJECT

# A child is forked while a thread, or the forking thread itself, has a transaction open; then it writes.
FORK = """
import os, sys, threading, time
import django
django.setup()
from django.db import connection, transaction
from vcfjobs.worker import fork_guard

def write():
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("CREATE TABLE IF NOT EXISTS t (n INT)")
        begun.set()
        time.sleep(0.3)

def beside():
    with fork_guard.forks_blocked():
        write()

begun = threading.Event()
write()
fork_guard.fork_without_database()
if sys.argv[1] == "beside":
    begun.clear()
    threading.Thread(target=beside).start()
    begun.wait()
child = os.fork()
assert connection.connection is None
with connection.cursor() as cursor:
    cursor.execute("PRAGMA busy_timeout=200")
    cursor.execute("INSERT INTO t VALUES (1)")
if child:
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
assert threading.active_count() == 1
"""


@pytest.mark.parametrize("where", ["before", "beside"])
def test_a_child_takes_no_lock_of_its_parent_for_its_own(tmp_path: Path, where: str) -> None:
    environment = os.environ | {"DATABASE_URL": f"sqlite:///{tmp_path}/db.sqlite3"}
    done = subprocess.run(
        [sys.executable, "-c", FORK, where],
        cwd=PROJECT,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
