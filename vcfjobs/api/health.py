"""Is the process alive, and is everything there that it needs?"""

from __future__ import annotations

import os
from collections.abc import Callable

from django.db import DatabaseError, InterfaceError, connection
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from vcfjobs import storage
from vcfjobs.api.openapi import operations
from vcfjobs.worker import dispatch


class OpenView(APIView):
    """Answers without authentication."""

    authentication_classes = ()
    permission_classes = (AllowAny,)


class HealthzView(OpenView):
    """GET /healthz."""

    @operations.HEALTHZ
    def get(self, request: Request) -> Response:
        """The process is alive."""
        return Response({"status": "ok"})


class ReadyzView(OpenView):
    """GET /readyz."""

    @operations.READYZ
    def get(self, request: Request) -> Response:
        """Database, broker and work directory, each by name; 503 when one of them is not there."""
        checks: dict[str, Callable[[], bool]] = {
            "database": _database,
            "broker": dispatch.answers,
            "work_directory": _work_directory,
        }
        parts = {name: "ok" if check() else "unavailable" for name, check in checks.items()}
        ready = all(state == "ok" for state in parts.values())
        return Response(
            {"status": "ok" if ready else "unavailable", "parts": parts}, status=200 if ready else 503
        )


def _database() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except (DatabaseError, InterfaceError):
        connection.close()
        return False
    return True


def _work_directory() -> bool:
    return all(os.access(path, os.W_OK | os.X_OK) for path in (storage.spool(), storage.runs()))
