"""The service's Celery application, in which a chunk of a file waits for as long as a test wants to look.

A record whose ID is `hold-NAME` keeps its chunk waiting while the file NAME is in the folder HELD_DIR.
Nothing else is changed: what is shown meanwhile is what is shown of a long run.
"""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

from anyvar_site.celery import app
from tests.chunks import before_each

__all__ = ["app"]

FOLDER = Path(os.environ["HELD_DIR"])
HELD = re.compile(rb"\thold-(\w+)\t")


def _wait(chunk: bytes) -> None:
    for name in HELD.findall(chunk):
        while (FOLDER / name.decode()).exists():
            time.sleep(0.02)


before_each(_wait)
