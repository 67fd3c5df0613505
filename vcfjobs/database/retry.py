"""Outlast a database that is away for a moment: ask again over a fresh connection, as long as a lease."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from django.conf import settings
from django.db import InterfaceError, InternalError, OperationalError, connection

logger = logging.getLogger(__name__)

Answer = TypeVar("Answer")

PAUSE_SECONDS = 0.5
# What a database raises that does not answer, or that has become a standby, which takes no writes.
DATABASE_OUTAGE = (OperationalError, InterfaceError, InternalError)


def retry_on_outage(ask: Callable[[], Answer]) -> Answer:
    """The database's answer. Raises what it raises when it is still away after a lease.

    A question that the database refuses (DataError, IntegrityError) is not asked again, nor is one inside
    a transaction, whose earlier statements are lost with the connection.
    """
    give_up = time.monotonic() + settings.ANYVAR_LEASE_SECONDS
    while True:
        try:
            return ask()
        except DATABASE_OUTAGE:
            if connection.in_atomic_block or time.monotonic() > give_up:
                raise
            logger.warning("the database does not answer, asking again")
            connection.close()
            time.sleep(PAUSE_SECONDS)
