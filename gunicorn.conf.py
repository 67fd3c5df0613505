"""gunicorn: one process of 64 threads, since a slow upload or download holds one."""

from __future__ import annotations

import os

bind = f"{os.environ.get('HOST', '127.0.0.1')}:{os.environ.get('PORT', '8000')}"
worker_class = "gthread"
workers = int(os.environ.get("WEB_CONCURRENCY", "1"))
threads = 64
# A thread in a long transfer does not block the worker's heartbeat, so this guards against a hung process.
timeout = 60
graceful_timeout = 30
keepalive = 5
accesslog = None
# Nothing here is controlled by a socket in the home folder, which a service's user may not have.
control_socket_disable = True
