"""A service over Redis and PostgreSQL for a measurement, and one run through it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import requests

from benchmarks import generate
from tests.e2e.processes import Service
from tests.servers import LOOPBACK, own_database, running_postgres, running_redis

BASES = 25_000_000
# Rarely: a poll takes processor time from what is measured, which the rows time exactly.
POLL_SECONDS = 0.5


@contextmanager
def installed(host: str = LOOPBACK, **settings: str) -> Iterator[Service]:
    """A service with the generated contig registered and its web process running, but no worker yet.

    Redis and PostgreSQL listen at `host`. Raises MissingServerError where they are not installed.
    """
    sequence = generate.contig(BASES)
    fasta = generate.DATA / "large.fa"
    fasta.parent.mkdir(parents=True, exist_ok=True)
    fasta.write_bytes(b">chr1\n" + sequence + b"\n")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        redis = stack.enter_context(running_redis(host))
        database = stack.enter_context(own_database(stack.enter_context(running_postgres(host))))
        made = Service(
            folder,
            DATABASE_URL=database,
            CELERY_BROKER_URL=redis,
            CELERY_TASK_DEFAULT_QUEUE=f"bench_{os.getpid()}",
            ANYVAR_DEFAULT_ASSEMBLY="GRCh38",
            ANYVAR_SUBMIT_RATE="1000000/min",
            **settings,
        )
        made.manage("migrate", "--verbosity", "0")
        # The bases are generated, so they are not GRCh38's.
        made.manage("load_reference", "GRCh38", str(fasta), "--force-unknown")
        stack.callback(made.stop)
        made.start_web()
        yield made


def sites(records: int) -> Path:
    """Sites on the generated contig, plain text."""
    return generate.sites_only(generate.DATA / f"large.{records}.vcf", generate.contig(BASES), records)


def submit(url: str, vcf: Path) -> str:
    """Submit a file; the address of the run."""
    with vcf.open("rb") as file:
        answer = requests.put(f"{url}/vcf?run_async=True", data=file, timeout=600)
    if answer.status_code != 202:
        raise SystemExit(f"{answer.status_code} {answer.text[:500]}")
    return f"{url}/runs/{answer.json()['run_id']}/"


def wait(run: str) -> dict[str, Any]:
    """The run when it has succeeded."""
    while True:
        found: dict[str, Any] = requests.get(run, timeout=60).json()
        if found["status"] == "succeeded":
            return found
        if found["finished"]:
            raise SystemExit(f"{found['error_code']} {found['error']}")
        time.sleep(POLL_SECONDS)


def warm_up(made: Service) -> None:
    """A run of one record, so that nothing measured waits for a worker to start."""
    wait(submit(made.url, sites(1)))


def seconds(run: dict[str, Any]) -> float:
    """From the record of the upload to the published result."""
    created, finished = (datetime.fromisoformat(run[name]) for name in ("created", "finished"))
    return (finished - created).total_seconds()
