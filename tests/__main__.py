"""Run all tests: everything on SQLite, then what depends on the database again on PostgreSQL.

`python -m tests [pytest arguments]`. Redis and PostgreSQL are started once here and handed on by
TEST_REDIS_URL and TEST_DATABASE_URL; where a server is not to be had, its tests are skipped with the reason.
"""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack

from tests.servers import MissingServerError, running_postgres, running_redis


def main(arguments: list[str]) -> int:
    """The exit code of the worse of the two passes."""
    environment = dict(os.environ)
    with ExitStack() as servers:
        for variable, server in (("TEST_REDIS_URL", running_redis), ("TEST_DATABASE_URL", running_postgres)):
            try:
                environment[variable] = servers.enter_context(server())
            except MissingServerError as missing:
                print(f"skipping what needs it: {missing}", file=sys.stderr)
        worst = _pytest(arguments, environment)
        if url := environment.get("TEST_DATABASE_URL"):
            print("\nOnce more on PostgreSQL: what depends on the database", flush=True)
            worst = max(worst, _pytest(["-m", "database", *arguments], environment | {"DATABASE_URL": url}))
    return worst


def _pytest(arguments: list[str], environment: dict[str, str]) -> int:
    return subprocess.run(
        [sys.executable, "-m", "pytest", *arguments], env=environment, check=False
    ).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
