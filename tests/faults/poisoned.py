"""The service's Celery application, in which a file that holds POISON kills the process that reads it.

Nothing else is changed: a stand-in for a crash inside a C library or the kernel's out-of-memory killer.
"""

from __future__ import annotations

import os
import signal
from typing import Any

from anyvar_site.celery import app
from vcfjobs.vrs.vcf.records import RecordAnnotator

__all__ = ["app"]

_annotate = RecordAnnotator.annotate


def _crash(self: RecordAnnotator, chunk: bytes, first_line: int) -> Any:
    if b"POISON" in chunk:
        os.kill(os.getpid(), signal.SIGKILL)
    return _annotate(self, chunk, first_line)


RecordAnnotator.annotate = _crash
