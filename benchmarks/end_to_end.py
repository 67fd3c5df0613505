"""One asynchronous run with registration over Redis and PostgreSQL, beside AnyVar 1.0.0 on the same servers.

First byte of the PUT to last byte of the result, one worker process, both registries empty. AnyVar is
optional: it is measured when .venv-anyvar holds it (see requirements-anyvar.txt), else its side is skipped.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import requests

from benchmarks import generate
from benchmarks.measure import PROJECT, Figure
from tests.e2e.processes import Service
from tests.servers import free_port, own_database, running_postgres, running_redis, wait_until

RECORDS = int(os.environ.get("BENCH_RECORDS", "100000"))
REQUIRED = 80.0
PEER = PROJECT / ".venv-anyvar"
SEQREPO = """
import sys
from biocommons.seqrepo import SeqRepo
repository = SeqRepo(sys.argv[1], writeable=True)
sequence = open(sys.argv[2]).read().split("\\n")[1]
names = [{"namespace": "GRCh38", "alias": name} for name in ("chr1", "1")]
repository.store(sequence, names)
repository.commit()
"""


def figures() -> list[Figure]:
    """Records a second of both sides."""
    sequence = generate.contig(2_000_000)
    fasta = generate.DATA / "contig.fa"
    fasta.parent.mkdir(parents=True, exist_ok=True)
    fasta.write_bytes(b">chr1\n" + sequence + b"\n")
    vcf = generate.sites_only(generate.DATA / f"sites.{RECORDS}.vcf", sequence, RECORDS)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        redis = stack.enter_context(running_redis())
        postgres = stack.enter_context(running_postgres())
        database = stack.enter_context(own_database(postgres))
        ours = RECORDS / _ours(folder / "ours", redis, database, fasta, vcf)
        our_bytes = _bytes_an_allele(database, ["vcfjobs_allele", "vcfjobs_runalleles"])
        theirs = their_bytes = None
        if (PEER / "bin" / "uvicorn").exists():
            database = stack.enter_context(own_database(postgres))
            theirs = RECORDS / _anyvar(folder / "anyvar", redis, database, fasta, vcf)
            their_bytes = _bytes_an_allele(database, ["alleles", "locations", "sequence_references"])
        else:
            print("AnyVar's side is skipped: .venv-anyvar is not there", file=sys.stderr)
    return [
        Figure(
            f"records/s end to end, {RECORDS:,} records, Redis + PostgreSQL, registered; peer: AnyVar 1.0.0",
            f"{ours:,.0f}",
            f"{theirs:,.0f}" if theirs else "-",
            f"{ours / theirs:.1f}" if theirs else "-",
            f">= {REQUIRED:.0f} times",
            ours / theirs >= REQUIRED if theirs else None,
        ),
        Figure(
            "bytes an allele in PostgreSQL, indexes and provenance included; peer: AnyVar 1.0.0",
            f"{our_bytes:,.0f}",
            f"{their_bytes:,.0f}" if their_bytes else "-",
            f"{our_bytes / their_bytes:.2f}" if their_bytes else "-",
            "<= 0.5",
            our_bytes / their_bytes <= 0.5 if their_bytes else None,
        ),
    ]


def _bytes_an_allele(database: str, tables: list[str]) -> float:
    """What the tables, the alleles' first, take on disk with their indexes, a row of the first."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("VACUUM FULL")
        sizes = [_number(connection, f"SELECT pg_total_relation_size('{table}')") for table in tables]
        return sum(sizes) / _number(connection, f"SELECT count(*) FROM {tables[0]}")


def _number(connection: psycopg.Connection, query: str) -> int:
    row = connection.execute(query.encode()).fetchone()
    return int(row[0]) if row else 0


def _ours(folder: Path, redis: str, database: str, fasta: Path, vcf: Path) -> float:
    folder.mkdir()
    service = Service(
        folder,
        DATABASE_URL=database,
        CELERY_BROKER_URL=redis,
        CELERY_TASK_DEFAULT_QUEUE=f"bench_{os.getpid()}",
        ANYVAR_DEFAULT_ASSEMBLY="GRCh38",
    )
    service.manage("migrate", "--verbosity", "0")
    # The bases are generated, so they are not GRCh38's.
    service.manage("load_reference", "GRCh38", str(fasta), "--force-unknown")
    try:
        service.start_web()
        service.start_worker("--concurrency=1")
        _warm_up(service.url)
        return _seconds(service.url, vcf)
    finally:
        service.stop()


def _anyvar(folder: Path, redis: str, database: str, fasta: Path, vcf: Path) -> float:
    folder.mkdir()
    python, seqrepo = str(PEER / "bin" / "python"), str(folder / "seqrepo")
    subprocess.run([python, "-c", SEQREPO, seqrepo, str(fasta)], check=True, capture_output=True)
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION btree_gist")  # AnyVar's overlap index needs it
    port = free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "ANYVAR_STORAGE_URI": database.replace("postgres://", "postgresql://"),
        "SEQREPO_DATAPROXY_URI": f"seqrepo+file://{seqrepo}",
        "CELERY_BROKER_URL": redis.replace("/0", "/1"),
        "CELERY_BACKEND_URL": redis.replace("/0", "/2"),
        "CELERY_TASK_DEFAULT_QUEUE": f"bench_anyvar_{os.getpid()}",
        "ANYVAR_VCF_ASYNC_WORK_DIR": str(folder / "work"),
    }
    (folder / "work").mkdir()
    web = ["uvicorn", "anyvar.restapi.main:app", "--port", str(port), "--log-level", "warning"]
    worker = ["celery", "-A", "anyvar.queueing.celery_worker:celery_app", "worker", "--concurrency=1"]
    url = f"http://127.0.0.1:{port}"
    with _process(folder, environment, web), _process(folder, environment, worker):
        wait_until(lambda: _answers(f"{url}/service-info"), "AnyVar answers", 60)
        _warm_up(url)
        return _seconds(url, vcf)


@contextmanager
def _process(folder: Path, environment: dict[str, str], command: list[str]) -> Iterator[None]:
    with (folder / f"{command[0]}.log").open("wb") as log:
        process = subprocess.Popen(
            [str(PEER / "bin" / command[0]), *command[1:]],
            env=environment,
            cwd=folder,
            stdout=log,
            stderr=log,
        )
        try:
            yield
        finally:
            process.terminate()
            process.wait()


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).ok
    except requests.ConnectionError:
        return False


def _warm_up(url: str) -> None:
    """A run of one record, so that neither side pays for its first connection."""
    path = generate.DATA / "one.vcf"
    sequence = generate.contig(2_000_000)
    _seconds(url, generate.sites_only(path, sequence, 1))


def _seconds(url: str, vcf: Path) -> float:
    """From the first byte of the PUT to the last of the result."""
    began = time.perf_counter()
    with vcf.open("rb") as file:
        query = "run_async=True&assembly=GRCh38&for_ref=true&add_vrs_attributes=true&allow_async_write=false"
        answer = requests.put(f"{url}/vcf?{query}", files={"vcf": (vcf.name, file)}, timeout=600)
    if answer.status_code != 202:
        raise SystemExit(f"{answer.status_code} {answer.text[:500]}")
    run = answer.json()["run_id"]
    while True:
        answer = requests.get(f"{url}/vcf/{run}", timeout=600)
        if answer.status_code != 202:
            break
        time.sleep(0.05)
    if answer.status_code != 200 or "ga4gh:VA." not in answer.text:
        raise SystemExit(f"{answer.status_code} {answer.text[:500]}")
    return time.perf_counter() - began
