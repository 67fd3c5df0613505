"""The two formats of a log line: text for people, JSON for collectors.

No logged value can start a line of its own or move a terminal's cursor: both formats escape control
characters.

gunicorn's main process loads this file alone. It must import neither the project nor Celery: the main process
survives a reload, and its children would keep the old code of what it has imported.
"""

from __future__ import annotations

import logging
import re
from typing import Any

from pythonjsonlogger.json import JsonFormatter

FIELDS = ("time", "level", "logger", "message", "run", "task_id", "exception")
ACCESS = "anyvar_site.access"
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class TextFormatter(logging.Formatter):
    """Time, level, logger, run and message; each line of a traceback repeats the first four."""

    def format(self, record: logging.LogRecord) -> str:
        run = getattr(record, "run", None)
        name = f"{record.name} run={run}" if run else record.name
        begin = f"{self.formatTime(record)} {record.levelname} {name} "
        lines = [record.getMessage()]
        if record.exc_info:
            lines += self.formatException(record.exc_info).split("\n")
        return "\n".join(begin + escaped(line) for line in lines)


class JsonLines(JsonFormatter):
    """One object per line, of FIELDS only: what libraries attach (requests, arguments) is left out."""

    def __init__(self) -> None:
        super().__init__(
            ["levelname", "name", "message", "run", "task_id"],
            timestamp="time",
            rename_fields={"levelname": "level", "name": "logger", "exc_info": "exception"},
        )

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        return {name: log_data[name] for name in FIELDS if log_data.get(name) is not None}

    def format(self, record: logging.LogRecord) -> str:
        # JSON in ASCII escapes every other control character.
        return super().format(record).replace("\x7f", "\\u007f")


FORMATTERS: dict[str, type[logging.Formatter]] = {"text": TextFormatter, "json": JsonLines}


def configuration(kind: str, level: int | str = "INFO", **filters: str) -> dict[str, Any]:
    """The logging configuration: everything to standard error, as `kind` ("text" or "json").

    `filters` are classes by their dotted names, which every line passes.
    """
    ours = {"handlers": ["stderr"], "propagate": False}
    stderr = {"class": "logging.StreamHandler", "formatter": "line", "filters": list(filters)}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {name: {"()": path} for name, path in filters.items()},
        "formatters": {"line": {"()": FORMATTERS.get(kind, TextFormatter)}},
        "handlers": {"stderr": stderr},
        "root": {"handlers": ["stderr"], "level": level},
        # Django, Celery and gunicorn would give these handlers of their own.
        "loggers": dict.fromkeys(("django.server", "celery.task", "multiprocessing", "gunicorn.error"), ours),
    }


def with_access_log(given: dict[str, Any]) -> dict[str, Any]:
    """The configuration, and the access log's: its messages as they are, on standard output."""
    handler = {"class": "logging.StreamHandler", "stream": "ext://sys.stdout", "formatter": "message"}
    access = {"handlers": ["access"], "level": "INFO", "propagate": False}
    return given | {
        "formatters": given["formatters"] | {"message": {"format": "%(message)s"}},
        "handlers": given["handlers"] | {"access": handler},
        "loggers": given["loggers"] | {ACCESS: access},
    }


def escaped(text: str) -> str:
    """The text with control characters escaped as in Python: \\n, \\x1b."""
    return CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
