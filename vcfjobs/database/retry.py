"""Wait while the database does not answer: ask again over a new connection, for as long as a lease lasts."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from django.conf import settings
from django.db import InterfaceError, InternalError, OperationalError, connection

logger = logging.getLogger(__name__)

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")

PAUSE_SECONDS = 0.5
# What a database raises that does not answer, or that has become a standby, which accepts no writes.
DATABASE_OUTAGE = (OperationalError, InterfaceError, InternalError)


def retry_on_outage(ask: Callable[Arguments, Answer]) -> Callable[Arguments, Answer]:
    """Decorate a question to the database: it raises an outage only when that outlasts a lease.

    A question that the database refuses (DataError, IntegrityError) is not asked again, nor is one inside
    a transaction, whose earlier statements are lost with the connection.
    """

    @wraps(ask)
    def patient(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Answer:
        give_up = time.monotonic() + settings.ANYVAR_LEASE_SECONDS
        while True:
            try:
                return ask(*args, **kwargs)
            except DATABASE_OUTAGE as error:
                if connection.in_atomic_block or time.monotonic() > give_up:
                    raise
                logger.warning("the database does not answer, asking again: %s", one_line(error))
                connection.close()
                time.sleep(PAUSE_SECONDS)

    return patient


def one_line(error: Exception) -> str:
    """What the database or its driver says, in one line of a log: which server, and why."""
    return " ".join(str(error).split()) or type(error).__name__
