"""The service behind PgBouncer, which gives each transaction another connection of PostgreSQL's."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.e2e.processes import Service, service
from tests.factories import HEADER
from tests.servers import LOOPBACK, free_port, is_listening, own_database, server_folder, wait_until

pytestmark = pytest.mark.slow

RECORDS = 30_000
CONTENT = (HEADER + "chr1\t9\t.\tA\tC\t.\tPASS\t.\n" * RECORDS).encode()
# What docs/deployment.md says to add to DATABASE_URL.
QUERY = "?disable_server_side_cursors=true"
BINARY = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")


def configuration(port: int, server: str) -> str:
    """Three connections of the server's for all clients, which come without a password."""
    return f"""
[databases]
* = host={LOOPBACK} port={urlsplit(server).port} user=postgres
[pgbouncer]
listen_addr = {LOOPBACK}
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 3
"""


@pytest.fixture
def pooler(postgres_url: str) -> Iterator[int]:
    """The port of a PgBouncer in front of PostgreSQL."""
    if BINARY is None:
        pytest.skip("pgbouncer is not installed")
    port = free_port()
    with server_folder() as folder:
        settings = folder / "pgbouncer.ini"
        settings.write_text(configuration(port, postgres_url))
        user = "nobody" if os.geteuid() == 0 else None  # it refuses to run as root
        process = subprocess.Popen([BINARY, "--quiet", str(settings)], user=user, cwd="/")
        try:
            wait_until(lambda: is_listening(port), "PgBouncer listens")
            yield port
        finally:
            process.kill()
            process.wait()


@pytest.fixture
def made(tmp_path: Path, postgres_url: str) -> Iterator[Service]:
    """An installation on a database of its own, set up without the pooler."""
    queue = f"test_{uuid.uuid4().hex}"
    with (
        own_database(postgres_url) as database,
        service(
            tmp_path, DATABASE_URL=database, ANYVAR_SHARD_BYTES="100000", CELERY_TASK_DEFAULT_QUEUE=queue
        ) as made,
    ):
        yield made


def behind(pooler: int, made: Service, query: str) -> None:
    """Let the processes that are started from now on reach the database through the pooler."""
    url = urlsplit(made.environment["DATABASE_URL"])
    made.environment["DATABASE_URL"] = f"{url.scheme}://postgres@{LOOPBACK}:{pooler}{url.path}{query}"


def test_a_run_in_shards_is_registered_and_found(pooler: int, made: Service) -> None:
    behind(pooler, made, QUERY)
    made.environment["PGOPTIONS"] = ""
    made.start_web()
    made.start_worker("--concurrency=2")
    location = made.submit(CONTENT)
    run = made.wait_for(location)
    assert (run["status"], run["records_done"]) == ("succeeded", RECORDS)
    assert run["shard_count"] > 1
    assert gzip.decompress(made.result(location)).count(b"VRS_Allele_IDs=ga4gh:VA.") == RECORDS
    assert made.manage("export_alleles").count("ga4gh:VA.") == 2


def test_the_log_says_why_the_database_cannot_be_reached(pooler: int, made: Service) -> None:
    behind(pooler, made, "")
    made.start_web()
    wait_until(lambda: "unsupported startup parameter" in made.log("web"), "the cause is in the log")
