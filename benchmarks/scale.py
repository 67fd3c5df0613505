"""One large file over one worker process and two, over two hosts, and beside bcftools on two threads."""

from __future__ import annotations

import os
import shutil
import statistics
import sys
from collections.abc import Callable
from functools import partial

from benchmarks import generate
from benchmarks.hosts import ADDRESS, NoNamespacesError, hosts
from benchmarks.installation import BASES, installed, seconds, sites, submit, wait, warm_up
from benchmarks.measure import Figure, child_named, cpu_seconds, wall
from tests.servers import MissingServerError

RECORDS = int(os.environ.get("BENCH_RECORDS", "2000000"))
SAMPLES, SAMPLE_RECORDS = 2_500, 4_000
ROUNDS = 2


def figures() -> list[Figure]:
    """How much faster two processes are than one, on one host and on two."""
    rows: list[Figure] = []
    for part in (_annotate_only, _registered, _two_hosts, _many_samples):
        try:
            rows += part()
        except (MissingServerError, NoNamespacesError) as missing:
            print(f"skipped: {missing}", file=sys.stderr)
    return rows


def _annotate_only() -> list[Figure]:
    return [_two_against_one("annotate only", 1.8, partial(_processes, register="false"))]


def _registered() -> list[Figure]:
    busy: list[float] = []
    row = _two_against_one("registered", 1.5, partial(_processes, register="true", busy=busy))
    database, workers, both = (statistics.median(busy[place::3]) for place in range(3))
    limit = f"{database:.0f} s PostgreSQL, {workers:.0f} s workers of {both:.0f} s"
    return [
        row,
        Figure("processor seconds, registered, two worker processes, two cores", limit, "-", "-", "-", None),
    ]


def _two_hosts() -> list[Figure]:
    return [_two_against_one("annotate only, a host each", 1.8, _hosts)]


def _two_against_one(what: str, required: float, run: Callable[[int], float]) -> Figure:
    took: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(ROUNDS):
        for processes in took:
            took[processes].append(run(processes))
    one, two = (statistics.median(times) for times in took.values())
    return Figure(
        f"seconds for {RECORDS:,} records, {what}, two worker processes; peer: one; efficiency "
        f"{one / two / 2:.0%}",
        f"{two:.1f}",
        f"{one:.1f}",
        f"{one / two:.2f}",
        f">= {required} times",
        one / two >= required,
    )


def _processes(processes: int, *, register: str, busy: list[float] | None = None) -> float:
    with installed(ANYVAR_REGISTER=register) as made:
        worker = made.start_worker(f"--concurrency={processes}")
        warm_up(made)
        database = child_named("postgres")
        before = cpu_seconds(database), cpu_seconds(worker.pid)
        took = seconds(wait(submit(made.url, sites(RECORDS))))
        if busy is not None and processes == 2:
            busy += [cpu_seconds(database) - before[0], cpu_seconds(worker.pid) - before[1], 2 * took]
        return took


def _hosts(count: int) -> float:
    with hosts(count) as prefixes, installed(host=ADDRESS, ANYVAR_REGISTER="false") as made:
        for prefix in prefixes:
            made.start_worker("--concurrency=1", on=prefix)
        for _ in range(2 * count):
            warm_up(made)
        return seconds(wait(submit(made.url, sites(RECORDS))))


def _many_samples() -> list[Figure]:
    """BGZF to BGZF: the service with two worker processes annotates, bcftools on two threads copies."""
    bcftools = shutil.which("bcftools")
    if bcftools is None:
        print("skipped: bcftools is not installed", file=sys.stderr)
        return []
    vcf = generate.with_samples(
        generate.DATA / f"samples.{SAMPLES}.vcf.gz", generate.contig(BASES), SAMPLE_RECORDS, SAMPLES
    )
    copy = [bcftools, "view", "--no-version", "--threads", "2", "-Oz", "-o"]
    ours, theirs = [], []
    with installed(ANYVAR_REGISTER="false") as made:
        made.start_worker("--concurrency=2")
        warm_up(made)
        for _ in range(3):
            ours.append(seconds(wait(submit(made.url, vcf))))
            theirs.append(wall([*copy, str(made.folder / "copy.vcf.gz"), str(vcf)]))
    mine, peer = statistics.median(ours), statistics.median(theirs)
    return [
        Figure(
            f"seconds for {SAMPLE_RECORDS:,} records of {SAMPLES:,} samples, BGZF to BGZF, two cores; "
            "peer: bcftools view --threads 2 -Oz",
            f"{mine:.2f}",
            f"{peer:.2f}",
            f"{peer / mine:.1f}",
            "not slower",
            mine <= peer,
        )
    ]
