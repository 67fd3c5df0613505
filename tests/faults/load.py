"""Clients that submit small files without pause, and what each of their requests must be answered with."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import NamedTuple, Self

import requests

from tests.e2e.processes import Service
from tests.faults.files import LARGE, RECORDS, SMALL

# The longest that a submit may take: a web process waits ten seconds for a lock of PostgreSQL, 20 for SQLite.
ANSWER_SECONDS = 25.0


class Answer(NamedTuple):
    """How a submit was answered, and after how many seconds."""

    status: int
    seconds: float
    headers: dict[str, str]


class Clients:
    """A context in which a few clients submit runs of different run_ids one after the other."""

    def __init__(self, made: Service, count: int = 3, pause: float = 0.3) -> None:
        self._made, self._pause = made, pause
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._submit, args=(number,)) for number in range(count)]
        self.answers: list[Answer] = []
        self.unanswered = 0
        self.accepted: dict[str, str] = {}

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def statuses(self) -> set[int]:
        """The statuses seen so far."""
        return {answer.status for answer in self.answers}

    def require_answers(self, seconds: float = ANSWER_SECONDS, unanswered: int = 0) -> None:
        """Each submit was accepted or asked to come again within `seconds`; `unanswered` may be cut off."""
        assert self.unanswered <= unanswered
        assert self.statuses() <= {202, 503}, self.statuses()
        for answer in self.answers:
            assert answer.seconds < seconds
            assert int(answer.headers["Retry-After"]) > 0

    def require_runs(self, seconds: float = 120) -> None:
        """Every run that was accepted is there once, and succeeds."""
        give_up = time.monotonic() + seconds
        for location in self.accepted.values():
            run = self._made.wait_for(location, give_up - time.monotonic())
            assert (run["status"], run["error"]) == ("succeeded", ""), f"{location}: {run['error']}"
        names = [run["run_id"] for run in self._made.runs()]
        assert len(names) == len(set(names))
        assert set(self.accepted) <= set(names)

    def _submit(self, client: int) -> None:
        number = 0
        while not self._over.wait(self._pause):
            number += 1
            run_id = f"client-{client}-{number}"
            address = f"{self._made.url}/vcf?run_async=true&run_id={run_id}"
            began = time.monotonic()
            try:
                answer = requests.put(address, data=SMALL, timeout=120)
            except requests.ConnectionError:
                self.unanswered += 1
                continue
            seconds = time.monotonic() - began
            self.answers.append(Answer(answer.status_code, seconds, dict(answer.headers)))
            if answer.status_code == 202:
                self.accepted[run_id] = answer.headers["Location"]


def require_unharmed(
    made: Service, fault: Callable[[], object], answer_seconds: float = ANSWER_SECONDS
) -> Clients:
    """A large run is under way and clients submit while the fault lasts; all of it ends well."""
    made.start_web()
    made.start_worker()
    location = made.submit(LARGE)
    made.wait_until_written(location)
    with Clients(made) as clients:
        fault()
        time.sleep(1)
    run = made.wait_for(location, 120)
    assert (run["status"], run["records_done"]) == ("succeeded", RECORDS)
    clients.require_answers(answer_seconds)
    clients.require_runs()
    return clients
