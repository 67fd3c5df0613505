"""Hand runs to the broker, within seconds even when it hangs, and ask how many wait there.

Publishing never touches the result backend: a backend on a hung server would hold up a submit. A publish
that fails is no error to the caller: the row is there, and the sweep delivers it.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Sequence

from celery import current_app
from django.db import connection
from django.db.models.functions import Now
from kombu.exceptions import KombuError

from vcfjobs import storage
from vcfjobs.database.retry import DATABASE_OUTAGE
from vcfjobs.models import Kind, Run, Shard, Status

logger = logging.getLogger(__name__)

ANNOTATE = "vcfjobs.annotate_run"
INGEST = "vcfjobs.ingest_run"
ANNOTATE_SHARD = "vcfjobs.annotate_shard"
TASK_OF_KIND = {Kind.ANNOTATE.value: ANNOTATE, Kind.INGEST.value: INGEST}

# After a failure nobody waits for the same broker again during this many seconds.
BREAK_SECONDS = 10.0
_broken_until = 0.0

_asking = threading.Lock()
_last_heard = False


def send(piece: Run | Shard) -> bool:
    """Send the message of a run or of a shard; False when the broker did not take it.

    It carries keys and the stored file's path, never bytes.
    """
    if isinstance(piece, Shard):
        path = storage.input_path(piece.run_id)
        return publish(ANNOTATE_SHARD, [str(piece.run_id), str(path), piece.number])
    return publish(TASK_OF_KIND[piece.kind], [str(piece.pk), str(storage.input_path(piece.pk))])


def enqueue(run: Run) -> None:
    """Hand a queued run to the broker; when that fails, for whatever reason, the sweep does it later."""
    queued = Run.objects.filter(pk=run.pk, status=Status.QUEUED)
    try:
        queued.update(sent=Now())
        if not send(run):
            queued.update(sent=None)
    except DATABASE_OUTAGE:
        logger.warning("run %s: the database does not answer, the sweep sends it", run.pk)
        connection.close()


def publish(task: str, args: Sequence[str | int]) -> bool:
    """Send one task message; False when the broker did not take it."""
    global _broken_until
    if time.monotonic() < _broken_until:
        return False
    try:
        _send(task, args)
    except _broker_errors() as error:
        _broken_until = time.monotonic() + BREAK_SECONDS
        logger.warning("The broker did not take %s: %s", task, type(error).__name__)
        return False
    return True


def close_breaker() -> None:
    """Forget an earlier failure: the caller wants the broker asked again now."""
    global _broken_until
    _broken_until = 0.0


def answers() -> bool:
    """Whether the broker takes messages at the moment.

    One thread asks at a time, and the others say what was heard last: anybody may ask for /readyz, and a
    broker that hangs holds whoever waits for it for seconds.
    """
    global _last_heard
    if _asking.acquire(blocking=False):
        try:
            _last_heard = waiting() is not None
        finally:
            _asking.release()
    return _last_heard


def waiting() -> int | None:
    """Messages in the broker's queue; None when the broker does not say."""
    try:
        with current_app.connection_for_read() as connection:
            connection.ensure_connection(max_retries=0, timeout=2)
            queue = current_app.conf.task_default_queue
            return int(connection.default_channel.queue_declare(queue, passive=True).message_count)
    except current_app.connection_for_read().channel_errors:
        return 0  # the queue was never declared, or is gone because it is empty
    except _broker_errors():
        return None


def _send(task: str, args: Sequence[str | int]) -> None:
    amqp = current_app.amqp
    message = amqp.create_task_message(str(uuid.uuid4()), task, list(args), {})
    with current_app.producer_pool.acquire(block=True, timeout=3) as producer:
        amqp.send_task_message(producer, task, message, retry=False)


def _broker_errors() -> tuple[type[Exception], ...]:
    """What a broker that does not do its part raises, by kombu and by its transport."""
    transport = current_app.connection_for_write()
    return (KombuError, OSError, *transport.connection_errors, *transport.channel_errors)
