"""The embedded broker: a folder on this machine, so that nobody has to install a server.

kombu brings a filesystem transport, but it writes messages in place (a worker may read half of one, and exits
on an empty one), mixes queues in one folder, and delivers by copying. Here a message is written under a
temporary name and renamed. The worker that renames it away has it. Unreadable ones are put aside for a day.

Delivery is at most once: the message of a killed worker is lost. The database knows the run, and the sweep
sends it again. Remote control (`celery inspect`) is off: it needs a broadcast, which a folder cannot give.
"""

from __future__ import annotations

import logging
import os
import time
import uuid
from contextlib import suppress
from pathlib import Path
from queue import Empty
from typing import Any
from urllib.parse import quote

from kombu.transport import TRANSPORT_ALIASES, virtual
from kombu.utils.json import dumps, loads

logger = logging.getLogger(__name__)

SCHEME = "folder"
POLL_SECONDS = 0.1
# How long drafts, messages of killed workers and unreadable ones stay, and how often they are looked for.
LEFTOVER_SECONDS = 86_400
CLEANUP_SECONDS = 3600
MESSAGE = ".msg"

TRANSPORT_ALIASES[SCHEME] = f"{__name__}:Transport"


def broker_settings(folder: Path) -> dict[str, Any]:
    """Celery's settings for a broker in `folder`."""
    return {
        "broker_url": f"{SCHEME}://localhost//",
        "broker_transport_options": {"folder": str(folder), "polling_interval": POLL_SECONDS},
        "worker_enable_remote_control": False,
    }


class Channel(virtual.Channel):
    """Queues as folders, messages as files; the oldest name is the oldest message."""

    supports_fanout = False
    _next_cleanup = 0.0

    def _queue_folder(self, queue: str) -> Path:
        # Quoted: no queue's name is a path or a pattern.
        root = Path(self.connection.client.transport_options["folder"])
        folder = root / f"q-{quote(queue, safe='')}"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder

    def _put(self, queue: str, message: dict[str, Any], **_: Any) -> None:
        folder = self._queue_folder(queue)
        name = f"{time.time_ns():020d}-{uuid.uuid4().hex}"
        draft = folder / f".{name}"
        try:
            with draft.open("w") as file:
                file.write(dumps(message))  # type: ignore[no-untyped-call]
                file.flush()
                os.fsync(file.fileno())
            draft.rename(folder / f"{name}{MESSAGE}")
        except OSError:
            with suppress(OSError):
                draft.unlink(missing_ok=True)
            raise

    def _get(self, queue: str, timeout: float | None = None) -> dict[str, Any]:
        folder = self._queue_folder(queue)
        if time.monotonic() > self._next_cleanup:
            self._next_cleanup = time.monotonic() + CLEANUP_SECONDS
            _clean_up(folder)
        for name in sorted(_messages(folder)):
            taken = folder / f".taken-{name}"
            try:
                (folder / name).rename(taken)
            except FileNotFoundError:
                continue  # another worker was quicker
            message = _read(taken)
            if message is not None:
                return message
        raise Empty

    def _size(self, queue: str) -> int:
        return len(_messages(self._queue_folder(queue)))

    def _purge(self, queue: str) -> int:
        folder = self._queue_folder(queue)
        names = _messages(folder)
        for name in names:
            (folder / name).unlink(missing_ok=True)
        return len(names)


def _messages(folder: Path) -> list[str]:
    return [name for name in os.listdir(folder) if name.endswith(MESSAGE) and not name.startswith(".")]


def _clean_up(folder: Path) -> None:
    for leftover in folder.parent.glob("q-*/.*"):
        with suppress(FileNotFoundError):
            # ctime, not mtime: the rename that took the message set it.
            if leftover.stat().st_ctime < time.time() - LEFTOVER_SECONDS:
                leftover.unlink()


def _read(taken: Path) -> dict[str, Any] | None:
    """The message in a file that this process took; None, with the file put aside, when it cannot be read."""
    try:
        message: dict[str, Any] = loads(taken.read_text())  # type: ignore[no-untyped-call]
        message["properties"]
    except (ValueError, TypeError, KeyError, OSError) as error:
        logger.warning("broker: put an unreadable message aside: %s", type(error).__name__)
        with suppress(OSError):
            taken.rename(taken.with_name(taken.name.replace(".taken-", ".unreadable-")))
        return None
    taken.unlink(missing_ok=True)
    return message


class Transport(virtual.Transport):
    """kombu's virtual transport over `Channel`."""

    Channel = Channel
    driver_type = SCHEME
    driver_name = SCHEME
    # Asynchronous: in the worker's event loop each child has its own pipe. In the blocking loop the children
    # share one, and a child killed while it waits keeps the lock.
    implements = virtual.Transport.implements.extend(asynchronous=True, exchange_type=frozenset(["direct"]))

    def register_with_event_loop(self, connection: Any, loop: Any) -> None:
        """Poll: a folder sends no event."""
        loop.call_repeatedly(POLL_SECONDS, self._deliver_all, connection)

    def _deliver_all(self, connection: Any) -> None:
        try:
            while True:
                self.drain_events(connection, timeout=0)  # type: ignore[no-untyped-call]
        except TimeoutError:
            return  # the queue is empty, or the worker has prefetched enough
        except OSError as error:
            logger.warning("broker: the folder cannot be read: %s", type(error).__name__)
