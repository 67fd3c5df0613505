"""The access log: one JSON object per call, on standard output, which nothing else writes to.

    {"time": "2026-01-31T12:00:00.000Z", "owner": "user:7", "method": "GET", "path": "/runs/", "status": 200,
     "ms": 12.3, "bytes": 4711, "run": null}

`owner` is null for a caller who is not known, and empty while the service is open; `run` is the key of the
run that the call is about. Headers and query strings are left out: they may hold tokens and names.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from django.db import Error
from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse

from anyvar_site.log_lines import ACCESS
from vcfjobs.log_context import RunOfCall, run_of_call
from vcfjobs.runs import owners

logger = logging.getLogger(ACCESS)


class AccessLogMiddleware:
    """Logs each call when its last byte was handed to the server, or its client has left."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        start = time.perf_counter()
        with run_of_call() as run:
            response = self.get_response(request)
        line = _Line(request, response, run, start)
        if isinstance(response, StreamingHttpResponse) and not response.is_async:
            body = _CountedBody(iter(response), line)
            response.streaming_content = body
        else:
            line.write(0 if request.method == "HEAD" else len(getattr(response, "content", b"")))
        return response


class _Line:
    """What is known of a call when its response begins."""

    def __init__(
        self, request: HttpRequest, response: HttpResponseBase, run: RunOfCall, start: float
    ) -> None:
        self._start = start
        self._members = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "owner": _owner(request),
            "method": request.method,
            "path": request.path,
            "status": response.status_code,
        }
        self._run = run

    def write(self, size: int) -> None:
        """Log the call, whose response had `size` bytes."""
        milliseconds = round((time.perf_counter() - self._start) * 1000, 1)
        logger.info(json.dumps({**self._members, "ms": milliseconds, "bytes": size, "run": self._run.key}))


class _CountedBody:
    """The pieces of a streamed body; the server closes it, also when the client has left."""

    def __init__(self, pieces: Iterator[bytes], line: _Line) -> None:
        self._pieces = pieces
        self._line: _Line | None = line
        self._size = 0

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            self._size += len(piece)
            yield piece

    def close(self) -> None:
        """Write the line, once."""
        line, self._line = self._line, None
        if line:
            line.write(self._size)


def _owner(request: HttpRequest) -> str | None:
    """The caller as the owner of runs; None if nobody has signed in, or the database does not answer."""
    user = getattr(request, "user", None)
    try:
        return owners.owner_of_user(user) if owners.is_open() or (user and user.is_authenticated) else None
    except Error:
        return None
