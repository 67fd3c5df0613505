"""What the compiled kernel costs a worker: a later start, and memory; its code is in the cache already."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from benchmarks.measure import Figure
from tests.e2e.processes import Service, service
from tests.servers import wait_until
from vcfjobs.vrs import kernel

ROUNDS = 5
MOST_SECONDS = 0.5
MOST_BYTES = 150 * 10**6
VCF = b"##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\nchr1\t22\t.\tA\tAAA\t.\t.\t.\n"


class _Cost(NamedTuple):
    """Seconds from the start of a worker until it is ready, and its memory after a run."""

    seconds: float
    bytes: int


def figures() -> list[Figure]:
    """Medians with the kernel, and without it as the peer; the ratio's column has the differences."""
    if not kernel.load():
        raise SystemExit("The kernel cannot be compiled here.")
    pairs = [(_measure("on"), _measure("off")) for _ in range(ROUNDS)]
    seconds = statistics.median(on.seconds - off.seconds for on, off in pairs)
    memory = statistics.median(on.bytes - off.bytes for on, off in pairs)
    on, off = ([pair[which] for pair in pairs] for which in (0, 1))
    return [
        Figure(
            "seconds until a worker is ready; peer: ANYVAR_KERNEL=off",
            f"{statistics.median(cost.seconds for cost in on):.2f}",
            f"{statistics.median(cost.seconds for cost in off):.2f}",
            f"{seconds:+.2f}",
            f"<= +{MOST_SECONDS}",
            seconds <= MOST_SECONDS,
        ),
        Figure(
            "MB of a worker and its one child after a run; peer: ANYVAR_KERNEL=off",
            f"{statistics.median(cost.bytes for cost in on) / 1e6:.0f}",
            f"{statistics.median(cost.bytes for cost in off) / 1e6:.0f}",
            f"{memory / 1e6:+.0f}",
            f"<= +{MOST_BYTES / 1e6:.0f}",
            memory <= MOST_BYTES,
        ),
    ]


def _measure(switch: str) -> _Cost:
    with (
        tempfile.TemporaryDirectory() as name,
        service(Path(name), ANYVAR_KERNEL=switch) as made,
    ):
        made.start_web()
        began = time.perf_counter()
        worker = made.start_worker("--concurrency=1")
        log = f"worker-{len(made.processes) - 1}"
        wait_until(lambda: " ready." in made.log(log), "the worker is ready")
        seconds = time.perf_counter() - began
        made.wait_for(made.submit(VCF))
        pids = [worker.pid, *Service.children(worker)]
        return _Cost(seconds, sum(map(_proportional_bytes, pids)))


def _proportional_bytes(pid: int) -> int:
    """Resident bytes, mapped files included; what several processes share is divided among them."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0
