"""P34: a rolling upgrade under load: the previous release's processes and these do each other's runs."""

from __future__ import annotations

import gzip
import io
import shutil
import signal
import subprocess
import tarfile
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.conftest import PROJECT, TINY_CONTIG
from tests.e2e.processes import Service
from tests.faults.conftest import require_nothing_left_over
from tests.faults.files import records
from tests.faults.load import Clients
from tests.servers import own_database, wait_until

pytestmark = pytest.mark.slow

# 0.1.0 as it was before the first change that the changelog lists under 0.2.0.
PREVIOUS = "9739656d8febf90c9b8834e19ff290dc06756143"
# What a process reads when it starts, and later.
PARTS = ("anyvar_site", "vcfjobs", "gunicorn.conf.py", "manage.py")
RECORDS = 50_000
LARGE = records(RECORDS)
SETTINGS = {
    "ANYVAR_SHARD_BYTES": "300000",
    "ANYVAR_LEASE_SECONDS": "10",
    "ANYVAR_SUBMIT_RATE": "100000/min",
    "ANYVAR_KERNEL": "off",  # in a tree of its own it would be compiled first, for up to a minute
}


@pytest.fixture(scope="module")
def previous_release() -> bytes:
    """The previous release's tree, as tar."""
    git = ["git", "archive", PREVIOUS, *PARTS]
    archived = subprocess.run(git, cwd=PROJECT, capture_output=True, check=False)
    if archived.returncode:
        pytest.skip(f"the previous release is not in this copy's history: {archived.stderr.decode()}")
    return archived.stdout


@pytest.fixture(params=["embedded", "servers"])
def previous(request: pytest.FixtureRequest, tmp_path: Path, previous_release: bytes) -> Iterator[Service]:
    """An installation of the previous release, in a tree of its own."""
    with ExitStack() as stack:
        where = {"CELERY_TASK_DEFAULT_QUEUE": f"test_{uuid.uuid4().hex}"}
        if request.param == "servers":
            where["CELERY_BROKER_URL"] = request.getfixturevalue("redis_url")
            where["DATABASE_URL"] = stack.enter_context(own_database(request.getfixturevalue("postgres_url")))
        made = Service(tmp_path, **where, **SETTINGS)
        stack.callback(made.kill)
        made.code = tmp_path / "release"
        with tarfile.open(fileobj=io.BytesIO(previous_release)) as tree:
            tree.extractall(made.code, filter="data")
        fasta = tmp_path / "tiny.fa"
        fasta.write_text(f">chr1\n{TINY_CONTIG}\n")
        made.manage("migrate", "--verbosity", "0")
        made.manage("load_reference", "tiny", str(fasta))
        yield made
        require_nothing_left_over(made)


def replace_files(made: Service) -> None:
    """Put this release's files in the place of the previous one's, and migrate."""
    for part in PARTS:
        source, target = PROJECT / part, made.code / part
        if source.is_dir():
            shutil.rmtree(target)
            shutil.copytree(source, target)
        else:
            shutil.copy(source, target)
    made.manage("migrate", "--verbosity", "0")


class Upgrade:
    """Web and worker of an installation under load, each of which can be replaced."""

    def __init__(self, made: Service) -> None:
        self._made = made
        self._web, self._worker = made.start_web(), made.start_worker("--concurrency=1")

    def web(self, location: str) -> None:
        """Reload gunicorn, until the run at `location` looks as in this release."""
        self._web.send_signal(signal.SIGHUP)
        wait_until(lambda: "vrs_version" in self._made.look(location), "the web process is this release's")

    def worker(self, location: str) -> None:
        """Start a worker, let both work side by side, and stop the old one."""
        names = [f"worker-{len(self._made.processes) - 1 + at}" for at in (0, 1)]
        before = self._done(names[0])
        following = self._made.start_worker("--concurrency=1")
        wait_until(lambda: self._done(names[0]) > before + 2 and self._done(names[1]) > 2, "both work")
        self._worker.send_signal(signal.SIGTERM)
        assert self._worker.wait(timeout=60) == 0
        assert "unregistered task" not in self._made.log(names[0])
        self._worker = following

    def _done(self, worker: str) -> int:
        return self._made.log(worker).count("succeeded in")


def rows_of(made: Service, location: str) -> list[bytes]:
    """The result without its header, whose descriptions may differ."""
    lines = gzip.decompress(made.result(location)).splitlines()
    return [line for line in lines if not line.startswith(b"#")]


@pytest.mark.parametrize("order", [("worker", "web"), ("web", "worker")], ids="-".join)
def test_an_upgrade_under_load_loses_no_run(previous: Service, order: tuple[str, str]) -> None:
    upgrade = Upgrade(previous)
    large = previous.submit(LARGE, run_id="large")
    previous.wait_until_written(large)
    with Clients(previous, count=2, pause=0.5) as clients:
        replace_files(previous)
        for number, part in enumerate(order):
            getattr(upgrade, part)(large)
            between = previous.submit(LARGE, run_id=f"large-{number}")
            assert previous.wait_for(between)["status"] == "succeeded"
    run = previous.wait_for(large)
    assert (run["status"], run["records_done"]) == ("succeeded", RECORDS)
    assert rows_of(previous, large) == rows_of(previous, between)
    clients.require_answers(unanswered=2)  # one of each client, at most, when the web process ends
    clients.require_runs()
