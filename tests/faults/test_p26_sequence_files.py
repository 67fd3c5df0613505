"""P26: a sequence file that is truncated or removed under its readers fails runs with a sentence, once."""

from __future__ import annotations

import os
import random
import re
import signal
from pathlib import Path

import pytest
import requests

from tests.e2e.processes import Service
from tests.factories import HEADER
from tests.faults.conftest import Install
from tests.faults.files import SMALL
from tests.servers import wait_until

# Mapped, unlike short contigs, which are read into memory.
BASES = 1 << 22
RECORDS = 60_000


@pytest.fixture(scope="module")
def bases() -> str:
    """A long contig."""
    return "".join(random.Random(26).choices("ACGT", k=BASES))


def along(bases: str, count: int) -> bytes:
    """A VCF of `count` records all along the contig."""
    places = range(0, BASES, BASES // count)
    lines = (f"chr1\t{at + 1}\t.\t{bases[at]}\tGAT\t.\tPASS\tDP={at}\n" for at in places)
    return (HEADER + "".join(lines)).encode()


def register(made: Service, bases: str) -> Path:
    """Register the contig as the assembly `long`; its flat file."""
    fasta = made.folder / "long.fa"
    fasta.write_text(f">chr1\n{bases}\n")
    made.manage("load_reference", "long", str(fasta))
    files = Path(made.environment["ANYVAR_SEQUENCE_DIR"]).glob("SQ.*")
    return next(path for path in files if path.stat().st_size == BASES)


def require_sentence(error: str) -> None:
    assert "chr1 of long" in error
    assert "manage.py load_reference long" in error


def require_repaired(made: Service, failed: str, content: bytes, count: int) -> None:
    """A retry and a new submit succeed."""
    address = f"{made.url}/runs/{made.look(failed)['id']}/retry"
    assert requests.post(address, timeout=30).status_code == 202
    for location in (failed, made.submit(content, assembly="long", run_id="anew")):
        run = made.wait_for(location)
        assert (run["status"], run["records_done"]) == ("succeeded", count)
        assert run["records_without_ids"] == 0


@pytest.mark.parametrize("again", ["false", "true"])
def test_a_truncated_sequence_fails_the_run_and_not_the_worker(
    install: Install, shard_bytes: str, bases: str, again: str
) -> None:
    # Within the lease Celery notices that a child is dead.
    lease = {"ANYVAR_LEASE_SECONDS": "60", "CELERY_TASK_REJECT_ON_WORKER_LOST": again}
    made = install(ANYVAR_SHARD_BYTES=shard_bytes, **lease)
    flat = register(made, bases)
    made.start_web()
    worker = made.start_worker("--concurrency=2", app="tests.faults.slow")
    content = along(bases, RECORDS)
    location = made.submit(content, assembly="long")
    made.wait_until_written(location)
    os.truncate(flat, 0)
    run = made.wait_for(location)
    assert (run["status"], run["error_code"]) == ("failed", "RUN_FAILURE")
    require_sentence(run["error"])
    wait_until(lambda: re.search("SIGBUS|signal 7", made.log("worker-1")) is not None, "a child is killed")
    # Whoever looks before it reads is not killed.
    answer = requests.put(f"{made.url}/vcf?run_async=true&assembly=long", data=content, timeout=60)
    assert (answer.status_code, answer.json()["error_code"]) == (503, "NO_REFERENCE")
    assert int(answer.headers["Retry-After"]) > 0
    require_sentence(answer.json()["detail"])
    assert made.wait_for(made.submit(SMALL))["status"] == "succeeded"
    assert worker.poll() is None
    register(made, bases)
    require_repaired(made, location, content, len(range(0, BASES, BASES // RECORDS)))


def test_a_removed_sequence_stays_for_those_who_have_it_mapped_and_is_said_by_others(
    install: Install, shard_bytes: str, bases: str
) -> None:
    made = install(ANYVAR_SHARD_BYTES=shard_bytes)
    flat = register(made, bases)
    made.start_web()
    worker = made.start_worker("--concurrency=1")
    content = along(bases, RECORDS)
    count = len(range(0, BASES, BASES // RECORDS))
    assert made.wait_for(made.submit(content, assembly="long"))["status"] == "succeeded"
    flat.unlink()
    assert made.wait_for(made.submit(content, assembly="long"))["records_done"] == count
    os.killpg(worker.pid, signal.SIGTERM)
    worker.wait(timeout=30)
    made.start_worker("--concurrency=1")
    location = made.submit(content, assembly="long")
    run = made.wait_for(location)
    assert (run["status"], run["error_code"], run["attempt"]) == ("failed", "RUN_FAILURE", 1)
    require_sentence(run["error"])
    assert made.wait_for(made.submit(SMALL))["status"] == "succeeded"
    register(made, bases)
    require_repaired(made, location, content, count)
