"""gunicorn: one process of 64 threads, because a slow upload or download holds one."""

from __future__ import annotations

import os
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType


def log_lines() -> ModuleType:
    """The module of the log formats, loaded from its file: it says why it must not be imported."""
    path = Path(__file__).with_name("anyvar_site") / "log_lines.py"
    spec = spec_from_file_location("log_lines", path)
    assert spec is not None  # noqa: S101  (for the types)
    assert spec.loader is not None  # noqa: S101
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


bind = f"{os.environ.get('HOST', '127.0.0.1')}:{os.environ.get('PORT', '8000')}"
worker_class = "gthread"
workers = int(os.environ.get("WEB_CONCURRENCY", "1"))
threads = 64
# Long transfers do not block the heartbeat of a process, so this ends only a hung one.
timeout = 60
graceful_timeout = 30
keepalive = 5
accesslog = None
formatters = log_lines().FORMATTERS
formatter = formatters.get(os.environ.get("LOG_FORMAT"), formatters["text"])
loglevel = os.environ.get("LOG_LEVEL", "INFO").lower()
# For the main process, and for the others until they read the settings, which refuse a wrong LOG_FORMAT.
logconfig_dict = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": formatter}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {"gunicorn.error": {"handlers": ["stderr"], "propagate": False}},
}
# The control socket would lie in the home folder, which a service's user may not have.
control_socket_disable = True
