"""A streaming standby of a PostgreSQL, and an address that leads to the one or the other."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Self

import psycopg

from tests.servers import LOOPBACK, PostgresServer, free_port, server_folder, wait_until


@contextmanager
def standby_of(primary: PostgresServer) -> Iterator[PostgresServer]:
    """A standby that has all that the primary has committed: the primary waits for it."""
    with server_folder() as folder:
        standby = PostgresServer(folder)
        data = folder / "data"
        shutil.rmtree(data)
        copy = [_binary("pg_basebackup"), "-d", primary.url, "-D", str(data), "-R", "-X", "stream"]
        user = _owner(primary)
        subprocess.run(copy, check=True, user=user, cwd="/")
        standby.start()
        try:
            with psycopg.connect(primary.url, autocommit=True) as connection:
                connection.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
                connection.execute("SELECT pg_reload_conf()")
                in_step = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"
                wait_until(lambda: connection.execute(in_step).fetchone() == (1,), "the standby is in step")
            yield standby
        finally:
            standby.stop()


def promote(standby: PostgresServer) -> None:
    """Make it the primary, and wait until it takes writes."""
    with psycopg.connect(standby.url, autocommit=True) as connection:
        assert connection.execute("SELECT pg_promote()").fetchone() == (True,)


def _binary(name: str) -> str:
    newest = sorted(os.scandir("/usr/lib/postgresql"), key=lambda entry: int(entry.name))[-1:]
    return shutil.which(name) or f"{newest[0].path}/bin/{name}"


def _owner(server: PostgresServer) -> str | None:
    """The user that PostgreSQL runs as, None for the present one."""
    if os.geteuid() != 0:
        return None
    return pwd.getpwuid(server.data.stat().st_uid).pw_name


class Forwarder:
    """A context in which a port of its own leads to another port, which may change."""

    def __init__(self, target: int) -> None:
        self.port = free_port()
        self._target = target
        self._listener = socket.create_server((LOOPBACK, self.port))
        self._sockets: list[socket.socket] = []
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        self.cut()

    def lead_to(self, target: int) -> None:
        """Lead new connections to another port, and end those that there are."""
        self._target = target
        self.cut()

    def cut(self) -> None:
        """End every connection."""
        with self._lock:
            ended, self._sockets = self._sockets, []
        for one in ended:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return  # closed
            try:
                server = socket.create_connection((LOOPBACK, self._target), timeout=5)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            with self._lock:
                self._sockets += [client, server]
            for pair in ((client, server), (server, client)):
                threading.Thread(target=_pump, args=pair, daemon=True).start()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
    for one in (source, target):
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
    source.close()
