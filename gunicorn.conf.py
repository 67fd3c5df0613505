"""gunicorn: one process of 64 threads, because a slow upload or download holds one."""

from __future__ import annotations

import ctypes
import os
from contextlib import suppress
from pathlib import Path
from runpy import run_path

bind = f"{os.environ.get('HOST', '127.0.0.1')}:{os.environ.get('PORT', '8000')}"
worker_class = "gthread"
workers = int(os.environ.get("WEB_CONCURRENCY", "1"))
threads = 64
# Long transfers do not block the heartbeat of a process, so this ends only a hung one.
timeout = 60
graceful_timeout = 30
keepalive = 5
accesslog = None
loglevel = os.environ.get("LOG_LEVEL", "INFO").lower()
# For the main process, and for the others until they read the settings, which refuse a wrong LOG_FORMAT.
# From the file: it says why it must not be imported.
log_lines = run_path(str(Path(__file__).with_name("anyvar_site") / "log_lines.py"))
logconfig_dict = log_lines["configuration"](os.environ.get("LOG_FORMAT", "text"))
# The control socket would lie in the home folder, which a service's user may not have.
control_socket_disable = True

# Each of the threads would keep what it has freed, up to 64 MiB, in a heap of its own. From glibc's malloc.h.
M_ARENA_MAX = -8
with suppress(AttributeError):  # another C library
    ctypes.CDLL(None).mallopt(M_ARENA_MAX, 2)
