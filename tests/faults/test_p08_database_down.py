"""P8: the database goes away for seconds: runs still end, and a poll is told to come again."""

from __future__ import annotations

import threading
import time

import pytest
import requests

from tests.faults.conftest import Install
from tests.faults.files import LARGE, RECORDS
from tests.servers import PostgresServer

AWAY_SECONDS = 3.0


@pytest.mark.parametrize("register", ["true", "false"])
def test_runs_end_and_polls_answer_503_while_the_database_is_away(
    on_own_servers: Install, own_postgres: PostgresServer, shard_bytes: str, register: str
) -> None:
    made = on_own_servers(ANYVAR_SHARD_BYTES=shard_bytes, ANYVAR_REGISTER=register, ANYVAR_LEASE_SECONDS="10")
    made.start_web()
    made.start_worker()
    location = made.submit(LARGE)
    made.wait_until_written(location)
    answers: list[requests.Response] = []
    over = threading.Event()

    def poll() -> None:
        while not over.is_set():
            answers.append(requests.get(f"{made.url}{location}", timeout=30))
            time.sleep(0.05)

    poller = threading.Thread(target=poll)
    poller.start()
    own_postgres.stop()
    time.sleep(AWAY_SECONDS)  # the fault itself: so long is it away
    own_postgres.start()
    run = made.wait_for(location)
    over.set()
    poller.join()
    assert (run["status"], run["records_done"]) == ("succeeded", RECORDS)
    seen = {answer.status_code for answer in answers}
    assert 503 in seen
    assert seen <= {200, 202, 503}
    assert all(int(answer.headers["Retry-After"]) > 0 for answer in answers if answer.status_code == 503)


def test_a_run_whose_commit_meets_no_database_is_committed_when_it_is_back(
    on_own_servers: Install, own_postgres: PostgresServer, shard_bytes: str
) -> None:
    made = on_own_servers(ANYVAR_SHARD_BYTES=shard_bytes, ANYVAR_LEASE_SECONDS="10")
    made.start_web()
    made.start_worker()
    location = made.submit(LARGE)
    made.wait_until_written(location)
    for _ in range(3):  # wherever it stands: one of them meets the commit of a shard, or of the run
        own_postgres.stop()
        own_postgres.start()
        time.sleep(0.7)
    run = made.wait_for(location)
    assert (run["status"], run["records_done"]) == ("succeeded", RECORDS)
