"""Deliver notifications: a thread in the main process of every Celery worker, beside the sweep.

Each is delivered at least once. A worker that dies between a delivery and its record leaves a notification
whose lease expires, so another worker delivers it again, under the same id.
"""

from __future__ import annotations

import logging
from contextlib import closing
from http.client import HTTPException
from threading import Event

from django.conf import settings
from django.db import connection

from vcfjobs.errors import NotDeliveredError
from vcfjobs.log_context import log_run
from vcfjobs.models import EMAIL, Notification
from vcfjobs.notifications import emails, origins, webhooks
from vcfjobs.worker.fork_guard import forks_blocked

logger = logging.getLogger(__name__)

PAUSE_SECONDS = 2.0


def is_enabled() -> bool:
    """Whether the operator has configured any way to notify."""
    return origins.are_enabled() or settings.EMAIL_ENABLED


def rounds(stop: Event) -> None:
    """Deliver what is due, every few seconds, until told to stop."""
    with closing(connection):
        while not stop.wait(PAUSE_SECONDS):
            try:
                deliver_due(stop)
            except Exception:
                logger.exception("notifications: a round failed, the next one tries again")
                connection.close()


def deliver_due(stop: Event) -> None:
    """Make an attempt at each notification that is due.

    No database is open during an attempt. A receiver that does not answer is asked once in a round, whatever
    waits for it.
    """
    silent: set[str] = set()
    while not stop.is_set():
        with forks_blocked():
            notification = Notification.objects.claim_next(without=silent)
        if notification is None:
            return
        with log_run(notification.run_id):
            if not _attempt(notification):
                silent.add(notification.receiver)


def _attempt(notification: Notification) -> bool:
    """Send a notification and record how that ended; False if the receiver did not answer."""
    answered, failure = True, ""
    try:
        _send(notification)
    except NotDeliveredError as error:
        failure = str(error)
    except (OSError, HTTPException, ValueError) as error:
        answered, failure = False, f"The receiver cannot be reached ({type(error).__name__})."
    with forks_blocked():
        if failure:
            logger.warning("notification: attempt %d failed: %s", notification.attempts, failure)
            notification.note_failure(failure)
        else:
            notification.note_delivery()
    return answered


def _send(notification: Notification) -> None:
    message_id, payload = str(notification.pk), notification.payload
    if notification.address == EMAIL:
        with forks_blocked():
            address = emails.address_of(notification.run.owner)
        emails.send(address, message_id, payload)
    else:
        webhooks.send(notification.address, message_id, payload)
