"""Forks of a Celery worker, and SQLite, which does not bear them.

SQLite keeps the locks of a process in that process's memory. A child that is forked while its parent has
a database open takes them for its own: it waits for ever for a lock that nobody holds, or writes without
one (https://www.sqlite.org/howtocorrupt.html, "Carrying an open database connection across a fork()").
The pool forks in the main thread, whenever a child has died, while the sweep is at work in another.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from django.db import connection, connections

_no_fork = threading.Lock()


@cache
def fork_without_database() -> None:
    """From now on close the forking thread's connections first, and wait for those in `forks_blocked`."""
    os.register_at_fork(before=_before, after_in_parent=_no_fork.release, after_in_child=_no_fork.release)


@contextmanager
def forks_blocked() -> Iterator[None]:
    """No fork meanwhile; the thread's connection is closed at the end. For short work.

    On other databases nothing has to wait: a connection of theirs that a child inherits and does not use
    does no harm.
    """
    if connection.vendor != "sqlite":
        yield
        return
    with _no_fork:
        try:
            yield
        finally:
            connection.close()


def _before() -> None:
    _no_fork.acquire()
    connections.close_all()
