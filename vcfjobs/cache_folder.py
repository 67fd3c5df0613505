"""Folders of the user's cache: where they are, and one process at a time that fills one."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

LOCK = ".lock"


def user_cache(name: str) -> Path:
    """`name` in $XDG_CACHE_HOME, by default ~/.cache (XDG Base Directory Specification)."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / name


@contextmanager
def locked(folder: Path, on_wait: Callable[[], object] = lambda: None) -> Iterator[bool]:
    """Hold the folder's lock, after any other process that holds it; the folder is made.

    `on_wait` is called once if another process holds the lock. The value is False where the file system has
    no locks. The lock of a process that dies is free. Raises OSError when the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("ab") as file:
        yield _lock(file, on_wait)


def _lock(file: BinaryIO, on_wait: Callable[[], object]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        on_wait()
        fcntl.flock(file, fcntl.LOCK_EX)
    except OSError:
        return False
    return True
