"""The service's Celery application, in which a file that holds POISON kills the process that reads it.

Nothing else is changed: a stand-in for a crash inside a C library or the kernel's out-of-memory killer.
"""

from __future__ import annotations

import os
import signal

from anyvar_site.celery import app
from tests.chunks import before_each

__all__ = ["app"]


def _crash(chunk: bytes) -> None:
    if b"POISON" in chunk:
        os.kill(os.getpid(), signal.SIGKILL)


before_each(_crash)
