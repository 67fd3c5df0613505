"""Registration by real workers, one of which is killed in the middle of it."""

from __future__ import annotations

import os
import signal
import uuid
from pathlib import Path

import psycopg
import requests

from tests.conftest import TINY_CONTIG
from tests.e2e.processes import service
from tests.e2e.test_protocol import poll, submit
from tests.factories import HEADER
from tests.faults.conftest import require_nothing_left_over
from tests.servers import own_database, wait_until


def many_alleles() -> bytes:
    """A file with 240,000 different alleles on the small contig: insertions of every six bases."""
    lines = []
    for position in range(60):
        base = TINY_CONTIG[position]
        for number in range(4**6):
            inserted = "".join("ACGT"[number >> (2 * place) & 3] for place in range(6))
            lines.append(f"chr1\t{position + 1}\t.\t{base}\t{base}{inserted}\t.\t.\t.\n")
    return (HEADER + "".join(lines)).encode()


def registered(database: str) -> list[bytes]:
    with psycopg.connect(database) as connection:
        rows = connection.execute("SELECT digest FROM vcfjobs_allele ORDER BY digest").fetchall()
    return [row[0] for row in rows]


def test_a_worker_killed_during_the_load_leaves_no_half_registered_run(
    tmp_path: Path, postgres_url: str, redis_url: str
) -> None:
    content = many_alleles()
    outcomes: list[list[bytes]] = []
    for killed in (True, False):
        folder = tmp_path / str(killed)
        folder.mkdir()
        with (
            own_database(postgres_url) as database,
            service(
                folder,
                DATABASE_URL=database,
                CELERY_BROKER_URL=redis_url,
                CELERY_TASK_DEFAULT_QUEUE=f"test_{uuid.uuid4().hex}",
                ANYVAR_LEASE_SECONDS="3",
            ) as made,
        ):
            made.start_web()
            worker = made.start_worker()
            accepted = submit(made.url, content)
            detail = f"{made.url}/runs/{accepted.json()['run_id']}/"
            if killed:
                wait_until(lambda: len(registered(database)) > 0, "the load has begun")
                os.killpg(worker.pid, signal.SIGKILL)
                assert requests.get(detail, timeout=30).json()["status"] != "succeeded"
                made.start_worker()
            assert poll(made.url, accepted.headers["Location"], 120).status_code == 200
            assert requests.get(detail, timeout=30).json()["attempt"] == (2 if killed else 1)
            outcomes.append(registered(database))
            require_nothing_left_over(made)
    assert outcomes[0] == outcomes[1]
    assert len(outcomes[0]) > 100_000
