"""Run processes in turn and compare them: medians over pairs, for these machines are noisy."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Figure:
    """One row of the table."""

    what: str
    ours: str
    peer: str
    ratio: str
    required: str
    reached: bool | None


def one_core() -> None:
    """Keep this process and its children on one core."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def run(command: Sequence[str]) -> str:
    """Run a command from the project's folder; its standard output."""
    done = subprocess.run(command, cwd=PROJECT, check=True, capture_output=True, text=True)
    return done.stdout


def wall(command: Sequence[str]) -> float:
    """Seconds of a whole process."""
    began = time.perf_counter()
    subprocess.run(command, cwd=PROJECT, check=True, capture_output=True)
    return time.perf_counter() - began


def in_turn(
    ours: Callable[[], float], peer: Callable[[], float], rounds: int = 3
) -> tuple[float, float, float]:
    """Medians of ours and the peer's, and the median of peer / ours pair by pair."""
    pairs = [(ours(), peer()) for _ in range(rounds)]
    return (
        statistics.median(mine for mine, _ in pairs),
        statistics.median(theirs for _, theirs in pairs),
        statistics.median(theirs / mine for mine, theirs in pairs),
    )


def machine() -> str:
    """What the figures were measured on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "?")
    python = ".".join(map(str, sys.version_info[:3]))
    return f"{model}, {os.cpu_count()} cores, Python {python}, {time.strftime('%Y-%m-%d')}"


def children_peak_bytes() -> int:
    """Largest resident size of any child waited for so far."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024


def anonymous_bytes(pid: int) -> int:
    """Resident bytes of a process that no file stands behind: what it uses above its mapped reference."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024
    return 0
