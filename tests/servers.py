"""Real servers for the tests: taken from TEST_REDIS_URL and TEST_DATABASE_URL, else started here.

What is started here lives in a temporary folder on a free port and is stopped by its own process handle.
A server that was already running is never flushed or stopped: databases and key prefixes are the test's own.
"""

from __future__ import annotations

import atexit
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from itertools import count
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit, urlunsplit

import psycopg
import redis

START_SECONDS = 60.0  # so long may a process take to start beside busy cores
LOOPBACK = "127.0.0.1"
_ports = count()


class MissingServerError(Exception):
    """Neither a URL was given nor is the server's binary installed; the message says which."""


def free_port() -> int:
    """A TCP port of the loopback interface that nobody listens on, and that is given to nobody else.

    Below the range from which the kernel takes ports by itself, so that no connection takes it meanwhile;
    each process of pytest begins elsewhere in it.
    """
    first, last = 10_000, 30_000
    for _ in range(first, last):
        port = first + (os.getpid() * 97 + next(_ports)) % (last - first)
        with socket.socket() as listener, suppress(OSError):
            listener.bind((LOOPBACK, port))
            return port
    raise OSError("no port is free")


def is_listening(port: int) -> bool:
    """Whether somebody accepts connections at a port of the loopback interface."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=1):
            return True
    except OSError:
        return False


def wait_until(condition: Callable[[], bool], what: str, seconds: float = START_SECONDS) -> None:
    """Return as soon as `condition` holds; fail with `what` after `seconds`."""
    give_up = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > give_up:
            raise TimeoutError(f"not within {seconds} s: {what}")
        time.sleep(0.05)


class RedisServer:
    """A Redis of the test's own; it may be stopped, frozen and wiped."""

    def __init__(self, folder: Path, host: str = LOOPBACK) -> None:
        binary = shutil.which("redis-server")
        if binary is None:
            raise MissingServerError("redis-server is not installed, and TEST_REDIS_URL is not set")
        self.port = free_port()
        self._host = host
        self._command = [binary, "--port", str(self.port), "--bind", host, "--save", ""]
        self._command += ["--protected-mode", "yes" if host == LOOPBACK else "no"]
        self._command += ["--appendonly", "no", "--dir", str(folder), "--maxmemory-policy", "noeviction"]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The broker URL."""
        return f"redis://{self._host}:{self.port}/0"

    def start(self) -> None:
        """Start, and wait until it answers."""
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        wait_until(self._answers, "Redis answers")

    def send(self, signal_number: int) -> None:
        """Send its process a signal."""
        assert self._process is not None
        self._process.send_signal(signal_number)

    def stop(self) -> None:
        """Stop it, though it be frozen, and wait for its end."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def _answers(self) -> bool:
        try:
            with redis.Redis(self._host, self.port, socket_timeout=1) as client:
                return bool(client.ping())
        except redis.exceptions.RedisError:
            return False


class PostgresServer:
    """A PostgreSQL of the test's own; it may be stopped at once and started again."""

    def __init__(self, folder: Path, host: str = LOOPBACK) -> None:
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
        binary = shutil.which("postgres") or (str(found[-1]) if found else None)
        if binary is None:
            raise MissingServerError("postgres is not installed, and TEST_DATABASE_URL is not set")
        self._bin = Path(binary).parent
        self.data = folder / "data"
        self._user = _unprivileged_user()
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        if self._user:
            os.chown(folder, pwd.getpwnam(self._user).pw_uid, -1)
        copy = ["cp", "-a", str(_empty_cluster(self._bin, self._user)), str(self.data)]
        subprocess.run(copy, check=True, user=self._user, cwd="/")
        self._host = host
        with (self.data / "pg_hba.conf").open("a") as file:
            file.write(f"host all all {host}/24 trust\n")

    @property
    def url(self) -> str:
        """The URL of its maintenance database."""
        return f"postgres://postgres@{self._host}:{self.port}/postgres"

    def start(self) -> None:
        """Start, and wait until it answers."""
        options = ["-p", str(self.port), "-k", "", "-c", f"listen_addresses={self._host}", "-c", "fsync=off"]
        self._process = subprocess.Popen(
            [str(self._bin / "postgres"), "-D", str(self.data), *options],
            user=self._user,
            cwd="/",
            stderr=subprocess.DEVNULL,
        )
        wait_until(self._answers, "PostgreSQL answers")

    def stop(self, signal_number: int = signal.SIGQUIT) -> None:
        """Stop it; SIGQUIT is its immediate shutdown."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal_number)
            self._process.wait()

    def _answers(self) -> bool:
        try:
            with psycopg.connect(self.url, connect_timeout=2):
                return True
        except psycopg.OperationalError:
            return False


@cache
def _empty_cluster(binaries: Path, user: str | None) -> Path:
    """A data directory to copy: initdb takes seconds, so it is run once."""
    folder = Path(tempfile.mkdtemp(prefix="vcfjobs-cluster-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    if user:
        os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
    data = folder / "data"
    initdb = [str(binaries / "initdb"), "-D", str(data), "-A", "trust", "-U", "postgres", "-N"]
    subprocess.run(initdb, check=True, user=user, cwd="/", stdout=subprocess.DEVNULL)
    return data


Server = TypeVar("Server", RedisServer, PostgresServer)


def _unprivileged_user() -> str | None:
    """PostgreSQL refuses to run as root: the user to run it as, None for the present one."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


@contextmanager
def server_folder() -> Iterator[Path]:
    """A temporary folder that another user may enter."""
    folder = Path(tempfile.mkdtemp(prefix="vcfjobs-server-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def started(kind: type[Server], host: str = LOOPBACK) -> Iterator[Server]:
    """A server of the test's own, which may be broken; raises MissingServerError."""
    with server_folder() as folder:
        server = kind(folder, host)
        server.start()
        try:
            yield server
        finally:
            server.stop()


@contextmanager
def running_redis(host: str = LOOPBACK) -> Iterator[str]:
    """The URL of a Redis to use under the test's own prefix; one that is started listens at `host`."""
    with _given_or_started("TEST_REDIS_URL", RedisServer, host) as url:
        yield url


@contextmanager
def running_postgres(host: str = LOOPBACK) -> Iterator[str]:
    """The URL of a PostgreSQL in which the tests make databases of their own; it listens at `host`."""
    with _given_or_started("TEST_DATABASE_URL", PostgresServer, host) as url:
        yield url


@contextmanager
def _given_or_started(variable: str, kind: type[Server], host: str) -> Iterator[str]:
    if url := os.environ.get(variable):
        yield url
        return
    with started(kind, host) as server:
        yield server.url


@contextmanager
def own_database(server_url: str) -> Iterator[str]:
    """The URL of a fresh database, dropped afterwards."""
    name = f"vcfjobs_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    try:
        yield urlunsplit(urlsplit(server_url)._replace(path=f"/{name}"))
    finally:
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
