"""What a file ten and a hundred times as large costs, and ten thousand small ones."""

from __future__ import annotations

import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import requests

from benchmarks.installation import installed, seconds, sites, submit, wait, warm_up
from benchmarks.measure import Figure, PeakMemory
from tests.e2e.processes import Service
from tests.servers import MissingServerError

SIZES = [int(size) for size in os.environ.get("BENCH_SIZES", "100000,1000000,10000000").split(",")]
REGISTERED = SIZES[:2]
SMALL_RUNS = int(os.environ.get("BENCH_SMALL_RUNS", "10000"))


def figures() -> list[Figure]:
    """Time, memory, database and disk against the size of the file; runs a second of small files."""
    try:
        return [*_annotated(), *_registered(), *_small_runs()]
    except MissingServerError as missing:
        print(f"skipped: {missing}", file=sys.stderr)
        return []


def _annotated() -> list[Figure]:
    rows, cost, memory = [], {}, {}
    with installed(ANYVAR_REGISTER="false") as made:
        worker = made.start_worker("--concurrency=2")
        warm_up(made)
        fixed = min(seconds(wait(submit(made.url, sites(1)))) for _ in range(5))
        for records in SIZES:
            before = _database_bytes(made)
            with PeakMemory(lambda: made.children(worker)) as peak:
                run = wait(submit(made.url, sites(records)))
            cost[records], memory[records] = (seconds(run) - fixed) / records, peak.bytes
            rows.append(
                _row(
                    f"{records:,} records, annotate only, two worker processes",
                    f"{seconds(run):.2f} s, {cost[records] * 1e6:.2f} us a record, {peak.bytes / 1e6:.0f} MB "
                    f"a worker process, {(_database_bytes(made) - before) / 1e3:.0f} kB of database, "
                    f"{_stored(made, run['id']) / 1e6:.1f} MB kept on disk",
                )
            )
    large, larger = SIZES[-2:]
    growth = cost[larger] / cost[large]
    return [
        _row("a run of one record, from its 202 to its result", f"{fixed * 1000:.0f} ms"),
        *rows,
        Figure(
            f"cost of a record among {larger:,} against one among {large:,}",
            f"{cost[larger] * 1e6:.2f} us",
            f"{cost[large] * 1e6:.2f} us",
            f"{growth:.2f}",
            "within 15 %",
            0.85 <= growth <= 1.15,
        ),
        Figure(
            f"private memory of a worker process, {larger:,} records against {large:,}",
            f"{memory[larger] / 1e6:.0f} MB",
            f"{memory[large] / 1e6:.0f} MB",
            f"{memory[larger] / memory[large]:.2f}",
            "flat",
            memory[larger] < 1.15 * memory[large],
        ),
    ]


def _registered() -> list[Figure]:
    rows = []
    for records in REGISTERED:
        with installed() as made:
            made.start_worker("--concurrency=2")
            warm_up(made)
            before = _database_bytes(made)
            run = wait(submit(made.url, sites(records)))
            rows.append(
                _row(
                    f"{records:,} records, registered, two worker processes",
                    f"{seconds(run):.2f} s, {seconds(run) / records * 1e6:.2f} us a record, "
                    f"{(_database_bytes(made) - before) / records:.0f} bytes of database a record",
                )
            )
    return rows


def _small_runs() -> list[Figure]:
    """Many files of one record each, submitted by eight clients at once."""
    vcf = sites(1)
    with installed(ANYVAR_REGISTER="false") as made:
        made.start_worker("--concurrency=2")
        warm_up(made)
        began = time.perf_counter()
        with ThreadPoolExecutor(8) as clients:
            runs = list(clients.map(lambda _: submit(made.url, vcf), range(SMALL_RUNS)))
        submitted = time.perf_counter() - began
        polls: list[float] = []
        while _unfinished(made):
            asked = time.perf_counter()
            requests.get(runs[len(polls) * 97 % len(runs)], timeout=60)
            polls.append(time.perf_counter() - asked)
            time.sleep(0.2)
        took = time.perf_counter() - began
    speed = f"{SMALL_RUNS / submitted:.0f} submits a second, {SMALL_RUNS / took:.0f} runs a second to the end"
    polls = sorted(polls) or [0.0]
    middle, slowest = polls[len(polls) // 2], polls[len(polls) * 99 // 100]
    return [
        _row(f"{SMALL_RUNS:,} runs of one record, eight clients, two worker processes", speed),
        _row(
            "milliseconds of a poll meanwhile, median and the slowest of a hundred",
            f"{middle * 1e3:.0f}, {slowest * 1e3:.0f}",
        ),
    ]


def _row(what: str, value: str) -> Figure:
    return Figure(what, value, "-", "-", "-", None)


def _database_bytes(made: Service) -> int:
    return int(_ask(made, "SELECT pg_database_size(current_database())"))


def _unfinished(made: Service) -> int:
    return int(_ask(made, "SELECT count(*) FROM vcfjobs_run WHERE finished IS NULL"))


def _ask(made: Service, query: str) -> int:
    with psycopg.connect(made.environment["DATABASE_URL"]) as connection:
        row = connection.execute(query.encode()).fetchone()
    return row[0] if row else 0


def _stored(made: Service, run: str) -> int:
    folder = Path(made.environment["ANYVAR_VCF_ASYNC_WORK_DIR"]) / "runs" / run
    return sum(path.stat().st_size for path in folder.iterdir())
