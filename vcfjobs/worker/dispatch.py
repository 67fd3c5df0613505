"""Send messages to the broker, within seconds even if it hangs, and ask how many wait there.

Publishing never uses the result backend, which may be on a server that hangs. A failed publish is not an
error: the sweep sends the message later.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Sequence
from contextlib import suppress

from celery import current_app
from django.db import connection
from kombu.exceptions import KombuError

from vcfjobs import storage
from vcfjobs.database.retry import DATABASE_OUTAGE
from vcfjobs.models import Run, Shard

logger = logging.getLogger(__name__)

# A name that workers of the release before understand, which run beside these during an upgrade. Workers of
# this release understand vcfjobs.work_on_next too, so the next release can send that.
WORK_ON_NEXT = "vcfjobs.annotate_run"

# Seconds after a failure during which no caller waits for the broker.
BREAK_SECONDS = 10.0
_broken_until = 0.0

# Seconds that a caller waits for the broker's answer.
BROKER_SECONDS = 2.0
_asking = threading.Lock()
_last_answer: int | None = None


def enqueue(item: Run | Shard) -> bool:
    """Send a queued item's message once; False if broker or database did not answer: the sweep sends it."""
    try:
        if not item.mark_sent() or send(item):
            return True
        item.mark_unsent()
    except DATABASE_OUTAGE:
        logger.warning("%s: the database does not answer, the sweep sends it", item.log_name)
        connection.close()
    return False


def send(item: Run | Shard) -> bool:
    """Send a message: the run, and its file's path, which shows whether a worker sees the same folder."""
    return publish(WORK_ON_NEXT, [str(item.run_pk), str(storage.input_path(item.run_pk))])


def publish(task: str, args: Sequence[str]) -> bool:
    global _broken_until
    if time.monotonic() < _broken_until:
        return False
    amqp = current_app.amqp
    seconds = current_app.conf.broker_pool_acquire_timeout
    message = amqp.create_task_message(str(uuid.uuid4()), task, list(args), {})
    try:
        with current_app.producer_pool.acquire(block=True, timeout=seconds) as producer:
            amqp.send_task_message(producer, task, message, retry=False)
    except _broker_errors() as error:
        _broken_until = time.monotonic() + BREAK_SECONDS
        logger.warning("The broker did not take %s: %s", task, type(error).__name__)
        return False
    return True


def answers() -> bool:
    return messages_waiting() is not None


def messages_waiting() -> int | None:
    """Messages in the broker's queue; None if it did not answer within BROKER_SECONDS.

    One thread asks at a time; other callers get the last answer at once. A broker that hangs blocks its
    caller, and anybody may call /readyz.
    """
    global _last_answer
    if _asking.acquire(blocking=False):
        asker = threading.Thread(target=_ask, name="broker-messages", daemon=True)
        asker.start()
        asker.join(BROKER_SECONDS)
        if asker.is_alive():
            _last_answer = None
    return _last_answer


def _ask() -> None:
    global _last_answer
    answer = None
    with suppress(Exception):
        answer = waiting()
    _last_answer = answer
    _asking.release()


def waiting() -> int | None:
    """Messages in the broker's queue; None if the broker does not answer."""
    try:
        with current_app.connection_for_read() as broker:
            broker.ensure_connection(max_retries=0, timeout=2)
            queue = current_app.conf.task_default_queue
            return int(broker.default_channel.queue_declare(queue, passive=True).message_count)
    except current_app.connection_for_read().channel_errors:
        return 0  # the queue was never declared, or was deleted because it is empty
    except _broker_errors():
        return None


def _broker_errors() -> tuple[type[Exception], ...]:
    """What kombu and its transport raise when the broker fails."""
    transport = current_app.connection_for_write()
    return (KombuError, OSError, *transport.connection_errors, *transport.channel_errors)
