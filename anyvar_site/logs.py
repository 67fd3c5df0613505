"""How log lines look: text for people, JSON for collectors; in both, the run that a line is about.

No value that is logged can begin a line of its own or move a terminal's cursor: control characters are
escaped in either format.
"""

from __future__ import annotations

import logging
import re
from typing import Any

from celery import current_task
from django.core.exceptions import ImproperlyConfigured
from pythonjsonlogger.json import JsonFormatter

from vcfjobs import log_context

FIELDS = ("time", "level", "logger", "message", "run", "task_id", "exception")
NAMES_OF_FIELDS = {"levelname": "level", "name": "logger", "exc_info": "exception"}
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def configuration(kind: str, level: str) -> dict[str, Any]:
    """Django's LOGGING: everything to standard error, as `kind` ("text" or "json").

    Raises ImproperlyConfigured for another kind.
    """
    if kind not in ("text", "json"):
        raise ImproperlyConfigured("LOG_FORMAT must be text or json.")
    ours = {"handlers": ["stderr"], "propagate": False}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"about": {"()": "anyvar_site.logs.AboutFilter"}},
        "formatters": {
            "text": {"()": "anyvar_site.logs.TextFormatter"},
            "json": {"()": "anyvar_site.logs.JsonLines"},
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": kind, "filters": ["about"]}},
        "root": {"handlers": ["stderr"], "level": level.upper()},
        # These would get handlers of their own, from Django, Celery and gunicorn.
        "loggers": dict.fromkeys(("django.server", "celery.task", "multiprocessing", "gunicorn.error"), ours),
    }


class AboutFilter(logging.Filter):
    """Lets every record pass, and gives it `run` and `task_id`; None where it is about none."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Always true."""
        about = log_context.current()
        record.run = about.run or None
        record.task_id = about.task_id or (current_task.request.id if current_task else None)
        return True


class TextFormatter(logging.Formatter):
    """Time, level, logger, run and message; each line of a traceback begins with the same."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, or one for each line of the traceback too; every one names the run."""
        run = getattr(record, "run", None)
        name = f"{record.name} run={run}" if run else record.name
        begin = f"{self.formatTime(record)} {record.levelname} {name} "
        lines = [record.getMessage()]
        if record.exc_info:
            lines += self.formatException(record.exc_info).split("\n")
        return "\n".join(begin + escaped(line) for line in lines)


class JsonLines(JsonFormatter):
    """One object a line, of FIELDS alone: what libraries attach (requests, arguments) stays out."""

    def __init__(self) -> None:
        super().__init__(
            ["levelname", "name", "message", "run", "task_id"],
            timestamp="time",
            rename_fields=NAMES_OF_FIELDS,
        )

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        """The fields that there are, in order."""
        return {name: log_data[name] for name in FIELDS if log_data.get(name) is not None}

    def format(self, record: logging.LogRecord) -> str:
        """JSON in ASCII, in which control characters are escapes already, but for the last."""
        return super().format(record).replace("\x7f", "\\u007f")


def escaped(text: str) -> str:
    """The text with control characters as Python writes them: \\n, \\x1b."""
    return CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
