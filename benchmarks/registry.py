"""The registry: alleles a second into an empty and a filled table, bytes an allele, and the overlap search.

Every measurement loads as a worker does: through the loader of a run, indexes present. BENCH_ALLELES
(PostgreSQL) and BENCH_SQLITE_ALLELES say to how many alleles the tables are filled before the second one.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from typing import Any

from benchmarks.measure import PROJECT, Figure
from tests.servers import MissingServerError, own_database, running_postgres
from vcfjobs.vrs.vcf.batch import AlleleBatch

BATCH = 50_000
FILL = {
    "SQLite": int(os.environ.get("BENCH_SQLITE_ALLELES", "1000000")),
    "PostgreSQL": int(os.environ.get("BENCH_ALLELES", "1000000")),
}


def figures() -> list[Figure]:
    """A process of its own for each database: Django's settings are read once a process."""
    rows: list[Figure] = []
    with tempfile.TemporaryDirectory() as folder:
        rows += _in_process("SQLite", f"sqlite:///{folder}/db.sqlite3")
    with ExitStack() as stack:
        try:
            server = stack.enter_context(running_postgres())
        except MissingServerError as missing:
            print(f"skipped: {missing}", file=sys.stderr)
            return rows
        rows += _in_process("PostgreSQL", stack.enter_context(own_database(server)))
    return rows


def _in_process(name: str, url: str) -> list[Figure]:
    environment = os.environ | {"DATABASE_URL": url}
    command = [sys.executable, "-m", "benchmarks.registry", name]
    done = subprocess.run(
        command, cwd=PROJECT, env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    fields = [line.split("\t") for line in done.stdout.splitlines() if "\t" in line]
    return [_figure(f"{name}: {what}", value, *required) for what, value, *required in fields]


def _figure(what: str, value: str, required: str = "") -> Figure:
    if not required:
        return Figure(what, value, "-", "-", "-", None)
    least = int(required)
    return Figure(what, value, "-", "-", f">= {least:,}", float(value.replace(",", "")) >= least)


def main(name: str) -> None:
    """Measure on the database of DATABASE_URL; a line a figure: what, how much, what is required, by tabs."""
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection
    from django.test import override_settings

    from vcfjobs.models import Allele, Run, Sequence
    from vcfjobs.registry import load, search

    call_command("migrate", verbosity=0)
    sequence = Sequence.objects.create(accession="SQ." + "b" * 32, length=10**9)
    least = 300_000

    def speed(first: int, count: int, *, provenance: bool) -> float:
        batches = [_rows(begin, sequence.accession) for begin in range(first, first + count, BATCH)]
        run = Run.objects.create(run_id=str(first), assembly="bench", owner=str(time.monotonic()))
        began = time.perf_counter()
        with override_settings(ANYVAR_PROVENANCE=provenance), load.Loader(run) as loader:
            for batch in batches:
                loader.take(batch)
        return len(batches) * BATCH / (time.perf_counter() - began)

    server = connection.vendor == "postgresql"
    known, filled_new = ("250000", "50000") if server else ("", "50000")
    print(f"new alleles/s into an empty table\t{speed(0, least, provenance=False):,.0f}\t100000")
    print(f"known alleles/s\t{speed(0, least, provenance=False):,.0f}\t{known}")
    print(f"new alleles/s, provenance on\t{speed(10**9, least, provenance=True):,.0f}\t100000")
    filled = Allele.objects.count()
    while filled < FILL[name]:
        load.load(_rows(filled, sequence.accession))
        filled += BATCH
    print(
        f"new alleles/s at {filled:,}\t{speed(2 * 10**9 - least, least, provenance=False):,.0f}\t{filled_new}"
    )
    print(f"known alleles/s at {filled:,}\t{speed(0, least, provenance=False):,.0f}")
    if server:
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
            cursor.execute(
                "SELECT pg_total_relation_size(%s) / %s", [Allele._meta.db_table, Allele.objects.count()]
            )
            print(f"bytes an allele, indexes included\t{cursor.fetchone()[0]:,}")
    times = []
    for number in range(50):
        began = time.perf_counter()
        search.overlapping(sequence, 1000 * number, 1000 * number + 1000, size=1000)
        times.append(time.perf_counter() - began)
    print(f"milliseconds of a 1 kb overlap search, 1,000 found (median)\t{sorted(times)[25] * 1000:.1f}")
    if server:
        print(f"milliseconds of it in the database (EXPLAIN ANALYZE)\t{_explained(sequence):.2f}")


def _explained(sequence: Any) -> float:
    """Run the search under EXPLAIN ANALYZE, print its plan, and give its execution time."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from vcfjobs.registry import search

    with CaptureQueriesContext(connection) as queries:
        search.overlapping(sequence, 5000, 6000, size=1000)
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN ANALYZE " + queries.captured_queries[0]["sql"])
        plan = [line for (line,) in cursor.fetchall()]
    print("\n".join(plan), file=sys.stderr)
    return float(plan[-1].split()[2])


def _rows(first: int, accession: str) -> AlleleBatch:
    """A batch as the kernel gives it: REF and ALT of one-base changes, a deletion now and then."""
    rows = []
    for number in range(first, first + BATCH):
        start = number % 2_000_000_000
        size = 1 if number % 10 else 1 + number % 40
        digest = hashlib.sha512(number.to_bytes(8, "big")).digest()[:24]
        literal = "ACGT"[number % 4] if size == 1 else None
        length = None if literal else size - 1
        rows.append((digest, accession, start, start + size, literal, length, None if literal else 1))
    return AlleleBatch.from_rows(rows)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "anyvar_site.settings")
    main(sys.argv[1])
