"""P35: who wants to be told of the end of a run is told, at least once, whatever the receiver does."""

from __future__ import annotations

import os
import signal
from typing import Any

from tests.e2e.processes import Service
from tests.faults.conftest import Install
from tests.faults.files import SMALL
from tests.notifications.receiver import SECRET, receiving
from tests.servers import wait_until

NOTIFICATION_LEASE = 30


def told(made: Service, location: str) -> dict[str, Any]:
    (found,) = made.look(location)["notifications"]
    return dict(found)


def test_what_a_killed_worker_delivered_without_a_record_comes_again_under_its_id(
    install: Install,
) -> None:
    with receiving() as receiver:
        made = install(ANYVAR_CALLBACK_PRIVATE_HOSTS=receiver.origin, ANYVAR_CALLBACK_SECRET=SECRET)
        made.start_web()
        worker = made.start_worker()
        receiver.before_answer = lambda: os.killpg(worker.pid, signal.SIGKILL)
        location = made.submit(SMALL, callback_url=receiver.url)
        wait_until(lambda: len(receiver.messages) == 1, "it is delivered")
        worker.wait()
        receiver.before_answer = lambda: None
        assert told(made, location)["state"] == "waiting"
        made.start_worker()
        wait_until(lambda: len(receiver.messages) == 2, "again", NOTIFICATION_LEASE + 60)
        first, second = receiver.messages
        assert (first.id, first.body) == (second.id, second.body)
        assert second.is_signed_by()
        wait_until(lambda: told(made, location)["state"] == "delivered", "it is recorded")
        assert told(made, location)["attempts"] == 2
