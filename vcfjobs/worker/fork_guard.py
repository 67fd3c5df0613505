"""Let a Celery worker fork only while it has no SQLite database open.

SQLite keeps the locks of a process in its memory. A child that is forked while its parent has a database
open takes them for its own: it waits for ever for a lock that nobody holds, or writes without one
(https://www.sqlite.org/howtocorrupt.html, "Carrying an open database connection across a fork()").
The pool forks in the main thread whenever a child has died, while the sweep works in another thread.
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
    """From now on each fork waits for `forks_blocked`, and closes the connections of its own thread first."""
    os.register_at_fork(before=_before, after_in_parent=_no_fork.release, after_in_child=_no_fork.release)


@contextmanager
def forks_blocked() -> Iterator[None]:
    """A context without forks, for short work; it closes the thread's connection at the end.

    Only on SQLite: an inherited connection to another database does no harm while it is not used.
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
