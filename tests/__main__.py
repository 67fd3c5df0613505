"""Run the tests in passes: `python -m tests [--all | --rest] [pytest arguments]`.

Without an option: everything that needs no injected fault, on all cores, and what depends on the database
again on PostgreSQL. With `--rest`: what that leaves out: what kills, measures or takes long.
With `--all`: both. Redis and PostgreSQL are started once and passed on by TEST_REDIS_URL and
TEST_DATABASE_URL; where a server is not installed, its tests are skipped with the reason.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.collection_errors import VARIABLE
from tests.e2e.processes import COPIES
from tests.servers import MissingServerError, running_postgres, running_redis

ON_ALL_CORES = ("-n", "auto", "--dist", "loadfile", "--no-loadscope-reorder")
# They mostly wait, so more of them than there are cores run side by side.
SEVERAL = ("-n", "4", *ON_ALL_CORES[2:])
REST = "slow or fault or image or client or (browser and not smoke)"


@dataclass(frozen=True)
class Pass:
    """One run of pytest: what it is called, its arguments, and what it adds to the environment."""

    title: str
    arguments: Sequence[str]
    environment: dict[str, str]


def main(arguments: list[str]) -> int:
    """The worst exit code of all passes."""
    parser = argparse.ArgumentParser(prog="python -m tests", description=__doc__, allow_abbrev=False)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--all", action="store_true", help="every test")
    which.add_argument("--rest", action="store_true", help="only what is left out without an option")
    options, others = parser.parse_known_args(arguments)
    # A worker that has to compile first is late for the tests that wait for it.
    subprocess.run([sys.executable, "-m", "vcfjobs.vrs.kernel"], check=False)
    with ExitStack() as servers:
        given = {COPIES: servers.enter_context(tempfile.TemporaryDirectory(prefix="vcfjobs-set-up-"))}
        for variable, server in (("TEST_REDIS_URL", running_redis), ("TEST_DATABASE_URL", running_postgres)):
            try:
                given[variable] = servers.enter_context(server())
            except MissingServerError as missing:
                print(f"skipping what needs it: {missing}", file=sys.stderr)
        return run(_passes(given, others, quick=not options.rest, rest=options.rest or options.all))


def _passes(given: dict[str, str], arguments: list[str], *, quick: bool, rest: bool) -> Iterator[Pass]:
    if quick:
        yield Pass("On all cores", [*ON_ALL_CORES, "-m", f"not ({REST})", *arguments], given)
        if url := given.get("TEST_DATABASE_URL"):
            on_postgres = [*ON_ALL_CORES, "-m", f"database and not ({REST})", *arguments]
            title = "On PostgreSQL: what depends on the database"
            yield Pass(title, on_postgres, given | {"DATABASE_URL": url})
    if rest:
        yield Pass("What kills, measures or takes long", [*SEVERAL, "-m", REST, *arguments], given)
        if url := given.get("TEST_DATABASE_URL"):
            on_postgres = ["-m", f"database and ({REST})", *arguments]
            title = "The same on PostgreSQL"
            yield Pass(title, on_postgres, given | {"DATABASE_URL": url})


def run(passes: Iterator[Pass] | Sequence[Pass]) -> int:
    """The worst exit code; a pass that ended before its first test is named at the very end."""
    codes, unfinished = [], []
    for each in passes:
        print(f"\n{each.title}", flush=True)
        code, sentence = _pytest(each)
        codes.append(code)
        if sentence:
            unfinished.append(f"{each.title}: NO TEST WAS RUN. {sentence}")
    for line in unfinished:
        print(line, file=sys.stderr, flush=True)
    # Arguments may leave a pass without a test.
    nothing = int(pytest.ExitCode.NO_TESTS_COLLECTED)
    return max({abs(code) for code in codes} - {nothing}, default=nothing)  # below zero: killed by a signal


def _pytest(each: Pass) -> tuple[int, str]:
    """The exit code, and why no test was run, or nothing."""
    with tempfile.TemporaryDirectory() as folder:
        errors = Path(folder) / "errors"
        command = [sys.executable, "-m", "pytest", "-p", "tests.collection_errors", *each.arguments]
        environment = os.environ | each.environment | {VARIABLE: str(errors)}
        code = subprocess.run(command, env=environment, check=False).returncode
        if errors.exists():
            return code or 1, errors.read_text()
    if code in (pytest.ExitCode.INTERRUPTED, pytest.ExitCode.INTERNAL_ERROR, pytest.ExitCode.USAGE_ERROR):
        return code, f"pytest ended with exit code {int(code)}."
    return code, ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
