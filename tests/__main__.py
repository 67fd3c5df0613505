"""Run all tests: everything on SQLite, then what depends on the database again on PostgreSQL.

`python -m tests [pytest arguments]`. Redis and PostgreSQL are started once here and handed on by
TEST_REDIS_URL and TEST_DATABASE_URL; where a server is not to be had, its tests are skipped with the reason.
What starts processes of its own goes one by one, for it kills and measures; the rest goes on all cores.
"""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack

import pytest

from tests.servers import MissingServerError, running_postgres, running_redis

ON_ALL_CORES = ["-n", "auto", "--dist", "loadfile"]


def main(arguments: list[str]) -> int:
    """The worst exit code of all passes."""
    environment = dict(os.environ)
    with ExitStack() as servers:
        for variable, server in (("TEST_REDIS_URL", running_redis), ("TEST_DATABASE_URL", running_postgres)):
            try:
                environment[variable] = servers.enter_context(server())
            except MissingServerError as missing:
                print(f"skipping what needs it: {missing}", file=sys.stderr)
        codes = [
            _pytest("On all cores", [*ON_ALL_CORES, "-m", "not e2e", *arguments], environment),
            _pytest("One by one: what starts processes", ["-m", "e2e", *arguments], environment),
        ]
        if url := environment.get("TEST_DATABASE_URL"):
            on_postgres = [*ON_ALL_CORES, "-m", "database", *arguments]
            environment |= {"DATABASE_URL": url}
            codes.append(_pytest("On PostgreSQL: what depends on the database", on_postgres, environment))
    # A pass for which the arguments leave no test is none.
    nothing = int(pytest.ExitCode.NO_TESTS_COLLECTED)
    return max({abs(code) for code in codes} - {nothing}, default=nothing)  # below zero: killed by a signal


def _pytest(title: str, arguments: list[str], environment: dict[str, str]) -> int:
    print(f"\n{title}", flush=True)
    command = [sys.executable, "-m", "pytest", *arguments]
    return subprocess.run(command, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
