"""The web side: how fast a 200 MB upload gets its 202, and what a poll costs."""

from __future__ import annotations

import tempfile
import threading
import time
from pathlib import Path

import requests

from benchmarks import generate
from benchmarks.measure import Figure, anonymous_bytes
from tests.e2e.processes import Service, service

UPLOAD = 200 * 10**6
REQUIRED_SPEED = 100.0
MEMORY_LIMIT = 150 * 10**6


def figures() -> list[Figure]:
    """MB/s from the first byte to the 202, the web process's peak, and the bytes on disk afterwards."""
    with tempfile.TemporaryDirectory() as name, service(Path(name)) as made:
        web = made.start_web()
        vcf = _vcf(Path(name))
        best, peak = 0.0, 0
        for _ in range(3):
            seconds, memory = _upload(made, web.pid, vcf)
            best, peak = max(best, UPLOAD / 1e6 / seconds), max(peak, memory)
        stored = sum(path.stat().st_size for path in (made.folder / "work").rglob("*") if path.is_file())
        copies = stored / vcf.stat().st_size / 3
        latency = _poll_milliseconds(made)
    return [
        Figure(
            "MB/s of a 200 MB upload until its 202", f"{best:.0f}", "-", "-", ">= 100", best >= REQUIRED_SPEED
        ),
        Figure(
            "MB of the web process during uploads",
            f"{peak / 1e6:.0f}",
            "-",
            "-",
            "< 150",
            peak < MEMORY_LIMIT,
        ),
        Figure(
            "copies of three uploads on disk",
            f"{copies:.2f}",
            "-",
            "-",
            "1",
            copies < 1.01,
        ),
        Figure("milliseconds of a poll of a pending run (median)", f"{latency:.1f}", "-", "-", "-", None),
    ]


def _vcf(folder: Path) -> Path:
    """A VCF of 200 MB on the small reference."""
    path = folder / "upload.vcf"
    line = b"chr1\t22\t.\tA\tAAA\t.\tPASS\tNOTE=" + b"x" * 170 + b"\n"
    path.write_bytes(generate.header().encode() + line * (UPLOAD // len(line)))
    return path


def _upload(made: Service, master: int, vcf: Path) -> tuple[float, int]:
    """Seconds to the 202, and the peak of the web processes' memory meanwhile."""
    peak, done = 0, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.02):
            peak = max(peak, *(anonymous_bytes(pid) for pid in _family(master)))

    watcher = threading.Thread(target=watch)
    watcher.start()
    began = time.perf_counter()
    with vcf.open("rb") as body:
        answer = requests.put(f"{made.url}/vcf?run_async=true", data=body, timeout=120)
    seconds = time.perf_counter() - began
    done.set()
    watcher.join()
    if answer.status_code != 202:
        raise SystemExit(answer.text)
    return seconds, peak


def _family(master: int) -> list[int]:
    children = Path(f"/proc/{master}/task/{master}/children").read_text().split()
    return [master, *map(int, children)]


def _poll_milliseconds(made: Service) -> float:
    run = requests.get(f"{made.url}/runs/", timeout=30).json()["results"][0]["run_id"]
    times = []
    with requests.Session() as session:
        for _ in range(200):
            began = time.perf_counter()
            session.get(f"{made.url}/vcf/{run}", timeout=30)
            times.append(time.perf_counter() - began)
    return sorted(times)[len(times) // 2] * 1000
