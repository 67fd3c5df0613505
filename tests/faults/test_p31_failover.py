"""P31: the database fails over to a standby: no run is lost, and none is there twice."""

from __future__ import annotations

import time
from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit

import pytest

from tests.faults.conftest import Install, a_day_passes
from tests.faults.files import LARGE, RECORDS
from tests.faults.load import Clients
from tests.faults.replication import Forwarder, promote, standby_of
from tests.servers import PostgresServer


@pytest.fixture
def forwarder(own_postgres: PostgresServer) -> Iterator[Forwarder]:
    """An address that leads to the primary."""
    with Forwarder(own_postgres.port) as made:
        yield made


@pytest.fixture
def standby(own_postgres: PostgresServer) -> Iterator[PostgresServer]:
    """A synchronous standby of the primary."""
    with standby_of(own_postgres) as made:
        yield made


@pytest.mark.parametrize("order", ["fenced first", "promoted first"])
def test_a_promoted_standby_has_every_run_once(
    forwarder: Forwarder,
    standby: PostgresServer,
    on_own_servers: Install,
    own_postgres: PostgresServer,
    shard_bytes: str,
    order: str,
) -> None:
    address = urlsplit(own_postgres.url)._replace(netloc=f"postgres@127.0.0.1:{forwarder.port}")
    made = on_own_servers(
        DATABASE_URL=urlunsplit(address),
        ANYVAR_SHARD_BYTES=shard_bytes,
        ANYVAR_REGISTER="true",
        ANYVAR_LEASE_SECONDS="10",
    )
    made.start_web()
    made.start_worker()
    location = made.submit(LARGE)
    made.wait_until_written(location)
    with Clients(made) as clients:
        time.sleep(2)  # some runs before
        if order == "promoted first":  # meanwhile a commit waits for the standby that is gone
            promote(standby)
        own_postgres.stop()
        if order == "fenced first":
            promote(standby)
        time.sleep(2)
        forwarder.lead_to(standby.port)
        time.sleep(4)  # some runs afterwards
    run = made.wait_for(location)
    assert (run["status"], run["records_done"]) == ("succeeded", RECORDS)
    clients.require_answers()
    assert clients.statuses() == {202, 503}
    clients.require_runs()
    a_day_passes(made)  # a file whose row may have been committed stays until then
