"""P28: PostgreSQL locks, kills, refuses and chooses victims: runs end right, submits get 202 or 503."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from tests.faults.conftest import Install
from tests.faults.disks import fill, small_disk
from tests.faults.files import SMALL
from tests.faults.load import require_unharmed
from tests.servers import PostgresServer, is_listening, server_folder, wait_until

pytestmark = pytest.mark.slow

LOCKED_SECONDS = 40.0
TERMINATING_SECONDS = 20.0
EXHAUSTED_SECONDS = 15.0
FULL_SECONDS = 8.0
SETTINGS = {"ANYVAR_REGISTER": "true", "ANYVAR_LEASE_SECONDS": "10", "ANYVAR_RUN_MAX_ATTEMPTS": "10"}
OURS = "SELECT tablename FROM pg_tables WHERE tablename LIKE 'vcfjobs_%' OR tablename LIKE 'django_celery%'"
# All at once, and where there is time for it some alone.
LOCKED = ["vcfjobs_"]
if os.environ.get("FAULTS_ALL"):
    LOCKED += ["vcfjobs_run", "vcfjobs_shard", "vcfjobs_allele", "django_celery"]


def tables(server: PostgresServer, beginning: str) -> list[str]:
    """Our tables whose names begin so, in the order in which they are locked."""
    with psycopg.connect(server.url) as connection:
        names = [name for (name,) in connection.execute(OURS)]
    return sorted(name for name in names if name.startswith(beginning))


def lock(server: PostgresServer, beginning: str) -> None:
    """Hold an exclusive lock on tables, as a migration or an operator may."""
    names = tables(server, beginning)
    assert names
    with psycopg.connect(server.url) as connection:
        for name in names:
            connection.execute(f'LOCK TABLE "{name}" IN ACCESS EXCLUSIVE MODE')
        time.sleep(LOCKED_SECONDS)  # the fault itself


def terminate(server: PostgresServer) -> None:
    """End every connection again and again."""
    others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend'"
    over = time.monotonic() + TERMINATING_SECONDS
    with psycopg.connect(server.url, autocommit=True) as connection:
        while time.monotonic() < over:
            connection.execute(f"{others} AND pid <> pg_backend_pid()")
            time.sleep(0.5)


def exhaust(server: PostgresServer) -> None:
    """Take every connection that the server has, and each that becomes free."""
    over = time.monotonic() + EXHAUSTED_SECONDS
    with ExitStack() as held:
        while time.monotonic() < over:
            try:
                held.enter_context(psycopg.connect(server.url))
            except psycopg.OperationalError:
                time.sleep(0.02)


@pytest.mark.parametrize("beginning", LOCKED)
def test_an_exclusive_lock_delays_runs_and_refuses_submits_in_time(
    on_own_servers: Install, own_postgres: PostgresServer, beginning: str
) -> None:
    made = on_own_servers(ANYVAR_SHARD_BYTES="400000", **SETTINGS)
    clients = require_unharmed(made, lambda: lock(own_postgres, beginning))
    assert 202 in clients.statuses()
    assert (503 in clients.statuses()) == (beginning in ("vcfjobs_", "vcfjobs_run"))


def test_connections_that_are_ended_again_and_again_lose_nothing(
    on_own_servers: Install, own_postgres: PostgresServer, shard_bytes: str
) -> None:
    made = on_own_servers(ANYVAR_SHARD_BYTES=shard_bytes, **SETTINGS)
    require_unharmed(made, lambda: terminate(own_postgres))


def test_a_server_without_free_connections_loses_nothing(
    on_own_servers: Install, own_postgres: PostgresServer, shard_bytes: str
) -> None:
    made = on_own_servers(ANYVAR_SHARD_BYTES=shard_bytes, **SETTINGS)
    clients = require_unharmed(made, lambda: exhaust(own_postgres))
    assert 503 in clients.statuses()


def test_the_victim_of_a_deadlock_registers_its_alleles_again(
    on_own_servers: Install, own_postgres: PostgresServer
) -> None:
    made = on_own_servers(ANYVAR_REGISTER="true", ANYVAR_LEASE_SECONDS="30")
    made.start_web()
    made.start_worker("--concurrency=1")
    assert made.wait_for(made.submit(SMALL))["status"] == "succeeded"
    with psycopg.connect(own_postgres.url, autocommit=True) as admin:
        # The worker looks for a deadlock after so long, the test's own connection never.
        admin.execute("ALTER SYSTEM SET deadlock_timeout = '5s'")
        admin.execute("SELECT pg_reload_conf()")
        admin.execute("CREATE TABLE copied AS SELECT * FROM vcfjobs_allele")
        admin.execute("TRUNCATE vcfjobs_allele")
        held = "INSERT INTO vcfjobs_allele SELECT * FROM copied ORDER BY {} LIMIT 1"
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        with psycopg.connect(own_postgres.url) as rival:
            rival.execute("SET deadlock_timeout = '1h'")
            rival.execute(held.format("length(literal) DESC NULLS LAST, digest DESC"))
            location = made.submit(SMALL, run_id="victim")
            wait_until(lambda: admin.execute(waiting).fetchone() == (1,), "the worker waits for the rival")
            rival.execute(held.format("length(literal) NULLS FIRST, digest") + " ON CONFLICT DO NOTHING")
        assert made.wait_for(location)["status"] == "succeeded"
        assert "deadlock" in made.log("worker-1") or "asking again" in made.log("worker-1")
        counts = "SELECT (SELECT count(*) FROM vcfjobs_allele), (SELECT count(*) FROM copied)"
        registered, expected = admin.execute(counts).fetchone() or (0, 1)
        assert registered == expected


@pytest.fixture
def postgres_on_a_small_disk(own_postgres: PostgresServer) -> Iterator[tuple[PostgresServer, Path]]:
    """A PostgreSQL whose disk has 100 MiB, half of them free; and that disk."""
    with server_folder() as folder, small_disk(folder, 100) as disk:
        server = PostgresServer(disk)
        server.start()
        yield server, disk
        server.stop()


def test_a_full_disk_of_the_database_delays_runs(
    postgres_on_a_small_disk: tuple[PostgresServer, Path], on_own_servers: Install, shard_bytes: str
) -> None:
    server, disk = postgres_on_a_small_disk
    made = on_own_servers(DATABASE_URL=server.url, ANYVAR_SHARD_BYTES=shard_bytes, **SETTINGS)

    def fill_disk() -> None:
        filler = fill(disk)
        time.sleep(FULL_SECONDS)  # the fault itself
        filler.unlink()
        if not is_listening(server.port):  # it ends itself when it cannot write its log
            server.stop()
            server.start()

    require_unharmed(made, fill_disk)
