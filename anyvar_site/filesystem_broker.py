"""The embedded broker: a folder on this machine, so that nobody has to install a server.

kombu brings a filesystem transport, but it writes messages in place (a worker may read half of one, and
exits on an empty one), mixes queues in one folder, and hands a message over by copying. Here a message is
written under a temporary name and renamed; whoever renames it away has it; what cannot be read is put
aside.

Delivery is at most once: a message whose worker is killed is gone. The database knows the run, and the
sweep sends it again. Remote control (`celery inspect`) is off: it needs a broadcast that a folder of
messages does not give.
"""

from __future__ import annotations

import itertools
import logging
import os
import time
import uuid
from collections.abc import Iterator
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
    _number = itertools.count()

    def _queue_folder(self, queue: str) -> Path:
        # Quoted, so that no queue's name is a path or a pattern.
        folder = self._root / f"q-{quote(queue, safe='')}"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder

    @property
    def _root(self) -> Path:
        return Path(self.connection.client.transport_options["folder"])

    def _put(self, queue: str, message: dict[str, Any], **_: Any) -> None:
        folder = self._queue_folder(queue)
        name = f"{time.time_ns():020d}-{next(self._number):06d}-{uuid.uuid4().hex}"
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
        for name in sorted(self._names(folder)):
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
        return sum(1 for _ in self._names(self._queue_folder(queue)))

    def _purge(self, queue: str) -> int:
        folder = self._queue_folder(queue)
        purged = 0
        for name in self._names(folder):
            with suppress(FileNotFoundError):
                (folder / name).unlink()
                purged += 1
        return purged

    def _delete(self, queue: str, *args: Any, **kwargs: Any) -> None:
        self._purge(queue)

    @staticmethod
    def _names(folder: Path) -> Iterator[str]:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.endswith(MESSAGE) and not entry.name.startswith("."):
                    yield entry.name


def _read(taken: Path) -> dict[str, Any] | None:
    """The message in a file that is ours now; None, with the file put aside, when it cannot be read."""
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
    # Asynchronous: the worker then runs its event loop, in which each child has a pipe of its own. With a
    # blocking loop the children share one, and a child that is killed while it waits takes the lock along.
    implements = virtual.Transport.implements.extend(asynchronous=True, exchange_type=frozenset(["direct"]))

    def register_with_event_loop(self, connection: Any, loop: Any) -> None:
        """Look for messages a few times a second: a folder gives no sign of its own."""
        loop.call_repeatedly(POLL_SECONDS, self._deliver_what_is_there, connection)

    def _deliver_what_is_there(self, connection: Any) -> None:
        try:
            while True:
                self.drain_events(connection, timeout=0)  # type: ignore[no-untyped-call]
        except TimeoutError:
            return  # nothing more, or the worker has as much as it wants
        except OSError as error:
            logger.warning("broker: the folder cannot be read: %s", type(error).__name__)

    def driver_version(self) -> str:
        """The version that `celery report` prints."""
        return "1"
