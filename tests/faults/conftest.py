"""What the tests of the guarantees share: installations of both kinds, and the look for leftovers."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import pytest

from tests.conftest import server_or_skip
from tests.e2e.processes import Service, service
from tests.servers import PostgresServer, RedisServer, own_database, started, wait_until

Install = Callable[..., Service]
# A silent worker is missed after so many seconds.
LEASE = 3
# What a file of `tests.faults.files.LARGE`'s size is cut by, and what cuts nothing.
SHARDED = {"whole": str(2**40), "shards": "400000"}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Every combination is for `make faults`; otherwise each installation once."""
    if os.environ.get("FAULTS_ALL"):
        return
    left_out = [item for item in items if _is_left_out(item)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


def _is_left_out(item: pytest.Item) -> bool:
    if Path(__file__).parent not in item.path.parents:
        return False
    parameters = getattr(getattr(item, "callspec", None), "params", {})
    kind, cut = parameters.get("install", "servers"), parameters.get("shard_bytes", "")
    # A thousand runs take a minute on each.
    if kind == "embedded" and item.path.stem.startswith("test_p19_"):
        return True
    return (kind, cut) in (("embedded", "shards"), ("servers", "whole"))


@pytest.fixture(params=["embedded", "servers"])
def install(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Install]:
    """Make an installation: on the embedded default, and on Redis and PostgreSQL."""
    with ExitStack() as stack:

        def make(**settings: str) -> Service:
            where: dict[str, str] = {}
            if request.param == "servers":
                database = own_database(request.getfixturevalue("postgres_url"))
                where["DATABASE_URL"] = stack.enter_context(database)
                where["CELERY_BROKER_URL"] = request.getfixturevalue("redis_url")
            return stack.enter_context(_installed(tmp_path, **where, **settings))

        yield make


@pytest.fixture(params=["whole", "shards"])
def shard_bytes(request: pytest.FixtureRequest) -> str:
    """ANYVAR_SHARD_BYTES: a large file is done as a whole, and in shards."""
    return SHARDED[request.param]


@pytest.fixture
def own_postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL that the test may stop at once."""
    yield from server_or_skip(partial(started, PostgresServer))


@pytest.fixture
def on_own_servers(tmp_path: Path, own_redis: RedisServer, own_postgres: PostgresServer) -> Iterator[Install]:
    """Make an installation on servers that the test may break."""
    with ExitStack() as stack:

        def make(**settings: str) -> Service:
            where = {"DATABASE_URL": own_postgres.url, "CELERY_BROKER_URL": own_redis.url}
            return stack.enter_context(_installed(tmp_path, **(where | settings)))

        yield make


@contextmanager
def _installed(folder: Path, **settings: str) -> Iterator[Service]:
    """P24: at the end the work directory holds nothing but what a row owns."""
    ours = {
        "ANYVAR_LEASE_SECONDS": str(LEASE),
        "ANYVAR_REGISTER": "false",
        "ANYVAR_SUBMIT_RATE": "100000/min",
        "CELERY_TASK_DEFAULT_QUEUE": f"test_{uuid.uuid4().hex}",
    }
    with service(folder, **(ours | settings)) as made:
        try:
            yield made
            require_nothing_left_over(made)
        finally:
            made.kill()  # a process that a test has broken may not end on SIGTERM


def require_nothing_left_over(made: Service) -> None:
    """Fail unless the work directory comes to hold nothing but what a row owns."""
    try:
        wait_until(lambda: not leftovers(made), "nothing is left over")
    except TimeoutError:
        raise AssertionError(f"left over: {leftovers(made)}") from None


def leftovers(made: Service) -> list[str]:
    """Files of the work directory that no row accounts for."""
    work = Path(made.environment["ANYVAR_VCF_ASYNC_WORK_DIR"])
    owned: set[str] = set()
    for run in made.runs():
        ending = ("", ".gzi", ".tbi")
        owned |= {
            f"runs/{run['id']}/{run['attempt']}.vcf.gz{end}" for end in ending if run["status"] == "succeeded"
        }
        if run["status"] != "succeeded":
            owned.add(f"runs/{run['id']}/input")
        if run["status"] in ("queued", "running"):  # under way: whatever its attempts write
            owned |= {str(path.relative_to(work)) for path in (work / "runs" / run["id"]).rglob("*")}
    found = {str(path.relative_to(work)) for path in work.rglob("*") if path.is_file()}
    return sorted(found - owned)


def a_day_passes(made: Service) -> None:
    """Make what a dead process or database has left old enough to be swept, and let that search come."""
    yesterday = time.time() - 2 * 86_400
    work = Path(made.environment["ANYVAR_VCF_ASYNC_WORK_DIR"])
    for left in [*(work / "spool").iterdir(), *(work / "runs").iterdir()]:
        os.utime(left, (yesterday, yesterday))
    made.manage("shell", "--command", "from vcfjobs.worker import maintenance; maintenance.drop_orphans()")


def environment_of(made: Service) -> dict[str, str]:
    """The environment of the service's processes."""
    return os.environ | made.environment
