"""The service's Celery application, in which every chunk of a file takes more than a second longer."""

from __future__ import annotations

import time

from anyvar_site.celery import app
from tests.chunks import before_each

__all__ = ["app"]

before_each(lambda chunk: time.sleep(1.2))
