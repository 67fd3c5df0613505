"""The service as its users run it: gunicorn and a Celery worker as processes, spoken to over HTTP alone."""

from __future__ import annotations

import atexit
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import requests

from tests.conftest import PROJECT, TINY_CONTIG
from tests.servers import free_port, wait_until
from vcfjobs.cache_folder import locked

BIN = Path(sys.executable).parent


# Names the folder of what was set up once, for all processes of `python -m tests`.
COPIES = "TEST_COPIES_DIR"


@cache
def _copies() -> Path:
    if given := os.environ.get(COPIES):
        return Path(given)
    folder = Path(tempfile.mkdtemp(prefix="vcfjobs-set-up-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


class Service:
    """One installation in a folder of its own: its environment, its processes, its address."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self.code = PROJECT  # the tree that processes and commands run
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.processes: list[subprocess.Popen[bytes]] = []
        inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        self.environment = inherited | {
            "SECRET_KEY": "e2e-" + "x" * 60,
            "DATABASE_URL": f"sqlite:///{folder}/db.sqlite3",
            "ANYVAR_VCF_ASYNC_WORK_DIR": str(folder / "work"),
            "ANYVAR_SEQUENCE_DIR": str(folder / "sequences"),
            "ANYVAR_BROKER_DIR": str(folder / "broker"),
            "ANYVAR_DEFAULT_ASSEMBLY": "tiny",
            "PYTHONWARNINGS": "ignore",  # a worker run by root is warned about
            **settings,
        }

    def set_up(self) -> None:
        """Migrate, and register the small reference; after the first time from a copy."""
        copies = _copies() / self.environment["DATABASE_URL"].partition(":")[0]
        with locked(copies):
            if not (copies / "sequences").exists():
                self._set_up_anew()
                self._copy_to(copies)
                return
        self._restore_from(copies)

    def _set_up_anew(self) -> None:
        fasta = self.folder / "tiny.fa"
        fasta.write_text(f">chr1\n{TINY_CONTIG}\n")
        self.manage("migrate", "--verbosity", "0")
        self.manage("load_reference", "tiny", str(fasta))

    def _copy_to(self, copies: Path) -> None:
        url = self.environment["DATABASE_URL"]
        if url.startswith("sqlite"):
            shutil.copy(self.folder / "db.sqlite3", copies)
        else:
            dump = [shutil.which("pg_dump") or "pg_dump", "--no-owner", "--file", str(copies / "dump.sql")]
            subprocess.run([*dump, url], check=True)
        shutil.copytree(self.environment["ANYVAR_SEQUENCE_DIR"], copies / "sequences")

    def _restore_from(self, copies: Path) -> None:
        url = self.environment["DATABASE_URL"]
        if url.startswith("sqlite"):
            shutil.copy(copies / "db.sqlite3", self.folder)
        else:
            restore = ["psql", "--quiet", "--set", "ON_ERROR_STOP=1", "--file"]
            subprocess.run([*restore, str(copies / "dump.sql"), url], check=True, stdout=subprocess.DEVNULL)
        sequences = self.environment["ANYVAR_SEQUENCE_DIR"]
        shutil.copytree(copies / "sequences", sequences, dirs_exist_ok=True)

    def manage(self, *arguments: str) -> str:
        """Run a management command; its standard output."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=self.code,
            env=self.environment,
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start_web(self) -> subprocess.Popen[bytes]:
        """Start gunicorn, and wait until it is ready."""
        web = [str(BIN / "gunicorn"), "anyvar_site.wsgi", "--bind", f"127.0.0.1:{self.port}"]
        process = self._start("web", web)
        wait_until(self._is_up, "the web process answers")
        return process

    def start_worker(
        self, *options: str, on: Sequence[str] = (), app: str = "anyvar_site"
    ) -> subprocess.Popen[bytes]:
        """Start a Celery worker in a process group of its own; `on` is what its command begins with."""
        worker = [*on, str(BIN / "celery"), "-A", app, "worker", "--loglevel=INFO", *options]
        if not any(option.startswith("--concurrency") for option in options):
            worker.append("--concurrency=2")
        worker.append(f"--hostname=w{len(self.processes)}@%h")
        return self._start(f"worker-{len(self.processes)}", worker)

    @staticmethod
    def children(worker: subprocess.Popen[bytes]) -> list[int]:
        """The processes of a worker's pool."""
        return [
            int(pid) for pid in Path(f"/proc/{worker.pid}/task/{worker.pid}/children").read_text().split()
        ]

    def submit(self, content: bytes, **query: str) -> str:
        """Submit a file; where its result is to be polled."""
        answer = requests.put(f"{self.url}/vcf?run_async=True", params=query, data=content, timeout=60)
        assert answer.status_code == 202, answer.text
        return answer.headers["Location"]

    def look(self, location: str) -> dict[str, Any]:
        """The run that is polled at `location`."""
        answer = requests.get(f"{self.url}/runs/{location.rsplit('/', 1)[-1]}/", timeout=30)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def wait_for(self, location: str, seconds: float = 90) -> dict[str, Any]:
        """The run once it has ended, well or badly."""
        give_up = time.monotonic() + seconds
        while not (run := self.look(location))["finished"]:
            assert time.monotonic() < give_up, (
                f"the run did not end: {run['status']}, attempt {run['attempt']}"
            )
            time.sleep(0.1)
        return run

    def result(self, location: str) -> bytes:
        """The compressed result, whose digest is that of the row."""
        run = self.look(location)
        answer = requests.get(f"{self.url}/runs/{run['id']}/result.vcf.gz", timeout=60)
        assert answer.status_code == 200, answer.text
        assert hashlib.sha256(answer.content).hexdigest() == run["result_sha256"]
        return answer.content

    def folder_of(self, location: str) -> Path:
        """The folder of a run's files."""
        work = Path(self.environment["ANYVAR_VCF_ASYNC_WORK_DIR"])
        return work / "runs" / str(self.look(location)["id"])

    def wait_until_written(self, location: str) -> None:
        """Return as soon as a worker has written some of the result."""
        folder = self.folder_of(location)
        wait_until(
            lambda: any(path.stat().st_size for path in folder.rglob("*.gz")), "a worker writes the result"
        )

    def runs(self) -> list[dict[str, Any]]:
        """All runs of all owners as the API lists them."""
        found: list[dict[str, Any]] = []
        for token in self.environment.get("ANYVAR_AUTH_TOKEN_LIST", "").split(","):
            address = f"{self.url}/runs/?page_size=200"
            while address:
                headers = {"Authorization": f"Bearer {token}"} if token else {}
                page = requests.get(address, headers=headers, timeout=30).json()
                found += page["results"]
                address = page["next"]
        return found

    def log(self, name: str) -> str:
        """What a process has printed so far."""
        return (self.folder / f"{name}.log").read_text()

    def kill(self) -> None:
        """Kill every process that was started here."""
        for process in self.processes:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def stop(self) -> None:
        """Stop every process that was started here, gently, then firmly."""
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def _start(self, name: str, command: list[str]) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                command,
                cwd=self.code,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.processes.append(process)
        return process

    def _is_up(self) -> bool:
        try:
            return requests.get(f"{self.url}/healthz", timeout=2).ok
        except (requests.ConnectionError, requests.Timeout):  # the port is open before the process answers
            return False


@contextmanager
def service(folder: Path, **settings: str) -> Iterator[Service]:
    """A service that is set up; nothing is started yet, and everything is stopped at the end."""
    made = Service(folder, **settings)
    made.set_up()
    try:
        yield made
    finally:
        made.stop()
